/**
 * Which lanes have turns, and how these go round: what every change of a key's jobs, limits or time means.
 * Invariant: in a round each lane has one turn, in the order of their numbers; of two rounds of one priority none is a round ahead.
 * `editKey` is the only writer of keys, turns and rounds.
 */
import { isEndState } from "../contract/fields.ts";
import type { KeyLimits } from "../contract/keys.ts";
import type { JobRow } from "./jobs.ts";
import {
  freshKey,
  type KeyLane,
  type KeyRow,
  keyDueAt,
  keyOpensAt,
  limitsOf,
  MIXED,
  openJobsOf,
  type Round,
} from "./keys.ts";
import { setOf } from "./lanes.ts";
import { editCounters, readQueue } from "./queue.ts";
import type { SluiceTables } from "./schema.ts";
import { bounded, costOf, refund, take } from "./token-bucket.ts";

/** Which lane of a key was given a job, and by which rule. */
interface Served {
  readonly index: number;
  readonly isFair: boolean;
}

/** A key's row that is being changed. */
export type KeyDraft = { -readonly [F in keyof KeyRow]: KeyRow[F] };

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
  if (served !== undefined) useTurn(tables, rounds[served.index], all.weight, served.isFair);
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

/** Counts a job of a key, which moves from one row to another; `isFair` is what `job.claimed` says. */
export function countInKey(
  tables: SluiceTables,
  at: number,
  id: string,
  before: JobRow | undefined,
  after: JobRow | undefined,
  isFair: boolean,
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
    if (all.rate !== null) row.usedUntil = take(row.usedUntil, all.rate, at);
    return { index: laneIndexOf(after), isFair };
  });
}

const isOver = (job: JobRow | undefined): boolean => job === undefined || isEndState(job.state);

const isSamePlace = (a: JobRow, b: JobRow | undefined): boolean =>
  b !== undefined && a.lane === b.lane && a.priority === b.priority && a.readyAt === b.readyAt;

/** Where in its key's row a job's lane stands. */
export const laneIndexOf = (job: JobRow): number => (job.ordered ? MIXED : setOf(job));

function count(row: KeyDraft, job: JobRow | undefined, change: 1 | -1): void {
  if (job?.state === "ready") row.ready += change;
  else if (job?.state === "running") row.running += change;
  else if (job?.state === "scheduled" || job?.state === "blocked") row.later += change;
}

/** In strict order a job that is to be tried again shuts its key for as long as it waits for that. */
function moveHolder(
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

function moveInLane(row: KeyDraft, before: JobRow | undefined, after: JobRow | undefined): void {
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

/** A lane without open jobs is gone, and with it its turns. */
function leaveGone(
  tables: SluiceTables,
  before: KeyLane | undefined,
  after: KeyLane | undefined,
): void {
  if (before?.round === undefined || after?.lane === before.lane) return;
  leaveRound(tables, before.round, before.lane);
}

/** How many lanes of a key have a turn, and how many ready jobs have none. */
function weightOf({ lanes }: KeyRow): { readonly turns: number; readonly limited: number } {
  let turns = 0;
  let limited = 0;
  for (const name in lanes) {
    const lane = lanes[Number(name)];
    if (lane?.round !== undefined) turns += 1;
    else limited += lane?.ready ?? 0;
  }
  return { turns, limited };
}

type Weight = ReturnType<typeof weightOf>;

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

const isSameRound = (a: Round | undefined, b: Round | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a[0] === b[0] && a[1] === b[1]);

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

function enterRound(tables: SluiceTables, [set, priority]: Round, lane: number, key: string): void {
  tables.turns.insert([set, priority, lane], { key });
  const row = tables.rounds.edit([set, priority]);
  if (row !== undefined) {
    row.lanes += 1;
    return;
  }
  // It begins where the others are.
  const { passed } = editCounters(tables);
  tables.rounds.insert([set, priority], { lanes: 1, lane: 0, left: 0, passed });
}

function leaveRound(tables: SluiceTables, [set, priority]: Round, lane: number): void {
  tables.turns.remove([set, priority, lane]);
  const row = tables.rounds.edit([set, priority]);
  if (row === undefined) throw new Error(`lane ${lane} has turns in no round`);
  row.lanes -= 1;
  if (row.lanes > 0) return;
  if (row.end !== undefined) {
    // Its last lane may be back with the next job that ends: it has then gone as far as it has now.
    const counters = editCounters(tables);
    counters.passed = Math.max(counters.passed, row.passed);
  }
  tables.rounds.remove([set, priority]);
}

/**
 * A lane was given a job in its turn, with which it may have begun. A turn counts once, whatever its weight; in entries of before this
 * rule, which are not fair, each of its jobs did, and a round had no end.
 */
function useTurn(
  tables: SluiceTables,
  { lane = 0, round }: Partial<KeyLane> = {},
  weight: number,
  isFair: boolean,
): void {
  if (round === undefined) return;
  const row = tables.rounds.edit([...round]);
  if (row === undefined) throw new Error(`lane ${lane} has turns in no round`);
  const goesOn = row.lane === lane && row.left > 0;
  row.left = goesOn ? row.left - 1 : weight - 1;
  // The round begins anew, or none is left in it but lanes that came meanwhile.
  const isNew = !goesOn && (lane <= row.lane || lane > (row.end ?? 0));
  if (isFair && isNew) row.end = editCounters(tables).lane;
  row.lane = lane;
  if (!goesOn || !isFair) row.passed = pass(tables, row.passed, 1 / row.lanes);
}

/** How far a round has gone after a share of it. One that nobody asked for lately is never more than a round behind. */
export function pass(tables: SluiceTables, passed: number, share: number): number {
  const counters = editCounters(tables);
  const from = Math.max(passed, counters.passed - 1);
  counters.passed = Math.max(counters.passed, from);
  return from + share;
}

/** No more than a token of a rate is given back. */
const aToken = { queueCost: Number.POSITIVE_INFINITY, keyCost: Number.POSITIVE_INFINITY };

/** What a hand-out takes of the rates that hold for a job, to be noted in its row. */
export function costsOf(
  tables: SluiceTables,
  { key }: JobRow,
): Pick<JobRow, "queueCost" | "keyCost"> {
  const { config } = readQueue(tables);
  const ofKey = key === undefined ? null : limitsOf(tables.keys.get([key]), config).rate;
  return {
    queueCost: config.rate === null ? undefined : costOf(config.rate),
    keyCost: ofKey === null ? undefined : costOf(ofKey),
  };
}

/**
 * A hand-out that does not count gives back what it took of the rates of its key and of the queue; where that `isExact`, as noted, else a token
 * of each.
 */
export function refundRates(tables: SluiceTables, at: number, job: JobRow, isExact: boolean): void {
  const { key } = job;
  const { queueCost, keyCost } = isExact ? job : aToken;
  const { rate } = readQueue(tables).config;
  const counters = tables.counters.get([0]);
  if (queueCost !== undefined && rate !== null && counters !== undefined) {
    editCounters(tables).used_until = refund(counters.used_until, rate, queueCost) ?? 0;
  }
  if (key === undefined || keyCost === undefined) return;
  editKey(tables, at, key, (row, all) => {
    if (all.rate !== null) row.usedUntil = refund(row.usedUntil, all.rate, keyCost);
    return undefined;
  });
}

/** No job of a key is handed out before. */
export function holdKey(tables: SluiceTables, at: number, key: string, until: number): void {
  editKey(tables, at, key, (row) => {
    row.heldUntil = Math.max(row.heldUntil ?? 0, until);
    return undefined;
  });
}
