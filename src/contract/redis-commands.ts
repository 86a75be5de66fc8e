/**
 * The table of Redis commands: which there are, how many arguments they take, which of those are names, and who performs them.
 * Invariant: arity, flags and places are those of Redis 7.0.15; a command that is not here is not known.
 */
import { limits } from "./limits.ts";

/** Who performs a command: the queue, in its log; or the gate, for one connection. */
export type RedisPerformer = "queue" | "gate";

const flagNames = {
  a: "admin",
  r: "readonly",
  w: "write",
  m: "denyoom",
  f: "fast",
  b: "blocking",
  s: "noscript",
  l: "loading",
  t: "stale",
  k: "movablekeys",
  p: "pubsub",
  u: "no_auth",
  g: "skip_slowlog",
  y: "allow_busy",
} as const;
export type RedisFlag = (typeof flagNames)[keyof typeof flagNames];

/** Which arguments are names: the first, the last (negative: from the end), and every how many. 0: none. */
export type RedisPlaces = readonly [first: number, last: number, step: number];

export interface RedisCommand {
  readonly name: string;
  readonly performer: RedisPerformer;
  readonly group: string;
  /** Arguments with the name, exactly; negative: at least. */
  readonly arity: number;
  readonly flags: readonly RedisFlag[];
  readonly places: RedisPlaces;
  readonly since: string;
}

/** A row of the table: `flags` by their letters. */
export const row = (
  performer: RedisPerformer,
  group: string,
  name: string,
  arity: number,
  flags: string,
  places: RedisPlaces,
  since: string,
): RedisCommand => ({
  ...{ name, performer, group, arity, places, since },
  flags: [...flags].map((flag) => flagNames[flag as keyof typeof flagNames]),
});

