/**
 * What is read of collections that are heavier than memory.
 * Invariant: whatever is asked of them, no more is read than the bound of a call and one page behind it.
 */
import { describe, expect, it, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { RedisReply } from "../../src/contract/redis.ts";
import { command, replyOf } from "./commands.ts";
import { EngineRig } from "./rig.ts";

const value = "v".repeat(limits.redisValueBytesMax - 100);
const member = "m".repeat(limits.redisMemberBytesMax - 10);
const HEAVY = 60;
const MEMBERS = 1000;
const PAGE_BYTES = 32 * limits.redisValueBytesMax;

/** A queue whose values lie in storage: how a call is answered there, and how many bytes of texts and keys are read for it. */
async function heavyQueue() {
  const rig = await EngineRig.registered();
  const perform = async (words: string[]): Promise<RedisReply> => {
    const input = { calls: [words] };
    const { replies } = replyOf("redis.run", await rig.engine.submit(command("redis.run", input)));
    return replies?.[0] ?? null;
  };
  for (let i = 0; i < HEAVY; i += 1) {
    await perform(["HSET", "hash", `f${i}`, value]);
    await perform(["RPUSH", "list", value]);
    await perform(["SET", `s${i}`, value]);
  }
  for (let i = 0; i < MEMBERS; i += 20) {
    const some = Array.from({ length: 20 }, (_, j) => `${i + j}${member}`);
    await perform(["SADD", "set", ...some]);
    await perform(["ZADD", "zset", ...some.flatMap((each) => ["1", each])]);
  }
  await rig.engine.submit(command("queue.checkpoint", {}));
  const rows = rig.sql.rows.bind(rig.sql);
  let read = 0;
  vi.spyOn(rig.sql, "rows").mockImplementation(((...asked: Parameters<typeof rows>) => {
    const found = rows(...asked);
    for (const each of found.flat()) {
      if (typeof each === "string" || each instanceof Uint8Array) read += each.length;
    }
    return found;
  }) as typeof rows);
  return async (line: string) => {
    read = 0;
    const reply = await perform(line.split(" "));
    return { reply, read };
  };
}

const erring = (text: string) => ({ error: expect.stringContaining(text) });
const repliesOver = erring("the replies would be over");

describe("of a collection that is heavier than memory", async () => {
  const ask = await heavyQueue();

  it.each([
    "HGETALL hash",
    "HVALS hash",
    "HRANDFIELD hash 60 WITHVALUES",
    "LRANGE list 0 -1",
    "LPOP list 60",
    "SMEMBERS set",
    "SUNION set absent",
    "SPOP set 1000",
    "SRANDMEMBER set 1000",
    "ZRANGE zset 0 -1",
    "ZRANGEBYSCORE zset 1 1 WITHSCORES",
    "ZREVRANGE zset 0 -1",
    "ZPOPMAX zset 1000",
  ])("no more is read than a reply holds: %s", async (line) => {
    const { reply, read } = await ask(line);
    expect(reply).toEqual(repliesOver);
    expect(read).toBeLessThan(limits.redisReplyBytesMax + PAGE_BYTES);
  });

  it.each([
    "LPOS list absent",
    "LREM list 0 absent",
    "LINSERT list BEFORE absent x",
    "SINTERCARD 2 set set",
    "SDIFFSTORE to absent set",
    "ZUNION 1 zset",
    "ZINTER 2 zset set",
    "ZUNIONSTORE to 1 zset",
    "SRANDMEMBER set -900",
  ])("no more is read than a call looks at: %s", async (line) => {
    const { reply, read } = await ask(line);
    expect([erring("would look at more than"), 0, repliesOver]).toContainEqual(reply);
    expect(read).toBeLessThan(limits.redisBytesSeenMax + PAGE_BYTES);
  });

  it.each([
    ["COPY hash other", "would copy or move more than"],
    ["COPY list other", "would copy or move more than"],
    ["COPY set other", "would copy or move more than"],
    ["COPY zset other", "would copy or move more than"],
    ["LTRIM list 1 29", "would copy or move more than"],
    ["SUNIONSTORE to set", "would change more than"],
    ["ZRANGESTORE to zset 0 -1", "would change more than"],
    ["ZREMRANGEBYRANK zset 1 -1", "would change more than"],
  ])("no more is read than may be changed: %s", async (line, error) => {
    const { reply, read } = await ask(line);
    expect(reply).toEqual(erring(error));
    expect(read).toBeLessThan(limits.redisBytesSeenMax + PAGE_BYTES);
  });

  it.each([
    ["HKEYS hash", HEAVY],
    ["HRANDFIELD hash 60", HEAVY],
    ["HRANDFIELD hash -5", 5],
    ["KEYS s?*", HEAVY + 1],
  ])("no value is read where names are asked for: %s", async (line, count) => {
    const { reply, read } = await ask(line);
    expect(reply).toHaveLength(count);
    // Beside a name that is looked up the next one is read.
    expect(read).toBeLessThan(3 * value.length);
  });

  it("a scan of names reads no values, and a field that is drawn is read alone", async () => {
    expect((await ask("SCAN 0 COUNT 1000")).read).toBeLessThan(3 * value.length);
    const { reply, read } = await ask("HRANDFIELD hash 2 WITHVALUES");
    expect(reply).toHaveProperty("pairs.length", 2);
    expect(read).toBeLessThan(5 * value.length);
  });

  it.each([
    ["HSCAN hash", HEAVY, value.length, 2],
    ["SSCAN set", MEMBERS, member.length, 1],
    ["ZSCAN zset", MEMBERS, member.length, 2],
  ])(
    "%s tells in each step what a reply holds, whatever COUNT says",
    async (scan, all, bytes, width) => {
      const [verb, name] = scan.split(" ");
      const found = new Set<string>();
      let cursor = "0";
      let steps = 0;
      do {
        const { reply } = await ask(`${verb} ${name} ${cursor} COUNT 10000`);
        const [next, some] = reply as [string, string[]];
        for (const [i, each] of some.entries()) if (i % width === 0) found.add(each);
        cursor = next;
        steps += 1;
      } while (cursor !== "0");
      expect(found.size).toBe(all);
      const each = Math.floor(limits.redisReplyBytesMax / bytes);
      expect(steps).toBeGreaterThanOrEqual(Math.ceil(all / each));
      expect(steps).toBeLessThanOrEqual(Math.ceil(all / (each - 2)));
      const none = await ask(`${verb} ${name} 0 MATCH absent COUNT 10000`);
      expect(none.reply).toEqual([expect.not.stringMatching(/^0$/), []]);
      expect(none.read).toBeLessThan(limits.redisReplyBytesMax + PAGE_BYTES);
    },
  );
});
