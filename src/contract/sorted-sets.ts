/**
 * What happens to sorted sets.
 * Invariant: as `names.ts` has it; a sorted set without members is not there.
 */

/** A score as JSON has it, which knows no infinity. A zero has no sign. */
export type Score = number | "inf" | "-inf";

/** The facts of each event about sorted sets. */
export interface SortedSetEvents {
  /** Members, none of them twice, and their scores. */
  "zset.put": { name: string; members: readonly string[]; scores: readonly Score[] };
  /** Members that were there are gone. */
  "zset.removed": { name: string; members: readonly string[] };
}
