/** A queue as a whole: its creation, configuration, pause, statistics, deletion and clock. */
import { expect, test } from "vitest";
import { openEngine, START } from "../engine-harness.ts";

test("a read of an unknown queue is refused, and creates nothing", async () => {
  const q = await openEngine();
  for (const [name, input] of [
    ["queue.get", {}],
    ["queue.stats", {}],
    ["job.get", { id: "a" }],
    ["job.list", {}],
    ["operation.get", { id: "a" }],
  ] as const) {
    expect(await q.refused(name, input)).toMatchObject({
      refusalCode: "queue_unknown",
      facts: { queue: "mail" },
    });
  }
  expect(q.store.hard).toBeUndefined();
  expect(q.sql.counts.rowsWritten).toBe(0);
});

test("a write that has no meaning without a queue is refused, and creates nothing", async () => {
  const q = await openEngine();
  for (const [name, input] of [
    ["job.update", { id: "a", priority: 1 }],
    ["job.cancel", { id: "a" }],
    ["job.retry", { id: "a" }],
    ["job.remove", { id: "a" }],
    ["job.redrive", {}],
    ["lease.settle", { items: [{ op: "complete", id: "a", token: "t" }] }],
    ["queue.pause", {}],
    ["queue.resume", {}],
    ["queue.purge", {}],
    ["queue.checkpoint", {}],
    ["queue.delete", {}],
  ] as const) {
    expect((await q.refused(name, input as never)).refusalCode).toBe("queue_unknown");
  }
  expect(q.store.hard).toBeUndefined();
});

test("a configuration creates the queue; what it leaves out is a default, and later stays", async () => {
  const q = await openEngine();
  const { queue } = await q.run("queue.configure", {
    leaseMs: 5000,
    retention: { failed: { count: 7 } },
  });
  expect(queue.config).toMatchObject({ leaseMs: 5000, maxAttempts: 3, maxDeliveries: null });
  expect(queue.config.retention.failed).toEqual({ ageMs: 14 * 86_400_000, count: 7 });
  const changed = await q.run("queue.configure", { retention: { failed: { ageMs: 1 } } });
  expect(changed.queue.config).toMatchObject({
    leaseMs: 5000,
    retention: { failed: { ageMs: 1, count: 7 }, completed: { count: 100_000 } },
  });
  await q.reopen();
  expect((await q.run("queue.get", {})).queue).toEqual(changed.queue);
});

test("an equal configuration changes nothing and costs no entry", async () => {
  const q = await openEngine({ config: { leaseMs: 5000, retention: { failed: { count: 7 } } } });
  const before = q.store.last.index;
  await q.run("queue.configure", { retention: { failed: { count: 7 } }, leaseMs: 5000 });
  expect(q.store.last.index).toBe(before);
});

test("a paused queue hands out nothing and says why; everything else goes on", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  const { queue } = await q.run("queue.pause", { reason: "deploy" });
  expect(queue).toMatchObject({ paused: true, pausedReason: "deploy", pausedAt: START });
  await q.enqueue({ id: "b" });
  await q.enqueue({ id: "c", delayMs: 1000 });
  await q.advance(1000);
  expect(await q.run("lease.claim", {})).toMatchObject({
    jobs: [],
    paused: true,
    pausedReason: "deploy",
    waiting: 2,
    scheduled: 0,
  });
  expect(await q.settle({ op: "extend", id: "a", token })).toMatchObject({ ok: true });
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({ ok: true });
  const resumed = (await q.run("queue.resume", {})).queue;
  expect(resumed.paused).toBe(false);
  expect(resumed).not.toHaveProperty("pausedReason");
  expect((await q.claim({ max: 9 })).map((job) => job.id)).toEqual(["b", "c"]);
});

test("pausing again changes the reason; pausing for the same reason and resuming twice change nothing", async () => {
  const q = await openEngine({ config: {} });
  await q.run("queue.pause", { reason: "a" });
  await q.advance(10);
  expect((await q.run("queue.pause", { reason: "b" })).queue.pausedReason).toBe("b");
  const paused = q.store.last.index;
  await q.run("queue.pause", { reason: "b" });
  expect(q.store.last.index).toBe(paused);
  expect((await q.run("queue.pause", {})).queue).not.toHaveProperty("pausedReason");
  await q.run("queue.resume", {});
  const resumed = q.store.last.index;
  await q.run("queue.resume", {});
  expect(q.store.last.index).toBe(resumed);
});

