/**
 * Changed rows of a table whose rows change again and again, or come and go: a checkpoint leaves them together in a few rows of a
 * list, instead of each in the table.
 * Invariant: the table in SQLite with the list's rows over it is what the checkpoint stands for; what a later part says of a row holds.
 */
import { limits } from "../contract/limits.ts";
import type { BaseDeclaration } from "./base.ts";
import { exists } from "./catalog.ts";
import { type Key, type KeyPart, nameOf, type Position } from "./key-columns.ts";
import type { Cell } from "./overlay.ts";
import { RowUnreadable } from "./row.ts";
import type { Sql, SqlValue } from "./sql.ts";

/** A part's length in UTF-16 units, which take up to three bytes each: a part is a row. */
const partUnitsMax = 600_000;

/** Parts, their length in UTF-16 units, and rows in them that hold no more, past which a list is written anew. */
const partsMax = 64;
const unitsMax = 2 * limits.pendingTextUnits;
const staleRowsMin = 512;

/** Under what a table's list stands. */
export const pendingName = ({ name }: { readonly name: string }): string => `pending_${name}`;

/**
 * A row as the list has it: its key, whether SQLite's table has one under it, and where it is not deleted its value and the lengths
 * of its texts, which stand behind one another in the part's own column. A key alone: the list has it no more.
 */
type Listed = readonly [
  key: SqlValue[],
  inBase?: 0 | 1,
  value?: Record<string, unknown>,
  ...lengths: (number | null)[],
];

/** A row that the list is to have, or the key of one that it is to have no more. */
type Change<V> = readonly [Position, Cell<V>?];

/** What a list holds: its rows, by the cells they were written from; and what its parts have, also of rows that hold no more. */
interface Held<V> {
  readonly cells: ReadonlyMap<Cell<V>, Position>;
  readonly rows: number;
  readonly units: number;
  readonly parts: number;
}

/** A part that is to be written. */
interface Part {
  readonly rows: string;
  readonly texts: string;
}
const unitsOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, { rows, texts }) => sum + rows.length + texts.length, 0);

/** The list of one table. */
export class PendingList<V extends object> {
  readonly #sql: Sql;
  readonly #table: BaseDeclaration<V>;
  readonly #name: string;
  readonly #hasTexts: boolean;
  #isThere: boolean;
  #held: Held<V> = { cells: new Map(), rows: 0, units: 0, parts: 0 };
  #written: Held<V> | undefined;

  constructor(sql: Sql, table: BaseDeclaration<V>) {
    this.#sql = sql;
    this.#table = table;
    this.#name = pendingName(table);
    this.#hasTexts = table.texts.length > 0;
    this.#isThere = exists(sql, this.#name);
  }

  get isEmpty(): boolean {
    return this.#held.parts === 0;
  }

  /** What the last checkpoint has left, as memory holds it. Throws RowUnreadable. */
  read(): (readonly [Key, Cell<V>])[] {
    if (!this.#isThere) return [];
    const parts = this.#sql.rows<[part: number, version: number, rows: string, texts: string]>(
      `SELECT part, version, rows, ${this.#hasTexts ? "texts" : "''"} FROM "${this.#name}" ORDER BY part`,
    );
    const read = new Map<string, readonly [Key, Cell<V>]>();
    let rows = 0;
    let units = 0;
    for (const [, version, json, texts] of parts) {
      units += json.length + texts.length;
      for (const [key, cell] of this.#changesIn(version, json, texts)) {
        rows += 1;
        if (cell === undefined) read.delete(nameOf(key));
        else read.set(nameOf(key), [key, cell]);
      }
    }
    const pairs = [...read.values()];
    const cells = new Map(pairs.map(([key, cell]) => [cell, key] as const));
    this.#held = { cells, rows, units, parts: parts.at(-1)?.[0] ?? 0 };
    return pairs;
  }

  /** A transaction begins: what was written in one that came to nothing is not there. */
  begin(): void {
    this.#written = undefined;
  }

  /**
   * Leaves changed rows in the list, and nothing else; `isLeft` tells of a key whether it is among them. To be called in a transaction, and
   * `settle` behind it.
   */
  write(dirty: Iterable<readonly [Position, Cell<V>]>, isLeft: (key: Position) => boolean): void {
    const { cells } = this.#held;
    const next = new Map<Cell<V>, Position>();
    const changes: Change<V>[] = [];
    for (const pair of dirty) {
      const [key, cell] = pair;
      if (!cells.has(cell)) changes.push(pair);
      next.set(cell, key);
    }
    for (const [cell, key] of cells) if (!next.has(cell) && !isLeft(key)) changes.push([key]);
    if (changes.length === 0) return;
    const added = this.#added(changes, next.size);
    if (added === undefined) this.#writeAnew(next);
    else this.#written = { cells: next, ...added };
  }

