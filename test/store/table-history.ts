/**
 * Random histories of a table and of its model, told command by command.
 */
import fc from "fast-check";
import { expect } from "vitest";
import { declareTable, type TableDeclaration } from "../../src/store/declare.ts";
import { Journal } from "../../src/store/journal.ts";
import type { Key, KeyPart } from "../../src/store/key-columns.ts";
import { ascii, bytes, double, integer, signed, text } from "../../src/store/key-columns.ts";
import type { Bounds } from "../../src/store/ranges.ts";
import type { Sql } from "../../src/store/sql.ts";
import { LayeredTable } from "../../src/store/table.ts";
import { anyDouble, anySigned, binary, natural, printable, unicode } from "./key-column-suite.ts";
import { ModelTable } from "./model.ts";
import { expectOutlines, type Forward } from "./outlines.ts";

export interface Row {
  readonly n: unknown;
  readonly body?: string;
  readonly more?: string;
}

/** Declares a table of rows. */
export const declare = declareTable<Row>();
type Declared = TableDeclaration<Key, Row>;

/** Tables of every kind, with their keys. */
export const declared: [string, Declared, fc.Arbitrary<KeyPart[]>][] = [
  [
    "integers and signed",
    declare({ name: "a", version: 1, key: [integer("lane"), signed("p", 1000), integer("seq")] }),
    fc.tuple(fc.nat(1), fc.integer({ min: -2, max: 1 }), natural),
  ],
  [
    "text with texts",
    declare({ name: "b", version: 1, key: [text("id")], texts: ["body", "more"] }),
    fc.tuple(unicode),
  ],
  [
    "ascii, bytes and doubles",
    declare({ name: "c", version: 1, key: [ascii("order"), bytes("group"), double("score")] }),
    fc.tuple(printable, binary, anyDouble),
  ],
  [
    "a resident table",
    declare({ name: "d", version: 1, key: [text("id"), signed("n", 1000)], resident: true }),
    fc.tuple(unicode, anySigned),
  ],
  [
    "a table that keeps a few rows warm",
    declare({ name: "e", version: 1, key: [text("id")], texts: ["body"], warmRowsMax: 6 }),
    fc.tuple(unicode),
  ],
  [
    "an ordered table that keeps a few rows warm",
    declare({ name: "f", version: 1, key: [integer("lane"), integer("seq")], warmRowsMax: 6 }),
    fc.tuple(fc.nat(2), natural),
  ],
  [
    "an ordered table that keeps all its rows warm, and leaves a few changed ones to a list",
    declare({
      ...{ name: "j", version: 1, key: [integer("lane"), integer("seq")] },
      ...{ warmRowsMax: 100, pendingRowsMax: 4 },
    }),
    fc.tuple(fc.nat(2), natural),
  ],
  [
    "a table that leaves a few changed rows to a list",
    declare({ name: "g", version: 1, key: [text("id"), double("d")], pendingRowsMax: 6 }),
    fc.tuple(unicode, anyDouble),
  ],
  [
    "a table with texts that leaves a few changed rows to a list",
    declare({
      name: "i",
      version: 1,
      key: [ascii("id")],
      texts: ["body", "more"],
      pendingRowsMax: 3,
    }),
    fc.tuple(printable),
  ],
  [
    "a table of long texts, by SQLite's own number of rows",
    declare({ name: "k", version: 1, key: [integer("n")], texts: ["body"], byRowid: true }),
    fc.tuple(natural),
  ],
  [
    "a table that counts rows in blocks",
    declare({ name: "h", version: 1, key: [integer("lane"), double("d")], dividedOver: 4 }),
    fc.tuple(fc.nat(1), anyDouble),
  ],
];

const long = fc.constantFrom(
  "x".repeat(70_000),
  '"\\\n'.repeat(5_000),
  "é\u{10000}".repeat(30_000),
);
const body = fc.oneof(
  { weight: 20, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: long },
);
const row: fc.Arbitrary<Row> = fc
  .record({ n: fc.jsonValue({ maxDepth: 2 }), body, more: body }, { requiredKeys: ["n"] })
  .map(({ n, ...texts }) => ({ n: JSON.parse(JSON.stringify(n)), ...texts }));

