/**
 * The SQL port over `node:sqlite`, for tests, tools and benchmarks; never part of the Worker bundle.
 * Invariant: in a file, a statement outside a transaction, and a transaction, is durable when the call returns.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Sql, SqlCounts, SqlRow, SqlValue } from "./sql.ts";
import { checkBindings, checkSynchronous } from "./sql.ts";

const statementsMax = 512;
const changesRows = /^\s*(?:insert|update|delete|replace)\b/i;

interface Prepared {
  readonly statement: StatementSync;
  readonly isChange: boolean;
}

/**
 * Sql over a file or ":memory:".
 *
 * `counts` approximates the bill: rows read are the rows returned (SQLite does not say how many it visited), rows written are
 * the rows changed, without the few rows the platform adds for DDL and without index rows.
 */
export class NodeSql implements Sql {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();
  #depth = 0;
  #rowsRead = 0;
  #rowsWritten = 0;

  constructor(path = ":memory:") {
    this.#database = new DatabaseSync(path);
    if (path !== ":memory:") {
      this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    }
  }

  rows<R extends SqlRow>(query: string, ...bindings: readonly SqlValue[]): R[] {
    checkBindings(bindings);
    const rows = readAll<R>(this.#prepare(query), bindings);
    this.#rowsRead += rows.length;
    return rows;
  }

  run(query: string, ...bindings: readonly SqlValue[]): void {
    checkBindings(bindings);
    const { statement, isChange } = this.#prepare(query);
    const { changes } = statement.run(...bindings);
    // After DDL SQLite still reports the changes of the statement before it.
    if (isChange) this.#rowsWritten += Number(changes);
  }

  transaction<T>(work: () => T): T {
    const name = this.#depth === 0 ? undefined : `nested_${this.#depth}`;
    this.#database.exec(name === undefined ? "BEGIN IMMEDIATE" : `SAVEPOINT ${name}`);
    this.#depth += 1;
    try {
      const result = checkSynchronous(work());
      this.#database.exec(name === undefined ? "COMMIT" : `RELEASE ${name}`);
      return result;
    } catch (fault) {
      this.#rollback(name);
      throw fault;
    } finally {
      this.#depth -= 1;
    }
  }

  /** SQLite has already rolled back by itself after some faults (a full disk); then there is nothing to undo. */
  #rollback(name: string | undefined): void {
    if (!this.#database.isTransaction) return;
    this.#database.exec(name === undefined ? "ROLLBACK" : `ROLLBACK TO ${name}; RELEASE ${name}`);
  }

  async sync(): Promise<void> {}

  get bytes(): number {
    const [[bytes] = [0]] = this.rows<[bytes: number]>(
      `SELECT (p.page_count - f.freelist_count) * s.page_size
       FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s`,
    );
    return bytes;
  }

  get counts(): SqlCounts {
    return { rowsRead: this.#rowsRead, rowsWritten: this.#rowsWritten };
  }

  /** Closes the database; no other call may follow. */
  close(): void {
    this.#database.close();
  }

  #prepare(query: string): Prepared {
    const known = this.#prepared.get(query);
    if (known !== undefined) return known;
    if (this.#prepared.size >= statementsMax) this.#prepared.clear();
    const statement = this.#database.prepare(query);
    statement.setReturnArrays(true);
    const prepared = { statement, isChange: changesRows.test(query) };
    this.#prepared.set(query, prepared);
    return prepared;
  }
}

/** All rows, as arrays: so each statement was told when it was prepared. */
function readAll<R extends SqlRow>(prepared: Prepared, bindings: readonly SqlValue[]): R[] {
  const { statement, isChange } = prepared;
  try {
    return statement.all(...bindings) as unknown as R[];
  } catch (fault) {
    // An integer that no number holds exactly. The platform rounds it, and so does this.
    if (isChange || (fault as { code?: unknown }).code !== "ERR_OUT_OF_RANGE") throw fault;
    return readRounded(statement, bindings);
  }
}

function readRounded<R extends SqlRow>(statement: StatementSync, bindings: readonly SqlValue[]) {
  statement.setReadBigInts(true);
  try {
    const rows = statement.all(...bindings) as unknown as (SqlValue | bigint)[][];
    return rows.map((row) =>
      row.map((value) => (typeof value === "bigint" ? Number(value) : value)),
    ) as SqlRow[] as R[];
  } finally {
    statement.setReadBigInts(false);
  }
}
