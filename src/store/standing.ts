/**
 * Where each job stands: all that follows from its row, replaced with it.
 * Invariant: `move` is the only writer of index rows, lanes and counters of jobs. Writers read index rows of jobs with a key alone,
 * so that the others may lag behind while a log is applied.
 */
import type { Event } from "../contract/events.ts";
import { type EndState, isEndState } from "../contract/fields.ts";
import { countInAction } from "./actions.ts";
import { type EndEvent, endedBy, endStateOf, lingersAs } from "./ends.ts";
import type { CatchUp } from "./evolve.ts";
import { type Kept, moveParent, stopWaiting } from "./flows.ts";
import { moveLane, recount, type Sequences } from "./job-counts.ts";
import { reindex } from "./job-indexes.ts";
import { setApart, withTexts } from "./job-texts.ts";
import type { JobRow } from "./jobs.ts";
import { countInKey } from "./key-edits.ts";
import { linger } from "./lingering.ts";
import { countInPlan } from "./plans.ts";
import { readQueue } from "./queue.ts";
import type { Rules } from "./rounds.ts";
import type { Reads, SluiceSchema, SluiceTables } from "./schema.ts";
import { forgetTasks } from "./tasks.ts";
import { moveUnique } from "./uniques.ts";
import { moveHeld } from "./workers.ts";

/** Of each job that moved while index rows lag behind: the row that its index rows still show. */
type Lag = Map<string, JobRow | undefined>;

/**
 * Replaces a job's row and everything that is derived from it. `before` undefined creates, `said` undefined removes. What is said has its
 * texts in it, as far as they are new. `also` are the numbers that the event took, `rules` those of a hand-out.
 */
export function move(
  tables: SluiceTables & { readonly lag?: Lag },
  at: number,
  id: string,
  before: JobRow | undefined,
  said: JobRow | undefined,
  also?: Sequences,
  rules: Rules = {},
): void {
  const after = setApart(tables, before, said);
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
  recount(tables, at, before, after, also, rules);
  moveLane(tables, before, after);
  moveHeld(tables, id, before, after);
  if (key !== undefined) countInKey(tables, at, id, before, after, rules);
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
    // Of one that is open nothing follows from how many wait for it, but for its action; of others whether any do.
    const isSame = (job.dependents ?? 0) > 0 === dependents > 0;
    if (isSame || (isOpen && job.action === undefined)) tables.jobs.put([id], kept);
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

/** The row of a job that an event names: an event never names a job that is not there. */
export function rowOf(tables: SluiceTables, id: string): JobRow {
  const row = tables.jobs.get([id]);
  if (row === undefined) throw new Error(`an event names job ${id}, which is not kept`);
  return row;
}

/** Ends a job; one whose state is kept for no time at all is removed at once, unless its action keeps it. */
export function end(tables: SluiceTables, at: number, event: EndEvent, before: JobRow): void {
  const { id } = event;
  const state = endStateOf(event);
  if (state === undefined) throw new Error(`an event ends job ${id}, which goes on`);
  if (lingersAs(before, state)) linger(tables, at, id, before);
  const isGone = goesAtOnce(tables, before, state);
  move(tables, at, id, before, isGone ? undefined : endedBy(before, event, at));
}

/** Whether a job that ends so is not kept at all. */
function goesAtOnce(
  tables: Pick<Reads, "queue">,
  { action, dependents }: JobRow,
  state: EndState,
): boolean {
  const { ageMs, count } = readQueue(tables).config.retention[state];
  return (ageMs === 0 || count === 0) && action === undefined && !dependents;
}

/** A job that an event takes away, as it ended, with its texts, which go with it; undefined where it stays, or has not ended. */
export function lastOf(
  tables: Pick<Reads, "queue" | "job_texts">,
  before: JobRow,
  event: Event,
  at: number,
): JobRow | undefined {
  if (event.type === "job.removed") {
    return isEndState(before.state) ? withTexts(tables, before) : undefined;
  }
  const last = endedBy(before, event, at);
  if (last === undefined || !goesAtOnce(tables, before, last.state as EndState)) return undefined;
  return withTexts(tables, last);
}
