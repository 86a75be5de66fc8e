/**
 * The tables as SQLite had them when a build began: what a checkpoint is about to change, it first puts aside.
 * Invariant: `page` returns the rows of that moment, whatever was written since, behind the place that `moveTo` has reached.
 */
import { Buffer } from "node:buffer";
import { JsonBatch } from "./batches.ts";
import { exists } from "./catalog.ts";
import type { GoneTables } from "./gone.ts";
import type { Key, Position } from "./key-columns.ts";
import { comparator } from "./key-columns.ts";
import type { Place } from "./snapshot-chunks.ts";
import { type AnyTable, columnsOf, keyOf } from "./snapshot-rows.ts";
import type { Sql, SqlRow, SqlValue } from "./sql.ts";

/** Some rows of a table as it was, and how far they reach. */
export interface FrozenPage {
  readonly rows: readonly SqlRow[];
  /** The key up to which the table was read; undefined at its end. */
  readonly next: Key | undefined;
}

/** A table's name where its rows are put aside. */
const asideName = ({ name }: AnyTable): string => `before_${name}`;

/** The tables of one store at one moment, in the order of `tables`. */
export class FrozenView {
  readonly #sql: Sql;
  readonly #tables: readonly AnyTable[];
  readonly #gone: GoneTables;
  /** Behind it rows are kept; those up to it nobody needs any more. */
  #place: Place | undefined;

  constructor(sql: Sql, tables: readonly AnyTable[], gone: GoneTables) {
    this.#sql = sql;
    this.#tables = tables;
    this.#gone = gone;
  }

  /** Freezes what SQLite has now. To be called in a transaction. */
  create(): void {
    this.drop();
    for (const table of this.#tables) this.#createAside(table);
  }

  /** Forgets the view. To be called in a transaction. */
  drop(): void {
    for (const table of this.#tables) this.#gone.setAside(asideName(table));
  }

  /** Rows up to a place need no longer be kept: they were read, and what was made of them is stored. */
  moveTo(place: Place | undefined): void {
    this.#place = place;
  }

  #createAside(table: AnyTable): void {
    const columns = table.key.map((each) => `"${each.name}" ${each.sqlType} NOT NULL`);
    columns.push("version INTEGER NOT NULL", "value TEXT NOT NULL");
    columns.push(...table.texts.map((text) => `"${text}" TEXT`), "was_there INTEGER NOT NULL");
    const primary = table.key.map((each) => `"${each.name}"`).join();
    this.#sql.run(
      `CREATE TABLE "${asideName(table)}" (${columns.join()}, PRIMARY KEY (${primary}))
       STRICT, WITHOUT ROWID`,
    );
  }

