/**
 * The storage page by page, as it is: of tables that nobody would make, as damage leaves them.
 */
import { describe, expect, it } from "vitest";
import { rawPage } from "../../src/store/raw.ts";
import type { Sql } from "../../src/store/sql.ts";
import type { WithSql } from "./support.ts";

/** Enough for a page to end behind every few rows. */
const long = "x".repeat(300_000);

/** All rows of a table, over as many pages as it takes. Throws where they go on for ever. */
function rowsOf(sql: Sql, table: string) {
  const rows: Record<string, unknown>[] = [];
  let pages = 0;
  let after: string | undefined;
  do {
    const page = rawPage(sql, after);
    for (const line of page.lines.split("\n").slice(0, -1)) {
      const { table: of, row } = JSON.parse(line) as {
        table: string;
        row: Record<string, unknown>;
      };
      if (of === table) rows.push(row);
    }
    ({ after } = page);
    pages += 1;
    if (pages > 50) throw new Error("the export goes on for ever");
  } while (after !== undefined);
  return { rows, pages };
}

export function rawSuite(withSql: WithSql): void {
  describe("a raw export", () => {
    it.each([
      ["that are no UTF-8", (i: number) => `CAST(x'ff${(16 + i).toString(16)}' AS TEXT)`],
      ["of bytes", (i: number) => `x'ff${(16 + i).toString(16)}'`],
      ["of numbers", (i: number) => `${i - 5}`],
      ["with a replacement character", (i: number) => `'\ufffd${String.fromCharCode(65 + i)}'`],
      [
        "with an end of text in them",
        (i: number) => `CAST(x'6100${(16 + i).toString(16)}' AS TEXT)`,
      ],
    ])("ends, and has each row once, where keys are texts or values %s", (_, keyOf) =>
      withSql((sql) => {
        sql.run("CREATE TABLE t (k PRIMARY KEY, n INTEGER, text TEXT) WITHOUT ROWID");
        for (let i = 0; i < 11; i += 1) {
          sql.run(`INSERT INTO t VALUES (${keyOf(i)}, ?, ?)`, i, long);
        }
        const { rows, pages } = rowsOf(sql, "t");
        expect(rows.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        expect(pages).toBe(3);
      }),
    );

    it("goes on behind a row whose key has a text that is no UTF-8 among its columns", () =>
      withSql((sql) => {
        sql.run(
          "CREATE TABLE t (k TEXT, m INTEGER, text TEXT, PRIMARY KEY (k, m)) STRICT, WITHOUT ROWID",
        );
        for (let i = 0; i < 11; i += 1) {
          sql.run("INSERT INTO t VALUES (CAST(x'fffe' AS TEXT), ?, ?)", i, long);
        }
        const { rows } = rowsOf(sql, "t");
        expect(rows.map(({ m }) => m)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      }));

    it("has each row once of a table without a primary key", () =>
      withSql((sql) => {
        sql.run("CREATE TABLE t (n INTEGER, text TEXT)");
        for (let i = 0; i < 11; i += 1) sql.run("INSERT INTO t VALUES (?, ?)", i, long);
        const { rows } = rowsOf(sql, "t");
        expect(rows.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      }));
  });
}
