/**
 * In what order a graph of jobs should be taken, and what is shown of those that a job waits for.
 * Invariant: a job is taken behind those of its request that it waits for; a circle is refused as a whole.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { type Answer, refused } from "./answers.ts";
import { isOwnParent } from "./kin.ts";
import { type Cursor, type Page, pageOf } from "./pages.ts";
import { record } from "./show.ts";
import type { State } from "./state.ts";

type Spec = CommandInputs["job.enqueue"]["jobs"][number];

/** The jobs of a request, each behind those of it that it waits for; or that some wait in a circle. */
export function inFlowOrder(jobs: readonly Spec[]): readonly Spec[] | Answer {
  if (jobs.every(({ after }) => after === undefined)) return jobs;
  const first = (id: string) => jobs.find((job) => job.id === id);
  const order: Spec[] = [];
  // Behind those it waits for, which come no earlier than for the first that does.
  const take = (job: Spec, before: readonly Spec[]): void => {
    if (order.includes(job) || before.includes(job)) return;
    const parents = (job.after ?? [])
      .map(({ id }) => first(id))
      .filter((each) => each !== undefined);
    for (const parent of parents) take(parent, [...before, job]);
    if (parents.every((each) => order.includes(each))) order.push(job);
  };
  for (const job of jobs) take(job, []);
  const stuck = jobs.find((job) => !order.includes(job));
  if (stuck === undefined) return order;
  // From one that waits for it the way leads into a circle: where it comes to a job again, that one is in it.
  const way: Spec[] = [];
  let next = stuck;
  while (!way.includes(next)) {
    way.push(next);
    const parents: Spec[] = (next.after ?? []).flatMap(({ id }) => first(id) ?? []);
    next = parents.find((parent) => !order.includes(parent)) ?? next;
  }
  const errors = [{ pointer: `/jobs/${jobs.indexOf(next)}/after`, code: "flow_cycle" }];
  return refused("flow_cycle", { errors });
}

export function listParents(
  state: State,
  now: number,
  input: CommandInputs["job.parents"],
  meaning: Cursor | undefined,
): Page {
  const { id } = input;
  const child = state.jobs.get(id);
  const config = state.queue?.config;
  if (child === undefined || config === undefined)
    return { answer: refused("job_unknown", { id }) };
  const named = (child.after ?? []).map((parent) => parent.id);
  return pageOf(state, now, "jobs", {
    ...{ input, meaning, list: `parents ${id}`, ids: named, isInOrder: true },
    show: (parent) => {
      const job = state.jobs.get(parent);
      if (!isOwnParent(job, child)) return undefined;
      const { payload: _, ...shown } = record(job, config) as Record<string, unknown>;
      return shown;
    },
  });
}
