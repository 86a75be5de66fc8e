/**
 * How a row's value is stored: JSON with a version, and its text fields in columns of their own.
 * Invariant: `decode(encode(value))` equals `value`, and no row over `rowBytesMax` is ever encoded.
 */
import { limits } from "../contract/limits.ts";
import type { SqlRow, SqlValue } from "./sql.ts";
import { IllFormed, utf8Length } from "./sql.ts";

/** Largest encoded row, in bytes: what the platform stores (2 MB) less room for the key and the record's own header. */
export const rowBytesMax: number = limits.rowBytesMax;

/** A row was put that no checkpoint could write. */
export class RowTooLarge extends Error {
  override readonly name = "RowTooLarge";
  readonly table: string;
  readonly bytes: number;

  constructor(table: string, bytes: number) {
    super(`a row of ${table} takes ${bytes} bytes, over the limit of ${rowBytesMax}`);
    this.table = table;
    this.bytes = bytes;
  }
}

/** A stored row cannot be read: it is not what this code, or any older code, wrote. */
export class RowUnreadable extends Error {
  override readonly name = "RowUnreadable";
  /** Whether newer code wrote it. */
  readonly isNewer: boolean;

  constructor(message: string, isNewer: boolean, cause?: unknown) {
    super(message, { cause });
    this.isNewer = isNewer;
  }
}

/** A text that every row of a table has. Throws RowUnreadable where it is gone, which only damage does. */
export function required(table: string, field: string, text: string | undefined): string {
  if (text === undefined) throw new RowUnreadable(`${table}: a row has no ${field}`, false);
  return text;
}

/** What a row codec needs to know of its table. */
export interface RowDeclaration<V extends object> {
  readonly name: string;
  readonly version: number;
  readonly texts: readonly string[];
  readonly upgrade: ((version: number, value: unknown) => V) | undefined;
  readonly valueBytesMax: number | undefined;
}

/** Encodes and decodes the values of one table. */
export class RowCodec<V extends object> {
  readonly #declaration: RowDeclaration<V>;
  /** No value of the table can be too large: it has no texts, and its JSON is bounded. */
  readonly #isBounded: boolean;

  constructor(declaration: RowDeclaration<V>) {
    this.#declaration = declaration;
    this.#isBounded =
      declaration.texts.length === 0 && (declaration.valueBytesMax ?? Infinity) <= rowBytesMax;
  }

  /** The value's JSON, without its texts. */
  json(value: V): string {
    const { texts } = this.#declaration;
    if (texts.length === 0) return JSON.stringify(value);
    const copy = { ...value } as Record<string, unknown>;
    for (const field of texts) copy[field] = undefined;
    return JSON.stringify(copy);
  }

  /** The text fields in declared order; null where there is none. */
  texts(value: V): (string | null)[] {
    return this.#declaration.texts.map((field) => textOf(value, field) ?? null);
  }

  /** Length of the text fields together, in UTF-16 units. */
  textLength(value: V): number {
    let length = 0;
    for (const field of this.#declaration.texts) length += textOf(value, field)?.length ?? 0;
    return length;
  }

  /** The same of the text fields of stored rows that begin with `columns`. */
  storedLength(rows: readonly SqlRow[]): number {
    const texts = this.#declaration.texts.length;
    if (texts === 0) return 0;
    let length = 0;
    for (const row of rows) {
      for (let i = 0; i < texts; i += 1) length += String(row[i + 2] ?? "").length;
    }
    return length;
  }

  /** Refuses a value that cannot be stored: RowTooLarge, or IllFormed for a text with a lone surrogate. */
  check(value: V): void {
    if (this.#isBounded) return;
    for (const field of this.#declaration.texts) {
      if (textOf(value, field)?.isWellFormed() === false) {
        throw new IllFormed(`${this.#declaration.name}.${field} has a lone surrogate`);
      }
    }
    // A character takes up to three bytes of UTF-8.
    const { valueBytesMax = jsonBytesBound(value) } = this.#declaration;
    if (valueBytesMax + 3 * this.textLength(value) <= rowBytesMax) return;
    let bytes = utf8Length(this.json(value));
    for (const text of this.texts(value)) bytes += utf8Length(text ?? "");
    if (bytes > rowBytesMax) throw new RowTooLarge(this.#declaration.name, bytes);
  }

  /** The columns that hold a value, in the order in which `decode` takes them. */
  get columns(): readonly string[] {
    return ["version", "value", ...this.#declaration.texts];
  }

  /** The value of a stored row that begins with `columns`. Throws RowUnreadable. */
  decode(row: SqlRow): V {
    const { name, version } = this.#declaration;
    const [stored, json, ...texts] = row;
    if (typeof stored !== "number") {
      throw new RowUnreadable(`${name}: row version ${stored}, this code reads ${version}`, false);
    }
    return this.revive(stored, parse(name, json), texts);
  }

  /** A value of some version from its parts; `value` may be changed. Throws RowUnreadable. */
  revive(stored: number, value: Record<string, unknown>, columns: readonly unknown[]): V {
    const { name, version, upgrade, texts } = this.#declaration;
    if (stored > version) {
      throw new RowUnreadable(`${name}: row version ${stored}, this code reads ${version}`, true);
    }
    for (let i = 0; i < texts.length; i += 1) addText(value, texts[i] as string, columns[i]);
    if (stored === version) return value as V;
    if (upgrade === undefined) {
      throw new RowUnreadable(`${name}: no way from row version ${stored} to ${version}`, false);
    }
    return upgrade(stored, value);
  }
}

function textOf(value: object, field: string): string | undefined {
  return (value as Record<string, string | undefined>)[field];
}

function parse(name: string, text: SqlValue | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(String(text));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw new RowUnreadable(`${name}: a row's value is not JSON`, false, cause);
  }
  throw new RowUnreadable(`${name}: a row's value is not an object`, false);
}

function addText(value: Record<string, unknown>, field: string, text: unknown): void {
  if (typeof text === "string") value[field] = text;
}

/** At least the bytes of a value's JSON, cheaply: a character takes up to 6 bytes escaped, a number up to 24. */
function jsonBytesBound(value: unknown): number {
  if (typeof value === "string") return value.length * 6 + 2;
  if (typeof value !== "object" || value === null) return 25;
  let bytes = 2;
  if (Array.isArray(value)) {
    for (const item of value) bytes += jsonBytesBound(item) + 1;
  } else {
    for (const name in value) {
      bytes += name.length * 6 + 4 + jsonBytesBound((value as Record<string, unknown>)[name]);
    }
  }
  return bytes;
}
