/**
 * Finding the answer kept under an idempotency key, in the entries that hold it.
 * Invariant: only the open segment's keys are in memory, and what an index finds is confirmed in the entry.
 */
import { hash52 } from "../contract/hash.ts";
import { type Entry, LogCorrupt } from "./chain.ts";
import type { KeptAnswer } from "./entry.ts";
import { decodeKeys, EntryUnreadable } from "./entry.ts";
import { OpenKeys, SealedKeys } from "./key-index.ts";
import type { SegmentList } from "./segment-list.ts";
import type { Segment } from "./segments.ts";
import * as rows from "./segments.ts";
import type { Sql } from "./sql.ts";

/** A kept answer, found by its idempotency key. */
export interface KeyHit {
  readonly index: number;
  readonly bodyHash: string;
  readonly answer: string;
}

/** The keys of an entry of the log. Throws LogCorrupt where they cannot be read. */
export function keysOf({ index, keys }: Pick<Entry, "index" | "keys">): KeptAnswer[] {
  try {
    return decodeKeys(keys);
  } catch (cause) {
    if (!(cause instanceof EntryUnreadable)) throw cause;
    throw new LogCorrupt(`log entry ${index}: ${cause.message}`, { cause, index });
  }
}

/** The idempotency keys of one log. */
export class LogKeys {
  readonly #sql: Sql;
  readonly #segments: SegmentList;
  /** Loaded when the first key is looked for. */
  #open: OpenKeys | undefined;
  readonly #sealed = new Map<number, SealedKeys>();

  constructor(sql: Sql, segments: SegmentList) {
    this.#sql = sql;
    this.#segments = segments;
  }

  /** The newest answer kept under a key by an entry behind `purged`. */
  find(key: string, purged: number): KeyHit | undefined {
    const hash = hash52(key);
    for (const segment of this.#segments.all.toReversed()) {
      for (const index of this.#keysOf(segment).find(hash)) {
        const kept = index > purged ? this.#confirm(segment, index, key) : undefined;
        if (kept !== undefined) return { index, bodyHash: kept[1], answer: kept[2] };
      }
    }
    return undefined;
  }

  /** Notes the keys of an entry that was appended. */
  add(answers: readonly KeptAnswer[], index: number): void {
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

  /** Forgets all that is in memory: segments went. */
  forget(): void {
    this.forgetOpen();
    this.#sealed.clear();
  }

  #keysOf(segment: Segment): OpenKeys | SealedKeys {
    if (!segment.isSealed) return this.#loadOpen(segment);
    const known = this.#sealed.get(segment.segment);
    if (known !== undefined) return known;
    const keys = new SealedKeys(segment.firstIndex, rows.readKeyHashes(this.#sql, segment.segment));
    this.#sealed.set(segment.segment, keys);
    return keys;
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

  #confirm({ segment }: Segment, index: number, key: string): KeptAnswer | undefined {
    const answers = keysOf({ index, keys: rows.readKeys(this.#sql, segment, index) });
    return answers.findLast((each) => each[0] === key);
  }
}
