/**
 * The segments of the log: a table of entries each, dropped whole, and one row about each in `raft_segments`.
 * Invariant: segments follow one another without gap or overlap, and only the last may be open.
 */
import { type Anchor, LogCorrupt } from "./chain.ts";
import { keyBytes } from "./key-index.ts";
import { createEntries, dropEntries, type Figures } from "./log-rows.ts";
import type { Sql } from "./sql.ts";

/** What is known of a segment. Of the open one `last`, `bytes` and `keys` are stored as of the last checkpoint. */
export interface Segment extends Figures {
  readonly segment: number;
  readonly firstIndex: number;
  readonly firstAt: number;
  /** Its last entry. */
  readonly last: Anchor;
  readonly isSealed: boolean;
}

/** Creates the table that lists the segments. */
export function createSegmentList(sql: Sql): void {
  sql.run(`CREATE TABLE raft_segments (
    segment INTEGER PRIMARY KEY, first_index INTEGER NOT NULL, first_at INTEGER NOT NULL,
    last TEXT NOT NULL, bytes INTEGER NOT NULL, key_count INTEGER NOT NULL,
    sealed INTEGER NOT NULL, key_hashes BLOB) STRICT`);
}

/** All segments in order. Throws LogCorrupt when they do not follow one another. */
export function readSegments(sql: Sql): Segment[] {
  const segments = sql
    .rows<SegmentRow>(
      `SELECT segment, first_index, first_at, last, bytes, key_count, sealed, length(key_hashes)
       FROM raft_segments ORDER BY segment`,
    )
    .map(segmentOf);
  for (const [i, segment] of segments.entries()) {
    const before = segments[i - 1];
    const follows = before?.isSealed && segment.firstIndex === before.last.index + 1;
    if (before !== undefined && !follows) {
      const what = `segment ${segment.segment} does not follow segment ${before.segment}`;
      throw new LogCorrupt(what, { index: before.last.index + 1 });
    }
  }
  return segments;
}

/** Begins a segment, whose first entry is to be inserted in the same transaction. */
export function createSegment(sql: Sql, segment: Segment): void {
  createEntries(sql, segment.segment);
  sql.run(
    `INSERT INTO raft_segments (segment, first_index, first_at, last, bytes, key_count, sealed)
     VALUES (?, ?, ?, ?, 0, 0, 0)`,
    segment.segment,
    segment.firstIndex,
    segment.firstAt,
    JSON.stringify(segment.last),
  );
}

/** Stores what is known of the open segment; `keyHashes` seal it. */
export function updateSegment(sql: Sql, segment: Segment, keyHashes: Uint8Array | null): void {
  sql.run(
    `UPDATE raft_segments SET last = ?, bytes = ?, key_count = ?, sealed = ?, key_hashes = ?
     WHERE segment = ?`,
    JSON.stringify(segment.last),
    segment.bytes,
    segment.keys,
    keyHashes === null ? 0 : 1,
    keyHashes,
    segment.segment,
  );
}

/** Drops a segment with all its entries: no row is written for an entry. */
export function dropSegment(sql: Sql, segment: number): void {
  dropEntries(sql, segment);
  sql.run("DELETE FROM raft_segments WHERE segment = ?", segment);
}

/** The stored key hashes of a sealed segment. */
export function readKeyHashes(sql: Sql, segment: number): Uint8Array {
  const query = "SELECT key_hashes FROM raft_segments WHERE segment = ?";
  const [[blob] = []] = sql.rows(query, segment);
  if (!(blob instanceof Uint8Array)) throw new LogCorrupt(`segment ${segment} has no key hashes`);
  return blob;
}

type SegmentRow = [
  segment: number,
  firstIndex: number,
  firstAt: number,
  last: string,
  bytes: number,
  keys: number,
  sealed: number,
  hashBytes: number | null,
];

function segmentOf(row: SegmentRow): Segment {
  const [segment, firstIndex, firstAt, json, bytes, keys, sealed, hashBytes] = row;
  const last = parseAnchor(json);
  const isSealed = sealed === 1;
  if (bytes < 0 || keys < 0 || firstIndex < 1) {
    throw new LogCorrupt(`segment ${segment}: its row holds a number that none has`);
  }
  if (isSealed && hashBytes !== keys * keyBytes) {
    const what = `segment ${segment} has not the hashes of its ${keys} keys`;
    throw new LogCorrupt(what, { index: firstIndex });
  }
  return { segment, firstIndex, firstAt, last, bytes, keys, isSealed };
}

/** An anchor from its stored JSON. Throws LogCorrupt. */
export function parseAnchor(json: string): Anchor {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new LogCorrupt("a stored log position is not JSON", { cause });
  }
  if (!isAnchor(value)) throw new LogCorrupt("a stored log position is incomplete");
  return value;
}

function isAnchor(value: unknown): value is Anchor {
  if (typeof value !== "object" || value === null) return false;
  const { term, index, incarnation, at, hash } = value as Record<keyof Anchor, unknown>;
  const isCount = (each: unknown): boolean => Number.isSafeInteger(each) && Number(each) >= 0;
  return [term, index, incarnation, at].every(isCount) && typeof hash === "string";
}
