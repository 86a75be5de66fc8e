/**
 * The rows of one table that differ from SQLite, ordered in memory, and what they cost.
 * Invariant: a key has a cell exactly if memory knows better than the base (or, in a resident table, if it has a row).
 */
import { type Cells, makeCells } from "./cells.ts";
import type { Journal, Undoable } from "./journal.ts";
import type { Position } from "./key-columns.ts";

/** Units of texts in the rows that a checkpoint leaves in memory. */
const keptUnitsMax = 4_000_000;

/** What memory knows about one key. Cells are never changed, only replaced. */
export interface Cell<V> {
  /** The row, or undefined for a tombstone. */
  readonly value: V | undefined;
  /** About how long the texts are that the base is to lose, beside those that take their place, where that is known and counts. */
  readonly textLength?: number;
  /** Whether the base has a row with this key, so that a delete must leave a tombstone. */
  readonly inBase: boolean;
  /** Whether the base does not hold this value (or absence) yet. */
  readonly isDirty: boolean;
  /** The journal's epoch in which a copy was made that may be changed in place. */
  readonly epoch?: number;
}

/** Ordered cells of one table; every change goes through the journal. */
export class Overlay<V extends object> implements Undoable {
  readonly #cells: Cells<Cell<V>>;
  readonly #journal: Journal;
  readonly #textLength: (key: Position, value: V | undefined) => number;
  readonly #onRestore: () => void;
  readonly #onRows: ((key: Position, by: number) => void) | undefined;
  #dirtyRows = 0;
  #tombstones = 0;
  #textUnits = 0;
  #changes = 0;
  #losses = 0;

  constructor(options: {
    compare: (a: Position, b: Position) => number;
    columns: number;
    journal: Journal;
    /** Length of the texts of a row, with those of its key; of a row that is gone, of those alone. */
    textLength: (key: Position, value: V | undefined) => number;
    /** Called when an undo changed the overlay behind its owner's back. */
    onRestore: () => void;
    /** Called when a key has come to a row, or has lost it, also by an undo. */
    onRows?: ((key: Position, by: number) => void) | undefined;
  }) {
    this.#cells = makeCells(options.columns, options.compare);
    this.#journal = options.journal;
    this.#textLength = options.textLength;
    this.#onRestore = options.onRestore;
    this.#onRows = options.onRows;
  }

  /** Rows that the next checkpoint writes or deletes. */
  get dirtyRows(): number {
    return this.#dirtyRows;
  }

  /** Those of them that it deletes. */
  get tombstones(): number {
    return this.#tombstones;
  }

  /** Length of the texts that the next checkpoint writes, with those of their keys, or frees as far as is known, in UTF-16 units. */
  get textUnits(): number {
    return this.#textUnits;
  }

  /** Rises with every change of a cell, but not where one is changed in place. */
  get changes(): number {
    return this.#changes;
  }

  /** Rises whenever memory may have forgotten rows that the base has. */
  get losses(): number {
    return this.#losses;
  }

  /** How many keys have a cell. */
  get size(): number {
    return this.#cells.size;
  }

  get(key: Position): Cell<V> | undefined {
    return this.#cells.get(key);
  }

  /** Gives a key another cell, or none. `before` is what `get` returns for it now. */
  replace(key: Position, before: Cell<V> | undefined, next: Cell<V> | undefined): void {
    this.#journal.record(this, key, before);
    this.#swap(key, before, next);
  }

