/**
 * Arguments of Redis commands: numbers, ranges and options, each with the error that Redis has for it.
 * Invariant: what it takes and refuses is what Redis 7.0.15 does.
 */
import {
  bigintOf,
  INT64_MAX,
  INT64_MIN,
  NOT_INTEGER,
  notBetween,
} from "../contract/redis-integers.ts";
import { type Call, RedisError, syntaxError } from "./redis-call.ts";
import { hexDouble, isExtended } from "./redis-numbers.ts";

const NOT_FLOAT = "ERR value is not a valid float";
const NOT_POSITIVE = "ERR value is out of range, must be positive";

/** A 64-bit integer, exactly. */
export function bigint(text: string, error = NOT_INTEGER): bigint {
  const value = bigintOf(text);
  if (value === undefined) throw new RedisError(error);
  return value;
}

/** A 64-bit integer; beyond 2^53 about it, which is past the end of anything that is counted here. */
export const integer = (text: string, error = NOT_INTEGER): number => Number(bigint(text, error));

/** A 64-bit integer between two others. */
export function between(min: bigint, max: bigint, text: string): bigint {
  const value = bigint(text);
  if (value < min || value > max) throw new RedisError(notBetween(min, max));
  return value;
}

/** An integer ≥ `min`. */
export function atLeast(min: number, text: string, error = NOT_POSITIVE): number {
  const value = integer(text, error);
  if (value < min) throw new RedisError(error);
  return value;
}

const decimalText = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i;
const infiniteText = /^([+-]?)inf(inity)?$/i;

/** The double that a text is; undefined where it is none, or one too large or too small. */
export function doubleOf(text: string): number | undefined {
  const infinite = infiniteText.exec(text);
  if (infinite) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = finiteOf(text);
  if (value === undefined) return undefined;
  const isLost = value === 0 && /[1-9a-f]/i.test(text.replace(/^[+-]?0x|[ep][+-]?[0-9]+$/gi, ""));
  return Number.isFinite(value) && !isLost ? value : undefined;
}

/** The double next to a decimal or hexadecimal number, which is infinite or zero where that lies outside of the range. */
const finiteOf = (text: string): number | undefined =>
  decimalText.test(text) ? Number(text) : hexDouble(text);

/** A bound of scores, which Redis reads as C does: up to a zero byte, behind spaces, and nothing is zero. */
export function boundOf(text: string): number | undefined {
  const read = (text.split("\0", 1)[0] ?? "").replace(/^\s+(?=.)/, "");
  return read === "" ? 0 : (doubleOf(read) ?? finiteOf(read));
}

/** A double. */
export function double(text: string, error = NOT_FLOAT): number {
  const value = doubleOf(text);
  if (value === undefined) throw new RedisError(error);
  return value;
}

/** How long a command waits, in ms, of a timeout in seconds; 0: for ever. */
export function timeoutOf(text: string): number {
  const seconds = doubleOf(text) ?? (isExtended(text) ? finiteOf(text) : undefined);
  if (seconds === undefined) {
    throw new RedisError("ERR timeout is not a float or out of range");
  }
  const ms = Math.ceil(seconds * 1000);
  // What 64 bits do not hold is negative to Redis as well.
  if (ms < 0 || ms >= Number(INT64_MAX)) throw new RedisError("ERR timeout is negative");
  return Math.min(ms, Number.MAX_SAFE_INTEGER);
}

/** The first and the number of elements from one index to another, of `size`; negative ones count from the end. */
export function span(start: number, stop: number, size: number): { first: number; count: number } {
  const first = Math.max(0, start < 0 ? start + size : start);
  const last = Math.min(size - 1, stop < 0 ? stop + size : stop);
  return { first, count: Math.max(0, last - first + 1) };
}

/** How a time is said: for how long, or until when; in seconds or milliseconds. */
export type TimeUnit = "ex" | "px" | "exat" | "pxat";

const timeUnits: ReadonlySet<string> = new Set<TimeUnit>(["ex", "px", "exat", "pxat"]);
export const isTimeUnit = (word: string): word is TimeUnit => timeUnits.has(word);

/** Until when something is, epoch ms. Times that no clock will show are taken for the last that one could. */
export function timeOf(call: Call, text: string, unit: TimeUnit): number {
  const isInSeconds = unit.startsWith("ex");
  const isFromNow = !unit.endsWith("at");
  const value = bigint(text);
  const ms = isInSeconds ? value * 1000n : value;
  const until = isFromNow ? ms + BigInt(call.tx.at) : ms;
  if (ms > INT64_MAX || ms < INT64_MIN || until > INT64_MAX) throw invalidTime(call);
  return Number(until > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : until);
}

export const invalidTime = ({ command }: Call): RedisError =>
  new RedisError(`ERR invalid expire time in '${command}' command`);

/** A time as it is said where a value is set: it is positive. */
export function futureTimeOf(call: Call, text: string, unit: TimeUnit): number {
  if (bigint(text) <= 0n) throw invalidTime(call);
  return timeOf(call, text, unit);
}

/** The names behind a number of them, and where the arguments behind the names begin. */
export function countedNames(
  call: Call,
  at: number,
  errors: { readonly few: string; readonly many?: string },
): { names: readonly string[]; next: number } {
  const count = atLeast(1, call.arg(at), errors.few);
  const names = call.args.slice(at + 1, at + 1 + count);
  if (names.length < count) throw errors.many ? new RedisError(errors.many) : syntaxError();
  return { names, next: at + 1 + count };
}

const UINT64_MAX = 2n ** 64n - 1n;

/** The hash at which a scan goes on, of a cursor, which Redis reads as C does: up to a zero byte, and nothing is zero. */
export function cursorOf(text: string): number {
  const digits = /^(?:[+-]?([0-9]+))?$/.exec(text.split("\0", 1)[0] ?? "");
  if (digits === null || BigInt(digits[1] ?? 0) > UINT64_MAX) {
    throw new RedisError("ERR invalid cursor");
  }
  return Math.min(Math.max(0, Number.parseInt(text, 10) || 0), Number.MAX_SAFE_INTEGER);
}

/** The options of a scan. */
export interface ScanOptions {
  readonly match?: string;
  readonly count: number;
  readonly type?: string;
  /** Behind each name its type is told, as Upstash has it. */
  readonly isTyped?: boolean;
}

/** Reads the options behind a cursor. */
export function scanOptions(call: Call, at: number, takesType: boolean): ScanOptions {
  const options: { -readonly [O in keyof ScanOptions]: ScanOptions[O] } = { count: 10 };
  for (let i = at; i < call.args.length; i += 2) {
    const word = call.word(i);
    if (word === "withtype" && takesType) {
      options.isTyped = true;
      i -= 1;
      continue;
    }
    const value = call.args[i + 1];
    if (value === undefined) throw syntaxError();
    if (word === "match") options.match = value;
    else if (word === "type" && takesType) options.type = value.toLowerCase();
    else if (word === "count") {
      options.count = integer(value);
      if (options.count < 1) throw syntaxError();
    } else throw syntaxError();
  }
  return options;
}

/** COUNT and a number at the end of a call; one where they are not there. */
export function countBehind(call: Call, at: number): number {
  if (call.args.length === at) return 1;
  if (call.word(at) !== "count" || call.args.length < at + 2) throw syntaxError();
  const count = atLeast(1, call.arg(at + 1), "ERR count should be greater than 0");
  if (call.args.length > at + 2) throw syntaxError();
  return count;
}
