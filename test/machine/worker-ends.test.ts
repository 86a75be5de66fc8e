/** How workers die, are revived, drain and leave, and what becomes of the jobs in their hands. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { exported, imported } from "../object/snapshot-rig.ts";
import { able, act, actionOf, allOf, planOf } from "./plan-rig.ts";

const TTL = 10_000;
const workerOf = async (q: Harness, id: string) => (await q.run("worker.get", { id })).worker;
const heartbeat = (q: Harness, id = "w") => q.run("worker.heartbeat", { id });

/** A queue with a worker `w` that lives for ten seconds after each sign of life. */
async function withWorker(more = {}): Promise<Harness> {
  const q = await openEngine({ config: { leaseMs: 100_000 } });
  await q.run("worker.register", { id: "w", ttlMs: TTL, ...more });
  return q;
}

/** How many jobs are ready and have no failure. */
async function uncounted(q: Harness): Promise<number> {
  const { items } = await allOf(async (cursor) => {
    const more = cursor === undefined ? {} : { cursor };
    const page = await q.run("job.list", { state: "ready", ...more });
    return { ...page, items: page.jobs };
  });
  return items.filter(({ attempt }) => attempt === 1).length;
}

test("a worker dies at one and a half of its ttl behind the last noted sign, not before", async () => {
  const q = await withWorker();
  await q.advance(1.5 * TTL - 1);
  expect(await workerOf(q, "w")).toMatchObject({ state: "alive" });
  await q.advance(1);
  expect(await workerOf(q, "w")).toMatchObject({ state: "dead", diedAt: q.now });
});

test("with a worker its leases end at once, as counted failures", async () => {
  const q = await withWorker();
  await q.enqueue({ id: "a", maxAttempts: 2 });
  await q.enqueue({ id: "b", maxAttempts: 1 });
  await q.enqueue({ id: "free" });
  await q.claim({ worker: "w", max: 2 });
  await q.claim({ worker: "other" });
  await q.advance(1.5 * TTL);
  expect(await q.job("a")).toMatchObject({
    state: "ready",
    reason: "worker_died",
    attempt: 2,
    attempts: [{ outcome: "worker_died", worker: "w", endedAt: q.now }],
  });
  expect(await q.job("b")).toMatchObject({ state: "failed", reason: "worker_died" });
  expect(await q.job("free")).toMatchObject({ state: "running" });
  expect(await q.run("worker.get", { id: "w" })).toMatchObject({
    worker: { running: 0 },
    jobs: [],
  });
});

test("the dead worker's completion still counts, late, while nobody else was given the job", async () => {
  const q = await withWorker();
  for (const id of ["a", "b"]) await q.enqueue({ id });
  const held = await q.claim({ worker: "w", max: 2 });
  await q.advance(1.5 * TTL);
  const settle = (i: number, op: "complete" | "extend") =>
    q.settle({ op, id: held[i]?.id ?? "", token: held[i]?.token ?? "" });
  expect(await settle(0, "extend")).toMatchObject({ code: "lease_stale" });
  expect(await settle(0, "complete")).toMatchObject({ state: "completed", late: true });
  await q.claimOne();
  expect(await settle(1, "complete")).toMatchObject({ code: "lease_stale" });
});

test("a worker that only claims never dies, and its leases end by time alone", async () => {
  const q = await openEngine({ config: { leaseMs: 1_000_000 } });
  await q.enqueue({ id: "a" });
  await q.claimOne({ worker: "w" });
  await q.advance(999_000);
  expect(await q.job("a")).toMatchObject({ state: "running" });
  expect(await q.refused("worker.get", { id: "w" })).toMatchObject({
    refusalCode: "worker_unknown",
  });
  // A registration later on does not take the lease for its own.
  await q.run("worker.register", { id: "w", ttlMs: 1000 });
  expect(await workerOf(q, "w")).toMatchObject({ running: 0 });
});

test("a death is judged by a command that comes before the alarm", async () => {
  for (const op of ["complete", "extend", "fail"] as const) {
    const q = await withWorker();
    await q.enqueue({ id: "a" });
    const { token } = await q.claimOne({ worker: "w" });
    q.now += 1.5 * TTL;
    const answer = await q.settle({ op, id: "a", token, error: "no" } as never);
    expect(answer).toMatchObject(op === "complete" ? { late: true } : { code: "lease_stale" });
    expect(await workerOf(q, "w")).toMatchObject({ state: "dead" });
  }
});

