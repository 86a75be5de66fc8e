/** How many elements and names the calls of a run change between them, and that a step of a scan is never too long. */
import { afterEach, describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { openEngine } from "../engine-harness.ts";
import { command, replyOf } from "../object/commands.ts";
import { CommitRig, turns } from "../object/rig.ts";
import { one, run } from "./name-rig.ts";

const changing = limits as { -readonly [L in keyof typeof limits]: number };
const before = { ...limits };
afterEach(() => {
  Object.assign(changing, before);
});

const numbered = (count: number, prefix = "m"): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

describe("what the calls of a transaction change", () => {
  const calls = (last: number) => [
    ["SADD", "s", ...numbered(4)],
    ["ZADD", "z", ...numbered(3).flatMap((member, i) => [String(i), member])],
    ["DEL", "absent"],
    ["HSET", "h", ...numbered(last).flatMap((field) => [field, "1"])],
  ];

  it("is so many elements and names, and no more: else nothing is done", async () => {
    const queue = await openEngine({ config: {} });
    changing.redisElementsPerRunMax = 10;
    const much = { calls: calls(3), atomic: true };
    expect(await queue.refused("redis.run", much)).toMatchObject({
      refusalCode: "entry_too_large",
      detail: expect.stringContaining("would change more than 10 elements"),
    });
    expect(await one(queue, "EXISTS s z h")).toBe(0);
    const { replies } = await queue.run("redis.run", { calls: calls(2), atomic: true });
    expect(replies).toEqual([4, 3, 0, 2]);
  });

  it("ends a run that may be divided: its next call begins the next one", async () => {
    const queue = await openEngine({ config: {} });
    changing.redisElementsPerRunMax = 10;
    const { replies } = await queue.run("redis.run", { calls: calls(3) });
    expect(replies).toEqual([4, 3, 0]);
  });

  it("lets others have their turn behind so many", async () => {
    changing.redisElementsAtOnceMax = 5;
    const rig = new CommitRig();
    const perform = (...some: string[][]) =>
      rig.committer.submit(command("redis.run", { calls: some }));
    const answer = await perform(...calls(3));
    expect(replyOf("redis.run", answer).replies).toEqual([4, 3]);
    const index = rig.store.last.index;
    // The next group waits until those who came meanwhile were heard.
    void perform(["SET", "x", "1"]);
    expect(rig.store.last.index).toBe(index);
    await turns();
    expect(rig.store.last.index).toBe(index + 1);
  });
});

it.each([
  ["MSET", (names: readonly string[]) => names.flatMap((name) => [name, "1"])],
  ["MSETNX", (names: readonly string[]) => names.flatMap((name) => [name, "1"])],
  ["DEL", (names: readonly string[]) => names],
  ["UNLINK", (names: readonly string[]) => names],
])("%s changes so many names at once, and no more", async (name, argumentsOf) => {
  const queue = await openEngine({ config: {} });
  changing.redisElementsPerCallMax = 20;
  const error = await one(queue, [name, ...argumentsOf(numbered(21))]);
  expect(JSON.stringify(error)).toContain("would change more than 20 elements: do it in parts");
  expect(await one(queue, ["EXISTS", ...numbered(21)])).toBe(0);
  expect(await one(queue, [name, ...argumentsOf(numbered(20))])).not.toHaveProperty("error");
});

it.each([
  ["SCAN 0", "SET"],
  ["SSCAN s 0", "SADD"],
  ["HSCAN h 0", "HSET"],
  ["ZSCAN z 0", "ZADD"],
])("a step of %s ends behind as many as one call looks at, whatever COUNT says", async (line) => {
  const queue = await openEngine({ config: {} });
  const all = numbered(50);
  await run(queue, ...all.map((name) => ["SET", name, "1"]), ["SADD", "s", ...all]);
  await run(queue, ["HSET", "h", ...all.flatMap((field) => [field, "1"])]);
  await run(queue, ["ZADD", "z", ...all.flatMap((member) => ["1", member])]);
  changing.redisElementsSeenMax = 20;
  const found = new Set<string>();
  let steps = 0;
  for (let cursor = "0"; steps === 0 || cursor !== "0"; steps += 1) {
    const words = line.replace(/0$/, cursor).split(" ");
    const reply = (await one(queue, [...words, "COUNT", "1000"])) as [string, string[]];
    for (const each of reply[1]) found.add(each);
    cursor = reply[0];
  }
  expect(steps).toBe(3);
  for (const each of all) expect(found).toContain(each);
});
