/**
 * Typed ordered tables: rows in memory over rows in SQLite, read as one.
 * Invariant: what a table returns is what it would return if every put and delete had gone to SQLite at once.
 */
import type { Outline, Pages, Stretch } from "./base.ts";
import { Base, fullPages } from "./base.ts";
import type { Table, TableDeclaration } from "./declare.ts";
import { Heads } from "./heads.ts";
import type { Journal } from "./journal.ts";
import type { Key, KeyColumn, KeyPart, Leading, Position } from "./key-columns.ts";
import { after, comparator } from "./key-columns.ts";
import { pageTextMax } from "./long-rows.ts";
import type { Cell } from "./overlay.ts";
import { Overlay } from "./overlay.ts";
import { PendingList } from "./pending-list.ts";
import { type Bounds, behind, merged, type Range, stretchOf, within } from "./ranges.ts";
import { Ranks } from "./ranks.ts";
import { RowCodec } from "./row.ts";
import type { Sql } from "./sql.ts";
import { TableCheckpoint } from "./table-checkpoint.ts";
import { WarmStretches } from "./warm-stretches.ts";

/** Who scans may want one row or all. */
const scanned: Pages = { first: 16, further: (read) => 3 * read };
/** Who wants so many gets by with about as many again where some are gone; where many are, with twice as many each time. */
const wanted = (rows: number): Pages => ({ first: rows, further: (read) => Math.max(read, 16) });
/** Rows that are read to be passed over; to pass over more, the first behind them is looked for. */
const passedMax = 32;

