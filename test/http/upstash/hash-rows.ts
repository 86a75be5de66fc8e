/**
 * Methods of `@upstash/redis` of hashes: what each gives.
 * Invariant: that of `row.ts`.
 */
import type { MethodRow } from "./row.ts";

export const hashRows: readonly MethodRow[] = [
  [
    "hdel",
    async (r) => [await r.hset("h", { a: 1, b: 2 }), await r.hdel("h", "a", "b", "c")],
    [2, 2],
  ],
  [
    "hexists",
    async (r) => [
      await r.hset("h", { a: 1 }),
      await r.hexists("h", "a"),
      await r.hexists("h", "b"),
    ],
    [1, 1, 0],
  ],
  [
    "hget",
    async (r) => [
      await r.hset("h", { a: { b: "é" } }),
      await r.hget("h", "a"),
      await r.hget("h", "b"),
    ],
    [1, { b: "é" }, null],
  ],
  [
    "hgetall",
    async (r) => [
      await r.hgetall("none"),
      await r.hset("h", { a: 1, b: "x", c: [true] }),
      await r.hgetall("h"),
    ],
    [null, 3, { a: 1, b: "x", c: [true] }],
  ],
  ["hincrby", async (r) => [await r.hincrby("h", "a", 2), await r.hincrby("h", "a", -5)], [2, -3]],
  [
    "hincrbyfloat",
    async (r) => [await r.hincrbyfloat("h", "a", 1.5), await r.hincrbyfloat("h", "a", 1)],
    [1.5, 2.5],
  ],
  [
    "hkeys",
    async (r) => [
      await r.hkeys("h"),
      await r.hset("h", { a: 1, b: 2 }),
      (await r.hkeys("h")).sort(),
    ],
    [[], 2, ["a", "b"]],
  ],
  ["hlen", async (r) => [await r.hset("h", { a: 1, b: 2 }), await r.hlen("h")], [2, 2]],
  [
    "hmget",
    async (r) => [
      await r.hmget("none", "a"),
      await r.hset("h", { a: 1, b: "x" }),
      await r.hmget("h", "a", "c"),
    ],
    [null, 2, { a: 1, c: null }],
  ],
  [
    "hmset",
    async (r) => [await r.hmset("h", { a: 1, b: { c: 2 } }), await r.hget("h", "b")],
    ["OK", { c: 2 }],
  ],
  [
    "hrandfield",
    async (r) => [
      await r.hrandfield("h"),
      await r.hset("h", { a: 1 }),
      await r.hrandfield("h"),
      await r.hrandfield("h", -2),
      await r.hrandfield("h", 5, true),
    ],
    [null, 1, "a", ["a", "a"], { a: 1 }],
  ],
  [
    "hscan",
    async (r) => {
      const fields = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`f${i}`, i]));
      await r.hset("h", { ...fields, other: 1 });
      const read: Record<string, unknown> = {};
      let cursor = "0";
      do {
        const [next, page] = await r.hscan("h", cursor, { match: "f*", count: 100 });
        for (let i = 0; i < page.length; i += 2) read[String(page[i])] = page[i + 1];
        cursor = next;
      } while (cursor !== "0");
      return [Object.keys(read).length, read["f7"], await r.hscan("none", 0)];
    },
    [1000, 7, ["0", []]],
  ],
  [
    "hset",
    async (r) => [await r.hset("h", { a: 1, b: 2 }), await r.hset("h", { b: 3, c: 4 })],
    [2, 1],
  ],
  ["hsetnx", async (r) => [await r.hsetnx("h", "a", 1), await r.hsetnx("h", "a", 2)], [1, 0]],
  ["hstrlen", async (r) => [await r.hset("h", { a: "é" }), await r.hstrlen("h", "a")], [1, 2]],
  ["hvals", async (r) => [await r.hset("h", { a: { c: 2 } }), await r.hvals("h")], [1, [{ c: 2 }]]],
];
