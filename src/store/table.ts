/**
 * Typed ordered tables: rows in memory over rows in SQLite, read as one.
 * Invariant: what a table returns is what it would return if every put and delete had gone to SQLite at once.
 */
import type { Stretch } from "./base.ts";
import { Base } from "./base.ts";
import type { TableDeclaration } from "./declare.ts";
import type { FrozenView } from "./frozen-view.ts";
import { Heads } from "./heads.ts";
import type { Journal } from "./journal.ts";
import type { Key, KeyColumn, KeyPart, Leading, Position } from "./key-columns.ts";
import { after, comparator } from "./key-columns.ts";
import type { Cell } from "./overlay.ts";
import { Overlay } from "./overlay.ts";
import { PendingList } from "./pending-list.ts";
import { type Bounds, merged, type Range, stretchOf, within } from "./ranges.ts";
import { RowCodec } from "./row.ts";
import type { Sql } from "./sql.ts";

/**
 * An ordered table. Keys and values given and returned are never copied and must not be changed.
 * Every method throws IllFormed for a key that the columns do not take.
 */
export interface Table<K extends Key, V extends object> {
  get(key: K): V | undefined;
  /** Writes a row. Throws RowTooLarge, or IllFormed for a text that is not well-formed. */
  put(key: K, value: V): void;
  /**
   * Writes a row under a key that has none, for instance one with a fresh sequence number. The caller vouches for that: it
   * spares the look into SQLite, and lets a later delete leave no trace. Throws where it sees a row.
   */
  insert(key: K, value: V): void;
  /**
   * A row that the caller may change in place until the next mark, however often it is asked for: for a row without texts that
   * every command changes. Undefined when there is none. What `get` gave before may be the same object.
   */
  edit(key: K): { -readonly [F in keyof V]: V[F] } | undefined;
  /** Removes a row; true if there was one. */
  delete(key: K): boolean;
  /** Removes a row that the caller knows to be there: spares the look into SQLite. Throws where it sees that there is none. */
  remove(key: K): void;
  /** Says which rows are asked for next, so that one query reads many; keys are of one column. What is read stays the same. */
  expect(keys: readonly K[]): void;
  /** Says of which prefixes, of one part each, the first row is asked for next; as `expect` does. */
  expectFirst(prefixes: readonly Leading<K>[]): void;
  /** Rows in key order, at most `limit`. */
  range(range: Range<K>): [K, V][];
  /** The rows of a range, read as they are taken. The table must not be changed meanwhile. */
  scan(bounds: Bounds<K>): Generator<[K, V]>;
  /** The first row whose key begins with the prefix. Fast however many rows before it were deleted. */
  first(prefix?: Leading<K>): [K, V] | undefined;
}

/** Rows that `scan` reads first; it reads more at once as it goes on. */
const scanRowsHint = 16;

/** The table over an overlay and a base. */
export class LayeredTable<K extends Key, V extends object> implements Table<K, V> {
  readonly name: string;
  readonly #columns: readonly KeyColumn[];
  readonly #isResident: boolean;
  readonly #warmRowsMax: number;
  readonly #pendingRowsMax: number;
  readonly #journal: Journal;
  readonly #rows: RowCodec<V>;
  readonly #base: Base<V>;
  readonly #overlay: Overlay<V>;
  readonly #heads: Heads<V>;
  /** Of a table whose changed rows a checkpoint may leave unwritten. */
  readonly #pending: PendingList<V> | undefined;
  /** The overlay's changes that the list shows, and whether the last flush left them to it. */
  #listed = 0;
  #isLeft = false;
  readonly #compare: (a: Position, b: Position) => number;

