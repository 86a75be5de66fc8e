/**
 * Rows that were read because they were said to be asked for next: wherever they stand, one query reads many.
 * Invariant: what it gives for a key is what the base holds under it; few rows are held, and fewer are read where their texts are long.
 */
import { type Key, nameOf } from "./key-columns.ts";
import type { SqlRow } from "./sql.ts";

/** Rows of one query, and of all that were not asked for yet. */
const rowsMin = 8;
const rowsMax = 64;
const heldMax = 512;
/** Units of text in the rows of a query after which the next one reads half as many. */
const unitsMax = 65_536;

/** Those of some keys that are to be read at once, and how many of the keys, from the first on, there are no others of. */
export interface Unread {
  readonly keys: readonly Key[];
  readonly reach: number;
}

/** By the names of their keys. */
export class Expected {
  readonly #rows = new Map<string, SqlRow | undefined>();
  #most = rowsMin;

  has(key: Key): boolean {
    return this.#rows.size > 0 && this.#rows.has(nameOf(key));
  }

  /** The row of a key that is expected, once: undefined where there is none. */
  take(key: Key): SqlRow | undefined {
    const name = nameOf(key);
    const row = this.#rows.get(name);
    this.#rows.delete(name);
    return row;
  }

  /** What is to be read of some keys, at most so many. One alone is not worth a query of its own kind. */
  unread(keys: readonly Key[], most: number): Unread {
    const few: Key[] = [];
    const fewMax = Math.min(most, this.#most);
    let reach = 0;
    for (const key of keys) {
      if (!this.has(key)) {
        if (few.length === fewMax) break;
        few.push(key);
      }
      reach += 1;
    }
    return { keys: few.length < 2 ? [] : few, reach };
  }

  /** Takes what was read of some keys; `units` is the text in it. */
  learn(keys: readonly Key[], found: Iterable<readonly [Key, SqlRow]>, units: number): void {
    if (this.#rows.size + keys.length > heldMax) this.#rows.clear();
    for (const key of keys) this.#rows.set(nameOf(key), undefined);
    for (const [key, row] of found) this.#rows.set(nameOf(key), row);
    this.#most = units > unitsMax ? Math.ceil(this.#most / 2) : Math.min(2 * this.#most, rowsMax);
  }

  forget(): void {
    this.#rows.clear();
  }
}
