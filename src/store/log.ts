/**
 * The log: entries appended one after the other, read back by index, found by idempotency key, and dropped by whole segments.
 * Invariant: indexes run without a hole from purged + 1 to last; memory changes only after SQL has succeeded.
 */

import { hash52 } from "../contract/hash.ts";
import { limits } from "../contract/limits.ts";
import type { Anchor, Entry, LogId } from "./chain.ts";
import { anchorOf, hashOf, LogCorrupt } from "./chain.ts";
import type { EntryBody, KeptAnswer } from "./entry.ts";
import { decodeKeys } from "./entry.ts";
import { OpenKeys, SealedKeys } from "./key-index.ts";
import type { Segment } from "./segments.ts";
import * as rows from "./segments.ts";
import type { Sql } from "./sql.ts";
import { utf8Length } from "./sql.ts";

/** What is appended; the log adds index and hashes. */
export interface Draft extends EntryBody {
  readonly term: number;
  readonly incarnation: number;
  /** Epoch milliseconds, at least the last entry's. */
  readonly at: number;
}

/** Reading at or below the purged index: those entries are gone. */
export class LogPurged extends Error {
  override readonly name = "LogPurged";
  /** First index that can be read. */
  readonly first: number;

  constructor(first: number) {
    super(`the log begins at entry ${first}`);
    this.first = first;
  }
}

/** An entry larger than a row can be. */
export class EntryTooLarge extends Error {
  override readonly name = "EntryTooLarge";
}

/** Largest entry in bytes, hashes and numbers not counted. */
export const entryBytesMax: number = limits.rowBytesMax;

/** A kept answer, found by its idempotency key. */
export interface KeyHit {
  readonly index: number;
  readonly bodyHash: string;
  readonly answer: string;
}

/** When the open segment is sealed, looked at by each checkpoint. */
export interface SegmentLimits {
  readonly segmentBytesMax: number;
  readonly segmentKeysMax: number;
}

/** The log of one queue. */
export class Log {
  readonly #sql: Sql;
  #segments: Segment[];
  #purged: Anchor;
  #last: Anchor;
  /** Loaded when the first key is looked for. */
  #openKeys: OpenKeys | undefined;
  readonly #sealedKeys = new Map<number, SealedKeys>();

  private constructor(sql: Sql, segments: Segment[], purged: Anchor) {
    this.#sql = sql;
    this.#segments = segments;
    this.#purged = purged;
    this.#last = segments.at(-1)?.last ?? purged;
  }

  /** A log without entries, whose next entry follows `purged`. Writes nothing. */
  static empty(sql: Sql, purged: Anchor): Log {
    return new Log(sql, [], purged);
  }

  /** Opens a stored log. Throws LogCorrupt when tables and segment rows do not agree. */
  static open(sql: Sql, purged: Anchor, tables: Iterable<string>): Log {
    const segments = rows.readSegments(sql);
    const expected = new Set(segments.map((each) => rows.segmentTable(each.segment)));
    const found = new Set([...tables].filter(rows.isSegmentTable));
    const isOdd = (each: string) => !(expected.has(each) && found.has(each));
    const odd = [...expected, ...found].filter(isOdd);
    if (odd.length > 0) throw new LogCorrupt(`segment tables missing or unknown: ${odd.join()}`);
    for (const segment of segments) checkExtent(sql, segment);
    const first = segments[0]?.firstIndex ?? purged.index + 1;
    if (first > purged.index + 1) throw new LogCorrupt(`no entries from ${purged.index + 1} on`);
    const log = new Log(sql, segments, purged);
    log.#readLast();
    return log;
  }

  get last(): Anchor {
    return this.#last;
  }

  get purged(): Anchor {
    return this.#purged;
  }

  /** Size of the retained segments in bytes. */
  get bytes(): number {
    return this.#segments.reduce((sum, each) => sum + each.bytes, 0);
  }

  /** Time of the oldest retained entry, 0 while there is none. */
  get firstAt(): number {
    return this.#segments[0]?.firstAt ?? 0;
  }

  /** Number of retained segments. */
  get segments(): number {
    return this.#segments.length;
  }

