/** Cancel, change, retry and remove one job; lives and deadlines. */
import { expect, test } from "vitest";
import { openEngine, START } from "../engine-harness.ts";

test("a waiting job is cancelled at once, with the reason given", async () => {
  const q = await openEngine();
  for (const delayMs of [0, 5000]) {
    const id = await q.enqueue({ delayMs });
    const { job } = await q.run("job.cancel", { id, reason: "not needed" });
    expect(job).toMatchObject({ state: "cancelled", reason: "not needed", endedAt: START });
  }
  expect(await q.claim({ max: 9 })).toEqual([]);
  await q.advance(5000);
  expect(await q.claim({ max: 9 })).toEqual([]);
});

test("a running job is cancelled at once, and every settlement of its worker is answered job_cancelled", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne({ worker: "w" });
  await q.advance(500);
  await q.run("job.cancel", { id: "a", reason: "stop" });
  expect(await q.job("a")).toMatchObject({
    state: "cancelled",
    attempts: [
      { attempt: 1, outcome: "cancelled", startedAt: START, endedAt: START + 500, worker: "w" },
    ],
  });
  for (const item of [
    { op: "extend", id: "a", token },
    { op: "progress", id: "a", token, progress: "1" },
    { op: "fail", id: "a", token, error: "no" },
    { op: "release", id: "a", token },
    { op: "complete", id: "a", token },
  ] as const) {
    const { items } = await q.run("lease.settle", { items: [item] });
    expect(items[0]).toMatchObject({
      ok: false,
      problem: { code: "job_cancelled", reason: "stop" },
    });
  }
  await q.advance(60_000);
  expect((await q.job("a")).state).toBe("cancelled");
});

test("cancelling twice is one cancel", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const first = await q.run("job.cancel", { id: "a", reason: "one" });
  const before = q.store.last.index;
  await q.advance(10);
  expect((await q.run("job.cancel", { id: "a", reason: "two" })).job).toEqual(first.job);
  expect(q.store.last.index).toBeGreaterThanOrEqual(before);
});

test("where cancelled jobs are not kept, the answer still says what became of the job", async () => {
  const q = await openEngine({ config: { retention: { cancelled: { count: 0 } } } });
  await q.enqueue({ id: "a" });
  await q.claimOne();
  const { job } = await q.run("job.cancel", { id: "a", reason: "stop" });
  expect(job).toMatchObject({ id: "a", state: "cancelled", reason: "stop", endedAt: START });
  expect(job).not.toHaveProperty("leaseUntil");
  expect((await q.refused("job.get", { id: "a" })).refusalCode).toBe("job_unknown");
});

test("a job that ended otherwise is not cancelled", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.settle({ op: "complete", id: "a", token });
  expect(await q.refused("job.cancel", { id: "a" })).toMatchObject({
    refusalCode: "job_state",
    facts: { id: "a", state: "completed" },
  });
});

test("a change of priority keeps the job's place within its new priority", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.advance(10);
  await q.enqueue({ id: "b", priority: 5 });
  await q.advance(10);
  await q.enqueue({ id: "c", priority: 5 });
  const { job } = await q.run("job.update", { id: "a", priority: 5 });
  expect(job).toMatchObject({ priority: 5, readyAt: START });
  expect(await q.ids("ready")).toEqual(["a", "b", "c"]);
  await q.run("job.update", { id: "c", priority: -5 });
  expect(await q.ids("ready")).toEqual(["c", "a", "b"]);
});

test("a change of due time makes a ready job wait, and a scheduled one ready", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.enqueue({ id: "b" });
  expect((await q.run("job.update", { id: "a", delayMs: 5000 })).job).toMatchObject({
    state: "scheduled",
    runAt: START + 5000,
  });
  expect(await q.ids("ready")).toEqual(["b"]);
  await q.advance(10);
  expect((await q.run("job.update", { id: "a", runAt: START })).job).toMatchObject({
    state: "ready",
    readyAt: START + 10,
  });
  expect(await q.ids("ready")).toEqual(["b", "a"]);
  await q.run("job.update", { id: "b", runAt: START + 100 });
  await q.run("job.update", { id: "b", runAt: START + 50 });
  await q.advance(40);
  expect((await q.job("b")).state).toBe("ready");
});

