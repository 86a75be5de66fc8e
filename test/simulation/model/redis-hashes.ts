/**
 * What the Redis commands of hashes should do.
 * Invariant: as `redis-call.ts` has it; fields stand by hash.
 */
import { byHash, change } from "./names.ts";
import { type Call, integerOf, integerReply, type Reply, type Shape, sumOf } from "./redis-call.ts";

type Fields = ReadonlyMap<string, string>;
const hashOf = (call: Call): Fields | undefined => call.typed(call.arg(0), "hash")?.items;

const put = (call: Call, event: string, items: Fields): void =>
  change(call.turn, event, call.arg(0), { type: "hash", items });

function hset(call: Call): Reply {
  const [, ...words] = call.args;
  if (words.length % 2 !== 0) call.err("ERR wrong number of arguments for 'hset' command");
  const old = hashOf(call);
  const items = new Map(old);
  for (let i = 0; i < words.length; i += 2) items.set(words[i] ?? "", words[i + 1] ?? "");
  put(call, "hash.set", items);
  return items.size - (old?.size ?? 0);
}

function hdel(call: Call): Reply {
  const [, ...fields] = call.args;
  const old = hashOf(call) ?? new Map<string, string>();
  const items = new Map(old);
  for (const field of fields) items.delete(field);
  if (items.size < old.size) put(call, "hash.removed", items);
  return old.size - items.size;
}

function hincrby(call: Call): Reply {
  const by = call.integer(call.arg(2));
  const old = hashOf(call);
  const value = integerOf(old?.get(call.arg(1)) ?? "0");
  if (value === undefined) return call.err("ERR hash value is not an integer");
  const sum = sumOf(call, value, by);
  put(call, "hash.set", new Map(old).set(call.arg(1), sum));
  return integerReply(sum);
}

function hgetall(call: Call): Reply {
  const fields = hashOf(call);
  return { map: byHash(fields?.keys() ?? []).map((field) => [field, fields?.get(field)]) };
}

export const hashCalls: Readonly<Record<string, Shape>> = {
  hdel: { words: 3, isOpen: true, does: hdel },
  hget: { words: 3, does: (call) => hashOf(call)?.get(call.arg(1)) ?? null },
  hgetall: { words: 2, does: hgetall },
  hincrby: { words: 4, grows: true, does: hincrby },
  hkeys: { words: 2, does: (call) => byHash(hashOf(call)?.keys() ?? []) },
  hlen: { words: 2, does: (call) => hashOf(call)?.size ?? 0 },
  hset: { words: 4, isOpen: true, grows: true, does: hset },
};
