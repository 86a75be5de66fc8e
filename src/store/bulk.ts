/**
 * The writes of a checkpoint: as many rows to a statement as the platform takes parameters.
 * Invariant: a statement binds at most 100 values, each as it is stored; nothing is escaped, so no text grows on its way.
 */
import type { BaseDeclaration } from "./base.ts";
import type { Key } from "./keys.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** Bound parameters of one statement in production (measured: one statement of 20 rows costs 0.6 of 20 of one row). */
const parametersMax = 100;

/** Rows on their way into one table. Call `finish` after the last. */
export class BulkWriter<V extends object> {
  readonly #table: BaseDeclaration<V>;
  readonly #upserts: Batch;
  readonly #deletes: Batch;

  constructor(sql: Sql, table: BaseDeclaration<V>) {
    this.#table = table;
    const keys = table.key.map((each) => `"${each.name}"`);
    const columns = [...keys, "version", "value", ...table.texts.map((name) => `"${name}"`)];
    const into = `INSERT OR REPLACE INTO "${table.name}" (${columns.join(", ")}) VALUES `;
    this.#upserts = new Batch(sql, columns.length, (tuples) => into + tuples);
    const from = `DELETE FROM "${table.name}" WHERE (${keys.join(", ")}) IN (VALUES `;
    this.#deletes = new Batch(sql, keys.length, (tuples) => `${from}${tuples})`);
  }

  upsert(key: Key, value: V): void {
    const { rows, version } = this.#table;
    this.#upserts.add([...this.#encode(key), version, rows.json(value), ...rows.texts(value)]);
  }

  delete(key: Key): void {
    this.#deletes.add(this.#encode(key));
  }

  finish(): void {
    this.#upserts.flush();
    this.#deletes.flush();
  }

  #encode(key: Key): SqlValue[] {
    return this.#table.key.map((column, i) => {
      const part = key[i];
      if (part === undefined) throw new TypeError(`${this.#table.name}: a key has too few parts`);
      return column.encode(part);
    });
  }
}

/** Rows of one width, gathered until they fill a statement. */
class Batch {
  readonly #sql: Sql;
  readonly #width: number;
  readonly #rowsMax: number;
  readonly #queryOf: (tuples: string) => string;
  /** The statement of so many rows, made once. */
  readonly #queries: string[] = [];
  #values: SqlValue[] = [];

  constructor(sql: Sql, width: number, queryOf: (tuples: string) => string) {
    this.#sql = sql;
    this.#width = width;
    this.#rowsMax = Math.max(1, Math.floor(parametersMax / width));
    this.#queryOf = queryOf;
  }

  add(row: readonly SqlValue[]): void {
    for (const value of row) this.#values.push(value);
    if (this.#values.length === this.#rowsMax * this.#width) this.flush();
  }

  flush(): void {
    const count = this.#values.length / this.#width;
    if (count === 0) return;
    const tuple = `(${Array(this.#width).fill("?").join(", ")})`;
    this.#queries[count] ??= this.#queryOf(Array(count).fill(tuple).join(", "));
    this.#sql.run(this.#queries[count], ...this.#values);
    this.#values = [];
  }
}
