/**
 * What a real redis-server was seen to answer where one would think otherwise, each from a seed of the comparison.
 */
import { expect, it } from "vitest";
import { openEngine } from "../engine-harness.ts";

/** The replies to calls, each a line of words. */
async function replies(...lines: readonly string[]) {
  const queue = await openEngine({ config: {} });
  return (await queue.run("redis.run", { calls: lines.map((line) => line.split(" ")) })).replies;
}

it("passes over members without a look at the end of a range by member, where their scores differ", async () => {
  const range = "ZRANGE z - (c BYLEX";
  expect(await replies("ZADD z 1 a 2 x 3 9 4 b", range, `${range} LIMIT 2 -2`)).toEqual([
    4,
    ["a"],
    ["9", "b"],
  ]);
});

it("takes a score that is an option's word for the option", async () => {
  expect(await replies("ZINCRBY z NX m")).toEqual([{ error: "ERR syntax error" }]);
});

it("cuts nothing out of a string from the last integer but one to the last, which are the same double", async () => {
  expect(
    await replies("SET k abc", "GETRANGE k -9223372036854775807 -9223372036854775808"),
  ).toEqual([{ ok: "OK" }, ""]);
});

it("helps with OBJECT", async () => {
  const [help, more] = (await replies("OBJECT HELP", "OBJECT help x")) ?? [];
  expect(help).toHaveLength(15);
  expect(help).toContainEqual({ ok: "ENCODING <key>" });
  expect(more).toEqual({ error: "ERR wrong number of arguments for 'object|help' command" });
});
