/**
 * What a new instance would read of storage at this moment, for a look that changes nothing.
 * Invariant: it cannot write.
 */
import type { Sql, SqlRow, SqlValue } from "../../src/store/sql.ts";
import type { Disk } from "./disk.ts";

export class SnapshotSql implements Sql {
  readonly #disk: Disk;
  readonly bytes = 0;
  readonly counts = { rowsRead: 0, rowsWritten: 0 };

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  rows<R extends SqlRow>(query: string, ...bindings: readonly SqlValue[]): R[] {
    return this.#disk.rows<R>(query, bindings);
  }

  run(query: string): void {
    throw new Error(`a look at storage wrote: ${query}`);
  }

  transaction<T>(): T {
    throw new Error("a look at storage began a transaction");
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }
}
