/**
 * The SQL by which one table is read: built once for each shape of what is asked.
 * Invariant: a query for rows selects what the codec takes, and behind it the key or the place of what was asked; a column that the table
 * has not yet, or that is not to be read, is NULL.
 */
import type { BaseDeclaration, Stretch } from "./base.ts";
import { after, isAfter, type Position, partsOf } from "./key-columns.ts";

/**
 * A limit that is bound. SQLite plans by the number in a limit that is a parameter and nothing else, and prepares the statement anew
 * whenever one is bound, also the same: 20 to 40 µs a query.
 */
export const boundLimit = "? + 0";

export class BaseQueries {
  readonly #table: string;
  /** Columns of the key. */
  readonly #columns: readonly string[];
  /** What is selected, and which columns of that the table has in SQLite. */
  readonly #selected: readonly string[];
  readonly #texts: readonly string[];
  readonly #stored: ReadonlySet<string>;
  readonly #built = new Map<string, string>();

  constructor({ name, key, texts, rows }: Queried, stored: ReadonlySet<string>) {
    this.#table = `"${name}"`;
    this.#columns = key.map((each) => `"${each.name}"`);
    this.#selected = [...rows.columns, ...key.map((each) => each.name)];
    this.#texts = texts;
    this.#stored = stored;
  }

  /** The rows of a JSON array of keys of one column, each with its place in the array. */
  get ofParts(): string {
    return this.#query("of parts", () => {
      const rows = this.#selectWith("asked.key", "json_each(?) AS asked");
      return `${rows} WHERE t.${this.#columns[0]} = asked.value`;
    });
  }

  /** The rows of so many keys, each with the place of its key among them. */
  ofKeys(count: number): string {
    return this.#query(`of keys ${count}`, () => {
      const parts = this.#columns.map((_, i) => `part${i}`);
      const marked = this.#columns.map(() => "?");
      const keys = Array.from({ length: count }, (_, place) => `(${place}, ${marked})`);
      const same = this.#columns.map((each, i) => `t.${each} = asked.part${i}`);
      const rows = this.#selectWith("asked.place", "asked");
      return `WITH asked (place, ${parts}) AS (VALUES ${keys}) ${rows} WHERE ${same.join(" AND ")}`;
    });
  }

  /**
   * The first rows behind each place in a JSON array, all of these of so many parts, that have the same first part; where that is the
   * only one, the first that have it.
   */
  firstOfEach(length: number): string {
    return this.#query(`first of each ${length}`, () => {
      const columns = this.#columns;
      const asked = columns.slice(0, length).map((_, i) => `p.value ->> ${i}`);
      const rest = columns.slice(1, length).map((each) => `h.${each}`);
      const behind = length === 1 ? "" : ` AND (${rest}) > (${asked.slice(1)})`;
      const where = `h.${columns[0]} = ${asked[0]}${behind}`;
      const first = `SELECT ${columns} FROM ${this.#table} AS h WHERE ${where} ORDER BY ${columns} LIMIT ${boundLimit}`;
      const own = columns.map((each) => `t.${each}`);
      const selected = this.#listed(this.#selected, "t.");
      return `SELECT ${selected} FROM ${this.#table} AS t, json_each(?) AS p WHERE (${own}) IN (${first}) ORDER BY ${own}`;
    });
  }

  /** Those values of a JSON array that the first column has. */
  get partsThere(): string {
    return this.#query("parts there", () => {
      const any = `SELECT 1 FROM ${this.#table} WHERE ${this.#columns[0]} = p.value`;
      return `SELECT p.value FROM json_each(?) AS p WHERE EXISTS (${any})`;
    });
  }

  count(stretch: Stretch): string {
    return this.#query(`count ${shapeOf(stretch)}`, () => {
      return `SELECT count(*) FROM ${this.#table} ${whereIn(this.#columns, stretch)}`;
    });
  }

  /** SQLite searches the primary key by row values of any length, from both ends. */
  range(stretch: Stretch, reverse: boolean): string {
    return this.#query(`${shapeOf(stretch)} ${reverse}`, () => {
      const order = this.#columns.map((each) => (reverse ? `${each} DESC` : each));
      return `${this.#select} ${whereIn(this.#columns, stretch)} ORDER BY ${order} LIMIT ${boundLimit}`;
    });
  }

  /**
   * The first rows at or behind a place without their texts, and last how many bytes these have. It has no other end than its limit: to see
   * whether a row stands before one, SQLite reads the whole of it.
   */
  outlines(low: Position): string {
    const open = { low, high: after([]) };
    return this.#query(`outlines ${shapeOf(open)}`, () => {
      const there = this.#texts.filter((each) => this.#stored.has(each));
      const sizes = there.map((each) => `coalesce(octet_length("${each}"), 0)`);
      const values = this.#selected.map((each) =>
        this.#texts.includes(each) ? "NULL" : `"${each}"`,
      );
      const from = `FROM ${this.#table} ${whereIn(this.#columns, open)}`;
      return `SELECT ${values}, ${sizes.join(" + ") || "0"} ${from} ORDER BY ${this.#columns} LIMIT ${boundLimit}`;
    });
  }

  #query(name: string, build: () => string): string {
    const known = this.#built.get(name);
    if (known !== undefined) return known;
    const query = build();
    this.#built.set(name, query);
    return query;
  }

  get #select(): string {
    return `SELECT ${this.#listed(this.#selected, "")} FROM ${this.#table}`;
  }

  /** What a codec takes and one thing more, of the rows that are found for each of what is asked. */
  #selectWith(more: string, asked: string): string {
    const values = this.#selected.slice(0, -this.#columns.length);
    return `SELECT ${this.#listed(values, "t.")}, ${more} FROM ${asked} CROSS JOIN ${this.#table} AS t`;
  }

  #listed(columns: readonly string[], prefix: string): string[] {
    return columns.map((each) => (this.#stored.has(each) ? `${prefix}"${each}"` : "NULL"));
  }
}

/** What the rows of a stretch are found by; bound are the parts of its low end, and then those of its high one. */
export function whereIn(columns: readonly string[], { low, high }: Stretch): string {
  const bounds: string[] = [];
  for (const [position, compared] of [
    [low, aboveOf(low)],
    [high, belowOf(high)],
  ] as const) {
    const { length } = partsOf(position);
    const marks = Array(length).fill("?");
    if (length > 0) bounds.push(`(${columns.slice(0, length)}) ${compared} (${marks})`);
  }
  return bounds.length === 0 ? "" : `WHERE ${bounds.join(" AND ")}`;
}

/** What of a table and its codec the queries need. */
interface Queried extends Pick<BaseDeclaration<object>, "name" | "key" | "texts"> {
  readonly rows: { readonly columns: readonly string[] };
}

const aboveOf = (low: Stretch["low"]): string => (isAfter(low) ? ">" : ">=");
const belowOf = (high: Stretch["high"]): string => (isAfter(high) ? "<=" : "<");

/** What a query for a stretch depends on. */
const shapeOf = ({ low, high }: Stretch): string =>
  `${aboveOf(low)}${partsOf(low).length}${belowOf(high)}${partsOf(high).length}`;
