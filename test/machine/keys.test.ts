/** Flow keys: what is said of them, how many of their jobs run, what is held back, and what a pause and a change mean. */
import { expect, test } from "vitest";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { end, enqueueAll, enqueueMany, moved, take, tryEnqueue } from "./flow-rig.ts";

const keyOf = async (q: Harness, key = "k") => (await q.run("key.get", { key })).key;
const keys = async (q: Harness, input = {}) =>
  (await q.run("key.list", input)).keys.map(({ key }) => key);
const defaults = { concurrency: null, rate: null, weight: 1, maxBacklog: null, order: "priority" };

/** A queue with jobs of key `k`, of which so many may run at once. */
async function limitedTo(concurrency: number, jobs: number): Promise<Harness> {
  const q = await openEngine();
  await enqueueMany(q, "k", jobs, { key: "k" });
  await q.run("key.put", { key: "k", concurrency });
  return q;
}

/** A job for each of so many keys. */
const keyed = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `${name}${i}`, key: `k${i}` }));

test("a key that nobody has named is shown with the queue's defaults, and not listed", async () => {
  const q = await openEngine({ config: { keys: { weight: 4 } } });
  expect(await keyOf(q)).toEqual({
    key: "k",
    ...{ waiting: 0, ready: 0, running: 0, lingering: 0, paused: false, settings: {} },
    limits: { ...defaults, weight: 4, onRetry: "block", onFail: "next" },
  });
  expect(await keys(q)).toEqual([]);
});

test("what a change leaves out stays, and null means the queue's default again", async () => {
  const q = await openEngine({ config: { keys: { concurrency: 7 } } });
  await q.run("key.put", { key: "k", concurrency: 2, weight: 3 });
  await q.run("key.put", { key: "k", maxBacklog: 9 });
  expect((await keyOf(q)).settings).toEqual({ concurrency: 2, weight: 3, maxBacklog: 9 });
  await q.run("key.put", { key: "k", concurrency: null, maxBacklog: null });
  expect(await keyOf(q)).toMatchObject({
    settings: { weight: 3 },
    limits: { concurrency: 7, maxBacklog: null, weight: 3 },
  });
});

test("a key without settings of its own is left to the defaults, and resumed, by its removal", async () => {
  const q = await openEngine({ config: {} });
  await q.run("key.put", { key: "k", concurrency: 2, paused: true });
  expect((await q.run("key.remove", { key: "k" })).key).toMatchObject({
    paused: false,
    settings: {},
  });
  expect(await keys(q)).toEqual([]);
});

test("keys are listed while they have open jobs, slots taken, settings or a pause", async () => {
  const q = await openEngine();
  await enqueueMany(q, "j", 1, { key: "jobs" });
  await q.enqueue({ id: "slot", key: "slot" });
  await q.run("key.put", { key: "set", weight: 2 });
  await q.run("key.put", { key: "paused", paused: true });
  await take(q, 2);
  await q.run("job.cancel", { id: "slot" });
  expect(await keys(q)).toEqual(["jobs", "paused", "set", "slot"]);
  await q.advance(30_000);
  expect(await keys(q)).toEqual(["jobs", "paused", "set"]);
  await q.run("job.cancel", { id: "j0" });
  await q.run("key.put", { key: "set", weight: null });
  await q.run("key.put", { key: "paused", paused: false });
  expect(await keys(q)).toEqual([]);
});

test("keys are listed by name, page by page, and by what holds them back", async () => {
  const q = await limitedTo(1, 2);
  await take(q);
  await q.run("key.put", { key: "a", paused: true, reason: "later" });
  await q.run("key.put", { key: "z", concurrency: 1 });
  const first = await q.run("key.list", { limit: 2 });
  expect(first.keys.map(({ key }) => key)).toEqual(["a", "k"]);
  expect(await keys(q, { cursor: first.cursor })).toEqual(["z"]);
  expect(await keys(q, { state: "limited" })).toEqual(["k"]);
  expect(await keys(q, { state: "paused" })).toEqual(["a"]);
  expect(await keyOf(q, "a")).toMatchObject({ paused: true, pausedReason: "later" });
});