/** The table over an overlay and a base. */
export class LayeredTable<K extends Key, V extends object> implements Table<K, V> {
  readonly name: string;
  /** Whether its rows have texts, beside their values or as keys. */
  readonly hasTexts: boolean;
  readonly #columns: readonly KeyColumn[];
  readonly #isResident: boolean;
  readonly #journal: Journal;
  readonly #rows: RowCodec<V>;
  readonly #base: Base<V>;
  readonly #overlay: Overlay<V>;
  readonly #heads: Heads<V>;
  readonly #ranks: Ranks;
  /** Of a table with rows that are gone through again and again. */
  readonly #warm: WarmStretches<V> | undefined;
  /** How many scans are under way. */
  #scans = 0;
  /** What a checkpoint does with its changed rows. */
  readonly checkpoint: TableCheckpoint<V>;
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
    this.#journal = journal;
    this.#rows = new RowCodec(declaration);
    const table = { ...declaration, key, rows: this.#rows };
    this.#base = new Base(sql, table, stored);
    this.#compare = comparator(key);
    // Only bytes make keys that weigh something.
    const bytesAt = [...key.keys()].filter((i) => key[i]?.sqlType === "BLOB");
    this.hasTexts = declaration.texts.length + bytesAt.length > 0;
    const onRows = (at: Position, by: number) => this.#ranks.note(at, by);
    this.#overlay = new Overlay<V>({
      compare: this.#compare,
      columns: key.length,
      journal,
      textLength: (at, value) => {
        let units = value === undefined ? 0 : this.#rows.textLength(value);
        for (const i of bytesAt) units += String(at[i]).length;
        return units;
      },
      onRestore: () => this.#heads.forget(),
      onRows: declaration.dividedOver > 0 ? onRows : undefined,
    });
    this.#ranks = new Ranks(declaration, sql, {
      overlay: this.#overlay,
      base: this.#base,
      compare: this.#compare,
      walk: (stretch, reverse) => this.#rowsOf(stretch, reverse, scanned),
    });
    const below = this.#isResident ? undefined : this.#base;
    this.#heads = new Heads(this.#overlay, below, this.#compare);
    if (this.#isResident) this.#load();
    // Where cells are found by hash, each that is taken in would have all of them put in order anew.
    const isGoneThrough = declaration.warmRowsMax > 0 && key.length > 1;
    if (isGoneThrough) {
      const onLive = (at: Key) => this.#heads.noteLive(at);
      const parts = { overlay: this.#overlay, base: this.#base, compare: this.#compare, onLive };
      this.#warm = new WarmStretches(parts, declaration.warmRowsMax);
    }
    this.checkpoint = new TableCheckpoint(declaration, {
      ...{ overlay: this.#overlay, base: this.#base, heads: this.#heads, ranks: this.#ranks },
      pending: declaration.pendingRowsMax > 0 ? new PendingList(sql, table) : undefined,
      isGoneThrough,
    });
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
    if (before === undefined) this.#heads.noteLive(key);
    return copy;
  }

  delete(key: K): boolean {
    const before = this.#overlay.get(key);
    if (before === undefined) {
      if (this.#below(key) === undefined) return false;
    } else if (before.value === undefined) return false;
    this.#bury(key, before);
    return true;
  }

  remove(key: K, textLength?: number): void {
    const before = this.#overlay.get(key);
    if (before === undefined ? this.#isResident : before.value === undefined) {
      throw new Error(`${this.name}: remove of a row that is not there`);
    }
    if (before === undefined) this.#checkKey(key);
    this.#bury(key, before, textLength);
  }

  /** Leaves no row, and a tombstone where the base has one. */
  #bury(key: K, before: Cell<V> | undefined, known?: number): void {
    if (before?.inBase === false) {
      this.#overlay.replace(key, before, undefined);
      return;
    }
    this.#overlay.replace(key, before, tombstone(known ?? this.#heldIn(key, before)));
  }

  /** About how long the texts are that the base has under a key, as far as that is known: whatever takes their place frees them. */
  #heldIn(key: K, before: Cell<V> | undefined): number {
    if (before === undefined) return this.#base.long.lengthOf(key);
    const { value, inBase, textLength = 0 } = before;
    if (!inBase) return 0;
    return textLength + (value === undefined ? 0 : this.#rows.textLength(value));
  }

  expect(keys: readonly K[]): number {
    if (this.#isResident) return keys.length;
    const unknown: K[] = [];
    const places: number[] = [];
    for (const [place, key] of keys.entries()) {
      if (this.#overlay.get(key) !== undefined) continue;
      unknown.push(key);
      places.push(place);
    }
    return places[this.#base.expect(unknown)] ?? keys.length;
  }

  expectFirst(prefixes: readonly Leading<K>[]): void {
    this.#heads.expect(prefixes);
  }

  range(range: Range<K>): [K, V][] {
    if (range.limit <= 0) return [];
    const warm = this.#warmRange(range);
    if (warm !== undefined) return warm;
    const rows: [K, V][] = [];
    for (const row of this.#merge(range, wanted(range.limit))) {
      rows.push(row);
      if (rows.length >= range.limit) break;
    }
    return rows;
  }

  *#outlined(cells: Iterable<[Position, Cell<V>]>): Generator<[Position, Cell<Outline<V>>]> {
    for (const [key, { value, inBase, isDirty }] of cells) {
      const outline = value && { value, textLength: this.#rows.textLength(value) };
      yield [key, { value: outline, inBase, isDirty }];
    }
  }

  scan(bounds: Bounds<K>): Generator<[K, V]> {
    const rows = this.#merge(bounds, scanned);
    return this.#warm === undefined ? rows : this.#alone(rows);
  }

  *outlines(bounds: Omit<Bounds<K>, "reverse" | "skip">): Generator<[K, Outline<V>]> {
    const stretch = this.#stretchOf(bounds);
    if (stretch === undefined) return;
    const compare = this.#compare;
    const cells = within(this.#overlay.cells(stretch.low, false), stretch, false, compare);
    const rows = this.#isResident ? [].values() : this.#base.outlines(stretch, scanned);
    const all = merged<Outline<V>>(this.#outlined(cells), rows, false, compare);
    yield* all as Generator<[K, Outline<V>]>;
  }

  /** Rows that are read as they are taken, while memory takes none in. */
  *#alone(rows: Generator<[K, V]>): Generator<[K, V]> {
    this.#scans += 1;
    try {
      yield* rows;
    } finally {
      this.#scans -= 1;
    }
  }

  count(bounds: Omit<Bounds<K>, "reverse" | "skip">): number {
    const stretch = this.#stretchOf(bounds);
    return stretch === undefined ? 0 : this.#ranks.count(stretch);
  }

  divide(part: K[0], rows: number): void {
    this.#ranks.divide(part as KeyPart, rows);
  }

  first(prefix?: Leading<K>): [K, V] | undefined {
    return this.#heads.first(prefix ?? []) as [K, V] | undefined;
  }

  /** Length of the texts that were read from SQLite so far, in UTF-16 units. */
  get unitsRead(): number {
    return this.#base.unitsRead;
  }

  /** The ranks of its rows, which are checked apart from them. */
  get ranks(): Pick<Ranks, "check" | "stored"> {
    return this.#ranks;
  }

  #set(key: K, before: Cell<V> | undefined, value: V, inBase: boolean): void {
    const freed = inBase ? this.#heldIn(key, before) - this.#rows.textLength(value) : 0;
    const cell = { value, inBase, isDirty: true };
    this.#overlay.replace(key, before, freed > pageTextMax ? { ...cell, textLength: freed } : cell);
    if (before?.value === undefined) this.#heads.noteLive(key);
  }

  /** The base's row for a key without a cell. */
  #below(key: K): V | undefined {
    this.#checkKey(key);
    return this.#isResident ? undefined : this.#base.get(key);
  }

  /** Throws IllFormed for a key that the columns do not take. */
  #checkKey(key: Key): void {
    if (key.length !== this.#columns.length) {
      throw new TypeError(`${this.name}: a key of ${key.length} parts`);
    }
    this.#checkParts(key);
  }

  /** Throws IllFormed for leading parts that the columns do not take. */
  #checkParts(parts: Key): void {
    if (parts.length > this.#columns.length)
      throw new TypeError(`${this.name}: too many key parts`);
    for (let i = 0; i < parts.length; i += 1) this.#columns[i]?.check(parts[i] as KeyPart);
  }

  #load(): void {
    const all: Stretch = { low: [], high: after([]) };
    for (const [key, value] of this.#base.rows(all, false, fullPages)) {
      this.#overlay.load(key, { value, inBase: true, isDirty: false });
    }
  }

  /** The rows of a range that memory holds whole, or does so from now on; undefined where it does not. */
  #warmRange({ limit, reverse = false, skip = 0, ...bounds }: Range<K>): [K, V][] | undefined {
    if (this.#warm === undefined || this.#scans > 0 || reverse || skip > 0) return undefined;
    const stretch = this.#stretchOf(bounds);
    const rows = stretch && this.#warm.range(bounds.prefix ?? [], stretch, limit);
    return rows as [K, V][] | undefined;
  }

  /** Overlay and base as one. */
  *#merge(bounds: Bounds<K>, pages: Pages): Generator<[K, V]> {
    const stretch = this.#stretchOf(bounds);
    if (stretch === undefined) return;
    const { reverse = false, skip = 0 } = bounds;
    if (skip <= passedMax) {
      yield* behind(this.#rowsOf(stretch, reverse, pages), skip);
      return;
    }
    const key = this.#ranks.keyAt(stretch, skip, reverse);
    if (key === undefined) return;
    const rest = reverse ? { ...stretch, high: after(key) } : { ...stretch, low: key };
    yield* this.#rowsOf(rest, reverse, pages);
  }

  /** Throws IllFormed for bounds that the columns do not take. */
  #stretchOf(bounds: Omit<Bounds<K>, "reverse" | "skip">): Stretch | undefined {
    for (const bound of [bounds.prefix, bounds.from, bounds.after, bounds.to]) {
      if (bound !== undefined) this.#checkParts(bound);
    }
    return stretchOf(bounds, this.#compare);
  }

  #rowsOf(stretch: Stretch, reverse: boolean, pages: Pages): Generator<[K, V]> {
    const compare = this.#compare;
    const cells = this.#overlay.cells(reverse ? stretch.high : stretch.low, reverse);
    const rows = this.#isResident ? [].values() : this.#base.rows(stretch, reverse, pages);
    return merged(within(cells, stretch, reverse, compare), rows, reverse, compare) as Generator<
      [K, V]
    >;
  }
}

/** That a row is gone which the base has. One for each: a list knows its rows by their cells. */
const tombstone = (textLength: number): Cell<never> => {
  const gone = { value: undefined, inBase: true, isDirty: true };
  return textLength > pageTextMax ? { ...gone, textLength } : gone;
};
