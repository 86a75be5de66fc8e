/**
 * The model of a queue: every command as docs/semantics.md means it, decided on plain records.
 * Invariant: it predicts; of what really happened it takes only what nobody can know (jitter within its bounds).
 */

import type { CommandInputs, CommandName } from "../../../src/contract/commands.ts";
import type { CommandRequest } from "../../../src/contract/rpc.ts";
import { cancelAction, retryAction, submitAction } from "./actions.ts";
import { type Answer, refused } from "./answers.ts";
import { pauseDelivery, putDelivery, removeDelivery, resumeDelivery } from "./deliveries.ts";
import { cancel, enqueue, remove, retry, update } from "./jobs.ts";
import { putKey, removeKey } from "./keys.ts";
import { claim, emptyQueue, type Hint, plansOf, settle, tokenOf } from "./leases.ts";
import { advance, discard, purge, redrive, underway } from "./operations.ts";
import { removePlan, submitPlan } from "./plans.ts";
import { configure, create, pause, register, resume } from "./queue.ts";
import { runRedis } from "./redis.ts";
import {
  pauseSchedule,
  putSchedule,
  removeSchedule,
  resumeSchedule,
  runSchedule,
  showAgain,
} from "./schedules.ts";
import { claimed } from "./show.ts";
import { copyOf, type Kept } from "./state.ts";
import type { Turn } from "./turn.ts";
import { drain, heartbeat, registerWorker, removeWorker } from "./workers.ts";

/** The name of the one simulated queue. */
export const QUEUE = "mail";

type Decide<N extends CommandName> = (turn: Turn, input: CommandInputs[N], hint: Hint) => Answer;

const decide: { readonly [N in CommandName]?: Decide<N> } = {
  "action.cancel": cancelAction,
  "action.retry": retryAction,
  "action.submit": (turn, input) => submitAction(turn, input),
  "delivery.pause": pauseDelivery,
  "delivery.put": putDelivery,
  "delivery.remove": removeDelivery,
  "delivery.resume": resumeDelivery,
  "job.cancel": cancel,
  "job.enqueue": enqueue,
  "job.discard": discard,
  "job.redrive": redrive,
  "job.remove": remove,
  "job.retry": retry,
  "job.update": update,
  "key.put": putKey,
  "key.remove": removeKey,
  "lease.claim": (turn, input) => ({ reply: { now: turn.at, ...claim(turn, input) } }),
  "lease.settle": settle,
  "plan.remove": removePlan,
  "plan.submit": submitPlan,
  "queue.configure": configure,
  "queue.pause": pause,
  "queue.purge": purge,
  "queue.resume": resume,
  "redis.run": runRedis,
  "schedule.pause": pauseSchedule,
  "schedule.put": putSchedule,
  "schedule.remove": removeSchedule,
  "schedule.resume": resumeSchedule,
  "schedule.run": runSchedule,
  "worker.drain": drain,
  "worker.heartbeat": heartbeat,
  "worker.register": registerWorker,
  "worker.remove": removeWorker,
};

/** Commands that need nothing that is in a queue already. */
const beginners: readonly string[] = [
  ...["delivery.put", "job.enqueue", "key.put", "plan.submit", "redis.run", "schedule.put"],
  "worker.register",
];

/** Decides one command of a group. */
export function run(turn: Turn, request: CommandRequest, hint: Hint): Answer {
  const { name, key } = request;
  turn.renew();
  const kept = key === undefined ? undefined : turn.history.find(key.key, turn.purged);
  if (key !== undefined && kept !== undefined) {
    return kept.body === key.bodyHash ? again(turn, kept) : refused("idempotency_key_reused");
  }
  if (turn.state.queue !== undefined) return runKeyed(turn, request, hint);
  if (name === "lease.claim") return { reply: { now: turn.at, ...emptyQueue } };
  if (name !== "queue.configure" && !(beginners.includes(name) && turn.autoCreate)) {
    return refused("queue_unknown", { queue: QUEUE });
  }
  const before = { state: copyOf(turn.state), events: turn.events.length };
  create(turn, QUEUE);
  const creation = turn.events.length;
  const answer = runKeyed(turn, request, hint);
  if (beginners.includes(name) && turn.events.length === creation) {
    turn.state = before.state;
    turn.events.length = before.events;
  }
  return answer;
}

/** Decides a command, and keeps its answer under its key if it did anything. */
function runKeyed(turn: Turn, request: CommandRequest, hint: Hint): Answer {
  const { name, key } = request;
  const events = turn.events.length;
  const one = decide[name] as Decide<typeof name> | undefined;
  if (one === undefined) throw new Error(`the model does not decide ${name}`);
  const answer = one(turn, request.input as never, hint);
  if (key === undefined || turn.events.length === events || "refusal" in answer) return answer;
  if (isWorthKeeping(name, answer.reply)) {
    const { reply } = answer;
    turn.history.keep(key.key, { index: turn.state.index + 1, body: key.bodyHash, name, reply });
  }
  return answer;
}

interface Told {
  readonly jobs?: readonly { readonly id: string; readonly token: string }[];
  readonly items?: readonly { readonly ok: boolean }[];
  readonly job?: { readonly id: string };
  readonly now?: number;
  readonly refused?: number;
}

/** Refusals and empty answers may be tried again. */
function isWorthKeeping(name: string, reply: Told): boolean {
  const hasJobs = (reply.jobs?.length ?? 0) > 0;
  if (name === "lease.claim") return hasJobs;
  if (name === "lease.settle") return hasJobs || reply.refused !== reply.items?.length;
  return true;
}

/** The answer to a request that was done before. */
function again(turn: Turn, { name, reply: first }: Kept): Answer {
  const reply: Told = first;
  if (name === "lease.claim") {
    const held = stillHeld(turn, reply);
    return held.jobs.length > 0 ? { reply: { now: turn.at, ...held } } : refused("answer_gone");
  }
  if (name === "lease.settle") {
    const { now, items, refused: refusals } = reply;
    const held = reply.jobs === undefined ? {} : stillHeld(turn, reply);
    return { reply: { now, items, refused: refusals, ...held } };
  }
  if (name === "job.cancel" || name === "job.retry" || name === "job.update") {
    const job = turn.state.jobs.get(reply.job?.id ?? "");
    return job === undefined ? refused("answer_gone") : turn.show(job);
  }
  const isOfSchedule = name.startsWith("schedule.") && name !== "schedule.remove";
  return isOfSchedule ? showAgain(turn, { ...first }) : { reply: first };
}

/** Of the jobs of an earlier claim those that are still held under its token, and their plans. */
function stillHeld({ at, queue, state }: Turn, { jobs = [] }: Told): { readonly jobs: object[] } {
  const held = jobs.flatMap(({ id, token }) => {
    const job = state.jobs.get(id);
    const isOf = job?.state === "running" && tokenOf(queue, job.grant ?? 0) === token;
    return isOf && (job.leaseUntil ?? 0) > at ? [{ job, token }] : [];
  });
  return {
    jobs: held.map(({ job, token }) => claimed(job, queue.config, token)),
    ...plansOf(
      state,
      held.map(({ job }) => job),
    ),
  };
}

/** Does a step of the oldest operation. Returns whether there was one. */
export function advanceOperation(turn: Turn): boolean {
  const seq = turn.state.queue === undefined ? undefined : underway(turn);
  if (seq === undefined) return false;
  turn.renew();
  advance(turn, seq);
  return true;
}

export { register };
