/**
 * Where it is kept which jobs wait for which: an edge from each job to those that wait for it.
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
}

/** From a job that has to end to one that waits for it. */
export const edges = declareTable<EdgeRow>()({
  name: "edges",
  version: 1,
  key: [ascii("parent"), ascii("child")],
  pendingRowsMax: limits.pendingRowsMax,
  valueBytesMax: 100,
});

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
  let pending = 0;
  const kept: Kept[] = [];
  for (const { id: parent, onFail } of parents) {
    const job = tables.jobs.get([parent]);
    if (job === undefined) continue;
    kept.push({ id: parent, job, dependents: (job.dependents ?? 0) + 1 });
    if (isEndState(job.state) && (!isNew || isEnough(job.state, { onFail }))) continue;
    tables.edges.insert([parent, id], onFail === undefined ? {} : { onFail });
    if (isEndState(job.state)) tables.timers.put(timerOf(parent, job), {});
    pending += 1;
  }
  return { pending, kept };
}

/** A job has ended, or is gone: it waits for nobody any more. Returns the parents that were kept for it. */
export function stopWaiting(tables: SluiceTables, id: string, { after = [] }: JobRow): Kept[] {
  const kept: Kept[] = [];
  for (const { id: parent } of after) {
    const job = tables.jobs.get([parent]);
    if (job === undefined) throw new Error(`job ${id} was to be outlived by ${parent}, not kept`);
    if (tables.edges.delete([parent, id])) forgetTimer(tables, parent, job);
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

/** The next edges of an ended job are resolved. Returns the jobs that waited. */
export function resolveEdges(tables: SluiceTables, id: string, count: number): string[] {
  const next = nextEdges(tables, id, count);
  if (next.length < count)
    throw new Error(`${count} jobs are to wait for ${id} no longer; not so many do`);
  for (const [key] of next) tables.edges.remove(key);
  const job = tables.jobs.get([id]);
  if (job !== undefined) forgetTimer(tables, id, job);
  return next.map(([[, child]]) => child);
}

function forgetTimer(tables: SluiceTables, id: string, job: JobRow): void {
  if (isEndState(job.state) && tables.edges.first([id]) === undefined) {
    tables.timers.delete(timerOf(id, job));
  }
}
