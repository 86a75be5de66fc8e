/**
 * In what order operations go through jobs that wait for one another.
 * Invariant: none runs before one that it waits for and that runs again too, and none goes on because another one was purged.
 */
import { afterEach, describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { openEngine } from "../engine-harness.ts";
import { changing } from "../simulation/small.ts";
import { end, enqueueAll, enqueueMany, forGood, idsOf, take } from "./flow-rig.ts";

const { operationStepMax, releasedMax, sweepMax, sweepStepMax } = limits;
afterEach(() => {
  Object.assign(changing, { operationStepMax, releasedMax, sweepMax, sweepStepMax });
});

const parentAndChild = [{ id: "fetch" }, { id: "parse", after: [{ id: "fetch" }] }];

describe("a redrive opens a parent before those that wait for it", () => {
  test.each([
    [
      "in whatever order the states are named",
      { states: ["failed" as const, "cancelled" as const] },
    ],
    ["in whatever order the ids are named", { ids: ["parse", "fetch"] }],
  ])("%s", async (_, input) => {
    const q = await openEngine();
    await enqueueAll(q, parentAndChild);
    await q.run("job.cancel", { id: "fetch" });
    expect(await q.job("parse")).toMatchObject({ state: "failed", reason: "parent_failed" });
    const { operation } = await q.run("job.redrive", { ...input });
    expect(operation).toMatchObject({ status: "done", examined: 2, changed: 2 });
    expect(await take(q, 5)).toEqual(["fetch"]);
    expect(await q.job("parse")).toMatchObject({ state: "blocked", pending: 1 });
  });

  test("also one that has run again since, and stands behind them", async () => {
    const q = await openEngine();
    await enqueueAll(q, parentAndChild);
    await end(q, "fetch", forGood);
    await q.run("job.retry", { id: "fetch" });
    await end(q, "fetch", forGood);
    await q.run("job.redrive", {});
    expect(await q.ids("blocked")).toEqual(["parse"]);
  });

  test("in as many steps as it takes, in which each is looked at once", async () => {
    changing.operationStepMax = 2;
    const q = await openEngine();
    // Cancelled from its end on: the last of the chain is the first that it meets.
    const chain = Array.from({ length: 9 }, (_, i) => ({
      id: `j${i}`,
      ...(i > 0 && { after: [{ id: `j${i - 1}` }] }),
    }));
    await enqueueAll(q, chain);
    for (const { id } of chain.toReversed()) {
      q.now += 1;
      await q.run("job.cancel", { id });
    }
    const { operation } = await q.run("job.redrive", { states: ["cancelled"] });
    expect(operation.status).toBe("running");
    expect(operation.changed).toBeLessThanOrEqual(2 * changing.operationStepMax);
    await q.advance(0);
    expect((await q.run("operation.get", { id: operation.id })).operation).toMatchObject({
      ...{ status: "done", examined: 9, changed: 9, total: 9 },
    });
    expect(await q.ids("ready")).toEqual(["j0"]);
    expect(await q.ids("blocked")).toHaveLength(8);
  });

  test("but without one that may not run again", async () => {
    const q = await openEngine();
    const unique = { key: "u", until: "done" as const };
    await enqueueAll(q, [
      { id: "fetch", unique },
      { id: "parse", after: [{ id: "fetch" }] },
    ]);
    await q.run("job.cancel", { id: "fetch" });
    await q.enqueue({ id: "other", unique });
    const { operation } = await q.run("job.redrive", { states: ["failed", "cancelled"] });
    expect(operation).toMatchObject({ examined: 2, changed: 1 });
    expect(await q.ids("ready")).toEqual(["other", "parse"]);
  });
});

describe("who waits for a job hears how it ended before it runs again", () => {
  test("as many as one command may tell", async () => {
    const q = await openEngine();
    await q.enqueue({ id: "p" });
    await enqueueMany(q, "a", 1000, { after: [{ id: "p" }] });
    await enqueueMany(q, "b", 900, { after: [{ id: "p" }] });
    await end(q, "p", forGood);
    expect((await q.run("queue.stats", {})).counts.blocked).toBe(900);
    await q.run("job.retry", { id: "p" });
    expect((await q.run("queue.stats", {})).counts).toMatchObject({
      failed: 1900,
      blocked: 0,
      ready: 1,
    });
  });

  test("with more of them it is refused until they have, and a redrive comes back to it", async () => {
    Object.assign(changing, { releasedMax: 1, sweepMax: 1, sweepStepMax: 1 });
    const q = await openEngine();
    await q.enqueue({ id: "p" });
    await enqueueMany(q, "c", 9, { after: [{ id: "p" }] });
    await end(q, "p", forGood);
    expect(await q.refused("job.retry", { id: "p" })).toMatchObject({
      ...{ refusalCode: "job_state", detail: expect.stringContaining("Try again at once") },
    });
    const { operation } = await q.run("job.redrive", { error: "no" });
    expect(operation.changed).toBe(0);
    await q.advance(0);
    expect((await q.run("operation.get", { id: operation.id })).operation).toMatchObject({
      ...{ status: "done", changed: 1 },
    });
    expect((await q.run("queue.stats", {})).counts).toMatchObject({
      failed: 9,
      blocked: 0,
      ready: 1,
    });
  });
});

describe("a purge takes those that wait first, and the last of them before those it waits for", () => {
  const chain = [
    { id: "p" },
    { id: "c1", after: [{ id: "p" }] },
    { id: "c2", after: [{ id: "c1", onFail: "continue" as const }] },
  ];

  test.each([
    ["by default", undefined, ["p"]],
    [
      "with running jobs",
      ["running" as const, "scheduled" as const, "ready" as const, "blocked" as const],
      [],
    ],
  ])("%s, so that none goes on to who waits for jobs", async (_, states, left) => {
    changing.operationStepMax = 3;
    const q = await openEngine();
    await enqueueAll(q, chain);
    await q.claimOne();
    await enqueueMany(q, "d", 10, { after: [{ id: "p" }] });
    const waiter = await q.waitForJobs({ worker: "w" });
    const { operation } = await q.run("queue.purge", states === undefined ? {} : { states });
    await q.settled();
    await q.advance(0);
    expect(waiter.jobs).toBeUndefined();
    const { operation: done } = await q.run("operation.get", { id: operation.id });
    expect(done).toMatchObject({ status: "done", changed: done.total, examined: done.total });
    expect(idsOf((await q.run("job.list", {})).jobs)).toEqual(left);
  });

  test("and cancels one that a job waited for which has gone on", async () => {
    const q = await openEngine();
    await enqueueAll(q, [
      { id: "run" },
      { id: "b", after: [{ id: "run" }] },
      { id: "c", after: [{ id: "b", onFail: "continue" }] },
    ]);
    await take(q);
    await q.run("job.cancel", { id: "b" });
    await q.run("job.retry", { id: "b" });
    await q.run("queue.purge", { states: ["blocked"] });
    expect(await q.job("b")).toMatchObject({ state: "cancelled", reason: "purged" });
    expect(await q.ids("blocked")).toEqual([]);
    expect(await q.ids("ready")).toEqual(["c"]);
  });
});

test.each(["job.discard", "job.redrive"] as const)(
  "a %s touches no job that failed after it began, though it was there before",
  async (kind) => {
    changing.operationStepMax = 2;
    const q = await openEngine();
    const ids = ["a", "b", "c", "d"];
    await enqueueAll(
      q,
      [...ids, "late"].map((id) => ({ id })),
    );
    const held = await q.claim({ max: 5 });
    const fail = (id: string) => {
      const { token } = held.find((job) => job.id === id) ?? { token: "" };
      return q.settle({ ...forGood, id, token });
    };
    for (const id of ids) await fail(id);
    q.now += 1;
    const { operation } = await q.run(kind, {});
    expect(operation).toMatchObject({ status: "running", changed: 2, total: 4 });
    q.now += 1;
    await fail("late");
    await q.advance(0);
    expect((await q.run("operation.get", { id: operation.id })).operation.changed).toBe(4);
    expect(await q.ids("failed")).toEqual(["late"]);
  },
);

test("jobs that wait for many count for as many where a purge or time ends them", async () => {
  const q = await openEngine();
  await enqueueMany(q, "p", 400);
  const after = Array.from({ length: 400 }, (_, i) => ({ id: `p${i}` }));
  await enqueueMany(q, "t", 10, { after, expiresAt: q.now + 1000 });
  await enqueueMany(q, "c", 10, { after });
  const { operation } = await q.run("queue.purge", { states: ["blocked"] });
  expect(operation).toMatchObject({ status: "running", changed: 3 });
  q.now += 1000;
  await q.enqueue({ id: "next" });
  // Two of the four hundred each are more than a command makes visible.
  expect((await q.run("queue.stats", {})).counts.expired).toBe(2);
  await q.advance(0);
  expect((await q.run("queue.stats", {})).counts.blocked).toBe(0);
});
