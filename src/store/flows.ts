/**
 * Where it is kept which jobs wait for which: an edge from each job to those that wait for it, and how many are left of those that name many.
 * Invariant: a blocked job has exactly as many edges as it waits for jobs, and is blocked while it has any; a job counts the open
 * jobs that wait for it, or did, and is kept for them.
 */
import { type EndState, isEndState } from "../contract/fields.ts";
import type { Parent, ParentPolicy } from "../contract/flows.ts";
import { limits } from "../contract/limits.ts";
import { declareTable } from "./declare.ts";
import type { JobRow } from "./jobs.ts";
import { ascii } from "./key-columns.ts";
import type { Reads, SluiceTables } from "./schema.ts";

export interface EdgeRow {
  /** What becomes of the child when the parent does not complete; it fails where nothing is said. */
  readonly onFail?: ParentPolicy | undefined;
  /** The child counts beside its row for how many it still waits: see `waits`. */
  readonly apart?: true | undefined;
}

/** From a job that has to end to one that waits for it. */
export const edges = declareTable<EdgeRow>()({
  name: "edges",
  version: 1,
  key: [ascii("parent"), ascii("child")],
  pendingRowsMax: limits.pendingRowsMax,
  valueBytesMax: 100,
});

export interface WaitRow {
  readonly left: number;
}

/**
 * How many jobs a blocked one still waits for, where it names so many that its row is not written anew with each: that says for how many
 * it began to wait.
 */
export const waits = declareTable<WaitRow>()({
  name: "waits",
  version: 1,
  key: [ascii("child")],
  pendingRowsMax: limits.pendingRowsMax,
  valueBytesMax: 30,
});

const isCountedApart = ({ length }: readonly Parent[]): boolean =>
  length > limits.parentsCountedInRowMax;

/** For how many jobs one still waits; undefined where it waits for none. A row of before `waits` was there has none beside it, and counts itself. */
export const pendingOf = (
  { pending, after = [] }: Pick<JobRow, "after" | "pending">,
  besides: () => WaitRow | undefined,
): number | undefined =>
  (pending !== undefined && isCountedApart(after) ? besides()?.left : undefined) ?? pending;

/** Whether a job that waits for another goes on when that has ended so. */
export const isEnough = (state: EndState, { onFail = "fail" }: EdgeRow): boolean =>
  state === "completed" || onFail === "continue";

/**
 * Whether a job was made after one that names its id, and so is not the one that this waited for. Of the same moment it is known by its
 * place, which a new run changes.
 */
export function isLaterThan(parent: JobRow, child: JobRow): boolean {
  if (parent.createdAt !== child.createdAt) return parent.createdAt > child.createdAt;
  return parent.run === 1 && parent.seq > child.seq;
}

/** The jobs that one named, without those that were made after it and have by now the id of one that is gone. */
export function ownParents(
  tables: Pick<Reads, "jobs">,
  child: JobRow,
): readonly Parent[] | undefined {
  return child.after?.filter(({ id }) => {
    const parent = tables.jobs.get([id]);
    return parent === undefined || !isLaterThan(parent, child);
  });
}

/** A job is kept for those that wait for it. Its edges are its own: `waitFor` and `stopWaiting` write them. */
export interface Kept {
  readonly id: string;
  readonly job: JobRow;
  readonly dependents: number;
}

/**
 * A job begins to wait for its parents. Returns how many it waits for, and the parents that are kept for it. One that did not end
 * well enough is waited for too, where `isNew` says so: what becomes of the child is said behind this event.
 */