test("statistics count jobs by state, bytes, ages, and what comes next", async () => {
  const q = await openEngine({ config: {} });
  await q.enqueue({ payload: '"€"', priority: 5 });
  await q.advance(1000);
  await q.enqueue({ payload: "1", requires: ["x"] });
  await q.enqueue({ payload: "1", delayMs: 60_000 });
  await q.advance(500);
  const stats = await q.run("queue.stats", {});
  expect(stats).toMatchObject({
    now: START + 1500,
    counts: {
      blocked: 0,
      scheduled: 1,
      ready: 2,
      running: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
      expired: 0,
    },
    jobBytes: 7,
    oldestReadyAgeMs: 1500,
    nextDueAt: START + 61_000,
  });
  expect(stats.log).toMatchObject({ firstIndex: 1, term: 1, windowMs: 1500 });
  await q.claim({ max: 2, capabilities: ["x"] });
  expect((await q.run("queue.stats", {})).oldestReadyAgeMs).toBeNull();
  const { id, token } = {
    ...(await q.run("job.list", { state: "running" })).jobs[0],
    token: "q0000000-001-000000001",
  };
  await q.settle({ op: "complete", id: id ?? "", token, result: '"12"' });
  expect(await q.run("queue.stats", {})).toMatchObject({ counts: { completed: 1 }, jobBytes: 11 });
});

test("the rates are those of the last sixty seconds", async () => {
  const q = await openEngine({ config: {} });
  await q.enqueue();
  await q.advance(1000);
  await q.enqueue();
  const { id, token } = await q.claimOne();
  await q.settle({ op: "complete", id, token });
  const perMinute = async () => (await q.run("queue.stats", {})).perMinute;
  const all = { enqueued: 2, claimed: 1, completed: 1, failed: 0 };
  await q.advance(58_999);
  expect(await perMinute()).toEqual(all);
  await q.advance(1);
  expect(await perMinute()).toEqual({ ...all, enqueued: 1 });
  await q.advance(1000);
  expect(await perMinute()).toEqual({ enqueued: 0, claimed: 0, completed: 0, failed: 0 });
});

test("a queue with jobs is deleted only by force", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.run("job.cancel", { id: "a" });
  expect(await q.refused("queue.delete", {})).toMatchObject({
    refusalCode: "queue_not_empty",
    facts: { jobs: 1 },
  });
  expect((await q.refused("queue.delete", { force: "false" })).refusalCode).toBe("queue_not_empty");
  await q.run("job.remove", { id: "a" });
  expect(await q.run("queue.delete", {})).toEqual({ now: START, deleted: true });
  expect((await q.refused("queue.get", {})).refusalCode).toBe("queue_unknown");
});

test("a queue created again is another queue: the tokens of the one before are stale", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const old = await q.claimOne();
  await q.run("queue.delete", { force: "true" });
  await q.enqueue({ id: "a" });
  const now = await q.claimOne();
  expect(now.token).not.toBe(old.token);
  expect(await q.settle({ op: "complete", id: "a", token: old.token })).toMatchObject({
    code: "lease_stale",
  });
  expect((await q.run("queue.get", {})).queue.queueId).not.toBe(old.token.split("-")[0]);
  expect(await q.settle({ op: "complete", id: "a", token: now.token })).toMatchObject({ ok: true });
});

test("a queue that was deleted leaves nothing behind over a crash", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.run("queue.checkpoint", {});
  await q.run("queue.delete", { force: "true" });
  await q.reopen();
  await q.advance(0);
  expect((await q.refused("job.get", { id: "a" })).refusalCode).toBe("queue_unknown");
  await q.enqueue({ id: "b" });
  expect(await q.ids()).toEqual(["b"]);
});

test("a checkpoint changes nothing that anybody sees", async () => {
  const q = await openEngine({ config: {} });
  await q.enqueue({ id: "a", delayMs: 5000, labels: { x: "1" } });
  await q.enqueue({ id: "b", requires: ["x"] });
  await q.claim();
  const before = q.dump();
  const { checkpointed } = await q.run("queue.checkpoint", {});
  expect(checkpointed).toEqual({ term: 1, index: q.store.last.index });
  expect(JSON.stringify(q.dump()).length).toBe(JSON.stringify(before).length);
  await q.reopen();
  expect((await q.job("a")).labels).toEqual({ x: "1" });
});

test("every reply says the time by which it was decided", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.advance(1234);
  for (const [name, input] of [
    ["queue.get", {}],
    ["queue.stats", {}],
    ["job.get", { id: "a" }],
    ["job.list", {}],
    ["job.enqueue", { jobs: [{ payload: "1" }] }],
    ["lease.claim", {}],
    ["lease.settle", { items: [{ op: "complete", id: "a", token: "t" }] }],
    ["queue.pause", {}],
    ["queue.purge", {}],
    ["queue.checkpoint", {}],
  ] as const) {
    expect((await q.run(name, input as never)).now).toBe(START + 1234);
  }
});
