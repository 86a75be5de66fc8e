/**
 * Methods of `@upstash/redis` of names and of the server: what each gives.
 * Invariant: that of `row.ts`.
 */
import { FAR, type MethodRow } from "./row.ts";

export const nameRows: readonly MethodRow[] = [
  [
    "copy",
    async (r) => [
      await r.set("a", 1),
      await r.copy("a", "b"),
      await r.copy("a", "b"),
      await r.copy("a", "b", { replace: true }),
    ],
    ["OK", "COPIED", "NOT_COPIED", "COPIED"],
  ],
  ["dbsize", async (r) => [await r.set("a", 1), await r.dbsize()], ["OK", 1]],
  ["del", async (r) => [await r.mset({ a: 1, b: 2 }), await r.del("a", "b", "c")], ["OK", 2]],
  ["exists", async (r) => [await r.set("a", 1), await r.exists("a", "a", "b")], ["OK", 2]],
  [
    "expire",
    async (r) => [
      await r.expire("a", 100),
      await r.set("a", 1),
      await r.expire("a", 100, "NX"),
      await r.expire("a", 50, "gt"),
      await r.expire("a", 50),
      await r.ttl("a"),
    ],
    [0, "OK", 1, 0, 1, 50],
  ],
  [
    "expireat",
    async (r) => [
      await r.set("a", 1),
      await r.expireat("a", FAR),
      await r.exec(["expiretime", "a"]),
    ],
    ["OK", 1, FAR],
  ],
  [
    "flushall",
    async (r) => [await r.set("a", 1), await r.flushall([{ async: true }]), await r.dbsize()],
    ["OK", "OK", 0],
  ],
  [
    "flushdb",
    async (r) => [await r.set("a", 1), await r.flushdb({ async: true }), await r.dbsize()],
    ["OK", "OK", 0],
  ],
  [
    "keys",
    async (r) => [await r.mset({ a1: 1, b: 1, a2: 1 }), (await r.keys("a*")).sort()],
    ["OK", ["a1", "a2"]],
  ],
  [
    "persist",
    async (r) => [
      await r.setex("a", 100, 1),
      await r.persist("a"),
      await r.persist("a"),
      await r.ttl("a"),
    ],
    ["OK", 1, 0, -1],
  ],
  [
    "pexpire",
    async (r) => [await r.set("a", 1), await r.pexpire("a", 100_000), await r.ttl("a")],
    ["OK", 1, 100],
  ],
  [
    "pexpireat",
    async (r) => [
      await r.set("a", 1),
      await r.pexpireat("a", FAR * 1000 + 7, "XX"),
      await r.pexpireat("a", FAR * 1000 + 7),
      await r.exec(["pexpiretime", "a"]),
    ],
    ["OK", 0, 1, FAR * 1000 + 7],
  ],
  [
    "pttl",
    async (r) => [await r.pttl("a"), await r.set("a", 1), await r.pttl("a")],
    [-2, "OK", -1],
  ],
  [
    "randomkey",
    async (r) => [await r.randomkey(), await r.set("a", 1), await r.randomkey()],
    [null, "OK", "a"],
  ],
  [
    "rename",
    async (r) => [await r.set("a", 1), await r.rename("a", "b"), await r.get("b")],
    ["OK", "OK", 1],
  ],
  [
    "renamenx",
    async (r) => [
      await r.mset({ a: 1, b: 2 }),
      await r.renamenx("a", "b"),
      await r.renamenx("a", "c"),
    ],
    ["OK", 0, 1],
  ],
  [
    "scan",
    async (r) => {
      const all = Array.from({ length: 100 }, (_, i) => `s${i}`);
      await r.mset(Object.fromEntries(all.map((name) => [name, 1])));
      await r.rpush("sl", 1);
      const seen = new Set<string>();
      let cursor = "0";
      do {
        const [next, names] = await r.scan(cursor, { match: "s*", count: 10, type: "string" });
        for (const name of names) seen.add(name);
        cursor = next;
      } while (cursor !== "0");
      return [[...seen].sort().join() === all.sort().join(), typeof cursor];
    },
    [true, "string"],
  ],
  ["touch", async (r) => [await r.set("a", 1), await r.touch("a", "b")], ["OK", 1]],
  ["ttl", async (r) => [await r.ttl("a"), await r.set("a", 1), await r.ttl("a")], [-2, "OK", -1]],
  [
    "type",
    async (r) => [await r.type("a"), await r.hset("a", { b: 1 }), await r.type("a")],
    ["none", 1, "hash"],
  ],
  ["unlink", async (r) => [await r.mset({ a: 1, b: 2 }), await r.unlink("a", "b", "c")], ["OK", 2]],
];

/** What a Redis has only from 7.2 on, or only Upstash. */
export const laterRows: readonly MethodRow[] = [
  [
    "scan with types",
    async (r) => [
      await r.set("a", 1),
      await r.scan(0, { withType: true, match: "a" }),
      await r.scan(0, { withType: true, match: "none" }),
    ],
    ["OK", ["0", [{ key: "a", type: "string" }]], ["0", []]],
  ],
  [
    "zrange of a part of the ranks",
    async (r) => [
      await r.zadd("ranks", { score: 1, member: "a" }, { score: 2, member: "b" }),
      await r.zadd("ranks", { score: 3, member: "c" }, { score: 4, member: "d" }),
      await r.zrange("ranks", 0, 2, { offset: 1, count: 5 }),
      await r.zrange("ranks", 0, -1, { rev: true, withScores: true, offset: 1, count: 2 }),
      await r.multi().zrange("ranks", 1, -1, { offset: 1, count: -1 }).zcard("ranks").exec(),
      await r.zrange("ranks", 0, -1, { offset: 9, count: 1 }),
    ],
    [2, 2, ["b", "c"], ["c", 3, "b", 2], [["c", "d"], 4], []],
  ],
  [
    "clientSetinfo",
    async (r) => [
      await r.clientSetinfo("lib-name", "mine"),
      await r.clientSetinfo("LIB-VER", "1.2"),
    ],
    ["OK", "OK"],
  ],
];

export const serverRows: readonly MethodRow[] = [
  ["echo", async (r) => [await r.echo("é\n\u0000"), await r.echo("OK")], ["é\n\u0000", "OK"]],
  ["exec", async (r) => [await r.exec(["SET", "a", 7]), await r.exec(["GET", "a"])], ["OK", 7]],
  [
    "exec of what the package has no words for",
    async (r) => [
      await r.exec(["RPUSH", "l", "a", "b"]),
      await r.exec(["BLPOP", "none", "l", "1"]),
      await r.exec(["BLMOVE", "l", "m", "LEFT", "RIGHT", "1"]),
      await r.exec(["BRPOP", "none", "0.01"]),
      await r.exec(["ZADD", "z", "1", "m"]),
      await r.exec(["BZMPOP", "1", "1", "z", "MIN"]),
      await r.exec(["ZRANGEBYSCORE", "z", "-inf", "+inf"]),
      await r.exec(["PUBSUB", "NUMPAT"]),
      await r.exec(["OBJECT", "ENCODING", "l"]),
    ],
    [2, ["l", "a"], "b", null, 1, ["z", [["m", 1]]], [], 0, null],
  ],
  ["ping", async (r) => [await r.ping(), await r.ping(["hello"])], ["PONG", "hello"]],
  ["publish", async (r) => [await r.publish("nobody", { a: 1 })], [0]],
  ["time", async (r) => [(await r.time()).map((part) => typeof part)], [["number", "number"]]],
];
