/**
 * The one way to change a key's row: what follows for its turns, its timer and the counters from every change of its jobs, limits or time.
 * Invariant: a lane has a turn exactly if its key may hand out a job and it has one that is ready; `editKey` is the only writer of keys and turns,
 * and of rounds but for what they remember of jobs without a key, and their end with that of their set.
 */
import { isEndState } from "../contract/fields.ts";
import type { KeyLimits } from "../contract/keys.ts";
import type { JobRow } from "./jobs.ts";
import {
  count,
  isOver,
  isSamePlace,
  type KeyDraft,
  laneIndexOf,
  moveHolder,
  moveInLane,
  type Weight,
  weightOf,
} from "./key-lanes.ts";
import {
  freshKey,
  type KeyLane,
  keyDueAt,
  keyOpensAt,
  limitsOf,
  MIXED,
  openJobsOf,
} from "./keys.ts";
import { setOf } from "./lanes.ts";
import { editCounters, readQueue } from "./queue.ts";
import { enterRound, isSameRound, leaveRound, type Rules, useTurn } from "./rounds.ts";
import type { SluiceTables } from "./schema.ts";
import { bounded, take } from "./token-bucket.ts";

/** Which lane of a key was given a job, and by which rules. */
interface Served {
  readonly index: number;
  readonly rules: Rules;
}

/** Changes a key's row and all that follows. `change` returns the lane that was given a job, if one was. */
export function editKey(
  tables: SluiceTables,
  at: number,
  key: string,
  change: (row: KeyDraft, all: KeyLimits) => Served | undefined,
): void {
  const { config } = readQueue(tables);
  const known = tables.keys.edit([key]);
  const row: KeyDraft = known ?? { ...freshKey };
  const before = weightOf(row);
  const dueBefore = row.dueAt;
  const rounds = row.lanes;
  const served = change(row, limitsOf(row, config));
  if (openJobsOf(row) === 0) row.order = undefined;
  // What was said of the key may have changed.
  const all = limitsOf(row, config);
  row.usedUntil = bounded(row.usedUntil, all.rate, at);
  const opensAt = keyOpensAt(row, all);
  if (served !== undefined) useTurn(tables, rounds[served.index], all.weight, served.rules);
  for (const name in rounds) leaveGone(tables, rounds[Number(name)], row.lanes[Number(name)]);
  placeLanes(tables, key, row, opensAt <= at);
  row.dueAt = keyDueAt(row, opensAt, at);
  countWeight(tables, before, weightOf(row));
  const isForgotten = row.dueAt !== undefined && row.dueAt <= at;
  moveTimer(tables, key, dueBefore, isForgotten ? undefined : row.dueAt);
  if (isForgotten && known !== undefined) {
    tables.keys.remove([key]);
    editCounters(tables).keys -= 1;
  }
  if (!isForgotten && known === undefined) {
    tables.keys.insert([key], row);
    editCounters(tables).keys += 1;
  }
}

/** Counts a job of a key, which moves from one row to another. */
export function countInKey(
  tables: SluiceTables,
  at: number,
  id: string,
  before: JobRow | undefined,
  after: JobRow | undefined,
  rules: Rules,
): void {
  const key = (after ?? before)?.key;
  if (key === undefined) return;
  if (before?.state === after?.state && before !== undefined && isSamePlace(before, after)) return;
  if ((before === undefined || isEndState(before.state)) && isOver(after)) return;
  editKey(tables, at, key, (row, all) => {
    if (openJobsOf(row) === 0) row.order = after?.ordered ? "fifo" : undefined;
    count(row, before, -1);
    count(row, after, 1);
    moveHolder(row, all, id, before, after);
    moveInLane(row, before, after);
    if (before?.state !== "ready" || after?.state !== "running") return undefined;
    if (all.rate !== null) row.usedUntil = take(row.usedUntil, all.rate, at, after.inParts);
    return { index: laneIndexOf(after), rules };
  });
}

/** A lane without open jobs is gone, and with it its turns. */
function leaveGone(
  tables: SluiceTables,
  before: KeyLane | undefined,
  after: KeyLane | undefined,
): void {
  if (before?.round === undefined || after?.lane === before.lane) return;
  leaveRound(tables, before.round, before.lane);
}

function countWeight(tables: SluiceTables, before: Weight, after: Weight): void {
  if (before.turns === after.turns && before.limited === after.limited) return;
  const counters = editCounters(tables);
  counters.turns += after.turns - before.turns;
  counters.limited += after.limited - before.limited;
}

function moveTimer(
  tables: SluiceTables,
  key: string,
  before: number | undefined,
  after: number | undefined,
): void {
  if (before === after) return;
  if (before !== undefined) tables.timers.remove([before, "key", key]);
  if (after !== undefined) tables.timers.insert([after, "key", key], {});
}

/** Brings the turns of a key's lanes to what its row says by now. */
function placeLanes(tables: SluiceTables, key: string, row: KeyDraft, isOpen: boolean): void {
  for (const name in row.lanes) {
    const index = Number(name);
    const lane = row.lanes[index];
    if (lane === undefined) continue;
    const hasTurns = isOpen && lane.ready > 0;
    // Mostly it has its turns where it had them, and its first job is known.
    if (hasTurns && lane.atTop > 0 && isSameRound(lane.round, [index, lane.top])) continue;
    const next = hasTurns ? withHead(tables, index, lane) : { ...lane, round: undefined };
    if (!isSameRound(lane.round, next.round)) {
      if (lane.round !== undefined) leaveRound(tables, lane.round, lane.lane);
      if (next.round !== undefined) enterRound(tables, next.round, lane.lane, key);
    } else if (next.atTop === lane.atTop) {
      continue;
    }
    row.lanes = { ...row.lanes, [index]: next };
  }
}

/** A lane with the round that its first ready job says, which is looked up where that is not known. */
function withHead(tables: SluiceTables, index: number, lane: KeyLane): KeyLane {
  if (lane.atTop > 0) return { ...lane, round: [index, lane.top] };
  const first = tables.ready.first([lane.lane]);
  if (first === undefined) throw new Error(`lane ${lane.lane} has ready jobs, but none is kept`);
  if (index !== MIXED) return { ...lane, top: first[0][1], atTop: 1, round: [index, first[0][1]] };
  const job = tables.jobs.get([first[1].id]);
  if (job === undefined) throw new Error(`ready job ${first[1].id} is not kept`);
  return { ...lane, top: job.priority, round: [setOf(job), job.priority] };
}

/** No job of a key is handed out before. */
export function holdKey(tables: SluiceTables, at: number, key: string, until: number): void {
  editKey(tables, at, key, (row) => {
    row.heldUntil = Math.max(row.heldUntil ?? 0, until);
    return undefined;
  });
}
