/**
 * Versions of names, for WATCH: others whenever a name has changed, wherever it came from, and what a run does that watches them.
 */
import { describe, expect, it } from "vitest";
import { type Harness, openEngine } from "../engine-harness.ts";
import { exported, imported } from "../object/snapshot-rig.ts";
import { one, run, words } from "./name-rig.ts";

const versionOf = async (queue: Harness, name: string): Promise<number> =>
  (await queue.run("redis.versions", { names: [name] })).versions[0] ?? -1;

describe("the version of a name", () => {
  it.each([
    ["its value changes", "SET a 1", "SET a 2"],
    ["it comes to be", "SET other 1", "SET a 1"],
    ["it is deleted", "SET a 1", "DEL a"],
    ["it is deleted and made again", "SET a 1", "DEL a", "SET a 1"],
    ["it is made and deleted again", "SET other 1", "SET a 1", "DEL a"],
    ["its time changes", "SET a 1", "PEXPIRE a 9"],
    ["an element changes", "RPUSH a 1", "LSET a 0 2"],
    ["all names go", "SET a 1", "FLUSHALL"],
  ])("is another one when %s", async (_, before, ...changes) => {
    const queue = await openEngine({ config: {} });
    await one(queue, before);
    const version = await versionOf(queue, "a");
    await run(queue, ...changes);
    expect(await versionOf(queue, "a")).not.toBe(version);
  });

  it("is another one when its time is over, and stays that one when it is swept", async () => {
    const queue = await openEngine({ config: {} });
    await one(queue, "SET a 1 PX 10");
    const version = await versionOf(queue, "a");
    queue.now += 10;
    const over = await versionOf(queue, "a");
    expect(over).not.toBe(version);
    await queue.advance(0);
    expect(await versionOf(queue, "a")).toBe(over);
  });

  it("stays when other names change, and when the name is read", async () => {
    const queue = await openEngine({ config: {} });
    await one(queue, "SET a 1");
    const version = await versionOf(queue, "a");
    await run(queue, "SET b 1", "DEL b", "GET a", "LPUSH a x", "SETNX a 2");
    expect(await versionOf(queue, "a")).toBe(version);
  });
});

describe("the version of a name that comes from elsewhere", () => {
  it("is another one when a state was imported over it, though as much has changed since", async () => {
    const source = await openEngine({ config: {} });
    await one(source, "SET a 1");
    const file = await exported(source);
    const queue = await openEngine({ config: {} });
    await run(queue, "SET a 1", "SET a 2");
    const watched = [{ name: "a", version: await versionOf(queue, "a") }];
    await imported(queue, file, true);
    await one(queue, "SET a 3");
    const calls = [words("SET a 4")];
    expect(await queue.run("redis.run", { calls, atomic: true, watched })).toEqual({
      replies: null,
    });
  });

  it("is another one in a queue that was deleted and made anew", async () => {
    const queue = await openEngine({ config: {} });
    await one(queue, "SET a 1");
    const version = await versionOf(queue, "a");
    await queue.run("queue.delete", { force: "true" });
    await queue.run("queue.configure", {});
    await one(queue, "SET a 2");
    expect(await versionOf(queue, "a")).not.toBe(version);
  });
});

describe("a run that watches names", () => {
  it("is not done when a watched name has changed, and is done when none has", async () => {
    const queue = await openEngine({ config: {} });
    await one(queue, "SET a 1");
    const watched = [{ name: "a", version: await versionOf(queue, "a") }];
    const calls = [words("INCR a")];
    const done = await queue.run("redis.run", { calls, atomic: true, watched });
    expect(done).toEqual({ replies: [2] });
    expect(await queue.run("redis.run", { calls, atomic: true, watched })).toEqual({
      replies: null,
    });
    expect(await one(queue, "GET a")).toBe("2");
  });
});
