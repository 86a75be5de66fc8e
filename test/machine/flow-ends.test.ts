/**
 * What the simulation found in flow control: ends that meet one another, ids that come again, and answers that are told again.
 * Invariant: each test stands for one defect that was there.
 */
import { expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";

test("a purge of jobs that wait for one another ends none of them by another one", async () => {
  const q = await openEngine();
  await q.run("job.enqueue", {
    jobs: [
      { payload: "1", id: "p", after: [{ id: "q" }] },
      { payload: "1", id: "q" },
      { payload: "1", id: "z", after: [{ id: "p", onFail: "cancel" }] },
    ],
  });
  const { operation } = await q.run("queue.purge", { states: ["blocked"] });
  expect(operation).toMatchObject({ status: "done", examined: 2, changed: 2 });
  expect(await q.ids("blocked")).toEqual([]);
  expect(await q.ids("cancelled")).toEqual([]);
});

test("an id that a job without a key had is taken by one with a key, also in a log that is applied anew", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", expiresAt: q.now + 60_000 });
  await q.run("queue.checkpoint", {});
  await q.run("job.cancel", { id: "a" });
  await q.run("job.remove", { id: "a" });
  await q.enqueue({ id: "a", key: "k", expiresAt: q.now + 60_000 });
  await q.reopen();
  expect((await q.claimOne()).id).toBe("a");
});

test("a repeated enqueue is answered as the first, also where that replaced a job", async () => {
  const q = await openEngine();
  const jobs = [{ payload: "1", unique: { key: "u", onConflict: "replace" as const } }];
  await q.run("job.enqueue", { jobs });
  const key = { key: "once", bodyHash: "b" };
  const first = await q.run("job.enqueue", { jobs }, key);
  expect(first.results).toEqual([{ id: expect.any(String), replaced: true }]);
  expect(await q.run("job.enqueue", { jobs }, key)).toEqual(first);
});

test("a repeated enqueue is answered as the first, also where jobs were taken in another order than they were said", async () => {
  const q = await openEngine();
  const jobs = [
    { payload: "1", after: [{ id: "b" }] },
    { payload: "2", id: "b" },
    { payload: "3" },
  ];
  const key = { key: "once", bodyHash: "b" };
  const first = await q.run("job.enqueue", { jobs }, key);
  expect(await q.run("job.enqueue", { jobs }, key)).toEqual(first);
});

test("statistics tell the age of the oldest ready job, also of one with a key", async () => {
  const q = await openEngine();
  await q.enqueue({ key: "k" });
  q.now += 5000;
  await q.enqueue();
  expect((await q.run("queue.stats", {})).oldestReadyAgeMs).toBe(5000);
});

test("in strict order a job that waits to be tried again keeps its place when it is replaced", async () => {
  const q = await openEngine({
    config: { backoff: { kind: "fixed", delayMs: 1000, jitter: "none" } },
  });
  await q.run("key.put", { key: "k", order: "fifo" });
  const unique = { key: "u", onConflict: "replace" as const };
  await q.enqueue({ id: "first", key: "k", unique });
  await q.enqueue({ id: "second", key: "k" });
  const { id, token } = await q.claimOne();
  await q.settle({ op: "fail", id, token, error: "no" });
  await q.enqueue({ key: "k", unique, delayMs: 3000 });
  await q.advance(3000);
  expect((await q.claimOne()).id).toBe("first");
});

test("a claim also hands out what was let go by a job that it could not hand out", async () => {
  const q = await openEngine({ config: { maxDeliveries: 1 } });
  await q.run("job.enqueue", {
    jobs: [
      { payload: "1", id: "parent", key: "k" },
      { payload: "2", id: "child", after: [{ id: "parent", onFail: "continue" }] },
    ],
  });
  const { id, token } = await q.claimOne();
  await q.settle({ op: "release", id, token });
  expect((await q.claimOne()).id).toBe("child");
  expect(await q.ids("failed")).toEqual(["parent"]);
});
