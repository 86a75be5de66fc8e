/**
 * Tables: whatever is put, deleted, undone, checkpointed and reopened, a table returns what a sorted list would.
 */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Journal } from "../../src/store/journal.ts";
import type { Key } from "../../src/store/key-columns.ts";
import { ascii, bytes, integer, signed } from "../../src/store/key-columns.ts";
import { RowTooLarge, RowUnreadable, rowBytesMax } from "../../src/store/row.ts";
import { IllFormed } from "../../src/store/sql.ts";
import { LayeredTable } from "../../src/store/table.ts";
import { countQueries, filled, lanes } from "./lanes-table.ts";
import { outlinesSuite } from "./outlines-suite.ts";
import { type WithSql, wipe } from "./support.ts";
import { command, declare, declared, History, type Row } from "./table-history.ts";

const laneColumns = ["lane", "n", "version", "value"];
const withText = declare({ name: "with_text", version: 1, key: [ascii("id")], texts: ["body"] });
const byBytes = declare({ name: "by_bytes", version: 1, key: [bytes("id")], texts: ["body"] });

export function tableSuite(withSql: WithSql, numRuns: number): void {
  describe("tables", () => {
    it.each(declared)("%s: a table behaves as a sorted list", (_, declaration, key) =>
      withSql((sql) => {
        const keys = fc.array(key, { minLength: 1, maxLength: 12 });
        const commands = fc.array(command, { maxLength: 60, size: "max" });
        const property = fc.property(keys, commands, (pool, steps) => {
          wipe(sql);
          const run = new History(sql, declaration, pool);
          for (const step of steps) run.step(step);
          run.checkAll();
        });
        fc.assert(property, { numRuns });
      }),
    );

    it("reads rows that are expected with one query, wherever they stand and whether they are there or not", () =>
      withSql((sql) => {
        const table = new LayeredTable(withText, sql, new Journal(), new Set());
        for (let i = 0; i < 100; i += 1) table.insert([`j${i}`], { n: i, body: `text ${i}` });
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        table.put(["j70"], { n: "newer" });
        const ids = ["j99", "j3", "j70", "none", "j41"];
        const queries = countQueries(sql);
        table.expect(ids.map((id) => [id]));
        expect(ids.map((id) => table.get([id])?.n)).toEqual([99, 3, "newer", undefined, 41]);
        expect(queries()).toBe(1);
        expect(table.get(["j3"])?.body).toBe("text 3");
      }));

    outlinesSuite(withSql);

    it("counts the bytes of keys among the texts that wait for a checkpoint, also of rows that are gone", () =>
      withSql((sql) => {
        const table = new LayeredTable(byBytes, sql, new Journal(), new Set());
        const id = (i: number): [string] => [String(i).padEnd(1000, "k")];
        for (let i = 0; i < 3; i += 1) table.insert(id(i), { n: i, body: "text" });
        expect(table.checkpoint.textUnits).toBe(3 * 1004);
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        expect(table.checkpoint.textUnits).toBe(0);
        table.remove(id(1));
        expect(table.checkpoint.textUnits).toBe(1000);
      }));

    it("reads rows whose keys have several columns as well, as many at once as a statement takes, and says how many", () =>
      withSql((sql) => {
        const table = filled(sql, 200);
        table.put([0, 7], { n: "newer" });
        const keys = Array.from({ length: 150 }, (_, i): [number, number] => [0, (i * 7) % 300]);
        const queries = countQueries(sql);
        const found: unknown[] = [];
        let reach = 0;
        for (const [i, key] of keys.entries()) {
          if (i === reach) reach += table.expect(keys.slice(i, i + 64));
          found.push(table.get(key)?.n);
        }
        const expected = keys.map(([, n]) => (n === 7 ? "newer" : n < 200 ? n : undefined));
        expect(found).toEqual(expected);
        // At first few are read at once.
        expect(queries()).toBeLessThanOrEqual(6);
        expect(table.expect([])).toBe(0);
      }));

    it("what was expected before a checkpoint is read anew behind it", () =>
      withSql((sql) => {
        const table = new LayeredTable(withText, sql, new Journal(), new Set());
        for (let i = 0; i < 4; i += 1) table.insert([`j${i}`], { n: i });
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        table.expect([["j0"], ["j1"], ["j2"]]);
        table.put(["j1"], { n: "newer" });
        table.remove(["j2"]);
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        expect(["j0", "j1", "j2"].map((id) => table.get([id])?.n)).toEqual([0, "newer", undefined]);
      }));

    it("an undo brings back the rows before the head, in SQLite and in memory", () =>
      withSql((sql) => {
        const journal = new Journal();
        const table = filled(sql, 20, journal);
        table.put([0, -5], { n: "early" });
        const mark = journal.mark();
        for (let i = 0; i < 12; i += 1) table.delete(table.first([0])?.[0] ?? [0, 0]);
        expect(table.first([0])?.[0]).toEqual([0, 11]);
        journal.undo(mark);
        expect(table.first([0])?.[0]).toEqual([0, -5]);
        table.delete([0, -5]);
        expect(table.first([0])?.[0]).toEqual([0, 0]);
      }));

    it("asks with limits that SQLite does not plan by: it would prepare such a statement anew each time", () =>
      withSql((sql) => {
        const table = filled(sql, 20);
        const rows = vi.spyOn(sql, "rows");
        table.first([0]);
        table.range({ limit: 3, reverse: true });
        table.expectFirst([[1], [2]]);
        const limits = rows.mock.calls.map(([query]) => / LIMIT [^)]*/.exec(query)?.[0]);
        expect(limits).toEqual(Array(3).fill(" LIMIT ? + 0"));
      }));

    it("reads no rows beyond the end of a range, at either end", () =>
      withSql((sql) => {
        const table = filled(sql, 2_000);
        for (let i = 0; i < 2_000; i += 1) table.insert([2, i], { n: i });
        table.insert([1, 7], { n: 7 });
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        const before = sql.counts.rowsRead;
        for (const reverse of [false, true]) {
          expect(table.range({ prefix: [1], limit: 100, reverse })).toHaveLength(1);
          expect(table.range({ from: [0, 1_999], to: [1], limit: 100, reverse })).toHaveLength(1);
          expect(table.range({ after: [0, 1_998], to: [1, 7], limit: 100, reverse })).toHaveLength(
            1,
          );
        }
        expect(table.first([1])?.[0]).toEqual([1, 7]);
        expect(table.first([3])).toBeUndefined();
        expect(sql.counts.rowsRead - before).toBeLessThan(20);
      }));

    it("removes a row it is told is there without looking, and refuses where it sees that it is not", () =>
      withSql((sql) => {
        const table = filled(sql, 10);
        const before = sql.counts.rowsRead;
        table.remove([0, 3]);
        expect(sql.counts.rowsRead).toBe(before);
        expect(() => table.remove([0, 3])).toThrow("not there");
        table.insert([0, 20], { n: 1 });
        table.remove([0, 20]);
        expect(table.checkpoint.dirtyRows).toBe(1);
        expect(table.range({ limit: 100 })).toHaveLength(9);
      }));

    it("a row that was inserted and deleted between two checkpoints leaves no trace", () =>
      withSql((sql) => {
        const table = new LayeredTable(lanes, sql, new Journal(), new Set());
        table.insert([1, 1], { n: 1 });
        table.delete([1, 1]);
        expect(table.checkpoint.dirtyRows).toBe(0);
        table.put([1, 2], { n: 1 });
        table.delete([1, 2]);
        expect(table.checkpoint.dirtyRows).toBe(0);
      }));

    it.each([
      ["all rows", 0],
      ["what is gone", 3],
    ])(
      "finds a first row that came where others had gone, behind checkpoints that wrote %s",
      (_, pendingRowsMax) =>
        withSql((sql) => {
          const journal = new Journal();
          const table = new LayeredTable({ ...lanes, pendingRowsMax }, sql, journal, new Set());
          const checkpoint = () => {
            sql.transaction(() => table.checkpoint.flush());
            table.checkpoint.settle();
            journal.forget();
          };
          // As many as are read ahead at first, and one more.
          for (let n = 1; n <= 9; n += 1) table.insert([0, 10 * n], { n });
          checkpoint();
          expect(table.first([0])?.[1]).toEqual({ n: 1 });
          for (let n = 4; n <= 8; n += 1) table.remove([0, 10 * n]);
          // Where all is written, a row that changed between them has the others read again.
          if (pendingRowsMax > 0) table.put([0, 30], { n: 33 });
          checkpoint();
          table.insert([0, 75], { n: 75 });
          for (const n of [91, 92, 93]) table.insert([0, n], { n });
          checkpoint();
          const firsts: unknown[] = [];
          for (let row = table.first([0]); row !== undefined; row = table.first([0])) {
            firsts.push(row[1].n);
            table.remove(row[0]);
          }
          expect(firsts).toEqual([1, 2, pendingRowsMax > 0 ? 33 : 3, 75, 9, 91, 92, 93]);
        }),
    );

    it("refuses an insert over a row it knows, and a key with too few or too many parts", () =>
      withSql((sql) => {
        const table = new LayeredTable(lanes, sql, new Journal(), new Set());
        table.put([1, 1], { n: 1 });
        expect(() => table.insert([1, 1], { n: 2 })).toThrow("in use");
        for (const key of [[1], [1, 1, 1], []] as Key[]) {
          expect(() => table.put(key as [number, number], { n: 1 })).toThrow(TypeError);
          expect(() => table.get(key as [number, number])).toThrow(TypeError);
        }
        expect(() => table.get([-1, 1])).toThrow(IllFormed);
        expect(() => table.range({ from: [1.5], limit: 1 })).toThrow(IllFormed);
      }));

    it("refuses a row that could not be stored, before anything has changed", () =>
      withSql((sql) => {
        const table = new LayeredTable(withText, sql, new Journal(), new Set());
        const most = "é".repeat(rowBytesMax / 2 - 100);
        table.put(["a"], { n: 1, body: most });
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        expect(table.get(["a"])?.body).toBe(most);
        for (const value of [
          { n: 1, body: `${most}${"x".repeat(300)}` },
          { n: "x".repeat(rowBytesMax) },
        ]) {
          expect(() => table.put(["a"], value)).toThrow(RowTooLarge);
        }
        expect(() => table.put(["a"], { n: 1, body: "\ud800" })).toThrow(IllFormed);
        expect(table.checkpoint.dirtyRows).toBe(0);
      }));

    it("upgrades rows of older versions as they are read, and adds text columns that came later", () =>
      withSql((sql) => {
        const old = new LayeredTable(lanes, sql, new Journal(), new Set());
        old.put([1, 1], { n: 1 });
        sql.transaction(() => old.checkpoint.flush());
        const newer = declare({
          name: "lanes",
          version: 2,
          key: [integer("lane"), signed("n", 1000)],
          texts: ["body"],
          upgrade: (version, value) => ({ n: [version, (value as Row).n] }),
        });
        const table = new LayeredTable(newer, sql, new Journal(), new Set(laneColumns));
        expect(table.get([1, 1])).toEqual({ n: [1, 1] });
        table.put([1, 2], { n: 2, body: "b" });
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        expect(table.range({ limit: 9 }).map(([, value]) => value)).toEqual([
          { n: [1, 1] },
          { n: 2, body: "b" },
        ]);
        const behind = new LayeredTable(lanes, sql, new Journal(), new Set(laneColumns));
        expect(() => behind.get([1, 2])).toThrow(RowUnreadable);
      }));

    it("a checkpoint writes one row per changed row, and nothing when nothing changed", () =>
      withSql((sql) => {
        const table = filled(sql, 100);
        const before = sql.counts.rowsWritten;
        for (let i = 0; i < 10; i += 1) table.put([0, i], { n: "again" });
        for (let i = 10; i < 15; i += 1) table.delete([0, i]);
        sql.transaction(() => table.checkpoint.flush());
        table.checkpoint.settle();
        expect(sql.counts.rowsWritten - before).toBe(15);
        table.checkpoint.flush();
        expect(sql.counts.rowsWritten - before).toBe(15);
        expect(table.range({ limit: 1000 })).toHaveLength(95);
      }));

    it("a declaration refuses names that SQL or the store would mistake", () => {
      const key = [integer("k")] as const;
      for (const name of ["raft_x", "a b", 'a"', "Sqlite"]) {
        expect(() => declare({ name, version: 1, key })).toThrow(TypeError);
      }
      expect(() => declare({ name: "x", version: 1, key: [integer("version")] })).toThrow(
        TypeError,
      );
      expect(() =>
        declare({ name: "x", version: 1, key: [ascii("body")], texts: ["body"] }),
      ).toThrow();
    });
  });
}
