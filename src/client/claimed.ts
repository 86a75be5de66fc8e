/**
 * How the answer to a claim becomes jobs in a program's hands: each with the tasks of its plan.
 * Invariant: jobs of one version of a plan share one list of tasks, and a job of no plan has none.
 */
import type { Plan, PlanTask } from "./plans.ts";
import type { ClaimedJob } from "./types.ts";

/** What the wire says of claimed jobs: the plans stand beside them, each once. */
interface ClaimedOnWire<Payload> {
  readonly jobs?: readonly ClaimedJob<Payload>[];
  readonly plans?: readonly {
    readonly plan: string;
    readonly version: number;
    readonly body: Plan;
  }[];
}

/** An answer with the tasks of their plans in its jobs. */
export function withTasks<Payload, Reply extends object>(
  reply: Reply & ClaimedOnWire<Payload>,
): Reply {
  const { plans, jobs = [], ...rest } = reply;
  if (plans === undefined) return reply;
  const tasksOf = new Map<string, readonly PlanTask[]>();
  for (const { plan, version, body } of plans) tasksOf.set(`${plan} ${version}`, body.tasks);
  const joined = jobs.map((job) => {
    const tasks = tasksOf.get(`${job.plan} ${job.planVersion}`);
    return tasks === undefined ? job : { ...job, tasks };
  });
  return { ...rest, jobs: joined } as unknown as Reply;
}
