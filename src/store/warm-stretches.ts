/**
 * The stretches of a table that memory holds whole, for rows that are gone through again and again: one of each prefix, which grows as its
 * rows are asked for.
 * Invariant: every row that the base has within one of them has a cell.
 */
import type { Base, Stretch } from "./base.ts";
import { after, type Key, nameOf, type Position } from "./key-columns.ts";
import type { Overlay } from "./overlay.ts";
import { within } from "./ranges.ts";

/** Prefixes of which a stretch is held; past that, all begin anew. */
const prefixesMax = 256;

/** What they are read from, and taken into. */
interface Parts<V extends object> {
  readonly overlay: Overlay<V>;
  readonly base: Pick<Base<V>, "page" | "pageRowsMax">;
  readonly compare: (a: Position, b: Position) => number;
  /** To be told of every key whose row is in memory from now on. */
  readonly onLive: (key: Key) => void;
}

/** What is held of the rows of one prefix. */
interface Held extends Stretch {
  high: Position;
  /** What was held when this began before it, and is again once it has grown to there. */
  further: Stretch | undefined;
}

export class WarmStretches<V extends object> {
  readonly #parts: Parts<V>;
  readonly #rowsMax: number;
  readonly #held = new Map<string, Held>();
  #hasRoom = true;
  /** The overlay's losses when the first of them began. */
  #losses = 0;

  constructor(parts: Parts<V>, rowsMax: number) {
    this.#parts = parts;
    this.#rowsMax = rowsMax;
  }

  /** The first rows of a stretch of a prefix, up to `limit`; undefined where memory has not the room for what is read on the way. */
  range(prefix: Key, stretch: Stretch, limit: number): [Key, V][] | undefined {
    if (!this.#hasRoom) return undefined;
    const { overlay, compare } = this.#parts;
    const rows: [Key, V][] = [];
    const held = this.#heldFrom(nameOf(prefix), stretch.low);
    let { low } = stretch;
    for (let read = 0; this.#hasRoom; ) {
      const high = compare(held.high, stretch.high) < 0 ? held.high : stretch.high;
      const cells = within(overlay.cells(low, false), { low, high }, false, compare);
      for (const [key, { value }] of cells) {
        if (value !== undefined) rows.push([key as Key, value]);
        if (rows.length === limit) return rows;
      }
      if (high === stretch.high) return rows;
      low = high;
      // No more than is missing, but for where many are gone.
      read += this.#grow(held, stretch.high, Math.max(limit - rows.length, read));
    }
    return undefined;
  }

  /** What is held of a prefix, as far as a position is in it or at its end; else it begins there. */
  #heldFrom(name: string, low: Position): Held {
    const { overlay, compare } = this.#parts;
    if (this.#losses !== overlay.losses) this.#held.clear();
    this.#losses = overlay.losses;
    const held = this.#held.get(name);
    const isBefore = held !== undefined && compare(low, held.low) < 0;
    if (held !== undefined && !isBefore && compare(low, held.high) <= 0) return held;
    if (held === undefined && this.#held.size === prefixesMax) this.#held.clear();
    const further = isBefore ? { low: held.low, high: held.high } : undefined;
    const fresh = { low, high: low, further };
    this.#held.set(name, fresh);
    return fresh;
  }

  /** Takes in a page of what stands behind what is held, up to `high`. Returns how many rows that was to be. */
  #grow(held: Held, high: Position, wanted: number): number {
    const { overlay, base, compare, onLive } = this.#parts;
    const pageRows = Math.min(wanted, base.pageRowsMax);
    const page = base.page({ low: held.high, high }, pageRows);
    for (const [key, value] of page) {
      if (overlay.get(key) !== undefined) continue;
      overlay.load(key, { value, inBase: true, isDirty: false });
      onLive(key);
    }
    const last = page.length < pageRows ? undefined : page.at(-1)?.[0];
    held.high = last === undefined ? high : after(last);
    const { further } = held;
    if (further !== undefined && compare(further.low, held.high) <= 0) {
      if (compare(held.high, further.high) < 0) held.high = further.high;
      held.further = undefined;
    }
    // Past that a checkpoint lets go of all of them: to take them in again and again would cost more than it spares.
    if (overlay.size - overlay.tombstones > this.#rowsMax) {
      this.#hasRoom = false;
      this.#held.clear();
    }
    return pageRows;
  }
}
