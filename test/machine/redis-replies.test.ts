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
    const { replies } = await queue.run("redis.run", { calls, enoughBytes: enough });
    expect(replies, `enough: ${enough}`).toHaveLength(answered);
  }
  expect(await one(queue, "GET n")).toBe("1");
});

it("performs all that are one, however much they answer", async () => {
  const queue = await openEngine({ config: {} });
  await run(queue, "SET a xxxx", "SET n 0");
  const calls = [
    ["GET", "a"],
    ["INCR", "n"],
  ];
  const { replies } = await queue.run("redis.run", { calls, atomic: true, enoughBytes: 0 });
  expect(replies).toEqual(["xxxx", 1]);
});
