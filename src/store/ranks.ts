/**
 * Ranks: how many rows a range has, and which row stands behind so many others, without a look at each of those.
 * Invariant: blocks count what overlay and base have together, also behind an undo; what is stored of them counts what the base has.
 */
import type { Stretch } from "./base.ts";
import { Base, fullPages } from "./base.ts";
import { Blocks, blockRowsOf, type Group, type StoredBlock } from "./blocks.ts";
import { exists } from "./catalog.ts";
import { LogCorrupt } from "./chain.ts";
import type { TableDeclaration } from "./declare.ts";
import { after, type Key, type KeyPart, type Position } from "./key-columns.ts";
import type { Overlay } from "./overlay.ts";
import { within } from "./ranges.ts";
import { RowCodec, RowUnreadable } from "./row.ts";
import type { Sql } from "./sql.ts";

/** Groups and blocks that memory holds; past that, all are forgotten and read again. */
const heldMax = 65_536;
/** Under what a table's blocks stand. */
export const blocksName = ({ name }: { readonly name: string }): string => `blocks_${name}`;

/** What ranks are found in. */
interface Rows {
  readonly overlay: Pick<Overlay<object>, "cells">;
  readonly base: Pick<Base<object>, "count" | "keyAt">;
  readonly compare: (a: Position, b: Position) => number;
  /** Overlay and base as one. */
  readonly walk: (stretch: Stretch, reverse: boolean) => Iterable<readonly [Key, object]>;
}

/** A part of a check of blocks. */
export interface BlocksCheck {
  readonly checked: number;
  readonly faults: readonly string[];
}

/** The ranks of one table. */
export class Ranks {
  readonly #name: string;
  readonly #rows: Rows;
  /** A group of more rows has blocks, until it has a quarter of them. */
  readonly #undividedMax: number;
  /** Of a table whose groups may be divided: what is stored of their blocks. */
  readonly #stored: Base<StoredBlock> | undefined;
  /** Groups by the first part of their keys; undefined of one that is known to be undivided. */
  readonly #groups = new Map<KeyPart, Blocks | undefined>();
  /** Groups without blocks in memory that have changed since the last checkpoint. */
  readonly #changed = new Set<KeyPart>();
  #held = 0;
  #isWritten = false;

