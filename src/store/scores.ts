/**
 * Scores of sorted sets: as numbers, as JSON has them, and as a part of a key.
 * Invariant: places sort as scores do, and scores that are equal have one place.
 */
import type { Score } from "../contract/sorted-sets.ts";
import { fromSortableHex, sortableHex } from "./key-columns.ts";

/** A number as JSON has it. It is not NaN. */
export function scoreOf(value: number): Score {
  if (Number.isFinite(value)) return value === 0 ? 0 : value;
  return value > 0 ? "inf" : "-inf";
}

/** The number that a score is. */
export function numberOf(score: Score): number {
  if (typeof score === "number") return score;
  return score === "inf" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}

/** Where a number stands among scores. */
export const placeOf = (value: number): string => sortableHex(value === 0 ? 0 : value);

/** Where a score stands. */
export const placeOfScore = (score: Score): string => placeOf(numberOf(score));

/** The number that stands at a place. */
export const numberAt = (place: string): number => fromSortableHex(place);