  /** Gives a cell to a key that has none, in one search; false, and nothing changes, if it has one. */
  add(key: Position, cell: Cell<V>): boolean {
    if (!this.#cells.add(key, cell)) return false;
    this.#changes += 1;
    this.#journal.record(this, key, undefined);
    this.#account(key, cell, 1);
    this.#noteRows(key, undefined, cell);
    return true;
  }

  restore(key: Position, before: unknown): void {
    this.#swap(key, this.#cells.get(key), before as Cell<V> | undefined);
    this.#losses += 1;
    this.#onRestore();
  }

  /** The first cell at or after a position. */
  atOrAfter(position: Position): [Position, Cell<V>] | undefined {
    return this.#cells.atOrAfter(position);
  }

  /** The first cell after a key. */
  next(key: Position): [Position, Cell<V>] | undefined {
    return this.#cells.next(key);
  }

  /** Cells from a position up, or from before a position down. The overlay must not change meanwhile. */
  cells(start: Position, reverse: boolean): Iterable<[Position, Cell<V>]> {
    return this.#cells.from(start, reverse);
  }

  /** Gives a cell to a key that has none, without a journal record: of what SQLite has, so that nothing changes. */
  load(key: Position, cell: Cell<V>): void {
    this.#cells.set(key, cell);
    this.#account(key, cell, 1);
    this.#noteRows(key, undefined, cell);
  }

  /** Every dirty cell. */
  *dirty(): Generator<[Position, Cell<V>]> {
    if (this.#dirtyRows === 0) return;
    for (const pair of this.#cells.entries()) if (pair[1].isDirty) yield pair;
  }

  /**
   * After a checkpoint. A table of which memory holds no more than `warmRowsMax` rows keeps them all. Any other keeps, where cells
   * are found by hash, those rows that were written since the one before, as far as their texts fit a budget: what was just
   * enqueued or claimed is asked for next.
   */
  settle(warmRowsMax: number): void {
    const isResident = this.#cells.size <= warmRowsMax;
    let room = isResident ? Number.POSITIVE_INFINITY : keptUnitsMax;
    const kept: [Position, V][] = [];
    if (isResident || this.#cells.isHashed) {
      for (const [key, { value }] of this.dirty()) {
        if (value === undefined) continue;
        room -= this.#textLength(key, value);
        if (room < 0) break;
        kept.push([key, value]);
      }
    }
    if (isResident) for (const [key] of [...this.dirty()]) this.#cells.delete(key);
    else this.#loseAll();
    for (const [key, value] of kept) {
      this.#cells.set(key, { value, inBase: true, isDirty: false });
    }
    this.#dirtyRows = 0;
    this.#tombstones = 0;
    this.#textUnits = 0;
  }

  /** After a checkpoint that wrote some dirty cells; where no more than `warmRowsMax` are held, their rows are kept. */
  settleSome(written: Iterable<[Position, Cell<V>]>, warmRowsMax: number): void {
    const isResident = this.#cells.size <= warmRowsMax;
    if (!isResident) this.#losses += 1;
    for (const [key, cell] of written) {
      this.#account(key, cell, -1);
      if (isResident && cell.value !== undefined) {
        this.#cells.set(key, { value: cell.value, inBase: true, isDirty: false });
      } else {
        this.#cells.delete(key);
      }
    }
  }

  #loseAll(): void {
    this.#cells.clear();
    this.#losses += 1;
  }

  #swap(key: Position, before: Cell<V> | undefined, next: Cell<V> | undefined): void {
    this.#changes += 1;
    if (before !== undefined) this.#account(key, before, -1);
    if (next === undefined) {
      this.#cells.delete(key);
    } else {
      this.#cells.set(key, next);
      this.#account(key, next, 1);
    }
    this.#noteRows(key, before, next);
  }

  #noteRows(key: Position, before: Cell<V> | undefined, next: Cell<V> | undefined): void {
    if (this.#onRows === undefined) return;
    const by = rowsOf(next, before) - rowsOf(before, next);
    if (by !== 0) this.#onRows(key, by);
  }

  #account(key: Position, cell: Cell<V>, sign: 1 | -1): void {
    const { isDirty, value, textLength = 0 } = cell;
    if (!isDirty) return;
    this.#dirtyRows += sign;
    if (value === undefined) this.#tombstones += sign;
    this.#textUnits += sign * (textLength + this.#textLength(key, value));
  }
}

/** How many rows a key has by its cell; where it has none, by what the cell that it has otherwise says of the base. */
function rowsOf(cell: Cell<unknown> | undefined, other: Cell<unknown> | undefined): 0 | 1 {
  const isThere = cell === undefined ? other?.inBase === true : cell.value !== undefined;
  return isThere ? 1 : 0;
}
