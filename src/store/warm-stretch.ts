/**
 * The stretch of a table that memory holds whole, for rows that are gone through again and again: it grows as they are.
 * Invariant: every row that the base has within it has a cell.
 */
import type { Base, Stretch } from "./base.ts";
import { after, type Key, type Position } from "./key-columns.ts";
import type { Overlay } from "./overlay.ts";
import { within } from "./ranges.ts";

/** Rows that are read at once, or more where more are wanted. */
const pageRowsMin = 16;

/** What it is read from, and taken into. */
interface Parts<V extends object> {
  readonly overlay: Overlay<V>;
  readonly base: Pick<Base<V>, "page" | "pageRowsMax">;
  readonly compare: (a: Position, b: Position) => number;
  /** To be told of every key whose row is in memory from now on. */
  readonly onLive: (key: Key) => void;
}

export class WarmStretch<V extends object> {
  readonly #parts: Parts<V>;
  readonly #rowsMax: number;
  /** None before the first range, and once memory has no room for it. */
  #held: Stretch | undefined;
  /** What was held when one began before it, and is again once that has grown to there. */
  #further: Stretch | undefined;
  #hasRoom = true;
  /** The overlay's losses when it began. */
  #losses = 0;

  constructor(parts: Parts<V>, rowsMax: number) {
    this.#parts = parts;
    this.#rowsMax = rowsMax;
  }

  /** The first rows of a stretch, up to `limit`; undefined where memory has not the room for what is read on the way. */
  range(stretch: Stretch, limit: number): [Key, V][] | undefined {
    const { overlay, compare } = this.#parts;
    const rows: [Key, V][] = [];
    for (let { low } = stretch; this.#hasRoom; ) {
      const held = this.#heldFrom(low);
      const high = compare(held.high, stretch.high) < 0 ? held.high : stretch.high;
      for (const [key, { value }] of within(
        overlay.cells(low, false),
        { low, high },
        false,
        compare,
      )) {
        if (value !== undefined) rows.push([key as Key, value]);
        if (rows.length === limit) return rows;
      }
      if (high === stretch.high) return rows;
      low = high;
      this.#grow(held, stretch.high, limit);
    }
    return undefined;
  }

  /** What is held, as far as a position is in it or at its end; else it begins there. */
  #heldFrom(low: Position): Stretch {
    const { overlay, compare } = this.#parts;
    if (this.#losses !== overlay.losses) this.#forget();
    this.#losses = overlay.losses;
    const held = this.#held;
    const isBefore = held !== undefined && compare(low, held.low) < 0;
    if (held !== undefined && !isBefore && compare(low, held.high) <= 0) return held;
    this.#further = isBefore ? held : undefined;
    this.#held = { low, high: low };
    return this.#held;
  }

  /** Takes in a page of what stands behind what is held, up to `high`. */
  #grow({ low, high: from }: Stretch, high: Position, limit: number): void {
    const { overlay, base, compare, onLive } = this.#parts;
    const pageRows = Math.min(Math.max(limit, pageRowsMin), base.pageRowsMax);
    const page = base.page({ low: from, high }, pageRows);
    for (const [key, value] of page) {
      if (overlay.get(key) !== undefined) continue;
      overlay.load(key, { value, inBase: true, isDirty: false });
      onLive(key);
    }
    const last = page.length < pageRows ? undefined : page.at(-1)?.[0];
    this.#held = { low, high: last === undefined ? high : after(last) };
    const further = this.#further;
    if (further !== undefined && compare(further.low, this.#held.high) <= 0) {
      if (compare(this.#held.high, further.high) < 0) this.#held = { low, high: further.high };
      this.#further = undefined;
    }
    // Past that a checkpoint lets go of all of them: to take them in again and again would cost more than it spares.
    if (overlay.size > this.#rowsMax) {
      this.#hasRoom = false;
      this.#forget();
    }
  }

  #forget(): void {
    this.#held = undefined;
    this.#further = undefined;
  }
}