  constructor(declaration: TableDeclaration<Key, object>, sql: Sql, rows: Rows) {
    this.#name = declaration.name;
    this.#rows = rows;
    this.#undividedMax = declaration.dividedOver;
    if (this.#undividedMax > 0) this.#stored = baseOf(declaration, sql);
  }

  /** How many rows a stretch has. */
  count(stretch: Stretch): number {
    const blocks = this.#blocksOf(stretch);
    if (blocks === undefined) return this.#plainCount(stretch);
    return this.#before(blocks, stretch.high) - this.#before(blocks, stretch.low);
  }

  /** The key of the row that stands behind so many others of a stretch; undefined where there is none. */
  keyAt(stretch: Stretch, skip: number, reverse: boolean): Key | undefined {
    const blocks = this.#blocksOf(stretch);
    if (blocks === undefined) return this.#plainKeyAt(stretch, skip, reverse);
    const first = this.#before(blocks, stretch.low);
    const behind = this.#before(blocks, stretch.high);
    const rank = reverse ? behind - 1 - skip : first + skip;
    if (rank < first || rank >= behind) return undefined;
    const { index, before } = blocks.holding(rank);
    const fromStart = rank - before;
    const fromEnd = blocks.count(index) - 1 - fromStart;
    const isFromEnd = fromEnd < fromStart;
    const key = this.#plainKeyAt(blocks.stretch(index), isFromEnd ? fromEnd : fromStart, isFromEnd);
    if (key !== undefined) return key;
    throw new LogCorrupt(`${this.#name}: a block has fewer rows than it counts`);
  }

  /** A group has so many rows: if these are many, they are counted in blocks from now on. */
  divide(part: KeyPart, rows: number): void {
    const isMany = rows > this.#undividedMax && this.#groups.get(part) === undefined;
    if (!isMany || this.#stored === undefined) return;
    this.#hold(part, this.#load(part) ?? this.#build(part));
  }

  /** A key has come to a row, or has lost it. */
  note(key: Position, by: number): void {
    const part = key[0] as KeyPart;
    const blocks = this.#groups.get(part);
    if (blocks === undefined) this.#changed.add(part);
    else blocks.add(key as Key, by);
  }

  /** Writes the blocks that changed. To be called in a transaction, before the rows are written; `settle` follows. */
  flush(): void {
    this.#isWritten = false;
    if (this.#stored === undefined) return;
    const rows: [Key, StoredBlock | undefined][] = [];
    for (const part of this.#stored.partsThere([...this.#changed])) {
      if (this.#groups.get(part) === undefined) rows.push(...this.#changesOf(this.#load(part)));
    }
    for (const blocks of this.#groups.values()) rows.push(...this.#changesOf(blocks));
    if (rows.length === 0) return;
    this.#stored.write(rows);
    this.#isWritten = true;
  }

  /** Takes note that what was flushed is in SQLite. */
  settle(): void {
    if (this.#isWritten) this.#stored?.settle();
    this.#isWritten = false;
    this.#changed.clear();
    this.#held = 0;
    for (const [part, blocks] of this.#groups) {
      if (blocks === undefined || this.#isSmall(blocks)) this.#groups.delete(part);
      else this.#held += blocks.length;
      blocks?.settle();
    }
  }

  /** Holds what is known of a group. What is forgotten for it is caught up by a flush, as if nobody had looked. */
  #hold(part: KeyPart, blocks: Blocks | undefined): void {
    this.#held += blocks?.length ?? 1;
    if (this.#held > heldMax) {
      for (const [each, { isChanged } = { isChanged: false }] of this.#groups) {
        if (isChanged) this.#changed.add(each);
      }
      this.#groups.clear();
      this.#held = blocks?.length ?? 1;
    }
    this.#groups.set(part, blocks);
  }

  /** What is to be written of a group's blocks, which are first cut and joined. */
  *#changesOf(blocks: Blocks | undefined): Generator<[Key, StoredBlock | undefined]> {
    if (blocks?.isChanged !== true) return;
    if (this.#isSmall(blocks)) {
      yield* blocks.removals();
      return;
    }
    blocks.tidy((stretch) => this.#keys(stretch));
    yield* blocks.changes();
  }

  /** How many blocks are stored. */
  get stored(): number {
    return this.#stored?.count(everything) ?? 0;
  }

  /** What is wrong with stored blocks, at most `most` of them behind so many others; and how many were looked at. */
  check(skip: number, most: number): BlocksCheck {
    const low = this.#stored?.keyAt(everything, skip, false);
    if (low === undefined || this.#stored === undefined) return { checked: 0, faults: [] };
    const before = skip === 0 ? undefined : this.#stored.keyAt(everything, skip - 1, false);
    const blocks = this.#stored.page({ low, high: everything.high }, most + 1);
    const faults: string[] = [];
    let group = before?.[0];
    for (const [i, [key, { count }]] of blocks.slice(0, most).entries()) {
      const [part] = key as [KeyPart];
      const next = blocks[i + 1]?.[0];
      const high = next?.[0] === part ? next : after([part]);
      const rows = this.#rows.base.count({ low: group === part ? key : [part], high });
      if (rows !== count) faults.push(`${this.#name} ${key.join(" ")}: ${rows} rows, not ${count}`);
      group = part;
    }
    return { checked: Math.min(blocks.length, most), faults };
  }

  /** Whether a group has become so small that it has blocks no longer. */
  #isSmall({ total }: Blocks): boolean {
    return total <= this.#undividedMax / 4;
  }

  /** The blocks of the group in which a stretch lies; undefined where it has none. */
  #blocksOf({ low, high }: Stretch): Blocks | undefined {
    const [part] = low;
    if (this.#stored === undefined || typeof part === "symbol" || part === undefined)
      return undefined;
    if (high[0] !== part) return undefined;
    if (!this.#groups.has(part)) this.#hold(part, this.#load(part) ?? this.#weigh(part));
    const blocks = this.#groups.get(part);
    if (blocks?.isUneven) blocks.tidy((each) => this.#keys(each));
    return blocks;
  }

  /** The blocks of a group that are stored, with what the overlay has changed since; undefined where none are. */
  #load(part: KeyPart): Blocks | undefined {
    const group = groupOf(part);
    const stored = [...(this.#stored?.rows(group, false, fullPages) ?? [])];
    if (stored.length === 0) return undefined;
    for (const [, { count }] of stored) {
      if (Number.isSafeInteger(count) && count >= 0) continue;
      throw new RowUnreadable(`${blocksName({ name: this.#name })}: a count of ${count}`, false);
    }
    return this.#withChanges(new Blocks(this.#about(part), stored, true), group);
  }

  /** Blocks of a group that has none, where it is large. */
  #weigh(part: KeyPart): Blocks | undefined {
    return this.#plainCount(groupOf(part)) > this.#undividedMax ? this.#build(part) : undefined;
  }

  /** Cuts a group that has no blocks; undefined where it has no rows. */
  #build(part: KeyPart): Blocks | undefined {
    const group = groupOf(part);
    const { base, walk } = this.#rows;
    const about = this.#about(part);
    const rows = blockRowsOf(this.#plainCount(group), about.rowsMin);
    const blocks: [Key, StoredBlock][] = [];
    let low = base.keyAt(group, 0, false);
    while (low !== undefined) {
      const rest: Stretch = { low, high: group.high };
      const next = base.keyAt(rest, rows, false);
      blocks.push([low, { count: next === undefined ? base.count(rest) : rows }]);
      low = next;
    }
    if (blocks.length === 0) {
      for (const [key] of walk(group, false)) {
        blocks.push([key, { count: 0 }]);
        break;
      }
    }
    if (blocks.length === 0) return undefined;
    return this.#withChanges(new Blocks(about, blocks, false), group);
  }

  #about(part: KeyPart): Group {
    const rowsMin = Math.ceil(this.#undividedMax / 8);
    return { part, compare: this.#rows.compare, rowsMin };
  }

  /** What counts the base counts what the overlay has changed, too. */
  #withChanges(blocks: Blocks, group: Stretch): Blocks {
    for (const [key, by] of this.#changes(group)) blocks.add(key, by);
    return blocks;
  }

  /** By how many rows the overlay differs from the base, key by key. */
  *#changes(stretch: Stretch): Generator<[Key, number]> {
    const { overlay, compare } = this.#rows;
    for (const [key, cell] of within(overlay.cells(stretch.low, false), stretch, false, compare)) {
      const by = Number(cell.value !== undefined) - Number(cell.inBase);
      if (by !== 0) yield [key as Key, by];
    }
  }

  /** How many rows of the group of some blocks stand before a position. */
  #before(blocks: Blocks, position: Position): number {
    const { index, before } = blocks.of(position);
    const { low } = blocks.stretch(index);
    const isInside = this.#rows.compare(low, position) < 0;
    return isInside ? before + this.#plainCount({ low, high: position }) : before;
  }

  #plainCount(stretch: Stretch): number {
    let count = this.#rows.base.count(stretch);
    for (const [, by] of this.#changes(stretch)) count += by;
    return count;
  }

  #plainKeyAt(stretch: Stretch, skip: number, reverse: boolean): Key | undefined {
    const { overlay, base, compare } = this.#rows;
    const cells = overlay.cells(stretch.low, false);
    if (within(cells, stretch, false, compare).next().done) {
      return base.keyAt(stretch, skip, reverse);
    }
    let left = skip;
    for (const [key] of this.#rows.walk(stretch, reverse)) {
      if (left === 0) return key;
      left -= 1;
    }
    return undefined;
  }

  *#keys(stretch: Stretch): Generator<Key> {
    for (const [key] of this.#rows.walk(stretch, false)) yield key;
  }
}

const everything: Stretch = { low: [], high: after([]) };
const groupOf = (part: KeyPart): Stretch => ({ low: [part], high: after([part]) });

/** Where the blocks of a table are stored: not in its snapshots, since they follow from its rows. */
function baseOf({ name, key }: TableDeclaration<Key, object>, sql: Sql): Base<StoredBlock> {
  const row = { version: 1, texts: [], byRowid: false, upgrade: undefined, valueBytesMax: 40 };
  const table = { ...row, name: blocksName({ name }), key };
  const rows = new RowCodec<StoredBlock>(table);
  const columns = [...key.map((each) => each.name), ...rows.columns];
  return new Base(sql, { ...table, rows }, new Set(exists(sql, table.name) ? columns : []));
}