test("a death is judged by a command also where more is due than a sweep makes visible", async () => {
  const due = Array.from({ length: limits.sweepMax + 100 }, () => ({ payload: "1", delayMs: 1 }));
  for (const op of ["complete", "extend"] as const) {
    const q = await withWorker();
    await q.enqueue({ id: "a" });
    const { token } = await q.claimOne({ worker: "w" });
    for (const jobs of [due.slice(0, 1000), due.slice(1000)]) await q.run("job.enqueue", { jobs });
    q.now += 1.5 * TTL;
    const answer = await q.settle({ op, id: "a", token });
    expect(answer).toMatchObject(op === "complete" ? { late: true } : { code: "lease_stale" });
    expect(await workerOf(q, "w")).toMatchObject({ state: "dead", running: 0 });
  }
});

test("a dead worker is revived by a heartbeat or a claim, since it holds nothing any more", async () => {
  for (const sign of [(q: Harness) => heartbeat(q), (q: Harness) => q.claim({ worker: "w" })]) {
    const q = await withWorker();
    await q.enqueue({ id: "a" });
    await q.claimOne({ worker: "w" });
    await q.advance(1.5 * TTL);
    expect(await workerOf(q, "w")).toMatchObject({ state: "dead" });
    await sign(q);
    const worker = await workerOf(q, "w");
    expect(worker).toMatchObject({ state: "alive", seenAt: q.now });
    expect(worker).not.toHaveProperty("diedAt");
  }
});

test("a dead worker with more leases than a sweep ends is given nothing until all have ended", async () => {
  const q = await withWorker();
  for (let i = 0; i < 3; i++) {
    await q.run("job.enqueue", { jobs: Array.from({ length: 500 }, () => ({ payload: "1" })) });
    await q.claim({ worker: "w", max: 500 });
  }
  await q.enqueue({ id: "more", priority: -1 });
  q.now += 1.5 * TTL;
  expect(await q.run("lease.claim", { worker: "w" })).toMatchObject({ jobs: [], draining: true });
  expect(await workerOf(q, "w")).toMatchObject({
    state: "dead",
    // Its death is one change of the sweep.
    running: 1500 - (limits.sweepMax - 1),
  });
  await q.alarm();
  expect((await heartbeat(q)).worker).toMatchObject({ state: "alive", running: 0 });
  expect((await q.run("queue.stats", {})).counts).toMatchObject({ ready: 1501, running: 0 });
});

test("a dead worker is forgotten after a day, and a revived one is not", async () => {
  const q = await withWorker();
  await q.run("worker.register", { id: "v", ttlMs: TTL });
  await q.advance(1.5 * TTL + limits.deadWorkerKeptMs - 1);
  await heartbeat(q, "v");
  await q.advance(1);
  expect(await q.refused("worker.get", { id: "w" })).toMatchObject({
    refusalCode: "worker_unknown",
  });
  expect(await workerOf(q, "v")).toMatchObject({ state: "alive" });
});

test("a draining worker is given no more jobs, goes on with those it has, and may die", async () => {
  const q = await withWorker();
  for (const id of ["a", "b"]) await q.enqueue({ id });
  const { token } = await q.claimOne({ worker: "w" });
  expect((await q.run("worker.drain", { id: "w" })).worker).toMatchObject({ state: "draining" });
  expect(await q.run("lease.claim", { worker: "w" })).toMatchObject({
    jobs: [],
    draining: true,
    waiting: 1,
  });
  const { index } = q.store.last;
  await q.run("worker.drain", { id: "w" });
  expect(q.store.last.index).toBe(index);
  expect(await q.settle({ op: "extend", id: "a", token })).toMatchObject({ ok: true });
  await q.advance(1.5 * TTL);
  expect(await workerOf(q, "w")).toMatchObject({ state: "dead" });
  expect((await heartbeat(q)).worker).toMatchObject({ state: "draining" });
  await q.run("worker.register", { id: "w" });
  expect(await q.claim({ worker: "w" })).toHaveLength(1);
});

