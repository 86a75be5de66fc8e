/**
 * How many elements one call looks at: the last number that it does, and one past.
 * Invariant: a call that would look at more is refused with what to do, and changes nothing.
 */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { RedisReply } from "../../src/contract/redis.ts";
import { command, replyOf } from "./commands.ts";
import { EngineRig } from "./rig.ts";

const most = limits.redisElementsSeenMax;
const atOnce = limits.redisElementsPerCallMax;

/** A queue in which each of these names has as many elements as one call looks at. */
async function filled(): Promise<(line: string) => Promise<RedisReply>> {
  const rig = await EngineRig.registered();
  const perform = async (calls: string[][]): Promise<readonly RedisReply[]> => {
    const { replies } = replyOf(
      "redis.run",
      await rig.engine.submit(command("redis.run", { calls })),
    );
    return replies ?? [];
  };
  const elements = Array.from({ length: most }, (_, i) => `m${String(i).padStart(6, "0")}`);
  for (let at = 0; at < most; at += atOnce) {
    const some = elements.slice(at, at + atOnce);
    await perform([["SADD", "set", ...some]]);
    await perform([["RPUSH", "list", ...some]]);
    await perform([["HSET", "hash", ...some.flatMap((each) => [each, "1"])]]);
    await perform([["ZADD", "scores", ...some.flatMap((each, i) => [String((at + i) % 7), each])]]);
  }
  return async (line) => (await perform([line.split(" ")]))[0] ?? null;
}

/** Whether it was refused for what it would look at. */
const isRefused = (reply: RedisReply): boolean =>
  JSON.stringify(reply).includes(`would look at more than ${most} elements: do it in parts`);

describe("a call that looks at elements", async () => {
  const perform = await filled();
  const more = ["SADD set more", "RPUSH list more", "HSET hash more 1", "ZADD scores 9 more"];
  const less = ["SREM set more", "RPOP list", "HDEL hash more", "ZREM scores more"];
  const all = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines) await perform(line);
  };

  it.each([
    "SMEMBERS set",
    "SINTER set set",
    "SUNION set",
    "SDIFF set absent",
    `SRANDMEMBER set ${most - atOnce}`,
    "HKEYS hash",
    "HVALS hash",
    "LPOS list absent",
    "LREM list 0 absent",
    "LINSERT list BEFORE absent x",
    "ZRANGE scores 0 -1",
    "ZLEXCOUNT scores - +",
    "ZUNION 1 scores",
  ])("%s: looks at so many, and at no more", async (line) => {
    expect(isRefused(await perform(line))).toBe(false);
    await all(more);
    expect(isRefused(await perform(line))).toBe(true);
    await all(less);
    expect(isRefused(await perform(line))).toBe(false);
  });
});

describe("RANDOMKEY", () => {
  it("does not say that there is no name where more rows than it looks at are over", async () => {
    const rig = await EngineRig.registered();
    const perform = async (calls: string[][]): Promise<readonly RedisReply[]> => {
      const request = command("redis.run", { calls });
      return replyOf("redis.run", await rig.engine.submit(request)).replies ?? [];
    };
    const names = Array.from({ length: 1000 }, (_, i) => `n${i}-`);
    for (let at = 0; at <= most; at += names.length)
      await perform(names.map((name) => ["SET", `${name}${at}`, "v", "PX", "3600000"]));
    await perform([["SET", "alone", "v"]]);
    rig.now += 3_600_000;
    const replies = await perform(names.slice(0, 20).map(() => ["RANDOMKEY"]));
    const tooMany = { error: expect.stringContaining("are being removed, ask again") };
    expect(replies.filter((reply) => reply !== "alone")).toContainEqual(tooMany);
    expect(replies).not.toContain(null);
  }, 60_000);
});