type Command =
  | { readonly do: "put" | "insert"; readonly key: number; readonly value: Row }
  | { readonly do: "delete" | "remove" | "get"; readonly key: number }
  | { readonly do: "first"; readonly key: number; readonly parts: number }
  | { readonly do: "takeFirst"; readonly key: number; readonly parts: number }
  | { readonly do: "free"; readonly key: number; readonly parts: number; readonly most: number }
  | { readonly do: "range"; readonly bounds: RangeChoice }
  | { readonly do: "divide"; readonly key: number }
  | { readonly do: "expect"; readonly keys: readonly number[] }
  | { readonly do: "mark" | "undo" | "checkpoint" | "whole" | "piece" | "reopen" };

interface RangeChoice {
  readonly kinds: readonly ("prefix" | "from" | "after" | "to")[];
  readonly keys: readonly number[];
  readonly parts: number;
  readonly reverse: boolean;
  readonly limit: number;
  readonly skip: number;
}

const at = fc.nat(11);
const parts = fc.nat(3);
/** One step of a history. */
export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("put" as const), key: at, value: row }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("insert" as const), key: at, value: row }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("delete" as const), key: at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("remove" as const), key: at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("get" as const), key: at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("divide" as const), key: at }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("first" as const), key: at, parts }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("takeFirst" as const), key: at, parts }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("free" as const), key: at, parts, most: fc.nat(4) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("expect" as const),
      keys: fc.array(at, { maxLength: 8 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("range" as const),
      bounds: fc.record({
        kinds: fc.uniqueArray(fc.constantFrom("prefix", "from", "after", "to"), { maxLength: 2 }),
        keys: fc.tuple(at, at),
        parts,
        reverse: fc.boolean(),
        limit: fc.constantFrom(1, 2, 100),
        skip: fc.constantFrom(0, 0, 1, 2, 5, 40),
      }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("mark", "undo", "checkpoint", "whole", "piece", "reopen"),
    }),
  },
);

/** How many rows a checkpoint of each kind writes of a table that leaves others to a list. */
const mostOf = { checkpoint: undefined, piece: 2, whole: Number.POSITIVE_INFINITY };

/** A table, its model, and the way back of both. */
export class History {
  readonly #sql: Sql;
  readonly #declaration: Declared;
  readonly #keys: readonly Key[];
  #journal = new Journal();
  #table: LayeredTable<Key, Row>;
  #model: ModelTable<Row>;
  #durable: ModelTable<Row>;
  #marks: { mark: number; model: ModelTable<Row>; dirty: number; units: number }[] = [];

  constructor(sql: Sql, declaration: Declared, keys: readonly Key[]) {
    this.#sql = sql;
    this.#declaration = declaration;
    this.#keys = keys;
    this.#model = new ModelTable(declaration.key);
    this.#durable = this.#model;
    this.#table = this.#open();
  }

  step(each: Command): void {
    if (each.do === "put" || each.do === "insert")
      this.#write(each.do, this.#key(each.key), each.value);
    else if (each.do === "delete") this.#delete(this.#key(each.key));
    else if (each.do === "remove") this.#remove(this.#key(each.key));
    else if (each.do === "get") this.#get(this.#key(each.key));
    else if (each.do === "divide") this.#divide(this.#key(each.key));
    else if (each.do === "range") this.#range(each.bounds);
    else if (each.do === "expect") this.#expect(each.keys.map((key) => this.#key(key)));
    else if (each.do === "free") this.#free(this.#key(each.key).slice(0, each.parts), each.most);
    else if (each.do === "first" || each.do === "takeFirst") this.#first(each);
    else this.#switch(each.do);
  }

