/**
 * Methods of `@upstash/redis` of texts: what each gives.
 * Invariant: that of `row.ts`.
 */
import { FAR, type MethodRow } from "./row.ts";

export const textRows: readonly MethodRow[] = [
  ["append", async (r) => [await r.append("a", "é"), await r.append("a", "x")], [2, 3]],
  ["decr", async (r) => [await r.decr("n")], [-1]],
  ["decrby", async (r) => [await r.decrby("n", 5)], [-5]],
  [
    "get",
    async (r) => [await r.get("none"), await r.set("a", 1.5), await r.get("a")],
    [null, "OK", 1.5],
  ],
  [
    "get of what reads like another type",
    async (r) => {
      const values = ["1", "01", "true", '{"a":1}', "12345678901234567890", "OK", "", "a b"];
      const read = [];
      for (const value of values) {
        await r.set("a", value);
        read.push(await r.get("a"));
      }
      return read;
    },
    [1, "01", true, { a: 1 }, "12345678901234567890", "OK", "", "a b"],
  ],
  [
    "getdel",
    async (r) => [await r.set("a", { b: [1] }), await r.getdel("a"), await r.getdel("a")],
    ["OK", { b: [1] }, null],
  ],
  [
    "getex",
    async (r) => [
      await r.set("a", "x"),
      await r.getex("a", { ex: 100 }),
      await r.ttl("a"),
      await r.getex("a", { persist: true }),
      await r.ttl("a"),
      await r.getex("a", { exat: FAR }),
      await r.exec<number>(["expiretime", "a"]),
      await r.getex("a", { pxat: FAR * 1000 + 5 }),
      await r.exec<number>(["pexpiretime", "a"]),
      await r.getex("none", { px: 5 }),
    ],
    ["OK", "x", 100, "x", -1, "x", FAR, "x", FAR * 1000 + 5, null],
  ],
  [
    "getrange",
    async (r) => [await r.set("a", "hello"), await r.getrange("a", 1, -2)],
    ["OK", "ell"],
  ],
  [
    "getset",
    async (r) => [await r.getset("a", { b: 1 }), await r.getset("a", 2)],
    [null, { b: 1 }],
  ],
  ["incr", async (r) => [await r.incr("n"), await r.incr("n")], [1, 2]],
  ["incrby", async (r) => [await r.incrby("n", -3)], [-3]],
  [
    "incrbyfloat",
    async (r) => [await r.incrbyfloat("n", 0.1), await r.incrbyfloat("n", 2)],
    [0.1, 2.1],
  ],
  [
    "mget",
    async (r) => [
      await r.mset({ a: 1, b: { c: "é" } }),
      await r.mget("a", "none", "b"),
      await r.mget(["b", "a"]),
    ],
    ["OK", [1, null, { c: "é" }], [{ c: "é" }, 1]],
  ],
  ["mset", async (r) => [await r.mset({ a: "x", b: true }), await r.get("b")], ["OK", true]],
  ["msetnx", async (r) => [await r.msetnx({ a: 1, b: 2 }), await r.msetnx({ b: 3, c: 4 })], [1, 0]],
  ["psetex", async (r) => [await r.psetex("a", 100_000, "x"), await r.ttl("a")], ["OK", 100]],
  [
    "set",
    async (r) => [
      await r.set("a", "x", { nx: true, ex: 100 }),
      await r.set("a", "y", { nx: true }),
      await r.set("a", "y", { xx: true, keepTtl: true }),
      await r.ttl("a"),
      await r.set("a", "z", { get: true, pxat: FAR * 1000 }),
      await r.set("b", "z", { xx: true }),
      await r.set("b", "z", { get: true }),
      await r.set("b", "z", { exat: FAR }),
      await r.set("b", "z", { px: 100_000 }),
      await r.ttl("b"),
    ],
    ["OK", null, "OK", 100, "y", null, null, "OK", "OK", 100],
  ],
  ["setex", async (r) => [await r.setex("a", 100, { b: 1 }), await r.ttl("a")], ["OK", 100]],
  ["setnx", async (r) => [await r.setnx("a", 1), await r.setnx("a", 2)], [1, 0]],
  ["setrange", async (r) => [await r.setrange("a", 2, "x"), await r.strlen("a")], [3, 3]],
  [
    "strlen",
    async (r) => [await r.strlen("a"), await r.set("a", "é"), await r.strlen("a")],
    [0, "OK", 2],
  ],
];
