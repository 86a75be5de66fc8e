/**
 * Unions, intersections and differences of sets and sorted sets: what they look at, and scores beside infinite ones.
 */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { one, run } from "./name-rig.ts";

const numbered = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`);

const MEMBERS = 2000;
const OTHERS = limits.redisElementsSeenMax / MEMBERS + 2;
const members = numbered(MEMBERS, "m");
const small = numbered(OTHERS, "small");

/** A set of many members, and others that have one of these each. */
async function queueWithSets(): Promise<Harness> {
  const queue = await openEngine({ config: {} });
  await run(queue, ["SADD", "big", ...members]);
  await run(queue, ...small.map((name, i) => `SADD ${name} m${i}`));
  return queue;
}

const countOf = (words: readonly string[]): string => String(words.length);

describe("a combination of many sets", () => {
  it("takes small ones away from a large one without a look at each of its members in each", async () => {
    const queue = await queueWithSets();
    const [sdiff, zdiff] = await run(
      queue,
      ["SDIFF", "big", ...small],
      ["ZDIFF", String(OTHERS + 1), "big", ...small],
    );
    const left = members.slice(OTHERS).sort();
    expect([...(sdiff as { set: string[] }).set].sort()).toEqual(left);
    expect([...(zdiff as string[])].sort()).toEqual(left);
  });

  it("looks once at a set that is named many times", async () => {
    const queue = await queueWithSets();
    const same = Array.from({ length: 500 }, () => "big");
    expect(
      await run(
        queue,
        ["SINTERCARD", countOf(same), ...same],
        ["ZINTERCARD", countOf(same), ...same],
        ["SDIFF", ...same],
        ["ZDIFF", countOf(same), ...same],
        ["SUNIONSTORE", "to", ...same],
        ["SDIFFSTORE", "to", "big", ...same.map(() => "small0")],
      ),
    ).toEqual([MEMBERS, MEMBERS, { set: [] }, [], MEMBERS, MEMBERS - 1]);
  });
});

describe("a score that is zero times infinity", () => {
  const queueWithScores = async (): Promise<Harness> => {
    const queue = await openEngine({ config: {} });
    await run(queue, "ZADD z1 5 a 1 b", "ZADD z2 inf a -inf b", "ZADD z3 0 a", "SADD s a");
    return queue;
  };

  it.each([
    ["ZINTER 2 z1 z2 WEIGHTS 1 0", { a: "0", b: "0" }],
    ["ZINTER 2 z1 z2 WEIGHTS 1 0 AGGREGATE MIN", { b: "1", a: "5" }],
    ["ZINTER 2 z1 z2 WEIGHTS 1 0 AGGREGATE MAX", { b: "1", a: "5" }],
    ["ZINTER 2 s z3 WEIGHTS 1 inf", { a: "0" }],
    ["ZINTER 2 s z3 WEIGHTS 1 inf AGGREGATE MIN", { a: "1" }],
    ["ZINTER 2 z2 z1 WEIGHTS 0 1 AGGREGATE MIN", { a: "0", b: "0" }],
    ["ZUNION 2 z1 z2 WEIGHTS 1 0", { b: "1", a: "5" }],
    ["ZUNION 2 z1 z2 WEIGHTS 1 0 AGGREGATE MIN", { a: "0", b: "0" }],
  ])("is what it is to Redis: %s", async (line, scores) => {
    const queue = await queueWithScores();
    const pairs = Object.entries(scores).map(([member, double]) => [member, { double }]);
    expect(await one(queue, `${line} WITHSCORES`)).toEqual({ pairs });
  });

  it("is stored as it is told", async () => {
    const queue = await queueWithScores();
    expect(
      await run(queue, "ZINTERSTORE d 2 s z3 WEIGHTS 1 inf AGGREGATE MIN", "ZSCORE d a"),
    ).toEqual([1, { double: "1" }]);
  });
});