  /** Puts aside the rows of keys that are about to be written or deleted; the table must exist. In a transaction. */
  protect(name: string, keys: Iterable<Position>): void {
    const at = this.#tables.findIndex((each) => each.name === name);
    const table = this.#tables[at];
    if (table === undefined) return;
    const reached = this.#tables.findIndex((each) => each.name === this.#place?.table);
    if (at < reached) return;
    const after = at === reached ? this.#place?.after : undefined;
    // Older code froze the others, and did not know this table: it gets its first rows now.
    if (!exists(this.#sql, asideName(table))) this.#createAside(table);
    const compare = comparator(table.key);
    const batch = new JsonBatch(this.#sql, protection(table));
    for (const key of keys) {
      if (after === undefined || compare(key, after) > 0) batch.add(jsonKey(table, key as Key));
    }
    batch.flush();
  }

  /**
   * Rows of a table behind a key, as they were: at most `rowsMax`, and of `bytesMax` with the last one. Rows that did not exist
   * then are passed over.
   */
  page(table: AnyTable, after: Key | undefined, rowsMax: number, bytesMax: number): FrozenPage {
    const baseMax = this.#fitting(table, table.name, after, rowsMax, bytesMax);
    const asideMax = this.#fitting(table, asideName(table), after, rowsMax, bytesMax);
    const base = this.#read(table, table.name, after, baseMax);
    const aside = this.#read(table, asideName(table), after, asideMax);
    const compare = comparator(table.key);
    const rows: SqlRow[] = [];
    let next: Key | undefined;
    let i = 0;
    let j = 0;
    for (;;) {
      const [row, kept] = [base[i], aside[j]];
      // Behind the last row of a full page there may be more.
      if ((row ?? kept) === undefined) break;
      if (row === undefined && base.length === baseMax) return { rows, next };
      if (kept === undefined && aside.length === asideMax) return { rows, next };
      const order = orderOf(table, compare, row, kept);
      next = keyOf(table, (order < 0 ? row : kept) ?? []);
      if (order < 0) rows.push(row ?? []);
      else if (kept?.at(-1) === 1) rows.push(kept);
      if (order <= 0) i += 1;
      if (order >= 0) j += 1;
    }
    const isEnd = base.length < baseMax && aside.length < asideMax;
    return { rows, next: isEnd ? undefined : next };
  }

  /** How many rows behind a key to read: only texts can be so large that it matters. */
  #fitting(
    table: AnyTable,
    name: string,
    after: Key | undefined,
    rowsMax: number,
    bytesMax: number,
  ): number {
    if (table.texts.length === 0 || !exists(this.#sql, name)) return rowsMax;
    const lengths = table.texts.map((each) => `coalesce(octet_length("${each}"), 0)`);
    const size = ["octet_length(value)", ...lengths].join(" + ");
    const sizes = this.#select<[bytes: number]>(table, name, size, after, rowsMax);
    let bytes = 0;
    for (const [i, [own]] of sizes.entries()) {
      bytes += own;
      if (bytes > bytesMax) return i + 1;
    }
    return rowsMax;
  }

  #read(table: AnyTable, name: string, after: Key | undefined, limit: number): SqlRow[] {
    if (!exists(this.#sql, name)) return [];
    const extra = name === table.name ? [] : ["was_there"];
    const columns = [...columnsOf(table), ...extra].map((each) => `"${each}"`).join();
    return this.#select(table, name, columns, after, limit);
  }

  #select<R extends SqlRow>(
    table: AnyTable,
    name: string,
    what: string,
    after: Key | undefined,
    limit: number,
  ): R[] {
    const names = table.key.map((each) => `"${each.name}"`).join();
    const where = after === undefined ? "" : `WHERE (${names}) > (${table.key.map(() => "?")})`;
    const bound = after?.map((part, i) => table.key[i]?.encode(part) ?? null) ?? [];
    const query = `SELECT ${what} FROM "${name}" ${where} ORDER BY ${names} LIMIT ?`;
    return this.#sql.rows<R>(query, ...bound, limit);
  }
}

/** Negative where the table's row comes first, positive where the one put aside does, 0 where both are of one key. */
function orderOf(
  table: AnyTable,
  compare: (a: Position, b: Position) => number,
  row: SqlRow | undefined,
  kept: SqlRow | undefined,
): number {
  if (row === undefined) return 1;
  if (kept === undefined) return -1;
  return compare(keyOf(table, row), keyOf(table, kept));
}

/** Copies the rows of the keys in a JSON array; for a key without a row, it notes that there is none. */
function protection(table: AnyTable): string {
  const part = (i: number, type: string) =>
    type === "BLOB" ? `unhex(j.value ->> ${i})` : `j.value ->> ${i}`;
  const parts = table.key.map((each, i) => part(i, each.sqlType));
  const texts = table.texts.map((each) => `b."${each}"`);
  const same = table.key.map((each, i) => `b."${each.name}" = ${parts[i]}`).join(" AND ");
  const columns = [...columnsOf(table), "was_there"].map((each) => `"${each}"`).join();
  const values = ["coalesce(b.version, 0)", "coalesce(b.value, '')", ...texts];
  return `INSERT OR IGNORE INTO "${asideName(table)}" (${columns})
    SELECT ${[...parts, ...values, "b.version IS NOT NULL"].join()}
    FROM json_each(?) AS j LEFT JOIN "${table.name}" AS b ON ${same}`;
}

/** A key as a JSON array can hold it. */
function jsonKey({ key: columns }: AnyTable, key: Key): SqlValue[] {
  return columns.map((column, i) => {
    const part = key[i];
    if (part === undefined) throw new TypeError("a key has too few parts");
    const stored = column.encode(part);
    return stored instanceof Uint8Array ? Buffer.from(stored).toString("hex") : stored;
  });
}
