/** Idempotency keys: the first answer to a repeat, over crashes and checkpoints, and what is not kept. */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";

const key = (name = "k", bodyHash = "body") => ({ key: name, bodyHash });
const one = { jobs: [{ payload: "1" }] };

test("the same key and body give the first answer, and nothing is done again", async () => {
  const q = await openEngine();
  const first = await q.answer("job.enqueue", one, key());
  await q.advance(5000);
  const before = q.store.last.index;
  expect(await q.answer("job.enqueue", one, key())).toEqual(first);
  expect(q.store.last.index).toBe(before);
  expect((await q.run("queue.stats", {})).counts.ready).toBe(1);
});

test("the same key with another body is refused, and nothing is done", async () => {
  const q = await openEngine();
  await q.run("job.enqueue", one, key());
  const refusal = await q.refused("job.enqueue", one, key("k", "other"));
  expect(refusal.refusalCode).toBe("idempotency_key_reused");
  expect((await q.run("queue.stats", {})).counts.ready).toBe(1);
});

const lives: Record<string, (q: Harness) => Promise<unknown>> = {
  "a crash": (q) => q.reopen(),
  "a checkpoint": (q) => q.run("queue.checkpoint", {}),
  "a checkpoint and a crash": async (q) => {
    await q.run("queue.checkpoint", {});
    await q.reopen();
  },
  "an hour": (q) => q.advance(3_600_000),
};

describe.each(Object.entries(lives))("over %s", (_, live) => {
  test("the first answer is found", async () => {
    const q = await openEngine();
    const first = await q.answer("job.enqueue", one, key());
    await live(q);
    expect(await q.answer("job.enqueue", one, key())).toEqual(first);
    expect((await q.refused("job.enqueue", one, key("k", "x"))).refusalCode).toBe(
      "idempotency_key_reused",
    );
    expect(await q.ids()).toHaveLength(1);
  });

  test("a job's own key finds its job", async () => {
    const q = await openEngine();
    const job = { payload: "1", idempotencyKey: "mine", fingerprint: "f" };
    const { results } = await q.run("job.enqueue", { jobs: [job] });
    await live(q);
    const again = await q.run("job.enqueue", { jobs: [job] });
    expect(again.results).toEqual([{ ...results[0], deduplicated: true }]);
    const other = await q.run("job.enqueue", { jobs: [{ ...job, fingerprint: "g" }] });
    expect(other.results).toMatchObject([{ problem: { code: "idempotency_key_reused" } }]);
  });
});

test("the same key twice in one group is done once", async () => {
  const q = await openEngine();
  const [first, second] = await Promise.all([
    q.answer("job.enqueue", one, key()),
    q.answer("job.enqueue", one, key()),
  ]);
  expect(second).toEqual(first);
  expect((await q.run("queue.stats", {})).counts.ready).toBe(1);
});

test("a job's own key twice in one batch is one job", async () => {
  const q = await openEngine();
  const job = { payload: "1", idempotencyKey: "mine", fingerprint: "f" };
  const { results } = await q.run("job.enqueue", {
    jobs: [job, job, { ...job, fingerprint: "g" }],
  });
  expect(results).toMatchObject([
    { id: "q0000000-001-000000001" },
    { id: "q0000000-001-000000001", deduplicated: true },
    { problem: { code: "idempotency_key_reused", status: 422 } },
  ]);
});

test("a job's own key goes before its id, and a request's key before both", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", idempotencyKey: "mine", fingerprint: "f" });
  const job = { payload: "1", id: "a", idempotencyKey: "mine", fingerprint: "g" };
  const { results } = await q.run("job.enqueue", { jobs: [job] }, key());
  expect(results).toMatchObject([{ problem: { code: "idempotency_key_reused" } }]);
  await q.run("job.enqueue", one, key("whole"));
  expect((await q.refused("job.enqueue", { jobs: [job] }, key("whole", "x"))).refusalCode).toBe(
    "idempotency_key_reused",
  );
});

