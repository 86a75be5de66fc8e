/**
 * Where each job stands: the index rows, lanes and counters that follow from its row.
 * Invariant: every job has exactly the index rows that its row implies, and every counter equals a recount;
 * `move` is the only writer of them. Writers read index rows of jobs with a key alone, so that the others may lag behind while a
 * log is applied.
 */
import { type EndState, isEndState, utf8Bytes } from "../contract/fields.ts";
import { countInAction } from "./actions.ts";
import type { CatchUp } from "./evolve.ts";
import { type Kept, moveParent, stopWaiting } from "./flows.ts";
import type { JobRow } from "./jobs.ts";
import { countInKey } from "./key-edits.ts";
import { type LaneRow, laneName, PLAIN_LANE, setOf } from "./lanes.ts";
import { linger } from "./lingering.ts";
import { countInPlan } from "./plans.ts";
import { type Counters, editCounters, readQueue } from "./queue.ts";
import { pass } from "./rounds.ts";
import type { SluiceSchema, SluiceTables } from "./schema.ts";
import { forgetTasks } from "./tasks.ts";
import { take } from "./token-bucket.ts";
import { moveUnique } from "./uniques.ts";
import { moveHeld } from "./workers.ts";

/** When an open job ends by itself, if it does. */
export function deadline(row: JobRow): number | undefined {
  if (isEndState(row.state)) return undefined;
  if (row.ttlUntil === undefined) return row.expiresAt;
  return row.expiresAt === undefined ? row.ttlUntil : Math.min(row.ttlUntil, row.expiresAt);
}

/** The bytes a job counts for against `maxBytes`. */
export function jobBytes(row: JobRow): number {
  return row.payloadBytes + (row.result === undefined ? 0 : utf8Bytes(row.result));
}

function known<T>(value: T | undefined, field: string, id: string): T {
  if (value === undefined) throw new Error(`job ${id} has no ${field}`);
  return value;
}

function enter(tables: SluiceTables, id: string, row: JobRow): void {
  if (row.state === "ready") {
    tables.ready.insert(readyKey(id, row), { id });
  } else if (row.state === "scheduled") {
    tables.scheduled.insert([known(row.runAt, "runAt", id), row.seq], { id });
  } else if (row.state === "running") {
    tables.leases.insert([known(row.leaseUntil, "leaseUntil", id), row.seq], { id });
  } else if (isEndState(row.state)) {
    tables.finished.insert(finishedKey(id, row.state, row), {});
  } else {
    tables.blocked.insert([row.seq], { id });
  }
}

const readyKey = (id: string, row: JobRow) =>
  [row.lane, rankOf(row), known(row.readyAt, "readyAt", id), row.seq] as const;

/** In strict order the jobs of a key stand by their place alone, but for one that is tried again, which holds the head. */
const rankOf = ({ priority, ordered, head }: JobRow): number =>
  ordered ? (head ? -1 : 0) : priority;

const finishedKey = (id: string, state: EndState, row: JobRow) =>
  [shelfOf(state, row), row.shelvedAt ?? known(row.endedAt, "endedAt", id), id] as const;

/** Under what an ended job stands in `finished`: those of actions go with these, and parents are kept for their children. */
export function shelfOf(
  state: EndState,
  { action, dependents = 0 }: Pick<JobRow, "action" | "dependents">,
): string {
  if (action !== undefined) return `${state}/action`;
  return dependents > 0 ? `${state}/parent` : state;
}

function leave(tables: SluiceTables, id: string, row: JobRow): void {
  if (row.state === "ready") {
    tables.ready.remove(readyKey(id, row));
  } else if (row.state === "scheduled") {
    tables.scheduled.remove([known(row.runAt, "runAt", id), row.seq]);
  } else if (row.state === "running") {
    tables.leases.remove([known(row.leaseUntil, "leaseUntil", id), row.seq]);
  } else if (isEndState(row.state)) {
    tables.finished.remove(finishedKey(id, row.state, row));
  } else {
    tables.blocked.remove([row.seq]);
  }
}

const sameStanding = (a: JobRow, b: JobRow): boolean =>
  a.state === b.state &&
  a.lane === b.lane &&
  a.priority === b.priority &&
  a.seq === b.seq &&
  a.readyAt === b.readyAt &&
  a.runAt === b.runAt &&
  a.leaseUntil === b.leaseUntil &&
  a.endedAt === b.endedAt &&
  a.shelvedAt === b.shelvedAt &&
  (a.dependents ?? 0) > 0 === (b.dependents ?? 0) > 0;

