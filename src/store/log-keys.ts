/**
 * Finding the answer kept under an idempotency key, in the entries that hold it.
 * Invariant: of keys only hashes stay in memory, beside the answers of few entries; what an index finds is confirmed in the entry.
 */
import { hash52 } from "../contract/hash.ts";
import { type Entry, LogCorrupt } from "./chain.ts";
import type { KeptAnswer } from "./entry.ts";
import { decodeKeys, EntryUnreadable } from "./entry.ts";
import { KeyFilter, OpenKeys, SealedKeys } from "./key-index.ts";
import * as rows from "./log-rows.ts";
import type { SegmentList } from "./segment-list.ts";
import type { Segment } from "./segments.ts";
import { readKeyHashes } from "./segments.ts";
import type { Sql } from "./sql.ts";

/** A kept answer, found by its idempotency key. */
export interface KeyHit {
  readonly index: number;
  readonly bodyHash: string;
  readonly answer: string;
}

/** The answers that an entry keeps, by their keys; of a key that it has twice, the later one. */
export interface AnswersOf {
  readonly index: number;
  readonly answers: ReadonlyMap<string, KeptAnswer>;
}

/** Characters of entries whose answers are held: twenty batches of a thousand long keys. */
const heldUnitsMax = 8 * 1024 * 1024;

/** The keys of an entry of the log. Throws LogCorrupt where they cannot be read. */
export function keysOf({ index, keys }: Pick<Entry, "index" | "keys">): KeptAnswer[] {
  try {
    return decodeKeys(keys);
  } catch (cause) {
    if (!(cause instanceof EntryUnreadable)) throw cause;
    throw new LogCorrupt(`log entry ${index}: ${cause.message}`, { cause, index });
  }
}

/** The answers of an entry of the log. Throws LogCorrupt where they cannot be read. */
export function answersOf(entry: Pick<Entry, "index" | "keys">): AnswersOf {
  const answers = new Map(keysOf(entry).map((each) => [each[0], each]));
  return { index: entry.index, answers };
}

/** The idempotency keys of one log. */
export class LogKeys {
  readonly #sql: Sql;
  readonly #segments: SegmentList;
  /** Loaded when the first key is looked for. */
  #open: OpenKeys | undefined;
  readonly #sealed = new Map<number, SealedKeys>();
  /** Of the sealed segments in memory: a day's log has fifty of them, and a new key is in none. */
  #filter = new KeyFilter([]);
  /** The entries that keys were found in since the last append: a batch that is sent again asks one of them a thousand times. */
  readonly #held = new Map<number, AnswersOf>();
  #heldUnits = 0;

  constructor(sql: Sql, segments: SegmentList) {
    this.#sql = sql;
    this.#segments = segments;
  }

  /** The newest answer kept under a key by an entry behind `purged`; of one that is at hand, the answers are not read again. */
  find(key: string, purged: number, atHand?: AnswersOf): KeyHit | undefined {
    const hash = hash52(key);
    const { all, open } = this.#segments;
    const isPerhapsSealed = this.#readSealed().mayHave(hash);
    for (const segment of isPerhapsSealed ? all.toReversed() : open === undefined ? [] : [open]) {
      for (const index of this.#keysOf(segment).find(hash)) {
        if (index <= purged) continue;
        const entry = index === atHand?.index ? atHand : this.#entryOf(segment, index);
        const kept = entry.answers.get(key);
        if (kept !== undefined) return { index, bodyHash: kept[1], answer: kept[2] };
      }
    }
    return undefined;
  }

  /** Notes the keys of an entry that was appended, and forgets what was held for those before. */
  add(answers: readonly KeptAnswer[], index: number): void {
    this.#release();
    for (const [key] of answers) this.#open?.add(key, index);
  }

  /** The open segment's keys as it stores them when it is sealed. */
  seal(open: Segment): Uint8Array {
    return this.#loadOpen(open).seal(open.firstIndex);
  }

  /** Forgets the open segment's keys: it was sealed. */
  forgetOpen(): void {
    this.#open = undefined;
  }

  /** Forgets those of sealed segments that were dropped. That the filter still passes them is harmless, until the next one is sealed. */
  drop(segments: readonly Segment[]): void {
    for (const { segment } of segments) this.#sealed.delete(segment);
  }

  /** Forgets all that is in memory: the log is another. */
  forget(): void {
    this.forgetOpen();
    this.#release();
    this.#sealed.clear();
    this.#filter = new KeyFilter([]);
  }

  #keysOf(segment: Segment): OpenKeys | SealedKeys {
    return this.#sealed.get(segment.segment) ?? this.#loadOpen(segment);
  }

  /** Reads the keys of the sealed segments that are not in memory yet. */
  #readSealed(): KeyFilter {
    const { all, open } = this.#segments;
    if (this.#sealed.size === all.length - (open === undefined ? 0 : 1)) return this.#filter;
    for (const { segment, firstIndex, isSealed } of all) {
      if (!isSealed || this.#sealed.has(segment)) continue;
      this.#sealed.set(segment, new SealedKeys(firstIndex, readKeyHashes(this.#sql, segment)));
    }
    this.#filter = new KeyFilter([...this.#sealed.values()]);
    return this.#filter;
  }

  #loadOpen({ segment, firstIndex }: Segment): OpenKeys {
    if (this.#open !== undefined) return this.#open;
    const keys = new OpenKeys();
    let next = firstIndex;
    for (;;) {
      const page = rows.readKeyedEntries(this.#sql, segment, next);
      for (const [index, json] of page) {
        for (const [key] of keysOf({ index, keys: json })) keys.add(key, index);
        next = index + 1;
      }
      if (page.length === 0) break;
    }
    this.#open = keys;
    return keys;
  }

  #entryOf({ segment }: Segment, index: number): AnswersOf {
    const held = this.#held.get(index);
    if (held !== undefined) return held;
    const keys = rows.readKeys(this.#sql, segment, index);
    const entry = answersOf({ index, keys });
    if (this.#heldUnits + keys.length > heldUnitsMax) this.#release();
    this.#held.set(index, entry);
    this.#heldUnits += keys.length;
    return entry;
  }

  #release(): void {
    this.#held.clear();
    this.#heldUnits = 0;
  }
}
