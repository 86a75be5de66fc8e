/** Keys in strict order: one job at a time by place, and what a retry, a failure and a change mean for those behind. */
import { expect, test } from "vitest";
import type { PutKeyInput } from "../../src/contract/keys.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { end, enqueueMany, forGood, moved, take, tryEnqueue } from "./flow-rig.ts";

const keyOf = async (q: Harness) => (await q.run("key.get", { key: "k" })).key;

/** A queue with jobs `k0`, `k1`, … of a key in strict order, which are tried again after a second. */
async function ordered(jobs: number, said: Partial<PutKeyInput> = {}): Promise<Harness> {
  const q = await openEngine({
    config: { backoff: { kind: "fixed", delayMs: 1000, jitter: "none" } },
  });
  await q.run("key.put", { key: "k", order: "fifo", ...said });
  await enqueueMany(q, "k", jobs, { key: "k" });
  return q;
}
const fail = { op: "fail", error: "no" } as const;

test("jobs go one at a time, by place, whatever their priority", async () => {
  const q = await ordered(1);
  await q.enqueue({ id: "urgent", key: "k", priority: -1000 });
  await q.enqueue({ id: "last", key: "k", priority: 5 });
  expect(await keyOf(q)).toMatchObject({ limits: { order: "fifo", concurrency: 1 } });
  await end(q, "k0");
  await end(q, "urgent");
  expect(await take(q, 10)).toEqual(["last"]);
});

test("one claim is given at most one job of each key in order, and keys go on beside one another", async () => {
  const q = await ordered(3);
  await q.run("key.put", { key: "l", order: "fifo" });
  await enqueueMany(q, "l", 3, { key: "l" });
  expect(await take(q, 10)).toEqual(["k0", "l0"]);
  expect(await take(q, 10)).toEqual([]);
});

test("a concurrency that was said of it does not count", async () => {
  const q = await ordered(3, { concurrency: 5 });
  expect(await take(q, 5)).toEqual(["k0"]);
});

test("the priority of its head ranks the key among the others", async () => {
  const q = await ordered(0);
  await q.enqueue({ id: "head", key: "k", priority: 5 });
  await q.enqueue({ id: "behind", key: "k", priority: -5 });
  await q.enqueue({ id: "other", key: "o", priority: 0 });
  await q.enqueue({ id: "plain", priority: 4 });
  await end(q, "other");
  await end(q, "plain");
  await q.enqueue({ id: "late", priority: -4 });
  await end(q, "late");
  await end(q, "head");
  await q.enqueue({ id: "later", priority: -4 });
  await end(q, "behind");
});

test("the priority of its next head counts at once, where its head is over as it would be handed out", async () => {
  const q = await ordered(0);
  await q.enqueue({ id: "head", key: "k", ttlMs: 2 });
  await q.enqueue({ id: "next", key: "k", priority: -1 });
  await q.enqueue({ id: "other", key: "o" });
  // More is due than one group looks after: the claim meets the head as it stands.
  const due = { payload: "1", delayMs: 1, requires: ["gpu"] };
  await q.run("job.enqueue", { jobs: Array.from({ length: limits.sweepMax }, () => due) });
  q.now += 10;
  expect(await take(q, 2)).toEqual(["next", "other"]);
  expect(await q.job("head")).toMatchObject({ state: "expired" });
});

test("a delayed job holds nobody up, and takes its place when it is due", async () => {
  const q = await ordered(0);
  await q.enqueue({ id: "delayed", key: "k", delayMs: 1000 });
  await enqueueMany(q, "k", 2, { key: "k" });
  await end(q, "k0");
  await q.advance(1000);
  await q.enqueue({ id: "late", key: "k" });
  await end(q, "k1");
  await end(q, "delayed");
  await end(q, "late");
});

test("a job that waits for others holds nobody up, and comes to the tail", async () => {
  const q = await ordered(0);
  await q.enqueue({ id: "parent", priority: 1 });
  await q.enqueue({ id: "child", key: "k", after: [{ id: "parent" }] });
  await enqueueMany(q, "k", 2, { key: "k" });
  await end(q, "k0");
  await q.advance(1);
  const { id, token } = await q.claimOne();
  await end(q, "parent");
  await q.settle({ op: "release", id, token });
  await end(q, "k1");
  await end(q, "child");
});

test("a job that failed holds its key until it is due again, and keeps its place", async () => {
  const q = await ordered(2);
  await end(q, "k0", fail);
  expect(await keyOf(q)).toMatchObject({ limitedBy: "retry", running: 0, waiting: 2 });
  await q.advance(999);
  expect(await take(q)).toEqual([]);
  await q.advance(1);
  await end(q, "k0");
  expect(await take(q)).toEqual(["k1"]);
});

