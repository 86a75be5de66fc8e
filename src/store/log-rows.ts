/**
 * The log's entries as rows of SQLite, one each, in the table of their segment.
 * Invariant: what is read is told as it stands, or refused where it is no entry; whoever reads verifies.
 */
import { type Anchor, type Entry, LogCorrupt } from "./chain.ts";
import type { Sql } from "./sql.ts";

/** What entries come to: their size in bytes, and the number of idempotency keys in them. */
export interface Figures {
  readonly bytes: number;
  readonly keys: number;
}

/** Columns of an entry that are short. */
export type EntryHead = Anchor & { readonly prevHash: string };

/** An entry as far as it tells what happened. */
export type EntryFacts = Pick<Entry, "index" | "term" | "at" | "events"> & {
  /** Undefined where they were not read. */
  readonly texts: string | undefined;
};
interface FactRange {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
  readonly texts: boolean;
}

/** A segment's table in the database. */
export const segmentTable = (segment: number) => `raft_log_${segment}`;

/** The segment of which a table is; undefined for one that is not the log's. */
export function segmentIn(table: string): number | undefined {
  const [, segment] = /^raft_log_(\d+)$/.exec(table) ?? [];
  return segment === undefined ? undefined : Number(segment);
}

/** Creates the table of a segment. */
export function createEntries(sql: Sql, segment: number): void {
  sql.run(`CREATE TABLE ${segmentTable(segment)} (
    log_index INTEGER PRIMARY KEY, term INTEGER NOT NULL, incarnation INTEGER NOT NULL,
    at INTEGER NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL,
    keys TEXT NOT NULL, events TEXT NOT NULL, texts TEXT NOT NULL) STRICT`);
}

/** Drops it with all its entries: no row is written for an entry. */
export function dropEntries(sql: Sql, segment: number): void {
  sql.run(`DROP TABLE ${segmentTable(segment)}`);
}

/** Deletes the entries of a segment behind an index: one row written for each. */
export function deleteEntriesAfter(sql: Sql, segment: number, index: number): void {
  sql.run(`DELETE FROM ${segmentTable(segment)} WHERE log_index > ?`, index);
}

/** Bytes and idempotency keys of a segment's entries from an index on, counted by SQLite. */
export function countEntries(
  sql: Sql,
  segment: number,
  from: number,
  to: number = Number.MAX_SAFE_INTEGER,
): Figures {
  // Keys that are no JSON count for none: which entry has them, its checksum tells.
  const [[bytes, keys] = [0, 0]] = sql.rows<[bytes: number, keys: number]>(
    `SELECT coalesce(sum(octet_length(keys) + octet_length(events) + octet_length(texts)), 0),
            coalesce(sum(CASE WHEN keys <> '[]' AND json_valid(keys) THEN json_array_length(keys) ELSE 0 END), 0)
     FROM ${segmentTable(segment)} WHERE log_index BETWEEN ? AND ?`,
    from,
    to,
  );
  return { bytes, keys };
}

/** The first entry up to an index that does not follow the one before it, or whose keys are no JSON, behind that one's index. */
export function findBreak(sql: Sql, segment: number, to: number) {
  const [found] = sql.rows<[before: number | null, index: number]>(
    `SELECT before, log_index FROM (
       SELECT log_index, term, at, prev_hash, keys, lag(log_index) OVER way AS before,
              lag(term) OVER way AS term_before, lag(at) OVER way AS at_before, lag(hash) OVER way AS hash_before
       FROM ${segmentTable(segment)} WHERE log_index <= ? WINDOW way AS (ORDER BY log_index))
     WHERE log_index <> before + 1 OR term < term_before OR at < at_before OR prev_hash <> hash_before
        OR (keys <> '[]' AND NOT json_valid(keys)) ORDER BY log_index LIMIT 1`,
    to,
  );
  return found;
}

