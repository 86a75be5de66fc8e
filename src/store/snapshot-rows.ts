/**
 * How a row travels in a snapshot: one line of JSON, `[table, row version, key, value, texts…]`.
 * Invariant: equal rows give equal lines, in whatever order the fields of their values were set.
 */
import { LogCorrupt } from "./chain.ts";
import type { TableDeclaration } from "./declare.ts";
import type { Key, KeyPart } from "./key-columns.ts";
import type { SqlRow, SqlValue } from "./sql.ts";

/** A table of any rows. */
export type AnyTable = TableDeclaration<Key, object>;

/** What a line says. */
export interface SnapshotRow {
  readonly table: string;
  readonly version: number;
  readonly key: Key;
  readonly value: Record<string, unknown>;
  readonly texts: readonly (string | null)[];
}

/** The columns of a table in the order in which `lineOf` takes them. */
export function columnsOf({ key, texts }: AnyTable): string[] {
  return [...key.map((each) => each.name), "version", "value", ...texts];
}

/** The key of a row that was read by `columnsOf`. */
export function keyOf({ key }: AnyTable, row: SqlRow): Key {
  return key.map((column, i) => column.decode(row[i] ?? null));
}

/** The line of a row that was read by `columnsOf`. Throws LogCorrupt for a value that is no JSON. */
export function lineOf(table: AnyTable, row: SqlRow): string {
  const width = table.key.length;
  const fields = parse(table.name, row[width + 1]);
  for (const field of table.identity) delete (fields as Record<string, unknown>)[field];
  const value = canonical(fields);
  let line = `["${table.name}",${row[width]},${JSON.stringify(keyOf(table, row))},${value}`;
  for (let i = width + 2; i < width + 2 + table.texts.length; i += 1) {
    line += `,${JSON.stringify(row[i] ?? null)}`;
  }
  return `${line}]`;
}

/** What a line says. Throws LogCorrupt for a line that `lineOf` did not write. */
export function parseLine(line: string): SnapshotRow {
  const parts: unknown = parse("a snapshot", line);
  if (!Array.isArray(parts)) throw new LogCorrupt("a line of the snapshot is not a row");
  const [table, version, key, value, ...texts] = parts as unknown[];
  const isRow =
    typeof table === "string" &&
    Number.isSafeInteger(version) &&
    Array.isArray(key) &&
    key.every((part) => typeof part === "string" || typeof part === "number") &&
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    texts.every((text) => text === null || typeof text === "string");
  if (!isRow) throw new LogCorrupt("a line of the snapshot is not a row");
  return {
    table,
    version: version as number,
    key: key as KeyPart[],
    value: value as Record<string, unknown>,
    texts: texts as (string | null)[],
  };
}

function parse(where: string, json: SqlValue | undefined): unknown {
  try {
    return JSON.parse(String(json));
  } catch (cause) {
    throw new LogCorrupt(`${where}: a row's value is not JSON`, { cause });
  }
}

/** JSON with the fields of every object in the order of their names. */
export function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join()}}`;
}