test("with rejoin it takes a new place, and the next one goes on meanwhile", async () => {
  const q = await ordered(2, { onRetry: "rejoin" });
  await end(q, "k0", fail);
  await q.enqueue({ id: "k2", key: "k" });
  await end(q, "k1");
  await q.advance(1000);
  await end(q, "k2");
  expect(await take(q)).toEqual(["k0"]);
});

test("another rule for retries holds from the next retry on", async () => {
  const q = await ordered(2);
  await end(q, "k0", fail);
  await q.run("key.put", { key: "k", onRetry: "rejoin" });
  expect(await take(q)).toEqual([]);
  await q.advance(1000);
  await end(q, "k0", fail);
  expect(await take(q)).toEqual(["k1"]);
});

test("a job that is given back at once is the next one again", async () => {
  const q = await ordered(2);
  await end(q, "k0", { op: "release" });
  expect(await take(q)).toEqual(["k0"]);
});

test("one that is given back with a delay holds its key for so long", async () => {
  const q = await ordered(2);
  await end(q, "k0", { op: "release", delayMs: 500 });
  await q.advance(499);
  expect(await take(q)).toEqual([]);
  await q.advance(1);
  expect(await take(q)).toEqual(["k0"]);
});

test("with rejoin one that is given back with a delay lets the next one go on, and comes back to its place", async () => {
  const q = await ordered(3, { onRetry: "rejoin" });
  await end(q, "k0", { op: "release", delayMs: 500 });
  await end(q, "k1");
  await q.advance(500);
  expect(await take(q)).toEqual(["k0"]);
});

test("a job whose lease ended is the next one again", async () => {
  const q = await ordered(2);
  await take(q);
  await q.advance(29_999);
  expect(await take(q)).toEqual([]);
  await q.advance(1);
  expect(await take(q)).toEqual(["k0"]);
  expect((await q.job("k0")).attempt).toBe(2);
});

test.each([
  ["cancelled", (q: Harness) => q.run("job.cancel", { id: "k0" })],
  ["purged", (q: Harness) => q.run("queue.purge", { states: ["scheduled"] })],
  ["made due", (q: Harness) => q.run("job.update", { id: "k0", delayMs: 0 })],
  ["expired", (q: Harness) => q.advance(500)],
])("a job that holds its key lets go of it when it is %s", async (how, letGo) => {
  const q = await ordered(0);
  await q.enqueue({ id: "k0", key: "k", expiresAt: START + 500 });
  await q.enqueue({ id: "k1", key: "k" });
  await end(q, "k0", fail);
  expect(await take(q)).toEqual([]);
  await letGo(q);
  expect(await take(q)).toEqual([how === "made due" ? "k0" : "k1"]);
});

test("a job that failed for good is followed by the next one", async () => {
  const q = await ordered(2);
  await end(q, "k0", forGood);
  expect(await keyOf(q)).toMatchObject({ paused: false });
  expect(await take(q)).toEqual(["k1"]);
});

test("with park it pauses its key, which names it, until somebody resumes it", async () => {
  const q = await ordered(3, { onFail: "park" });
  await end(q, "k0", forGood);
  expect(await keyOf(q)).toMatchObject({
    ...{ paused: true, pausedReason: "parked", parkedBy: "k0", limitedBy: "paused" },
  });
  expect(await take(q)).toEqual([]);
  await q.reopen();
  await q.run("job.retry", { id: "k0" });
  await q.run("key.put", { key: "k", paused: false });
  expect(await keyOf(q)).not.toHaveProperty("parkedBy");
  for (const id of ["k1", "k2", "k0"]) await end(q, id);
});

test("a key that was paused before a job parks it keeps its reason, and names the job", async () => {
  const q = await ordered(1, { onFail: "park" });
  const { id, token } = await q.claimOne();
  await q.run("key.put", { key: "k", paused: true, reason: "maintenance" });
  await q.settle({ ...forGood, id, token });
  expect(await keyOf(q)).toMatchObject({ pausedReason: "maintenance", parkedBy: "k0" });
  await q.run("key.put", { key: "k", paused: false });
  expect(await keyOf(q)).not.toHaveProperty("pausedReason");
  expect(await keyOf(q)).not.toHaveProperty("parkedBy");
});

test("a parked key that is paused by hand still names the job that parked it", async () => {
  const q = await ordered(1, { onFail: "park" });
  await end(q, "k0", forGood);
  await q.run("key.put", { key: "k", paused: true, reason: "looking" });
  expect(await keyOf(q)).toMatchObject({ pausedReason: "looking", parkedBy: "k0" });
});

test.each([
  ["whose last lease ended", (q: Harness) => q.advance(30_000)],
  ["that was handed out too often", (q: Harness) => q.run("lease.claim", {})],
])("a job %s parks its key too", async (why, fails) => {
  const q = await ordered(0, { onFail: "park" });
  const isOften = why.endsWith("often");
  if (isOften) await q.run("queue.configure", { maxDeliveries: 1 });
  await enqueueMany(q, "k", 2, { key: "k", maxAttempts: 1 });
  if (isOften) await end(q, "k0", { op: "release" });
  else await take(q);
  await fails(q);
  expect(await keyOf(q)).toMatchObject({ parkedBy: "k0" });
  expect(await take(q)).toEqual([]);
});

