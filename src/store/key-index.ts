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

  /** The hashes of the keys, in order. */
  get hashes(): Float64Array {
    return this.#hashes;
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

/** Bits of a filter for each key, at least: then one new key in seventy is looked for in vain. */
const filterBits = 16;

/** Tells of most keys that no sealed segment has them: a Bloom filter of two bits a key. */
export class KeyFilter {
  /** A power of two of bits, in words of 32. */
  readonly #words: Uint32Array;

  constructor(segments: readonly SealedKeys[]) {
    const count = segments.reduce((sum, { hashes }) => sum + hashes.length, 0);
    const words = Math.max(1, (count * filterBits) / 32);
    this.#words = new Uint32Array(2 ** Math.ceil(Math.log2(words)));
    for (const { hashes } of segments) {
      for (const hash of hashes) {
        this.#set(hash);
        this.#set(secondOf(hash));
      }
    }
  }

  /** Whether a segment may have the key; false is certain. */
  mayHave(hash: number): boolean {
    return this.#has(hash) && this.#has(secondOf(hash));
  }

  #set(bits: number): void {
    const word = this.#wordOf(bits);
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (bits % 32));
  }

  #has(bits: number): boolean {
    return ((this.#words[this.#wordOf(bits)] ?? 0) & (1 << (bits % 32))) !== 0;
  }

  #wordOf(bits: number): number {
    return Math.floor(bits / 32) % this.#words.length;
  }
}

/** The upper half of a hash of 52 bits: as good as another hash, for up to 2^26 bits. */
const secondOf = (hash: number): number => Math.floor(hash / 2 ** 26);
