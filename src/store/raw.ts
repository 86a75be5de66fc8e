/**
 * The storage as it is: every row of every table of a database, page by page, for a store that cannot be used.
 * Invariant: it relies on nothing but SQLite; blobs stand as hexadecimal digits.
 */
import { Buffer } from "node:buffer";
import type { Sql, SqlRow, SqlValue } from "./sql.ts";

/** Some lines, each a JSON object `{"table": …, "row": {column: value}}`, and where the next page begins. */
export interface RawPage {
  readonly lines: string;
  readonly after: string | undefined;
}

/** Rows read at once: one may have two megabytes, and twice as many in JSON. */
const pageRows = 4;
/** Length of the lines after which a page ends. */
const pageUnits = 1_000_000;

/** A value of a key in JSON: bytes by their digits, and so a text that is no UTF-8, which cannot be said otherwise. */
type KeyValue = string | number | null | { readonly hex: string } | { readonly textHex: string };

/** Where a page ended: in a table, behind the row with these values in its primary key. */
interface Place {
  readonly table: string;
  readonly key: readonly KeyValue[];
}

/** A page of the database. `after` is what the page before gave. Throws SyntaxError for any other text. */
export function rawPage(sql: Sql, after: string | undefined): RawPage {
  const place = after === undefined ? undefined : (JSON.parse(after) as Place);
  const tables = sql
    .rows<[name: string]>(
      `SELECT name FROM sqlite_master
       WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*' ORDER BY name`,
    )
    .map(([name]) => name)
    .filter((name) => place === undefined || name >= place.table);
  let lines = "";
  for (const table of tables) {
    let key = table === place?.table ? place.key : undefined;
    for (;;) {
      const page = readRows(sql, table, key);
      for (const line of page.lines) lines += line;
      if (page.next === undefined) break;
      key = page.next;
      if (lines.length >= pageUnits) return { lines, after: JSON.stringify({ table, key }) };
    }
  }
  return { lines, after: undefined };
}

function readRows(sql: Sql, table: string, after: readonly KeyValue[] | undefined) {
  const columns = sql.rows<[name: string, primary: number]>(
    `SELECT name, pk FROM pragma_table_info(?)`,
    table,
  );
  const names = columns.map(([name]) => `"${name}"`);
  const primary = columns.filter(([, place]) => place > 0).sort((a, b) => a[1] - b[1]);
  // A table that is not as it was made may have no primary key: then its rows have numbers.
  if (primary.length === 0) return readNumbered(sql, table, columns, after);
  const key = primary.map(([name]) => `"${name}"`).join();
  const where = after === undefined ? "" : `WHERE (${key}) > (${after.map(placeholder).join()})`;
  const bytes = primary.map(([name]) => `CAST("${name}" AS BLOB)`);
  const rows = sql.rows(
    `SELECT ${[...names, ...bytes].join()} FROM "${table}" ${where} ORDER BY ${key} LIMIT ?`,
    ...(after ?? []).map(fromKey),
    pageRows,
  );
  const last = rows.length < pageRows ? undefined : rows.at(-1);
  const at = primary.map(([name]) => columns.findIndex((each) => each[0] === name));
  return {
    lines: rows.map((row) => lineOf(table, columns, row)),
    next: last && at.map((i, n) => toKey(last[i] ?? null, last[names.length + n] ?? null)),
  };
}

function readNumbered(
  sql: Sql,
  table: string,
  columns: readonly (readonly [string, number])[],
  after: readonly KeyValue[] | undefined,
) {
  const names = columns.map(([name]) => `"${name}"`).join();
  const from = after === undefined ? 0 : Number(after[0]);
  const query = `SELECT rowid, ${names} FROM "${table}" WHERE rowid > ? ORDER BY rowid LIMIT ?`;
  const rows = sql.rows(query, from, pageRows);
  const last = rows.length < pageRows ? undefined : rows.at(-1);
  return {
    lines: rows.map(([, ...row]) => lineOf(table, columns, row)),
    next: last && [last[0] as number],
  };
}

function lineOf(table: string, columns: readonly (readonly [string, number])[], row: SqlRow) {
  const values = columns.map(([name], i) => [name, readable(row[i] ?? null)] as const);
  return `${JSON.stringify({ table, row: Object.fromEntries(values) })}\n`;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const readable = (value: SqlValue) => (value instanceof Uint8Array ? hexOf(value) : value);

/** A value of a key, whose bytes tell whether a text is what was stored: of one that is no UTF-8 something else is read. */
function toKey(value: SqlValue, bytes: SqlValue): KeyValue {
  if (value instanceof Uint8Array) return { hex: hexOf(value) };
  if (typeof value !== "string" || !(bytes instanceof Uint8Array)) return value;
  const textHex = hexOf(bytes);
  return hexOf(Buffer.from(value)) === textHex ? value : { textHex };
}

const isText = (value: KeyValue): boolean =>
  value !== null && typeof value === "object" && "textHex" in value;

const placeholder = (value: KeyValue): string => (isText(value) ? "CAST(? AS TEXT)" : "?");

function fromKey(value: KeyValue): SqlValue {
  if (value === null || typeof value !== "object") return value;
  return Buffer.from("hex" in value ? value.hex : value.textHex, "hex");
}