  /** Adds changes to a list that then holds so many rows; undefined, and nothing is added, where it is to be written anew. */
  #added(changes: readonly Change<V>[], live: number): Omit<Held<V>, "cells"> | undefined {
    const { rows, units, parts } = this.#held;
    const all = rows + changes.length;
    if (live === 0 || all > 2 * live + staleRowsMin) return undefined;
    const added = this.#partsOf(changes);
    const length = units + unitsOf(added);
    if (parts + added.length > partsMax || length > unitsMax) return undefined;
    this.#store(added, parts);
    return { rows: all, units: length, parts: parts + added.length };
  }

  #writeAnew(cells: ReadonlyMap<Cell<V>, Position>): void {
    const parts = this.#partsOf([...cells].map(([cell, key]) => [key, cell] as const));
    this.#store(parts, 0);
    this.#sql.run(`DELETE FROM "${this.#name}" WHERE part > ?`, parts.length);
    const rows = cells.size;
    this.#written = { cells, rows, units: unitsOf(parts), parts: parts.length };
  }

  #ensure(): void {
    if (this.#isThere) return;
    const texts = this.#hasTexts ? ", texts TEXT NOT NULL" : "";
    const columns = `part INTEGER PRIMARY KEY, version INTEGER NOT NULL, rows TEXT NOT NULL${texts}`;
    this.#sql.run(`CREATE TABLE IF NOT EXISTS "${this.#name}" (${columns}) STRICT`);
  }

  /** Changes as the list has them, in parts that fit a row. */
  #partsOf(changes: Iterable<Change<V>>): Part[] {
    const parts: Part[] = [];
    let rows: string[] = [];
    let texts: string[] = [];
    let units = 0;
    const end = () => {
      if (rows.length === 0) return;
      parts.push({ rows: `[${rows.join()}]`, texts: texts.join("") });
      rows = [];
      texts = [];
      units = 0;
    };
    for (const [key, cell] of changes) {
      const own = cell?.value === undefined ? [] : this.#table.rows.texts(cell.value);
      const row = this.#json(key as Key, cell, own);
      const size = own.reduce((sum, text) => sum + (text?.length ?? 0), row.length + 1);
      if (units + size > partUnitsMax) end();
      rows.push(row);
      for (const text of own) if (text !== null) texts.push(text);
      units += size;
    }
    end();
    return parts;
  }

  /** Empties the list, since the table has all of it. To be called in a transaction, and `settle` behind it. */
  clear(): void {
    if (!this.isEmpty) this.#writeAnew(new Map());
  }

  /** After the transaction of a `write` or `clear`. */
  settle(): void {
    if (this.#written === undefined) return;
    this.#isThere = true;
    this.#held = this.#written;
    this.#written = undefined;
  }

  /** Writes parts behind so many others. */
  #store(parts: readonly Part[], behind: number): void {
    this.#ensure();
    for (const [i, { rows, texts }] of parts.entries()) {
      const values: SqlValue[] = [behind + i + 1, this.#table.version, rows];
      if (this.#hasTexts) values.push(texts);
      const marks = values.map(() => "?").join();
      this.#sql.run(`INSERT OR REPLACE INTO "${this.#name}" VALUES (${marks})`, ...values);
    }
  }

  #json(key: Key, cell: Cell<V> | undefined, texts: readonly (string | null)[]): string {
    const parts = JSON.stringify(
      this.#table.key.map((column, i) => column.encode(key[i] as KeyPart)),
    );
    if (cell === undefined) return `[${parts}]`;
    const { value, inBase } = cell;
    const json = value === undefined ? "" : `,${this.#table.rows.json(value)}`;
    const lengths = texts.map((text) => `,${text === null ? "null" : text.length}`).join("");
    return `[${parts},${inBase ? 1 : 0}${json}${lengths}]`;
  }

  /** What a part says, one row after the other. */
  #changesIn(version: number, rows: string, texts: string): (readonly [Key, Cell<V>?])[] {
    let at = 0;
    const next = (length: number): string => {
      at += length;
      return texts.slice(at - length, at);
    };
    const changes = this.#parse(rows).map((row) => this.#change(version, row, next));
    if (at === texts.length) return changes;
    throw new RowUnreadable(`${this.#name}: a part has not the texts of its rows`, false);
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

  #change(
    version: number,
    [parts, inBase, json, ...lengths]: Listed,
    next: (length: number) => string,
  ): readonly [Key, Cell<V>?] {
    const key = this.#table.key.map((column, i) => column.decode(parts[i] ?? null));
    if (inBase === undefined) return [key];
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
  if (!Array.isArray(key) || row.length === 1) return Array.isArray(key);
  const isDeleted = row.length === 2;
  return (inBase === 0 || inBase === 1) && (isDeleted || isRow) && lengths.every(isLength);
}

const isLength = (length: unknown): boolean =>
  length === null || (Number.isSafeInteger(length) && Number(length) >= 0);
