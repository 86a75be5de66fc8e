/**
 * How many bytes the calls of a run look at and write once more: the last that they do, and one past.
 * Invariant: what is refused for its bytes has changed nothing, and is not read to its end.
 */
import { afterEach, describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { changing } from "../simulation/small.ts";
import { one, run, runAtomic } from "./name-rig.ts";

const usual = { ...limits };
afterEach(() => {
  Object.assign(changing, usual);
});

/** What an element or a reply counts beside its text. */
const BESIDE = 16;
const LENGTH = 100;
const COUNT = 20;
const text = (i: number): string => String(i).padEnd(LENGTH, "x");
const texts = Array.from({ length: COUNT }, (_, i) => text(i));

/** A queue with collections of so many elements, each of so many bytes. */
async function queueWithAll(): Promise<Harness> {
  const queue = await openEngine({ config: {} });
  await run(
    queue,
    ["RPUSH", "list", ...texts],
    ["HSET", "hash", ...texts.flatMap((each, i) => [`f${i}`, each])],
    ["SADD", "set", ...texts],
    ["SADD", "other", ...texts],
    ["ZADD", "zset", ...texts.flatMap((each) => ["1", each])],
    ["ZADD", "apart", ...texts.flatMap((each, i) => [String(i), each])],
    "SET small 1",
  );
  return queue;
}

const tooMuch = (does: string) => ({ error: expect.stringContaining(`would ${does} more than`) });
const lookedAt = tooMuch("look at");

describe("what a call looks at", () => {
  const all = COUNT * (LENGTH + BESIDE);
  const withScores = all + COUNT * (1 + BESIDE);
  const withNames =
    all + Array.from(texts, (_, i) => `f${i}`).reduce((n, f) => n + f.length + BESIDE, 0);

  it.each([
    ["LPOS list absent", all],
    ["LREM list 0 absent", all],
    ["LINSERT list BEFORE absent x", all],
    ["LRANGE list 0 -1", all],
    ["SMEMBERS set", all],
    ["SUNION set", all],
    ["SINTER set other", 2 * all],
    ["SDIFF set absent", all],
    ["SINTERCARD 2 set other", 2 * all],
    ["SUNIONSTORE to set", all],
    ["SRANDMEMBER set -3", all],
    ["SPOP set 20", all],
    ["SSCAN set 0 COUNT 100", all],
    ["HGETALL hash", withNames],
    ["HVALS hash", withNames],
    ["HSCAN hash 0 COUNT 100 MATCH absent", withNames],
    ["ZRANGE zset 0 -1", all],
    ["ZRANGEBYSCORE zset 1 1", all],
    ["ZREVRANGEBYLEX zset + -", all + 2 * (LENGTH + BESIDE)],
    ["ZLEXCOUNT apart - +", all + 2 * (LENGTH + BESIDE)],
    ["ZRANGESTORE to zset 0 -1", all],
    ["ZREMRANGEBYSCORE apart 1 99", all - (LENGTH + BESIDE)],
    ["ZUNION 1 zset", all],
    ["ZINTERSTORE to 2 zset set", 2 * all],
    ["ZDIFF 2 zset absent", all],
    ["ZRANDMEMBER zset -3", withScores],
    ["ZSCAN zset 0 COUNT 100", withScores],
    ["ZPOPMIN zset 20", all],
  ])("%s: is so many bytes, and no more", async (line, bytes) => {
    const queue = await queueWithAll();
    changing.redisBytesSeenMax = bytes - 1;
    expect(await one(queue, line)).toEqual(lookedAt);
    changing.redisBytesSeenMax = bytes;
    expect(await one(queue, line)).not.toEqual(lookedAt);
  });

  it("is counted of names that EXISTS is asked for again and again", async () => {
    const queue = await openEngine({ config: {} });
    await run(queue, ["SET", "a", text(1)], ["SET", "b", text(2)]);
    const many = ["EXISTS", ...Array<string>(COUNT / 2).fill("a"), ...Array(COUNT / 2).fill("b")];
    changing.redisBytesSeenMax = all;
    expect(await one(queue, many)).toBe(COUNT);
    changing.redisBytesSeenMax = all - 1;
    expect(await one(queue, many)).toEqual(lookedAt);
  });

  it.each([
    ["TYPE s0", 1],
    ["STRLEN s0", 1],
    ["TTL s0", 1],
    ["OBJECT ENCODING s0", 1],
    ["EXPIRE s0 100", 1],
    ["PERSIST s0", 1],
    ["GETRANGE s0 0 0", 1],
    ["SETNX s0 x", 1],
    ["SET s0 x", 1],
    ["LPUSH s0 x", 1],
    ["RENAME s0 s1", 1],
    ["RENAMENX s0 s1", 2],
    ["DEL s0 s1 s0 s2", 3],
    ["MSET s0 x s1 x s2 x", 3],
    ["MSETNX absent x s0 x", 1],
  ])("is all of a string, also where little is asked of it: %s", async (line, strings) => {
    const queue = await openEngine({ config: {} });
    await run(queue, ...[0, 1, 2].map((i) => ["SET", `s${i}`, text(i)]));
    const before = queue.store.last.index;
    changing.redisBytesSeenMax = strings * (LENGTH + BESIDE) - 1;
    expect(await one(queue, line)).toEqual(lookedAt);
    expect(queue.store.last.index).toBe(before);
    changing.redisBytesSeenMax = strings * (LENGTH + BESIDE);
    expect(await one(queue, line)).not.toEqual(lookedAt);
  });

  it.each(["HEXISTS hash f0", "HSTRLEN hash f0", "HSETNX hash f0 x"])(
    "is all of a field's value, also where little is asked of it: %s",
    async (line) => {
      const queue = await queueWithAll();
      changing.redisBytesSeenMax = LENGTH + BESIDE - 1;
      expect(await one(queue, line)).toEqual(lookedAt);
      changing.redisBytesSeenMax = LENGTH + BESIDE;
      expect(await one(queue, line)).not.toEqual(lookedAt);
    },
  );

  it("is counted of the values that HSET and HDEL find", async () => {
    const queue = await queueWithAll();
    const fields = texts.map((_, i) => `f${i}`);
    changing.redisBytesSeenMax = all - 1;
    const pairs = fields.flatMap((field) => [field, "1"]);
    expect(await one(queue, ["HSET", "hash", ...pairs])).toEqual(lookedAt);
    expect(await one(queue, ["HDEL", "hash", ...fields])).toEqual(lookedAt);
    changing.redisBytesSeenMax = all;
    expect(await one(queue, ["HDEL", "hash", ...fields])).toBe(COUNT);
  });

  it("is nothing of the values of a hash where only its fields are asked for", async () => {
    const queue = await queueWithAll();
    changing.redisBytesSeenMax = withNames - all;
    expect(await one(queue, "HKEYS hash")).toHaveLength(COUNT);
    expect(await one(queue, "HRANDFIELD hash -50")).toHaveLength(50);
    expect(await one(queue, "HRANDFIELD hash 2 WITHVALUES")).toHaveProperty("pairs.length", 2);
    expect(await one(queue, "HLEN hash")).toBe(COUNT);
    changing.redisBytesSeenMax -= 1;
    expect(await one(queue, "HKEYS hash")).toEqual(lookedAt);
  });
});

describe("what a call writes once more", () => {
  const each = 2 * limits.redisMovedBytesLeast;
  const large = (i: number): string => String(i).padEnd(each, "x");
  const ten = Array.from({ length: 10 }, (_, i) => large(i));
  const moved = tooMuch("copy or move");

  it.each([
    ["a string", ["SET", "x", "v".repeat(10 * each)], 10 * each],
    ["a list", ["RPUSH", "x", ...ten], 10 * each],
    ["a set", ["SADD", "x", ...ten], 10 * each],
    ["a hash", ["HSET", "x", ...ten.flatMap((v, i) => [`f${i}`, v])], 10 * (2 + each)],
    ["a sorted set", ["ZADD", "x", ...ten.flatMap((m) => ["1", m])], 10 * (1 + each)],
    ["a set of short members", ["SADD", "x", "a", "b"], 2 * limits.redisMovedBytesLeast],
  ])("is a copy of %s, of so many bytes and no more", async (_, make, bytes) => {
    const queue = await openEngine({ config: {} });
    await one(queue, make);
    changing.redisBytesMovedMax = bytes - 1;
    expect(await run(queue, "COPY x y")).toEqual([moved]);
    expect(await run(queue, "EXISTS y")).toEqual([0]);
    changing.redisBytesMovedMax = bytes;
    expect(await one(queue, "COPY x y")).toBe(1);
  });

  it.each([
    ["SETRANGE x 0 V", each],
    ["APPEND x V", each + 1],
  ])("is a string of which a part changes: %s", async (line, reply) => {
    const queue = await openEngine({ config: {} });
    await run(queue, ["SET", "x", "v".repeat(each)]);
    const bytes = line.startsWith("APPEND") ? each + 1 : each;
    changing.redisBytesMovedMax = bytes - 1;
    const { index } = queue.store.last;
    expect(await one(queue, line)).toEqual(moved);
    expect(queue.store.last.index).toBe(index);
    changing.redisBytesMovedMax = bytes;
    expect(await one(queue, line)).toEqual(reply);
  });

  it.each([
    ["LINSERT list BEFORE pivot x", 3],
    ["LINSERT list AFTER pivot x", 4],
    ["LINSERT list BEFORE last x", 2],
    ["LREM list 1 pivot", 3],
    ["LREM list 1 last", 1],
    ["LTRIM list 2 5", 4],
    ["LTRIM list 1 -1", 0],
    ["LREM list 0 same", 2],
  ])("is in the middle of a list what has another place behind it: %s", async (line, count) => {
    const queue = await openEngine({ config: {} });
    const named = { 3: "pivot", 7: "last" } as Record<number, string>;
    const items = Array.from({ length: 9 }, (_, i) => (named[i] ?? "same").padEnd(each, "_"));
    await one(queue, ["RPUSH", "list", ...items]);
    const words = line
      .split(" ")
      .map((word) => (/pivot|last|same/.test(word) ? word.padEnd(each, "_") : word));
    changing.redisBytesMovedMax = count * each - 1;
    if (count > 0) expect(await one(queue, words)).toEqual(moved);
    expect(await one(queue, "LRANGE list 0 -1")).toEqual(items);
    changing.redisBytesMovedMax = count * each;
    expect(await one(queue, words)).not.toEqual(moved);
    expect(await one(queue, "LRANGE list 0 -1")).not.toEqual(items);
  });

  it.each([
    ["LTRIM list 3 -1", 3],
    ["LTRIM list 0 -4", 3],
    ["LTRIM list 2 -3", 4],
  ])(
    "is not what goes from the ends of a list, of which so much may go at once: %s",
    async (line, gone) => {
      const queue = await queueWithAll();
      changing.redisBytesFreedMax = gone * LENGTH - 1;
      expect(await one(queue, line)).toEqual(tooMuch("remove"));
      expect(await one(queue, "LLEN list")).toBe(COUNT);
      changing.redisBytesFreedMax = gone * LENGTH;
      expect(await one(queue, line)).toEqual({ ok: "OK" });
      expect(await one(queue, "LLEN list")).toBe(COUNT - gone);
    },
  );

  it.each([
    "SUNIONSTORE to set",
    "ZRANGESTORE to zset 0 -1",
    "ZINTERSTORE to 2 zset set",
    "ZREMRANGEBYRANK apart 0 -2",
  ])("is of what is found as much as an entry holds: %s", async (line) => {
    const queue = await queueWithAll();
    const bytes = (line.startsWith("ZREM") ? COUNT - 1 : COUNT) * LENGTH;
    changing.entryBytesMax = bytes - 1;
    expect(await one(queue, line)).toEqual(tooMuch("change"));
    expect(await run(queue, "EXISTS to", "ZCARD apart")).toEqual([0, COUNT]);
    changing.entryBytesMax = bytes + 1000;
    expect(await one(queue, line)).toBe(bytes / LENGTH);
  });
});

describe("a run", () => {
  const look = "LPOS list absent";
  const bytes = COUNT * (LENGTH + BESIDE);

  it("ends before the call for which the others have looked at too much, or have copied too much", async () => {
    const queue = await queueWithAll();
    changing.redisBytesSeenMax = 2 * bytes;
    expect(await run(queue, look, look, look, "INCR small")).toEqual([null, null]);
    changing.redisBytesMovedMax = 2 * COUNT * limits.redisMovedBytesLeast;
    Object.assign(changing, { redisBytesSeenMax: usual.redisBytesSeenMax });
    const copies = ["COPY list l1", "COPY list l2", "COPY list l3", "INCR small"];
    expect(await run(queue, ...copies)).toEqual([1, 1]);
    expect(await run(queue, "EXISTS l1 l2 l3", "GET small")).toEqual([2, "1"]);
  });

  it("ends behind a call that errs because it is too much alone: those behind it are performed once", async () => {
    const queue = await queueWithAll();
    changing.redisBytesSeenMax = bytes - 1;
    expect(await run(queue, look, "INCR small")).toEqual([lookedAt]);
    Object.assign(changing, usual);
    changing.redisReplyBytesMax = bytes - 1;
    const replies = { error: expect.stringContaining("the replies would be over") };
    expect(await run(queue, "LRANGE list 0 -1", "INCR small")).toEqual([replies]);
    expect(await one(queue, "GET small")).toBe("1");
  });

  it("is refused whole where its calls are one, and leaves nothing of what they did", async () => {
    const queue = await queueWithAll();
    const refused = async (...lines: string[]) =>
      queue.refused("redis.run", { calls: lines.map((line) => line.split(" ")), atomic: true });
    const { index } = queue.store.last;
    changing.redisBytesMovedMax = 2 * COUNT * limits.redisMovedBytesLeast;
    expect(
      await refused("COPY list l1", "INCR small", "COPY list l2", "COPY list l3"),
    ).toMatchObject({
      refusalCode: "entry_too_large",
      detail: expect.stringContaining("'copy' would copy or move more than"),
    });
    changing.redisBytesSeenMax = 2 * bytes;
    expect(await refused("INCR small", look, look, look)).toMatchObject({
      refusalCode: "entry_too_large",
      detail: expect.stringContaining("'lpos' would look at more than"),
    });
    expect(queue.store.last.index).toBe(index);
    Object.assign(changing, usual);
    expect(await run(queue, "EXISTS l1 l2 l3", "GET small")).toEqual([0, "1"]);
    expect(await runAtomic(queue, "COPY list l1", "INCR small")).toEqual([1, 2]);
  });
});
