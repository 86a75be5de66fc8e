/**
 * Rows that are gone through: as few are read as may be, and those of a stretch that memory holds whole once.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Journal } from "../../src/store/journal.ts";
import { integer } from "../../src/store/key-columns.ts";
import type { Sql } from "../../src/store/sql.ts";
import { LayeredTable } from "../../src/store/table.ts";
import { countQueries, filled as lanesOf } from "./lanes-table.ts";
import { type WithSql, wipe } from "./support.ts";
import { declare, type Row } from "./table-history.ts";

const ROWS = 200;
const PAGE = 20;

const ring = declare({
  ...{ name: "ring", version: 1, key: [integer("lane"), integer("seq")] },
  ...{ warmRowsMax: 300, pendingRowsMax: 100 },
});

const wide = declare({
  ...{ name: "wide", version: 1, key: [integer("lane"), integer("seq")] },
  ...{ warmRowsMax: 300, pendingRowsMax: 1_000 },
});

type Ring = LayeredTable<[lane: number, seq: number], Row>;

/** Opens the table as it is in SQLite. */
function open(sql: Sql, journal = new Journal()): Ring {
  const columns = sql.rows<[name: string]>("SELECT name FROM pragma_table_info(?)", ring.name);
  return new LayeredTable(ring, sql, journal, new Set(columns.flat()));
}

/** Writes what has changed, but for some rows that are left to a list where `most` are to be written. */
function checkpoint(sql: Sql, table: Ring, most = Number.POSITIVE_INFINITY): void {
  sql.transaction(() => table.checkpoint.flush(undefined, most));
  table.checkpoint.settle();
}

/** The table with so many rows of one lane in SQLite, and none in memory. */
function filled(sql: Sql, rows: number, journal = new Journal()): Ring {
  const table = open(sql);
  for (let i = 0; i < rows; i += 1) table.insert([1, i], { n: i });
  table.insert([2, 0], { n: "of another lane" });
  checkpoint(sql, table);
  return open(sql, journal);
}

