/**
 * How turns go round: in which rounds lanes have them, and how far each round has gone.
 * Invariant: in a round each lane has one turn, in the order of their numbers; of two rounds of one priority none is a round ahead.
 */
import type { KeyLane, Round } from "./keys.ts";
import { editCounters } from "./queue.ts";
import type { SluiceTables } from "./schema.ts";

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
  if (row !== undefined) {
    row.lanes += 1;
    return;
  }
  // It begins where the others are.
  const { passed } = editCounters(tables);
  tables.rounds.insert([set, priority], { lanes: 1, lane: 0, left: 0, passed });
}

export function leaveRound(tables: SluiceTables, [set, priority]: Round, lane: number): void {
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
export function useTurn(
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
