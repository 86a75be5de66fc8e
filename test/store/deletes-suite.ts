/**
 * The deletes of a checkpoint: whatever stands side by side goes as one, and nothing goes that was not to.
 */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Journal } from "../../src/store/journal.ts";
import {
  ascii,
  bytes,
  double,
  integer,
  type Key,
  signed,
  text,
} from "../../src/store/key-columns.ts";
import type { Sql } from "../../src/store/sql.ts";
import { LayeredTable } from "../../src/store/table.ts";
import { type WithSql, wipe } from "./support.ts";
import { declare, type Row } from "./table-history.ts";

type Declared = Parameters<typeof opened>[1];

/** Tables of all kinds of keys, and the key of a number in each. */
const kinds: readonly [string, Declared, (i: number) => Key][] = [
  [
    "numbers",
    declare({ name: "numbers", version: 1, key: [signed("lane", 1000), integer("seq")] }),
    (i) => [(i % 7) - 3, i],
  ],
  [
    "texts",
    declare({ name: "words", version: 1, key: [text("word")] }),
    (i) => [`"${String.fromCodePoint(0x1f600 + (i % 60))}",;\\${i}\n`],
  ],
  [
    "texts with long ones beside",
    declare({ name: "notes", version: 1, key: [ascii("id")], texts: ["body"] }),
    (i) => [`note-${i}`],
  ],
  [
    "bytes and doubles",
    declare({
      name: "scores",
      version: 1,
      key: [integer("gen"), double("score"), bytes("member")],
    }),
    (i) => [1, i / 3, String.fromCharCode(i % 256, 0, 255)],
  ],
];

/** The table as it is in SQLite. */
function opened(sql: Sql, declaration: ReturnType<typeof declare>): LayeredTable<Key, Row> {
  const stored = sql.rows<[string]>("SELECT name FROM pragma_table_info(?)", declaration.name);
  return new LayeredTable(declaration, sql, new Journal(), new Set(stored.flat()));
}

function checkpoint(sql: Sql, table: LayeredTable<Key, Row>): void {
  sql.transaction(() => table.checkpoint.flush());
  table.checkpoint.settle();
}

/** The table with rows in SQLite, and none in memory. */
function filled(sql: Sql, declaration: Declared, keys: Iterable<Key>): LayeredTable<Key, Row> {
  const table = opened(sql, declaration);
  for (const key of keys) table.put(key, { n: key[0] });
  checkpoint(sql, table);
  return opened(sql, declaration);
}

