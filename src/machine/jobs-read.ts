/**
 * How jobs are shown: one record, and pages in the order of their state.
 * Invariant: a page looks at rows of a bounded number and size; only an absent cursor means the end.
 */
import { type JobState, utf8Bytes } from "../contract/fields.ts";
import { JOB_ID } from "../contract/ids.ts";
import {
  encodeJob,
  type JobRecord,
  type JobReply,
  type ListInput,
  type ListReply,
} from "../contract/jobs.ts";
import { limits } from "../contract/limits.ts";
import type { QueueConfig } from "../contract/queue.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import { pendingOf } from "../store/flows.ts";
import { payloadOf, resultOf } from "../store/job-texts.ts";
import type { JobRow } from "../store/jobs.ts";
import { Examined } from "./cursors.ts";
import { queueOf, type Read, type View } from "./decide.ts";
import { type IndexKey, type Place, placesOf, placesOfKey } from "./places.ts";

/** How often a job may be tried in one run. */
export const maxAttemptsOf = (job: JobRow, config: QueueConfig): number =>
  job.maxAttempts ?? (job.plan === undefined ? config.maxAttempts : config.planMaxAttempts);

/** Which attempt of its run a job is in, or comes to next; after the last one there is no next one to count. */
export const attemptOf = (job: JobRow, config: QueueConfig): number =>
  Math.min(job.failures + 1, maxAttemptsOf(job, config));

/** A job as the API shows it, with those of its texts that are to be seen. */
export function toRecord(
  view: View,
  id: string,
  job: JobRow,
  { payload, result }: Pick<JobRow, "payload" | "result"> = {},
): JobRecord {
  const { config } = queueOf(view);
  const record: Record<string, unknown> = {
    id,
    state: job.state,
    reason: job.reason,
    kind: job.kind ?? "payload",
    plan: job.plan,
    planVersion: job.planVersion,
    action: job.action,
    inputIndex: job.inputIndex,
    schedule: job.schedule,
    slotAt: job.slotAt,
    labels: job.labels,
    requires: job.requires,
    key: job.key,
    unique: job.unique,
    after: job.after,
    pending: pendingOf(job, () => view.tables.waits.get([id])),
    priority: job.priority,
    run: job.run,
    attempt: attemptOf(job, config),
    maxAttempts: maxAttemptsOf(job, config),
    deliveries: job.deliveries,
    backoff: job.backoff,
    leaseMs: job.leaseMs,
    maxRunMs: job.maxRunMs,
    ttlMs: job.ttlMs,
    expiresAt: job.expiresAt,
    worker: job.worker,
    createdAt: job.createdAt,
    runAt: job.runAt,
    readyAt: job.readyAt,
    startedAt: job.startedAt,
    leaseUntil: job.leaseUntil,
    endedAt: job.endedAt,
    late: job.late,
    error: job.error,
    attempts: job.attempts,
    progress: job.progress,
    payload,
    result,
  };
  for (const field in record) if (record[field] === undefined) delete record[field];
  return record as unknown as JobRecord;
}

/** A job with its texts. Throws where its payload is gone. */
const toWhole = (view: View, id: string, job: JobRow): JobRecord =>
  toRecord(view, id, job, {
    payload: payloadOf(view.tables, job),
    result: resultOf(view.tables, job),
  });

export const jobUnknown = (id: string): Refusal =>
  refuse("job_unknown", `There is no job ${id} in this queue: it was never here, or was removed.`, {
    id,
  });

export const getJob: Read<"job.get"> = (view, { id }) => {
  const job = view.tables.jobs.get([id]);
  return job === undefined ? jobUnknown(id) : jobReply(view, id, job);
};

/** A job by its row, which may be kept no more. */
export const jobReply = (view: View, id: string, job: JobRow): JobReply => ({
  now: view.at,
  job: toWhole(view, id, job),
});

/** Whether a job has a label: `name` or `name:value`. */
export function hasLabel(job: JobRow, label: string): boolean {
  const colon = label.indexOf(":");
  if (colon < 0) return job.labels !== undefined && Object.hasOwn(job.labels, label);
  const name = label.slice(0, colon);
  return (
    job.labels !== undefined &&
    Object.hasOwn(job.labels, name) &&
    job.labels[name] === label.slice(colon + 1)
  );
}

interface Cursor {
  readonly queueId: string;
  readonly term: number;
  readonly state: JobState | undefined;
  /** The action whose jobs are listed. */
  readonly action: string | undefined;
  readonly after: IndexKey;
}

const encodeCursor = ({ queueId, term, state, action, after }: Cursor): string =>
  btoa(JSON.stringify([queueId, term, state ?? null, after, action])).replaceAll("=", "");

