/**
 * Ranks: a table that counts rows in blocks tells how many rows a range has, and what is behind so many of them, as a sorted list does.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LogCorrupt } from "../../src/store/chain.ts";
import { declareTable } from "../../src/store/declare.ts";
import { Journal } from "../../src/store/journal.ts";
import { integer } from "../../src/store/key-columns.ts";
import type { Sql } from "../../src/store/sql.ts";
import {
  NUMBERS,
  open,
  type Ranked,
  RankHistory,
  step,
  storedBlocks,
  write,
} from "./rank-history.ts";
import { type WithSql, wipe } from "./support.ts";

/** Numbers that are everywhere below `NUMBERS`. */
const numbers = (rows: number): number[] =>
  Array.from({ length: rows }, (_, i) => (i * 7919) % NUMBERS);

/** A table of so many rows that are all in SQLite. */
function filled(sql: Sql, rows: number): Ranked {
  const journal = new Journal();
  const table = open(sql, journal);
  for (const n of numbers(rows)) table.insert([0, n, 0], {});
  write(sql, table);
  return table;
}

export function ranksSuite(withSql: WithSql, numRuns: number): void {
  describe("ranks", () => {
    it("are those of a sorted list, whatever is inserted, removed, undone, written, not written and opened again", () =>
      withSql((sql) => {
        const property = fc.property(
          fc.array(step, { minLength: 1, maxLength: 40, size: "max" }),
          (steps) => {
            wipe(sql);
            const run = new RankHistory(sql);
            for (const each of steps) run.step(each);
            run.end();
          },
        );
        fc.assert(property, { numRuns });
      }));

    it("are found among 50,000 rows by a look at few of them", () =>
      withSql((sql) => {
        const table = filled(sql, 50_000);
        table.divide(0, 50_000);
        write(sql, table);
        const opened = open(sql, new Journal());
        const below = numbers(50_000).filter((n) => n < 500_000).length;
        const before = sql.counts.rowsRead;
        expect(opened.count({ prefix: [0], to: [0, 500_000] })).toBe(below);
        // The blocks are read once, and then the rows of the block in which the bound is.
        expect(sql.counts.rowsRead - before).toBeLessThan(1_200);
        const again = sql.counts.rowsRead;
        opened.range({ prefix: [0], skip: 31_234, limit: 10 });
        opened.range({ prefix: [0], skip: 31_234, limit: 10, reverse: true });
        expect(sql.counts.rowsRead - again).toBeLessThan(600);
      }));

    it("cost a checkpoint a row for each block that changed, and none where nobody asked for a small group", () =>
      withSql((sql) => {
        const table = filled(sql, 50_000);
        table.divide(0, 50_000);
        write(sql, table);
        const rows = storedBlocks(sql).length;
        expect(rows).toBeGreaterThan(50_000 / (2 * 112));
        const before = sql.counts.rowsWritten;
        for (let i = 0; i < 50; i += 1) table.insert([0, 500_000 + i, 1], {});
        for (let i = 0; i < 50; i += 1) table.insert([2, i, 1], {});
        write(sql, table);
        expect(sql.counts.rowsWritten - before).toBeLessThanOrEqual(100 + 3);
      }));

    it("go on where a group that had blocks was changed by an instance that did not look at them", () =>
      withSql((sql) => {
        filled(sql, 1_000);
        const first = open(sql, new Journal());
        first.divide(0, 1_000);
        write(sql, first);
        const second = open(sql, new Journal());
        for (const n of numbers(300)) second.remove([0, n, 0]);
        write(sql, second);
        expect(open(sql, new Journal()).count({ prefix: [0] })).toBe(700);
        expect(storedBlocks(sql).reduce((sum, [, count]) => sum + count, 0)).toBe(700);
      }));

    it("are true where so many groups were looked at that those before are forgotten", () =>
      withSql((sql) => {
        const table = filled(sql, 1_000);
        table.divide(0, 1_000);
        write(sql, table);
        expect(table.count({ prefix: [0] })).toBe(1_000);
        for (const n of numbers(100)) table.remove([0, n, 0]);
        for (let lane = 1; lane <= 70_000; lane += 1) table.count({ prefix: [lane] });
        expect(table.count({ prefix: [0] })).toBe(900);
        for (let lane = 1; lane <= 70_000; lane += 1) table.count({ prefix: [lane] });
        write(sql, table);
        expect(storedBlocks(sql).reduce((sum, [, count]) => sum + count, 0)).toBe(900);
        expect(open(sql, new Journal()).count({ prefix: [0] })).toBe(900);
      }));

    it("are stored no longer of a group that has become small or is gone", () =>
      withSql((sql) => {
        const table = filled(sql, 1_000);
        table.divide(0, 1_000);
        write(sql, table);
        expect(storedBlocks(sql)).not.toEqual([]);
        for (const n of numbers(1_000)) table.remove([0, n, 0]);
        write(sql, table);
        expect(storedBlocks(sql)).toEqual([]);
        expect(table.count({ prefix: [0] })).toBe(0);
      }));

    it("are refused where blocks count what is not there", () =>
      withSql((sql) => {
        const table = filled(sql, 1_000);
        table.divide(0, 1_000);
        write(sql, table);
        sql.run("DELETE FROM ranked WHERE n > 100000 AND n < 800000");
        const opened = open(sql, new Journal());
        const read = () => opened.range({ prefix: [0], skip: 500, limit: 1 });
        expect(read).toThrow(LogCorrupt);
      }));

    it("are not counted in a table whose rows may be left to a list", () => {
      const both = () =>
        declareTable<object>()({
          name: "both",
          version: 1,
          key: [integer("n")],
          dividedOver: 4,
          pendingRowsMax: 4,
        });
      expect(both).toThrow("not counted in blocks");
    });
  });
}
