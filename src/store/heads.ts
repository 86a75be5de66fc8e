/**
 * Finding the first row of a prefix again and again while rows are taken from there, without walking over the dead ones.
 * Invariant: below a head's marks there is no live row of its prefix, except the overlay rows listed as early.
 */
import type { Base } from "./base.ts";
import type { Key, Position } from "./key-columns.ts";
import { after, nameOf } from "./key-columns.ts";
import type { Cell, Overlay } from "./overlay.ts";

/** Prefixes remembered, and base rows held for all of them; past either, all are forgotten and found again. */
const headsMax = 16_384;
const rowsHeldMax = 65_536;
/** Pages grow, so that many prefixes hold little and a deep backlog is read in few queries. */
const pageRowsMin = 8;
/** Rows that are read at least of each of many prefixes, however many of these are remembered. */
const expectedRows = 4;
const pageRowsMax = 128;
/** Live overlay rows put below the mark before it is moved back to the lowest of them. */
const earlyMax = 64;

interface Head<V> {
  readonly prefix: Position;
  readonly high: Position;
  /** No live overlay row below this position, except the early ones. */
  mark: Position;
  /** Keys put below the mark, in order. */
  early: Position[];
  /** Base rows read ahead; those before `at` are known to be shadowed by the overlay. */
  page: [Key, V][];
  at: number;
  /** The last row of the page as it was read: between the page's rows and up to here the base has no others. */
  end: Key | undefined;
  pageRows: number;
  /** Where the next page begins; undefined when the base has no more. */
  next: Position | undefined;
}

/** The heads of one table. Everything is forgotten when an undo has changed the overlay. */
export class Heads<V extends object> {
  readonly #overlay: Overlay<V>;
  readonly #base: Base<V> | undefined;
  readonly #compare: (a: Position, b: Position) => number;
  /** By prefix length, then by the prefix as text. */
  #heads: Map<string, Head<V>>[] = [];
  #count = 0;
  #rowsHeld = 0;

  /** A resident table has no base to look at. */
  constructor(
    overlay: Overlay<V>,
    base: Base<V> | undefined,
    compare: (a: Position, b: Position) => number,
  ) {
    this.#overlay = overlay;
    this.#base = base;
    this.#compare = compare;
  }

