/**
 * The index rows of jobs: by the order in which they are handed out or come due, and, once ended, by when that was.
 * Invariant: a job has exactly the index rows that its row implies.
 */
import { type EndState, isEndState } from "../contract/fields.ts";
import type { JobRow } from "./jobs.ts";
import type { SluiceTables } from "./schema.ts";

/** When an open job ends by itself, if it does. */
export function deadline(row: JobRow): number | undefined {
  if (isEndState(row.state)) return undefined;
  if (row.ttlUntil === undefined) return row.expiresAt;
  return row.expiresAt === undefined ? row.ttlUntil : Math.min(row.ttlUntil, row.expiresAt);
}

/** Replaces the index rows that follow from a job's row. */
export function reindex(
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
