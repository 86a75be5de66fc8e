/**
 * A table as simple as it can be: an immutable list, sorted by the bytes that SQLite compares.
 */
import type { Key, KeyColumn, KeyPart } from "../../src/store/key-columns.ts";
import type { Bounds } from "../../src/store/ranges.ts";

type Row<V> = readonly [key: Key, value: V];

export class ModelTable<V> {
  readonly #columns: readonly KeyColumn[];
  readonly #rows: readonly Row<V>[];

  constructor(columns: readonly KeyColumn[], rows: readonly Row<V>[] = []) {
    this.#columns = columns;
    this.#rows = rows;
  }

  get(key: Key): V | undefined {
    return this.#rows.find(([each]) => this.#compareLeading(each, key) === 0)?.[1];
  }

  put(key: Key, value: V): ModelTable<V> {
    const others = this.#rows.filter(([each]) => this.#compareLeading(each, key) !== 0);
    const rows = [...others, [key, value] as const].sort(([a], [b]) => this.#compareLeading(a, b));
    return new ModelTable(this.#columns, rows);
  }

  delete(key: Key): ModelTable<V> {
    const rows = this.#rows.filter(([each]) => this.#compareLeading(each, key) !== 0);
    return new ModelTable(this.#columns, rows);
  }

  range({ prefix = [], from, after, to, reverse = false, skip = 0 }: Bounds<Key>): Row<V>[] {
    const rows = this.#rows.filter(
      ([key]) =>
        this.#compareLeading(key, prefix) === 0 &&
        (from === undefined || this.#compareLeading(key, from) >= 0) &&
        (after === undefined || this.#compareLeading(key, after) > 0) &&
        (to === undefined || this.#compareLeading(key, to) < 0),
    );
    return (reverse ? rows.reverse() : rows).slice(skip);
  }

  /** Compares as many parts as the bound has. */
  #compareLeading(key: Key, bound: Key): number {
    for (const [i, part] of bound.entries()) {
      const order = compareParts(this.#columns[i]?.sqlType, key[i] ?? 0, part);
      if (order !== 0) return order;
    }
    return 0;
  }
}

/** Numbers by value, strings by the bytes of their encoding. */
function compareParts(kind: KeyColumn["sqlType"] | undefined, a: KeyPart, b: KeyPart): number {
  if (typeof a === "number" && typeof b === "number") return a < b ? -1 : a > b ? 1 : 0;
  const encoding = kind === "BLOB" ? "latin1" : "utf8";
  return Buffer.compare(Buffer.from(String(a), encoding), Buffer.from(String(b), encoding));
}
