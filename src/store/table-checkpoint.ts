/**
 * What a checkpoint does with the changed rows of one table: to the table, or left to its list.
 * Invariant: behind a flush and its `settle` the table in SQLite, with the list over it, is what memory shows.
 */
import { limits } from "../contract/limits.ts";
import type { Base } from "./base.ts";
import type { TableDeclaration } from "./declare.ts";
import type { FrozenView } from "./frozen-view.ts";
import type { Heads } from "./heads.ts";
import type { Key, Position } from "./key-columns.ts";
import type { Cell, Overlay } from "./overlay.ts";
import type { PendingList } from "./pending-list.ts";
import type { Ranks } from "./ranks.ts";

/** Rows that are gone and that a list may hold of a table that is gone through: who looks for one that is there passes all of them. */
const passedMax = 256;

type Cells<V> = Iterable<[Position, Cell<V>]>;

/** The parts of a table that a checkpoint has to do with. */
interface Parts<V extends object> {
  readonly overlay: Overlay<V>;
  readonly base: Base<V>;
  readonly heads: Heads<V>;
  readonly ranks: Ranks;
  /** Of a table whose changed rows a checkpoint may leave unwritten. */
  readonly pending: PendingList<V> | undefined;
  /** Whether its rows are gone through, and those with them that are gone. */
  readonly isGoneThrough: boolean;
}

export class TableCheckpoint<V extends object> {
  readonly #name: string;
  readonly #warmRowsMax: number;
  readonly #pendingRowsMax: number;
  readonly #parts: Parts<V>;
  /** The overlay's changes that the list shows. */
  #listed: number;
  /** What the last flush has written to the table. */
  #flushed: "all" | ReadonlyMap<Cell<V>, Position> = "all";

  /** Takes over into memory what the last one has left to the list. */
  constructor(declaration: TableDeclaration<Key, V>, parts: Parts<V>) {
    const { name, resident, warmRowsMax, pendingRowsMax } = declaration;
    this.#name = name;
    this.#warmRowsMax = resident ? Number.POSITIVE_INFINITY : warmRowsMax;
    this.#pendingRowsMax = pendingRowsMax;
    this.#parts = parts;
    for (const [at, cell] of parts.pending?.read() ?? []) parts.overlay.load(at, cell);
    this.#listed = parts.overlay.changes;
  }

  /** Rows that the next one writes to the table, or deletes there. */
  get dirtyRows(): number {
    return this.#mayLeaveLive ? this.tombstones : this.#parts.overlay.dirtyRows;
  }

  /** Those of them that it deletes. */
  get tombstones(): number {
    return this.#mayLeaveAll ? 0 : this.#parts.overlay.tombstones;
  }

  /** Length of the texts in those rows, in UTF-16 units. */
  get textUnits(): number {
    return this.#mayLeaveLive ? 0 : this.#parts.overlay.textUnits;
  }

  /** What all changed rows cost to write to the table, also those that a list may hold, in rows: one to delete counts half. */
  get changed(): number {
    return this.#parts.overlay.dirtyRows - this.#parts.overlay.tombstones / 2;
  }

  /** Whether SQLite's table is not what the last one stands for, but only with the list over it. */
  get isPending(): boolean {
    return this.#parts.pending?.isEmpty === false;
  }

