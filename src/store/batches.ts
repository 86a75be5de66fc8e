/**
 * Rows that are gathered for statements of many: as JSON in one parameter, or each value in one of its own.
 * Invariant: every row that was added is in exactly one statement once its batch was flushed, and these come in the order of the rows.
 */
import type { Sql, SqlValue } from "./sql.ts";

/** Bound parameters of one statement in production. */
export const parametersMax = 100;
/** A JSON chunk's length in UTF-16 units, which take up to three bytes each. */
const chunkUnitsMax = 600_000;

/** Rows gathered into a JSON array, for a statement that reads them from its one parameter. */
export class JsonBatch {
  readonly #sql: Sql;
  readonly #query: string;
  #rows: string[] = [];
  #units = 0;

  constructor(sql: Sql, query: string) {
    this.#sql = sql;
    this.#query = query;
  }

  /** Adds a row: its values, and perhaps one more that is JSON already. */
  add(values: readonly SqlValue[], json?: string): void {
    const parts = values.map((each) => (typeof each === "number" ? each : JSON.stringify(each)));
    const row = json === undefined ? `[${parts.join()}]` : `[${parts.join()},${json}]`;
    if (this.#units + row.length > chunkUnitsMax) this.flush();
    this.#rows.push(row);
    this.#units += row.length + 1;
  }

  flush(): void {
    if (this.#rows.length === 0) return;
    this.#sql.run(this.#query, `[${this.#rows.join()}]`);
    this.#rows = [];
    this.#units = 0;
  }
}

/** Rows of one shape gathered until they fill a statement; `tuple` is the shape, with a mark for each value bound. */
export class BoundBatch {
  readonly #sql: Sql;
  readonly #width: number;
  readonly #rowsMax: number;
  readonly #queryOf: (rows: number) => string;
  /** The statement of so many rows, made once. */
  readonly #queries: string[] = [];
  #values: SqlValue[] = [];

  constructor(sql: Sql, tuple: string, head: string, tail: string) {
    this.#sql = sql;
    this.#width = tuple.split("?").length - 1;
    this.#rowsMax = Math.max(1, Math.floor(parametersMax / this.#width));
    this.#queryOf = (rows) => `${head}${Array(rows).fill(`(${tuple})`).join()}${tail}`;
  }

  add(row: readonly SqlValue[]): void {
    for (const value of row) this.#values.push(value);
    if (this.#values.length === this.#rowsMax * this.#width) this.flush();
  }

  flush(): void {
    const rows = this.#values.length / this.#width;
    if (rows === 0) return;
    this.#queries[rows] ??= this.#queryOf(rows);
    this.#sql.run(this.#queries[rows], ...this.#values);
    this.#values = [];
  }
}