function decodeCursor(text: string): Cursor | undefined {
  try {
    type Parts = [string, number, JobState | null, IndexKey, string | null | undefined];
    const [queueId, term, state, after, action] = JSON.parse(atob(text)) as Parts;
    if (!Array.isArray(after)) return undefined;
    if (!after.every((part) => typeof part === "string" || Number.isSafeInteger(part)))
      return undefined;
    return { queueId, term, state: state ?? undefined, action: action ?? undefined, after };
  } catch (error) {
    // Whatever is not a cursor of ours is refused by the caller, with the same words.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

type Part = string | number;
const isId = (part: Part): boolean => typeof part === "string" && JOB_ID.test(part);
const isCount = (part: Part): boolean => typeof part === "number" && part >= 0;
const isPriority = (part: Part): boolean =>
  typeof part === "number" && part >= limits.priorityMin && part <= limits.priorityMax;

/** The parts of a place in each list. */
function partsOf(state: JobState | undefined): readonly ((part: Part) => boolean)[] {
  if (state === undefined) return [isId];
  if (state === "ready") return [isCount, isPriority, isCount, isCount];
  if (state === "blocked") return [isCount];
  if (state === "scheduled") return [isCount, isCount];
  if (state === "running") return [isCount, isCount];
  return [isCount, isId];
}

/** Whether a cursor's place is one of this list: a forged one must not reach the tables. */
function fits({ state, after }: Cursor): boolean {
  const parts = partsOf(state);
  return after.length === parts.length && parts.every((is, i) => is(after[i] ?? ""));
}

export const listJobs: Read<"job.list"> = (view, input) => {
  const { queueId, term } = view.identity;
  // The jobs of an action stand beside one another; they are listed in the order of its inputs, in whatever state.
  const { action } = input;
  const state = action === undefined ? input.state : undefined;
  const cursor = input.cursor === undefined ? undefined : decodeCursor(input.cursor);
  if (input.cursor !== undefined) {
    const isOwn = cursor?.queueId === queueId && cursor.term === term;
    const isOfList = isOwn && cursor.state === state && cursor.action === action;
    if (!isOfList || !fits(cursor)) {
      return refuse(
        "cursor_invalid",
        "The cursor is not of this list of this queue: begin again without one.",
      );
    }
  }
  const limit = input.limit ?? 100;
  const found: JobRecord[] = [];
  let bytes = 0;
  const examined = new Examined();
  let after = cursor?.after;
  for (const [key, id] of placesFor(view, input, after)) {
    const job = view.tables.jobs.get([id]);
    if (job === undefined) throw new Error(`job ${id} stands in the index but is not kept`);
    const isOfState = input.state === undefined || job.state === input.state;
    const isMeant = isOfState && isOfFilter(job, input);
    const shown = isMeant ? toListed(view, id, job, input.include !== undefined) : undefined;
    bytes += shown === undefined ? 0 : utf8Bytes(encodeJob(shown));
    const isFull = found.length >= limit || (found.length > 0 && bytes > limits.replyBytesMax);
    if (after !== undefined && (isFull || examined.isEnough)) {
      return page(view, found, encodeCursor({ queueId, term, state, action, after }));
    }
    examined.add(job);
    after = key;
    if (shown !== undefined) found.push(shown);
  }
  return page(view, found);
};

function* placesFor(
  view: View,
  { action, state, key }: ListInput,
  after: IndexKey | undefined,
): Generator<Place> {
  if (action === undefined) {
    const isOfKey = state === "ready" && key !== undefined;
    yield* isOfKey ? placesOfKey(view, key, after) : placesOf(view, state, after);
    return;
  }
  const row = view.tables.actions.get([action]);
  if (row === undefined) return;
  const from = after === undefined ? { from: [row.firstJob] as const } : { after: after as never };
  for (const [place] of view.tables.jobs.scan(from)) {
    if (place[0] > row.lastJob) return;
    yield [place, place[0]];
  }
}

/** What a list, or an operation, looks for beside the state. */
type Filter = Pick<
  ListInput,
  "plan" | "action" | "key" | "label" | "error" | "endedAfter" | "endedBefore"
>;

/** Whether a text is part of why a job failed: of what its worker said, or, as where its lease ended without a word, of the reason. */
const isSaidIn = ({ error, reason }: JobRow, text: string): boolean =>
  error?.includes(text) || reason?.includes(text) || false;

/** Whether a job is what a filter looks for. What has not ended has no end that could be too early or late. */
export function isOfFilter(job: JobRow, filter: Filter): boolean {
  const { plan, action, key, label, error, endedAfter = 0, endedBefore = Infinity } = filter;
  if (plan !== undefined && job.plan !== plan) return false;
  if (action !== undefined && job.action !== action) return false;
  if (key !== undefined && job.key !== key) return false;
  if (error !== undefined && !isSaidIn(job, error)) return false;
  const isTimed = filter.endedAfter !== undefined || filter.endedBefore !== undefined;
  if (isTimed && (job.endedAt ?? 0) < endedAfter) return false;
  if (isTimed && (job.endedAt ?? Infinity) >= endedBefore) return false;
  return label === undefined || hasLabel(job, label);
}

/** A job as a list shows it: without its long texts, unless they were asked for. */
const toListed = (view: View, id: string, job: JobRow, isWhole: boolean): JobRecord =>
  isWhole ? toWhole(view, id, job) : toRecord(view, id, job);

const page = (view: View, jobs: readonly JobRecord[], cursor?: string): ListReply =>
  cursor === undefined ? { now: view.at, jobs } : { now: view.at, jobs, cursor };
