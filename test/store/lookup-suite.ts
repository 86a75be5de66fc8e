/**
 * Finding rows of a snapshot: whatever the keys, those that SQLite put in order are found, and no others.
 */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { declareTable } from "../../src/store/declare.ts";
import {
  ascii,
  bytes,
  double,
  integer,
  type KeyPart,
  signed,
  text,
} from "../../src/store/key-columns.ts";
import { SnapshotLookup } from "../../src/store/snapshot-lookup.ts";
import { type AnyTable, columnsOf, lineOf } from "../../src/store/snapshot-rows.ts";
import type { Sql, SqlRow } from "../../src/store/sql.ts";
import { anyDouble, anySigned, binary, printable, unicode } from "./key-column-suite.ts";
import { type WithSql, wipe } from "./support.ts";

const declare = declareTable<{ readonly n: number }>();
const tables: readonly AnyTable[] = [
  declare({ name: "a", version: 1, key: [integer("due"), ascii("kind"), text("name")] }),
  declare({ name: "b", version: 1, key: [text("name"), signed("n", 1000)] }),
  declare({ name: "c", version: 1, key: [bytes("group"), double("score")] }),
];
type Parts = readonly KeyPart[];
const kinds: readonly fc.Arbitrary<Parts>[] = [
  fc.tuple(fc.nat(1), printable, unicode),
  fc.tuple(unicode, anySigned),
  fc.tuple(binary, anyDouble.filter(Number.isFinite)),
];
/** Some keys of each table. */
const keys = fc.tuple(
  ...kinds.map((each) => fc.uniqueArray(each, { maxLength: 6, selector: JSON.stringify })),
);

/** The lines of a snapshot of the tables, in SQLite's order. */
function linesOf(sql: Sql): string[] {
  return tables.flatMap((table) => {
    const names = table.key.map((each) => `"${each.name}"`).join();
    const columns = columnsOf(table)
      .map((each) => `"${each}"`)
      .join();
    const rows = sql.rows<SqlRow>(`SELECT ${columns} FROM "${table.name}" ORDER BY ${names}`);
    return rows.map((row) => lineOf(table, row));
  });
}

function fill(sql: Sql, all: readonly (readonly Parts[])[]): void {
  for (const [i, { name, key: columns }] of tables.entries()) {
    const defined = columns.map((each) => `"${each.name}" ${each.sqlType} NOT NULL`).join();
    const primary = columns.map((each) => `"${each.name}"`).join();
    sql.run(
      `CREATE TABLE "${name}" (${defined}, version INTEGER, value TEXT, PRIMARY KEY (${primary}))
       STRICT, WITHOUT ROWID`,
    );
    for (const [n, key] of (all[i] ?? []).entries()) {
      const marks = [...key, 1, ""].map(() => "?").join();
      const stored = columns.map((column, k) => column.encode(key[k] ?? 0));
      sql.run(`INSERT INTO "${name}" VALUES (${marks})`, ...stored, 1, JSON.stringify({ n }));
    }
  }
}

/** The lines in chunks of so many each. */
function chunked(lines: readonly string[], size: number): string[][] {
  const chunks: string[][] = [];
  for (let i = 0; i < lines.length; i += size) chunks.push(lines.slice(i, i + size));
  return chunks;
}

function lookupOf(chunks: readonly (readonly string[])[]): SnapshotLookup {
  const of = (chunk: number) => chunks[chunk - 1] ?? [];
  const texts = {
    head: (chunk: number) => of(chunk)[0] ?? "",
    text: (chunk: number) =>
      of(chunk)
        .map((line) => `${line}\n`)
        .join(""),
  };
  return new SnapshotLookup(texts, chunks.length);
}

export function lookupSuite(withSql: WithSql): void {
  describe("a snapshot's rows", () => {
    it("are found by their keys, in whatever chunks they stand, and what is not there is not", () =>
      withSql((sql) => {
        const property = fc.property(
          keys,
          keys,
          fc.integer({ min: 1, max: 4 }),
          (kept, others, size) => {
            wipe(sql);
            fill(sql, kept);
            const lookup = lookupOf(chunked(linesOf(sql), size));
            for (const [i, { name }] of tables.entries()) {
              const own = (kept[i] ?? []).map((key) => JSON.stringify(key));
              for (const key of [...(kept[i] ?? []), ...(others[i] ?? [])]) {
                const n = own.indexOf(JSON.stringify(key));
                expect(lookup.find(name, key)).toEqual(n < 0 ? undefined : { n });
              }
            }
          },
        );
        fc.assert(property, { numRuns: 150 });
      }));

    it("are found with each line of a chunk parsed twice at most: as one that is passed, and as what is found", () =>
      withSql((sql) => {
        const names = Array.from({ length: 200 }, (_, n) => `name ${1000 + n}`);
        fill(sql, [[], names.map((name) => [name, 0]), []]);
        const lookup = lookupOf([linesOf(sql)]);
        const parsed = vi.spyOn(JSON, "parse");
        for (const [n, name] of names.entries()) expect(lookup.find("b", [name, 0])).toEqual({ n });
        expect(parsed.mock.calls.length).toBeLessThanOrEqual(2 * names.length + 1);
        parsed.mockRestore();
      }));

    it("stand by code points, where UTF-16 has another order", () =>
      withSql((sql) => {
        // By UTF-16 the last of them would be the first.
        const names = ["\ue000", "\uffff", "\u{10000}", "\u{1f600}"];
        fill(sql, [[], names.map((name) => [name, 0]), []]);
        const lookup = lookupOf(chunked(linesOf(sql), 4));
        expect(names.map((name) => lookup.find("b", [name, 0]))).toEqual(
          names.map((_, n) => ({ n })),
        );
      }));
  });
}