  /** Whether the texts of the changed rows are so short that a list may hold them. */
  get #isLight(): boolean {
    return this.#parts.overlay.textUnits <= limits.pendingTextUnits;
  }

  /** Whether the changed rows are so few that all of them may be left to the list. */
  get #mayLeaveAll(): boolean {
    const { overlay, isGoneThrough } = this.#parts;
    if (isGoneThrough && overlay.tombstones > passedMax) return false;
    return overlay.dirtyRows <= this.#pendingRowsMax && this.#isLight;
  }

  /** Whether those of them may that are not gone. */
  get #mayLeaveLive(): boolean {
    const { dirtyRows, tombstones } = this.#parts.overlay;
    return (
      this.#pendingRowsMax > 0 && dirtyRows - tombstones <= this.#pendingRowsMax && this.#isLight
    );
  }

  /**
   * Writes the dirty rows to SQLite; a view of the tables as they are keeps what it needs of them. Of a table with a list no more than
   * `most` are written to the table, unless the others are too much for the list; where nothing is said of that, none; or, where that is too
   * much, those that are gone, for nothing comes of these any more; or all. To be called in a transaction; `settle` follows when that has
   * succeeded.
   */
  flush(view?: FrozenView, most?: number): void {
    const { overlay, ranks, pending } = this.#parts;
    ranks.flush();
    pending?.begin();
    this.#flushed = this.#written(most);
    if (pending === undefined || this.#flushed === "all") {
      pending?.clear();
      if (overlay.dirtyRows > 0) this.#write(() => overlay.dirty(), view);
      return;
    }
    const some = this.#flushed;
    if (some.size > 0) this.#write(() => inPairs(some), view);
    else if (this.#listed === overlay.changes) return;
    const isLeft = (key: Position): boolean => {
      const cell = overlay.get(key);
      return cell?.isDirty === true && !some.has(cell);
    };
    pending.write(but(some, overlay.dirty()), isLeft);
  }

  /** What is to be written to the table. */
  #written(most: number | undefined): "all" | ReadonlyMap<Cell<V>, Position> {
    const { overlay } = this.#parts;
    const { dirtyRows } = overlay;
    if (most === undefined) {
      if (this.#mayLeaveAll) return new Map();
      return this.#mayLeaveLive ? first(deadIn(overlay.dirty()), dirtyRows) : "all";
    }
    if (this.#pendingRowsMax === 0 || dirtyRows <= most || !this.#isLight) return "all";
    return first(overlay.dirty(), Math.max(most, dirtyRows - this.#pendingRowsMax));
  }

  /** Takes note that what was flushed is in SQLite. */
  settle(): void {
    const { overlay, base, heads, ranks, pending } = this.#parts;
    const flushed = this.#flushed;
    // What was written is not to be held for it.
    this.#flushed = "all";
    ranks.settle();
    pending?.settle();
    this.#listed = overlay.changes;
    if (flushed === "all") {
      if (overlay.dirtyRows === 0) return;
      heads.carry();
      overlay.settle(this.#warmRowsMax);
    } else {
      if (flushed.size === 0) return;
      heads.carrySome(inPairs(flushed));
      overlay.settleSome(inPairs(flushed), this.#warmRowsMax);
    }
    base.settle();
  }

  #write(rows: () => Cells<V>, view: FrozenView | undefined): void {
    const protect = () => view?.protect(this.#name, keysOf(rows()));
    this.#parts.base.write(valuesOf(rows()), protect);
  }
}

/** The first cells, so many, and their keys. */
function first<V>(all: Cells<V>, count: number): ReadonlyMap<Cell<V>, Position> {
  const some = new Map<Cell<V>, Position>();
  if (count <= 0) return some;
  for (const [key, cell] of all) {
    some.set(cell, key);
    if (some.size === count) break;
  }
  return some;
}

/** The cells of rows that are gone. */
function* deadIn<V>(all: Cells<V>): Cells<V> {
  for (const pair of all) if (pair[1].value === undefined) yield pair;
}

/** All but some cells. */
function* but<V>(some: ReadonlyMap<Cell<V>, Position>, all: Cells<V>): Cells<V> {
  for (const pair of all) if (!some.has(pair[1])) yield pair;
}

function* inPairs<V>(cells: ReadonlyMap<Cell<V>, Position>): Generator<[Position, Cell<V>]> {
  for (const [cell, key] of cells) yield [key, cell];
}

function* keysOf(cells: Iterable<[Position, unknown]>): Generator<Position> {
  for (const [key] of cells) yield key;
}

function* valuesOf<V>(cells: Cells<V>): Generator<readonly [Key, V | undefined]> {
  for (const [key, { value }] of cells) yield [key as Key, value];
}
