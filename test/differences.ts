/**
 * How checks of a queue's state compare and fail: two values are the same if they are stored as the same text.
 */
import { isDeepStrictEqual } from "node:util";

export function fail(invariant: string, what: string, ...facts: unknown[]): never {
  const shown = facts.map((fact) => JSON.stringify(fact)).join(" ≠ ");
  throw new Error(`${invariant}: ${what}${shown && ` (${shown})`}`);
}

/** Rows in memory may carry fields that are undefined; stored ones do not. */
const stored = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
export const isSame = (a: unknown, b: unknown): boolean => isDeepStrictEqual(stored(a), stored(b));

export function same(invariant: string, what: string, actual: unknown, expected: unknown): void {
  if (!isSame(actual, expected)) fail(invariant, what, actual, expected);
}
