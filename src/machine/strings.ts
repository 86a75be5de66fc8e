/**
 * What the commands of strings mean.
 * Invariant: as `redis-call.ts` has it.
 */
import { limits } from "../contract/limits.ts";
import type { RedisReply } from "../contract/redis.ts";
import { wrongArity } from "../contract/redis-commands.ts";
import { bigintOf, INT64_MAX, INT64_MIN } from "../contract/redis-integers.ts";
import { bytesOf, contentOf } from "../store/long-strings.ts";
import { packBytes, unpackBytes } from "../store/packed.ts";
import {
  bigint,
  futureTimeOf,
  integer,
  isTimeUnit,
  span,
  type TimeUnit,
} from "./redis-arguments.ts";
import { type Call, OK, type Perform, RedisError, syntaxError } from "./redis-call.ts";
import { integerReply, sumText } from "./redis-numbers.ts";

/** The string that a name names; undefined where there is none. A long one counts as looked at once it is read. */
function stringOf(call: Call, name: string): string | undefined {
  const row = call.typed(name, "string");
  if (row === undefined) return undefined;
  if (row.contentBytes !== undefined) call.looked(row.contentBytes);
  return unpackBytes(contentOf(call.tx.tables, row));
}

function getText(call: Call, name: string): string | null {
  const text = stringOf(call, name);
  return text === undefined ? null : call.told(text);
}

/** A name has a value from now on, without end or until a time. */
function put(call: Call, name: string, value: string, until?: number): void {
  call.tx.emit("string.set", { name, value: packBytes(call.fitting(value)), until });
}

/** A value changes, and its time does not. */
function change(call: Call, name: string, value: string): void {
  call.tx.emit("string.set", { name, value: packBytes(call.fitting(value)), keep: true });
}

/** The options of SET and GETEX. */
interface SetOptions {
  readonly when?: "nx" | "xx";
  readonly get?: true;
  readonly keep?: true;
  readonly persist?: true;
  readonly time?: { readonly unit: TimeUnit; readonly text: string };
}

function setOptions(call: Call, at: number, isGetex: boolean): SetOptions {
  const options: { -readonly [F in keyof SetOptions]: SetOptions[F] } = {};
  for (let i = at; i < call.args.length; i += 1) {
    const word = call.word(i);
    const isOtherTime = options.time !== undefined && options.time.unit !== word;
    const isTimed = isOtherTime || options.keep || options.persist;
    if ((word === "nx" || word === "xx") && !isGetex) {
      if (options.when !== undefined && options.when !== word) throw syntaxError();
      options.when = word;
    } else if (word === "get" && !isGetex) options.get = true;
    else if (word === "keepttl" && !isGetex && options.time === undefined) options.keep = true;
    else if (word === "persist" && isGetex && options.time === undefined) options.persist = true;
    else if (isTimeUnit(word) && !isTimed && i + 1 < call.args.length) {
      i += 1;
      options.time = { unit: word, text: call.arg(i) };
    } else throw syntaxError();
  }
  return options;
}

const timeIn = (call: Call, { time }: SetOptions): number | undefined =>
  time && futureTimeOf(call, time.text, time.unit);

const set: Perform = (call) => {
  const [name, value] = [call.arg(0), call.arg(1)];
  const options = setOptions(call, 2, false);
  const until = timeIn(call, options);
  const old = options.get ? getText(call, name) : null;
  const isThere = call.named(name) !== undefined;
  if ((options.when === "nx" && isThere) || (options.when === "xx" && !isThere)) return old;
  if (options.keep) change(call, name, value);
  else put(call, name, value, until);
  return options.get ? old : OK;
};

const setnx: Perform = (call) => {
  if (call.named(call.arg(0)) !== undefined) return 0;
  put(call, call.arg(0), call.arg(1));
  return 1;
};

const setFor =
  (unit: TimeUnit): Perform =>
  (call) => {
    put(call, call.arg(0), call.arg(2), futureTimeOf(call, call.arg(1), unit));
    return OK;
  };

const get: Perform = (call) => getText(call, call.arg(0));

const getset: Perform = (call) => {
  const old = getText(call, call.arg(0));
  put(call, call.arg(0), call.arg(1));
  return old;
};

const getdel: Perform = (call) => {
  const old = getText(call, call.arg(0));
  if (old !== null) call.remove(call.arg(0));
  return old;
};

const getex: Perform = (call) => {
  const name = call.arg(0);
  const options = setOptions(call, 1, true);
  const value = getText(call, name);
  const row = call.named(name);
  if (row === undefined) return null;
  const until = timeIn(call, options);
  if (until !== undefined && until <= call.tx.at) call.remove(name);
  else if (until !== undefined) call.tx.emit("name.expires", { name, until });
  else if (options.persist && row.until !== undefined) call.tx.emit("name.expires", { name });
  return value;
};

