/**
 * Key columns: what a part of a key may be, how SQLite stores it, and the one order that memory and SQLite share.
 * Invariant: for valid keys a, b of one table, `compare(a, b)` has the sign of SQLite's comparison of their stored columns.
 */
import { Buffer } from "node:buffer";
import type { SqlValue } from "./sql.ts";
import { IllFormed } from "./sql.ts";

/** A part of a key as programs see it. */
export type KeyPart = number | string;

/** A whole key: one part per column, in column order. */
export type Key = readonly KeyPart[];

/** A key's leading parts: none, some, or all. */
export type Leading<K extends readonly unknown[]> = number extends K["length"]
  ? K
  : K extends readonly [...infer Rest, unknown]
    ? K | Leading<Rest>
    : readonly [];

/** One column of a key. Made by `integer`, `ascii`, `text`, `signed`, `bytes` and `double`. */
export interface KeyColumn<T extends KeyPart = KeyPart> {
  readonly name: string;
  readonly sqlType: "INTEGER" | "TEXT" | "BLOB";
  /** Whether `<` on the parts is already the order of the stored values. */
  readonly isNative: boolean;
  /** Throws IllFormed for a part that this column does not take. */
  check(part: T): void;
  /** The value to bind. Throws as `check` does. */
  encode(part: T): SqlValue;
  decode(stored: SqlValue): T;
}

const columnName = /^[a-z][a-z0-9_]*$/;

/** A column as its kind says it is. `store` is given only parts that were checked. */
interface Codec<T extends KeyPart> extends Omit<KeyColumn<T>, "name" | "encode"> {
  store(part: T): SqlValue;
}

function column<T extends KeyPart>(name: string, { store, ...codec }: Codec<T>): KeyColumn<T> {
  if (!columnName.test(name)) throw new TypeError(`"${name}" is not a column name`);
  const encode = (part: T): SqlValue => {
    codec.check(part);
    return store(part);
  };
  return { ...codec, name, encode };
}

/** A safe integer ≥ 0. */
export function integer(name: string): KeyColumn<number> {
  return signed(name, 0);
}

/** A safe integer ≥ −offset, stored as value + offset. The offset is part of the stored format. */
export function signed(name: string, offset: number): KeyColumn<number> {
  return column<number>(name, {
    sqlType: "INTEGER",
    isNative: true,
    check(part) {
      const stored = part + offset;
      const isExact = Number.isSafeInteger(part) && Number.isSafeInteger(stored);
      if (!isExact || stored < 0 || Object.is(part, -0)) {
        throw new IllFormed(`key column ${name}: ${part} is not an integer ≥ ${-offset}`);
      }
    },
    store: (part) => part + offset,
    decode: (stored) => expectNumber(name, stored) - offset,
  });
}

const printable = /^[\x20-\x7e]*$/;

/** Printable ASCII, U+0020–U+007E. The fastest text column. */
export function ascii(name: string): KeyColumn<string> {
  return column<string>(name, {
    sqlType: "TEXT",
    isNative: true,
    check(part) {
      if (typeof part !== "string" || !printable.test(part))
        throw new IllFormed(`key column ${name}: not printable ASCII`);
    },
    store: (part) => part,
    decode: (stored) => expectString(name, stored),
  });
}

/**
 * Well-formed Unicode without U+0000, ordered by code point. U+0000 is refused because SQLite's text functions and tools
 * end a string there; use `bytes` for keys that may hold it.
 */
export function text(name: string): KeyColumn<string> {
  return column<string>(name, {
    sqlType: "TEXT",
    isNative: false,
    check(part) {
      if (typeof part !== "string" || !part.isWellFormed() || part.includes("\0")) {
        throw new IllFormed(`key column ${name}: not well-formed Unicode without U+0000`);
      }
    },
    store: (part) => part,
    decode: (stored) => expectString(name, stored),
  });
}

const latin1 = /^[\0-\xff]*$/;

/**
 * Any bytes. In programs a *binary string*, one character U+0000–U+00FF per byte, because events and values are JSON and `<`
 * orders it as memcmp orders bytes; in SQLite a BLOB, which is compact and safe for zero bytes.
 */
