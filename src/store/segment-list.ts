/**
 * What is known of the log's segments and its last entry, in memory.
 * Invariant: it is what a reader of SQLite would find, with the figures of the open segment brought up to date.
 */
import type { Anchor } from "./chain.ts";
import { anchorOf, LogCorrupt } from "./chain.ts";
import type { Figures } from "./log-rows.ts";
import * as rows from "./log-rows.ts";
import type { Segment } from "./segments.ts";
import { readSegments } from "./segments.ts";
import type { Sql } from "./sql.ts";

/** The segments of one log, in order; only the last may be open. */
export class SegmentList {
  #segments: Segment[];
  #last: Anchor;
  /** Bytes that the open segment's row does not count yet: those of the log's tail. */
  #tailBytes = 0;

  /** The list of a log that has no entries behind `purged`. */
  constructor(purged: Anchor, segments: Segment[] = []) {
    this.#segments = segments;
    this.#last = segments.at(-1)?.last ?? purged;
  }

  /** Reads the list. Throws LogCorrupt when tables and segment rows do not agree. */
  static read(sql: Sql, purged: Anchor, tables: Iterable<string>): SegmentList {
    const segments = readSegments(sql);
    checkTables(sql, segments, tables);
    for (const segment of segments) checkExtent(sql, segment);
    const first = segments[0]?.firstIndex ?? purged.index + 1;
    if (first > purged.index + 1) {
      const index = purged.index + 1;
      throw new LogCorrupt(`no entries from ${index} on`, { index });
    }
    const list = new SegmentList(purged, segments);
    list.#readOpen(sql);
    if (list.last.index < purged.index) {
      const what = `the log ends at ${list.last.index}, and was purged to ${purged.index}`;
      throw new LogCorrupt(what, { index: list.last.index + 1 });
    }
    return list;
  }

  get all(): readonly Segment[] {
    return this.#segments;
  }

  /** The last entry, or the place that the next one follows. */
  get last(): Anchor {
    return this.#last;
  }

  /** Size of the segments in bytes. */
  get bytes(): number {
    return this.#segments.reduce((sum, each) => sum + each.bytes, 0);
  }

  /** Bytes appended since the last checkpoint. */
  get tailBytes(): number {
    return this.#tailBytes;
  }

  /** The segment that takes the next entry; undefined where that begins one. */
  get open(): Segment | undefined {
    const last = this.#segments.at(-1);
    return last?.isSealed ? undefined : last;
  }

  /** The segment of an entry. Throws LogCorrupt where there is none. */
  of(index: number): Segment {
    const found = this.#segments.findLast((each) => each.firstIndex <= index);
    if (found === undefined) throw new LogCorrupt(`log entry ${index} is in no segment`, { index });
    return found;
  }

  /** A segment that begins with an entry, not yet in the list. */
  next(first: Anchor): Segment {
    const segment = (this.#segments.at(-1)?.segment ?? 0) + 1;
    const { index: firstIndex, at: firstAt } = first;
    return { segment, firstIndex, firstAt, last: anchorOf(first), ...uncounted, isSealed: false };
  }

  /** Notes an entry appended to the open segment, or to the one that it begins. */
  add(segment: Segment, entry: Anchor, { bytes, keys }: Figures): void {
    const known = this.open ?? segment;
    if (this.open === undefined) this.#segments.push(segment);
    this.#last = anchorOf(entry);
    this.#tailBytes += bytes;
    this.#segments[this.#segments.length - 1] = {
      ...known,
      last: this.#last,
      bytes: known.bytes + bytes,
      keys: known.keys + keys,
    };
  }

  /** Notes that the open segment's figures were stored, and whether that sealed it. */
  counted(isSealed: boolean): void {
    this.#tailBytes = 0;
    const open = this.open;
    if (isSealed && open !== undefined) this.#segments.splice(-1, 1, { ...open, isSealed });
  }

  /** Notes that segments were dropped at the front. */
  dropFirst(count: number): void {
    this.#segments.splice(0, count);
  }

  /** Notes that the log ends at a place, in the last of the segments that remain. */
  endAt(last: Anchor, remaining: Segment[]): void {
    this.#segments = remaining;
    this.#last = last;
    this.#tailBytes = 0;
  }

  /** The open segment's row is as of the last checkpoint; its table knows the entries behind it. */
  #readOpen(sql: Sql): void {
    const { open } = this;
    if (open === undefined) return;
    const extent = rows.readExtent(sql, open.segment);
    if (extent === undefined) {
      const index = open.firstIndex;
      throw new LogCorrupt(`segment ${open.segment} has no entries`, { index });
    }
    const last = anchorOf(rows.readHead(sql, open.segment, extent[1]));
    // A row without bytes was never counted: its `last` is the entry that the segment began with.
    const from = open.bytes === 0 ? open.firstIndex : open.last.index + 1;
    this.add(open, last, rows.countEntries(sql, open.segment, from));
  }
}

const uncounted: Figures = { bytes: 0, keys: 0 };

/** Every segment has its table, and every table of a segment its row. */
function checkTables(sql: Sql, segments: readonly Segment[], tables: Iterable<string>): void {
  const found = new Set([...tables].flatMap((each) => rows.segmentIn(each) ?? []));
  for (const { segment, firstIndex: index } of segments) {
    if (found.delete(segment)) continue;
    throw new LogCorrupt(`the table of segment ${segment} is missing`, { index });
  }
  const [unknown] = found;
  if (unknown === undefined) return;
  const [index] = rows.readExtent(sql, unknown) ?? [];
  const what = `segment ${unknown} has a table, and is not in the list`;
  throw new LogCorrupt(what, index === undefined ? {} : { index });
}

/** A segment's table begins, and if it is sealed ends, where its row says. */
function checkExtent(sql: Sql, { segment, firstIndex, last, isSealed }: Segment): void {
  const extent = rows.readExtent(sql, segment);
  const isWhole = isSealed ? extent?.[1] === last.index : (extent?.[1] ?? 0) >= last.index;
  if (extent?.[0] !== firstIndex || !isWhole) {
    const index = extent?.[0] === firstIndex ? extent[1] + 1 : firstIndex;
    throw new LogCorrupt(`segment ${segment} has not the entries its row names`, { index });
  }
}
