/**
 * Rows that are gone through: as few are read as may be, and those of a stretch that memory holds whole once.
 */
import { describe, expect, it } from "vitest";
import { Journal } from "../../src/store/journal.ts";
import { integer } from "../../src/store/key-columns.ts";
import type { Sql } from "../../src/store/sql.ts";
import { LayeredTable } from "../../src/store/table.ts";
import { countQueries, filled as lanesOf } from "./lanes-table.ts";
import type { WithSql } from "./support.ts";
import { declare, type Row } from "./table-history.ts";

const ROWS = 200;
const PAGE = 20;

const ring = declare({
  ...{ name: "ring", version: 1, key: [integer("lane"), integer("seq")] },
  ...{ warmRowsMax: 300, pendingRowsMax: 100 },
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

export function warmSuite(withSql: WithSql): void {
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
