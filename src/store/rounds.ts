/**
 * How turns go round: in which rounds lanes have them, and when each had its last one.
 * Invariant: in a round each lane has one turn, in the order of their numbers. Turns are numbered in one sequence with lanes and sets, so
 * that a number says who came, or was served, before whom.
 */
import type { EventOf } from "../contract/events.ts";
import type { KeyLane, Round, RoundRow } from "./keys.ts";
import { PLAIN_LANE } from "./lanes.ts";
import { editCounters } from "./queue.ts";
import type { SluiceTables } from "./schema.ts";

/** By which rules a job is handed out, as `job.claimed` says. */
export type Rules = Pick<EventOf<"job.claimed">, "fair" | "turn">;

export const isSameRound = (a: Round | undefined, b: Round | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a[0] === b[0] && a[1] === b[1]);

export function enterRound(
  tables: SluiceTables,
  [set, priority]: Round,
  lane: number,
  key: string,
): void {
  tables.turns.insert([set, priority, lane], { key });
  const row = tables.rounds.edit([set, priority]);
  if (row !== undefined) row.lanes += 1;
  else tables.rounds.insert([set, priority], { ...emptyRound(tables), lanes: 1 });
}

/** Nobody had a turn in it. In entries of before turns were numbered it begins where the others are. */
function emptyRound(tables: SluiceTables): RoundRow {
  const { passed } = editCounters(tables);
  return { lanes: 0, lane: 0, left: 0, passed };
}

export function leaveRound(tables: SluiceTables, [set, priority]: Round, lane: number): void {
  tables.turns.remove([set, priority, lane]);
  const row = tables.rounds.edit([set, priority]);
  if (row === undefined) throw new Error(`lane ${lane} has turns in no round`);
  row.lanes -= 1;
  if (row.lanes > 0) return;
  const isRemembered = row.began !== undefined || row.plain !== undefined;
  if (isRemembered && (set === PLAIN_LANE || tables.lanes.get([set]) !== undefined)) {
    Object.assign(row, { lane: 0, left: 0, end: undefined });
    return;
  }
  if (row.end !== undefined) {
    // Its last lane may be back with the next job that ends: it has then gone as far as it has now.
    const counters = editCounters(tables);
    counters.passed = Math.max(counters.passed, row.passed);
  }
  tables.rounds.remove([set, priority]);
}

/** A set has no open job, and with it goes what its rounds remember; those that a lane is about to leave go then. */
export function forgetRounds(tables: SluiceTables, set: number): void {
  for (const [place, { lanes }] of [...tables.rounds.scan({ prefix: [set] })]) {
    if (lanes === 0) tables.rounds.remove(place);
  }
}

/**
 * A lane was given a job in its turn, with which it may have begun. A turn counts once, whatever its weight; in entries of before this
 * rule, which are not fair, each of its jobs did, and a round had no end. In entries of before turns were numbered, how far rounds had gone
 * was counted in shares of them.
 */
export function useTurn(
  tables: SluiceTables,
  { lane = 0, round }: Partial<KeyLane> = {},
  weight: number,
  { fair, turn }: Rules,
): void {
  if (round === undefined) return;
  const row = tables.rounds.edit([...round]);
  if (row === undefined) throw new Error(`lane ${lane} has turns in no round`);
  const goesOn = row.lane === lane && row.left > 0;
  row.left = goesOn ? row.left - 1 : weight - 1;
  // The round begins anew, or none is left in it but lanes that came meanwhile.
  const isNew = !goesOn && (lane <= row.lane || lane > (row.end ?? 0));
  if (fair && isNew) row.end = editCounters(tables).lane;
  row.lane = lane;
  if (!turn) {
    if (!goesOn || !fair) row.passed = pass(tables, row.passed, 1 / row.lanes);
  } else if (isNew || row.began === undefined) {
    row.before = row.began ?? lane;
    row.began = nextTurn(tables);
    row.size = row.lanes;
    row.used = 1;
  } else if (!goesOn) {
    nextTurn(tables);
    row.used = (row.used ?? 0) + 1;
  }
}

/** A job without a key was handed out while keys have turns: those of its set and priority have had theirs. */
export function usePlainTurn(tables: SluiceTables, round: Round): void {
  const plain = nextTurn(tables);
  const row = tables.rounds.edit([...round]);
  if (row !== undefined) row.plain = plain;
  else tables.rounds.insert([...round], { ...emptyRound(tables), plain });
}

/** The number of a turn that begins. */
function nextTurn(tables: SluiceTables): number {
  const counters = editCounters(tables);
  counters.lane += 1;
  return counters.lane;
}

/**
 * About when the lane whose turn comes next had its last one: as the round before began, if it is the first of its round; as this one began,
 * if it is the first of the next one. Where none had one, it is as when it came.
 */
export function lastTurn(row: RoundRow, next: number): number {
  const { began, before = 0, used = 0, size = 1 } = row;
  return began === undefined ? next : before + (began - before) * Math.min(1, used / size);
}

/** When the jobs without a key of a set and priority had their last turn, or the set came. */
export const lastPlainTurn = (row: RoundRow | undefined, set: number): number => row?.plain ?? set;

/** Shares of a round are fractions, so that a sum of them is not exact. */
const ROUNDING = 1e-6;

/** Whether a round has gone less far than another. */
export const isLess = (a: number, b: number): boolean => a < b - ROUNDING;

/** How far a round has gone after a share of it. One that nobody asked for lately is never more than a round behind. */
export function pass(tables: SluiceTables, passed: number, share: number): number {
  const counters = editCounters(tables);
  const from = Math.max(passed, counters.passed - 1);
  counters.passed = Math.max(counters.passed, from);
  return from + share;
}