export function waitFor(
  tables: SluiceTables,
  id: string,
  parents: readonly Parent[],
  isNew: boolean,
): { readonly pending: number; readonly kept: readonly Kept[] } {
  const there = parents.flatMap((parent) => {
    const job = tables.jobs.get([parent.id]);
    return job === undefined ? [] : [{ ...parent, job }];
  });
  const isApart = isCountedApart(there);
  const apart = isApart ? { apart: true as const } : {};
  let pending = 0;
  const kept: Kept[] = [];
  for (const { id: parent, onFail, job } of there) {
    kept.push({ id: parent, job, dependents: (job.dependents ?? 0) + 1 });
    if (isEndState(job.state) && (!isNew || isEnough(job.state, { onFail }))) continue;
    tables.edges.insert([parent, id], onFail === undefined ? apart : { onFail, ...apart });
    if (isEndState(job.state)) tables.timers.put(timerOf(parent, job), {});
    pending += 1;
  }
  if (pending > 0 && isApart) tables.waits.insert([id], { left: pending });
  return { pending, kept };
}

/** A job has ended, or is gone: it waits for nobody any more. Returns the parents that were kept for it. */
export function stopWaiting(
  tables: SluiceTables,
  id: string,
  { after = [], pending }: JobRow,
): Kept[] {
  const kept: Kept[] = [];
  const left = pendingOf({ after, pending }, () => tables.waits.get([id])) ?? 0;
  if (left > 0 && isCountedApart(after)) tables.waits.delete([id]);
  // Where it waits for all of them, none of its edges is looked for.
  const hadEdge = (edge: [string, string]): boolean => {
    if (left < after.length) return left > 0 && tables.edges.delete(edge);
    tables.edges.remove(edge);
    return true;
  };
  for (const { id: parent } of after) {
    const job = tables.jobs.get([parent]);
    if (job === undefined) throw new Error(`job ${id} was to be outlived by ${parent}, not kept`);
    if (hadEdge([parent, id])) forgetTimer(tables, parent, job);
    kept.push({ id: parent, job, dependents: (job.dependents ?? 0) - 1 });
  }
  return kept;
}

const timerOf = (id: string, { endedAt = 0 }: JobRow) => [endedAt, "parent", id] as const;

/** An ended job has a timer while others wait for it. */
export function moveParent(
  tables: SluiceTables,
  id: string,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  const was = before?.dependents !== undefined && isEndState(before.state);
  const is = after?.dependents !== undefined && isEndState(after.state);
  if (was === is) return;
  if (was) tables.timers.delete(timerOf(id, before));
  else if (after !== undefined && tables.edges.first([id]) !== undefined) {
    tables.timers.put(timerOf(id, after), {});
  }
}

/** The next edges of a job. Those before them are gone, and are not looked at, however many a checkpoint has still to delete. */
export function nextEdges(tables: Pick<Reads, "edges">, id: string, limit: number) {
  const head = tables.edges.first([id]);
  return head === undefined ? [] : tables.edges.range({ prefix: [id], from: head[0], limit });
}

/** A job that hears that one it waits for has ended well enough, and whether that was the last; unset where its row counts that. */
export interface Told {
  readonly child: string;
  readonly isLast?: true;
}

/** The next edges of an ended job are resolved. Returns the jobs that waited, without those that wait for more and count them beside their rows. */
export function resolveEdges(tables: SluiceTables, id: string, count: number): Told[] {
  const next = nextEdges(tables, id, count);
  if (next.length < count)
    throw new Error(`${count} jobs are to wait for ${id} no longer; not so many do`);
  for (const [key] of next) tables.edges.remove(key);
  const job = tables.jobs.get([id]);
  if (job !== undefined) forgetTimer(tables, id, job);
  return next.flatMap(([[, child], { apart }]): Told[] => {
    if (!apart) return [{ child }];
    return waitsForMore(tables, child) ? [] : [{ child, isLast: true }];
  });
}

/** One of those that a job counts beside its row has ended well enough. Returns whether it waits for more. */
function waitsForMore(tables: SluiceTables, child: string): boolean {
  const left = (tables.waits.get([child])?.left ?? 0) - 1;
  if (left < 0) throw new Error(`job ${child} is told of more jobs than it waits for`);
  if (left > 0) tables.waits.put([child], { left });
  else tables.waits.remove([child]);
  return left > 0;
}

function forgetTimer(tables: SluiceTables, id: string, job: JobRow): void {
  if (isEndState(job.state) && tables.edges.first([id]) === undefined) {
    tables.timers.delete(timerOf(id, job));
  }
}