/** Goes round once in pages, from behind a row on, past the last one from the first. Returns the rows' numbers. */
function goRound(table: Ring, from: number): unknown[] {
  const seen: unknown[] = [];
  let last = from;
  for (let pages = 0; pages < (2 * ROWS) / PAGE && seen.length < ROWS; pages += 1) {
    const behind = table.range({ prefix: [1], after: [1, last], limit: PAGE });
    const rows = behind.length > 0 ? behind : table.range({ prefix: [1], limit: PAGE });
    for (const [, { n }] of rows) seen.push(n);
    last = Number(rows.at(-1)?.[0][1]);
  }
  return seen;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

const some = fc.nat(200);
const few = fc.constantFrom(1, 3, 8, 17, 40, 100);
/** What happens to one lane of the table. */
const step = fc.oneof(
  fc.record({ put: some, rows: few }),
  fc.record({ remove: some, rows: few }),
  fc.record({ range: some, rows: few }),
  fc.record({ range: some, rows: few }),
  fc.record({ turn: fc.constantFrom("mark", "undo") }),
  fc.record({ most: fc.constantFrom(20, Number.POSITIVE_INFINITY) }),
);

export function warmSuite(withSql: WithSql, runs: number): void {
  describe("a range", () => {
    it("reads about as much again where some of its first rows are gone", () =>
      withSql((sql) => {
        const table = lanesOf(sql, 1_000);
        for (let gone = 0; gone < 64; gone += 4) table.remove([0, gone]);
        const before = sql.counts.rowsRead;
        expect(table.range({ limit: 64 }).at(-1)?.[0]).toEqual([0, 79]);
        expect(sql.counts.rowsRead - before).toBeLessThan(3 * 64);
      }));
  });

  describe("a stretch that memory holds", () => {
    it("is read once, wherever its rows are gone through first", () =>
      withSql((sql) => {
        const table = filled(sql, ROWS);
        const queries = countQueries(sql);
        const round = [...numbers(120, ROWS), ...numbers(0, 120)];
        expect(goRound(table, 119)).toEqual(round);
        expect(queries()).toBeLessThanOrEqual(ROWS / PAGE + 2);
        const before = queries();
        expect(goRound(table, 119)).toEqual(round);
        expect(goRound(table, 59)).toEqual([...numbers(60, ROWS), ...numbers(0, 60)]);
        expect(queries()).toBe(before);
      }));

    it("shows what has come and gone since, also behind a checkpoint", () =>
      withSql((sql) => {
        const table = filled(sql, ROWS);
        goRound(table, ROWS - 1);
        const queries = countQueries(sql);
        for (const gone of numbers(0, 150)) table.remove([1, gone]);
        table.insert([1, 500], { n: "new" });
        const left = [...numbers(150, ROWS), "new"];
        expect(table.range({ prefix: [1], limit: ROWS }).map(([, { n }]) => n)).toEqual(left);
        expect(queries()).toBe(0);
        checkpoint(sql, table);
        const before = queries();
        expect(table.range({ prefix: [1], limit: ROWS }).map(([, { n }]) => n)).toEqual(left);
        expect(queries()).toBe(before);
      }));

    it("is read anew where an undo has taken back what memory knew", () =>
      withSql((sql) => {
        const journal = new Journal();
        const table = filled(sql, ROWS, journal);
        const mark = journal.mark();
        table.remove([1, 7]);
        expect(goRound(table, ROWS - 1)).not.toContain(7);
        journal.undo(mark);
        expect(goRound(table, ROWS - 1)).toEqual(numbers(0, ROWS));
      }));

    it("is given up where it has more rows than memory is to hold, and nothing is missed", () =>
      withSql((sql) => {
        const table = filled(sql, 1_000);
        const all = () => table.range({ prefix: [1], limit: 2_000 }).map(([, { n }]) => n);
        expect(all()).toEqual(numbers(0, 1_000));
        table.remove([1, 999]);
        checkpoint(sql, table);
        expect(all()).toEqual(numbers(0, 999));
      }));

    it.each([
      ["a checkpoint", undefined],
      ["a piece of one", 100],
    ])("is read anew where %s has let go of what memory knew", (_, most) =>
      withSql((sql) => {
        const table = filled(sql, ROWS);
        goRound(table, ROWS - 1);
        for (const come of numbers(ROWS, 2 * ROWS)) table.insert([1, come], { n: come });
        checkpoint(sql, table, most);
        const all = table.range({ prefix: [1], limit: 2 * ROWS }).map(([, { n }]) => n);
        expect(all).toEqual(numbers(0, 2 * ROWS));
      }),
    );

    it("passes no more than 256 rows that are gone, which checkpoints have left to a list", () =>
      withSql((sql) => {
        const table = new LayeredTable(wide, sql, new Journal(), new Set());
        const left = () => sql.rows("SELECT count(*) FROM wide")[0]?.[0];
        for (const i of numbers(0, 1_000)) table.insert([1, i], { n: i });
        sql.transaction(() => table.checkpoint.flush(undefined, Number.POSITIVE_INFINITY));
        table.checkpoint.settle();
        for (const [from, to, kept] of [
          [0, 256, 1_000],
          [256, 257, 743],
          [257, 500, 743],
        ] as const) {
          for (const i of numbers(from, to)) table.remove([1, i]);
          sql.transaction(() => table.checkpoint.flush());
          table.checkpoint.settle();
          expect(left()).toBe(kept);
          expect(table.range({ prefix: [1], limit: 1 })).toEqual([[[1, to], { n: to }]]);
        }
      }));

    it("of one prefix is held beside that of another", () =>
      withSql((sql) => {
        const table = filled(sql, ROWS);
        for (const i of numbers(1, 100)) table.insert([2, i], { n: i });
        checkpoint(sql, table);
        const both = () => [1, 2].map((lane) => table.range({ prefix: [lane], limit: 50 }).length);
        expect(both()).toEqual([50, 50]);
        const queries = countQueries(sql);
        expect(both()).toEqual([50, 50]);
        expect(queries()).toBe(0);
      }));

    it("reads no row that was not asked for, where none is gone", () =>
      withSql((sql) => {
        const table = filled(sql, ROWS);
        table.range({ prefix: [1], limit: 10 });
        sql.run("UPDATE ring SET value = '{' WHERE seq = 12");
        expect(table.range({ prefix: [1], limit: 12 })).toHaveLength(12);
        expect(() => table.range({ prefix: [1], limit: 13 })).toThrow();
      }));

    it("takes none in while the table is scanned", () =>
      withSql((sql) => {
        const table = filled(sql, ROWS);
        for (const i of numbers(ROWS, ROWS + 40)) table.insert([1, i], { n: i });
        const seen: unknown[] = [];
        for (const [, { n }] of table.scan({ prefix: [1] })) {
          if (seen.push(n) === 30) table.range({ prefix: [1], limit: 150 });
        }
        expect(seen).toEqual(numbers(0, ROWS + 40));
      }));

    it("shows what a model shows, whatever comes and goes, is undone or written", () =>
      withSql((sql) => {
        fc.assert(
          fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
            wipe(sql);
            const journal = new Journal();
            const table = filled(sql, 120, journal);
            let model = new Map(numbers(0, 120).map((i) => [i, i as unknown]));
            let marked: { readonly mark: number; readonly model: typeof model } | undefined;
            for (const each of steps) {
              if ("put" in each) {
                for (const i of numbers(each.put, each.put + each.rows)) {
                  table.put([1, i], { n: "put" });
                  model.set(i, "put");
                }
              } else if ("remove" in each) {
                for (const i of numbers(each.remove, each.remove + each.rows)) {
                  if (model.delete(i)) table.remove([1, i]);
                }
              } else if ("range" in each) {
                const inOrder = [...model].sort(([a], [b]) => a - b);
                const left = inOrder.filter(([i]) => i > each.range).slice(0, each.rows);
                const rows = table.range({ prefix: [1], after: [1, each.range], limit: each.rows });
                expect(rows.map(([[, i], { n }]) => [i, n])).toEqual(left);
                expect(table.first([1])?.[0]).toEqual(inOrder[0] && [1, inOrder[0][0]]);
              } else if ("most" in each) {
                checkpoint(sql, table, each.most);
                journal.forget();
                marked = undefined;
              } else if (each.turn === "mark") {
                marked = { mark: journal.mark(), model: new Map(model) };
              } else if (marked !== undefined) {
                journal.undo(marked.mark);
                ({ model } = marked);
                marked = undefined;
              }
            }
          }),
          { numRuns: runs },
        );
      }));

    it("takes nothing from the first rows of its prefixes", () =>
      withSql((sql) => {
        const table = filled(sql, ROWS);
        table.remove([1, 0]);
        expect(table.first([1])?.[0]).toEqual([1, 1]);
        table.remove([1, 1]);
        table.insert([1, 600], { n: "last" });
        // Of what memory has, that is the first by now.
        expect(table.first([1])?.[0]).toEqual([1, 2]);
        expect(table.range({ prefix: [1], after: [1, 40], limit: 3 })[0]?.[0]).toEqual([1, 41]);
        const taken = numbers(2, ROWS).map(() => {
          const [key] = table.first([1]) ?? [[0, -1]];
          table.remove(key);
          return key[1];
        });
        expect(taken).toEqual(numbers(2, ROWS));
        expect(table.first([1])?.[1]).toEqual({ n: "last" });
      }));
  });
}