test("the key of a request and the key of a job are not each other's", async () => {
  const q = await openEngine();
  await q.run("job.enqueue", one, key("t:mine"));
  const job = { payload: "1", idempotencyKey: "mine", fingerprint: "f" };
  expect((await q.run("job.enqueue", { jobs: [job] })).results[0]).not.toHaveProperty(
    "deduplicated",
  );
});

test("a job's own key finds it also after it has ended and its record is removed", async () => {
  const q = await openEngine({ config: { retention: { cancelled: { ageMs: 0 } } } });
  const job = { payload: "1", idempotencyKey: "mine", fingerprint: "f" };
  const { results } = await q.run("job.enqueue", { jobs: [job] });
  const id = results[0] && "id" in results[0] ? results[0].id : "";
  await q.run("job.cancel", { id });
  expect((await q.run("job.enqueue", { jobs: [job] })).results).toEqual([
    { id, deduplicated: true },
  ]);
  expect(await q.ids()).toEqual([]);
});

test("a refusal is not kept: the same key may succeed later", async () => {
  const q = await openEngine({ config: { maxJobs: 0 } });
  expect((await q.run("job.enqueue", one, key())).refused).toBe(1);
  await q.run("queue.configure", { maxJobs: 1 });
  expect((await q.run("job.enqueue", one, key())).refused).toBe(0);
});

test("an answer that was refused in part is kept whole", async () => {
  const q = await openEngine({ config: { maxJobs: 1 } });
  const two = { jobs: [{ payload: "1" }, { payload: "2" }] };
  const first = await q.answer("job.enqueue", two, key());
  await q.run("queue.configure", { maxJobs: 10 });
  expect(await q.answer("job.enqueue", two, key())).toEqual(first);
});

const chosen = (id: string) => ({ id, payload: "1", fingerprint: id });
const made = { payload: "1" };
const own = { ...made, idempotencyKey: "own", fingerprint: "own" };
test.each([
  ["made ids", [made, made]],
  ["chosen ids", [chosen("b"), chosen("a")]],
  ["a chosen id first", [chosen("a"), made, made]],
  ["a chosen id between", [made, chosen("a"), made]],
  ["a repeat within", [chosen("a"), chosen("a"), made]],
  ["keys of their own", [made, own, own, made]],
])(
  "the first answer of a batch with %s comes back whole, also without its jobs",
  async (_, jobs) => {
    const q = await openEngine();
    await q.enqueue();
    const first = await q.answer("job.enqueue", { jobs }, key());
    await q.run("queue.purge", {});
    await q.run("queue.checkpoint", {});
    await q.reopen();
    await q.advance(1000);
    expect(await q.answer("job.enqueue", { jobs }, key())).toEqual(first);
  },
);

test("jobs that were taken in another order than they were said have their ids again", async () => {
  const q = await openEngine();
  const jobs = [
    { payload: "1", after: [{ id: "last" }] },
    { payload: "2" },
    { payload: "3", id: "last", fingerprint: "f" },
  ];
  const first = await q.answer("job.enqueue", { jobs }, key());
  await q.reopen();
  expect(await q.answer("job.enqueue", { jobs }, key())).toEqual(first);
});

test("a job that took the place of another one does so once", async () => {
  const q = await openEngine();
  const unique = { key: "u", onConflict: "replace" } as const;
  const { results } = await q.run("job.enqueue", { jobs: [{ payload: "1", unique }] });
  const id = results[0] && "id" in results[0] ? results[0].id : "";
  const second = { payload: "2", unique, idempotencyKey: "mine", fingerprint: "f" };
  const whole = { jobs: [{ payload: "3", unique }, second] };
  const replaced = await q.answer("job.enqueue", whole, key());
  await q.run("job.enqueue", { jobs: [{ payload: "4", unique }] });
  expect(await q.answer("job.enqueue", whole, key())).toEqual(replaced);
  const again = await q.run("job.enqueue", { jobs: [second] });
  expect(again.results).toEqual([{ id, deduplicated: true }]);
  expect((await q.job(id)).payload).toBe(4);
});

