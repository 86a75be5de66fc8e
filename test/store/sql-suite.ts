/**
 * The SQL port's contract: every adapter stores exactly what it is given, or refuses it.
 */
import { describe, expect, it } from "vitest";
import { IllFormed, type SqlValue, SqlValueTooLarge } from "../../src/store/sql.ts";
import type { WithSql } from "./support.ts";

const createTable = "CREATE TABLE t (k INTEGER PRIMARY KEY, v ANY, s TEXT, b BLOB) STRICT";

export function sqlSuite(withSql: WithSql): void {
  describe("sql port", () => {
    it("returns integers, text with U+0000 and any code point, blobs and null as they were bound", () =>
      withSql((sql) => {
        sql.run(createTable);
        const texts = ["", "a\0b", "\u{10ffff}\uffff\ue000é", '{"a":"\\u0000"}'];
        const blob = Uint8Array.from([0, 255, 0, 1]);
        for (const [k, s] of texts.entries()) {
          sql.run("INSERT INTO t VALUES (?, NULL, ?, ?)", k, s, blob.subarray(1));
        }
        const rows = sql.rows("SELECT k, v, s, b FROM t ORDER BY k");
        const stored = Uint8Array.from([255, 0, 1]);
        expect(rows).toEqual(texts.map((s, k) => [k, null, s, stored]));
        expect(sql.rows("SELECT typeof(k) FROM t LIMIT 1")).toEqual([["integer"]]);
      }));

    it("keeps safe integers exact", () =>
      withSql((sql) => {
        sql.run(createTable);
        sql.run("INSERT INTO t (k) VALUES (?)", Number.MAX_SAFE_INTEGER);
        sql.run("INSERT INTO t (k) VALUES (?)", Number.MIN_SAFE_INTEGER);
        const keys = sql.rows("SELECT k FROM t ORDER BY k");
        expect(keys.flat()).toEqual([Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);
      }));

    it.each([
      ["a fraction", 1.5],
      ["an unsafe integer", 2 ** 53],
      ["NaN", Number.NaN],
      ["a boolean", true],
      ["undefined", undefined],
      ["a bigint", 1n],
      ["a lone surrogate", "a\ud800"],
    ])("refuses %s", (_, value) =>
      withSql((sql) => {
        sql.run(createTable);
        const bind = () => sql.run("INSERT INTO t (k, s) VALUES (1, ?)", value as SqlValue);
        expect(bind).toThrow(IllFormed);
        expect(sql.rows("SELECT * FROM t")).toEqual([]);
      }),
    );

    it("refuses text and blobs over 2,000,000 bytes of UTF-8, and takes them at the limit", () =>
      withSql((sql) => {
        sql.run(createTable);
        const over: SqlValue[] = [
          "x".repeat(2_000_001),
          "é".repeat(1_000_001),
          new Uint8Array(2_000_001),
        ];
        for (const value of over) {
          expect(() => sql.rows("SELECT ?", value)).toThrow(SqlValueTooLarge);
        }
        const most = "é".repeat(1_000_000);
        expect(sql.rows("SELECT ?", most)).toEqual([[most]]);
      }));

    it("undoes a transaction that throws, and of nested ones only that which threw", () =>
      withSql((sql) => {
        sql.run(createTable);
        const insert = (k: number) => sql.run("INSERT INTO t (k) VALUES (?)", k);
        const failing = (k: number) => () => {
          insert(k);
          throw new Error("no");
        };
        expect(() => sql.transaction(failing(1))).toThrow("no");
        const result = sql.transaction(() => {
          insert(2);
          expect(() => sql.transaction(failing(3))).toThrow("no");
          sql.transaction(() => insert(4));
          return "done";
        });
        expect(result).toBe("done");
        expect(sql.rows("SELECT k FROM t")).toEqual([[2], [4]]);
      }));

    it("refuses an asynchronous transaction", () =>
      withSql((sql) => {
        expect(() => sql.transaction(() => Promise.resolve(1))).toThrow(TypeError);
      }));

    it("drains what a statement returns, so that its writes are kept", () =>
      withSql(async (sql) => {
        sql.run(createTable);
        sql.run("INSERT INTO t (k) VALUES (1), (2) RETURNING k");
        await sql.sync();
        expect(sql.rows("SELECT count(*) FROM t")).toEqual([[2]]);
      }));

    it("counts the rows it writes, one for an upsert, none for DDL dropped whole", () =>
      withSql((sql) => {
        sql.run("CREATE TABLE w (k TEXT PRIMARY KEY, v TEXT) STRICT, WITHOUT ROWID");
        const before = sql.counts.rowsWritten;
        sql.run("INSERT OR REPLACE INTO w VALUES ('a', '1')");
        sql.run("INSERT OR REPLACE INTO w VALUES ('a', '2')");
        expect(sql.counts.rowsWritten - before).toBe(2);
        sql.run("DROP TABLE w");
        expect(sql.counts.rowsWritten - before).toBe(2);
        expect(sql.bytes).toBeGreaterThan(0);
      }));
  });
}