test("as many jobs of a key run at once as its concurrency says, and no more", async () => {
  const q = await limitedTo(3, 5);
  expect(await take(q, 10)).toEqual(["k0", "k1", "k2"]);
  expect(await q.run("lease.claim", {})).toMatchObject({ jobs: [], waiting: 2, limited: 2 });
  expect(await keyOf(q)).toMatchObject({ running: 3, ready: 2, limitedBy: "concurrency" });
});

test("a slot comes free when a job completes, fails, is given back, or its lease ends", async () => {
  const q = await limitedTo(1, 9);
  await end(q, "k0");
  await end(q, "k1", { op: "fail", error: "no", delayMs: 60_000 });
  await end(q, "k2", { op: "fail", error: "no", retryable: false });
  await end(q, "k3", { op: "release", delayMs: 60_000 });
  expect(await take(q)).toEqual(["k4"]);
  await q.advance(29_999);
  expect(await take(q)).toEqual([]);
  await q.advance(1);
  expect(await take(q)).toEqual(["k4"]);
});

test("a concurrency of 1 is exclusion alone: it orders nothing", async () => {
  const q = await limitedTo(1, 2);
  await q.enqueue({ id: "urgent", key: "k", priority: -1 });
  await end(q, "urgent", { op: "fail", error: "no", delayMs: 60_000 });
  expect(await take(q, 2)).toEqual(["k0"]);
});

test("a lowered concurrency takes nothing back: what runs can be extended and completed, and nothing follows", async () => {
  const q = await limitedTo(3, 5);
  const jobs = await q.claim({ max: 3 });
  await q.run("key.put", { key: "k", concurrency: 1 });
  for (const { id, token } of jobs) {
    expect(await take(q)).toEqual([]);
    expect(await q.settle({ op: "extend", id, token })).toMatchObject({ ok: true });
    expect(await q.settle({ op: "complete", id, token })).toMatchObject({ ok: true });
  }
  expect(await take(q, 2)).toEqual(["k3"]);
});

test("a raised concurrency opens its key at once", async () => {
  const q = await limitedTo(1, 3);
  await take(q);
  await q.run("key.put", { key: "k", concurrency: 2 });
  expect(await take(q, 5)).toEqual(["k1"]);
});

test("a changed default opens and shuts every key that says nothing for itself, as an operation", async () => {
  const q = await openEngine({ config: { keys: { concurrency: 1 } } });
  for (const key of ["a", "b", "c"]) await enqueueMany(q, key, 4, { key });
  await q.run("key.put", { key: "c", concurrency: 1 });
  expect(await take(q, 12)).toEqual(["a0", "b0", "c0"]);
  await q.run("queue.configure", { keys: { concurrency: 3 } });
  const { operation } = await q.run("operation.get", { id: "q0000000-001-op0001" });
  expect(operation).toMatchObject({ kind: "resize", status: "done", changed: 2, examined: 3 });
  expect((await take(q, 12)).sort()).toEqual(["a1", "a2", "b1", "b2"]);
  await q.run("queue.configure", { keys: { concurrency: 2 } });
  expect(await q.ids("running")).toHaveLength(7);
  expect(await take(q, 12)).toEqual([]);
});

test("a change of the defaults looks at more keys than fit one step, also after a crash", async () => {
  const q = await openEngine({ config: { keys: { concurrency: 1 } } });
  for (const name of ["a", "b"]) await enqueueAll(q, keyed(name, 20));
  await enqueueAll(q, keyed("c", 1001).slice(20));
  await q.run("lease.claim", { max: 20 });
  expect((await q.run("key.list", { state: "limited" })).keys).toHaveLength(20);
  await q.run("queue.configure", { keys: { concurrency: 2 } });
  const id = "q0000000-001-op0001";
  expect((await q.run("operation.get", { id })).operation.status).toBe("running");
  await q.reopen();
  await q.advance(0);
  expect((await q.run("operation.get", { id })).operation).toMatchObject({
    ...{ status: "done", examined: 1001, changed: 20, total: 1001 },
  });
  expect(await q.run("key.list", { state: "limited" })).toMatchObject({ keys: [] });
});

