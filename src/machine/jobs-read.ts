/**
 * How jobs are shown: one record, and pages in the order of their state.
 * Invariant: a page looks at a bounded number of rows; only an absent cursor means the end.
 */
import { type EndState, isEndState, type JobState, utf8Bytes } from "../contract/fields.ts";
import { JOB_ID } from "../contract/ids.ts";
import { encodeJob, type JobRecord, type ListInput, type ListReply } from "../contract/jobs.ts";
import { limits } from "../contract/limits.ts";
import type { QueueConfig } from "../contract/queue.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { JobRow } from "../store/jobs.ts";
import { PLAIN_LANE } from "../store/lanes.ts";
import { queueOf, type Read, type View } from "./decide.ts";

/** How often a job may be tried in one run. */
export const maxAttemptsOf = (job: JobRow, config: QueueConfig): number =>
  job.maxAttempts ?? (job.plan === undefined ? config.maxAttempts : config.planMaxAttempts);

/** Which attempt of its run a job is in, or comes to next; after the last one there is no next one to count. */
export const attemptOf = (job: JobRow, config: QueueConfig): number =>
  Math.min(job.failures + 1, maxAttemptsOf(job, config));

/** A job as the API shows it. */
export function toRecord(id: string, job: JobRow, config: QueueConfig): JobRecord {
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
    payload: job.payload,
    result: job.result,
  };
  for (const field in record) if (record[field] === undefined) delete record[field];
  return record as unknown as JobRecord;
}

export const jobUnknown = (id: string): Refusal =>
  refuse("job_unknown", `There is no job ${id} in this queue: it was never here, or was removed.`, {
    id,
  });

export const getJob: Read<"job.get"> = (view, { id }) => {
  const job = view.tables.jobs.get([id]);
  if (job === undefined) return jobUnknown(id);
  return { now: view.at, job: toRecord(id, job, queueOf(view).config) };
};

type IndexKey = readonly (string | number)[];
/** A place in the order of a state: the key of the row behind it, and the job it stands for. */
export type Place = readonly [key: IndexKey, id: string];

/** Ready jobs of all lanes in claim order: by priority, then place, as a worker that can do all would get them. */
function* readyPlaces(view: View, after: IndexKey | undefined): Generator<Place> {
  const { ready, lanes } = view.tables;
  const order = [PLAIN_LANE, ...[...lanes.scan({})].map(([[lane]]) => lane)];
  const [priority, readyAt, seq] = (after ?? []) as number[];
  const scans = order.map((lane) =>
    after === undefined || priority === undefined || readyAt === undefined || seq === undefined
      ? ready.scan({ prefix: [lane] })
      : ready.scan({ prefix: [lane], after: [lane, priority, readyAt, seq] }),
  );
  const all = mergeInOrder(
    scans,
    (a, b) => comparePlaces(a[0], b[0]),
    (row) => row,
  );
  for (const [[, ...place], { id }] of all) yield [place, id];
}

type ReadyKey = readonly [lane: number, priority: number, readyAt: number, seq: number];

