/**
 * Where idempotency keys stand in the log: hashes of keys with the index of their entry, in little memory.
 * Invariant: every key of a segment is found; what is found is only a candidate, to be confirmed in the entry.
 */
import { hash52 } from "../contract/hash.ts";

/** Bytes per key in a sealed segment: an 8-byte hash and a 4-byte offset from the segment's first index. */
export const keyBytes = 12;

/** Slots of an empty table of open keys; it doubles when it is half full. */
const slotsMin = 1024;

/**
 * The keys of the open segment: a hash table in two typed arrays, so that a hundred thousand keys are nothing for the garbage
 * collector to walk over.
 */
export class OpenKeys {
  #hashes = new Float64Array(slotsMin).fill(-1);
  #indexes = new Float64Array(slotsMin);
  #count = 0;

  add(key: string, index: number): void {
    if (2 * this.#count >= this.#hashes.length) this.#grow();
    this.#put(hash52(key), index);
  }

  /** Indexes of the entries that may hold the key, newest first. */
  find(hash: number): number[] {
    const found: number[] = [];
    for (let slot = this.#slotOf(hash); this.#hashes[slot] !== -1; slot = this.#next(slot)) {
      if (this.#hashes[slot] === hash) found.push(this.#indexes[slot] ?? 0);
    }
    return found.length < 2 ? found : found.sort((a, b) => b - a);
  }

  /** The keys as a sealed segment stores them, little-endian: all hashes in order, then all offsets. */
  seal(firstIndex: number): Uint8Array {
    const slots = [...this.#hashes.keys()].filter((slot) => this.#hashes[slot] !== -1);
    const hashOf = (slot: number) => this.#hashes[slot] ?? 0;
    const indexOf = (slot: number) => this.#indexes[slot] ?? 0;
    slots.sort((a, b) => hashOf(a) - hashOf(b) || indexOf(a) - indexOf(b));
    const hashes = Float64Array.from(slots, hashOf);
    const offsets = Uint32Array.from(slots, (slot) => indexOf(slot) - firstIndex);
    const blob = new Uint8Array(hashes.byteLength + offsets.byteLength);
    blob.set(new Uint8Array(hashes.buffer));
    blob.set(new Uint8Array(offsets.buffer), hashes.byteLength);
    return blob;
  }

  #put(hash: number, index: number): void {
    let slot = this.#slotOf(hash);
    while (this.#hashes[slot] !== -1) slot = this.#next(slot);
    this.#hashes[slot] = hash;
    this.#indexes[slot] = index;
    this.#count += 1;
  }

  #grow(): void {
    const [hashes, indexes] = [this.#hashes, this.#indexes];
    this.#hashes = new Float64Array(2 * hashes.length).fill(-1);
    this.#indexes = new Float64Array(2 * hashes.length);
    this.#count = 0;
    for (const [slot, hash] of hashes.entries())
      if (hash !== -1) this.#put(hash, indexes[slot] ?? 0);
  }

  /** The number of slots is a power of two, and the low bits of a hash are well mixed. */
  #slotOf(hash: number): number {
    return hash % this.#hashes.length;
  }

  #next(slot: number): number {
    return slot + 1 === this.#hashes.length ? 0 : slot + 1;
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
