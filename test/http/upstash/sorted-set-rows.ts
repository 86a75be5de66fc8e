/**
 * Methods of `@upstash/redis` of sorted sets: what each gives.
 * Invariant: that of `row.ts`.
 */
import type { Redis } from "@upstash/redis";
import type { MethodRow } from "./row.ts";

/** `a`, `b` and `c` at 1, 2.5 and 3. */
const three = (redis: Redis) =>
  redis.zadd(
    "z",
    ...([
      { score: 1, member: "a" },
      { score: 2.5, member: "b" },
      { score: 3, member: "c" },
    ] as const),
  );

export const sortedSetRows: readonly MethodRow[] = [
  [
    "zadd",
    async (r) => [
      await three(r),
      await r.zadd("z", { nx: true }, { score: 9, member: "a" }),
      await r.zadd(
        "z",
        { xx: true, ch: true },
        { score: 2, member: "a" },
        { score: 1, member: "d" },
      ),
      await r.zadd("z", { gt: true, ch: true }, { score: 1, member: "a" }),
      await r.zadd("z", { lt: true, ch: true }, { score: 1, member: "a" }),
      await r.zadd("z", { incr: true }, { score: 0.5, member: "a" }),
      await r.zadd("z", { nx: true, incr: true }, { score: 1, member: "a" }),
      await r.zadd("z", { score: 1, member: { e: 1 } }),
    ],
    [3, 0, 1, 0, 1, 1.5, null, 1],
  ],
  ["zcard", async (r) => [await r.zcard("z"), await three(r), await r.zcard("z")], [0, 3, 3]],
  [
    "zcount",
    async (r) => [await three(r), await r.zcount("z", "(1", "+inf"), await r.zcount("z", 1, 2.5)],
    [3, 2, 2],
  ],
  ["zdiffstore", async (r) => [await three(r), await r.zdiffstore("d", 2, "z", "none")], [3, 3]],
  [
    "zincrby",
    async (r) => [await r.zincrby("z", 1.5, "a"), await r.zincrby("z", 1.5, "a")],
    [1.5, 3],
  ],
  [
    "zinterstore",
    async (r) => [
      await three(r),
      await r.zinterstore("d", 2, ["z", "z"], { weights: [1, 2], aggregate: "max" }),
      await r.zscore("d", "b"),
      await r.zinterstore("d", 1, ["z"], { weight: 3 }),
      await r.zscore("d", "b"),
    ],
    [3, 3, 5, 3, 7.5],
  ],
  [
    "zlexcount",
    async (r) => [
      await r.zadd("z", { score: 0, member: "a" }, { score: 0, member: "b" }),
      await r.zlexcount("z", "[a", "(b"),
    ],
    [2, 1],
  ],
  ["zmscore", async (r) => [await three(r), await r.zmscore("z", ["b", "none"])], [3, [2.5, null]]],
  [
    "zpopmax",
    async (r) => [await three(r), await r.zpopmax("z"), await r.zpopmax("none")],
    [3, ["c", 3], []],
  ],
  ["zpopmin", async (r) => [await three(r), await r.zpopmin("z", 2)], [3, ["a", 1, "b", 2.5]]],
  [
    "zrange",
    async (r) => [
      await three(r),
      await r.zrange("z", 0, -1),
      await r.zrange("z", 0, 0, { rev: true, withScores: true }),
      await r.zrange("z", "(1", "+inf", { byScore: true, withScores: true }),
      await r.zrange("z", "+inf", "-inf", { byScore: true, rev: true, offset: 1, count: 1 }),
      await r.zrange("z", "-", "[b", { byLex: true }),
      await r.zrange("none", 0, -1),
    ],
    [3, ["a", "b", "c"], ["c", 3], ["b", 2.5, "c", 3], ["b"], ["a", "b"], []],
  ],
  [
    "zrank",
    async (r) => [await three(r), await r.zrank("z", "b"), await r.zrank("z", "none")],
    [3, 1, null],
  ],
  ["zrem", async (r) => [await three(r), await r.zrem("z", "a", "none")], [3, 1]],
  [
    "zremrangebylex",
    async (r) => [
      await r.zadd("z", { score: 0, member: "a" }, { score: 0, member: "b" }),
      await r.zremrangebylex("z", "-", "(b"),
    ],
    [2, 1],
  ],
  ["zremrangebyrank", async (r) => [await three(r), await r.zremrangebyrank("z", 0, 1)], [3, 2]],
  [
    "zremrangebyscore",
    async (r) => [await three(r), await r.zremrangebyscore("z", "-inf", "(3")],
    [3, 2],
  ],
  ["zrevrank", async (r) => [await three(r), await r.zrevrank("z", "a")], [3, 2]],
  [
    "zscan",
    async (r) => {
      const members = Array.from({ length: 1000 }, (_, i) => ({ score: i / 2, member: `m${i}` }));
      const [first = { score: 0, member: "m0" }, ...more] = members;
      await r.zadd("z", first, ...more);
      const read: Record<string, unknown> = {};
      let cursor = "0";
      do {
        const [next, page] = await r.zscan("z", cursor, { count: 100 });
        for (let i = 0; i < page.length; i += 2) read[String(page[i])] = page[i + 1];
        cursor = next;
      } while (cursor !== "0");
      return [Object.keys(read).length, read["m7"]];
    },
    [1000, 3.5],
  ],
  [
    "zscore",
    async (r) => [
      await three(r),
      await r.zscore("z", "b"),
      await r.zscore("z", "none"),
      await r.exec(["zadd", "z", "-inf", "low"]),
      await r.zscore("z", "low"),
    ],
    [3, 2.5, null, 1, "-inf"],
  ],
  [
    "zunion",
    async (r) => [
      await three(r),
      await r.zunion(2, ["z", "none"], { withScores: true, weights: [2, 1] }),
      await r.zunion(1, ["z"], { aggregate: "min" }),
    ],
    [3, ["a", 2, "b", 5, "c", 6], ["a", "b", "c"]],
  ],
  [
    "zunionstore",
    async (r) => [
      await three(r),
      await r.zunionstore("d", 2, ["z", "z"]),
      await r.zscore("d", "b"),
    ],
    [3, 3, 5],
  ],
];
