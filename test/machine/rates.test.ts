/** Rates of keys and of the queue: token buckets, taken at hand-outs. */
import { expect, test } from "vitest";
import type { Rate } from "../../src/contract/keys.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { end, enqueueMany, moved, take } from "./flow-rig.ts";

const keyOf = async (q: Harness) => (await q.run("key.get", { key: "k" })).key;

/** A queue with 20 jobs of a key, which is given jobs at a rate. */
async function keyAt(rate: Rate): Promise<Harness> {
  const q = await openEngine({ config: {} });
  await q.run("key.put", { key: "k", rate });
  await enqueueMany(q, "k", 20, { key: "k" });
  return q;
}
/** A queue with 20 jobs that hands out at a rate. */
async function queueAt(rate: Rate): Promise<Harness> {
  const q = await openEngine({ config: { rate } });
  await enqueueMany(q, "a", 10, { key: "a" });
  await enqueueMany(q, "-", 10);
  return q;
}

test.each([
  ["a key", keyAt],
  ["the queue", queueAt],
])(
  "%s hands out as many at once as its rate says, the next one when a token has come",
  async (_, at) => {
    const q = await at({ limit: 4, perMs: 1000 });
    expect(await take(q, 10)).toHaveLength(4);
    await q.advance(249);
    expect(await take(q, 10)).toHaveLength(0);
    await q.advance(1);
    expect(await take(q, 10)).toHaveLength(1);
    await q.advance(500);
    expect(await take(q, 10)).toHaveLength(2);
  },
);

test.each([
  ["a key", keyAt],
  ["the queue", queueAt],
])("%s that was left alone for long has no more than its burst", async (_, at) => {
  const q = await at({ limit: 4, perMs: 1000, burst: 2 });
  await q.advance(60_000);
  expect(await take(q, 10)).toHaveLength(2);
  await q.advance(250);
  expect(await take(q, 10)).toHaveLength(1);
});

test("a burst may be greater than what the rate gives", async () => {
  const q = await keyAt({ limit: 1, perMs: 1000, burst: 3 });
  expect(await take(q, 10)).toHaveLength(3);
  await q.advance(999);
  expect(await take(q, 10)).toHaveLength(0);
  await q.advance(1);
  expect(await take(q, 10)).toHaveLength(1);
});

test("tokens that take no whole milliseconds come on the next one", async () => {
  const q = await keyAt({ limit: 3, perMs: 1000, burst: 1 });
  for (const next of [334, 334]) {
    expect(await take(q, 10)).toHaveLength(1);
    await q.advance(next - 1);
    expect(await take(q, 10)).toHaveLength(0);
    await q.advance(1);
  }
  expect(await take(q, 10)).toHaveLength(1);
});

test("a claim gets what is left", async () => {
  const q = await keyAt({ limit: 3, perMs: 1000 });
  expect(await take(q, 2)).toHaveLength(2);
  expect(await take(q, 10)).toHaveLength(1);
});

test("a key without tokens says until when, and keeps nobody else from a job", async () => {
  const q = await keyAt({ limit: 1, perMs: 1000 });
  await take(q);
  expect(await keyOf(q)).toMatchObject({ limitedBy: "rate", limitedUntil: START + 1000 });
  const empty = await q.run("lease.claim", {});
  expect(empty).toMatchObject({ jobs: [], waiting: 19, limited: 19, nextDueAt: START + 1000 });
  await q.enqueue({ id: "other", key: "o" });
  expect(await take(q, 5)).toEqual(["other"]);
});

test.each([
  ["20", 20, START + 60_000],
  // Behind very many it says when to ask again.
  ["300", 300, START + 1255],
])("a key says when it opens behind %s timers that open nothing", async (_, uniques, nextDueAt) => {
  const q = await openEngine();
  await q.run("key.put", { key: "k", rate: { limit: 1, perMs: 60_000 } });
  for (let i = 0; i < uniques; i++) {
    await q.enqueue({ id: `u${i}`, unique: { key: `u${i}`, until: { ms: 1000 + i } } });
    await end(q, `u${i}`);
  }
  expect(await q.run("lease.claim", {})).toMatchObject({ nextDueAt: null });
  await enqueueMany(q, "k", 2, { key: "k" });
  await end(q, "k0");
  expect(await q.run("lease.claim", {})).toMatchObject({ limited: 1, nextDueAt });
});

