/**
 * Changed rows of a table whose rows change again and again, or come and go: a checkpoint leaves them together in a few rows of a
 * list, instead of each in the table.
 * Invariant: the table in SQLite with the list's rows over it is what the checkpoint stands for.
 */
import type { BaseDeclaration } from "./base.ts";
import { exists } from "./catalog.ts";
import type { Key, KeyPart, Position } from "./key-columns.ts";
import type { Cell } from "./overlay.ts";
import { RowUnreadable } from "./row.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** A part's length in UTF-16 units, which take up to three bytes each: a part is a row. */
const partUnitsMax = 600_000;

/** Under what a table's list stands. */
export const pendingName = ({ name }: { readonly name: string }): string => `pending_${name}`;

/**
 * A row as the list has it: its key, whether SQLite's table has one under it, and where it is not deleted its value and the lengths
 * of its texts, which stand behind one another in the part's own column.
 */
type Listed = readonly [
  key: SqlValue[],
  inBase: 0 | 1,
  value?: Record<string, unknown>,
  ...lengths: (number | null)[],
];

type Dirty<V> = Iterable<readonly [Position, Cell<V>]>;

/** The list of one table. */
export class PendingList<V extends object> {
  readonly #sql: Sql;
  readonly #table: BaseDeclaration<V>;
  readonly #name: string;
  readonly #hasTexts: boolean;
  #isThere: boolean;
  #isEmpty = true;
  #written: { readonly isEmpty: boolean } | undefined;

  constructor(sql: Sql, table: BaseDeclaration<V>) {
    this.#sql = sql;
    this.#table = table;
    this.#name = pendingName(table);
    this.#hasTexts = table.texts.length > 0;
    this.#isThere = exists(sql, this.#name);
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** What the last checkpoint has left, as memory holds it. Throws RowUnreadable. */
  read(): (readonly [Key, Cell<V>])[] {
    if (!this.#isThere) return [];
    const parts = this.#sql.rows<[version: number, rows: string, texts: string]>(
      `SELECT version, rows, ${this.#hasTexts ? "texts" : "''"} FROM "${this.#name}" ORDER BY part`,
    );
    this.#isEmpty = parts.length === 0;
    return parts.flatMap(([version, rows, texts]) => {
      let at = 0;
      const next = (length: number): string => {
        at += length;
        return texts.slice(at - length, at);
      };
      const cells = this.#parse(rows).map((row) => this.#cell(version, row, next));
      if (at === texts.length) return cells;
      throw new RowUnreadable(`${this.#name}: a part has not the texts of its rows`, false);
    });
  }

  /** A transaction begins: what was written in one that came to nothing is not there. */
  begin(): void {
    this.#written = undefined;
  }

  /** Leaves changed rows in the list, and nothing else. To be called in a transaction, and `settle` behind it. */
  write(dirty: Dirty<V>): void {
    if (!this.#isThere) {
      const texts = this.#hasTexts ? ", texts TEXT NOT NULL" : "";
      const columns = `part INTEGER PRIMARY KEY, version INTEGER NOT NULL, rows TEXT NOT NULL${texts}`;
      this.#sql.run(`CREATE TABLE "${this.#name}" (${columns}) STRICT`);
    }
    let parts = 0;
    let rows: string[] = [];
    let texts: string[] = [];
    let units = 0;
    const store = () => {
      if (rows.length === 0) return;
      parts += 1;
      this.#store(parts, `[${rows.join()}]`, texts.join(""));
      rows = [];
      texts = [];
      units = 0;
    };
    for (const [key, cell] of dirty) {
      const own = cell.value === undefined ? [] : this.#table.rows.texts(cell.value);
      const row = this.#json(key as Key, cell, own);
      const size = own.reduce((sum, text) => sum + (text?.length ?? 0), row.length + 1);
      if (units + size > partUnitsMax) store();
      rows.push(row);
      for (const text of own) if (text !== null) texts.push(text);
      units += size;
    }
    store();
    this.#sql.run(`DELETE FROM "${this.#name}" WHERE part > ?`, parts);
    this.#written = { isEmpty: parts === 0 };
  }

  /** Empties the list, since the table has all of it. To be called in a transaction, and `settle` behind it. */
  clear(): void {
    if (!this.#isEmpty) this.write([]);
  }

  /** After the transaction of a `write` or `clear`. */
  settle(): void {
    if (this.#written === undefined) return;
    this.#isThere = true;
    this.#isEmpty = this.#written.isEmpty;
    this.#written = undefined;
  }

  #store(part: number, rows: string, texts: string): void {
    const values: SqlValue[] = [part, this.#table.version, rows];
    if (this.#hasTexts) values.push(texts);
    const marks = values.map(() => "?").join();
    this.#sql.run(`INSERT OR REPLACE INTO "${this.#name}" VALUES (${marks})`, ...values);
  }

  #json(key: Key, { value, inBase }: Cell<V>, texts: readonly (string | null)[]): string {
    const parts = JSON.stringify(
      this.#table.key.map((column, i) => column.encode(key[i] as KeyPart)),
    );
    const json = value === undefined ? "" : `,${this.#table.rows.json(value)}`;
    const lengths = texts.map((text) => `,${text === null ? "null" : text.length}`).join("");
    return `[${parts},${inBase ? 1 : 0}${json}${lengths}]`;
  }

  #parse(rows: string): Listed[] {
    try {
      const listed: unknown = JSON.parse(rows);
      const { length } = this.#table.texts;
      if (Array.isArray(listed) && listed.every((row) => isListed(row, length))) return listed;
    } catch (cause) {
      throw new RowUnreadable(`${this.#name}: a part is not JSON`, false, cause);
    }
    throw new RowUnreadable(`${this.#name}: a part is not a list of rows`, false);
  }

  #cell(
    version: number,
    [parts, inBase, json, ...lengths]: Listed,
    next: (length: number) => string,
  ): readonly [Key, Cell<V>] {
    const key = this.#table.key.map((column, i) => column.decode(parts[i] ?? null));
    const texts = lengths.map((length) => (length === null ? null : next(length)));
    const value = json === undefined ? undefined : this.#table.rows.revive(version, json, texts);
    return [key, { value, inBase: inBase === 1, isDirty: true }];
  }
}

/** Whether something read is a row of a list, with so many texts where it is not deleted. */
function isListed(row: unknown, texts: number): row is Listed {
  if (!Array.isArray(row)) return false;
  const [key, inBase, value, ...lengths] = row;
  const isRow = typeof value === "object" && value !== null && lengths.length === texts;
  const isDeleted = row.length === 2;
  const isPlaced = Array.isArray(key) && (inBase === 0 || inBase === 1);
  return isPlaced && (isDeleted || isRow) && lengths.every(isLength);
}

const isLength = (length: unknown): boolean =>
  length === null || (Number.isSafeInteger(length) && Number(length) >= 0);