  /** What is said to be asked for next changes nothing. */
  #expect(keys: readonly Key[]): void {
    const reach = this.#table.expect(keys);
    expect(reach).toBeLessThanOrEqual(keys.length);
    expect(reach > 0).toBe(keys.length > 0);
    this.#table.expectFirst(keys.map((key) => key.slice(0, 1)));
  }

  checkAll(): void {
    expect(this.#table.range({ limit: 1000 })).toEqual(this.#model.range({}));
    expect([...this.#table.scan({ reverse: true })]).toEqual(this.#model.range({ reverse: true }));
    for (const key of this.#keys) this.#get(key);
  }

  #open(): LayeredTable<Key, Row> {
    const columns = this.#sql.rows<[name: string]>(
      "SELECT name FROM pragma_table_info(?)",
      this.#declaration.name,
    );
    const stored = new Set(columns.flat());
    return new LayeredTable(this.#declaration, this.#sql, this.#journal, stored);
  }

  #key(i: number): Key {
    return this.#keys[i % this.#keys.length] ?? [];
  }

  #write(verb: "put" | "insert", key: Key, value: Row): void {
    // Only a key without a row may be inserted.
    const hasRow = this.#model.get(key) !== undefined;
    if (verb === "put" || hasRow) this.#table.put(key, value);
    else this.#table.insert(key, value);
    this.#model = this.#model.put(key, value);
  }

  #delete(key: Key): void {
    expect(this.#table.delete(key)).toBe(this.#model.get(key) !== undefined);
    this.#model = this.#model.delete(key);
  }

  /** Only a row that is there may be removed. */
  #remove(key: Key): void {
    if (this.#model.get(key) === undefined) return;
    this.#table.remove(key);
    this.#model = this.#model.delete(key);
  }

  /** Rows go of which only the outlines were read. */
  #free(prefix: Key, most: number): void {
    this.#outlines({ prefix }, most);
    for (const [key, { textLength }] of [...this.#table.outlines({ prefix }).take(most)]) {
      this.#table.remove(key, textLength);
      this.#model = this.#model.delete(key);
    }
  }

  #outlines(bounds: Forward, limit: number): void {
    const rows = this.#model.range(bounds).slice(0, limit);
    expectOutlines([...this.#table.outlines(bounds).take(limit)], rows, this.#declaration.texts);
  }

  /** How many rows a part has is told truly; it changes nothing. */
  #divide([part = 0]: Key): void {
    this.#table.divide(part, this.#model.range({ prefix: [part] }).length);
  }

  #get(key: Key): void {
    expect(this.#table.get(key)).toEqual(this.#model.get(key));
  }

  #first(each: Extract<Command, { parts: number }>): void {
    const prefix = this.#key(each.key).slice(0, each.parts);
    const [expected] = this.#model.range({ prefix });
    const found = this.#table.first(prefix);
    expect(found).toEqual(expected);
    if (each.do === "takeFirst" && found !== undefined) this.#delete(found[0]);
  }

  #range({ kinds, keys, parts: length, reverse, limit, skip }: RangeChoice): void {
    const bounds: { [K in keyof Bounds<Key>]: Bounds<Key>[K] } = { reverse };
    for (const [i, kind] of kinds.entries()) {
      Object.assign(bounds, { [kind]: this.#key(keys[i] ?? 0).slice(0, length) });
    }
    expect(this.#table.count(bounds)).toBe(this.#model.range(bounds).length);
    const { reverse: _, ...forward } = bounds;
    this.#outlines(forward, limit);
    Object.assign(bounds, { skip });
    const expected = this.#model.range(bounds);
    expect(this.#table.range({ ...bounds, limit })).toEqual(expected.slice(0, limit));
    expect([...this.#table.scan(bounds)]).toEqual(expected);
  }

  #switch(verb: "mark" | "undo" | "checkpoint" | "whole" | "piece" | "reopen"): void {
    if (verb === "mark") this.#mark();
    else if (verb === "undo") this.#undo();
    else if (verb === "reopen") this.#reopen();
    else this.#checkpoint(mostOf[verb]);
  }

  #mark(): void {
    const { dirtyRows: dirty, textUnits: units } = this.#table.checkpoint;
    this.#marks.push({ mark: this.#journal.mark(), model: this.#model, dirty, units });
  }

  #undo(): void {
    const last = this.#marks.pop();
    if (last === undefined) return;
    this.#journal.undo(last.mark);
    this.#model = last.model;
    const { dirtyRows, textUnits } = this.#table.checkpoint;
    expect([dirtyRows, textUnits]).toEqual([last.dirty, last.units]);
  }

  #checkpoint(most: number | undefined): void {
    const { checkpoint } = this.#table;
    this.#sql.transaction(() => checkpoint.flush(undefined, most));
    checkpoint.settle();
    this.#journal.forget();
    this.#marks = [];
    this.#durable = this.#model;
    expect([checkpoint.dirtyRows, checkpoint.textUnits]).toEqual([0, 0]);
    if (most === Number.POSITIVE_INFINITY) this.#checkWhole();
  }

  /** SQLite's table alone has every row. */
  #checkWhole(): void {
    expect(this.#table.checkpoint.isPending).toBe(false);
    const rows = this.#model.range({}).length;
    const { name } = this.#declaration;
    if (rows > 0) expect(this.#sql.rows(`SELECT count(*) FROM ${name}`)).toEqual([[rows]]);
  }

  #reopen(): void {
    this.#journal = new Journal();
    this.#marks = [];
    this.#model = this.#durable;
    this.#table = this.#open();
  }
}
