/**
 * What lists and operations over many jobs find of those with a key, and of those that failed.
 * Invariant: each test stands for a way in which one could be missed, or met though it was not meant.
 */
import { describe, expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";

describe("dead letters", () => {
  const failures = async () => {
    const q = await openEngine();
    for (const [id, error] of [
      ["a", "Timeout"],
      ["b", "timeout of 5 s"],
    ] as const) {
      await q.enqueue({ id, key: id });
      const { token } = await q.claimOne();
      await q.settle({ op: "fail", id, token, error, retryable: false });
    }
    return q;
  };

  test("are run again as far as a filter means them, and an error is meant as it is written", async () => {
    const q = await failures();
    await q.run("job.redrive", { error: "timeout" });
    expect([await q.ids("failed"), await q.ids("ready")]).toEqual([["a"], ["b"]]);
  });

  test("are discarded by ids as far as they have ended", async () => {
    const q = await failures();
    await q.enqueue({ id: "r" });
    await q.claimOne();
    const { operation } = await q.run("job.discard", { ids: ["a", "r"] });
    expect(operation).toMatchObject({ examined: 2, changed: 1 });
    expect(await q.ids()).toEqual(["b", "r"]);
  });
});

test("a list of ready jobs, and a purge, pass over none with a key", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", key: "k" });
  await q.enqueue({ id: "n" });
  expect(await q.ids("ready")).toEqual(["n", "a"]);
  await q.run("queue.purge", { states: ["ready"] });
  expect(await q.ids()).toEqual([]);
});

test("a list of the ready jobs of one key has them in their order, whatever they require", async () => {
  const q = await openEngine();
  for (const [id, requires] of [
    ["a", ["x"]],
    ["b", []],
    ["c", ["x"]],
  ] as const) {
    await q.enqueue({ id, key: "k", requires: [...requires] });
  }
  const pages: string[] = [];
  let cursor: string | undefined;
  do {
    const of = { state: "ready", key: "k", limit: 1, ...(cursor && { cursor }) } as const;
    const page = await q.run("job.list", of);
    pages.push(...page.jobs.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  expect(pages).toEqual(["a", "b", "c"]);
});
