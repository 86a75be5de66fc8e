/**
 * Where idempotency keys stand in the log: hashes of keys with the index of their entry, in little memory.
 * Invariant: every key of a segment is found; what is found is only a candidate, to be confirmed in the entry.
 */
import { limits } from "../contract/limits.ts";

/** Bytes per key in a sealed segment: an 8-byte hash and a 4-byte offset from the segment's first index. */
const keyBytes = 12;

/** Most keys that a sealed segment's row can hold, by the limit of a stored blob. */
export const sealedKeysMax = Math.floor(limits.rowBytesMax / keyBytes);

/**
 * A 52-bit hash of a key, from two multiplicative hashes of 32 and 20 bits. It need not resist an attacker: hits are confirmed.
 */
export function hashKey(key: string): number {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < key.length; i += 1) {
    const unit = key.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b + unit, 0x85ebca6b);
    b ^= b >>> 15;
  }
  a ^= a >>> 16;
  a = Math.imul(a, 0xc2b2ae35);
  b ^= b >>> 13;
  return ((a ^ (a >>> 15)) >>> 0) * 2 ** 20 + ((Math.imul(b, 0x27d4eb2f) ^ a) >>> 12);
}

/** The keys of the open segment. */
export class OpenKeys {
  readonly #indexes = new Map<number, number[]>();

  add(key: string, index: number): void {
    const hash = hashKey(key);
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