const mget: Perform = (call) =>
  call.args.map((name) => (call.named(name)?.type === "string" ? getText(call, name) : null));

/** Names and values in turn. */
function pairsOf(call: Call): [string, string][] {
  const { args, command } = call;
  if (args.length % 2 !== 0) throw new RedisError(wrongArity(command));
  call.bounded(args.length / 2);
  const pairs: [string, string][] = [];
  for (let i = 0; i < args.length; i += 2) pairs.push([call.arg(i), call.fitting(call.arg(i + 1))]);
  return pairs;
}

const mset: Perform = (call) => {
  const pairs = pairsOf(call);
  // Of each name the row is read, for another to take its place.
  for (const _ of call.namedEach(pairs.map(([name]) => name)));
  for (const [name, value] of pairs) put(call, name, value);
  return OK;
};

const msetnx: Perform = (call) => {
  const pairs = pairsOf(call);
  if (pairs.some(([name]) => call.named(name) !== undefined)) return 0;
  for (const [name, value] of pairs) put(call, name, value);
  return 1;
};

const strlen: Perform = (call) => bytesOf(call.typed(call.arg(0), "string") ?? {});

/** Checks how long a string becomes. */
function checkLength(length: number): void {
  if (length <= limits.redisValueBytesMax) return;
  const bytes = limits.redisValueBytesMax;
  throw new RedisError(`ERR string exceeds maximum allowed size (${bytes} bytes)`);
}

/** Other bytes from an offset on; how long the string is then. */
function patch(call: Call, name: string, offset: number, old: string, value: string): number {
  checkLength(offset + value.length);
  const length = Math.max(old.length, offset + value.length);
  call.moved(length);
  call.tx.emit("string.patched", { name, offset, value: packBytes(value) });
  return length;
}

const append: Perform = (call) => {
  const [name, value] = [call.arg(0), call.arg(1)];
  const old = stringOf(call, name);
  if (old === undefined) put(call, name, value);
  else if (value !== "") return patch(call, name, old.length, old, value);
  return (old ?? value).length;
};

const setrange: Perform = (call) => {
  const [name, value] = [call.arg(0), call.arg(2)];
  const offset = integer(call.arg(1));
  if (offset < 0) throw new RedisError("ERR offset is out of range");
  const old = stringOf(call, name);
  if (value === "") return old?.length ?? 0;
  if (old !== undefined) return patch(call, name, offset, old, value);
  checkLength(offset + value.length);
  put(call, name, "\0".repeat(offset) + value);
  return offset + value.length;
};

const getrange: Perform = (call) => {
  // Compared as they are: beyond 2^53 different ones may be the same number.
  const [from, to] = [bigint(call.arg(1)), bigint(call.arg(2))];
  const text = stringOf(call, call.arg(0)) ?? "";
  if (from < 0n && to < 0n && from > to) return "";
  const [start, stop] = [Number(from), Number(to)];
  // An end before the beginning is the beginning, for Redis alone here.
  const last = stop < 0 ? Math.max(0, stop + text.length) : stop;
  const { first, count } = span(start, last, text.length);
  return call.told(text.slice(first, first + count));
};

function increase(call: Call, by: bigint): RedisReply {
  const name = call.arg(0);
  const old = bigint(stringOf(call, name) ?? "0");
  const value = old + by;
  if (value > INT64_MAX || value < INT64_MIN) {
    throw new RedisError("ERR increment or decrement would overflow");
  }
  change(call, name, String(value));
  return integerReply(value);
}

const decrby: Perform = (call) => {
  const by = bigint(call.arg(1));
  if (by === INT64_MIN) throw new RedisError("ERR decrement would overflow");
  return increase(call, -by);
};

const incrbyfloat: Perform = (call) => {
  const name = call.arg(0);
  const sum = sumText(stringOf(call, name) ?? "0", call.arg(1));
  if (sum === undefined) throw new RedisError("ERR value is not a valid float");
  if (sum === "infinite") throw new RedisError("ERR increment would produce NaN or Infinity");
  const told = call.told(sum);
  change(call, name, sum);
  return told;
};

/** How Redis would keep a string. */
export function encodingOfString(value: string): string {
  if (value.length <= 20 && bigintOf(value) !== undefined) return "int";
  return value.length <= 44 ? "embstr" : "raw";
}

export const stringCommands: Readonly<Record<string, Perform>> = {
  append,
  decr: (call) => increase(call, -1n),
  decrby,
  get,
  getdel,
  getex,
  getrange,
  getset,
  incr: (call) => increase(call, 1n),
  incrby: (call) => increase(call, bigint(call.arg(1))),
  incrbyfloat,
  mget,
  mset,
  msetnx,
  psetex: setFor("px"),
  set,
  setex: setFor("ex"),
  setnx,
  setrange,
  strlen,
  substr: getrange,
};
