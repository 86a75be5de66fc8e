/**
 * Strict order: that one job of a key runs at a time, what holds its head, and what parks it.
 * Invariant: each test stands for a way in which it could be wrong, of which `scripts/mutants-keys.ts` has most.
 */
import { expect, test } from "vitest";
import { type Harness, openEngine } from "../engine-harness.ts";

/** A queue whose key k is in strict order, with so many jobs: k1 and so on, of one attempt more than `retries`. */
async function strictQueue(count: number, retries = 1, said: object = {}): Promise<Harness> {
  const backoff = { kind: "fixed", delayMs: 1000, jitter: "none" } as const;
  const q = await openEngine({ config: { backoff, maxAttempts: retries + 1 } });
  await q.run("key.put", { key: "k", order: "fifo", ...said });
  for (let i = 1; i <= count; i += 1) await q.enqueue({ id: `k${i}`, key: "k", priority: -i });
  return q;
}

const claimed = async (q: Harness) => (await q.claim({ max: 9 })).map(({ id }) => id);

/** Claims the head, and says that it failed. */
async function failHead(q: Harness): Promise<void> {
  const { id, token } = await q.claimOne();
  await q.settle({ op: "fail", id, token, error: "no" });
}

test("one job runs at a time, by place and not by priority", async () => {
  const q = await strictQueue(2);
  expect(await claimed(q)).toEqual(["k1"]);
  expect(await claimed(q)).toEqual([]);
});

test("the order of a key changes only while it has no open jobs", async () => {
  const q = await strictQueue(1);
  const change = { key: "k", order: "priority" } as const;
  expect((await q.refused("key.put", change)).refusalCode).toBe("key_in_use");
  await q.run("job.cancel", { id: "k1" });
  expect((await q.run("key.put", change)).key.limits.order).toBe("priority");
});

test("a job that waits to be tried again holds those behind it, until it is cancelled", async () => {
  const q = await strictQueue(2);
  await failHead(q);
  expect(await claimed(q)).toEqual([]);
  await q.run("job.cancel", { id: "k1" });
  expect(await claimed(q)).toEqual(["k2"]);
});

test("a job that is to rejoin when it is tried again stands behind those that came since", async () => {
  const q = await strictQueue(2, 1, { onRetry: "rejoin" });
  await failHead(q);
  await q.advance(1000);
  expect(await claimed(q)).toEqual(["k2"]);
});

test("a job that fails for good parks its key, which names it", async () => {
  const q = await strictQueue(2, 0, { onFail: "park" });
  await failHead(q);
  const { key } = await q.run("key.get", { key: "k" });
  expect(key).toMatchObject({ paused: true, pausedReason: "parked", parkedBy: "k1" });
  expect(await claimed(q)).toEqual([]);
});

test("a job whose last lease ends by time parks its key too", async () => {
  const q = await strictQueue(2, 0, { onFail: "park" });
  expect(await claimed(q)).toEqual(["k1"]);
  await q.advance(30_000);
  expect((await q.job("k1")).state).toBe("failed");
  expect((await q.run("key.get", { key: "k" })).key.parkedBy).toBe("k1");
  expect(await claimed(q)).toEqual([]);
});
