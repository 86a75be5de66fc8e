/** Attempts and backoff: what counts, what limits them, and how long a failed job waits. */
import { expect, test } from "vitest";
import type { Backoff } from "../../src/contract/jobs.ts";
import { limits } from "../../src/contract/limits.ts";
import { retryDelayMs } from "../../src/machine/retry.ts";
import { type Harness, openEngine } from "../engine-harness.ts";

const delays = (policy: Backoff, attempts = 6) =>
  Array.from({ length: attempts }, (_, i) => retryDelayMs(policy, "a", 1, i + 1));

test("a fixed backoff waits the same time after each attempt", () => {
  expect(delays({ kind: "fixed", delayMs: 700, jitter: "none" }, 3)).toEqual([700, 700, 700]);
});

test("a linear backoff grows by its delay, up to its cap", () => {
  const policy = { kind: "linear", delayMs: 100, capMs: 350, jitter: "none" } as const;
  expect(delays(policy, 5)).toEqual([100, 200, 300, 350, 350]);
});

test("an exponential backoff grows by its factor, by default two, up to its cap", () => {
  const policy = { kind: "exponential", delayMs: 100, jitter: "none" } as const;
  expect(delays(policy, 4)).toEqual([100, 200, 400, 800]);
  expect(delays({ ...policy, factor: 1.5, capMs: 200 }, 4)).toEqual([100, 150, 200, 200]);
});

test("a list backoff names each delay, and repeats its last", () => {
  expect(delays({ kind: "list", delaysMs: [5, 1, 9], jitter: "none" }, 5)).toEqual([5, 1, 9, 9, 9]);
});

test("no backoff waits longer than ten years, however it grows", () => {
  const policy = {
    kind: "exponential",
    delayMs: limits.delayMsMax,
    factor: 100,
    jitter: "none",
  } as const;
  expect(delays(policy, 32)).toEqual(Array.from({ length: 32 }, () => limits.delayMsMax));
});

test("full jitter spreads delays evenly from zero to the policy's delay, and is the same every time", () => {
  const policy = { kind: "fixed", delayMs: 1000 } as const;
  const samples = Array.from({ length: 4000 }, (_, i) => retryDelayMs(policy, `job-${i}`, 1, 1));
  const buckets = [0, 0, 0, 0];
  for (const sample of samples) {
    expect(Number.isInteger(sample) && sample >= 0 && sample <= 1000).toBe(true);
    const bucket = Math.min(3, Math.floor(sample / 250.25));
    buckets[bucket] = (buckets[bucket] ?? 0) + 1;
  }
  for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(120);
  expect(Array.from({ length: 4000 }, (_, i) => retryDelayMs(policy, `job-${i}`, 1, 1))).toEqual(
    samples,
  );
});

test("jitter differs from attempt to attempt and from run to run", () => {
  const policy = { kind: "fixed", delayMs: 1_000_000 } as const;
  const all = [1, 2, 3].flatMap((run) => [1, 2, 3].map((n) => retryDelayMs(policy, "a", run, n)));
  expect(new Set(all).size).toBe(9);
});

const none = { kind: "fixed", delayMs: 0, jitter: "none" } as const;

async function failOnce(q: Harness, error = "no") {
  const { id, token } = await q.claimOne();
  return q.settle({ op: "fail", id, token, error });
}

test("a job has three attempts by default, then it has failed with its last error", async () => {
  const q = await openEngine({ config: { backoff: none } });
  const id = await q.enqueue();
  expect(await failOnce(q, "one")).toMatchObject({ state: "ready" });
  expect(await failOnce(q, "two")).toMatchObject({ state: "ready" });
  expect(await failOnce(q, "three")).toEqual({ id, ok: true, state: "failed" });
  expect(await q.job(id)).toMatchObject({
    state: "failed",
    error: "three",
    attempt: 3,
    maxAttempts: 3,
    deliveries: 3,
    attempts: [
      { run: 1, attempt: 1, outcome: "failed", error: "one" },
      { run: 1, attempt: 2, outcome: "failed", error: "two" },
      { run: 1, attempt: 3, outcome: "failed", error: "three" },
    ],
  });
});

test("the job's maxAttempts goes before the queue's", async () => {
  const q = await openEngine({ config: { maxAttempts: 2, backoff: none } });
  await q.enqueue({ maxAttempts: 1 });
  expect(await failOnce(q)).toMatchObject({ state: "failed" });
  await q.enqueue();
  expect(await failOnce(q)).toMatchObject({ state: "ready" });
  expect(await failOnce(q)).toMatchObject({ state: "failed" });
});

test("the job's backoff goes before the queue's, and a failure's own delay before both", async () => {
  const q = await openEngine({
    config: { backoff: { kind: "fixed", delayMs: 1000, jitter: "none" } },
  });
  await q.enqueue();
  expect(await failOnce(q)).toMatchObject({ state: "scheduled", runAt: q.now + 1000 });
  await q.enqueue({ backoff: { kind: "list", delaysMs: [2000, 3000], jitter: "none" } });
  expect(await failOnce(q)).toMatchObject({ runAt: q.now + 2000 });
  await q.enqueue();
  const { id, token } = await q.claimOne();
  const item = { op: "fail", id, token, error: "no", delayMs: 9000 } as const;
  expect(await q.settle(item)).toMatchObject({ runAt: q.now + 9000 });
});

