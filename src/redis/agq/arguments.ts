/**
 * How arguments are read: numbers and pages in AGQ's words, and JSON.
 * Invariant: what is wrong is told before anything is done.
 */

import { isRejected } from "../../contract/checked.ts";
import { JOB_ID } from "../../contract/ids.ts";
import type { JsonText } from "../../contract/json.ts";
import { parseJson } from "../../contract/parse-json.ts";
import { INT64_MAX, INT64_MIN } from "../../contract/redis-integers.ts";
import { AgqError, textArgument } from "./command.ts";

const INTEGER = /^[+-]?\d{1,19}$/;

/** Whether a text is an integer of 64 bits. */
export function isInteger(text: string): boolean {
  if (!INTEGER.test(text)) return false;
  const value = BigInt(text.replace("+", ""));
  return value >= INT64_MIN && value <= INT64_MAX;
}

/** Throws unless an argument is an integer. */
export function checkInteger(text: string, what: string): void {
  if (!isInteger(text)) throw new AgqError(`${what} must be an integer`);
}

/** An integer that was checked, as Redis takes it. @example plainInteger("+01") // "1" */
export const plainInteger = (text: string): string => String(BigInt(text.replace("+", "")));

/** A finite number that was checked, as Redis takes it, which takes none that is too small to be told from zero. @example plainNumber("1e-400") // "0" */
export function plainNumber(text: string): string {
  if (Number(text) !== 0) return text;
  return text.startsWith("-") ? "-0" : "0";
}

/** A finite number. Throws in these words where an argument is none. */
export function numberIn(text: string, what: string, infinite: string): number {
  const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);
  if (!isNumber && !/^[+-]?(inf|infinity|nan)$/i.test(text)) {
    throw new AgqError(`${what} must be a valid number`);
  }
  const value = isNumber ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new AgqError(infinite);
  return value;
}

/** Elements that a list is looked through for a page of it: what lies behind them is read over HTTP, which has cursors. */
export const REACH_MAX = 10_000;

/** A page of a list. */
export interface Page {
  readonly offset: number;
  readonly limit: number;
}

/** How a command words what is wrong with its page. */
interface PageWords {
  readonly offset: string;
  readonly limit: string;
  readonly both: string;
}

export const pageWords: PageWords = {
  offset: "offset must be a non-negative integer",
  limit: "limit must be a positive integer",
  both: "offset must be >= 0 and limit must be > 0",
};

/** The page that two arguments ask for; the last of them may be left out, or both. */
export function pageIn(
  [offset = "0", limit]: readonly (string | undefined)[],
  usual: { readonly limit: number; readonly most: number },
  words = pageWords,
): Page {
  if (!isInteger(offset)) throw new AgqError(words.offset);
  if (limit !== undefined && !isInteger(limit)) throw new AgqError(words.limit);
  const page = { offset: Number(offset), limit: Number(limit ?? usual.limit) };
  if (page.offset < 0 || page.limit <= 0) throw new AgqError(words.both);
  return { offset: page.offset, limit: Math.min(page.limit, usual.most) };
}

/** What a JSON text says: the object, and the text itself. Throws where it is no JSON, and in these words where that is no object. */
export function objectIn(
  binary: string,
  noObject: (value: unknown) => string = () => "Invalid JSON: an object is wanted",
): { readonly text: JsonText; readonly value: JsonObject } {
  const text = textArgument(binary);
  const parsed = parseJson(text);
  if (isRejected(parsed)) throw new AgqError(`Invalid JSON: ${parsed.refusal.detail}`);
  const { value } = parsed;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new AgqError(noObject(value));
  }
  return { text, value: value as JsonObject };
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** A text field that has to be there. */
export function required(value: JsonObject, field: string): string {
  const said = value[field];
  if (typeof said === "string") return said;
  throw new AgqError(`Missing required field: ${field}`);
}

/** Throws unless something may be called so. */
export function checkIdentifier(id: string, what: string): void {
  if (id.length < 1 || id.length > 64) {
    throw new AgqError(`${what} must be between 1 and 64 characters`);
  }
  if (!JOB_ID.test(id)) {
    throw new AgqError(
      `${what} contains invalid characters (only alphanumeric, hyphens, and underscores allowed)`,
    );
  }
}
