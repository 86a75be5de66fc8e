/**
 * What happens to lists.
 * Invariant: as `names.ts` has it; a list without elements is not there.
 */

export type ListEnd = "left" | "right";

/** The facts of each event about lists. */
export interface ListEvents {
  /** Values were pushed one after another; they stand one behind the other, each as long as `lengths` says. */
  "list.pushed": { name: string; end: ListEnd; values: string; lengths: readonly number[] };
  "list.popped": { name: string; end: ListEnd; count: number };
  "list.set": { name: string; index: number; value: string };
  /** A value stands before the one that was at the index. */
  "list.inserted": { name: string; index: number; value: string };
  /** The values at these indexes are gone; the indexes rise. */
  "list.removed": { name: string; indexes: readonly number[] };
  /** Only so many values from an index on are left, at least one. */
  "list.trimmed": { name: string; from: number; count: number };
}
