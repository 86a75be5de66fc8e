/**
 * Outlines of rows, and what a checkpoint is known to free: of long texts it is known how long they are, and none is read for that.
 */
import { describe, expect, it, vi } from "vitest";
import { Journal } from "../../src/store/journal.ts";
import { ascii } from "../../src/store/key-columns.ts";
import type { Sql } from "../../src/store/sql.ts";
import { LayeredTable } from "../../src/store/table.ts";
import { flush } from "./lanes-table.ts";
import { type WithSql, wipe } from "./support.ts";
import { declare } from "./table-history.ts";

const withText = declare({ name: "with_text", version: 1, key: [ascii("id")], texts: ["body"] });

export function outlinesSuite(withSql: WithSql): void {
  describe("outlines", () => {
    const [long, short] = ["x".repeat(100_000), "é"];
    /** A table with three rows in SQLite, of which one is long, and none in memory. */
    function written(sql: Sql) {
      const table = new LayeredTable(withText, sql, new Journal(), new Set());
      for (const [id, body] of Object.entries({ a: long, b: short }))
        table.put([id], { n: id, body });
      table.put(["c"], { n: "c" });
      flush(sql, table);
      const stored = new Set(["id", "version", "value", "body"]);
      return new LayeredTable(withText, sql, new Journal(), stored);
    }

    it("read no text, and of rows to see where they end nothing", () =>
      withSql((sql) => {
        wipe(sql);
        const table = written(sql);
        table.put(["bb"], { n: "new", body: "12" });
        table.remove(["c"]);
        const rows = vi.spyOn(sql, "rows");
        expect([...table.outlines({ to: ["z"] })]).toEqual([
          [["a"], { value: { n: "a" }, textLength: 100_000 }],
          [["b"], { value: { n: "b" }, textLength: 2 }],
          [["bb"], { value: { n: "new", body: "12" }, textLength: 2 }],
        ]);
        expect(JSON.stringify(rows.mock.results).length).toBeLessThan(1_000);
        for (const [query] of rows.mock.calls) expect(query).not.toContain("<");
        rows.mockRestore();
      }));

    it("say how much a checkpoint has to free, which counts among its texts where they do not stand on the pages of their rows", () =>
      withSql((sql) => {
        wipe(sql);
        const table = written(sql);
        for (const [key, { textLength }] of [...table.outlines({})]) table.remove(key, textLength);
        expect(table.checkpoint.textUnits).toBe(100_000);
        flush(sql, table);
        expect(table.checkpoint.textUnits).toBe(0);
      }));

    it("are not needed for that where another row takes the place of one, which frees what it had more", () =>
      withSql((sql) => {
        wipe(sql);
        const table = written(sql);
        table.put(["a"], { n: 1, body: short });
        expect(table.checkpoint.textUnits).toBe(100_000);
        table.put(["a"], { n: 1, body: long });
        expect(table.checkpoint.textUnits).toBe(100_000);
        table.put(["a"], { n: 1 });
        table.put(["b"], { n: 1, body: "y" });
        expect(table.checkpoint.textUnits).toBe(100_001);
        table.remove(["a"]);
        expect(table.checkpoint.textUnits).toBe(100_001);
        flush(sql, table);
        expect(table.checkpoint.textUnits).toBe(0);
        table.put(["a"], { n: 1, body: "z" });
        expect(table.checkpoint.textUnits).toBe(1);
      }));

    it("are not needed for that where a row was read, or stands in memory", () =>
      withSql((sql) => {
        const ways: ((table: ReturnType<typeof written>) => void)[] = [
          (table) => table.delete(["a"]),
          (table) => {
            table.get(["a"]);
            table.get(["b"]);
            table.remove(["a"]);
          },
          (table) => {
            expect([...table.scan({})]).toHaveLength(3);
            table.remove(["a"]);
          },
          (table) => {
            table.put(["a"], { n: 1, body: long });
            table.remove(["a"]);
          },
        ];
        for (const goes of ways) {
          wipe(sql);
          const table = written(sql);
          goes(table);
          expect(table.checkpoint.textUnits).toBe(100_000);
        }
      }));
  });
}
