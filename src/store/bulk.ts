/**
 * The writes of a checkpoint: rows gathered into JSON arrays and written by one statement per chunk (one to two µs a row).
 * Invariant: every string bound stays under the platform's 2 MB, and texts that are large are bound as they are.
 */
import type { BaseDeclaration } from "./base.ts";
import type { Key } from "./keys.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** A chunk's length in UTF-16 units, which take up to three bytes each. */
const chunkUnitsMax = 600_000;
/** A row longer than this is bound directly: JSON would escape it, and SQLite parse it, once more. */
const bulkRowUnitsMax = 65_536;

/** Rows on their way into one table. Call `finish` after the last. */
export class BulkWriter<V extends object> {
  readonly #sql: Sql;
  readonly #table: BaseDeclaration<V>;
  readonly #upserts: Chunk;
  readonly #deletes: Chunk;

  constructor(sql: Sql, table: BaseDeclaration<V>) {
    this.#sql = sql;
    this.#table = table;
    this.#upserts = new Chunk((rows) => sql.run(upsertQuery(table), rows));
    this.#deletes = new Chunk((keys) => sql.run(deleteQuery(table), keys));
  }

  upsert(key: Key, value: V): void {
    const { rows, version } = this.#table;
    const json = rows.json(value);
    if (json.length + rows.textLength(value) > bulkRowUnitsMax) {
      this.#bind(key, json, rows.texts(value));
      return;
    }
    let row = `[${this.#keyJson(key)},${version},${json}`;
    for (const text of rows.texts(value)) row += `,${JSON.stringify(text)}`;
    this.#upserts.add(`${row}]`);
  }

  delete(key: Key): void {
    this.#deletes.add(`[${this.#keyJson(key)}]`);
  }

  finish(): void {
    this.#upserts.flush();
    this.#deletes.flush();
  }

  #bind(key: Key, json: string, texts: (string | null)[]): void {
    const parts: SqlValue[] = this.#table.key.map((column, i) => column.encode(part(key, i)));
    this.#sql.run(bindQuery(this.#table), ...parts, this.#table.version, json, ...texts);
  }

  #keyJson(key: Key): string {
    const parts = this.#table.key.map((column, i) => column.toJson(part(key, i)));
    return JSON.stringify(parts).slice(1, -1);
  }
}

/** JSON items gathered until they are worth a statement. */
class Chunk {
  readonly #write: (json: string) => void;
  #items: string[] = [];
  #units = 0;

  constructor(write: (json: string) => void) {
    this.#write = write;
  }

  add(item: string): void {
    if (this.#units + item.length > chunkUnitsMax) this.flush();
    this.#items.push(item);
    this.#units += item.length + 1;
  }

  flush(): void {
    if (this.#items.length === 0) return;
    this.#write(`[${this.#items.join(",")}]`);
    this.#items = [];
    this.#units = 0;
  }
}

function part(key: Key, i: number) {
  const found = key[i];
  if (found === undefined) throw new TypeError("a key has too few parts");
  return found;
}

function columnsOf(table: BaseDeclaration<object>): string[] {
  return [...table.key.map((each) => each.name), "version", "value", ...table.texts];
}

function insertInto(table: BaseDeclaration<object>): string {
  const columns = columnsOf(table).map((name) => `"${name}"`);
  return `INSERT OR REPLACE INTO "${table.name}" (${columns.join(", ")})`;
}

function bindQuery(table: BaseDeclaration<object>): string {
  const marks = columnsOf(table).map(() => "?");
  return `${insertInto(table)} VALUES (${marks.join(", ")})`;
}

/** The row's value stands in the chunk as JSON itself (`->` gives it back as text), so it is not escaped once more. */
function upsertQuery(table: BaseDeclaration<object>): string {
  const key = table.key.map((column, i) => column.fromJson(`value ->> ${i}`));
  const rest = ["version", "value", ...table.texts].map((name, i) =>
    name === "value" && i === 1
      ? `value -> ${table.key.length + i}`
      : `value ->> ${table.key.length + i}`,
  );
  return `${insertInto(table)} SELECT ${[...key, ...rest].join(", ")} FROM json_each(?)`;
}

function deleteQuery(table: BaseDeclaration<object>): string {
  const names = table.key.map((each) => `"${each.name}"`).join(", ");
  const parts = table.key.map((column, i) => column.fromJson(`value ->> ${i}`)).join(", ");
  return `DELETE FROM "${table.name}" WHERE (${names}) IN (SELECT ${parts} FROM json_each(?))`;
}