test("the default backoff is exponential from 1 s, doubling, capped at an hour, with full jitter", async () => {
  const q = await openEngine({ config: {} });
  expect((await q.run("queue.get", {})).queue.config).toMatchObject({
    maxAttempts: 3,
    leaseMs: 30_000,
    backoff: { kind: "exponential", delayMs: 1000, factor: 2, capMs: 3_600_000, jitter: "full" },
  });
});

test("a failure that is not retryable ends the job at its first attempt", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  const item = { op: "fail", id: "a", token, error: "bad input", retryable: false } as const;
  expect(await q.settle(item)).toEqual({ id: "a", ok: true, state: "failed" });
  expect(await q.job("a")).toMatchObject({ state: "failed", error: "bad input" });
});

test("the end of a lease counts as an attempt, and the last one fails the job", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", maxAttempts: 2 });
  await q.claimOne();
  await q.advance(30_000);
  expect(await q.job("a")).toMatchObject({ state: "ready", attempt: 2 });
  await q.claimOne();
  await q.advance(30_000);
  expect(await q.job("a")).toMatchObject({
    state: "failed",
    reason: "lease_expired",
    attempts: [{ outcome: "lease_expired" }, { outcome: "lease_expired", attempt: 2 }],
  });
});

test("deliveries count every hand-out; at ten for each attempt a claim fails the job instead", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", maxAttempts: 1 });
  await q.enqueue({ id: "b" });
  for (let i = 1; i <= 10; i++) {
    const { token, deliveries } = await q.claimOne();
    expect(deliveries).toBe(i);
    await q.settle({ op: "release", id: "a", token });
  }
  expect((await q.claimOne()).id).toBe("b");
  expect(await q.job("a")).toMatchObject({ state: "failed", reason: "delivery_limit", attempt: 1 });
  expect(await q.job("a")).not.toHaveProperty("attempts");
});

test("the queue's maxDeliveries goes before ten for each attempt", async () => {
  const q = await openEngine({ config: { maxDeliveries: 2 } });
  await q.enqueue({ id: "a" });
  for (let i = 0; i < 2; i++) {
    const { token } = await q.claimOne();
    await q.settle({ op: "release", id: "a", token });
  }
  expect(await q.claim()).toEqual([]);
  expect((await q.job("a")).reason).toBe("delivery_limit");
  await q.run("queue.configure", { maxDeliveries: null });
  await q.run("job.retry", { id: "a" });
  for (let i = 0; i < 3; i++) {
    const { token } = await q.claimOne();
    await q.settle({ op: "release", id: "a", token });
  }
});

test("a retry opens a new run: attempts and deliveries start again, the history stays", async () => {
  const q = await openEngine({ config: { backoff: none } });
  await q.enqueue({ id: "a", maxAttempts: 1 });
  await failOnce(q, "one");
  const { job } = await q.run("job.retry", { id: "a" });
  expect(job).toMatchObject({ state: "ready", run: 2, attempt: 1, deliveries: 0 });
  for (const gone of ["endedAt", "error", "reason", "worker"]) expect(job).not.toHaveProperty(gone);
  expect(await q.claimOne()).toMatchObject({ run: 2, attempt: 1, deliveries: 1 });
  await q.advance(30_000);
  expect((await q.job("a")).attempts).toMatchObject([
    { run: 1, attempt: 1, error: "one" },
    { run: 2, attempt: 1, outcome: "lease_expired" },
  ]);
});

test("attempts[] keeps the last 32, older ones are only counted", async () => {
  const q = await openEngine({ config: { backoff: none } });
  const id = await q.enqueue({ maxAttempts: 32 });
  for (let i = 1; i <= 32; i++) await failOnce(q, `${i}`);
  await q.run("job.retry", { id });
  await failOnce(q, "33");
  const { attempts, deliveries } = await q.job(id);
  expect(attempts?.length).toBe(32);
  expect(attempts?.[0]).toMatchObject({ run: 1, attempt: 2, error: "2" });
  expect(attempts?.at(-1)).toMatchObject({ run: 2, attempt: 1, error: "33" });
  expect(deliveries).toBe(1);
});

test("a cancel of a running job is not a counted failure", async () => {
  const q = await openEngine();
  const id = await q.enqueue();
  await q.claimOne();
  await q.run("job.cancel", { id });
  expect(await q.job(id)).toMatchObject({ attempt: 1, attempts: [{ outcome: "cancelled" }] });
});

test("when the queue's maxAttempts is lowered, a waiting job has its next attempt as its last", async () => {
  const q = await openEngine({ config: { maxAttempts: 5, backoff: none } });
  const id = await q.enqueue();
  for (let i = 0; i < 3; i++) await failOnce(q);
  await q.run("queue.configure", { maxAttempts: 2 });
  expect(await q.claimOne()).toMatchObject({ attempt: 2, maxAttempts: 2 });
  await q.advance(30_000);
  expect((await q.job(id)).state).toBe("failed");
});
