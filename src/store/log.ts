/**
 * The log: entries appended one after the other, cut off at either end, and found by idempotency key; vote and committed id.
 * Invariant: indexes run without a hole from purged + 1 to last; memory changes only after SQL has succeeded.
 */
import { limits } from "../contract/limits.ts";
import type { Anchor, Entry, LogId } from "./chain.ts";
import { hashOf } from "./chain.ts";
import type { EntryBody, KeptAnswer } from "./entry.ts";
import { decodeKeys } from "./entry.ts";
import type { HardState, HardStateRow } from "./hard-state.ts";
import { type AnswersOf, type KeyHit, LogKeys } from "./log-keys.ts";
import { SegmentReader } from "./log-reader.ts";
import * as rows from "./log-rows.ts";
import type { Draft, LogStorage, RaftRule, Settle, Vote } from "./raft.ts";
import { RaftRefusal } from "./raft.ts";
import { SegmentList } from "./segment-list.ts";
import type { Segment } from "./segments.ts";
import { createSegment, dropSegment, updateSegment } from "./segments.ts";
import type { Sql } from "./sql.ts";
import { utf8Length } from "./sql.ts";

/** An entry larger than a row can be. */
export class EntryTooLarge extends Error {
  override readonly name = "EntryTooLarge";
}

/** Largest entry in bytes, hashes and numbers not counted. */
export const entryBytesMax: number = limits.rowBytesMax;

/** When the open segment is sealed, looked at by each checkpoint. */
export interface SegmentLimits {
  readonly segmentBytesMax: number;
  readonly segmentKeysMax: number;
}

/** An entry about to be appended, with what it comes to. */
interface Linked {
  readonly entry: Entry;
  readonly bytes: number;
  readonly answers: readonly KeptAnswer[];
}

/** The log of one queue. */
export class Log extends SegmentReader implements LogStorage {
  readonly #keys: LogKeys;

  private constructor(sql: Sql, state: HardStateRow, list: SegmentList) {
    super(sql, state, list);
    this.#keys = new LogKeys(sql, list);
  }

  /**
   * Opens a log; `tables` are those of the database. Writes nothing. Throws LogCorrupt when what is stored of the log
   * contradicts itself.
   */
  static open(sql: Sql, state: HardStateRow, tables: Iterable<string>): Log {
    const { purged } = state;
    const list = state.isStored ? SegmentList.read(sql, purged, tables) : new SegmentList(purged);
    return new Log(sql, state, list);
  }

  /** Size of the retained segments in bytes. */
  get bytes(): number {
    return this.list.bytes;
  }

  /** Bytes appended since the last checkpoint. */
  get tailBytes(): number {
    return this.list.tailBytes;
  }

  /** Time of the oldest retained entry, 0 while there is none. */
  get firstAt(): number {
    return this.list.all[0]?.firstAt ?? 0;
  }

  /** Time of the last entry of the oldest segment, where it may be dropped: it is sealed, and not the last one. */
  get oldestGoneAt(): number | undefined {
    const [oldest] = this.list.all;
    const mayGo = oldest?.isSealed && oldest.last.index < this.last.index;
    return mayGo ? oldest.last.at : undefined;
  }

  /** Number of retained segments. */
  get segments(): number {
    return this.list.all.length;
  }

  saveVote(vote: Vote): void {
    this.state.save({ vote });
  }

  saveCommitted(committed: LogId | null): void {
    this.state.save({ committed });
  }

  readCommitted(): LogId | null {
    return this.state.known?.committed ?? null;
  }

