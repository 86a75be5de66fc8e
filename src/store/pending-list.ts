/**
 * Changed rows of a table of small rows that change again and again: a checkpoint leaves them together in a few rows of a list,
 * instead of each in the table.
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

/** A row as the list has it: its key, whether SQLite's table has one under it, and its value where it is not deleted. */
type Listed = readonly [key: SqlValue[], inBase: 0 | 1, value?: Record<string, unknown>];

type Dirty<V> = Iterable<readonly [Position, Cell<V>]>;

/** The list of one table. Its rows have no texts. */
export class PendingList<V extends object> {
  readonly #sql: Sql;
  readonly #table: BaseDeclaration<V>;
  readonly #name: string;
  #isThere: boolean;
  #isEmpty = true;
  #written: { readonly isEmpty: boolean } | undefined;

  constructor(sql: Sql, table: BaseDeclaration<V>) {
    this.#sql = sql;
    this.#table = table;
    this.#name = pendingName(table);
    this.#isThere = exists(sql, this.#name);
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** What the last checkpoint has left, as memory holds it. Throws RowUnreadable. */
  read(): (readonly [Key, Cell<V>])[] {
    if (!this.#isThere) return [];
    const parts = this.#sql.rows<[version: number, rows: string]>(
      `SELECT version, rows FROM "${this.#name}" ORDER BY part`,
    );
    this.#isEmpty = parts.length === 0;
    return parts.flatMap(([version, rows]) =>
      this.#parse(rows).map((row) => this.#cell(version, row)),
    );
  }

  /** A transaction begins: what was written in one that came to nothing is not there. */
  begin(): void {
    this.#written = undefined;
  }

  /** Leaves changed rows in the list, and nothing else. To be called in a transaction, and `settle` behind it. */
  write(dirty: Dirty<V>): void {
    if (!this.#isThere) {
      const columns = "part INTEGER PRIMARY KEY, version INTEGER NOT NULL, rows TEXT NOT NULL";
      this.#sql.run(`CREATE TABLE "${this.#name}" (${columns}) STRICT`);
    }
    let parts = 0;
    let rows: string[] = [];
    let units = 0;
    const store = () => {
      if (rows.length === 0) return;
      parts += 1;
      const query = `INSERT OR REPLACE INTO "${this.#name}" (part, version, rows) VALUES (?, ?, ?)`;
      this.#sql.run(query, parts, this.#table.version, `[${rows.join()}]`);
      rows = [];
      units = 0;
    };
    for (const [key, cell] of dirty) {
      const row = this.#json(key as Key, cell);
      if (units + row.length > partUnitsMax) store();
      rows.push(row);
      units += row.length + 1;
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

  #json(key: Key, { value, inBase }: Cell<V>): string {
    const parts = JSON.stringify(
      this.#table.key.map((column, i) => column.encode(key[i] as KeyPart)),
    );
    const json = value === undefined ? "" : `,${this.#table.rows.json(value)}`;
    return `[${parts},${inBase ? 1 : 0}${json}]`;
  }

  #parse(rows: string): Listed[] {
    try {
      const listed: unknown = JSON.parse(rows);
      if (Array.isArray(listed) && listed.every(isListed)) return listed;
    } catch (cause) {
      throw new RowUnreadable(`${this.#name}: a part is not JSON`, false, cause);
    }
    throw new RowUnreadable(`${this.#name}: a part is not a list of rows`, false);
  }

  #cell(version: number, [parts, inBase, json]: Listed): readonly [Key, Cell<V>] {
    const key = this.#table.key.map((column, i) => column.decode(parts[i] ?? null));
    const value = json === undefined ? undefined : this.#table.rows.revive(version, json, []);
    return [key, { value, inBase: inBase === 1, isDirty: true }];
  }
}

function isListed(row: unknown): row is Listed {
  if (!Array.isArray(row)) return false;
  const [key, inBase, value] = row;
  const isRow = value === undefined || (typeof value === "object" && value !== null);
  return Array.isArray(key) && (inBase === 0 || inBase === 1) && isRow;
}
