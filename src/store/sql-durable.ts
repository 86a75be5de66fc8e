/**
 * The SQL port over a Durable Object's own storage.
 * Invariant: every cursor is drained before the call returns; an unread one would lose the writes of the whole turn.
 */
import type { Sql, SqlCounts, SqlRow, SqlValue } from "./sql.ts";
import { checkBindings, checkSynchronous } from "./sql.ts";

/** Sql over `ctx.storage` of an object with SQLite storage. */
export class DurableSql implements Sql {
  readonly #storage: DurableObjectStorage;
  #rowsRead = 0;
  #rowsWritten = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  rows<R extends SqlRow>(query: string, ...bindings: readonly SqlValue[]): R[] {
    checkBindings(bindings);
    const cursor = this.#storage.sql.exec(query, ...bindings);
    const rows = [...cursor.raw()];
    this.#rowsRead += cursor.rowsRead;
    this.#rowsWritten += cursor.rowsWritten;
    for (const row of rows) makeByteArrays(row);
    return rows as SqlRow[] as R[];
  }

  run(query: string, ...bindings: readonly SqlValue[]): void {
    this.rows(query, ...bindings);
  }

  transaction<T>(work: () => T): T {
    return this.#storage.transactionSync(() => checkSynchronous(work()));
  }

  sync(): Promise<void> {
    return this.#storage.sync();
  }

  get bytes(): number {
    return this.#storage.sql.databaseSize;
  }

  get counts(): SqlCounts {
    return { rowsRead: this.#rowsRead, rowsWritten: this.#rowsWritten };
  }
}

/** The platform hands blobs out as ArrayBuffer; the port promises Uint8Array. Changes the row in place. */
function makeByteArrays(row: (SqlStorageValue | Uint8Array)[]): void {
  for (let i = 0; i < row.length; i += 1) {
    const value = row[i];
    if (value instanceof ArrayBuffer) row[i] = new Uint8Array(value);
  }
}