  /** The first live row of a prefix. */
  first(prefix: Key): [Key, V] | undefined {
    const head = this.#headOf(prefix);
    const above = this.#firstInOverlay(head);
    const below = this.#firstInBase(head);
    if (below === undefined) return above;
    if (above !== undefined && this.#compare(above[0], below[0]) < 0) return above;
    this.#base?.remember(below[0], below[1]);
    return below;
  }

  /** To be told which prefixes, of one part each, are asked for next: those that have nothing read ahead are read with few queries. */
  expect(prefixes: readonly Key[]): void {
    if (this.#base?.hasPlainKeys !== true) return;
    if (prefixes.length < 2 || prefixes.length > headsMax) return;
    const fresh = prefixes.filter((each) => this.#heads[1]?.has(nameOf(each, 1)) !== true);
    if (this.#count + fresh.length > headsMax) this.forget();
    const heads = new Set(prefixes.map((each) => this.#headOf(each)));
    const spent = [...heads].filter((head) => this.#isSpent(head));
    if (spent.length > 1) this.#readPages(spent, this.#base);
  }

  /** Whether the base has more than what was read ahead, of which nothing is left. */
  #isSpent(head: Head<V>): boolean {
    return this.#nextInPage(head) === undefined && head.next !== undefined;
  }

  /** Reads the next page of each: as many rows as of the one from which least was taken, and no more than there is room for. */
  #readPages(heads: readonly Head<V>[], base: Base<V>): void {
    const least = Math.min(this.#room, base.pageRowsMax, ...heads.map(({ pageRows }) => pageRows));
    const limit = Math.max(expectedRows, least);
    const lows = heads.flatMap(({ next }) => (next === undefined ? [] : [next]));
    // A row that cannot be read leaves all heads as they are.
    const rows = base.firstOfEach(lows, limit);
    for (const head of heads) this.#turnPage(head, [], undefined);
    for (const row of rows) {
      const head = this.#headOf(row[0].slice(0, 1));
      head.page.push(row);
      [head.end] = row;
      // Behind a full page there may be more.
      if (head.page.length === limit) head.next = after(row[0]);
      this.#rowsHeld += 1;
    }
    if (this.#rowsHeld > rowsHeldMax) this.forget();
  }

  /** To be told of every key whose row becomes live in the overlay. */
  noteLive(key: Key): void {
    for (const [length, heads] of this.#heads.entries()) {
      const head = heads.size === 0 ? undefined : heads.get(nameOf(key, length));
      if (head !== undefined && this.#compare(key, head.mark) < 0) this.#addEarly(head, key);
    }
  }

  forget(): void {
    if (this.#count === 0) return;
    this.#heads = [];
    this.#count = 0;
    this.#rowsHeld = 0;
  }

  /**
   * To be told that the base is about to become what overlay and base are together, and the overlay empty. What was read ahead stays
   * good where nothing was written between its rows.
   */
  carry(): void {
    this.#rowsHeld = 0;
    for (const heads of this.#heads) {
      for (const [name, head] of heads) {
        if (this.#carryHead(head)) {
          this.#rowsHeld += head.page.length;
          continue;
        }
        heads.delete(name);
        this.#count -= 1;
      }
    }
  }

  /** To be told that the base is about to have some rows as the overlay does, or to lose them, and that the overlay will know no more of them. */
  carrySome(written: Iterable<readonly [Position, Cell<V>]>): void {
    const shorter = new Set<Head<V>>();
    for (const [key, { value }] of written) {
      for (const [length, heads] of this.#heads.entries()) {
        const name = nameOf(key as Key, length);
        const head = heads.get(name);
        if (head === undefined) continue;
        if (value === undefined) shorter.add(head);
        else {
          shorter.delete(head);
          heads.delete(name);
          this.#count -= 1;
          this.#rowsHeld -= head.page.length;
        }
      }
    }
    for (const head of shorter) this.#hold(head, this.#unshadowed(head));
  }

  /** The rows read ahead of which the overlay knows nothing. */
  #unshadowed({ page, at }: Head<V>): [Key, V][] {
    return page.slice(at).filter(([key]) => this.#overlay.get(key) === undefined);
  }

  #carryHead(head: Head<V>): boolean {
    const written = this.#firstInOverlay(head)?.[0];
    const rows = this.#unshadowed(head);
    if (written !== undefined) {
      if (head.end === undefined || this.#compare(written, head.end) <= 0) return false;
      head.next ??= after(head.end);
    }
    head.page = rows;
    head.at = 0;
    head.early = [];
    head.mark = head.prefix;
    return true;
  }

  #headOf(prefix: Key): Head<V> {
    while (this.#heads.length <= prefix.length) this.#heads.push(new Map());
    const name = nameOf(prefix, prefix.length);
    const known = this.#heads[prefix.length]?.get(name);
    if (known !== undefined) return known;
    if (this.#count >= headsMax) this.forget();
    const head: Head<V> = {
      prefix,
      high: after(prefix),
      mark: prefix,
      early: [],
      page: [],
      at: 0,
      end: undefined,
      pageRows: pageRowsMin,
      next: prefix,
    };
    while (this.#heads.length <= prefix.length) this.#heads.push(new Map());
    this.#heads[prefix.length]?.set(name, head);
    this.#count += 1;
    return head;
  }

  #firstInOverlay(head: Head<V>): [Key, V] | undefined {
    const early = this.#firstEarly(head);
    if (early !== undefined) return early;
    let pair = this.#overlay.atOrAfter(head.mark);
    while (pair !== undefined && this.#compare(pair[0], head.high) < 0) {
      const [key, { value }] = pair;
      head.mark = key;
      if (value !== undefined) return [key as Key, value];
      pair = this.#overlay.next(key);
    }
    return undefined;
  }

  #firstEarly(head: Head<V>): [Key, V] | undefined {
    for (;;) {
      const key = head.early[0];
      if (key === undefined) return undefined;
      const value = this.#overlay.get(key)?.value;
      if (value !== undefined) return [key as Key, value];
      head.early.shift();
    }
  }

  #addEarly(head: Head<V>, key: Key): void {
    let at = head.early.length;
    for (; at > 0; at -= 1) {
      const order = this.#compare(head.early[at - 1] ?? [], key);
      if (order === 0) return;
      if (order < 0) break;
    }
    head.early.splice(at, 0, key);
    if (head.early.length <= earlyMax) return;
    head.mark = head.early[0] ?? head.mark;
    head.early = [];
  }

  #firstInBase(head: Head<V>): [Key, V] | undefined {
    for (;;) {
      const row = this.#nextInPage(head);
      if (row !== undefined || head.next === undefined || this.#base === undefined) return row;
      this.#readPage(head, this.#base, head.next);
    }
  }

  /** The first row of what was read ahead that the overlay does not hide. */
  #nextInPage(head: Head<V>): [Key, V] | undefined {
    for (; head.at < head.page.length; head.at += 1) {
      const row = head.page[head.at];
      if (row !== undefined && this.#overlay.get(row[0]) === undefined) return row;
    }
    return undefined;
  }

  #readPage(head: Head<V>, base: Base<V>, low: Position): void {
    const limit = Math.max(expectedRows, Math.min(head.pageRows, base.pageRowsMax, this.#room));
    const page = base.page({ low, high: head.high }, limit);
    const last = page.at(-1);
    this.#turnPage(head, page, last === undefined || page.length < limit ? undefined : last[0]);
    if (this.#rowsHeld > rowsHeldMax) this.forget();
  }

  /** Rows of a page, so that all heads may have as many. */
  get #room(): number {
    return Math.floor(rowsHeldMax / 2 / this.#count);
  }

  /** Holds other rows; the base has more behind `full`. */
  #turnPage(head: Head<V>, page: [Key, V][], full: Key | undefined): void {
    this.#hold(head, page);
    head.end = page.at(-1)?.[0];
    head.pageRows = Math.min(head.pageRows * 2, pageRowsMax);
    head.next = full && after(full);
  }

  #hold(head: Head<V>, page: [Key, V][]): void {
    this.#rowsHeld += page.length - head.page.length;
    head.page = page;
    head.at = 0;
  }
}
