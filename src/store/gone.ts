/**
 * Tables that nobody needs any more, on their way out: setting one aside is a rename, dropping it waits for a turn of its own.
 * Invariant: a table that is set aside is never read again, and one turn drops one of them, or a few rows of it.
 */
import { exists } from "./catalog.ts";
import type { Sql } from "./sql.ts";

/** A table with no more rows than this is dropped where it stands. */
const rowsAtOnce = 100;
/** Chunks of a snapshot are large: so many, and so many are deleted in one turn. */
const chunksAtOnce = 8;

export class GoneTables {
  readonly #sql: Sql;
  /** Whether there may be any: true is only a guess, since a transaction that set one aside may have failed. */
  #isAny: boolean;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#isAny = this.#first() !== undefined;
  }

  /** Whether there is something to drop. */
  get isAny(): boolean {
    return this.#isAny;
  }

  /** Makes a table's name free. A table that is not there is passed over. To be called in a transaction. */
  setAside(table: string): void {
    if (!exists(this.#sql, table)) return;
    const isChunks = this.#isChunks(table);
    const most = isChunks ? chunksAtOnce : rowsAtOnce;
    if (this.#sql.rows(`SELECT 1 FROM "${table}" LIMIT ?`, most + 1).length <= most) {
      this.#sql.run(`DROP TABLE "${table}"`);
      return;
    }
    const [[newest] = [0]] = this.#sql.rows<[newest: number]>(
      `SELECT coalesce(max(CAST(substr(name, 6) AS INTEGER)), 0) FROM sqlite_master
       WHERE type = 'table' AND name GLOB 'gone_*'`,
    );
    this.#sql.run(`ALTER TABLE "${table}" RENAME TO gone_${newest + 1}`);
    this.#isAny = true;
  }

  /** One turn: drops a table or some of its chunks. */
  step(): void {
    const table = this.#first();
    if (table === undefined) {
      this.#isAny = false;
      return;
    }
    this.#sql.transaction(() => {
      if (this.#isChunks(table) && this.#dropChunks(table)) return;
      this.#sql.run(`DROP TABLE "${table}"`);
    });
    this.#isAny = this.#first() !== undefined;
  }

  /** Deletes some chunks; true while more are left. */
  #dropChunks(table: string): boolean {
    this.#sql.run(
      `DELETE FROM "${table}" WHERE chunk IN (SELECT chunk FROM "${table}" LIMIT ?)`,
      chunksAtOnce,
    );
    return this.#sql.rows(`SELECT 1 FROM "${table}" LIMIT 1`).length > 0;
  }

  #isChunks(table: string): boolean {
    const query = "SELECT 1 FROM pragma_table_info(?) WHERE name = 'chunk'";
    return this.#sql.rows(query, table).length > 0;
  }

  #first(): string | undefined {
    const query =
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'gone_*' ORDER BY name LIMIT 1";
    return this.#sql.rows<[name: string]>(query)[0]?.[0];
  }
}
