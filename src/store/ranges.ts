/**
 * Ranges of keys: what may be asked for, and the rows of one, of which some stand in memory and some in SQLite.
 * Invariant: rows come in the order of their keys, each once; where both have a key memory wins, and its tombstones hide rows.
 */
import type { Stretch } from "./base.ts";
import { after, type Key, type Leading, type Position } from "./key-columns.ts";
import type { Cell } from "./overlay.ts";

/** Where a range of keys begins and ends; each bound is a key or its leading parts. */
export interface Bounds<K extends Key> {
  /** Only keys that begin with these parts. */
  readonly prefix?: Leading<K>;
  /** Keys at or after; with leading parts, after or beginning with them. */
  readonly from?: Leading<K>;
  /** Keys after; with leading parts, after every key that begins with them. */
  readonly after?: Leading<K>;
  /** Keys before; with leading parts, before every key that begins with them. */
  readonly to?: Leading<K>;
  /** From the end to the beginning. */
  readonly reverse?: boolean;
  /** So many rows of the range are passed over, in its order. */
  readonly skip?: number;
}

/** A range with the most rows to return. */
export interface Range<K extends Key> extends Bounds<K> {
  readonly limit: number;
}

type Compare = (a: Position, b: Position) => number;

/** Between which keys a range lies; undefined where there is no room between its bounds. */
export function stretchOf<K extends Key>(bounds: Bounds<K>, compare: Compare): Stretch | undefined {
  let low: Position = bounds.prefix ?? [];
  let high: Position = after(low);
  const { from, to } = bounds;
  if (from !== undefined && compare(from, low) > 0) low = from;
  const past = bounds.after === undefined ? undefined : after(bounds.after);
  if (past !== undefined && compare(past, low) > 0) low = past;
  if (to !== undefined && compare(to, high) < 0) high = to;
  return compare(low, high) < 0 ? { low, high } : undefined;
}

/** What is behind so many rows. */
export function* behind<R>(rows: Iterable<R>, skip: number): Generator<R> {
  let left = skip;
  for (const row of rows) {
    if (left > 0) left -= 1;
    else yield row;
  }
}

/** The cells of a stretch, of those from its beginning on, or in `reverse` from its end. */
export function* within<V>(
  cells: Iterable<[Position, Cell<V>]>,
  { low, high }: Stretch,
  reverse: boolean,
  compare: Compare,
): Generator<[Position, Cell<V>], undefined> {
  for (const pair of cells) {
    const isPast = reverse ? compare(pair[0], low) < 0 : compare(pair[0], high) >= 0;
    if (isPast) return;
    yield pair;
  }
}

/** Cells and rows of one range, in its order, as one. */
export function* merged<V>(
  cells: Iterator<[Position, Cell<V>], unknown>,
  rows: Iterator<[Key, V], unknown>,
  reverse: boolean,
  compare: Compare,
): Generator<[Key, V]> {
  let cell = cells.next();
  let row = rows.next();
  while (!cell.done || !row.done) {
    const order = orderOf(cell, row, reverse, compare);
    if (!row.done && order > 0) {
      yield row.value;
    } else if (!cell.done) {
      const [key, { value }] = cell.value;
      if (value !== undefined) yield [key as Key, value];
    }
    if (order <= 0) cell = cells.next();
    if (order >= 0) row = rows.next();
  }
}

/** Negative when the cell comes first, positive when the row does, 0 when both are of one key. */
function orderOf(
  cell: IteratorResult<[Position, unknown], unknown>,
  row: IteratorResult<[Key, unknown], unknown>,
  reverse: boolean,
  compare: Compare,
): number {
  if (cell.done) return 1;
  if (row.done) return -1;
  const order = compare(cell.value[0], row.value[0]);
  return reverse ? -order : order;
}