  /**
   * Appends one entry: one row, or a few where it begins a segment. `alongside` writes what must be stored together with it.
   * Throws EntryTooLarge, or RangeError for a term or time before the last entry's; then nothing has changed.
   */
  append(draft: Draft, alongside?: () => void): Entry {
    const last = this.#last;
    if (draft.term < last.term) throw new RangeError(`term ${draft.term} after ${last.term}`);
    if (draft.at < last.at) throw new RangeError(`time ${draft.at} after ${last.at}`);
    const bytes = sizeOf(draft);
    if (bytes > entryBytesMax) throw new EntryTooLarge(`an entry of ${bytes} bytes`);
    const unsigned = { ...draft, index: last.index + 1, prevHash: last.hash };
    const entry: Entry = { ...unsigned, hash: hashOf(unsigned) };
    const answers = decodeKeys(entry.keys);
    const open = this.#openSegment;
    const segment = open ?? this.#newSegment(entry);
    if (open !== undefined && alongside === undefined) {
      rows.insertEntry(this.#sql, segment.segment, entry);
    } else {
      this.#sql.transaction(() => {
        alongside?.();
        if (open === undefined) rows.createSegment(this.#sql, segment);
        rows.insertEntry(this.#sql, segment.segment, entry);
      });
    }
    if (open === undefined) this.#segments.push(segment);
    this.#last = anchorOf(entry);
    this.#count(bytes, answers.length);
    for (const [key] of answers) this.#openKeys?.add(key, entry.index);
    return entry;
  }

  /** Counts an entry of the tail, which the open segment's row does not count yet. Only while the store opens. */
  recount(entry: Entry): void {
    this.#count(sizeOf(entry), decodeKeys(entry.keys).length);
  }

  /**
   * Entries from an index on, to `to` included, as many as fit `maxBytes` but at least one if there is one. Throws LogPurged
   * for what is gone, and LogCorrupt for a hole.
   */
  entries(range: { from: number; to?: number; maxBytes: number }): Entry[] {
    if (range.from <= this.#purged.index) throw new LogPurged(this.#purged.index + 1);
    const to = Math.min(range.to ?? this.#last.index, this.#last.index);
    const entries: Entry[] = [];
    let room = range.maxBytes;
    for (let next = range.from; next <= to; ) {
      const page = this.#sizes(next, to);
      let end = next;
      for (const [, bytes] of page) {
        if (bytes > room && (end > range.from || entries.length > 0)) break;
        room -= bytes;
        end += 1;
      }
      if (end === next) break;
      entries.push(...rows.readEntries(this.#sql, this.#segmentOf(next).segment, next, end - 1));
      if (end < next + page.length) break;
      next = end;
    }
    return entries;
  }

  /** What a retry with this key should be answered, if its first answer is still in the log. */
  findKey(key: string): KeyHit | undefined {
    const hash = hash52(key);
    for (const segment of this.#segments.toReversed()) {
      for (const index of this.#keysOf(segment).find(hash)) {
        const kept = index > this.#purged.index ? this.#confirm(segment, index, key) : undefined;
        if (kept !== undefined) return { index, bodyHash: kept[1], answer: kept[2] };
      }
    }
    return undefined;
  }

  /** The anchor of a retained entry, or of the purged one. Throws LogPurged or LogCorrupt. */
  anchor(index: number): Anchor {
    if (index === this.#purged.index) return this.#purged;
    if (index < this.#purged.index) throw new LogPurged(this.#purged.index + 1);
    return anchorOf(rows.readHead(this.#sql, this.#segmentOf(index).segment, index));
  }

  /**
   * Forgets entries up to `upTo`, and drops the segments that hold no others; the last entry always stays. `writePurged`
   * stores the new anchor in the same transaction. Throws RangeError for a place that is not in the log.
   */
  purge(upTo: LogId, writePurged: (purged: Anchor) => void): void {
    if (upTo.index <= this.#purged.index) return;
    if (upTo.index >= this.#last.index)
      throw new RangeError(`purge to ${upTo.index}: not before last`);
    const purged = this.anchor(upTo.index);
    if (purged.term !== upTo.term)
      throw new RangeError(`entry ${upTo.index} has term ${purged.term}`);
    const dropped = this.#segments.filter((each) => each.isSealed && each.last.index <= upTo.index);
    this.#sql.transaction(() => {
      for (const { segment } of dropped) rows.dropSegment(this.#sql, segment);
      writePurged(purged);
    });
    this.#segments = this.#segments.slice(dropped.length);
    this.#purged = purged;
    for (const { segment } of dropped) this.#sealedKeys.delete(segment);
  }

  /** The place up to which `purge` would drop whole segments that are too old or too many; undefined if there is none. */
  purgeable(at: number, keep: { maxAgeMs: number; maxBytes: number }): LogId | undefined {
    let bytes = this.bytes;
    let upTo: LogId | undefined;
    for (const segment of this.#segments) {
      const isOld = segment.last.at < at - keep.maxAgeMs;
      if (!segment.isSealed || segment.last.index >= this.#last.index) break;
      if (!isOld && bytes <= keep.maxBytes) break;
      bytes -= segment.bytes;
      upTo = { term: segment.last.term, index: segment.last.index };
    }
    return upTo;
  }

  /**
   * Stores the open segment's figures, and seals it if it has reached a limit. To be called in the checkpoint's transaction;
   * the function returned is to be called when that has succeeded.
   */
  writeFigures(at: SegmentLimits): () => void {
    const open = this.#openSegment;
    if (open === undefined) return () => undefined;
    const isFull = open.bytes >= at.segmentBytesMax || open.keys >= at.segmentKeysMax;
    const hashes = isFull ? this.#loadOpenKeys(open).seal(open.firstIndex) : null;
    rows.updateSegment(this.#sql, open, hashes);
    return () => {
      if (!isFull) return;
      this.#segments = this.#segments.with(-1, { ...open, isSealed: true });
      this.#openKeys = undefined;
    };
  }

  get #openSegment(): Segment | undefined {
    const last = this.#segments.at(-1);
    return last?.isSealed ? undefined : last;
  }

  #newSegment(first: Entry): Segment {
    const segment = (this.#segments.at(-1)?.segment ?? 0) + 1;
    const firstIndex = first.index;
    const last = anchorOf(first);
    return { segment, firstIndex, firstAt: first.at, last, bytes: 0, keys: 0, isSealed: false };
  }

  /** Adds to the open segment's figures, which end at the last entry. */
  #count(bytes: number, keys: number): void {
    const open = this.#openSegment;
    if (open === undefined) throw new LogCorrupt("an entry is in no open segment");
    this.#segments = this.#segments.with(-1, {
      ...open,
      last: this.#last,
      bytes: open.bytes + bytes,
      keys: open.keys + keys,
    });
  }

  #segmentOf(index: number): Segment {
    const found = this.#segments.findLast((each) => each.firstIndex <= index);
    if (found === undefined) throw new LogCorrupt(`log entry ${index} is in no segment`);
    return found;
  }

  /** Sizes of consecutive entries from `from` on, in one segment. Throws LogCorrupt for a hole. */
  #sizes(from: number, to: number): [index: number, bytes: number][] {
    const { segment, last } = this.#segmentOf(from);
    const sizes = rows.readSizes(this.#sql, segment, from, Math.min(to, last.index));
    if (sizes.length === 0) throw new LogCorrupt(`log entry ${from} is missing`);
    for (const [i, [index]] of sizes.entries()) {
      if (index !== from + i) throw new LogCorrupt(`log entry ${from + i} is missing`);
    }
    return sizes;
  }

  #keysOf(segment: Segment): OpenKeys | SealedKeys {
    if (!segment.isSealed) return this.#loadOpenKeys(segment);
    const known = this.#sealedKeys.get(segment.segment);
    if (known !== undefined) return known;
    const keys = new SealedKeys(segment.firstIndex, rows.readKeyHashes(this.#sql, segment.segment));
    this.#sealedKeys.set(segment.segment, keys);
    return keys;
  }

  #loadOpenKeys({ segment, firstIndex }: Segment): OpenKeys {
    if (this.#openKeys !== undefined) return this.#openKeys;
    const keys = new OpenKeys();
    let next = firstIndex;
    for (;;) {
      const page = rows.readKeyedEntries(this.#sql, segment, next);
      for (const [index, json] of page) {
        for (const [key] of decodeKeys(json)) keys.add(key, index);
        next = index + 1;
      }
      if (page.length === 0) break;
    }
    this.#openKeys = keys;
    return keys;
  }

  #confirm({ segment }: Segment, index: number, key: string): KeptAnswer | undefined {
    const answers = decodeKeys(rows.readKeys(this.#sql, segment, index));
    return answers.findLast((each) => each[0] === key);
  }

  /** The open segment's row is as of the last checkpoint; its table knows the last entry. */
  #readLast(): void {
    const open = this.#openSegment;
    if (open === undefined) return;
    const extent = rows.readExtent(this.#sql, open.segment);
    if (extent === undefined) throw new LogCorrupt(`segment ${open.segment} has no entries`);
    this.#last = anchorOf(rows.readHead(this.#sql, open.segment, extent[1]));
    this.#segments = this.#segments.with(-1, { ...open, last: this.#last });
  }
}

/** A segment's table begins, and if it is sealed ends, where its row says. */
function checkExtent(sql: Sql, { segment, firstIndex, last, isSealed }: Segment): void {
  const extent = rows.readExtent(sql, segment);
  const isWhole = isSealed ? extent?.[1] === last.index : (extent?.[1] ?? 0) >= last.index;
  if (extent?.[0] !== firstIndex || !isWhole) {
    throw new LogCorrupt(`segment ${segment} has not the entries its row names`);
  }
}

function sizeOf({ keys, events, texts }: EntryBody): number {
  return utf8Length(keys) + utf8Length(events) + utf8Length(texts);
}
