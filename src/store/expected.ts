/**
 * Rows that were read because they were said to be asked for next: wherever they stand, one query reads many.
 * Invariant: what it gives for a key is what the base holds under it; few rows are held, and fewer are read where their texts are long.
 */
import type { KeyPart } from "./key-columns.ts";
import type { SqlRow } from "./sql.ts";

/** Rows of one query, and of all that were not asked for yet. */
const rowsMin = 8;
const rowsMax = 64;
const heldMax = 512;
/** Units of text in the rows of a query after which the next one reads half as many. */
const unitsMax = 65_536;

/** By the one part of their keys. */
export class Expected {
  readonly #rows = new Map<KeyPart, SqlRow | undefined>();
  #most = rowsMin;

  has(part: KeyPart): boolean {
    return this.#rows.size > 0 && this.#rows.has(part);
  }

  /** The row of a key that is expected, once: undefined where there is none. */
  take(part: KeyPart): SqlRow | undefined {
    const row = this.#rows.get(part);
    this.#rows.delete(part);
    return row;
  }

  /** Those of the keys that are to be read at once. One alone is not worth a query of its own kind. */
  unread(parts: readonly KeyPart[]): KeyPart[] {
    const unknown = parts.filter((part) => !this.#rows.has(part)).slice(0, this.#most);
    return unknown.length < 2 ? [] : unknown;
  }

  /** Takes what was read of some keys; `units` is the text in it. */
  learn(
    parts: readonly KeyPart[],
    found: Iterable<readonly [KeyPart, SqlRow]>,
    units: number,
  ): void {
    if (this.#rows.size + parts.length > heldMax) this.#rows.clear();
    for (const part of parts) this.#rows.set(part, undefined);
    for (const [part, row] of found) this.#rows.set(part, row);
    this.#most = units > unitsMax ? Math.ceil(this.#most / 2) : Math.min(2 * this.#most, rowsMax);
  }

  forget(): void {
    this.#rows.clear();
  }
}