test("a queue without tokens says when it has one, and that all that is ready is limited", async () => {
  const q = await queueAt({ limit: 1, perMs: 1000 });
  await take(q);
  const empty = await q.run("lease.claim", {});
  expect(empty).toMatchObject({ jobs: [], waiting: 19, limited: 19, nextDueAt: START + 1000 });
});

test("a claim that finds nothing, and one of a paused queue, take no tokens", async () => {
  const q = await openEngine({ config: { rate: { limit: 1, perMs: 1000 } } });
  await take(q);
  await q.enqueue({ id: "a" });
  await q.run("queue.pause", {});
  await take(q);
  await q.run("queue.resume", {});
  expect(await take(q)).toEqual(["a"]);
});

test("both rates hold: that of the queue, and that of the key", async () => {
  const q = await keyAt({ limit: 2, perMs: 1000 });
  await q.run("queue.configure", { rate: { limit: 3, perMs: 1000 } });
  await enqueueMany(q, "-", 5);
  const claimed = await take(q, 10);
  expect(claimed.filter((id) => id.startsWith("k"))).toHaveLength(1);
  expect(claimed).toHaveLength(3);
  await q.advance(1000);
  expect(await take(q, 10)).toHaveLength(3);
});

test.each([
  ["a key", keyAt, "k"],
  ["the queue", queueAt, ""],
])("a job that is given back returns its token to %s", async (_, at) => {
  const q = await at({ limit: 1, perMs: 1000 });
  const { id, token } = await q.claimOne();
  expect(await take(q)).toEqual([]);
  await q.settle({ op: "release", id, token });
  expect(await take(q, 5)).toHaveLength(1);
  expect(await take(q, 5)).toEqual([]);
});

test("a token that is given back late is not one more than the burst", async () => {
  const q = await keyAt({ limit: 1, perMs: 1000, burst: 2 });
  const { id, token } = await q.claimOne();
  await q.advance(5000);
  await q.settle({ op: "release", id, token });
  expect(await take(q, 5)).toHaveLength(2);
});

test("a failure, a completion, a cancel and the end of a lease return nothing", async () => {
  const q = await keyAt({ limit: 4, perMs: 3_600_000 });
  await end(q, "k0", { op: "fail", error: "no" });
  await end(q, "k1");
  await q.run("job.cancel", { id: await q.claimOne().then(({ id }) => id) });
  await take(q);
  await q.advance(30_000);
  expect(await take(q, 5)).toEqual([]);
});

test("a faster rate opens its key at once, a slower one takes nothing back", async () => {
  const q = await keyAt({ limit: 1, perMs: 10_000 });
  const [job] = await q.claim({ max: 5 });
  await q.run("key.put", { key: "k", rate: { limit: 1, perMs: 10_000, burst: 3 } });
  expect(await take(q, 5)).toHaveLength(2);
  await q.run("key.put", { key: "k", rate: { limit: 1, perMs: 3_600_000 } });
  expect(await take(q, 5)).toEqual([]);
  const { id = "", token = "" } = job ?? {};
  expect(await q.settle({ op: "extend", id, token })).toMatchObject({ ok: true });
  await q.run("key.put", { key: "k", rate: null });
  expect(await take(q, 5)).toHaveLength(5);
});

const full = [6, 7, 60, 150, 600].flatMap((limit) => [
  [limit, 1000],
  [limit, 60_000],
]);
test.each(full)(
  "a full bucket gives all of %i tokens each %i ms at once, and the next when they come",
  async (limit, perMs) => {
    const q = await openEngine({ config: { rate: { limit, perMs } } });
    await q.run("key.put", { key: "k", rate: { limit, perMs } });
    await enqueueMany(q, "j", 1000, { key: "k" });
    await enqueueMany(q, "k", 1000, { key: "k" });
    expect(await take(q, 1000)).toHaveLength(limit);
    const half = Math.floor(limit / 2);
    await q.advance(perMs / 2);
    expect(await take(q, 1000)).toHaveLength(half);
    await q.advance(perMs / 2);
    expect(await take(q, 1000)).toHaveLength(limit - half);
  },
);

test("what is given back is all there again, however often", async () => {
  const q = await openEngine({ config: { rate: { limit: 7, perMs: 1000 } } });
  await enqueueMany(q, "a", 7);
  for (let round = 0; round < 20; round += 1) {
    const jobs = await q.claim({ max: 10 });
    expect(jobs).toHaveLength(7);
    const items = jobs.map(({ id, token }) => ({ op: "release" as const, id, token }));
    await q.run("lease.settle", { items });
  }
});

