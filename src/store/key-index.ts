/**
 * Where idempotency keys stand in the log: hashes of keys with the index of their entry, in little memory.
 * Invariant: every key of a segment is found; what is found is only a candidate, to be confirmed in the entry.
 */
import { hash52 } from "../contract/hash.ts";
import { limits } from "../contract/limits.ts";

/** Bytes per key in a sealed segment: an 8-byte hash and a 4-byte offset from the segment's first index. */
const keyBytes = 12;

/** Most keys that a sealed segment's row can hold, by the limit of a stored blob. */
export const sealedKeysMax = Math.floor(limits.rowBytesMax / keyBytes);

/** The keys of the open segment. */
export class OpenKeys {
  readonly #indexes = new Map<number, number[]>();

  add(key: string, index: number): void {
    const hash = hash52(key);
    const known = this.#indexes.get(hash);
    if (known === undefined) this.#indexes.set(hash, [index]);
    else known.push(index);
  }

  /** Indexes of the entries that may hold the key, newest first. */
  find(hash: number): number[] {
    return (this.#indexes.get(hash) ?? []).toReversed();
  }

  /** The keys as a sealed segment stores them, little-endian: all hashes in order, then all offsets. */
  seal(firstIndex: number): Uint8Array {
    const hashes: number[] = [];
    for (const [hash, indexes] of this.#indexes) for (const _ of indexes) hashes.push(hash);
    const sorted = Float64Array.from(hashes).sort();
    const offsets = new Uint32Array(sorted.length);
    for (let i = 0; i < sorted.length; ) {
      for (const index of this.#indexes.get(sorted[i] ?? 0) ?? []) {
        offsets[i] = index - firstIndex;
        i += 1;
      }
    }
    const blob = new Uint8Array(sorted.byteLength + offsets.byteLength);
    blob.set(new Uint8Array(sorted.buffer));
    blob.set(new Uint8Array(offsets.buffer), sorted.byteLength);
    return blob;
  }
}

/** The keys of a sealed segment. */
export class SealedKeys {
  readonly #firstIndex: number;
  readonly #hashes: Float64Array;
  readonly #offsets: Uint32Array;

  constructor(firstIndex: number, blob: Uint8Array) {
    const count = Math.floor(blob.byteLength / keyBytes);
    // A copy, because typed arrays want their bytes aligned.
    const { buffer } = Uint8Array.from(blob);
    this.#firstIndex = firstIndex;
    this.#hashes = new Float64Array(buffer, 0, count);
    this.#offsets = new Uint32Array(buffer, count * 8, count);
  }

  /** Indexes of the entries that may hold the key, newest first. */
  find(hash: number): number[] {
    const found: number[] = [];
    for (let i = this.#lowerBound(hash); this.#hashes[i] === hash; i += 1) {
      found.push(this.#firstIndex + (this.#offsets[i] ?? 0));
    }
    return found.reverse();
  }

  #lowerBound(hash: number): number {
    let low = 0;
    let high = this.#hashes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#hashes[middle] ?? 0) < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
