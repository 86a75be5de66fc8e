/** How long ended jobs are kept: by age, by count, or not at all. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";

async function complete(q: Harness, id: string): Promise<void> {
  await q.enqueue({ id });
  const { token } = await q.claimOne();
  await q.settle({ op: "complete", id, token });
}

async function cancel(q: Harness, id: string): Promise<void> {
  await q.enqueue({ id });
  await q.run("job.cancel", { id });
}

test("an ended job is kept for its age, and then forgotten by the alarm", async () => {
  const q = await openEngine({ config: { retention: { completed: { ageMs: 5000 } } } });
  await complete(q, "a");
  await q.advance(4999);
  expect(await q.ids()).toEqual(["a"]);
  await q.advance(1);
  expect(await q.ids()).toEqual([]);
});

test("each state has an age of its own", async () => {
  const q = await openEngine({
    config: { retention: { completed: { ageMs: 5000 }, cancelled: { ageMs: 2000 } } },
  });
  await complete(q, "completed");
  await cancel(q, "cancelled");
  await q.enqueue({ id: "waiting" });
  await q.advance(2000);
  expect(await q.ids()).toEqual(["completed", "waiting"]);
  await q.advance(3000);
  expect(await q.ids()).toEqual(["waiting"]);
});

test("of more jobs than may be kept the oldest ends are forgotten", async () => {
  const q = await openEngine({ config: { retention: { cancelled: { count: 2 } } } });
  for (const id of ["c", "b", "a"]) {
    await cancel(q, id);
    await q.advance(10);
  }
  expect(await q.ids("cancelled")).toEqual(["b", "a"]);
  expect((await q.run("queue.stats", {})).counts.cancelled).toBe(2);
});

test("with an age or a count of 0 a record is removed at its end", async () => {
  for (const none of [{ ageMs: 0 }, { count: 0 }]) {
    const q = await openEngine({ config: { retention: { completed: none, failed: none } } });
    await complete(q, "a");
    await q.enqueue({ id: "b", maxAttempts: 1 });
    await q.claimOne();
    await q.advance(30_000);
    expect(await q.ids()).toEqual([]);
    expect((await q.run("queue.stats", {})).jobBytes).toBe(0);
  }
});

test("a shorter retention takes hold of jobs that ended before it", async () => {
  const q = await openEngine({ config: {} });
  for (const id of ["a", "b", "c"]) await complete(q, id);
  await q.run("queue.configure", { retention: { completed: { count: 1 } } });
  expect((await q.run("queue.stats", {})).nextDueAt).toBe(q.now);
  await q.advance(0);
  expect(await q.ids()).toEqual(["c"]);
  await q.run("queue.configure", { retention: { completed: { ageMs: 0 } } });
  await q.advance(0);
  expect(await q.ids()).toEqual([]);
});

test("a retried job is not forgotten", async () => {
  const q = await openEngine({ config: { retention: { cancelled: { ageMs: 1000 } } } });
  await cancel(q, "a");
  await q.run("job.retry", { id: "a" });
  await q.advance(10_000);
  expect(await q.ids("ready")).toEqual(["a"]);
});

test("more records than a sweep takes are forgotten in bounded entries", async () => {
  const q = await openEngine({ config: {} });
  for (let i = 0; i < 3; i++) {
    const jobs = Array.from({ length: 1000 }, () => ({ payload: "1", ttlMs: 1 }));
    await q.run("job.enqueue", { jobs });
  }
  await q.advance(1);
  expect((await q.run("queue.stats", {})).counts.expired).toBe(3000);
  await q.run("queue.configure", { retention: { expired: { count: 500 } } });
  const before = q.store.last.index;
  await q.advance(0);
  expect((await q.run("queue.stats", {})).counts.expired).toBe(500);
  expect(q.store.last.index - before).toBe((2 * 2500) / limits.sweepMax);
});

test("a cancelled job that is not kept is shown in the reply as ended: without a due time, a place or a lease", async () => {
  const q = await openEngine({ config: { retention: { cancelled: { ageMs: 0 } } } });
  await q.enqueue({ id: "later", delayMs: 60_000 });
  await q.enqueue({ id: "held" });
  await q.claimOne();
  await q.enqueue({ id: "ready" });
  for (const id of ["later", "held", "ready"]) {
    const { job } = await q.run("job.cancel", { id });
    expect(job).toMatchObject({ id, state: "cancelled", endedAt: q.now });
    for (const field of ["runAt", "readyAt", "leaseUntil"]) expect(job).not.toHaveProperty(field);
  }
});