test("neither a failure that is tried again parks a key, nor a cancelled or expired job", async () => {
  const q = await ordered(0, { onFail: "park", onRetry: "rejoin" });
  await q.enqueue({ id: "again", key: "k" });
  await q.enqueue({ id: "cancelled", key: "k" });
  await q.enqueue({ id: "expired", key: "k", expiresAt: START + 100 });
  await end(q, "again", fail);
  await q.run("job.cancel", { id: "cancelled" });
  await q.advance(100);
  expect(await keyOf(q)).toMatchObject({ paused: false });
});

test("only a key in strict order is parked", async () => {
  const q = await openEngine({ config: { keys: { onFail: "park" } } });
  await enqueueMany(q, "k", 2, { key: "k" });
  await end(q, "k0", forGood);
  expect(await take(q)).toEqual(["k1"]);
});

test("a job that was cancelled while it ran is followed once its worker has let go", async () => {
  const q = await ordered(2);
  const { id, token } = await q.claimOne();
  await q.run("job.cancel", { id });
  expect(await take(q)).toEqual([]);
  await q.settle({ op: "extend", id, token });
  expect(await take(q)).toEqual(["k1"]);
});

test("a retried job goes to the tail", async () => {
  const q = await ordered(2);
  await end(q, "k0", forGood);
  await q.run("job.retry", { id: "k0" });
  await end(q, "k1");
  await end(q, "k0");
});

test("the order of a key changes only while it has no open jobs", async () => {
  const q = await ordered(1);
  const change = { key: "k", order: "priority" as const };
  expect(await q.refused("key.put", change)).toMatchObject({ refusalCode: "key_in_use" });
  expect(await q.refused("key.remove", { key: "k" })).toMatchObject({ refusalCode: "key_in_use" });
  await q.run("key.put", { key: "k", order: "fifo", weight: 2 });
  await end(q, "k0");
  await q.run("key.put", change);
  await enqueueMany(q, "n", 2, { key: "k" });
  const fifo = { key: "k", order: "fifo" as const };
  expect(await q.refused("key.put", fifo)).toMatchObject({ facts: { key: "k" } });
  expect(await take(q, 5)).toEqual(["n0", "n1"]);
});

test.each([
  ["an open job", ["k0"]],
  ["open jobs", ["k0", "k1"]],
])(
  "a new default order holds for a key that has %s once it has none; until then it shows the one that they have",
  async (_, open) => {
    const q = await openEngine();
    await enqueueMany(q, "k", open.length, { key: "k" });
    await q.run("queue.configure", { keys: { order: "fifo" } });
    expect((await keyOf(q)).limits.order).toBe("priority");
    await q.enqueue({ id: "late", key: "k" });
    expect(await take(q, 5)).toEqual([...open, "late"]);
    await q.run("queue.purge", { states: ["running"] });
    await q.advance(30_000);
    expect((await keyOf(q)).limits.order).toBe("fifo");
    await enqueueMany(q, "n", 2, { key: "k" });
    expect(await take(q, 5)).toEqual(["n0"]);
  },
);

test("who holds a key, and which job is its head, outlive a crash, a checkpoint and an import", async () => {
  const q = await ordered(2);
  await end(q, "k0", fail);
  await q.reopen();
  expect(await take(q)).toEqual([]);
  await q.run("queue.checkpoint", {});
  await q.reopen();
  expect(await take(q)).toEqual([]);
  const target = await moved(q);
  expect(await take(target)).toEqual([]);
  await target.advance(1000);
  expect(await take(target)).toEqual(["k0"]);
});

test("an import gives what ran back to the head", async () => {
  const q = await ordered(3);
  await take(q);
  const target = await moved(q);
  for (const id of ["k0", "k1", "k2"]) await end(target, id);
});

test("jobs with different requirements stand in one order: one that a worker may not have is waited for", async () => {
  const q = await ordered(0);
  await q.enqueue({ id: "gpu", key: "k", requires: ["gpu"] });
  await q.enqueue({ id: "any", key: "k" });
  expect(await take(q)).toEqual([]);
  expect(await take(q, 5, { capabilities: ["gpu"] })).toEqual(["gpu"]);
});

test("a full backlog takes no job to its tail", async () => {
  const q = await ordered(2, { maxBacklog: 2 });
  expect(await tryEnqueue(q, { key: "k" })).toEqual({ code: "key_full" });
  await take(q);
  expect(await tryEnqueue(q, { id: "k2", key: "k" })).toEqual({ id: "k2" });
});