test("the queue's concurrency holds over all keys and the jobs without one, and a claim gets what is left", async () => {
  const q = await openEngine({ config: { concurrency: 3 } });
  await enqueueMany(q, "a", 3, { key: "a" });
  await enqueueMany(q, "-", 3);
  const first = await q.claimOne();
  expect(await take(q, 10)).toHaveLength(2);
  expect(await q.run("lease.claim", {})).toMatchObject({ jobs: [], waiting: 3, limited: 3 });
  await q.settle({ op: "complete", id: first.id, token: first.token });
  expect(await take(q, 10)).toHaveLength(1);
});

test("a lowered concurrency of the queue takes nothing back, and a raised one opens it at once", async () => {
  const q = await openEngine({ config: { concurrency: 2 } });
  await enqueueMany(q, "a", 4);
  const jobs = await q.claim({ max: 2 });
  await q.run("queue.configure", { concurrency: 1 });
  for (const { id, token } of jobs) {
    expect(await take(q)).toEqual([]);
    await q.settle({ op: "complete", id, token });
  }
  expect(await take(q, 4)).toEqual(["a2"]);
  await q.run("queue.configure", { concurrency: null });
  expect(await take(q, 4)).toEqual(["a3"]);
});

test("a paused key hands out nothing; its leases go on, and jobs are taken and settled", async () => {
  const q = await openEngine();
  await enqueueMany(q, "k", 2, { key: "k" });
  const { id, token } = await q.claimOne();
  await q.enqueue({ id: "other" });
  await q.run("key.put", { key: "k", paused: true, reason: "api is down" });
  expect(await take(q, 5)).toEqual(["other"]);
  await q.enqueue({ id: "late", key: "k" });
  expect(await q.settle({ op: "extend", id, token })).toMatchObject({ ok: true });
  expect(await q.settle({ op: "complete", id, token })).toMatchObject({ ok: true });
  expect(await q.run("lease.claim", {})).toMatchObject({ jobs: [], paused: false, limited: 2 });
  await q.run("key.put", { key: "k", paused: false });
  expect(await take(q, 5)).toEqual(["k1", "late"]);
});

test("limits, pauses and what runs outlive a crash and a checkpoint", async () => {
  const q = await limitedTo(2, 4);
  await q.run("key.put", { key: "p", paused: true, reason: "r" });
  await q.enqueue({ id: "p0", key: "p" });
  await take(q);
  await q.reopen();
  expect(await take(q, 5)).toEqual(["k1"]);
  await q.run("queue.checkpoint", {});
  await q.reopen();
  expect(await take(q, 5)).toEqual([]);
  expect(await keyOf(q, "p")).toMatchObject({ paused: true, pausedReason: "r", waiting: 1 });
});

test("an import keeps limits and pauses, and gives the slots of what ran back", async () => {
  const q = await limitedTo(1, 2);
  await q.run("key.put", { key: "p", paused: true });
  await q.enqueue({ id: "p0", key: "p" });
  await take(q);
  const target = await moved(q);
  expect(await keyOf(target)).toMatchObject({ running: 0, ready: 2, settings: { concurrency: 1 } });
  expect(await take(target, 5)).toEqual(["k0"]);
  expect((await target.job("k0")).attempt).toBe(1);
});

test("a deleted queue takes its keys with it", async () => {
  const q = await limitedTo(1, 2);
  await q.run("queue.delete", { force: "true" });
  await enqueueMany(q, "k", 2, { key: "k" });
  expect((await keyOf(q)).settings).toEqual({});
  expect(await take(q, 5)).toEqual(["k0", "k1"]);
});

