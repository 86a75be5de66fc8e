/**
 * A table for tests: rows in lanes, and how often SQLite was asked for some.
 */
import { vi } from "vitest";
import { Journal } from "../../src/store/journal.ts";
import { integer, signed } from "../../src/store/key-columns.ts";
import type { Sql } from "../../src/store/sql.ts";
import { LayeredTable } from "../../src/store/table.ts";
import { declare } from "./table-history.ts";

export const lanes = declare({
  name: "lanes",
  version: 1,
  key: [integer("lane"), signed("n", 1000)],
});

const listed = declare({
  name: "listed",
  version: 1,
  key: [integer("lane"), signed("n", 1000)],
  pendingRowsMax: 1_000,
});

/** A table whose rows are all in SQLite. */
export function filled(sql: Sql, rows: number, journal = new Journal()) {
  const table = new LayeredTable(lanes, sql, journal, new Set());
  for (let i = 0; i < rows; i += 1) table.insert([0, i], { n: i });
  sql.transaction(() => table.checkpoint.flush());
  table.checkpoint.settle();
  journal.forget();
  return table;
}

/** A table that leaves changed rows to a list, with so many rows of so many lanes in SQLite. */
export function filledLanes(sql: Sql, count: number, rows: number) {
  const table = new LayeredTable(listed, sql, new Journal(), new Set());
  for (let i = 0; i < count * rows; i += 1) table.insert([i % count, i], { n: i });
  flush(sql, table, Number.POSITIVE_INFINITY);
  return table;
}

/** Writes what has changed, or no more of it than the list makes necessary. */
export function flush(
  sql: Sql,
  { checkpoint }: Pick<ReturnType<typeof filled>, "checkpoint">,
  most?: number,
): void {
  sql.transaction(() => checkpoint.flush(undefined, most));
  checkpoint.settle();
}

/** Tells how many queries for rows have been made since. */
export function countQueries(sql: Sql): () => number {
  const rows = vi.spyOn(sql, "rows");
  return () => rows.mock.calls.length;
}
