/**
 * What the commands of hashes mean.
 * Invariant: as `redis-call.ts` has it.
 */
import { hash52 } from "../contract/hash.ts";
import { wrongArity } from "../contract/redis-commands.ts";
import { bigintOf, INT64_MAX, INT64_MIN } from "../contract/redis-integers.ts";
import { packValues, unpackBytes } from "../store/packed.ts";
import {
  drawOne,
  drawOptions,
  drawSome,
  type Element,
  type ElementsFrom,
  scanElements,
} from "./elements.ts";
import { bigint } from "./redis-arguments.ts";
import { type Call, type Collection, OK, type Perform, RedisError } from "./redis-call.ts";
import { integerReply, isExtended, sumText } from "./redis-numbers.ts";

const hashOf = (call: Call, name: string): Collection | undefined => call.collection(name, "hash");

/** The fields of a hash from a place on, with their values. */
export const fieldsFrom: ElementsFrom = function* (call, { gen }, from) {
  const rows = call.tx.tables.hash_fields.scan({ prefix: [gen], from: [gen, from] });
  for (const [[, hash, element], { content }] of rows) {
    const told = unpackBytes(content);
    call.looked(element.length);
    call.looked(told.length);
    yield { hash, element, told };
  }
};

/** The same without a look at their values. */
const namesFrom: ElementsFrom = function* (call, { gen }, from) {
  const rows = call.tx.tables.hash_fields.outlines({ prefix: [gen], from: [gen, from] });
  for (const [[, hash, element]] of rows) {
    call.looked(element.length);
    yield { hash, element };
  }
};

/** The value of a field; undefined where it is not there. */
function fieldOf(call: Call, of: Collection | undefined, field: string): string | undefined {
  const row = of && call.tx.tables.hash_fields.get([of.gen, hash52(field), field]);
  return row && unpackBytes(row.content);
}

/** The same of one that is not told: as it is read all the same, it counts as looked at. */
function lookAt(call: Call, of: Collection | undefined, field: string): string | undefined {
  const value = fieldOf(call, of, field);
  if (value !== undefined) call.looked(value.length);
  return value;
}

const has = (call: Call, of: Collection | undefined, field: string): boolean =>
  lookAt(call, of, field) !== undefined;

/** Fields have values from now on, of one that is said twice the last; how many are new. */
function put(call: Call, name: string, pairs: ReadonlyMap<string, string>): number {
  const of = hashOf(call, name);
  const fields = call.members([...pairs.keys()]);
  const values = [...pairs.values()].map((value) => call.fitting(value));
  const fresh = fields.filter((field) => !has(call, of, field)).length;
  call.tx.emit("hash.set", { name, fields, ...packValues(values) });
  return fresh;
}

const hset: Perform = (call) => {
  const [name = "", ...words] = call.args;
  if (words.length % 2 !== 0) throw new RedisError(wrongArity(call.command));
  const pairs = new Map<string, string>();
  for (let i = 0; i < words.length; i += 2) pairs.set(words[i] ?? "", words[i + 1] ?? "");
  const fresh = put(call, name, pairs);
  return call.command === "hmset" ? OK : fresh;
};

const hsetnx: Perform = (call) => {
  const [name, field, value] = [call.arg(0), call.arg(1), call.arg(2)];
  if (has(call, hashOf(call, name), field)) return 0;
  return put(call, name, new Map([[field, value]]));
};

const hget: Perform = (call) => {
  const value = fieldOf(call, hashOf(call, call.arg(0)), call.arg(1));
  return value === undefined ? null : call.told(value);
};

const hmget: Perform = (call) => {
  const [name = "", ...fields] = call.args;
  const of = hashOf(call, name);
  return fields.map((field) => {
    const value = fieldOf(call, of, field);
    return value === undefined ? null : call.told(value);
  });
};

const hdel: Perform = (call) => {
  const [name = "", ...words] = call.args;
  const of = hashOf(call, name);
  const fields = call.members([...new Set(words)].filter((field) => has(call, of, field)));
  if (fields.length > 0) call.tx.emit("hash.removed", { name, fields });
  return fields.length;
};

const hlen: Perform = (call) => hashOf(call, call.arg(0))?.size ?? 0;
const hexists: Perform = (call) => (has(call, hashOf(call, call.arg(0)), call.arg(1)) ? 1 : 0);
const hstrlen: Perform = (call) =>
  lookAt(call, hashOf(call, call.arg(0)), call.arg(1))?.length ?? 0;

/** All fields, each as it is told: nothing is read behind the one for which a reply has no room. */
function whole<T>(call: Call, from: ElementsFrom, tell: (each: Element) => T): T[] {
  const of = hashOf(call, call.arg(0));
  if (of === undefined) return [];
  call.seen(of.size);
  return Array.from(from(call, of, 0), tell);
}

const hkeys: Perform = (call) => whole(call, namesFrom, ({ element }) => call.told(element));
const hvals: Perform = (call) => whole(call, fieldsFrom, ({ told = "" }) => call.told(told));
const hgetall: Perform = (call) => ({
  map: whole(
    call,
    fieldsFrom,
    ({ element, told = "" }) => [call.told(element), call.told(told)] as const,
  ),
});

const hincrby: Perform = (call) => {
  const [name, field] = [call.arg(0), call.arg(1)];
  const by = bigint(call.arg(2));
  const old = bigintOf(fieldOf(call, hashOf(call, name), field) ?? "0");
  if (old === undefined) throw new RedisError("ERR hash value is not an integer");
  const value = old + by;
  if (value > INT64_MAX || value < INT64_MIN) {
    throw new RedisError("ERR increment or decrement would overflow");
  }
  put(call, name, new Map([[field, String(value)]]));
  return integerReply(value);
};

const hincrbyfloat: Perform = (call) => {
  const [name, field, by] = [call.arg(0), call.arg(1), call.arg(2)];
  if (!isExtended(by)) throw new RedisError("ERR value is not a valid float");
  if (/inf/i.test(by)) throw new RedisError("ERR value is NaN or Infinity");
  const sum = sumText(fieldOf(call, hashOf(call, name), field) ?? "0", by);
  if (sum === undefined) throw new RedisError("ERR hash value is not a float");
  if (sum === "infinite") throw new RedisError("ERR increment would produce NaN or Infinity");
  const told = call.told(sum);
  put(call, name, new Map([[field, sum]]));
  return told;
};

const hrandfield: Perform = (call) => {
  const { count, isWith } = drawOptions(call, "withvalues");
  const of = hashOf(call, call.arg(0));
  if (of === undefined) return count === undefined ? null : [];
  if (count === undefined) return call.told(drawOne(call, of, namesFrom));
  const drawn = drawSome(call, of, count, namesFrom);
  if (!isWith) return Array.from(drawn, ({ element }) => call.told(element));
  const pairOf = ({ element }: Element) =>
    [call.told(element), call.told(fieldOf(call, of, element) ?? "")] as const;
  return { pairs: Array.from(drawn, pairOf) };
};

const hscan: Perform = (call) => scanElements(call, hashOf, fieldsFrom);

export const hashCommands: Readonly<Record<string, Perform>> = {
  hdel,
  hexists,
  hget,
  hgetall,
  hincrby,
  hincrbyfloat,
  hkeys,
  hlen,
  hmget,
  hmset: hset,
  hrandfield,
  hscan,
  hset,
  hsetnx,
  hstrlen,
  hvals,
};