test("as many jobs of a key may wait as its backlog allows, and one more is refused for itself", async () => {
  const q = await openEngine({ config: {} });
  await q.run("key.put", { key: "k", maxBacklog: 3 });
  const { results, refused } = await q.run("job.enqueue", {
    jobs: ["a", "b", "c", "d"].map((id) => ({ payload: "1", id, key: "k" })),
  });
  expect(refused).toBe(1);
  expect(results[3]).toMatchObject({
    problem: { code: "key_full", status: 429, retryable: true, key: "k", maxBacklog: 3 },
  });
  expect(await tryEnqueue(q, { id: "d", key: "l" })).toEqual({ id: "d" });
  await take(q);
  expect(await tryEnqueue(q, { id: "e", key: "k" })).toEqual({ id: "e" });
});

test("blocked, scheduled and ready jobs wait, also before another try; running ones do not", async () => {
  const q = await openEngine({ config: { keys: { maxBacklog: 4 } } });
  await q.enqueue({ id: "parent" });
  await q.enqueue({ id: "blocked", key: "k", after: [{ id: "parent" }] });
  await q.enqueue({ id: "scheduled", key: "k", delayMs: 1000 });
  await q.enqueue({ id: "again", key: "k", priority: -1 });
  await end(q, "again", { op: "fail", error: "no", delayMs: 1000 });
  await q.enqueue({ id: "running", key: "k", priority: -1 });
  await take(q);
  await q.enqueue({ id: "ready", key: "k" });
  expect(await keyOf(q)).toMatchObject({ waiting: 4, ready: 1, running: 1 });
  expect(await tryEnqueue(q, { key: "k" })).toEqual({ code: "key_full" });
});

test("a backlog of 0 takes no job, and one that is lowered removes none", async () => {
  const q = await openEngine({ config: { keys: { maxBacklog: 2 } } });
  await enqueueMany(q, "k", 2, { key: "k" });
  await q.run("queue.configure", { keys: { maxBacklog: 0 } });
  expect(await tryEnqueue(q, { key: "l" })).toEqual({ code: "key_full" });
  expect(await take(q, 5)).toEqual(["k0", "k1"]);
});

test("retries, redrives and jobs that are given back do not ask for the backlog", async () => {
  const q = await openEngine({ config: { keys: { maxBacklog: 1 } } });
  for (const id of ["a", "b", "c"]) {
    await q.enqueue({ id, key: "k" });
    if (id !== "c") await q.run("job.cancel", { id });
  }
  const { id, token } = await q.claimOne();
  await q.enqueue({ id: "d", key: "k" });
  await q.settle({ op: "release", id, token });
  await q.run("job.retry", { id: "a" });
  await q.run("job.redrive", { ids: ["b"] });
  expect(await keyOf(q)).toMatchObject({ waiting: 4 });
});

test("a job that is there already, or has its unique key had, is told so even where its key is full", async () => {
  const q = await openEngine({ config: { keys: { maxBacklog: 1 } } });
  const unique = { key: "u" };
  await q.enqueue({ id: "a", key: "k", fingerprint: "f", unique });
  const same = { id: "a", deduplicated: true };
  expect(await tryEnqueue(q, { id: "a", key: "k", fingerprint: "f", unique })).toEqual(same);
  expect(await tryEnqueue(q, { key: "k", unique })).toEqual(same);
  expect(await tryEnqueue(q, { key: "k", unique: { ...unique, onConflict: "reject" } })).toEqual({
    code: "unique_conflict",
  });
  expect(await tryEnqueue(q, { key: "k" })).toEqual({ code: "key_full" });
});

test("purging, cancelling and expiring jobs makes room in a backlog", async () => {
  const q = await openEngine({ config: { keys: { maxBacklog: 1 } } });
  await q.enqueue({ key: "k" });
  await q.run("queue.purge", {});
  await q.enqueue({ id: "a", key: "k" });
  await q.run("job.cancel", { id: "a" });
  await q.enqueue({ key: "k", expiresAt: START + 1000 });
  expect(await tryEnqueue(q, { key: "k" })).toEqual({ code: "key_full" });
  q.now += 1000;
  expect(await tryEnqueue(q, { id: "b", key: "k" })).toEqual({ id: "b" });
});
