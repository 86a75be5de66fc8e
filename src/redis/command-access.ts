/**
 * What a command does with the names in a call, as COMMAND GETKEYSANDFLAGS tells it.
 * Invariant: each command that has names stands here once, with the flags of Redis 7.0.15.
 */
import type { RedisCommand } from "../contract/redis-commands.ts";
import type { Call } from "./requests.ts";

/** Flags of the names of commands; behind a bar, of all names but the first. */
const rows: readonly (readonly [flags: string, commands: string])[] = [
  [
    "RO",
    "exists hexists hlen hstrlen llen object|encoding object|freq object|idletime object|refcount scard sismember strlen touch type watch zcard",
  ],
  [
    "RO access",
    "expiretime get getrange hget hgetall hkeys hmget hrandfield hscan hvals lindex lpos lrange mget pexpiretime pttl sdiff sinter sintercard smembers " +
      "smismember srandmember sscan substr sunion ttl zcount zdiff zinter zintercard zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank " +
      "zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion",
  ],
  ["RO access|OW update", "copy"],
  ["OW insert", "msetnx setnx"],
  ["OW update", "mset psetex set setex"],
  ["OW update|RO access", "sdiffstore sunionstore zdiffstore zinterstore zrangestore zunionstore"],
  ["RW insert", "append hsetnx linsert lpush lpushx rpush rpushx sadd"],
  ["RW update", "expire expireat hmset hset lset persist pexpire pexpireat setrange zadd"],
  ["RW update|RO access", "sinterstore"],
  [
    "RW access update",
    "decr decrby getex getset hincrby hincrbyfloat incr incrby incrbyfloat zincrby",
  ],
  ["RW delete", "hdel lrem ltrim srem zrem zremrangebylex zremrangebyrank zremrangebyscore"],
  [
    "RW access delete",
    "blmpop blpop brpop bzmpop bzpopmax bzpopmin getdel lmpop lpop rpop spop zmpop zpopmax zpopmin",
  ],
  ["RW access delete|OW insert", "renamenx"],
  ["RW access delete|OW update", "rename"],
  ["RW access delete|RW insert", "blmove brpoplpush lmove rpoplpush smove"],
  ["RM delete", "del unlink"],
];

const flagsOf: ReadonlyMap<string, string> = new Map(
  rows.flatMap(([flags, commands]) => commands.split(" ").map((name) => [name, flags])),
);

/** What a call does with its first name, and with each other. */
export function accessOf(command: RedisCommand, call: Call): readonly [string[], string[]] {
  const isRead = command.name === "set" && call.slice(3).some((word) => /^get$/i.test(word));
  const flags = isRead ? "RW access update" : flagsOf.get(command.name);
  if (flags === undefined) throw new Error(`nothing is known of the names of ${command.name}`);
  const [first = "", others = first] = flags.split("|");
  return [first.split(" "), others.split(" ")];
}
