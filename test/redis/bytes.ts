/**
 * Bytes for the tests of the Redis gate.
 * Invariant: a seed gives the same bytes, cut in the same places, everywhere.
 */
import { Buffer } from "node:buffer";

/** A binary string as bytes. */
export const bytes = (binary: string): Uint8Array => Buffer.from(binary, "latin1");

/** A stream of numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A text in slices of up to `longest` bytes. */
export function slices(text: string, random: () => number, longest: number): Uint8Array[] {
  const cut: Uint8Array[] = [];
  for (let at = 0; at < text.length; ) {
    const end = at + 1 + Math.floor(random() * longest);
    cut.push(bytes(text.slice(at, end)));
    at = end;
  }
  return cut;
}