test("a change that changes nothing costs no entry", async () => {
  const q = await openEngine({ config: {} });
  await q.enqueue({ id: "a", priority: 3, runAt: START + 1000 });
  const before = q.store.last.index;
  await q.run("job.update", { id: "a", priority: 3, runAt: START + 1000 });
  expect(q.store.last.index).toBe(before);
});

test("a running or ended job is not changed", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.claimOne();
  expect((await q.refused("job.update", { id: "a", priority: 1 })).refusalCode).toBe("job_state");
  await q.run("job.cancel", { id: "a" });
  expect((await q.refused("job.update", { id: "a", priority: 1 })).refusalCode).toBe("job_state");
});

test("failed, cancelled and expired jobs run again; others do not", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "failed", maxAttempts: 1 });
  const { token } = await q.claimOne();
  await q.settle({ op: "fail", id: "failed", token, error: "no" });
  await q.enqueue({ id: "expired", ttlMs: 10 });
  await q.enqueue({ id: "cancelled" });
  await q.run("job.cancel", { id: "cancelled" });
  await q.advance(10);
  for (const id of ["failed", "expired", "cancelled"]) {
    expect((await q.job(id)).state).toBe(id);
    expect((await q.run("job.retry", { id })).job).toMatchObject({ state: "ready", run: 2 });
  }
  const refusal = async (id: string) => (await q.refused("job.retry", { id })).facts?.["state"];
  expect(await refusal("failed")).toBe("ready");
  const claimed = await q.claimOne();
  expect(await refusal(claimed.id)).toBe("running");
  await q.settle({ op: "complete", id: claimed.id, token: claimed.token });
  expect(await refusal(claimed.id)).toBe("completed");
});

test("a retried job keeps its payload, labels and requirements, and its requirements still route it", async () => {
  const q = await openEngine();
  const spec = { id: "a", payload: '{"n":1}', labels: { x: "y" }, requires: ["gpu"], priority: 4 };
  await q.enqueue(spec);
  await q.run("job.cancel", { id: "a" });
  await q.run("job.retry", { id: "a" });
  expect(await q.claim()).toEqual([]);
  expect(await q.claimOne({ capabilities: ["gpu"] })).toMatchObject({ ...spec, payload: { n: 1 } });
});

test("only an ended job's record is removed", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  expect((await q.refused("job.remove", { id: "a" })).refusalCode).toBe("job_state");
  await q.claimOne();
  expect((await q.refused("job.remove", { id: "a" })).refusalCode).toBe("job_state");
  await q.run("job.cancel", { id: "a" });
  expect(await q.run("job.remove", { id: "a" })).toEqual({ now: START, removed: true });
  expect((await q.refused("job.get", { id: "a" })).refusalCode).toBe("job_unknown");
  expect((await q.run("queue.stats", {})).jobBytes).toBe(0);
});

test("a command judges the job it names as of now, though nothing has shown it yet", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "ttl", ttlMs: 1000 });
  await q.enqueue({ id: "delay", delayMs: 1000 });
  q.now += 1000;
  expect((await q.refused("job.update", { id: "ttl", priority: 1 })).facts).toMatchObject({
    state: "expired",
  });
  expect((await q.run("job.update", { id: "delay", priority: 1 })).job.state).toBe("ready");
});

test("ttlMs counts from the first readiness, and then the job is expired", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", delayMs: 5000, ttlMs: 1000 });
  await q.advance(5999);
  expect((await q.job("a")).state).toBe("ready");
  await q.advance(1);
  expect(await q.job("a")).toMatchObject({
    state: "expired",
    reason: "ttl",
    endedAt: START + 6000,
  });
});

