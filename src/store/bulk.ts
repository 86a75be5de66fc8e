/**
 * The writes of a checkpoint, in the form that costs least per row (measured in workerd, µs a row: a bound value 0.33; rows of
 * four numbers 1.3 as JSON and 2.6 as bound values; rows with a text of 200 bytes 2.9 bound and 3.9 as JSON).
 * Invariant: rows of numbers and short strings go as JSON, rows with texts are bound, so that no text is escaped on its way.
 */
import type { BaseDeclaration } from "./base.ts";
import type { Key } from "./key-columns.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** Bound parameters of one statement in production. */
export const parametersMax = 100;
/** A JSON chunk's length in UTF-16 units, which take up to three bytes each. */
const chunkUnitsMax = 600_000;

/** Rows on their way into one table. Call `finish` after the last. */
export class BulkWriter<V extends object> {
  readonly #sql: Sql;
  readonly #table: BaseDeclaration<V>;
  readonly #upserts: JsonBatch | undefined;
  readonly #deletes: JsonBatch | BoundBatch;
  /** By which of the texts a row has: those that it has not are written into the statement as NULL. */
  readonly #bound = new Map<string, BoundBatch>();

  constructor(sql: Sql, table: BaseDeclaration<V>) {
    this.#sql = sql;
    this.#table = table;
    const names = table.key.map((each) => `"${each.name}"`);
    const parts = names.map((_, i) => `value ->> ${i}`);
    const from = `DELETE FROM "${table.name}" WHERE (${names.join(", ")}) IN`;
    if (table.key.some((each) => each.sqlType === "BLOB")) {
      this.#deletes = new BoundBatch(sql, names.map(() => "?").join(), `${from} (VALUES `, ")");
      return;
    }
    const keys = `${from} (SELECT ${parts.join()} FROM json_each(?))`;
    this.#deletes = new JsonBatch(sql, keys);
    if (table.texts.length > 0) return;
    const columns = `${parts.join()}, ${table.version}, value -> ${parts.length}`;
    this.#upserts = new JsonBatch(sql, `${insertInto(table)} SELECT ${columns} FROM json_each(?)`);
  }

  upsert(key: Key, value: V): void {
    const encoded = this.#encode(key);
    const json = this.#table.rows.json(value);
    if (this.#upserts === undefined) this.#bind(encoded, json, this.#table.rows.texts(value));
    else this.#upserts.add(encoded, json);
  }

  delete(key: Key): void {
    this.#deletes.add(this.#encode(key));
  }

  finish(): void {
    this.#upserts?.flush();
    for (const batch of this.#bound.values()) batch.flush();
    this.#deletes.flush();
  }

  #bind(key: readonly SqlValue[], json: string, texts: readonly (string | null)[]): void {
    const marks = texts.map((text) => (text === null ? "NULL" : "?")).join();
    let batch = this.#bound.get(marks);
    if (batch === undefined) {
      const all = [...key.map(() => "?"), this.#table.version, "?", ...(marks ? [marks] : [])];
      batch = new BoundBatch(this.#sql, all.join(), `${insertInto(this.#table)} VALUES `, "");
      this.#bound.set(marks, batch);
    }
    batch.add([...key, json, ...texts.filter((text) => text !== null)]);
  }

  #encode(key: Key): SqlValue[] {
    return this.#table.key.map((column, i) => {
      const part = key[i];
      if (part === undefined) throw new TypeError(`${this.#table.name}: a key has too few parts`);
      return column.encode(part);
    });
  }
}

function insertInto({ name, key, texts }: BaseDeclaration<object>): string {
  const columns = [...key.map((each) => each.name), "version", "value", ...texts];
  return `INSERT OR REPLACE INTO "${name}" (${columns.map((each) => `"${each}"`).join()})`;
}

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
class BoundBatch {
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
