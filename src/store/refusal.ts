/**
 * Why a store is not opened, or not written. Nothing is ever repaired: a store that contradicts itself is refused.
 */
import { LogCorrupt } from "./chain.ts";
import { EntryUnreadable } from "./entry.ts";
import { RowUnreadable } from "./row.ts";
import { IllFormed } from "./sql.ts";

/** The store contradicts itself (`store_corrupt`), or newer code wrote it (`store_newer`). */
export class StoreRefusal extends Error {
  override readonly name = "StoreRefusal";
  readonly code: "store_corrupt" | "store_newer";
  readonly reason: string;
  /** The first entry of the log that does not stand, where it is one. */
  readonly index: number | undefined;

  constructor(
    code: StoreRefusal["code"],
    reason: string,
    { cause, index }: ErrorOptions & { readonly index?: number | undefined } = {},
  ) {
    super(`${code}: ${reason}`, { cause });
    this.code = code;
    this.reason = reason;
    this.index = index;
  }
}

/** SQLite's own words for a damaged file, and for tables that are not as they were made. */
const damaged = /malformed|SQLITE_CORRUPT|not a database|no such (?:table|column)/;

/** Runs what reads a store, and turns every sign of a bad one into a StoreRefusal; other faults pass as they are. */
export function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (fault) {
    throw refusalFor(fault) ?? fault;
  }
}

/** The refusal that a sign of a bad store means; undefined for any other fault. */
export function refusalFor(fault: unknown): StoreRefusal | undefined {
  if (fault instanceof StoreRefusal) return fault;
  return fault instanceof IllFormed
    ? new StoreRefusal("store_corrupt", fault.message, { cause: fault })
    : damageOf(fault);
}

/** What a fault says of what is stored: that it is damaged or newer. Undefined for any other fault. */
export function damageOf(fault: unknown): StoreRefusal | undefined {
  if (fault instanceof RowUnreadable) {
    const code = fault.isNewer ? "store_newer" : "store_corrupt";
    return new StoreRefusal(code, fault.message, { cause: fault });
  }
  if (fault instanceof EntryUnreadable) {
    return new StoreRefusal("store_corrupt", fault.message, { cause: fault });
  }
  if (fault instanceof LogCorrupt) {
    return new StoreRefusal("store_corrupt", fault.message, { cause: fault, index: fault.index });
  }
  return fault instanceof Error && damaged.test(fault.message)
    ? new StoreRefusal("store_corrupt", fault.message, { cause: fault })
    : undefined;
}