/** Numbers that an event takes from their sequences. */
type Sequences = Partial<Pick<Counters, "seq" | "grant">>;

/** Of each job that moved while index rows lag behind: the row that its index rows still show. */
type Lag = Map<string, JobRow | undefined>;

/**
 * Replaces a job's row and everything that is derived from it. `before` undefined creates, `after` undefined removes.
 * `also` are the numbers that the event took, `isFair` is what `job.claimed` says.
 */
export function move(
  tables: SluiceTables & { readonly lag?: Lag },
  at: number,
  id: string,
  before: JobRow | undefined,
  after: JobRow | undefined,
  also?: Sequences,
  isFair = false,
): void {
  const { key, plan, unique, after: parents } = (after ?? before) as JobRow;
  const { lag } = tables;
  if (lag === undefined) reindex(tables, id, before, after);
  else if (key === undefined) lagBehind(lag, id, before, after);
  else {
    // A job without a key may have had the id before: what its index rows still show goes first.
    if (lag.has(id)) reindex(tables, id, lag.get(id), undefined);
    lag.delete(id);
    reindex(tables, id, before, after);
  }
  if (after === undefined) tables.jobs.remove([id]);
  else if (before === undefined) tables.jobs.insert([id], after);
  else tables.jobs.put([id], after);
  recount(tables, at, before, after, also);
  moveLane(tables, before, after);
  moveHeld(tables, id, before, after);
  if (key !== undefined) countInKey(tables, at, id, before, after, isFair);
  if (unique !== undefined) moveUnique(tables, at, id, before, after);
  if (plan !== undefined) {
    countInPlan(tables, before, after);
    countInAction(tables, at, before, after);
    if (after === undefined) forgetTasks(tables, id);
  }
  if ((after ?? before)?.dependents !== undefined) moveParent(tables, id, before, after);
  const isOver = after === undefined || isEndState(after.state);
  if (parents !== undefined && before !== undefined && !isEndState(before.state) && isOver) {
    keep(tables, at, stopWaiting(tables, id, before));
  }
}

/** Jobs are kept for so many others; the retention of one that is kept for none any more begins. */
export function keep(tables: SluiceTables, at: number, jobs: readonly Kept[]): void {
  for (const { id, job, dependents } of jobs) {
    const kept = { ...job, dependents };
    const isOpen = !isEndState(job.state);
    // While it is open, nothing follows from how many wait for it, but for its action.
    if (isOpen && job.action === undefined) tables.jobs.put([id], kept);
    else move(tables, at, id, job, isOpen || dependents > 0 ? kept : { ...kept, shelvedAt: at });
  }
}

/**
 * Applies a log's tail. Nobody asks for an order before its end, so index rows are written only then: a job that came and went
 * within the tail has none.
 */
export function catchUp(tables: SluiceTables): CatchUp<SluiceSchema> {
  const lag: Lag = new Map();
  const finish = () => {
    for (const [id, shown] of lag) reindex(tables, id, shown, tables.jobs.get([id]));
  };
  return { tables: { ...tables, lag } as SluiceTables, finish };
}

function lagBehind(
  lag: Lag,
  id: string,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  if (!lag.has(id)) lag.set(id, before);
  else if (after === undefined && lag.get(id) === undefined) lag.delete(id);
}

/** Replaces the index rows that follow from a job's row. */
function reindex(
  tables: SluiceTables,
  id: string,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  if (before === undefined || after === undefined || !sameStanding(before, after)) {
    if (before !== undefined) leave(tables, id, before);
    if (after !== undefined) enter(tables, id, after);
  }
  moveDeadline(tables, id, before && deadline(before), after && deadline(after));
}

function moveDeadline(
  tables: SluiceTables,
  id: string,
  before: number | undefined,
  after: number | undefined,
): void {
  if (before === after) return;
  if (before !== undefined) tables.deadlines.remove([before, id]);
  if (after !== undefined) tables.deadlines.insert([after, id], {});
}