test("a worker that leaves gives its jobs back to their place, uncounted", async () => {
  const q = await withWorker();
  for (const id of ["a", "b", "c"]) await q.enqueue({ id });
  const held = await q.claim({ worker: "w", max: 2 });
  const reply = await q.run("worker.remove", { id: "w" });
  expect(reply).toMatchObject({ removed: true, released: 2 });
  expect(await q.ids("ready")).toEqual(["a", "b", "c"]);
  expect(await q.job("a")).toMatchObject({ attempt: 1, deliveries: 1 });
  const item = { op: "complete" as const, id: "a", token: held[0]?.token ?? "" };
  expect(await q.settle(item)).toMatchObject({ code: "already_settled" });
  for (const command of [
    "worker.get",
    "worker.heartbeat",
    "worker.drain",
    "worker.remove",
  ] as const) {
    expect(await q.refused(command, { id: "w" })).toMatchObject({ refusalCode: "worker_unknown" });
  }
});

test("a worker that leaves with more jobs than one step gives back is gone at once, and they go back by the alarm", async () => {
  const q = await withWorker();
  for (let i = 0; i < 3; i++) {
    await q.run("job.enqueue", { jobs: Array.from({ length: 500 }, () => ({ payload: "1" })) });
    await q.claim({ worker: "w", max: 500 });
  }
  expect(await q.run("worker.remove", { id: "w" })).toMatchObject({ released: 1500 });
  expect((await q.run("queue.stats", {})).counts).toMatchObject({
    ready: limits.sweepMax,
    running: 1500 - limits.sweepMax,
  });
  expect((await q.run("worker.list", {})).workers).toEqual([]);
  await q.reopen();
  await q.advance(0);
  expect((await q.run("queue.stats", {})).counts).toMatchObject({ ready: 1500, failed: 0 });
  expect([...q.store.tables.workers.scan({})]).toEqual([]);
  expect(await uncounted(q)).toBe(1500);
});

const endings: Record<string, (q: Harness) => unknown> = {
  left: (q) => q.run("worker.remove", { id: "w" }),
  died: (q) => {
    q.now += 1.5 * TTL;
  },
};

test.each(Object.entries(endings))(
  "a name that %s and registers again holds none of its old jobs, though no sweep has got to all",
  async (way, end) => {
    const q = await withWorker();
    // More than leaving gives back at once, and the sweep before the registration behind it.
    for (let i = 0; i < 5; i++) {
      await q.run("job.enqueue", { jobs: Array.from({ length: 500 }, () => ({ payload: "1" })) });
      await q.claim({ worker: "w", max: 500 });
    }
    await end(q);
    const { worker, jobs } = await q.run("worker.register", { id: "w", ttlMs: TTL });
    expect([worker.state, worker.running, jobs]).toEqual(["alive", 0, []]);
    expect((await q.run("queue.stats", {})).counts).toMatchObject({ ready: 2500, running: 0 });
    expect(await uncounted(q)).toBe(way === "left" ? 2500 : 0);
  },
);

test("the death of a worker ends its action's jobs", async () => {
  const q = await withWorker(able);
  await q.run("plan.submit", planOf("p"));
  await act(q, ["1", "2"], { action: "a" });
  await q.claim({ worker: "w", max: 2 });
  await q.advance(1.5 * TTL);
  expect(await actionOf(q, "a")).toMatchObject({ status: "failed", counts: { failed: 2 } });
});

test("running jobs of an imported state go back uncounted, whatever became of their workers", async () => {
  const q = await withWorker();
  for (let i = 0; i < 3; i++) {
    await q.run("job.enqueue", { jobs: Array.from({ length: 500 }, () => ({ payload: "1" })) });
    await q.claim({ worker: "w", max: 500 });
  }
  const file = await exported(q);
  q.now += 1.5 * TTL;
  await imported(q, file, true);
  await q.advance(0);
  expect((await q.run("queue.stats", {})).counts).toMatchObject({ ready: 1500, failed: 0 });
  expect(await uncounted(q)).toBe(1500);
  expect(await workerOf(q, "w")).toMatchObject({ state: "dead", running: 0 });
});