const rows = [
  // Performed by the queue.
  row("queue", "string", "append", 3, "wmf", [1, 1, 1], "2.0.0"),
  row("queue", "string", "decr", 2, "wmf", [1, 1, 1], "1.0.0"),
  row("queue", "string", "decrby", 3, "wmf", [1, 1, 1], "1.0.0"),
  row("queue", "string", "get", 2, "rf", [1, 1, 1], "1.0.0"),
  row("queue", "string", "getdel", 2, "wf", [1, 1, 1], "6.2.0"),
  row("queue", "string", "getex", -2, "wf", [1, 1, 1], "6.2.0"),
  row("queue", "string", "getrange", 4, "r", [1, 1, 1], "2.4.0"),
  row("queue", "string", "getset", 3, "wmf", [1, 1, 1], "1.0.0"),
  row("queue", "string", "incr", 2, "wmf", [1, 1, 1], "1.0.0"),
  row("queue", "string", "incrby", 3, "wmf", [1, 1, 1], "1.0.0"),
  row("queue", "string", "incrbyfloat", 3, "wmf", [1, 1, 1], "2.6.0"),
  row("queue", "string", "mget", -2, "rf", [1, -1, 1], "1.0.0"),
  row("queue", "string", "mset", -3, "wm", [1, -1, 2], "1.0.1"),
  row("queue", "string", "msetnx", -3, "wm", [1, -1, 2], "1.0.1"),
  row("queue", "string", "psetex", 4, "wm", [1, 1, 1], "2.6.0"),
  row("queue", "string", "set", -3, "wm", [1, 1, 1], "1.0.0"),
  row("queue", "string", "setex", 4, "wm", [1, 1, 1], "2.0.0"),
  row("queue", "string", "setnx", 3, "wmf", [1, 1, 1], "1.0.0"),
  row("queue", "string", "setrange", 4, "wm", [1, 1, 1], "2.2.0"),
  row("queue", "string", "strlen", 2, "rf", [1, 1, 1], "2.2.0"),
  row("queue", "string", "substr", 4, "r", [1, 1, 1], "1.0.0"),
  row("queue", "generic", "copy", -3, "wm", [1, 2, 1], "6.2.0"),
  row("queue", "generic", "del", -2, "w", [1, -1, 1], "1.0.0"),
  row("queue", "generic", "exists", -2, "rf", [1, -1, 1], "1.0.0"),
  row("queue", "generic", "expire", -3, "wf", [1, 1, 1], "1.0.0"),
  row("queue", "generic", "expireat", -3, "wf", [1, 1, 1], "1.2.0"),
  row("queue", "generic", "expiretime", 2, "rf", [1, 1, 1], "7.0.0"),
  row("queue", "generic", "keys", 2, "r", [0, 0, 0], "1.0.0"),
  row("queue", "generic", "object", -2, "", [0, 0, 0], "2.2.3"),
  row("queue", "generic", "persist", 2, "wf", [1, 1, 1], "2.2.0"),
  row("queue", "generic", "pexpire", -3, "wf", [1, 1, 1], "2.6.0"),
  row("queue", "generic", "pexpireat", -3, "wf", [1, 1, 1], "2.6.0"),
  row("queue", "generic", "pexpiretime", 2, "rf", [1, 1, 1], "7.0.0"),
  row("queue", "generic", "pttl", 2, "rf", [1, 1, 1], "2.6.0"),
  row("queue", "generic", "randomkey", 1, "r", [0, 0, 0], "1.0.0"),
  row("queue", "generic", "rename", 3, "w", [1, 2, 1], "1.0.0"),
  row("queue", "generic", "renamenx", 3, "wf", [1, 2, 1], "1.0.0"),
  row("queue", "generic", "scan", -2, "r", [0, 0, 0], "2.8.0"),
  row("queue", "generic", "touch", -2, "rf", [1, -1, 1], "3.2.1"),
  row("queue", "generic", "ttl", 2, "rf", [1, 1, 1], "1.0.0"),
  row("queue", "generic", "type", 2, "rf", [1, 1, 1], "1.0.0"),
  row("queue", "generic", "unlink", -2, "wf", [1, -1, 1], "4.0.0"),
  row("queue", "list", "blmove", 6, "wmsb", [1, 2, 1], "6.2.0"),
  row("queue", "list", "blmpop", -5, "wbk", [0, 0, 0], "7.0.0"),
  row("queue", "list", "blpop", -3, "wsb", [1, -2, 1], "2.0.0"),
  row("queue", "list", "brpop", -3, "wsb", [1, -2, 1], "2.0.0"),
  row("queue", "list", "brpoplpush", 4, "wmsb", [1, 2, 1], "2.2.0"),
  row("queue", "list", "lindex", 3, "r", [1, 1, 1], "1.0.0"),
  row("queue", "list", "linsert", 5, "wm", [1, 1, 1], "2.2.0"),
  row("queue", "list", "llen", 2, "rf", [1, 1, 1], "1.0.0"),
  row("queue", "list", "lmove", 5, "wm", [1, 2, 1], "6.2.0"),
  row("queue", "list", "lmpop", -4, "wk", [0, 0, 0], "7.0.0"),
  row("queue", "list", "lpop", -2, "wf", [1, 1, 1], "1.0.0"),
  row("queue", "list", "lpos", -3, "r", [1, 1, 1], "6.0.6"),
  row("queue", "list", "lpush", -3, "wmf", [1, 1, 1], "1.0.0"),
  row("queue", "list", "lpushx", -3, "wmf", [1, 1, 1], "2.2.0"),
  row("queue", "list", "lrange", 4, "r", [1, 1, 1], "1.0.0"),
  row("queue", "list", "lrem", 4, "w", [1, 1, 1], "1.0.0"),
  row("queue", "list", "lset", 4, "wm", [1, 1, 1], "1.0.0"),
  row("queue", "list", "ltrim", 4, "w", [1, 1, 1], "1.0.0"),
  row("queue", "list", "rpop", -2, "wf", [1, 1, 1], "1.0.0"),
  row("queue", "list", "rpoplpush", 3, "wm", [1, 2, 1], "1.2.0"),
  row("queue", "list", "rpush", -3, "wmf", [1, 1, 1], "1.0.0"),
  row("queue", "list", "rpushx", -3, "wmf", [1, 1, 1], "2.2.0"),
  row("queue", "hash", "hdel", -3, "wf", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hexists", 3, "rf", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hget", 3, "rf", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hgetall", 2, "r", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hincrby", 4, "wmf", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hincrbyfloat", 4, "wmf", [1, 1, 1], "2.6.0"),
  row("queue", "hash", "hkeys", 2, "r", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hlen", 2, "rf", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hmget", -3, "rf", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hmset", -4, "wmf", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hrandfield", -2, "r", [1, 1, 1], "6.2.0"),
  row("queue", "hash", "hscan", -3, "r", [1, 1, 1], "2.8.0"),
  row("queue", "hash", "hset", -4, "wmf", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hsetnx", 4, "wmf", [1, 1, 1], "2.0.0"),
  row("queue", "hash", "hstrlen", 3, "rf", [1, 1, 1], "3.2.0"),
  row("queue", "hash", "hvals", 2, "r", [1, 1, 1], "2.0.0"),
  row("queue", "set", "sadd", -3, "wmf", [1, 1, 1], "1.0.0"),
  row("queue", "set", "scard", 2, "rf", [1, 1, 1], "1.0.0"),
  row("queue", "set", "sdiff", -2, "r", [1, -1, 1], "1.0.0"),
  row("queue", "set", "sdiffstore", -3, "wm", [1, -1, 1], "1.0.0"),
  row("queue", "set", "sinter", -2, "r", [1, -1, 1], "1.0.0"),
  row("queue", "set", "sintercard", -3, "rk", [0, 0, 0], "7.0.0"),
  row("queue", "set", "sinterstore", -3, "wm", [1, -1, 1], "1.0.0"),
  row("queue", "set", "sismember", 3, "rf", [1, 1, 1], "1.0.0"),
  row("queue", "set", "smembers", 2, "r", [1, 1, 1], "1.0.0"),
  row("queue", "set", "smismember", -3, "rf", [1, 1, 1], "6.2.0"),
  row("queue", "set", "smove", 4, "wf", [1, 2, 1], "1.0.0"),
  row("queue", "set", "spop", -2, "wf", [1, 1, 1], "1.0.0"),
  row("queue", "set", "srandmember", -2, "r", [1, 1, 1], "1.0.0"),
  row("queue", "set", "srem", -3, "wf", [1, 1, 1], "1.0.0"),
  row("queue", "set", "sscan", -3, "r", [1, 1, 1], "2.8.0"),
  row("queue", "set", "sunion", -2, "r", [1, -1, 1], "1.0.0"),
  row("queue", "set", "sunionstore", -3, "wm", [1, -1, 1], "1.0.0"),
  row("queue", "sorted-set", "bzmpop", -5, "wbk", [0, 0, 0], "7.0.0"),
  row("queue", "sorted-set", "bzpopmax", -3, "wsbf", [1, -2, 1], "5.0.0"),
  row("queue", "sorted-set", "bzpopmin", -3, "wsbf", [1, -2, 1], "5.0.0"),
  row("queue", "sorted-set", "zadd", -4, "wmf", [1, 1, 1], "1.2.0"),
  row("queue", "sorted-set", "zcard", 2, "rf", [1, 1, 1], "1.2.0"),
  row("queue", "sorted-set", "zcount", 4, "rf", [1, 1, 1], "2.0.0"),
  row("queue", "sorted-set", "zdiff", -3, "rk", [0, 0, 0], "6.2.0"),
  row("queue", "sorted-set", "zdiffstore", -4, "wmk", [1, 1, 1], "6.2.0"),
  row("queue", "sorted-set", "zincrby", 4, "wmf", [1, 1, 1], "1.2.0"),
  row("queue", "sorted-set", "zinter", -3, "rk", [0, 0, 0], "6.2.0"),
  row("queue", "sorted-set", "zintercard", -3, "rk", [0, 0, 0], "7.0.0"),
  row("queue", "sorted-set", "zinterstore", -4, "wmk", [1, 1, 1], "2.0.0"),
  row("queue", "sorted-set", "zlexcount", 4, "rf", [1, 1, 1], "2.8.9"),
  row("queue", "sorted-set", "zmpop", -4, "wk", [0, 0, 0], "7.0.0"),
  row("queue", "sorted-set", "zmscore", -3, "rf", [1, 1, 1], "6.2.0"),
  row("queue", "sorted-set", "zpopmax", -2, "wf", [1, 1, 1], "5.0.0"),
  row("queue", "sorted-set", "zpopmin", -2, "wf", [1, 1, 1], "5.0.0"),
  row("queue", "sorted-set", "zrandmember", -2, "r", [1, 1, 1], "6.2.0"),
  row("queue", "sorted-set", "zrange", -4, "r", [1, 1, 1], "1.2.0"),
  row("queue", "sorted-set", "zrangebylex", -4, "r", [1, 1, 1], "2.8.9"),
  row("queue", "sorted-set", "zrangebyscore", -4, "r", [1, 1, 1], "1.0.5"),
  row("queue", "sorted-set", "zrangestore", -5, "wm", [1, 2, 1], "6.2.0"),
  row("queue", "sorted-set", "zrank", 3, "rf", [1, 1, 1], "2.0.0"),
  row("queue", "sorted-set", "zrem", -3, "wf", [1, 1, 1], "1.2.0"),
  row("queue", "sorted-set", "zremrangebylex", 4, "w", [1, 1, 1], "2.8.9"),
  row("queue", "sorted-set", "zremrangebyrank", 4, "w", [1, 1, 1], "2.0.0"),
  row("queue", "sorted-set", "zremrangebyscore", 4, "w", [1, 1, 1], "1.2.0"),
  row("queue", "sorted-set", "zrevrange", -4, "r", [1, 1, 1], "1.2.0"),
  row("queue", "sorted-set", "zrevrangebylex", -4, "r", [1, 1, 1], "2.8.9"),
  row("queue", "sorted-set", "zrevrangebyscore", -4, "r", [1, 1, 1], "2.2.0"),
  row("queue", "sorted-set", "zrevrank", 3, "rf", [1, 1, 1], "2.0.0"),
  row("queue", "sorted-set", "zscan", -3, "r", [1, 1, 1], "2.8.0"),
  row("queue", "sorted-set", "zscore", 3, "rf", [1, 1, 1], "1.2.0"),
  row("queue", "sorted-set", "zunion", -3, "rk", [0, 0, 0], "6.2.0"),
  row("queue", "sorted-set", "zunionstore", -4, "wmk", [1, 1, 1], "2.0.0"),
  row("queue", "server", "dbsize", 1, "rf", [0, 0, 0], "1.0.0"),
  row("queue", "server", "flushall", -1, "w", [0, 0, 0], "1.0.0"),
  row("queue", "server", "flushdb", -1, "w", [0, 0, 0], "1.0.0"),
  // Performed by the gate, connection by connection.
  row("gate", "connection", "auth", -2, "sltfuy", [0, 0, 0], "1.0.0"),
  row("gate", "connection", "client", -2, "", [0, 0, 0], "2.4.0"),
  row("gate", "connection", "echo", 2, "ltf", [0, 0, 0], "1.0.0"),
  row("gate", "connection", "hello", -1, "sltfuy", [0, 0, 0], "6.0.0"),
  row("gate", "connection", "ping", -1, "f", [0, 0, 0], "1.0.0"),
  row("gate", "connection", "quit", -1, "sltfuy", [0, 0, 0], "1.0.0"),
  row("gate", "connection", "reset", 1, "sltfuy", [0, 0, 0], "6.2.0"),
  row("gate", "connection", "select", 2, "ltf", [0, 0, 0], "1.0.0"),
  row("gate", "transactions", "discard", 1, "sltfy", [0, 0, 0], "2.0.0"),
  row("gate", "transactions", "exec", 1, "sltg", [0, 0, 0], "1.2.0"),
  row("gate", "transactions", "multi", 1, "sltfy", [0, 0, 0], "1.2.0"),
  row("gate", "transactions", "unwatch", 1, "sltfy", [0, 0, 0], "2.2.0"),
  row("gate", "transactions", "watch", -2, "sltfy", [1, -1, 1], "2.2.0"),
  row("gate", "pubsub", "psubscribe", -2, "pslt", [0, 0, 0], "2.0.0"),
  row("gate", "pubsub", "publish", 3, "pltf", [0, 0, 0], "2.0.0"),
  row("gate", "pubsub", "pubsub", -2, "", [0, 0, 0], "2.8.0"),
  row("gate", "pubsub", "punsubscribe", -1, "pslt", [0, 0, 0], "2.0.0"),
  row("gate", "pubsub", "subscribe", -2, "pslt", [0, 0, 0], "2.0.0"),
  row("gate", "pubsub", "unsubscribe", -1, "pslt", [0, 0, 0], "2.0.0"),
  row("gate", "server", "command", -1, "lt", [0, 0, 0], "2.8.13"),
  row("gate", "server", "config", -2, "", [0, 0, 0], "2.0.0"),
  row("gate", "server", "info", -1, "lt", [0, 0, 0], "1.0.0"),
  row("gate", "server", "lastsave", 1, "ltf", [0, 0, 0], "1.0.0"),
  row("gate", "server", "role", 1, "sltf", [0, 0, 0], "2.8.12"),
  row("gate", "server", "time", 1, "ltf", [0, 0, 0], "2.6.0"),
  row("gate", "generic", "wait", 3, "s", [0, 0, 0], "3.0.0"),
] as const;

/** Every command by its name in small letters. */
export const redisCommandTable: ReadonlyMap<string, RedisCommand> = new Map(
  rows.map((each) => [each.name, each]),
);

/** The argument that says how many names follow it, of commands whose names no fixed places hold. */
const countsAt: Readonly<Record<string, number>> = {
  blmpop: 2,
  bzmpop: 2,
  lmpop: 1,
  sintercard: 1,
  zdiff: 1,
  zdiffstore: 2,
  zinter: 1,
  zintercard: 1,
  zinterstore: 2,
  zmpop: 1,
  zunion: 1,
  zunionstore: 2,
};

/** Whether a command has names among its arguments. */
export const hasNames = ({ name, places }: RedisCommand): boolean =>
  places[0] > 0 || Object.hasOwn(countsAt, name);

/** The names among the arguments of a call, of which the first is the command's own name; none where it counts more than there are. */
export function namesOfCall(command: RedisCommand, call: readonly string[]): string[] {
  const names: string[] = [];
  const [first, last, step] = command.places;
  const end = last < 0 ? call.length + last : last;
  for (let i = first; first > 0 && i <= end && i < call.length; i += step) {
    names.push(call[i] as string);
  }
  const countAt = countsAt[command.name];
  if (countAt === undefined) return names;
  const count = Number(call[countAt]);
  const isCount = Number.isSafeInteger(count) && count >= 1;
  if (!isCount || countAt + count >= call.length) return [];
  return [...names, ...call.slice(countAt + 1, countAt + 1 + count)];
}

/** Whether so many arguments, with the name, are as many as a command takes. */
export function takesArguments({ arity }: RedisCommand, count: number): boolean {
  return arity >= 0 ? count === arity : count >= -arity;
}

/** What is told of a name that is too long. */
export const LONG_NAME = `ERR a key may have at most ${limits.redisNameBytesMax} bytes`;

/** Whether a binary text is too long for a name. */
export const isLongName = (name: string): boolean => name.length > limits.redisNameBytesMax;

/** What Redis answers to a wrong number of arguments. */
export const wrongArity = (name: string): string =>
  `ERR wrong number of arguments for '${name}' command`;

/** Commands that are known and not spoken, and what to use instead. */
const alternatives: readonly (readonly [RegExp, string])[] = [
  [
    /^(eval|evalsha|fcall|function|script)(_ro)?$/,
    "has no scripts: send the commands between MULTI and EXEC",
  ],
  [/^x[a-z]+$/, "has no streams: use jobs, or lists with BLMOVE"],
  [/^(geo|pf)[a-z_]+$/, "has neither GEO nor HyperLogLog: use sorted sets and sets"],
  [/^(get|set)bit$|^bit[a-z_]+$/, "has no bitmaps: use SETRANGE and GETRANGE, or sets"],
  [/^(cluster|asking|readonly|readwrite)$/, "is no cluster: connect to each queue by itself"],
  [
    /^(replicaof|slaveof|psync|sync|replconf|failover|migrate)$/,
    "does not replicate by RESP: use snapshots",
  ],
  [/^(swapdb|move)$/, "has one database: use a queue for each, and COPY or RENAME within one"],
  [/^(dump|restore|restore-asking|save|bgsave|bgrewriteaof)$/, "uses snapshots to carry data"],
  [/^module$/, "has no modules: use the commands that COMMAND lists"],
  [/^acl$/, "has no users: what tells callers apart is their token"],
  [
    /^(latency|slowlog|memory|monitor|debug|lolwut|shutdown)$/,
    "runs as a queue: use INFO, or GET /v1/queues/{queue}/stats",
  ],
  [/^s(publish|subscribe|unsubscribe)$/, "has no shards: use PUBLISH and SUBSCRIBE"],
  [/^sort(_ro)?$/, "does not sort: keep a sorted set"],
  [/^lcs$/, "does not compare strings: GET both"],
  [
    /^(plan|action|jobs?|workers?|queue)\.[a-z]+$/,
    "speaks AGQ's commands in dialects of their own: `sluice redis --dialect agq-g2`",
  ],
  // Commands of later versions, and of Upstash.
  [
    /^hp?(expire|expireat|expiretime|ttl)$|^hpersist$|^hgetdel$|^h[gs]etex$/,
    "has no times of fields: EXPIRE the name, or HGET and HDEL between MULTI and EXEC",
  ],
  [/^json\.[a-z]+$/, "has no JSON documents: SET the whole text, or keep the fields in a hash"],
  [/^ar[a-z]+$/, "has no arrays by index: use lists and hashes"],
  [
    /^(ft|search|vector)\.[a-z]+$/,
    "has no indexes to search: keep sets and sorted sets of what is looked for",
  ],
];

/** What Redis answers to a command that it does not know; of those that Redis knows and a queue does not, what to use instead. */
export function unknownCommand(call: readonly string[]): string {
  const name = call[0] ?? "";
  const alternative = alternatives.find(([names]) => names.test(name.toLowerCase()));
  if (alternative !== undefined) {
    return `ERR '${shown(name)}' is not supported: Sluice ${alternative[1]}`;
  }
  let begin = "";
  for (const argument of call.slice(1)) {
    if (begin.length >= ARGUMENTS_SHOWN) break;
    begin += `'${shown(argument).slice(0, ARGUMENTS_SHOWN - begin.length)}' `;
  }
  return `ERR unknown command '${shown(name)}', with args beginning with: ${begin}`;
}

/** Characters of a name, and of the arguments behind it, that an error repeats. */
const ARGUMENTS_SHOWN = 128;

/** A word as an error repeats it: up to a zero byte, as C does, and on one line. */
export const shown = (text: string): string =>
  (text.split("\0", 1)[0] ?? "").slice(0, ARGUMENTS_SHOWN).replace(/[\r\n]/g, " ");
