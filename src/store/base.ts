/**
 * The SQLite side of one table: its columns, its reads, and the bulk writes of a checkpoint.
 * Invariant: it changes only in `write`, so between checkpoints what was read once stays true.
 */
import { BaseQueries } from "./base-queries.ts";
import { parametersMax } from "./batches.ts";
import { BulkWriter } from "./bulk.ts";
import { Expected } from "./expected.ts";
import type { Key, KeyColumn, KeyPart, Position } from "./key-columns.ts";
import { after, comparator, isAfter, isSameKey, partsOf } from "./key-columns.ts";
import { LongRows } from "./long-rows.ts";
import type { RowCodec } from "./row.ts";
import type { Sql, SqlRow, SqlValue } from "./sql.ts";

/** What a base needs to know of its table. */
export interface BaseDeclaration<V extends object> {
  readonly name: string;
  readonly key: readonly KeyColumn[];
  readonly version: number;
  readonly texts: readonly string[];
  readonly byRowid: boolean;
  readonly rows: RowCodec<V>;
}

/** A row without its texts: they may be there, or not. And about how long these are together. */
export interface Outline<V extends object> {
  readonly value: Omit<
    V,
    { [F in keyof V]-?: string extends NonNullable<V[F]> ? F : never }[keyof V]
  >;
  readonly textLength: number;
}

/** A stretch of keys: at or after `low`, before `high`. Not empty. */
export interface Stretch {
  readonly low: Position;
  readonly high: Position;
}

/** How many rows are read at once: first, and once so many were read. */
export interface Pages {
  readonly first: number;
  further(read: number): number;
}

/** Most rows read by one query; fewer where rows carry texts of up to hundreds of kilobytes. */
const pageRowsMax = 512;
const textPageRowsMax = 32;
/** Who takes all reads as much at once as may be. */
export const fullPages: Pages = { first: pageRowsMax, further: () => pageRowsMax };
/** Rows read by a look at one key: at first one more than asked for, to see whether it is the next one wanted. */
const aheadRowsMin = 2;
const aheadRowsMax = 64;
/** Units of text in a page after which no more is read ahead. */
const aheadUnitsMax = 65_536;

/** One SQLite table. */
export class Base<V extends object> {
  readonly #sql: Sql;
  readonly #declaration: BaseDeclaration<V>;
  readonly #compare: (a: Position, b: Position) => number;
  #queries: BaseQueries;
  /** Where the key begins in a row that was read. */
  readonly #keyAt: number;
  /** Columns the table has in SQLite; empty while it does not exist. */
  #stored: ReadonlySet<string>;
  /** Rows read ahead, and how many of them were asked for since. */
  #ahead: readonly SqlRow[] = [];
  #at = 0;
  readonly #expected = new Expected();
  readonly long = new LongRows();
  /** Length of the texts that were read so far, in UTF-16 units. */
  unitsRead = 0;
  /** The last point looked up: a read is often followed by a write of the same row. */
  #looked: { readonly key: Key; readonly value: V | undefined } | undefined;

  constructor(sql: Sql, declaration: BaseDeclaration<V>, stored: ReadonlySet<string>) {
    this.#sql = sql;
    this.#declaration = declaration;
    this.#keyAt = declaration.rows.columns.length;
    this.#stored = stored;
    this.#compare = comparator(declaration.key);
    this.#queries = new BaseQueries(declaration, stored);
  }

