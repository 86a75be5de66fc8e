/**
 * What happens to sets.
 * Invariant: as `names.ts` has it; a set without members is not there.
 */

/** The facts of each event about sets. */
export interface SetEvents {
  /** Members that were not there, none of them twice. */
  "set.added": { name: string; members: readonly string[] };
  /** Members that were there. */
  "set.removed": { name: string; members: readonly string[] };
}