  /** `stored` are the columns the table has in SQLite, none while it does not exist. */
  constructor(
    declaration: TableDeclaration<K, V>,
    sql: Sql,
    journal: Journal,
    stored: ReadonlySet<string>,
  ) {
    const key: readonly KeyColumn[] = declaration.key;
    this.name = declaration.name;
    this.#columns = key;
    this.#isResident = declaration.resident;
    this.#warmRowsMax = declaration.warmRowsMax;
    this.#pendingRowsMax = declaration.pendingRowsMax;
    this.#journal = journal;
    this.#rows = new RowCodec(declaration);
    const table = { ...declaration, key, rows: this.#rows };
    this.#base = new Base(sql, table, stored);
    this.#compare = comparator(key);
    this.#overlay = new Overlay<V>({
      compare: this.#compare,
      columns: key.length,
      journal,
      textLength: (value) => this.#rows.textLength(value),
      onRestore: () => this.#heads.forget(),
    });
    const below = this.#isResident ? undefined : this.#base;
    this.#heads = new Heads(this.#overlay, below, this.#compare);
    if (this.#isResident) this.#load();
    this.#pending = this.#pendingRowsMax > 0 ? new PendingList(sql, table) : undefined;
    for (const [at, cell] of this.#pending?.read() ?? []) this.#overlay.load(at, cell);
    this.#listed = this.#overlay.changes;
  }

  get(key: K): V | undefined {
    const cell = this.#overlay.get(key);
    return cell === undefined ? this.#below(key) : cell.value;
  }

  put(key: K, value: V): void {
    this.#rows.check(value);
    const before = this.#overlay.get(key);
    const inBase = before === undefined ? this.#below(key) !== undefined : before.inBase;
    this.#set(key, before, value, inBase);
  }

  insert(key: K, value: V): void {
    this.#rows.check(value);
    this.#checkKey(key);
    if (this.#overlay.add(key, { value, inBase: false, isDirty: true })) {
      this.#heads.noteLive(key);
      return;
    }
    const before = this.#overlay.get(key);
    if (before?.value !== undefined) throw new Error(`${this.name}: insert of a key in use`);
    this.#set(key, before, value, before?.inBase ?? false);
  }

  edit(key: K): V | undefined {
    const before = this.#overlay.get(key);
    const { epoch } = this.#journal;
    if (before?.epoch === epoch) return before.value;
    const value = before === undefined ? this.#below(key) : before.value;
    if (value === undefined) return undefined;
    const copy = { ...value };
    const inBase = before === undefined || before.inBase;
    this.#overlay.replace(key, before, { value: copy, inBase, isDirty: true, epoch });
    return copy;
  }

  delete(key: K): boolean {
    const before = this.#overlay.get(key);
    if (before === undefined) {
      if (this.#below(key) === undefined) return false;
      this.#overlay.replace(key, undefined, tombstone);
      return true;
    }
    if (before.value === undefined) return false;
    this.#overlay.replace(key, before, before.inBase ? tombstone : undefined);
    return true;
  }

  remove(key: K): void {
    const before = this.#overlay.get(key);
    if (before === undefined ? this.#isResident : before.value === undefined) {
      throw new Error(`${this.name}: remove of a row that is not there`);
    }
    if (before === undefined) this.#checkKey(key);
    const inBase = before === undefined || before.inBase;
    this.#overlay.replace(key, before, inBase ? tombstone : undefined);
  }

  expect(keys: readonly K[]): void {
    if (this.#isResident) return;
    const unknown = keys.filter((key) => this.#overlay.get(key) === undefined);
    this.#base.expect(unknown.map(([part]) => part as KeyPart));
  }

  expectFirst(prefixes: readonly Leading<K>[]): void {
    this.#heads.expect(prefixes);
  }

  range(range: Range<K>): [K, V][] {
    const rows: [K, V][] = [];
    if (range.limit <= 0) return rows;
    for (const row of this.#merge(range, range.limit)) {
      rows.push(row);
      if (rows.length >= range.limit) break;
    }
    return rows;
  }

  scan(bounds: Bounds<K>): Generator<[K, V]> {
    return this.#merge(bounds, scanRowsHint);
  }

  first(prefix?: Leading<K>): [K, V] | undefined {
    return this.#heads.first(prefix ?? []) as [K, V] | undefined;
  }

  /** Rows that the next checkpoint writes or deletes. */
  get dirtyRows(): number {
    return this.#mayLeave ? 0 : this.#overlay.dirtyRows;
  }

  /** Those of them that it deletes. */
  get tombstones(): number {
    return this.#mayLeave ? 0 : this.#overlay.tombstones;
  }

  /** Whether SQLite's table is not what the checkpoint stands for, but only with the list over it. */
  get isPending(): boolean {
    return this.#pending?.isEmpty === false;
  }

  /** Whether the changed rows are so few that a checkpoint may leave them to the list. */
  get #mayLeave(): boolean {
    return this.#overlay.dirtyRows <= this.#pendingRowsMax;
  }

  /** Length of the texts in those rows, in UTF-16 units. */
  get textUnits(): number {
    return this.#overlay.textUnits;
  }

  /**
   * Writes the dirty rows to SQLite; a view of the tables as they are keeps what it needs of them. Unless `isWhole`, rows that are
   * few and small go into the list. To be called in a transaction; `settle` follows when that has succeeded.
   */
  flush(view?: FrozenView, isWhole = false): void {
    this.#pending?.begin();
    this.#isLeft = this.#pending !== undefined && !isWhole && this.#mayLeave;
    if (this.#isLeft) {
      if (this.#listed !== this.#overlay.changes) this.#pending?.write(this.#overlay.dirty());
      return;
    }
    this.#pending?.clear();
    if (this.#overlay.dirtyRows === 0) return;
    const protect = () => view?.protect(this.name, keysOf(this.#overlay.dirty()));
    this.#base.write(valuesOf(this.#overlay.dirty()), protect);
  }

  /** Takes note that the flushed rows are in SQLite. */
  settle(): void {
    this.#pending?.settle();
    this.#listed = this.#overlay.changes;
    if (this.#isLeft || this.#overlay.dirtyRows === 0) return;
    this.#heads.carry();
    this.#overlay.settle(this.#isResident ? Number.POSITIVE_INFINITY : this.#warmRowsMax);
    this.#base.settle();
  }

  #set(key: K, before: Cell<V> | undefined, value: V, inBase: boolean): void {
    this.#overlay.replace(key, before, { value, inBase, isDirty: true });
    if (before?.value === undefined) this.#heads.noteLive(key);
  }

  /** The base's row for a key without a cell. */
  #below(key: K): V | undefined {
    this.#checkKey(key);
    return this.#isResident ? undefined : this.#base.get(key);
  }

  /** Refuses a key that the columns do not take, by encoding it. */
  #checkKey(key: Key): void {
    if (key.length !== this.#columns.length) {
      throw new TypeError(`${this.name}: a key of ${key.length} parts`);
    }
    for (let i = 0; i < key.length; i += 1) this.#columns[i]?.encode(key[i] as KeyPart);
  }

  #load(): void {
    const all: Stretch = { low: [], high: after([]) };
    for (const [key, value] of this.#base.rows(all, false, this.#base.pageRowsMax)) {
      this.#overlay.load(key, { value, inBase: true, isDirty: false });
    }
  }

  /** Overlay and base as one. */
  *#merge(bounds: Bounds<K>, hint: number): Generator<[K, V]> {
    for (const bound of [bounds.prefix, bounds.from, bounds.after, bounds.to]) {
      if (bound !== undefined) this.#base.encode(bound);
    }
    const compare = this.#compare;
    const stretch = stretchOf(bounds, compare);
    if (stretch === undefined) return;
    const { reverse = false } = bounds;
    const cells = this.#overlay.cells(reverse ? stretch.high : stretch.low, reverse);
    const rows = this.#isResident ? [].values() : this.#base.rows(stretch, reverse, hint);
    yield* merged(within(cells, stretch, reverse, compare), rows, reverse, compare) as Generator<
      [K, V]
    >;
  }
}

const tombstone: Cell<never> = { value: undefined, inBase: true, isDirty: true };

function* keysOf(cells: Iterable<[Position, unknown]>): Generator<Position> {
  for (const [key] of cells) yield key;
}

function* valuesOf<V>(
  cells: Iterable<[Position, Cell<V>]>,
): Generator<readonly [Key, V | undefined]> {
  for (const [key, { value }] of cells) yield [key as Key, value];
}
