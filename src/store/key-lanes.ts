/**
 * What a key's row says of its jobs: how many there are of each state, which of them shuts it, and what its lanes hold.
 * Invariant: a lane is in the row as long as it has open jobs; where `atTop` is not 0, so many of its ready jobs have the priority `top`,
 * and none a higher one.
 */
import { isEndState } from "../contract/fields.ts";
import type { KeyLimits } from "../contract/keys.ts";
import type { JobRow } from "./jobs.ts";
import { type KeyLane, type KeyRow, MIXED } from "./keys.ts";
import { setOf } from "./lanes.ts";

/** A key's row that is being changed. */
export type KeyDraft = { -readonly [F in keyof KeyRow]: KeyRow[F] };

export const isOver = (job: JobRow | undefined): boolean =>
  job === undefined || isEndState(job.state);

export const isSamePlace = (a: JobRow, b: JobRow | undefined): boolean =>
  b !== undefined && a.lane === b.lane && a.priority === b.priority && a.readyAt === b.readyAt;

/** Where in its key's row a job's lane stands. */
export const laneIndexOf = (job: JobRow): number => (job.ordered ? MIXED : setOf(job));

export function count(row: KeyDraft, job: JobRow | undefined, change: 1 | -1): void {
  if (job?.state === "ready") row.ready += change;
  else if (job?.state === "running") row.running += change;
  else if (job?.state === "scheduled" || job?.state === "blocked") row.later += change;
}

/** In strict order a job that is to be tried again shuts its key for as long as it waits for that. */
export function moveHolder(
  row: KeyDraft,
  { onRetry }: KeyLimits,
  id: string,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  if (row.holder === id && after?.state !== "scheduled") row.holder = undefined;
  if (after?.state !== "scheduled") return;
  // Entries of before do not say that it is the head.
  const isRetry = before?.state === "running" && after.ordered && onRetry === "block";
  if (after.head || isRetry) row.holder = id;
}

export function moveInLane(
  row: KeyDraft,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  const lanes = { ...row.lanes };
  if (before !== undefined && !isOver(before)) {
    const index = laneIndexOf(before);
    const lane = lanes[index];
    if (lane === undefined) throw new Error(`a job of a key is in lane ${before.lane}, not kept`);
    lanes[index] = without(lane, before);
  }
  if (after !== undefined && !isOver(after)) {
    const index = laneIndexOf(after);
    const fresh = { lane: after.lane, open: 0, ready: 0, top: 0, atTop: 0 };
    lanes[index] = withJob(lanes[index] ?? fresh, after);
  }
  if (before !== undefined && lanes[laneIndexOf(before)]?.open === 0) {
    delete lanes[laneIndexOf(before)];
  }
  row.lanes = lanes;
}

/** Ready jobs of an ordered key stand by place alone, so that the first of them has to be looked up. */
function withJob(lane: KeyLane, { state, ordered, priority }: JobRow): KeyLane {
  const open = lane.open + 1;
  if (state !== "ready") return { ...lane, open };
  const ready = lane.ready + 1;
  if (ordered) return { ...lane, open, ready, atTop: 0 };
  if (lane.ready === 0) return { ...lane, open, ready, top: priority, atTop: 1 };
  if (lane.atTop === 0 || priority > lane.top) return { ...lane, open, ready };
  const atTop = priority === lane.top ? lane.atTop + 1 : 1;
  return { ...lane, open, ready, top: priority, atTop };
}

function without(lane: KeyLane, { state, ordered, priority }: JobRow): KeyLane {
  const open = lane.open - 1;
  if (state !== "ready") return { ...lane, open };
  const ready = lane.ready - 1;
  if (ordered) return { ...lane, open, ready, atTop: 0 };
  const isTop = lane.atTop > 0 && priority === lane.top;
  return { ...lane, open, ready, atTop: isTop ? lane.atTop - 1 : lane.atTop };
}

/** How many lanes of a key have a turn, and how many ready jobs have none. */
export function weightOf({ lanes }: KeyRow): { readonly turns: number; readonly limited: number } {
  let turns = 0;
  let limited = 0;
  for (const name in lanes) {
    const lane = lanes[Number(name)];
    if (lane?.round !== undefined) turns += 1;
    else limited += lane?.ready ?? 0;
  }
  return { turns, limited };
}

export type Weight = ReturnType<typeof weightOf>;
