/** Leases: how long they last, what extends them, and what becomes of a job when one ends. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { openEngine, START } from "../engine-harness.ts";

test("a lease lasts as the claim says, else as the job says, else as the queue says, else 30 s", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  expect((await q.claimOne()).leaseUntil).toBe(START + 30_000);
  await q.run("queue.configure", { leaseMs: 5000 });
  await q.enqueue({ id: "b" });
  expect((await q.claimOne()).leaseUntil).toBe(START + 5000);
  await q.enqueue({ id: "c", leaseMs: 10_000 });
  expect((await q.claimOne()).leaseUntil).toBe(START + 10_000);
  await q.enqueue({ id: "d", leaseMs: 10_000 });
  expect((await q.claimOne({ leaseMs: 20_000 })).leaseUntil).toBe(START + 20_000);
});

test("a lease ends on a whole second, never early", async () => {
  const q = await openEngine();
  q.now += 1;
  await q.enqueue();
  expect((await q.claimOne({ leaseMs: 1000 })).leaseUntil).toBe(START + 2000);
});

test("a lease holds until its end, and at its end the job is ready with one attempt counted", async () => {
  const q = await openEngine();
  const id = await q.enqueue();
  await q.claimOne({ worker: "w" });
  await q.advance(29_999);
  expect((await q.job(id)).state).toBe("running");
  await q.advance(1);
  expect(await q.job(id)).toMatchObject({
    state: "ready",
    reason: "lease_expired",
    attempt: 2,
    deliveries: 1,
    attempts: [
      {
        run: 1,
        attempt: 1,
        outcome: "lease_expired",
        startedAt: START,
        endedAt: START + 30_000,
        worker: "w",
      },
    ],
  });
});

test("a lease is over at its end, whether or not anything has shown it", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  q.now += 30_000;
  for (const item of [
    { op: "extend", id: "a", token },
    { op: "fail", id: "a", token, error: "no" },
    { op: "release", id: "a", token },
    { op: "progress", id: "a", token, progress: "1" },
  ] as const) {
    expect(await q.settle(item)).toMatchObject({ code: "lease_stale" });
  }
  expect((await q.job("a")).state).toBe("ready");
});

test("a lease is over at its end, though a sweep of 1,000 others has not come to it", async () => {
  const q = await openEngine({ config: {} });
  await q.run("job.enqueue", { jobs: Array.from({ length: 1000 }, () => ({ payload: "1" })) });
  await q.claim({ max: 1000 });
  await q.enqueue({ id: "z" });
  const { token } = await q.claimOne();
  q.now += 30_000;
  expect(await q.settle({ op: "extend", id: "z", token })).toMatchObject({ code: "lease_stale" });
  expect(await q.job("z")).toMatchObject({ state: "ready", reason: "lease_expired" });
});

test("extend sets the end to now + leaseMs, on a whole second, and may shorten", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.advance(10_500);
  expect(await q.settle({ op: "extend", id: "a", token, leaseMs: 60_000 })).toMatchObject({
    state: "running",
    leaseUntil: START + 71_000,
  });
  expect(await q.settle({ op: "extend", id: "a", token, leaseMs: 2000 })).toMatchObject({
    leaseUntil: START + 13_000,
  });
});

test("extend without leaseMs takes the length of this lease: the claim's, the job's, the queue's", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", leaseMs: 10_000 });
  await q.enqueue({ id: "b", leaseMs: 10_000 });
  await q.enqueue({ id: "c" });
  const a = await q.claimOne({ leaseMs: 50_000 });
  const [b, c] = await q.claim({ max: 2 });
  await q.advance(5000);
  const ends = [a, b, c].map(async (job) => {
    if (job === undefined) throw new Error("a job is missing");
    return q.settle({ op: "extend", id: job.id, token: job.token });
  });
  expect(await Promise.all(ends)).toMatchObject([
    { leaseUntil: START + 55_000 },
    { leaseUntil: START + 15_000 },
    { leaseUntil: START + 35_000 },
  ]);
});

test("maxRunMs bounds extension, counted from the hand-out, and at the bound it is refused", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", maxRunMs: 60_000 });
  await q.advance(5000);
  const { token } = await q.claimOne();
  await q.advance(20_000);
  const extend = { op: "extend", id: "a", token, leaseMs: 50_000 } as const;
  expect(await q.settle(extend)).toMatchObject({ ok: true, leaseUntil: START + 65_000 });
  expect(await q.settle(extend)).toEqual({ id: "a", ok: false, code: "max_run_reached" });
  expect(await q.settle({ ...extend, leaseMs: 10_000 })).toMatchObject({
    ok: true,
    leaseUntil: START + 35_000,
  });
});

test("an extended lease ends at its new end", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.advance(20_000);
  await q.settle({ op: "extend", id: "a", token });
  await q.advance(29_999);
  expect((await q.job("a")).state).toBe("running");
  await q.advance(1);
  expect((await q.job("a")).state).toBe("ready");
});

test("leases end while the queue is paused", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.claimOne();
  await q.run("queue.pause", {});
  await q.advance(30_000);
  expect((await q.job("a")).state).toBe("ready");
});

test("a late complete by the latest token counts while the job is ready, and is marked", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.advance(40_000);
  expect(await q.settle({ op: "complete", id: "a", token, result: "7" })).toEqual({
    id: "a",
    ok: true,
    state: "completed",
    late: true,
  });
  const job = await q.job("a");
  expect(job).toMatchObject({ state: "completed", late: true, result: 7, deliveries: 1 });
  expect(job).not.toHaveProperty("reason");
  expect(await q.claim()).toEqual([]);
});

test("a late complete counts while the job is scheduled", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.advance(40_000);
  await q.run("job.update", { id: "a", delayMs: 5000 });
  expect((await q.job("a")).state).toBe("scheduled");
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({ late: true });
});

test("a late complete counts though nothing has shown yet that the lease ended", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  q.now += 40_000;
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({ late: true });
});

test("a late complete of a run that is over does not count for the next one", async () => {
  const q = await openEngine({ config: { maxAttempts: 1 } });
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.advance(30_000);
  await q.run("job.retry", { id: "a" });
  const late = await q.settle({ op: "complete", id: "a", token });
  expect(late).toMatchObject({ code: "lease_stale" });
  expect(await q.job("a")).toMatchObject({ state: "ready", run: 2 });
});

test("once somebody else was given the job, a late complete is stale", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.advance(40_000);
  const second = await q.claimOne();
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({ code: "lease_stale" });
  await q.settle({ op: "release", id: "a", token: second.token });
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({ code: "lease_stale" });
});

test("a late complete of a job that has failed for good is already settled", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", maxAttempts: 1 });
  const { token } = await q.claimOne();
  await q.advance(40_000);
  expect((await q.job("a")).state).toBe("failed");
  const [item] = (await q.run("lease.settle", { items: [{ op: "complete", id: "a", token }] }))
    .items;
  expect(item).toMatchObject({ problem: { code: "already_settled", state: "failed" } });
});

test("only a lease that ended by time leaves a late complete: not one released or failed", async () => {
  const q = await openEngine();
  for (const op of ["release", "fail"] as const) {
    const id = await q.enqueue({ id: op });
    const { token } = await q.claimOne();
    await q.settle({ op, id, token, error: "no", delayMs: 60_000 } as never);
    expect(await q.settle({ op: "complete", id, token })).toMatchObject({
      code: "already_settled",
    });
  }
});

test("a worker of a run that was settled or cancelled cannot complete the run that a retry opened", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "failed", maxAttempts: 1 });
  const failed = await q.claimOne();
  await q.settle({ op: "fail", id: "failed", token: failed.token, error: "no" });
  await q.enqueue({ id: "cancelled" });
  const cancelled = await q.claimOne();
  await q.run("job.cancel", { id: "cancelled" });
  for (const { id, token } of [failed, cancelled]) {
    await q.run("job.retry", { id });
    expect(await q.settle({ op: "complete", id, token })).toMatchObject({ ok: false });
    expect((await q.job(id)).state).toBe("ready");
  }
});

test("a stale refusal says when the lease ended and what became of the job", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.advance(40_000);
  const fail = { op: "fail", id: "a", token, error: "no" } as const;
  const stale = async () => (await q.run("lease.settle", { items: [fail] })).items[0];
  const leaseEndedAt = START + 30_000;
  expect(await stale()).toMatchObject({ problem: { state: "ready", leaseEndedAt } });
  await q.claimOne();
  expect(await stale()).toMatchObject({ problem: { state: "running", leaseEndedAt } });
});

test("the clock going backwards revives no lease and no job", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "lease" });
  const { token } = await q.claimOne();
  await q.enqueue({ id: "delay", delayMs: 5000 });
  await q.enqueue({ id: "ttl", ttlMs: 10_000, requires: ["x"] });
  await q.advance(30_000);
  q.now = START + 1;
  const states = async () => [
    (await q.job("lease")).state,
    (await q.job("delay")).state,
    (await q.job("ttl")).state,
  ];
  expect(await states()).toEqual(["ready", "ready", "expired"]);
  expect(await q.settle({ op: "extend", id: "lease", token })).toMatchObject({
    code: "lease_stale",
  });
  expect((await q.run("queue.pause", {})).now).toBe(START + 30_000);
  await q.reopen();
  expect(await states()).toEqual(["ready", "ready", "expired"]);
  expect((await q.run("queue.resume", {})).now).toBe(START + 30_000);
});

test("many leases that end together end in one alarm", async () => {
  const q = await openEngine({ config: {} });
  await q.run("job.enqueue", { jobs: Array.from({ length: 300 }, () => ({ payload: "1" })) });
  await q.claim({ max: 300 });
  const entries = q.store.last.index;
  await q.advance(30_000);
  expect((await q.run("queue.stats", {})).counts.ready).toBe(300);
  expect(q.store.last.index).toBe(entries + Math.ceil(300 / limits.sweepMax));
});

test("after the last attempt a stale settlement is told when the lease ended, not when that was noticed", async () => {
  const q = await openEngine({ config: { maxAttempts: 1 } });
  await q.enqueue({ id: "a" });
  const { token, leaseUntil } = await q.claimOne({ leaseMs: 1000 });
  q.now += 60_000;
  await q.alarm();
  await q.run("job.retry", { id: "a" });
  const { items } = await q.run("lease.settle", { items: [{ op: "extend", id: "a", token }] });
  expect(JSON.stringify(items)).toContain(`${leaseUntil}`);
});

test("what was noticed to be over is done at once, also where the clock has gone back since", async () => {
  const q = await openEngine({ config: { leaseMs: 30_000 } });
  await q.enqueue({ id: "a" });
  await q.claimOne();
  // Its alarm does not come, and a read sees to another.
  q.now += 60_000;
  await q.run("queue.stats", {});
  expect(q.armedAt).toBe(q.now);
  q.now -= 20_000;
  await q.run("queue.stats", {});
  expect(q.armedAt).toBe(q.now);
});