  /** Appends entries: one row each, or a few more where they begin a segment. */
  append(drafts: readonly Draft[]): Entry[] {
    const linked = this.#link(drafts);
    const [first] = linked;
    if (first === undefined) return [];
    const { open } = this.list;
    const segment = open ?? this.list.next(first.entry);
    if (open !== undefined && linked.length === 1) {
      rows.insertEntry(this.sql, segment.segment, first.entry);
    } else {
      this.sql.transaction(() => this.#writeAll(segment, linked))();
    }
    for (const { entry, bytes, answers } of linked) {
      this.list.add(segment, entry, { bytes, keys: answers.length });
      this.#keys.add(answers, entry.index);
    }
    return linked.map(({ entry }) => entry);
  }

  truncateAfter(last: LogId | null): void {
    const { index } = last ?? this.purged;
    if (index >= this.last.index) return;
    const end = this.#existing(last ?? this.purged);
    const kept = this.list.all.filter((each) => each.firstIndex <= index);
    const dropped = this.list.all.slice(kept.length);
    const cut = kept.at(-1);
    const remaining = this.sql.transaction(() => {
      for (const { segment } of dropped) dropSegment(this.sql, segment);
      if (cut === undefined || cut.last.index <= index) return kept;
      return [...kept.slice(0, -1), this.#writeCut(cut, end)];
    });
    this.list.endAt(end, remaining);
    this.#keys.forget();
  }

  purge(upTo: LogId): void {
    if (upTo.index <= this.purged.index) return;
    this.sql.transaction(() => this.writePurge(upTo))();
  }

  /** Writes a purge, to be called in a transaction. Entries go with their segment: until it is dropped they are only hidden. */
  writePurge(upTo: LogId): Settle {
    const { last } = this;
    if (upTo.index > last.index) {
      if (upTo.term < last.term) refuse("log_id_unknown", `term ${upTo.term} after ${last.term}`);
      return this.writeRestart({ ...last, ...upTo, hash: "" });
    }
    const purged = this.#existing(upTo);
    const isGone = (each: Segment) => each.isSealed && each.last.index <= upTo.index;
    const dropped = this.list.all.filter(isGone);
    for (const { segment } of dropped) dropSegment(this.sql, segment);
    const settle = this.state.write({ purged });
    return () => {
      settle();
      this.list.dropFirst(dropped.length);
      this.#keys.drop(dropped);
    };
  }

  /**
   * Empties the log, to go on behind a place as if all before it was purged, and changes hard state with it. To be called in a
   * transaction.
   */
  writeRestart(purged: Anchor, changes: Partial<HardState> = {}): Settle {
    for (const { segment } of this.list.all) dropSegment(this.sql, segment);
    const settle = this.state.write({ ...changes, purged });
    return () => {
      settle();
      this.list.endAt(purged, []);
      this.#keys.forget();
    };
  }

  /** What a retry with this key should be answered, if its first answer is still in the log; `atHand` is an entry that may keep it. */
  findKey(key: string, atHand?: AnswersOf): KeyHit | undefined {
    return this.#keys.find(key, this.purged.index, atHand);
  }

  /** The place up to which `purge` would drop whole segments that are too old or too many; undefined if there is none. */
  purgeable(at: number, keep: { maxAgeMs: number; maxBytes: number }): LogId | undefined {
    let bytes = this.bytes;
    let upTo: LogId | undefined;
    for (const segment of this.list.all) {
      const isOld = segment.last.at < at - keep.maxAgeMs;
      if (!segment.isSealed || segment.last.index >= this.last.index) break;
      if (!isOld && bytes <= keep.maxBytes) break;
      bytes -= segment.bytes;
      upTo = { term: segment.last.term, index: segment.last.index };
    }
    return upTo;
  }

  /** Stores the open segment's figures, and seals it if it has reached a limit. To be called in the checkpoint's transaction. */
  writeFigures(at: SegmentLimits): Settle {
    const { open } = this.list;
    if (open === undefined) return () => undefined;
    const isFull = open.bytes >= at.segmentBytesMax || open.keys >= at.segmentKeysMax;
    updateSegment(this.sql, open, isFull ? this.#keys.seal(open) : null);
    return () => {
      this.list.counted(isFull);
      if (isFull) this.#keys.forgetOpen();
    };
  }

  #link(drafts: readonly Draft[]): Linked[] {
    let before = this.last;
    return drafts.map((draft) => {
      const linked = link(before, draft);
      before = linked.entry;
      return linked;
    });
  }

  #writeAll(segment: Segment, linked: readonly Linked[]): Settle {
    const settle = this.state.isStored ? () => undefined : this.state.write();
    if (this.list.open === undefined) createSegment(this.sql, segment);
    for (const { entry } of linked) rows.insertEntry(this.sql, segment.segment, entry);
    return settle;
  }

  /** Cuts a segment off behind its new last entry: it is open again. */
  #writeCut({ segment, firstIndex, firstAt }: Segment, last: Anchor): Segment {
    rows.deleteEntriesAfter(this.sql, segment, last.index);
    const figures = rows.countEntries(this.sql, segment, firstIndex);
    const cut = { segment, firstIndex, firstAt, last, ...figures, isSealed: false };
    updateSegment(this.sql, cut, null);
    return cut;
  }

  /** The anchor of a place that a caller names. Throws RaftRefusal where the log has another entry there. */
  #existing({ term, index }: LogId): Anchor {
    const anchor = this.anchor(index);
    if (anchor.term !== term) refuse("log_id_unknown", `entry ${index} has term ${anchor.term}`);
    return anchor;
  }
}

function link(before: Anchor, draft: Draft): Linked {
  const { index = before.index + 1, term, at } = draft;
  if (index !== before.index + 1) refuse("append_order", `entry ${index} after ${before.index}`);
  if (term < before.term) refuse("append_term", `term ${term} after ${before.term}`);
  if (at < before.at) refuse("append_time", `time ${at} after ${before.at}`);
  const bytes = sizeOf(draft);
  if (bytes > entryBytesMax) throw new EntryTooLarge(`an entry of ${bytes} bytes`);
  const unsigned = { ...draft, index, prevHash: before.hash };
  const entry: Entry = { ...unsigned, hash: hashOf(unsigned) };
  return { entry, bytes, answers: decodeKeys(entry.keys) };
}

function sizeOf({ keys, events, texts }: EntryBody): number {
  return utf8Length(keys) + utf8Length(events) + utf8Length(texts);
}

function refuse(rule: RaftRule, reason: string): never {
  throw new RaftRefusal(rule, reason);
}
