/**
 * Ordered maps from keys to cells: a tree, and for keys of one column a hash map that is put in order when order is asked for.
 * Invariant: both answer alike; the hash map trades a sort at the first ordered read after a key came or went for point reads
 * and writes several times as fast.
 */
import SortedBTree from "sorted-btree";
import type { KeyPart, Position } from "./key-columns.ts";

/** The package is CommonJS: what is its default export to a bundler is a property of that to Node. */
const BTree =
  (SortedBTree as typeof SortedBTree & { default?: typeof SortedBTree }).default ?? SortedBTree;

type Compare = (a: Position, b: Position) => number;

/** An ordered map by key. It must not change while `from` or `entries` is being read. */
export interface Cells<C> {
  /** Whether a cell is found by hash rather than by order. */
  readonly isHashed: boolean;
  readonly size: number;
  get(key: Position): C | undefined;
  set(key: Position, cell: C): void;
  /** Sets the cell of a key that has none; false, and nothing changes, if it has one. */
  add(key: Position, cell: C): boolean;
  delete(key: Position): void;
  clear(): void;
  /** The first pair at or after a position. */
  atOrAfter(position: Position): [Position, C] | undefined;
  /** The first pair after a key. */
  next(key: Position): [Position, C] | undefined;
  /** Pairs from a position up, or from before a position down. */
  from(start: Position, reverse: boolean): Iterable<[Position, C]>;
  /** All pairs, in any order. */
  entries(): Iterable<[Position, C]>;
}

/** The map that suits keys of so many columns. */
export function makeCells<C>(columns: number, compare: Compare): Cells<C> {
  return columns === 1 ? new HashCells(compare) : new TreeCells(compare);
}

class TreeCells<C> implements Cells<C> {
  readonly isHashed = false;
  readonly #tree: SortedBTree<Position, C>;

  constructor(compare: Compare) {
    this.#tree = new BTree<Position, C>(undefined, compare);
  }

  get size(): number {
    return this.#tree.size;
  }

  get(key: Position): C | undefined {
    return this.#tree.get(key);
  }

  set(key: Position, cell: C): void {
    this.#tree.set(key, cell);
  }

  add(key: Position, cell: C): boolean {
    return this.#tree.set(key, cell, false);
  }

  delete(key: Position): void {
    this.#tree.delete(key);
  }

  clear(): void {
    this.#tree.clear();
  }

  atOrAfter(position: Position): [Position, C] | undefined {
    return this.#tree.getPairOrNextHigher(position);
  }

  next(key: Position): [Position, C] | undefined {
    return this.#tree.nextHigherPair(key);
  }

  from(start: Position, reverse: boolean): Iterable<[Position, C]> {
    return reverse ? this.#tree.entriesReversed(start, undefined, true) : this.#tree.entries(start);
  }

  entries(): Iterable<[Position, C]> {
    return this.#tree.entries();
  }
}

class HashCells<C> implements Cells<C> {
  readonly isHashed = true;
  readonly #pairs = new Map<KeyPart, [Position, C]>();
  readonly #compare: Compare;
  #ordered: [Position, C][] | undefined = [];

  constructor(compare: Compare) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#pairs.size;
  }

  get(key: Position): C | undefined {
    return this.#pairs.get(key[0] as KeyPart)?.[1];
  }

  set(key: Position, cell: C): void {
    const pair = this.#pairs.get(key[0] as KeyPart);
    if (pair !== undefined) {
      pair[1] = cell;
    } else {
      this.#pairs.set(key[0] as KeyPart, [key, cell]);
      this.#ordered = undefined;
    }
  }

  add(key: Position, cell: C): boolean {
    if (this.#pairs.has(key[0] as KeyPart)) return false;
    this.#pairs.set(key[0] as KeyPart, [key, cell]);
    this.#ordered = undefined;
    return true;
  }

  delete(key: Position): void {
    if (this.#pairs.delete(key[0] as KeyPart)) this.#ordered = undefined;
  }

  clear(): void {
    this.#pairs.clear();
    this.#ordered = [];
  }

  atOrAfter(position: Position): [Position, C] | undefined {
    return this.#inOrder()[this.#countBefore(position)];
  }

  next(key: Position): [Position, C] | undefined {
    const ordered = this.#inOrder();
    const at = this.#countBefore(key);
    const pair = ordered[at];
    return pair !== undefined && this.#compare(pair[0], key) === 0 ? ordered[at + 1] : pair;
  }

  *from(start: Position, reverse: boolean): Generator<[Position, C]> {
    const ordered = this.#inOrder();
    const at = this.#countBefore(start);
    const step = reverse ? -1 : 1;
    for (let i = reverse ? at - 1 : at; i >= 0 && i < ordered.length; i += step) {
      yield ordered[i] as [Position, C];
    }
  }

  entries(): Iterable<[Position, C]> {
    return this.#pairs.values();
  }

  #inOrder(): [Position, C][] {
    this.#ordered ??= [...this.#pairs.values()].sort((a, b) => this.#compare(a[0], b[0]));
    return this.#ordered;
  }

  /** How many keys stand before a position. */
  #countBefore(position: Position): number {
    const ordered = this.#inOrder();
    let low = 0;
    let high = ordered.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const pair = ordered[middle] as [Position, C];
      if (this.#compare(pair[0], position) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
