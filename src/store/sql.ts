/**
 * The SQL port: the few synchronous verbs the store needs from SQLite, and the check every adapter makes on what is bound.
 * Invariant: no adapter stores a value that another adapter would refuse, round, or silently change.
 */
import { Buffer } from "node:buffer";

/** What a column can hold. Numbers are safe integers: anything else travels as text. */
export type SqlValue = string | number | null | Uint8Array;

/** One row: its values in the order in which the query names their columns. */
export type SqlRow = readonly SqlValue[];

/** Rows the platform bills, counted since the adapter was made. */
export interface SqlCounts {
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** A synchronous SQLite database. Query strings should be constants: they are the key of the statement cache. */
export interface Sql {
  /** Runs a query and returns all its rows, of the shape that the caller names; a cursor is never left open. */
  rows<R extends SqlRow>(query: string, ...bindings: readonly SqlValue[]): R[];
  /** Runs a statement for its effect. */
  run(query: string, ...bindings: readonly SqlValue[]): void;
  /** Runs `work` so that its writes happen together or, if it throws, not at all. May be nested. */
  transaction<T>(work: () => T): T;
  /** Resolves once every earlier write is durable; rejects when that is not known. */
  sync(): Promise<void>;
  /** Size of the database in bytes, without its free pages. */
  readonly bytes: number;
  readonly counts: SqlCounts;
}

/** Largest string or blob that may be bound, in UTF-8 bytes: the limit of the platform in production, not the local one. */
export const sqlValueBytesMax = 2_000_000;

/** A string or blob over `sqlValueBytesMax` was about to be bound. */
export class SqlValueTooLarge extends Error {
  override readonly name = "SqlValueTooLarge";
  readonly bytes: number;

  constructor(bytes: number) {
    super(`a value of ${bytes} bytes is over the ${sqlValueBytesMax} that SQLite stores here`);
    this.bytes = bytes;
  }
}

/** A string with a lone surrogate, or a number that is not a safe integer: SQLite would store something else. */
export class IllFormed extends Error {
  override readonly name = "IllFormed";
}

/** Length of a string in UTF-8 bytes. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** Whether a string has more than `bytesMax` UTF-8 bytes; short strings are not measured. */
export function isLongerThan(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && utf8Length(text) > bytesMax;
}

/** Refuses bindings that some adapter would not store exactly. Throws SqlValueTooLarge or IllFormed. */
export function checkBindings(bindings: readonly SqlValue[]): void {
  for (const value of bindings) {
    if (typeof value === "string") checkText(value);
    else if (typeof value === "number") checkNumber(value);
    else if (value instanceof Uint8Array) checkBlob(value);
    else if (value !== null) throw new IllFormed(`a ${typeof value} cannot be bound`);
  }
}

function checkText(value: string): void {
  if (isLongerThan(value, sqlValueBytesMax)) throw new SqlValueTooLarge(utf8Length(value));
  if (!value.isWellFormed()) throw new IllFormed("a string with a lone surrogate cannot be bound");
}

function checkNumber(value: number): void {
  if (!Number.isSafeInteger(value)) throw new IllFormed(`${value} is not a safe integer`);
}

function checkBlob(value: Uint8Array): void {
  if (value.byteLength > sqlValueBytesMax) throw new SqlValueTooLarge(value.byteLength);
}

/** Refuses the promise of an async closure: its writes would fall outside the transaction. */
export function checkSynchronous<T>(result: T): T {
  if (result instanceof Promise)
    throw new TypeError("the work of a transaction must be synchronous");
  return result;
}
