/**
 * What happens to hashes.
 * Invariant: as `names.ts` has it; a hash without fields is not there.
 */

/** The facts of each event about hashes. */
export interface HashEvents {
  /** Fields have values, which stand one behind the other, each as long as `lengths` says. No field is there twice. */
  "hash.set": {
    name: string;
    fields: readonly string[];
    values: string;
    lengths: readonly number[];
  };
  /** Fields that were there are gone. */
  "hash.removed": { name: string; fields: readonly string[] };
}