  /** Key parts as bound to SQL. Throws IllFormed for parts that the columns do not take. */
  encode(parts: Key): SqlValue[] {
    return parts.map((part, i) => this.#column(i).encode(part));
  }

  /**
   * The row of a key that the columns take. Rows that are asked for in key order, as a backlog is taken, are read ahead: a page
   * that was used to its end is followed by one twice as large.
   */
  get(key: Key): V | undefined {
    if (this.#looked !== undefined && isSameKey(this.#looked.key, key)) return this.#looked.value;
    const expected = this.#expected.take(key);
    const row = expected === undefined ? this.#readNext(key) : (expected ?? undefined);
    // Only the row that was asked for is decoded: damage in another one is none of its business.
    const value = row === undefined ? undefined : this.#declaration.rows.decode(row);
    this.remember(key, value);
    return value;
  }

  /** Reads in one query what will be asked for next, as far as it is not too much: how many of the keys, from the first on, are read. */
  expect(all: readonly Key[]): number {
    if (this.#isEmpty) return all.length;
    const isPlain = this.#declaration.key.length === 1;
    const most = isPlain ? all.length : Math.floor(parametersMax / this.#declaration.key.length);
    const { keys, reach } = this.#expected.unread(all, most);
    if (keys.length === 0) return reach;
    const found = isPlain ? this.#rowsOfParts(keys) : this.#rowsOfKeys(keys);
    const rows: SqlRow[] = [];
    for (const row of found) rows[Number(row[this.#keyAt])] = row;
    const units = this.#declaration.rows.storedLength(found);
    this.unitsRead += units;
    this.#expected.learn(keys, rows, units);
    return reach;
  }

  /** Rows of keys, behind each of which stands which of the keys it is of. */
  #rowsOfParts(keys: readonly Key[]): SqlRow[] {
    const asked = JSON.stringify(keys.flatMap((key) => this.encode(key)));
    return this.#sql.rows(this.#queries.ofParts, asked);
  }

  #rowsOfKeys(keys: readonly Key[]): SqlRow[] {
    const bindings = keys.flatMap((key) => this.encode(key));
    return this.#sql.rows(this.#queries.ofKeys(keys.length), ...bindings);
  }

  #readNext(key: Key): SqlRow | undefined {
    if (!this.#isNext(key)) this.#readFrom(key);
    if (!this.#isNext(key)) return undefined;
    this.#at += 1;
    return this.#ahead[this.#at - 1];
  }

  /** Whether JSON can hold its keys, so that `firstOfEach` finds them. */
  get hasPlainKeys(): boolean {
    return this.#declaration.key.every(({ sqlType }) => sqlType !== "BLOB");
  }

  /**
   * Of each of many first parts of keys up to `limit` rows, in key order: of those from the first key on that has it, or from behind a key.
   * Two queries find them all.
   */
  firstOfEach(lows: readonly Position[], limit: number): [Key, V][] {
    if (this.#isEmpty) return [];
    const [fresh, behind] = [lows.filter((low) => !isAfter(low)), lows.filter(isAfter)];
    return [...this.#firstOfEach(fresh, limit), ...this.#firstOfEach(behind, limit)];
  }

  #firstOfEach(lows: readonly Position[], limit: number): [Key, V][] {
    const keys = lows.map(partsOf);
    if (keys[0] === undefined) return [];
    const query = this.#queries.firstOfEach(keys[0].length);
    const rows = this.#sql.rows(query, JSON.stringify(keys.map((key) => this.encode(key))), limit);
    return rows.map((row) => [this.#keyOf(row), this.#declaration.rows.decode(row)]);
  }

  #isNext(key: Key): boolean {
    const row = this.#ahead[this.#at];
    return row !== undefined && isSameKey(this.#keyOf(row), key);
  }

  #readFrom(key: Key): void {
    const isUsed = this.#ahead.length > 0 && this.#at === this.#ahead.length;
    const isLight = this.#declaration.rows.storedLength(this.#ahead) < aheadUnitsMax;
    const isAlone = this.#declaration.byRowid;
    const wanted = isAlone ? 1 : isUsed && isLight ? 2 * this.#ahead.length : aheadRowsMin;
    this.#ahead = this.#read({ low: key, high: after([]) }, Math.min(wanted, aheadRowsMax));
    this.#at = 0;
  }

  /** Notes what a key is known to hold, for the next `get` of it. */
  remember(key: Key, value: V | undefined): void {
    this.#looked = { key, value };
    if (value !== undefined) this.long.note(key, this.#declaration.rows.textLength(value));
  }

  /** Up to `limit` rows of a stretch, in key order or against it. */
  page(stretch: Stretch, limit: number, reverse = false): [Key, V][] {
    const { rows } = this.#declaration;
    return this.#read(stretch, limit, reverse).map((row) => {
      const [key, value] = [this.#keyOf(row), rows.decode(row)];
      this.long.note(key, rows.textLength(value));
      return [key, value];
    });
  }

  #read(stretch: Stretch, limit: number, reverse = false): SqlRow[] {
    if (this.#isEmpty) return [];
    const low = partsOf(stretch.low);
    const high = partsOf(stretch.high);
    const query = this.#queries.range(stretch, reverse);
    const rows = this.#sql.rows(query, ...this.encode(low), ...this.encode(high), limit);
    this.unitsRead += this.#declaration.rows.storedLength(rows);
    return rows;
  }

  /** How many rows a stretch has. */
  count({ low, high }: Stretch): number {
    if (this.#isEmpty) return 0;
    const [lows, highs] = [partsOf(low), partsOf(high)];
    const query = this.#queries.count({ low, high });
    const bindings = [...this.encode(lows), ...this.encode(highs)];
    const [[rows] = [0]] = this.#sql.rows<[rows: number]>(query, ...bindings);
    return rows;
  }

  /** The key of the row that stands behind so many others of a stretch; undefined where there is none. */
  keyAt(stretch: Stretch, skip: number, reverse: boolean): Key | undefined {
    if (this.#isEmpty) return undefined;
    const query = `${this.#queries.range(stretch, reverse)} OFFSET ?`;
    const bounds = [...this.encode(partsOf(stretch.low)), ...this.encode(partsOf(stretch.high))];
    const [row] = this.#sql.rows(query, ...bounds, 1, skip);
    return row && this.#keyOf(row);
  }

  /** Those of some first parts that any row begins with. */
  partsThere(parts: readonly KeyPart[]): KeyPart[] {
    if (this.#isEmpty || parts.length === 0) return [];
    const asked = JSON.stringify(parts.map((part) => this.#column(0).encode(part)));
    const found = this.#sql.rows(this.#queries.partsThere, asked);
    return found.map(([part]) => this.#column(0).decode(part ?? null));
  }

  /** The rows of a stretch, read in pages as they are taken. */
  rows(stretch: Stretch, reverse: boolean, pages: Pages): Generator<[Key, V]> {
    const page = (part: Stretch, limit: number) => this.page(part, limit, reverse);
    return inPages(stretch, reverse, pages, this.pageRowsMax, page);
  }

  /** Its outlines, in key order: what these leave out is not read. */
  outlines(stretch: Stretch, pages: Pages): Generator<[Key, Outline<V>]> {
    const page = (part: Stretch, limit: number) => this.#outlines(part, limit);
    return inPages(stretch, false, pages, pageRowsMax, page);
  }

  #outlines({ low, high }: Stretch, limit: number): [Key, Outline<V>][] {
    if (this.#isEmpty) return [];
    const query = this.#queries.outlines(low);
    const outlines: [Key, Outline<V>][] = [];
    for (const row of this.#sql.rows(query, ...this.encode(partsOf(low)), limit)) {
      const key = this.#keyOf(row);
      if (this.#compare(key, high) >= 0) break;
      const value = this.#declaration.rows.decode(row);
      outlines.push([key, { value, textLength: Number(row.at(-1)) }]);
    }
    return outlines;
  }

  /** Most rows worth reading at once. */
  get pageRowsMax(): number {
    return this.#declaration.texts.length === 0 ? pageRowsMax : textPageRowsMax;
  }

  /**
   * Writes rows, and deletes those whose value is undefined. To be called in a transaction. `first` is called when the table
   * exists, and is still as it was.
   */
  write(rows: Iterable<readonly [Key, V | undefined]>, first?: () => void): void {
    this.#ensure();
    first?.();
    const writer = new BulkWriter(this.#sql, this.#declaration);
    for (const [key, value] of this.#inOrder(rows)) {
      if (value === undefined) writer.delete(key);
      else writer.upsert(key, value);
    }
    writer.finish();
  }

  /** Rows whose neighbours stand on the same page come one after the other: where cells are found by hash, they are put in order. */
  #inOrder<R extends readonly [Key, unknown]>(rows: Iterable<R>): Iterable<R> {
    if (this.#declaration.key.length > 1) return rows;
    return [...rows].sort(([a], [b]) => this.#compare(a, b));
  }

  /** After the transaction of a `write`: the table exists, and what was looked up may have changed. */
  settle(): void {
    const { key, rows } = this.#declaration;
    this.#stored = new Set([...rows.columns, ...key.map((each) => each.name)]);
    this.#queries = new BaseQueries(this.#declaration, this.#stored);
    this.#looked = undefined;
    this.#ahead = [];
    this.#expected.forget();
    this.long.forget();
  }

  /** Creates the table, or adds the text columns that its declaration has gained. */
  #ensure(): void {
    const { name, key, texts, byRowid } = this.#declaration;
    if (this.#isEmpty) {
      const columns = key.map((each) => `"${each.name}" ${each.sqlType} NOT NULL`);
      columns.push("version INTEGER NOT NULL", "value TEXT NOT NULL");
      columns.push(...texts.map((field) => `"${field}" TEXT`));
      const primary = key.map((each) => `"${each.name}"`).join(", ");
      columns.push(`PRIMARY KEY (${primary})`);
      const kind = byRowid ? "STRICT" : "STRICT, WITHOUT ROWID";
      this.#sql.run(`CREATE TABLE "${name}" (${columns.join(", ")}) ${kind}`);
      return;
    }
    for (const field of texts) {
      if (this.#stored.has(field)) continue;
      this.#sql.run(`ALTER TABLE "${name}" ADD COLUMN "${field}" TEXT`);
    }
  }

  get #isEmpty(): boolean {
    return this.#stored.size === 0;
  }

  #keyOf(row: SqlRow): Key {
    const { key } = this.#declaration;
    const parts: KeyPart[] = [];
    for (let i = 0; i < key.length; i += 1) {
      parts.push(this.#column(i).decode(row[this.#keyAt + i] ?? null));
    }
    return parts;
  }

  #column(i: number): KeyColumn {
    const column = this.#declaration.key[i];
    if (column === undefined) throw new TypeError(`${this.#declaration.name}: too many key parts`);
    return column;
  }
}

/** What stands in a stretch, of which a page of so many is read whenever the one before was taken. */
function* inPages<R>(
  stretch: Stretch,
  reverse: boolean,
  { first, further }: Pages,
  most: number,
  page: (part: Stretch, limit: number) => [Key, R][],
): Generator<[Key, R]> {
  let { low, high } = stretch;
  let limit = Math.min(first, most);
  for (let read = limit; ; read += limit) {
    const rows = page({ low, high }, limit);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) return;
    if (reverse) high = last[0];
    else low = after(last[0]);
    limit = Math.min(further(read), most);
  }
}