test("an empty claim is not kept: the same key claims later", async () => {
  const q = await openEngine({ config: {} });
  expect((await q.run("lease.claim", {}, key())).jobs).toEqual([]);
  await q.enqueue({ id: "a" });
  expect((await q.run("lease.claim", {}, key())).jobs).toMatchObject([{ id: "a" }]);
});

test("an empty claim is not kept, though it ended a job that was handed out too often", async () => {
  const q = await openEngine({ config: { maxDeliveries: 1 } });
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.settle({ op: "release", id: "a", token });
  expect((await q.run("lease.claim", {}, key())).jobs).toEqual([]);
  expect((await q.job("a")).state).toBe("failed");
  await q.enqueue({ id: "b" });
  expect((await q.run("lease.claim", {}, key())).jobs).toMatchObject([{ id: "b" }]);
});

test("a repeated claim returns the jobs still held under its token, with their payloads", async () => {
  const q = await openEngine();
  for (const id of ["a", "b", "c"]) await q.enqueue({ id, payload: `"${id}"` });
  const first = await q.run("lease.claim", { max: 3 }, key());
  const token = first.jobs[0]?.token ?? "";
  expect((await q.run("lease.claim", { max: 3 }, key())).jobs).toEqual(first.jobs);
  await q.settle({ op: "complete", id: "b", token });
  await q.settle({ op: "extend", id: "c", token, leaseMs: 60_000 });
  await q.reopen();
  const again = await q.run("lease.claim", { max: 3 }, key());
  expect(again.jobs).toMatchObject([
    { id: "a", token, payload: "a" },
    { id: "c", token, leaseUntil: q.now + 60_000 },
  ]);
  expect(again.jobs).toHaveLength(2);
});

test("a repeated claim of which nothing is held still is answer_gone, and claims nothing", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.run("lease.claim", {}, key());
  await q.enqueue({ id: "b", priority: 5 });
  q.now += 30_000;
  expect((await q.refused("lease.claim", {}, key())).refusalCode).toBe("answer_gone");
  await q.claimOne();
  expect((await q.refused("lease.claim", {}, key())).refusalCode).toBe("answer_gone");
  expect((await q.job("b")).state).toBe("ready");
});

test("a repeated claim does not give a job whose lease is over, though no sweep has come to it", async () => {
  const q = await openEngine({ config: {} });
  await q.run("job.enqueue", { jobs: Array.from({ length: 1000 }, () => ({ payload: "1" })) });
  await q.claim({ max: 1000 });
  await q.enqueue({ id: "z" });
  await q.run("lease.claim", {}, key());
  q.now += 30_000;
  expect((await q.refused("lease.claim", {}, key())).refusalCode).toBe("answer_gone");
  expect((await q.run("queue.stats", {})).counts).toMatchObject({
    ready: limits.sweepMax,
    running: 1001 - limits.sweepMax,
  });
});

test("a repeated settle with a claim gives the first items and the jobs still held", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.enqueue({ id: "b", payload: '"b"' });
  const { token } = await q.claimOne();
  const input = { items: [{ op: "complete", id: "a", token } as const], claim: {} };
  const first = await q.answer("lease.settle", input, key());
  expect(await q.answer("lease.settle", input, key())).toEqual(first);
  const held = await q.job("b");
  expect(held.deliveries).toBe(1);
  await q.advance(30_000);
  const later = await q.answer("lease.settle", input, key());
  expect("reply" in later && JSON.parse(later.reply)).toMatchObject({
    items: [{ id: "a", ok: true, state: "completed" }],
    jobs: [],
  });
});

