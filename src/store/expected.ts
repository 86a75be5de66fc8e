/**
 * Rows that were read because they were said to be asked for next: wherever they stand, one query reads many.
 * Invariant: what it gives for a key is what the base holds under it; few rows are held, and fewer are read where their texts are long.
 */
import { isSameKey, type Key, nameOf } from "./key-columns.ts";
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

/** A row that is expected; none where the base has none. */
interface Awaited {
  readonly key: Key;
  row: SqlRow | undefined;
  isTaken: boolean;
}

export class Expected {
  /** In the order in which they are expected to be asked for, which they mostly are. */
  #all: Awaited[] = [];
  #at = 0;
  /** By the names of their keys, once one was asked for out of its turn. */
  #byName: Map<string, Awaited> | undefined;
  #most = rowsMin;

  /** The row of a key that is expected, once: null where there is none; undefined of a key that is not expected. */
  take(key: Key): SqlRow | null | undefined {
    const found = this.#find(key);
    if (found === undefined) return undefined;
    const { row = null } = found;
    found.isTaken = true;
    // Its texts are not to be held for it.
    found.row = undefined;
    return row;
  }

  #find(key: Key): Awaited | undefined {
    while (this.#all[this.#at]?.isTaken) this.#at += 1;
    const next = this.#all[this.#at];
    if (next === undefined || isSameKey(next.key, key)) return next;
    this.#byName ??= new Map(this.#all.slice(this.#at).map((each) => [nameOf(each.key), each]));
    const found = this.#byName.get(nameOf(key));
    return found?.isTaken ? undefined : found;
  }

  /** What is to be read of some keys, at most so many. One alone is not worth a query of its own kind. */
  unread(keys: readonly Key[], most: number): Unread {
    const few: Key[] = [];
    const fewMax = Math.min(most, this.#most);
    let reach = 0;
    for (const key of keys) {
      if (this.#find(key) === undefined) {
        if (few.length === fewMax) break;
        few.push(key);
      }
      reach += 1;
    }
    return { keys: few.length < 2 ? [] : few, reach };
  }

  /** Takes what was read of some keys, in their order; `units` is the text in it. */
  learn(keys: readonly Key[], rows: readonly (SqlRow | undefined)[], units: number): void {
    const left = this.#all.length - this.#at;
    const kept = left + keys.length > heldMax ? [] : this.#all.slice(this.#at);
    this.#all = [...kept, ...keys.map((key, i) => ({ key, row: rows[i], isTaken: false }))];
    this.#at = 0;
    this.#byName = undefined;
    this.#most = units > unitsMax ? Math.ceil(this.#most / 2) : Math.min(2 * this.#most, rowsMax);
  }

  forget(): void {
    if (this.#all.length === 0) return;
    this.#all = [];
    this.#at = 0;
    this.#byName = undefined;
  }
}
