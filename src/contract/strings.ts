/**
 * What happens to strings.
 * Invariant: as `names.ts` has it.
 */

/** The facts of each event about strings. */
export interface StringEvents {
  /** A name has this value, whatever it named before; until a time, if one is given or it had one that it keeps. */
  "string.set": {
    name: string;
    value: string;
    until?: number | undefined;
    keep?: true | undefined;
  };
  /** From an offset on a string has other bytes, and zero bytes between its end and the offset. */
  "string.patched": { name: string; offset: number; value: string };
}