/** Whether one ready job comes before another of any lane (negative), or after it (positive). */
export function comparePlaces(a: ReadyKey, b: ReadyKey): number {
  return a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

export function* placesOf(
  view: View,
  state: JobState | undefined,
  after?: IndexKey,
): Generator<Place> {
  const { jobs, scheduled, leases } = view.tables;
  const from = after === undefined ? {} : { after: after as never };
  if (state === undefined) {
    for (const [key] of jobs.scan(from)) yield [key, key[0]];
  } else if (state === "ready") {
    yield* readyPlaces(view, after);
  } else if (state === "scheduled") {
    for (const [key, { id }] of scheduled.scan(from)) yield [key, id];
  } else if (state === "running") {
    for (const [key, { id }] of leases.scan(from)) yield [key, id];
  } else if (isEndState(state)) {
    yield* endedPlaces(view, state, after);
  }
}

/** Ended jobs in the order of their ends: those of actions stand apart. */
function* endedPlaces(view: View, state: EndState, after: IndexKey | undefined): Generator<Place> {
  const [endedAt, id] = (after ?? []) as [number?, string?];
  const scans = [state, `${state}/action`].map((shelf) => {
    const isBegun = endedAt !== undefined && id !== undefined;
    const from = isBegun ? { after: [shelf, endedAt, id] as const } : {};
    return view.tables.finished.scan({ prefix: [shelf], ...from });
  });
  for (const [, ended, job] of mergeInOrder(scans, (a, b) => compareEnds(a[0], b[0]), keyOf)) {
    yield [[ended, job], job];
  }
}

const keyOf = <K>([key]: readonly [K, unknown]): K => key;

type EndKey = readonly [shelf: string, endedAt: number, id: string];
const compareEnds = (a: EndKey, b: EndKey): number => a[1] - b[1] || (a[2] < b[2] ? -1 : 1);

/** The rows of scans that are in order each, in one order. */
function* mergeInOrder<T, R>(
  scans: readonly Iterator<T, unknown>[],
  compare: (a: T, b: T) => number,
  show: (row: T) => R,
): Generator<R> {
  const heads = scans.map((scan) => scan.next());
  for (;;) {
    let best = -1;
    for (let i = 0; i < heads.length; i++) {
      const [head, bestHead] = [heads[i], heads[best]];
      if (!head || head.done) continue;
      if (!bestHead || bestHead.done || compare(head.value, bestHead.value) < 0) best = i;
    }
    const head = heads[best];
    if (!head || head.done) return;
    yield show(head.value);
    const next = scans[best]?.next();
    if (next !== undefined) heads[best] = next;
  }
}

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
  if (state === "ready") return [isPriority, isCount, isCount];
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
  const { config } = queueOf(view);
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
  let examined = 0;
  let after = cursor?.after;
  for (const [key, id] of placesFor(view, input, after)) {
    const job = view.tables.jobs.get([id]);
    if (job === undefined) throw new Error(`job ${id} stands in the index but is not kept`);
    const isMeant = isOfFilter(job, input);
    const shown = isMeant ? toListed(id, job, config, input.include !== undefined) : undefined;
    bytes += shown === undefined ? 0 : utf8Bytes(encodeJob(shown));
    const isFull = found.length >= limit || (found.length > 0 && bytes > limits.replyBytesMax);
    if (after !== undefined && (isFull || examined >= limits.pageScanMax)) {
      return page(view, found, encodeCursor({ queueId, term, state, action, after }));
    }
    examined += 1;
    after = key;
    if (shown !== undefined) found.push(shown);
  }
  return page(view, found);
};

function* placesFor(
  view: View,
  { action, state }: ListInput,
  after: IndexKey | undefined,
): Generator<Place> {
  if (action === undefined) {
    yield* placesOf(view, state, after);
    return;
  }
  const row = view.tables.actions.get([action]);
  if (row === undefined) return;
  const from = after === undefined ? { from: [row.firstJob] as const } : { after: after as never };
  for (const [key] of view.tables.jobs.scan(from)) {
    if (key[0] > row.lastJob) return;
    yield [key, key[0]];
  }
}

function isOfFilter(job: JobRow, { state, label, plan, action }: ListInput): boolean {
  if (state !== undefined && job.state !== state) return false;
  if (plan !== undefined && job.plan !== plan) return false;
  if (action !== undefined && job.action !== action) return false;
  return label === undefined || hasLabel(job, label);
}

/** A job as a list shows it: without its long texts, unless they were asked for. */
function toListed(id: string, job: JobRow, config: QueueConfig, isWhole: boolean): JobRecord {
  const record = toRecord(id, job, config);
  if (isWhole) return record;
  const { payload: _, result: __, ...rest } = record;
  return rest;
}

const page = (view: View, jobs: readonly JobRecord[], cursor?: string): ListReply =>
  cursor === undefined ? { now: view.at, jobs } : { now: view.at, jobs, cursor };