export function bytes(name: string): KeyColumn<string> {
  return column<string>(name, {
    sqlType: "BLOB",
    isNative: true,
    check(part) {
      if (typeof part !== "string" || !latin1.test(part)) {
        throw new IllFormed(`key column ${name}: not a binary string`);
      }
    },
    store: (part) => Buffer.from(part, "latin1"),
    decode(stored) {
      if (!(stored instanceof Uint8Array)) throw new IllFormed(`key column ${name}: not a BLOB`);
      return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString("latin1");
    },
  });
}

/** Any double but NaN and −0 (which would be a second spelling of 0), as 16 hex digits that sort as the numbers do. */
export function double(name: string): KeyColumn<number> {
  return column<number>(name, {
    sqlType: "TEXT",
    isNative: true,
    check(part) {
      if (typeof part !== "number" || Number.isNaN(part) || Object.is(part, -0)) {
        throw new IllFormed(`key column ${name}: ${part} has no place in the order`);
      }
    },
    store: sortableHex,
    decode: (stored) => fromSortableHex(expectString(name, stored)),
  });
}

/** A number as hex digits that sort as numbers do: negative numbers have all bits flipped, the others their sign bit, so that unsigned order is numeric order. */
export function sortableHex(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const isNegative = bits >> 63n === 1n;
  const flipped = isNegative ? bits ^ 0xffff_ffff_ffff_ffffn : bits ^ 0x8000_0000_0000_0000n;
  return flipped.toString(16).padStart(16, "0");
}

/** The number of such digits. */
export function fromSortableHex(hex: string): number {
  const flipped = BigInt(`0x${hex}`);
  const isPositive = flipped >> 63n === 1n;
  const bits = isPositive ? flipped ^ 0x8000_0000_0000_0000n : flipped ^ 0xffff_ffff_ffff_ffffn;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function expectNumber(name: string, stored: SqlValue): number {
  if (typeof stored !== "number") throw new IllFormed(`key column ${name}: not a number`);
  return stored;
}

function expectString(name: string, stored: SqlValue): string {
  if (typeof stored !== "string") throw new IllFormed(`key column ${name}: not text`);
  return stored;
}

/** Whether two keys are one. */
export function isSameKey(a: Key, b: Key): boolean {
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}

/** The first parts of a key as one text, which no other parts of the same columns have. */
export function nameOf(key: Key, length = key.length): string {
  if (length === 0) return "";
  if (length === 1) return String(key[0]);
  // A number is written as it is, since JSON has no infinities, and so is the last part, behind which nothing stands.
  let name = "";
  for (let i = 0; i < length - 1; i += 1) {
    const part = key[i];
    name += `${typeof part === "number" ? part : JSON.stringify(part)},`;
  }
  return name + String(key[length - 1]);
}

/** Stands after every value of a column in a position. */
const high: unique symbol = Symbol("high");

/**
 * A place between keys: leading parts stand before every key that begins with them, leading parts followed by `high` after
 * every such key. Every key is also a position.
 */
export type Position = readonly (KeyPart | typeof high)[];

/** The position after every key that begins with `leading`. */
export function after(leading: Position): Position {
  return [...leading, high];
}

/** Whether a position is one made by `after`. */
export function isAfter(position: Position): boolean {
  return position.at(-1) === high;
}

/** The key parts of a position. */
export function partsOf(position: Position): Key {
  return position.filter((part) => part !== high);
}

/** The order of positions, and so of keys, for these columns. */
export function comparator(columns: readonly KeyColumn[]): (a: Position, b: Position) => number {
  const native = columns.map((each) => each.isNative);
  return (a, b) => {
    const shared = Math.min(a.length, b.length);
    for (let i = 0; i < shared; i += 1) {
      const x = a[i];
      const y = b[i];
      if (x === y) continue;
      if (typeof x === "number" && typeof y === "number") return x < y ? -1 : 1;
      if (x === high) return 1;
      if (y === high) return -1;
      if (native[i]) return (x as KeyPart) < (y as KeyPart) ? -1 : 1;
      return compareCodePoints(x as string, y as string);
    }
    return a.length - b.length;
  };
}

/** Compares two different well-formed strings by code point, as UTF-8 bytes do and UTF-16 units do not. */
export function compareCodePoints(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates, which stand for code points over U+FFFF, behind the units U+E000–U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
