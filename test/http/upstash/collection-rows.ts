/**
 * Methods of `@upstash/redis` of lists and sets: what each gives.
 * Invariant: that of `row.ts`.
 */
import type { MethodRow } from "./row.ts";

export const listRows: readonly MethodRow[] = [
  [
    "lindex",
    async (r) => [
      await r.rpush<unknown>("l", "a", 2),
      await r.lindex("l", -1),
      await r.lindex("l", 5),
    ],
    [2, 2, null],
  ],
  [
    "linsert",
    async (r) => [
      await r.rpush("l", "a"),
      await r.linsert("l", "before", "a", "b"),
      await r.linsert("l", "after", "none", "b"),
      await r.linsert("none", "after", "a", "b"),
    ],
    [1, 2, -1, 0],
  ],
  ["llen", async (r) => [await r.rpush("l", 1, 2), await r.llen("l")], [2, 2]],
  [
    "lmove",
    async (r) => [
      await r.rpush("l", "a", "b"),
      await r.lmove("l", "m", "right", "left"),
      await r.lmove("none", "m", "left", "left"),
    ],
    [2, "b", null],
  ],
  [
    "lmpop",
    async (r) => [
      await r.rpush<unknown>("l", "a", { b: 1 }, 3),
      await r.lmpop(2, ["none", "l"], "LEFT", 2),
      await r.lmpop(1, ["l"], "RIGHT"),
      await r.lmpop(1, ["l"], "RIGHT"),
    ],
    [3, ["l", ["a", { b: 1 }]], ["l", [3]], null],
  ],
  [
    "lpop",
    async (r) => [
      await r.rpush<unknown>("l", { a: 1 }, 2, "x", 4),
      await r.lpop("l"),
      await r.lpop("l", 2),
      await r.lpop("none"),
      await r.lpop("none", 2),
    ],
    [4, { a: 1 }, [2, "x"], null, null],
  ],
  [
    "lpos",
    async (r) => [
      await r.rpush("l", "a", "b", "a", "a"),
      await r.lpos("l", "a"),
      await r.lpos("l", "a", { rank: -1 }),
      await r.lpos("l", "a", { count: 0, maxLen: 3 }),
      await r.lpos("l", "none"),
    ],
    [4, 0, 3, [0, 2], null],
  ],
  ["lpush", async (r) => [await r.lpush("l", 1, 2), await r.lrange("l", 0, -1)], [2, [2, 1]]],
  [
    "lpushx",
    async (r) => [await r.lpushx("l", 1), await r.lpush("l", 1), await r.lpushx("l", 2, 3)],
    [0, 1, 3],
  ],
  [
    "lrange",
    async (r) => [
      await r.rpush<unknown>("l", "OK", { a: 1 }),
      await r.lrange("l", 0, -1),
      await r.lrange("l", 5, 9),
    ],
    [2, ["OK", { a: 1 }], []],
  ],
  [
    "lrem",
    async (r) => [
      await r.rpush("l", "a", "b", "a"),
      await r.lrem("l", -1, "a"),
      await r.lrange("l", 0, -1),
    ],
    [3, 1, ["a", "b"]],
  ],
  [
    "lset",
    async (r) => [await r.rpush("l", 1), await r.lset("l", 0, { a: 1 }), await r.lindex("l", 0)],
    [1, "OK", { a: 1 }],
  ],
  [
    "ltrim",
    async (r) => [
      await r.rpush("l", 1, 2, 3),
      await r.ltrim("l", 1, -1),
      await r.lrange("l", 0, -1),
    ],
    [3, "OK", [2, 3]],
  ],
  [
    "rpop",
    async (r) => [
      await r.rpush("l", 1, 2, 3),
      await r.rpop("l"),
      await r.rpop("l", 5),
      await r.rpop("l"),
    ],
    [3, 3, [2, 1], null],
  ],
  ["rpush", async (r) => [await r.rpush("l", 1, 2), await r.lrange("l", 0, -1)], [2, [1, 2]]],
  [
    "rpushx",
    async (r) => [await r.rpushx("l", 1), await r.rpush("l", 1), await r.rpushx("l", 2)],
    [0, 1, 2],
  ],
];

export const setRows: readonly MethodRow[] = [
  ["sadd", async (r) => [await r.sadd<unknown>("s", 1, { a: 1 }, 1)], [2]],
  ["scard", async (r) => [await r.scard("s"), await r.sadd("s", 1), await r.scard("s")], [0, 1, 1]],
  [
    "sdiff",
    async (r) => [await r.sadd("s", 1, 2), await r.sadd("t", 2), await r.sdiff("s", "t")],
    [2, 1, [1]],
  ],
  [
    "sdiffstore",
    async (r) => [await r.sadd("s", 1, 2), await r.sdiffstore("d", "s", "none")],
    [2, 2],
  ],
  [
    "sinter",
    async (r) => [await r.sadd("s", 1, 2), await r.sadd("t", 2, 3), await r.sinter("s", "t")],
    [2, 2, [2]],
  ],
  [
    "sintercard",
    async (r) => [
      await r.sadd("s", 1, 2),
      await r.sadd("t", 1, 2),
      await r.sintercard(["s", "t"]),
      await r.sintercard(["s", "t"], { limit: 1 }),
    ],
    [2, 2, 2, 1],
  ],
  [
    "sinterstore",
    async (r) => [await r.sadd("s", 1, 2), await r.sinterstore("d", "s", "s")],
    [2, 2],
  ],
  [
    "sismember",
    async (r) => [
      await r.sadd("s", { a: 1 }),
      await r.sismember("s", { a: 1 }),
      await r.sismember("s", 2),
    ],
    [1, 1, 0],
  ],
  [
    "smembers",
    async (r) => [await r.smembers("s"), await r.sadd("s", { a: 1 }), await r.smembers("s")],
    [[], 1, [{ a: 1 }]],
  ],
  ["smismember", async (r) => [await r.sadd("s", 1), await r.smismember("s", [1, 2])], [1, [1, 0]]],
  [
    "smove",
    async (r) => [await r.sadd("s", 1), await r.smove("s", "t", 1), await r.smove("s", "t", 1)],
    [1, 1, 0],
  ],
  [
    "spop",
    async (r) => [await r.sadd("s", 1), await r.spop("s"), await r.spop("s"), await r.spop("s", 2)],
    [1, 1, null, []],
  ],
  [
    "srandmember",
    async (r) => [
      await r.srandmember("s"),
      await r.sadd("s", "a"),
      await r.srandmember("s"),
      await r.srandmember("s", -2),
    ],
    [null, 1, "a", ["a", "a"]],
  ],
  ["srem", async (r) => [await r.sadd("s", 1, 2), await r.srem("s", 1, 3)], [2, 1]],
  [
    "sscan",
    async (r) => {
      const [first = 0, ...more] = Array.from({ length: 1000 }, (_, i) => i);
      await r.sadd("s", first, ...more);
      const seen = new Set<unknown>();
      let cursor = "0";
      do {
        const [next, page] = await r.sscan("s", cursor, { count: 100 });
        for (const member of page) seen.add(member);
        cursor = next;
      } while (cursor !== "0");
      return [seen.size, seen.has(7)];
    },
    [1000, true],
  ],
  [
    "sunion",
    async (r) => [await r.sadd("s", 1), await r.sadd("t", 1), await r.sunion("s", "t")],
    [1, 1, [1]],
  ],
  [
    "sunionstore",
    async (r) => [await r.sadd("s", 1), await r.sunionstore("d", "s", "none")],
    [1, 1],
  ],
];
