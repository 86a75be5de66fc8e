/**
 * Verifying names and what they name: damage to their tables is found, and is not let in.
 */
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { expectFound, expectSound, set, unset } from "./verify-rig.ts";

/** A queue with names of every type, of which some expire, and with elements and names that nothing leads to any more. */
async function namedQueue(): Promise<Harness> {
  const queue = await openEngine({ config: {} });
  const many = Array.from({ length: 700 }, (_, i) => `m${i}`);
  const before = [["SET", "old", "1", "PX", "99999"], ["SADD", "old-set", "a"], ["FLUSHALL"]];
  const calls = [
    ["SET", "s", "\0\xff"],
    ["SET", "timed", "é", "PX", "600000"],
    ["SET", "long", "\xff".repeat(limits.textInRowMax)],
    ["RPUSH", "l", "a", "b", "c", "d"],
    ["LPUSH", "l", "z"],
    ["HSET", "h", "f", "1", "\xff", "\0"],
    ["SADD", "e", "a", "b", "\0"],
    ["ZADD", "z", "1", "a", "-inf", "b", "2.5", "\xfe"],
    ["SADD", "big", ...many],
    ["SET", "gone", "1"],
    ["DEL", "gone", "big"],
  ];
  await queue.run("redis.run", { calls: [...before, ...calls] });
  const filling = Array.from({ length: 200 }, (_, i) => [
    "HSET",
    "filling",
    `f${i}`,
    "v".repeat(99),
  ]);
  await queue.run("redis.run", { calls: filling });
  return queue;
}

const apart = "value ->> 'contentAt' IS NOT NULL";
const type = (name: string) => `value ->> 'type' = '${name}'`;

describe("a verification of names", () => {
  it("finds nothing wrong with a sound queue, in however many steps", async () => {
    const queue = await namedQueue();
    await expectSound(queue);
    await queue.advance(700_000);
    await expectSound(queue);
  });

  it.each([
    ["a lost name", `DELETE FROM names WHERE ${type("list")}`, "elements:"],
    ["a lost string", `DELETE FROM names WHERE ${type("string")}`, "keyspaces:"],
    [
      "a string without a value",
      `UPDATE names SET content = NULL WHERE ${type("string")}`,
      "value",
    ],
    ["a lost long string", "DELETE FROM long_strings", "long_strings:"],
    ["a long string that is gone", "UPDATE long_strings SET content = NULL", "the string is gone"],
    ["a long string of another size", "UPDATE long_strings SET content = 'x'", "long_strings:"],
    ["another size of it", set("names", "contentBytes", 7, apart), "long_strings:"],
    ["a long string of no size", unset("names", "contentBytes", apart), "the size alone"],
    ["a long string of no name", "UPDATE long_strings SET number = number + 1", "long_strings:"],
    ["a string of a later version", set("names", "contentAt", 9_999, apart), "of a later version"],
    ["a string in two places", `UPDATE names SET content = 'x' WHERE ${apart}`, "or of two"],
    ["a wrong size", set("names", "size", 9, type("hash")), "elements:"],
    ["no size", unset("names", "size", type("hash")), "of undefined elements"],
    ["another type", set("names", "type", "set", type("hash")), "elements:"],
    ["no type", set("names", "type", "tree", type("hash")), "it is of type tree"],
    ["another head", set("names", "head", 5, type("list")), "do not stand from 5"],
    ["a lost time", "DELETE FROM name_expiries", "name_expiries:"],
    ["another time", "UPDATE name_expiries SET until = until + 1", "name_expiries:"],
    ["a time that is no more", unset("names", "until", type("string")), "name_expiries:"],
    ["another hash", "UPDATE names SET hash = hash + 1", "it stands by hash"],
    ["a gap in a list", "UPDATE list_items SET position = position + 1 WHERE content = 'd'", "gap"],
    ["a lost element", "DELETE FROM hash_fields WHERE field = x'66'", "elements:"],
    ["a lost member", "DELETE FROM set_members WHERE member = x'61'", "elements:"],
    ["a member of another hash", "UPDATE set_members SET hash = 1 WHERE member = x'61'", "hash 1"],
    ["a lost place", "DELETE FROM zset_scores WHERE member = x'61'", "zset_scores:"],
    ["another score", set("zset_members", "score", 7, "member = x'61'"), "zset_scores:"],
    ["lost leavings", `DELETE FROM generations WHERE ${type("set")}`, "elements:"],
    ["leavings miscounted", set("generations", "size", 3), "elements:"],
    ["names miscounted", set("keyspace", "names", 70), "keyspaces:"],
    ["a version to come", set("name_removals", "version", 9e9), "The last version is"],
    ["a generation to come", set("keyspace", "gen", 1), "The last generation is 1"],
  ])("finds %s", async (_, damage, told) => {
    await expectFound(await namedQueue(), [damage], "I11", told);
  });

  it("does not open a store whose names are all gone, and are counted", async () => {
    const queue = await namedQueue();
    await queue.run("queue.checkpoint", {});
    queue.sql.run("DELETE FROM names");
    await queue.crash();
    const refusal = await queue.refused("redis.run", { calls: [["GET", "s"]] });
    expect(refusal).toMatchObject({ refusalCode: "store_corrupt" });
  });
});