function recount(
  tables: SluiceTables,
  at: number,
  before: JobRow | undefined,
  after: JobRow | undefined,
  also: Sequences | undefined,
): void {
  const isSameText = before?.payload === after?.payload && before?.result === after?.result;
  const isSameShelf = keptForOthers(before) === keptForOthers(after);
  if (also === undefined && isSameText && isSameShelf && before?.state === after?.state) return;
  const counters = editCounters(tables);
  if (before?.state === "ready" && after?.state === "running") {
    countHandOut(tables, counters, at, after);
  }
  if (also?.seq !== undefined) counters.seq = also.seq;
  if (also?.grant !== undefined) counters.grant = also.grant;
  if (before !== undefined) counters[before.state] -= 1;
  if (after !== undefined) counters[after.state] += 1;
  const [was, is] = [keptForOthers(before), keptForOthers(after)];
  if (was !== undefined) counters[was] -= 1;
  if (is !== undefined) counters[is] += 1;
  if (!isSameText) {
    counters.bytes += (after ? jobBytes(after) : 0) - (before ? jobBytes(before) : 0);
  }
}

/** The queue's rate, and the round of the jobs without a key, which is one turn long, of which one was handed out. */
function countHandOut(
  tables: SluiceTables,
  counters: Counters,
  at: number,
  { key, inParts }: JobRow,
): void {
  const { rate } = readQueue(tables).config;
  if (rate !== null) counters.used_until = take(counters.used_until, rate, at, inParts);
  if (key !== undefined || counters.turns === 0) return;
  counters.plain_passed = pass(tables, counters.plain_passed, 1);
}

/** The counter of the ended jobs that are kept for those that wait for them. */
function keptForOthers(job: JobRow | undefined): `parent_${EndState}` | undefined {
  if (job === undefined || !isEndState(job.state) || !job.dependents) return undefined;
  return job.action === undefined ? `parent_${job.state}` : undefined;
}

/** Keeps the lane's row while the lane has open jobs. The plain lane needs none. */
function moveLane(
  tables: SluiceTables,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  const from = before !== undefined && !isEndState(before.state) ? before : undefined;
  const to = after !== undefined && !isEndState(after.state) ? after : undefined;
  if (from !== undefined && setOf(from) !== PLAIN_LANE) countInLane(tables, from, -1);
  if (to !== undefined && setOf(to) !== PLAIN_LANE) countInLane(tables, to, 1);
  if (to?.key === undefined || from !== undefined) return;
  const counters = editCounters(tables);
  counters.lane = Math.max(counters.lane, to.lane);
}

function countInLane(tables: SluiceTables, job: JobRow, change: 1 | -1): void {
  const { kind = "payload", requires = [] } = job;
  const lane = setOf(job);
  const row: LaneRow = tables.lanes.get([lane]) ?? { kind, requires, open: 0, ready: 0 };
  const open = row.open + change;
  const ready = row.ready + (job.state === "ready" ? change : 0);
  const name = laneName(kind, requires);
  if (open === 0) {
    tables.lanes.remove([lane]);
    tables.lane_index.remove([name]);
  } else {
    tables.lanes.put([lane], { ...row, open, ready });
    if (row.open === 0) nameLane(tables, name, lane);
  }
}

/** The row of a job that an event names: an event never names a job that is not there. */
export function rowOf(tables: SluiceTables, id: string): JobRow {
  const row = tables.jobs.get([id]);
  if (row === undefined) throw new Error(`an event names job ${id}, which is not kept`);
  return row;
}

/** What is not said any more of a job that nobody holds. */
export const letGo = {
  leaseUntil: undefined,
  queueCost: undefined,
  keyCost: undefined,
  inParts: undefined,
} as const;

/** Ends a job; one whose state is kept for no time at all is removed at once, unless its action keeps it. */
export function end(
  tables: SluiceTables,
  id: string,
  before: JobRow,
  state: EndState,
  at: number,
  changes: Partial<JobRow>,
): void {
  const { ageMs, count } = readQueue(tables).config.retention[state];
  const wasRunning = before.state === "running";
  const lingers = wasRunning && (state === "cancelled" || state === "expired");
  if (lingers) linger(tables, at, id, before);
  if ((ageMs === 0 || count === 0) && before.action === undefined && !before.dependents) {
    move(tables, at, id, before, undefined);
    return;
  }
  const after: JobRow = {
    ...before,
    ...changes,
    state,
    endedAt: at,
    leaseEndedAt: changes.leaseEndedAt ?? (wasRunning ? at : before.leaseEndedAt),
    ...letGo,
    head: undefined,
    session: undefined,
    runAt: undefined,
    readyAt: undefined,
    ttlUntil: undefined,
    pending: undefined,
    ...(lingers && { lingersUntil: before.leaseUntil }),
  };
  move(tables, at, id, before, after);
}

function nameLane(tables: SluiceTables, name: string, lane: number): void {
  tables.lane_index.put([name], { lane });
  const counters = editCounters(tables);
  counters.lane = Math.max(counters.lane, lane);
}
