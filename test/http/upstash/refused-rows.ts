/**
 * Methods of `@upstash/redis` that a queue has nothing for: of each, a call, and what its error says to use instead.
 * Invariant: all of them, so that nobody who comes from Upstash meets an error that leaves open why.
 */
import type { Redis } from "@upstash/redis";

export type RefusedRow = readonly [
  method: string,
  perform: (redis: Redis) => Promise<unknown>,
  alternative: string,
];

const rows = (
  alternative: string,
  calls: Readonly<Record<string, (redis: Redis) => Promise<unknown>>>,
): RefusedRow[] => Object.entries(calls).map(([method, perform]) => [method, perform, alternative]);

const fields = { field: "a" };
const center = { type: "FROMLONLAT", coordinate: { lon: 1, lat: 1 } } as const;
const circle = { type: "BYRADIUS", radius: 1, radiusType: "KM" } as const;

export const refusedRows: readonly RefusedRow[] = [
  ...rows("has no scripts: send the commands between MULTI and EXEC", {
    createScript: (r) => r.createScript("return 1").exec([], []),
    eval: (r) => r.eval("return 1", [], []),
    evalRo: (r) => r.evalRo("return 1", [], []),
    evalsha: (r) => r.evalsha("0".repeat(40), [], []),
    evalshaRo: (r) => r.evalshaRo("0".repeat(40), [], []),
    functions: (r) => r.functions.list(),
    "functions.call": (r) => r.functions.call("f"),
    "functions.callRo": (r) => r.functions.callRo("f"),
    scriptExists: (r) => r.scriptExists("0".repeat(40)),
    scriptFlush: (r) => r.scriptFlush({ async: true }),
    scriptLoad: (r) => r.scriptLoad("return 1"),
  }),
  ...rows("has no streams: use jobs, or lists with BLMOVE", {
    xack: (r) => r.xack("a", "g", "1-1"),
    xackdel: (r) => r.xackdel("a", "g", "KEEPREF", "1-1"),
    xadd: (r) => r.xadd("a", "*", fields),
    xautoclaim: (r) => r.xautoclaim("a", "g", "c", 1, "0"),
    xclaim: (r) => r.xclaim("a", "g", "c", 1, "1-1"),
    xdel: (r) => r.xdel("a", "1-1"),
    xdelex: (r) => r.xdelex("a", "KEEPREF", "1-1"),
    xgroup: (r) => r.xgroup("a", { type: "DESTROY", group: "g" }),
    xinfo: (r) => r.xinfo("a", { type: "GROUPS" }),
    xlen: (r) => r.xlen("a"),
    xpending: (r) => r.xpending("a", "g", "-", "+", 1),
    xrange: (r) => r.xrange("a", "-", "+"),
    xread: (r) => r.xread("a", "0"),
    xreadgroup: (r) => r.xreadgroup("g", "c", "a", ">"),
    xrevrange: (r) => r.xrevrange("a", "+", "-"),
    xtrim: (r) => r.xtrim("a", { strategy: "MAXLEN", threshold: 1 }),
  }),
  ...rows("has neither GEO nor HyperLogLog: use sorted sets and sets", {
    geoadd: (r) => r.geoadd("a", { longitude: 1, latitude: 1, member: "m" }),
    geodist: (r) => r.geodist("a", "m", "n"),
    geohash: (r) => r.geohash("a", "m"),
    geopos: (r) => r.geopos("a", "m"),
    geosearch: (r) => r.geosearch("a", center, circle, "ASC"),
    geosearchstore: (r) => r.geosearchstore("b", "a", center, circle, "ASC"),
    pfadd: (r) => r.pfadd("a", 1),
    pfcount: (r) => r.pfcount("a"),
    pfmerge: (r) => r.pfmerge("a", "b"),
  }),
  ...rows("has no bitmaps: use SETRANGE and GETRANGE, or sets", {
    bitcount: (r) => r.bitcount("a", 0, -1),
    bitfield: (r) => r.bitfield("a").get("u4", 0).exec(),
    bitop: (r) => r.bitop("not", "b", "a"),
    bitpos: (r) => r.bitpos("a", 1),
    getbit: (r) => r.getbit("a", 1),
    setbit: (r) => r.setbit("a", 1, 1),
  }),
  ...rows("has no times of fields: EXPIRE the name, or HGET and HDEL between MULTI and EXEC", {
    hexpire: (r) => r.hexpire("a", "f", 1),
    hexpireat: (r) => r.hexpireat("a", "f", 1),
    hexpiretime: (r) => r.hexpiretime("a", "f"),
    hgetdel: (r) => r.hgetdel("a", "f"),
    hgetex: (r) => r.hgetex("a", { ex: 1 }, "f"),
    hpersist: (r) => r.hpersist("a", "f"),
    hpexpire: (r) => r.hpexpire("a", "f", 1),
    hpexpireat: (r) => r.hpexpireat("a", "f", 1),
    hpexpiretime: (r) => r.hpexpiretime("a", "f"),
    hpttl: (r) => r.hpttl("a", "f"),
    hsetex: (r) => r.hsetex("a", { expiration: { ex: 1 } }, { f: 1 }),
    httl: (r) => r.httl("a", "f"),
  }),
  ...rows("has no JSON documents: SET the whole text, or keep the fields in a hash", {
    json: (r) => r.json.get("a"),
    "json.set": (r) => r.json.set("a", "$", { b: 1 }),
  }),
  ...rows("has no arrays by index: use lists and hashes", {
    arcount: (r) => r.arcount("a"),
    ardel: (r) => r.ardel("a", 1),
    ardelrange: (r) => r.ardelrange("a", [1, 2]),
    arget: (r) => r.arget("a", 1),
    argetrange: (r) => r.argetrange("a", 0, 1),
    argrep: (r) => r.argrep("a", 0, 1, { predicates: [{ exact: "x" }] } as never),
    arinfo: (r) => r.arinfo("a"),
    arinsert: (r) => r.arinsert("a", 1),
    arlastitems: (r) => r.arlastitems("a", 1),
    arlen: (r) => r.arlen("a"),
    armget: (r) => r.armget("a", 1),
    armset: (r) => r.armset("a", { 1: "x" }),
    arnext: (r) => r.arnext("a"),
    arop: (r) => r.arop("a", 0, 1, { type: "sum" } as never),
    arring: (r) => r.arring("a", 1, "x"),
    arscan: (r) => r.arscan("a", 0, 1),
    arseek: (r) => r.arseek("a", 1),
    arset: (r) => r.arset("a", 1, "x"),
  }),
  ...rows("has no indexes to search: keep sets and sorted sets of what is looked for", {
    search: (r) => r.search.alias.list(),
    vector: (r) => r.vector.index("i").info(),
  }),
];
