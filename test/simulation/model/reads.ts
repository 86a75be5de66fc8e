/**
 * What reads should answer: one job, a page of jobs, an operation, the queue.
 * Invariant: only an absent cursor means the end; a cursor holds for one list of one queue.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { small } from "../small.ts";
import { type Answer, refused } from "./answers.ts";
import { type Cursor, isGood, type Page } from "./pages.ts";
import {
  hasLabel,
  inOrder,
  isBefore,
  listed,
  operationRecord,
  placeIn,
  queueRecord,
  record,
} from "./show.ts";
import type { Job, Place, State } from "./state.ts";

export function getJob(state: State, now: number, id: string): Answer {
  const job = state.jobs.get(id);
  if (job === undefined || state.queue === undefined) return refused("job_unknown", { id });
  return { reply: { now, job: record(job, state.queue.config) } };
}

export function getOperation(state: State, now: number, id: string): Answer {
  const found = state.operations.find((each) => each.id === id);
  if (found === undefined) return refused("operation_unknown", { id });
  return { reply: { now, operation: operationRecord(found) } };
}

export const getQueue = (state: State, now: number): Answer => ({
  reply: { now, queue: queueRecord(state) },
});

/** Also names whose time is over are there until a sweep. */
export function countNames({ names: { all } }: State): Answer {
  const timed = [...all.values()].filter(({ until }) => until !== undefined);
  return { reply: { names: all.size, expiring: timed.length } };
}

/** `meaning` is what the input's cursor stands for; undefined when no list gave it. */
export function listJobs(
  state: State,
  now: number,
  input: CommandInputs["job.list"],
  meaning: Cursor | undefined,
): Page {
  const { queue } = state;
  if (queue === undefined) throw new Error("the model has no queue");
  // The jobs of an action are listed in the order of its inputs, in whatever state.
  const order = input.action === undefined ? input.state : undefined;
  const list = `jobs ${order ?? ""} ${input.action ?? ""}`;
  if (!isGood(state, { input, meaning, list })) return { answer: refused("cursor_invalid") };
  const limit = input.limit ?? 100;
  const jobs: object[] = [];
  let after = input.cursor === undefined ? undefined : meaning?.after;
  let examined = 0;
  for (const job of placesOf(state, input, order, after)) {
    const isFull = jobs.length >= limit || examined >= small.pageScanMax;
    if (after !== undefined && isFull) {
      const { queueId, term } = queue;
      return { answer: { reply: { now, jobs } }, cursor: { queueId, term, list, after } };
    }
    examined += 1;
    after = placeIn(order, job);
    const isOfState = input.state === undefined || job.state === input.state;
    if (isOfState && isOfFilter(job, input))
      jobs.push(listed(job, queue.config, input.include !== undefined));
  }
  return { answer: { reply: { now, jobs } } };
}

/** The jobs that a list looks at: those of an action have ids from its first to its last. */
function placesOf(
  state: State,
  { action, key }: CommandInputs["job.list"],
  order: string | undefined,
  after: Place | undefined,
): Job[] {
  if (order === "ready" && key !== undefined) {
    // Those of one key stand by their places, whatever their lanes.
    const placed = inOrder(state, order).filter((job) => job.key === key);
    const placeOf = (job: Job) => placeIn(order, job).slice(1);
    const isBehind = (job: Job) => after === undefined || isBefore(after.slice(1), placeOf(job));
    return placed.filter(isBehind).sort((a, b) => (isBefore(placeOf(a), placeOf(b)) ? -1 : 1));
  }
  const all = inOrder(state, order, after);
  if (action === undefined) return all;
  const { firstJob, lastJob = "" } = state.actions.get(action) ?? {};
  const from = after === undefined ? (firstJob ?? "") : "";
  return all.filter(({ id }) => id >= from && id <= lastJob);
}

type Filter = Pick<
  CommandInputs["job.list"],
  "plan" | "action" | "label" | "key" | "error" | "endedAfter" | "endedBefore"
>;

/** Whether a job is what a list or an operation looks for, whatever its state. */
export function isOfFilter(job: Job, filter: Filter): boolean {
  const { plan, action, label, key, error, endedAfter, endedBefore } = filter;
  if (plan !== undefined && job.plan !== plan) return false;
  if (action !== undefined && job.action !== action) return false;
  if (key !== undefined && job.key !== key) return false;
  const said = [job.error, job.reason].filter((text) => text !== undefined);
  if (error !== undefined && !said.some((text) => text.includes(error))) return false;
  const isTimed = endedAfter !== undefined || endedBefore !== undefined;
  const { endedAt } = job;
  const isInTime =
    (endedAt ?? 0) >= (endedAfter ?? 0) && (endedAt ?? Infinity) < (endedBefore ?? Infinity);
  if (isTimed && !isInTime) return false;
  return label === undefined || hasLabel(job, label);
}