/** Stores an entry: one row. */
export function insertEntry(sql: Sql, segment: number, entry: Entry): void {
  sql.run(
    `INSERT INTO ${segmentTable(segment)}
     (log_index, term, incarnation, at, prev_hash, hash, keys, events, texts)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    entry.index,
    entry.term,
    entry.incarnation,
    entry.at,
    entry.prevHash,
    entry.hash,
    entry.keys,
    entry.events,
    entry.texts,
  );
}

const headColumns = "log_index, term, incarnation, at, prev_hash, hash";

/** First and last index that a segment's table really holds; undefined when it is empty. Throws LogCorrupt where there is no such index. */
export function readExtent(sql: Sql, segment: number): [first: number, last: number] | undefined {
  const [[first, last] = []] = sql.rows(
    `SELECT (SELECT min(log_index) FROM ${segmentTable(segment)}),
            (SELECT max(log_index) FROM ${segmentTable(segment)})`,
  );
  if (typeof first !== "number" || typeof last !== "number") return undefined;
  if (Number.isSafeInteger(last)) return [first, last];
  const [[known] = [0]] = sql.rows<[last: number]>(
    `SELECT coalesce(max(log_index), 0) FROM ${segmentTable(segment)} WHERE log_index <= ?`,
    Number.MAX_SAFE_INTEGER,
  );
  const what = `segment ${segment} has an entry whose index no number holds`;
  throw new LogCorrupt(what, { index: known + 1 });
}

/** The short columns of one entry. Throws LogCorrupt when there is no such row. */
export function readHead(sql: Sql, segment: number, index: number): EntryHead {
  const query = `SELECT ${headColumns} FROM ${segmentTable(segment)} WHERE log_index = ?`;
  const [row] = sql.rows<HeadRow>(query, index);
  if (row === undefined) throw new LogCorrupt(`log entry ${index} is missing`, { index });
  return headOf(row);
}

/** The keys of one entry, as stored. Throws LogCorrupt when there is no such row. */
export function readKeys(sql: Sql, segment: number, index: number): string {
  const query = `SELECT keys FROM ${segmentTable(segment)} WHERE log_index = ?`;
  const [row] = sql.rows<[keys: string]>(query, index);
  if (row === undefined) throw new LogCorrupt(`log entry ${index} is missing`, { index });
  return row[0];
}

/** Up to 256 entries with keys, from an index on. */
export function readKeyedEntries(sql: Sql, segment: number, from: number) {
  return sql.rows<[index: number, keys: string]>(
    `SELECT log_index, keys FROM ${segmentTable(segment)}
     WHERE log_index >= ? AND keys <> '[]' ORDER BY log_index LIMIT 256`,
    from,
  );
}

/** Indexes and sizes of up to 1,024 entries of one segment; the contents are not read. */
export function readSizes(sql: Sql, segment: number, from: number, to: number) {
  return sql.rows<[index: number, bytes: number]>(
    `SELECT log_index, octet_length(keys) + octet_length(events) + octet_length(texts)
     FROM ${segmentTable(segment)} WHERE log_index BETWEEN ? AND ?
     ORDER BY log_index LIMIT 1024`,
    from,
    to,
  );
}

/** The same of what is read for the events alone, with or without their texts. */
export function readFactSizes(sql: Sql, { segment, from, to, texts }: FactRange) {
  return sql.rows<[index: number, bytes: number]>(
    `SELECT log_index, octet_length(events)${texts ? " + octet_length(texts)" : ""}
     FROM ${segmentTable(segment)} WHERE log_index BETWEEN ? AND ?
     ORDER BY log_index LIMIT 256`,
    from,
    to,
  );
}

/** What happened in the entries of one segment, both ends included; without their texts, these are not read. */
export function readFacts(sql: Sql, { segment, from, to, texts }: FactRange): EntryFacts[] {
  return sql
    .rows<[index: number, term: number, at: number, events: string, texts: string | null]>(
      `SELECT log_index, term, at, events, ${texts ? "texts" : "NULL"} FROM ${segmentTable(segment)}
       WHERE log_index BETWEEN ? AND ? ORDER BY log_index`,
      from,
      to,
    )
    .map(([index, term, at, events, own]) => ({
      index,
      term,
      at,
      events,
      texts: own ?? undefined,
    }));
}

/** Entries of one segment, both ends included. */
export function readEntries(sql: Sql, segment: number, from: number, to: number): Entry[] {
  return sql
    .rows<[...HeadRow, ...BodyRow]>(
      `SELECT ${headColumns}, keys, events, texts FROM ${segmentTable(segment)}
       WHERE log_index BETWEEN ? AND ? ORDER BY log_index`,
      from,
      to,
    )
    .map(([index, term, incarnation, at, prevHash, hash, keys, events, texts]) => {
      return { index, term, incarnation, at, prevHash, hash, keys, events, texts };
    });
}

/** The columns named by `headColumns`. */
type HeadRow = [
  index: number,
  term: number,
  incarnation: number,
  at: number,
  prevHash: string,
  hash: string,
];
type BodyRow = [keys: string, events: string, texts: string];
function headOf([index, term, incarnation, at, prevHash, hash]: HeadRow): EntryHead {
  return { index, term, incarnation, at, prevHash, hash };
}