/** The same, and its keys in their order. */
function filledInOrder(sql: Sql, declaration: Declared, keys: Iterable<Key>) {
  const table = filled(sql, declaration, keys);
  return { table, keys: table.range({ limit: 5_000 }).map(([key]) => key) };
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Stretches of numbers below 400, of which some are long. */
const stretches = fc.array(fc.tuple(fc.nat(399), fc.nat(300)), { maxLength: 3 });

export function deletesSuite(withSql: WithSql, runs: number): void {
  describe("deletes", () => {
    it.each(kinds)("of keys of %s: exactly the rows go that were to go", (_, declaration, keyOf) =>
      withSql((sql) => {
        fc.assert(
          fc.property(stretches, fc.uniqueArray(fc.nat(399)), (gone, come) => {
            wipe(sql);
            const table = filled(sql, declaration, upTo(400).map(keyOf));
            const left = new Set(upTo(400));
            for (const [from, rows] of gone) {
              for (const i of upTo(rows)) if (left.delete(from + i)) table.remove(keyOf(from + i));
            }
            for (const i of come.slice(0, 3)) {
              table.put(keyOf(i), { n: "come" });
              left.add(i);
            }
            checkpoint(sql, table);
            const found = opened(sql, declaration)
              .range({ limit: 1000 })
              .map(([key]) => key);
            const names = new Set([...left].map((i) => JSON.stringify(keyOf(i))));
            expect(new Set(found.map((key) => JSON.stringify(key)))).toEqual(names);
            expect(found).toHaveLength(names.size);
          }),
          { numRuns: runs },
        );
      }),
    );

    it.each(kinds)("of a thousand keys of %s take a few statements", (_, declaration, keyOf) =>
      withSql((sql) => {
        wipe(sql);
        const table = filled(sql, declaration, upTo(1_000).map(keyOf));
        for (const i of upTo(1_000)) table.delete(keyOf(i));
        const run = vi.spyOn(sql, "run");
        checkpoint(sql, table);
        const deletes = run.mock.calls.filter(([query]) => query.startsWith("DELETE"));
        expect(deletes.length).toBeLessThanOrEqual(4);
        expect(deletes.every(([query]) => query.includes(">="))).toBe(true);
        run.mockRestore();
        expect(opened(sql, declaration).range({ limit: 1 })).toEqual([]);
      }),
    );

    it.each(kinds)(
      "of keys of %s go side by side but for those near one that stays",
      (_, declaration, keyOf) =>
        withSql((sql) => {
          wipe(sql);
          const { table, keys } = filledInOrder(sql, declaration, upTo(1_024).map(keyOf));
          const staying = keys[300];
          for (const key of keys) if (key !== staying) table.remove(key);
          const run = vi.spyOn(sql, "run");
          checkpoint(sql, table);
          // Three runs of four, and three parts of four of the run in which it stands.
          expect(run.mock.calls.filter(([query]) => query.includes(">="))).toHaveLength(6);
          run.mockRestore();
          expect(
            opened(sql, declaration)
              .range({ limit: 10 })
              .map(([key]) => key),
          ).toEqual([staying]);
        }),
    );

    it.each(kinds)(
      "of keys of %s that are all apart are not sought side by side for long",
      (_, declaration, keyOf) =>
        withSql((sql) => {
          wipe(sql);
          const { table, keys } = filledInOrder(sql, declaration, upTo(4_000).map(keyOf));
          for (const [i, key] of keys.entries()) if (i % 2 === 0) table.remove(key);
          const rows = vi.spyOn(sql, "rows");
          checkpoint(sql, table);
          expect(rows.mock.calls.filter(([query]) => query.includes("OFFSET")).length).toBeLessThan(
            12,
          );
          rows.mockRestore();
          expect(opened(sql, declaration).range({ limit: 4_000 })).toHaveLength(2_000);
        }),
    );

    it.each(kinds)(
      "of keys of %s spare a row that stands where SQLite has lost one",
      (_, declaration, keyOf) =>
        withSql((sql) => {
          wipe(sql);
          const { table, keys } = filledInOrder(sql, declaration, upTo(100).map(keyOf));
          const [lost, spared] = [keys[40], keys[60]] as const;
          const other = filled(sql, declaration, []);
          other.remove(lost ?? []);
          checkpoint(sql, other);
          for (const key of keys) if (key !== spared) table.remove(key);
          checkpoint(sql, table);
          expect(opened(sql, declaration).range({ limit: 100 })).toEqual([
            [spared, { n: spared?.[0] }],
          ]);
        }),
    );

    it("of rows that stand far apart look at few others", () =>
      withSql((sql) => {
        wipe(sql);
        const [[, declaration, keyOf]] = kinds as [(typeof kinds)[number]];
        const table = filled(sql, declaration, upTo(20_000).map(keyOf));
        for (let i = 0; i < 20_000; i += 500) table.remove(keyOf(i));
        const before = sql.counts.rowsRead;
        const rows = vi.spyOn(sql, "rows");
        checkpoint(sql, table);
        expect(sql.counts.rowsRead - before).toBeLessThan(500);
        // Of how many there are between two, no more than as many are looked at as are to go, and of these themselves none.
        expect(rows.mock.calls.filter(([query]) => query.includes("group_concat"))).toEqual([]);
        rows.mockRestore();
      }));

    it("of very long keys go one by one", () =>
      withSql((sql) => {
        wipe(sql);
        const [, declaration, keyOf] = kinds[3] ?? [];
        if (declaration === undefined || keyOf === undefined) throw new Error("there is no kind");
        const long = (i: number): Key => [...keyOf(i).slice(0, 2), "x".repeat(900_000)];
        const table = filled(sql, declaration, [...upTo(40).map(keyOf), long(40), long(41)]);
        for (const key of [...upTo(40).map(keyOf), long(40), long(41)]) table.remove(key);
        const rows = vi.spyOn(sql, "rows");
        checkpoint(sql, table);
        const units = rows.mock.results.map(({ value }) => JSON.stringify(value).length);
        expect(Math.max(...units)).toBeLessThan(200_000);
        rows.mockRestore();
        expect(opened(sql, declaration).range({ limit: 1 })).toEqual([]);
      }));
  });
}
