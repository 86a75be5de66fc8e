/**
 * The end of a queue: its tables go in one transaction, and a note stays until the directory has heard of it.
 * Invariant: the note and the tables never exist for the same queue at once, so that a queue is either there or gone.
 */
import type { Sql } from "../store/sql.ts";

/** A queue that was deleted, of which the directory may not know yet. */
export interface Farewell {
  readonly name: string;
  /** Undefined where the queue's storage could not be read: then whatever was listed under the name is gone. */
  readonly queueId: string | undefined;
}

const NOTES = "farewells";

const tablesOf = (sql: Sql): string[] =>
  sql
    .rows<[name: string]>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .map(([name]) => name);

/** Drops everything of a queue and leaves the note. */
export function dropQueue(sql: Sql, farewell: Farewell): void {
  sql.transaction(() => {
    for (const table of tablesOf(sql)) {
      if (table !== NOTES) sql.run(`DROP TABLE "${table}"`);
    }
    sql.run(
      `CREATE TABLE IF NOT EXISTS ${NOTES} (queue_id TEXT PRIMARY KEY, name TEXT) STRICT, WITHOUT ROWID`,
    );
    sql.run(
      `INSERT OR REPLACE INTO ${NOTES} (queue_id, name) VALUES (?, ?)`,
      farewell.queueId ?? "",
      farewell.name,
    );
  });
}

/** The notes that are left. */
export function farewells(sql: Sql): Farewell[] {
  if (!tablesOf(sql).includes(NOTES)) return [];
  return sql
    .rows<[queueId: string, name: string]>(`SELECT queue_id, name FROM ${NOTES}`)
    .map(([queueId, name]) => ({ name, queueId: queueId || undefined }));
}

/** Forgets a note, once the directory knows. */
export function dropFarewell(sql: Sql, { queueId }: Farewell): void {
  sql.transaction(() => {
    sql.run(`DELETE FROM ${NOTES} WHERE queue_id = ?`, queueId ?? "");
    if (farewells(sql).length === 0) sql.run(`DROP TABLE ${NOTES}`);
  });
}
