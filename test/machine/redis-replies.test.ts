/**
 * How much the replies of a run may be: all that a run may have, or less where it says so.
 */
import { expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { openEngine } from "../engine-harness.ts";
import { one, run } from "./name-rig.ts";

const tooLarge = { error: expect.stringContaining("the replies would be over") };

it("has a call err alone that has more of them, and those behind it are the next run", async () => {
  const queue = await openEngine({ config: {} });
  const value = "v".repeat(limits.redisValueBytesMax);
  await one(queue, ["SET", "a0", value]);
  const asked = ["MGET", ...Array<string>(9).fill("a0")];
  expect(await run(queue, asked, "GET a0", "GET a0")).toEqual([tooLarge]);
});

it("has nothing more performed behind enough of them", async () => {
  const queue = await openEngine({ config: {} });
  await run(queue, "SET a xxxx", "SET n 0");
  const get = ["GET", "a"];
  const calls = [get, get, ["INCR", "n"], get];
  // Each counts for 16 bytes more than its text.
  for (const [enough, answered] of [
    [20, 1],
    [21, 2],
    [40, 2],
    [41, 4],
    [0, 1],
  ] as const) {
    const replyBytes = { enough, most: limits.redisReplyBytesMax };
    const { replies } = await queue.run("redis.run", { calls, replyBytes });
    expect(replies, `enough: ${enough}`).toHaveLength(answered);
  }
  expect(await one(queue, "GET n")).toBe("1");
});

it("refuses what is longer than they may be, and does nothing of it", async () => {
  const queue = await openEngine({ config: {} });
  await run(queue, "RPUSH l a b c d");
  const pop = ["LPOP", "l", "4"];
  const runWith = async (most: number, atomic: boolean) => {
    const replyBytes = { enough: limits.redisReplyBytesMax, most };
    return (await queue.run("redis.run", { calls: [pop, ["LLEN", "l"]], atomic, replyBytes }))
      .replies;
  };
  const refused = {
    error:
      "ERR the replies would be over 67 bytes, while other clients do not take theirs: ask for less at once, or in steps with a cursor",
  };
  expect(await runWith(67, false)).toEqual([refused]);
  expect(await runWith(67, true)).toEqual([refused, 4]);
  expect(await runWith(68, false)).toEqual([["a", "b", "c", "d"], 0]);
});
