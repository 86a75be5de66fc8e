/**
 * The rows of one group cut into blocks, in the order of their keys, of which each knows how many rows it has.
 * Invariant: blocks stand in order and each has the rows from its low on to the next one's; the first has those before its low as well.
 */
import type { Stretch } from "./base.ts";
import { LogCorrupt } from "./chain.ts";
import { after, type Key, type KeyPart, type Position } from "./key-columns.ts";

/** What is stored of a block, under its low. */
export interface StoredBlock {
  readonly count: number;
}

interface Block {
  readonly low: Key;
  count: number;
  isChanged: boolean;
}

/** A block, and how many rows the blocks before it have. */
export interface BlockPlace {
  readonly index: number;
  readonly before: number;
}

/**
 * How many rows a block has when it is cut: as many more as its group is larger, so that neither the blocks of a group nor the rows of a
 * block become so many that looking through them takes long: of a million rows 500, in 2,000 blocks.
 */
export const blockRowsOf = (total: number, rowsMin: number): number =>
  Math.max(rowsMin, Math.ceil(Math.sqrt(total) / 2));

/** What is cut into blocks: the keys with one first part, in their order. */
export interface Group {
  readonly part: KeyPart;
  readonly compare: (a: Position, b: Position) => number;
  /** Rows of the smallest blocks that it is cut into. */
  readonly rowsMin: number;
}

/** The blocks of one group. */
export class Blocks {
  readonly #compare: Group["compare"];
  readonly #group: Position;
  readonly #rowsMin: number;
  #all: Block[];
  /** Lows that are stored of blocks that are no more. */
  #gone: Key[] = [];
  #total: number;
  #isChanged: boolean;
  /** Rows of a block by how many the group had when it was last cut, and whether one has become far larger since. */
  #rows: number;
  #isUneven = false;

  /** `isStored`: the blocks are as they are stored. There is at least one. */
  constructor(
    { part, compare, rowsMin }: Group,
    blocks: readonly (readonly [low: Key, StoredBlock])[],
    isStored: boolean,
  ) {
    this.#compare = compare;
    this.#group = [part];
    this.#rowsMin = rowsMin;
    this.#all = blocks.map(([low, { count }]) => ({ low, count, isChanged: !isStored }));
    this.#total = blocks.reduce((sum, [, { count }]) => sum + count, 0);
    this.#isChanged = !isStored;
    this.#rows = blockRowsOf(this.#total, rowsMin);
  }

  /** How many rows the group has. */
  get total(): number {
    return this.#total;
  }

  get length(): number {
    return this.#all.length;
  }

  /** Whether what is stored is of other blocks. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Whether a block has so many more rows than others that it is to be cut before it is looked into. */
  get isUneven(): boolean {
    return this.#isUneven;
  }

  /** So many rows came under a key, or went. */
  add(key: Key, by: number): void {
    const block = this.#at(this.#indexOf(key));
    block.count += by;
    block.isChanged = true;
    this.#total += by;
    this.#isChanged = true;
    if (block.count > 4 * this.#rows) this.#isUneven = true;
  }

  /** The block in which a position is. */
  of(position: Position): BlockPlace {
    const index = this.#indexOf(position);
    let before = 0;
    for (let i = 0; i < index; i += 1) before += this.#at(i).count;
    return { index, before };
  }

  /** The block of the row that has `rank` others of the group before it, of which there are more. */
  holding(rank: number): BlockPlace {
    let before = 0;
    for (const [index, { count }] of this.#all.entries()) {
      if (rank < before + count) return { index, before };
      before += count;
    }
    throw new RangeError(`a group of ${this.#total} rows has no rank ${rank}`);
  }

  count(index: number): number {
    return this.#at(index).count;
  }

  /** From where to where a block reaches. */
  stretch(index: number): Stretch {
    const low = index === 0 ? this.#group : this.#at(index).low;
    return { low, high: this.#all[index + 1]?.low ?? after(this.#group) };
  }

  /** Cuts blocks that are too large by the keys that they have, and makes one of small neighbours. Throws LogCorrupt. */
  tidy(keysOf: (stretch: Stretch) => Iterable<Key>): void {
    const rows = blockRowsOf(this.#total, this.#rowsMin);
    const all: Block[] = [];
    for (const [index, block] of this.#all.entries()) {
      const last = all.at(-1);
      if (last !== undefined && last.count + block.count <= rows) {
        last.count += block.count;
        last.isChanged = true;
        this.#gone.push(block.low);
      } else if (block.count > 2 * rows) {
        all.push(...this.#cut(block, keysOf(this.stretch(index)), rows));
      } else all.push(block);
    }
    this.#all = all;
    this.#rows = rows;
    this.#isUneven = false;
  }

  /** A block as several of so many rows, or a few more. */
  #cut({ low, count }: Block, keys: Iterable<Key>, rows: number): Block[] {
    const each = Math.ceil(count / Math.floor(count / rows));
    const all: Block[] = [];
    let found = 0;
    for (const key of keys) {
      // The first block of the group may have rows before its low, where others may begin now.
      const isLow = found === 0 && this.#compare(low, key) <= 0;
      if (found % each === 0) all.push({ low: isLow ? low : key, count: 0, isChanged: true });
      const last = all.at(-1);
      if (last !== undefined) last.count += 1;
      found += 1;
    }
    if (found !== count) throw new LogCorrupt(`a block counts ${count} rows and has ${found}`);
    this.#gone.push(low);
    return all;
  }

  /** What is to be written: the blocks that changed, and those that are no more. */
  *changes(): Generator<[Key, StoredBlock | undefined]> {
    for (const low of this.#gone) if (!this.#hasLow(low)) yield [low, undefined];
    for (const { low, count, isChanged } of this.#all) if (isChanged) yield [low, { count }];
  }

  /** The same where nothing of the group is to be stored any more. */
  *removals(): Generator<[Key, undefined]> {
    for (const low of this.#gone) if (!this.#hasLow(low)) yield [low, undefined];
    for (const { low } of this.#all) yield [low, undefined];
  }

  /** Takes note that it was written. */
  settle(): void {
    for (const block of this.#all) block.isChanged = false;
    this.#gone = [];
    this.#isChanged = false;
  }

  #hasLow(low: Key): boolean {
    return this.#compare(this.#at(this.#indexOf(low)).low, low) === 0;
  }

  /** The last block whose low is not behind a position, or the first one. */
  #indexOf(position: Position): number {
    let low = 1;
    let high = this.#all.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#at(middle).low, position) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #at(index: number): Block {
    const block = this.#all[index];
    if (block === undefined) throw new RangeError(`there is no block ${index}`);
    return block;
  }
}