test("a repeated settle gives its first answer though the job's record is gone", async () => {
  const q = await openEngine({ config: { retention: { completed: { count: 0 } } } });
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  const input = { items: [{ op: "complete", id: "a", token } as const] };
  const first = await q.answer("lease.settle", input, key());
  expect(await q.answer("lease.settle", input, key())).toEqual(first);
});

test("a settle of which nothing was done is not kept, though its claim ended a job", async () => {
  const q = await openEngine({ config: { maxDeliveries: 1 } });
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.settle({ op: "release", id: "a", token });
  const settle = (stale: string) => ({
    items: [{ op: "complete", id: "b", token: stale } as const],
    claim: {},
  });
  expect(await q.run("lease.settle", settle("none"), key())).toMatchObject({
    refused: 1,
    jobs: [],
  });
  expect((await q.job("a")).reason).toBe("delivery_limit");
  await q.enqueue({ id: "b" });
  const held = await q.claimOne();
  const good = await q.run("lease.settle", settle(held.token), key("k", "other"));
  expect(good).toMatchObject({ refused: 0, items: [{ state: "completed" }] });
});

test("a repeated cancel, change or retry shows the job as it is now, or is answer_gone once it is removed", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.run("job.update", { id: "a", priority: 7 }, key("update"));
  await q.run("job.cancel", { id: "a" }, key("cancel"));
  const again = await q.run("job.update", { id: "a", priority: 7 }, key("update"));
  expect(again.job).toMatchObject({ priority: 7, state: "cancelled" });
  await q.run("job.retry", { id: "a" }, key("retry"));
  expect((await q.run("job.cancel", { id: "a" }, key("cancel"))).job.state).toBe("ready");
  await q.run("job.cancel", { id: "a" });
  await q.run("job.remove", { id: "a" }, key("remove"));
  expect(await q.run("job.remove", { id: "a" }, key("remove"))).toMatchObject({ removed: true });
  for (const name of ["job.cancel", "job.retry"] as const) {
    expect((await q.refused(name, { id: "a" }, key(name.slice(4)))).refusalCode).toBe(
      "answer_gone",
    );
  }
});

test("a repeated purge, pause and configuration are done once", async () => {
  const q = await openEngine();
  await q.enqueue();
  const purge = await q.answer("queue.purge", {}, key("purge"));
  const pause = await q.answer("queue.pause", {}, key("pause"));
  const put = await q.answer("queue.configure", { maxJobs: 5 }, key("put"));
  await q.run("queue.resume", {});
  await q.run("queue.configure", { maxJobs: 9 });
  await q.enqueue();
  expect(await q.answer("queue.purge", {}, key("purge"))).toEqual(purge);
  expect(await q.answer("queue.pause", {}, key("pause"))).toEqual(pause);
  expect(await q.answer("queue.configure", { maxJobs: 5 }, key("put"))).toEqual(put);
  const { queue } = await q.run("queue.get", {});
  expect([queue.paused, queue.config.maxJobs]).toEqual([false, 9]);
  expect((await q.run("queue.stats", {})).counts.ready).toBe(1);
});

test("keys are forgotten with the log, after 24 h", async () => {
  const q = await openEngine();
  await q.run("job.enqueue", one, key());
  await q.run("queue.checkpoint", {});
  await q.advance(23 * 3_600_000);
  await q.run("queue.pause", {});
  expect((await q.run("queue.stats", {})).log.windowMs).toBeGreaterThanOrEqual(23 * 3_600_000);
  expect(await q.answer("job.enqueue", one, key("k", "other"))).toHaveProperty("refusal");
});

test("a queue created again knows none of the keys of the one before", async () => {
  const q = await openEngine();
  await q.run("job.enqueue", one, key());
  await q.run("queue.delete", { force: "true" });
  expect((await q.run("job.enqueue", one, key("k", "other"))).refused).toBe(0);
  expect(await q.ids()).toHaveLength(1);
});
