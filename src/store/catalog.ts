/**
 * The tables that a database has, by name and column.
 * Invariant: nothing is written, and a table that is not as declared is refused.
 */
import { LogCorrupt } from "./chain.ts";
import type { Schema } from "./declare.ts";
import type { Sql } from "./sql.ts";

/** Column names by table, of every table in the database. */
export type Catalog = ReadonlyMap<string, ReadonlySet<string>>;

/** Reads the catalog; the platform's own tables (`_cf_…`) may not be looked at. */
export function readCatalog(sql: Sql): Catalog {
  const catalog = new Map<string, Set<string>>();
  const rows = sql.rows<[table: string, column: string]>(
    `SELECT t.name, c.name
     FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
     WHERE t.type = 'table' AND t.name NOT GLOB '_cf_*'`,
  );
  for (const [table, column] of rows) {
    const columns = catalog.get(table) ?? new Set();
    catalog.set(table, columns.add(column));
  }
  return catalog;
}

/** A table that exists must have the columns that are declared, but for texts that rows may be without: those may be added later. */
export function checkCatalog(catalog: Catalog, schema: Schema): void {
  for (const { name, key, required } of Object.values(schema)) {
    const stored = catalog.get(name);
    const expected = [...key.map((each) => each.name), "version", "value", ...required];
    if (stored !== undefined && !expected.every((each) => stored.has(each))) {
      throw new LogCorrupt(`table ${name} has not the columns ${expected.join()}`);
    }
  }
}

/** Whether the database has a table, asked of the database itself. */
export function exists(sql: Sql, table: string): boolean {
  const query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?";
  return sql.rows(query, table).length > 0;
}