test("ttlMs runs on while a ready job is made to wait", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", ttlMs: 1000 });
  await q.run("job.update", { id: "a", delayMs: 5000 });
  await q.advance(1000);
  expect((await q.job("a")).state).toBe("expired");
});

test("ttlMs stops at the first start, also when the job is given back", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", ttlMs: 1000 });
  const { token } = await q.claimOne();
  await q.advance(500);
  await q.settle({ op: "release", id: "a", token });
  await q.advance(5000);
  expect((await q.job("a")).state).toBe("ready");
  const second = await q.claimOne();
  await q.settle({ op: "fail", id: "a", token: second.token, error: "no", delayMs: 5000 });
  await q.advance(10_000);
  expect((await q.job("a")).state).toBe("ready");
});

test("ttlMs runs on while the queue is paused", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", ttlMs: 1000 });
  await q.run("queue.pause", {});
  await q.advance(1000);
  expect((await q.job("a")).state).toBe("expired");
});

test("a retry ignores ttlMs, also when the job waits again", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", ttlMs: 1000 });
  await q.advance(1000);
  await q.run("job.retry", { id: "a" });
  await q.run("job.update", { id: "a", delayMs: 100 });
  await q.advance(60_000);
  expect((await q.job("a")).state).toBe("ready");
});

test("a job whose life is over is not handed out, though no sweep has come to it", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const answers = await q.together([
    ["job.enqueue", { jobs: [{ id: "ttl", payload: "1", ttlMs: 0 }] }],
    ["job.enqueue", { jobs: [{ id: "deadline", payload: "1", expiresAt: q.now - 5 }] }],
    ["lease.claim", { max: 9 }],
  ]);
  const claimed = answers[2];
  expect(claimed && "reply" in claimed && JSON.parse(claimed.reply)).toMatchObject({
    jobs: [{ id: "a" }],
  });
  expect((await q.job("ttl")).state).toBe("expired");
  expect((await q.job("deadline")).state).toBe("expired");
});

test("expiresAt ends a job in whatever open state it is", async () => {
  const q = await openEngine();
  const expiresAt = START + 10_000;
  await q.enqueue({ id: "running", expiresAt });
  const { token } = await q.claimOne();
  await q.enqueue({ id: "ready", expiresAt });
  await q.enqueue({ id: "scheduled", expiresAt, delayMs: 60_000 });
  await q.advance(10_000);
  for (const id of ["running", "ready", "scheduled"]) {
    expect(await q.job(id)).toMatchObject({ state: "expired", reason: "deadline" });
  }
  expect((await q.job("running")).attempts).toMatchObject([{ outcome: "expired" }]);
  expect(await q.settle({ op: "complete", id: "running", token })).toMatchObject({
    code: "already_settled",
  });
});

test("a retry after the deadline is refused", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", expiresAt: START + 1000 });
  await q.advance(1000);
  expect(await q.refused("job.retry", { id: "a" })).toMatchObject({
    refusalCode: "job_state",
    facts: { expiresAt: START + 1000 },
  });
});

test("the earlier of ttl and deadline ends the job, and says which it was", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "ttl", ttlMs: 500, expiresAt: START + 1000 });
  await q.enqueue({ id: "deadline", ttlMs: 2000, expiresAt: START + 1000 });
  await q.advance(1000);
  expect((await q.job("ttl")).reason).toBe("ttl");
  expect((await q.job("deadline")).reason).toBe("deadline");
});

test("what time did to one job happens in the order of its times", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", expiresAt: START + 40_000 });
  await q.claimOne();
  q.now += 60_000;
  await q.run("queue.pause", {});
  expect(await q.job("a")).toMatchObject({
    state: "expired",
    attempts: [{ outcome: "lease_expired", endedAt: START + 30_000 }],
  });
});