test("of the slowest rate with the greatest burst a full bucket is used, carried elsewhere, and given back", async () => {
  const rate = { limit: 1, perMs: limits.ratePerMsMax, burst: 10 };
  const q = await openEngine({ config: { rate, keys: { rate } } });
  await enqueueMany(q, "k", 11, { key: "k" });
  const jobs = await q.claim({ max: 11 });
  expect(jobs).toHaveLength(10);
  const target = await moved(q);
  expect(await take(target, 20)).toHaveLength(10);
  const items = jobs.map(({ id, token }) => ({ op: "complete" as const, id, token }));
  expect(await q.run("lease.settle", { items })).toMatchObject({ refused: 0 });
});

test("a changed rate of the queue holds at once", async () => {
  const q = await queueAt({ limit: 1, perMs: 10_000 });
  await take(q);
  await q.run("queue.configure", { rate: { limit: 10, perMs: 10_000 } });
  await q.advance(999);
  expect(await take(q, 20)).toHaveLength(0);
  await q.advance(1);
  expect(await take(q, 20)).toHaveLength(1);
  await q.run("queue.configure", { rate: null });
  expect(await take(q, 20)).toHaveLength(18);
});

test("no more is used of a faster rate than its bucket holds, however long the slower one was used for", async () => {
  const slow = { limit: 1, perMs: 3_600_000 };
  const fast = { limit: 2, perMs: 1000, burst: 1 };
  const changes = {
    "of the key": (q: Harness) => q.run("key.put", { key: "k", rate: fast }),
    "by default": (q: Harness) => q.run("queue.configure", { keys: { rate: fast } }),
    "of the queue": (q: Harness) => q.run("queue.configure", { rate: fast }),
  };
  for (const [name, change] of Object.entries(changes)) {
    const config = name === "of the queue" ? { rate: slow } : { keys: { rate: slow } };
    const q = await openEngine({ config });
    await enqueueMany(q, "k", 3, { key: "k" });
    await take(q);
    await change(q);
    await q.advance(499);
    expect(await take(q, 5)).toEqual([]);
    await q.reopen();
    await q.advance(1);
    expect(await take(q, 5), name).toEqual(["k1"]);
  }
});

test("a key without jobs keeps no more of a slower rate's use either", async () => {
  const q = await openEngine({ config: { keys: { rate: { limit: 1, perMs: 3_600_000 } } } });
  await q.enqueue({ id: "a", key: "k" });
  await end(q, "a");
  await q.run("queue.configure", { keys: { rate: { limit: 1, perMs: 1000 } } });
  await q.advance(1000);
  await q.enqueue({ id: "b", key: "k" });
  expect(await take(q)).toEqual(["b"]);
});

test("what was used outlives a crash, a checkpoint and an import", async () => {
  for (const at of [keyAt, queueAt]) {
    const q = await at({ limit: 2, perMs: 60_000 });
    await end(q, (await q.ids("ready"))[0] ?? "");
    await q.reopen();
    expect(await take(q, 5)).toHaveLength(1);
    await q.run("queue.checkpoint", {});
    await q.reopen();
    expect(await take(q, 5)).toEqual([]);
    // What ran is given back without being counted, and with it its token.
    const target = await moved(q);
    expect(await take(target, 5)).toHaveLength(1);
    expect(await take(target, 5)).toEqual([]);
  }
});

test("what a key used is remembered while it has no jobs, and then forgotten", async () => {
  const q = await openEngine({ config: { keys: { rate: { limit: 1, perMs: 1000 } } } });
  await q.enqueue({ id: "a", key: "k" });
  await end(q, "a");
  await q.enqueue({ id: "b", key: "k" });
  expect(await take(q)).toEqual([]);
  await q.run("job.cancel", { id: "b" });
  await q.advance(999);
  expect((await q.run("key.list", {})).keys).toHaveLength(1);
  await q.advance(1);
  expect((await q.run("key.list", {})).keys).toEqual([]);
});

test("a purge returns no tokens", async () => {
  const q = await keyAt({ limit: 1, perMs: 60_000 });
  await take(q);
  await q.run("queue.purge", { states: ["running"] });
  expect(await take(q)).toEqual([]);
});
