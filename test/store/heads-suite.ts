/**
 * First rows of prefixes: found again and again while rows are taken from there, with few queries.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Journal } from "../../src/store/journal.ts";
import { LayeredTable } from "../../src/store/table.ts";
import { headStep, LanesHistory } from "./lanes-history.ts";
import { countQueries, filled, filledLanes, flush, lanes } from "./lanes-table.ts";
import { type WithSql, wipe } from "./support.ts";

export function headsSuite(withSql: WithSql): void {
  describe("first rows", () => {
    it("takes 300 rows from the head through pages, tombstones and rows put in front", () =>
      withSql((sql) => {
        const table = filled(sql, 300);
        const taken: number[] = [];
        for (let i = 0; i < 300; i += 1) {
          if (i % 3 === 0) table.put([0, -1 - i], { n: "urgent" });
          const [key] = table.first([0]) ?? [[0, Number.NaN]];
          table.delete(key);
          taken.push(key[1] ?? Number.NaN);
        }
        const urgent = taken.filter((each) => each < 0);
        expect(urgent).toHaveLength(100);
        expect(taken.filter((each) => each >= 0)).toEqual(Array.from({ length: 200 }, (_, i) => i));
        expect(table.range({ limit: 1 })[0]?.[0]).toEqual([0, 200]);
      }));

    it("finds the head without walking over the rows taken before", () =>
      withSql((sql) => {
        const table = filled(sql, 5_000);
        const before = sql.counts.rowsRead;
        for (let i = 0; i < 4_000; i += 1) table.delete(table.first([0])?.[0] ?? [0, 0]);
        expect(table.first([0])?.[0]).toEqual([0, 4_000]);
        // Each row is read once, with at most a page ahead; nothing is looked up again to be deleted.
        expect(sql.counts.rowsRead - before).toBeLessThan(4_400);
      }));

    it("reads the heads of many prefixes with one query when they are expected, and what is behind each later", () =>
      withSql((sql) => {
        const table = new LayeredTable(lanes, sql, new Journal(), new Set());
        for (let i = 0; i < 600; i += 1) table.insert([i % 60, i], { n: i });
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        const queries = countQueries(sql);
        const prefixes = Array.from({ length: 60 }, (_, lane): [number] => [lane]);
        table.expectFirst(prefixes);
        for (const prefix of prefixes)
          expect(table.first(prefix)?.[0]).toEqual([prefix[0], prefix[0]]);
        expect(queries()).toBe(1);
        for (let taken = 0; taken < 600; taken += 1) {
          const first = table.first([taken % 60])?.[0];
          expect(first).toEqual([taken % 60, taken]);
          table.remove(first ?? [0, 0]);
        }
        expect(table.first()).toBeUndefined();
      }));

    it("reads what is behind the heads of many prefixes with one query as well, from where each is by then", () =>
      withSql((sql) => {
        const table = filled(sql, 0);
        for (let i = 0; i < 2_000; i += 1) table.insert([i % 20, i], { n: i });
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        const prefixes = Array.from({ length: 20 }, (_, lane): [number] => [lane]);
        const queries = countQueries(sql);
        for (let taken = 0; taken < 2_000; taken += 1) {
          if (taken % 20 === 0) table.expectFirst(prefixes);
          const first = table.first([taken % 20])?.[0];
          expect(first).toEqual([taken % 20, taken]);
          // Some are taken faster than others.
          if (taken % 20 === 7) table.insert([7, taken - 1], { n: "in front" });
          if (taken % 20 === 7) table.remove([7, taken - 1]);
          table.remove(first ?? [0, 0]);
        }
        // A hundred rows of each come in pages of 8, 16, 32 and 64.
        expect(queries()).toBe(4);
        table.expectFirst(prefixes);
        expect(prefixes.map((prefix) => table.first(prefix))).toEqual(
          prefixes.map(() => undefined),
        );
      }));

    it("are found as a sorted list has them, whatever is taken, put in front, undone or written, and however many are expected", () =>
      withSql((sql) => {
        const property = fc.property(
          fc.array(headStep, { minLength: 20, maxLength: 120 }),
          (steps) => {
            wipe(sql);
            const run = new LanesHistory(sql);
            for (const step of steps) run.step(step);
          },
        );
        fc.assert(property, { numRuns: 40 });
      }));

    it("are there still behind an expectation that failed", () =>
      withSql((sql) => {
        const table = filled(sql, 9);
        for (let i = 0; i < 8; i += 1) table.delete(table.first([0])?.[0] ?? [0, 0]);
        expect(() => table.expectFirst([[0], [-1]])).toThrow("lane");
        expect(table.first([0])?.[0]).toEqual([0, 8]);
      }));

    it("are known still of the lanes of which a piece of the table writes nothing that lives", () =>
      withSql((sql) => {
        const table = filledLanes(sql, 40, 5);
        const all = Array.from({ length: 40 }, (_, lane) => lane);
        for (const lane of all) table.remove(table.first([lane])?.[0] ?? [0, 0]);
        table.put([20, 0], { n: "in front" });
        const queries = countQueries(sql);
        flush(sql, table, 30);
        const read = queries();
        expect(all.map((lane) => table.first([lane])?.[0][1])).toEqual(
          all.map((lane) => (lane === 20 ? 0 : 40 + lane)),
        );
        expect(queries() - read).toBe(1);
      }));

    it("reads no row twice of many prefixes from which rows are taken in turn", () =>
      withSql((sql) => {
        const [count, rows] = [2_500, 56];
        const table = filledLanes(sql, count, rows);
        const before = sql.counts.rowsRead;
        for (let i = 0; i < count * rows; i += 1) {
          const first = table.first([i % count])?.[0] ?? [0, -1];
          if (first[1] !== i) expect(first).toEqual([i % count, i]);
          table.remove(first);
        }
        expect(sql.counts.rowsRead - before).toBeLessThan(1.2 * count * rows);
      }));

    it("remembers heads of more prefixes than it holds", () =>
      withSql((sql) => {
        const table = new LayeredTable(lanes, sql, new Journal(), new Set());
        for (let lane = 0; lane < 5_000; lane += 1) table.insert([lane, 0], { n: lane });
        for (const _ of [1, 2]) {
          for (let lane = 0; lane < 5_000; lane += 1) expect(table.first([lane])?.[1].n).toBe(lane);
        }
      }));

    it("finds a first row that was edited before it came first", () =>
      withSql((sql) => {
        const journal = new Journal();
        const table = filled(sql, 3, journal);
        // What memory holds of the lane begins behind it.
        table.put([0, 9], { n: 9 });
        table.remove([0, 0]);
        expect(table.first([0])?.[0]).toEqual([0, 1]);
        const row = table.edit([0, 1]) as { n: number };
        row.n = 11;
        expect(table.first([0])).toEqual([[0, 1], { n: 11 }]);
      }));
  });
}
