/** Slots of jobs that ended in a worker's hands without its knowledge: they stay taken until it hears of it, or its lease ends. */
import { expect, test } from "vitest";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { moved, take } from "./flow-rig.ts";

const slots = async (q: Harness) => {
  const { running, lingering } = (await q.run("key.get", { key: "k" })).key;
  return { running, lingering };
};

/** A queue where one job of key `k` may run: `a` does, `b` waits, and `a` ends behind its worker's back. */
async function takenAway(how: "cancel" | "expire" | "purge", ofQueue = false) {
  const config = ofQueue ? { concurrency: 1 } : { keys: { concurrency: 1 } };
  const q = await openEngine({ config });
  const deadline = how === "expire" ? { expiresAt: START + 10_000 } : {};
  await q.enqueue({ id: "a", key: "k", ...deadline });
  await q.enqueue({ id: "b", key: "k" });
  const { token } = await q.claimOne();
  if (how === "cancel") await q.run("job.cancel", { id: "a" });
  if (how === "purge") await q.run("queue.purge", { states: ["running"] });
  if (how === "expire") await q.advance(10_000);
  return { q, token };
}

test.each(["complete", "fail", "release", "extend", "progress"] as const)(
  "a cancelled job's slot stays taken until its worker asks to %s it, and hears of it",
  async (op) => {
    const { q, token } = await takenAway("cancel");
    expect(await slots(q)).toEqual({ running: 0, lingering: 1 });
    expect(await take(q)).toEqual([]);
    const item = { op, id: "a", token, error: "no", progress: "1" } as never;
    expect(await q.settle(item)).toMatchObject({ code: "job_cancelled" });
    expect(await slots(q)).toEqual({ running: 0, lingering: 0 });
    expect(await q.settle(item)).toMatchObject({ code: "job_cancelled" });
    expect(await take(q)).toEqual(["b"]);
  },
);

test("an expired job's slot stays taken until its worker hears of it", async () => {
  const { q, token } = await takenAway("expire");
  expect(await take(q)).toEqual([]);
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({
    code: "already_settled",
  });
  expect(await take(q)).toEqual(["b"]);
});

test.each(["cancel", "expire", "purge"] as const)(
  "without a word of its worker (%s), it is free when the lease ends, and not before",
  async (how) => {
    const { q } = await takenAway(how);
    await q.advance(START + 29_999 - q.now);
    expect(await take(q)).toEqual([]);
    await q.advance(1);
    expect(await take(q)).toEqual(["b"]);
  },
);

test("a purged job is unknown to its worker, so that only the end of the lease frees its slot", async () => {
  const { q, token } = await takenAway("purge");
  expect(await q.settle({ op: "extend", id: "a", token })).toMatchObject({ code: "job_unknown" });
  expect(await take(q)).toEqual([]);
});

test("the slots of the queue stay taken likewise", async () => {
  const { q, token } = await takenAway("cancel", true);
  expect(await q.run("lease.claim", {})).toMatchObject({ jobs: [], limited: 1 });
  await q.settle({ op: "extend", id: "a", token });
  expect(await take(q)).toEqual(["b"]);
});

test("a queue that a lingering slot shuts says when it is let go, of a job without a key too", async () => {
  const q = await openEngine({ config: { concurrency: 1 } });
  await q.enqueue({ id: "a" });
  await q.enqueue({ id: "b" });
  await q.claimOne();
  await q.run("job.cancel", { id: "a" });
  expect(await q.run("lease.claim", {})).toMatchObject({ nextDueAt: START + 30_000 });
  await q.run("queue.configure", { concurrency: 2 });
  await take(q);
  await q.run("queue.purge", { states: ["running"] });
  expect(await q.run("lease.claim", {})).toMatchObject({ waiting: 0, nextDueAt: START + 30_000 });
});

test.each([
  ["removed by hand", (q: Harness) => q.run("job.remove", { id: "a" })],
  [
    "kept for no time",
    (q: Harness) => q.run("queue.configure", { retention: { cancelled: { count: 0 } } }),
  ],
])("of a job whose record is %s only the end of the lease frees the slot", async (_, forget) => {
  const { q, token } = await takenAway("cancel");
  await forget(q);
  await q.advance(1);
  expect(await q.settle({ op: "extend", id: "a", token })).toMatchObject({ code: "job_unknown" });
  expect(await take(q)).toEqual([]);
  await q.advance(30_000);
  expect(await take(q)).toEqual(["b"]);
});

test("a token of another hand-out frees nothing", async () => {
  const { q } = await takenAway("cancel");
  await q.settle({ op: "complete", id: "a", token: "q0000000-001-000000007" });
  expect(await take(q)).toEqual([]);
});

test("a job that is retried is beside the slot of its last run, until that lease ends", async () => {
  const { q, token } = await takenAway("cancel");
  await q.run("job.retry", { id: "a" });
  expect(await take(q)).toEqual([]);
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({ code: "lease_stale" });
  await q.advance(30_000);
  expect(await take(q, 2)).toEqual(["b"]);
});

test("slots outlive a crash and an import", async () => {
  const { q } = await takenAway("cancel");
  await q.reopen();
  expect(await take(q)).toEqual([]);
  const target = await moved(q);
  expect(await slots(target)).toEqual({ running: 0, lingering: 1 });
  await target.advance(START + 30_000 - target.now);
  expect(await take(target)).toEqual(["b"]);
});

test("cancelling a job that waits takes no slot", async () => {
  const q = await openEngine({ config: { keys: { concurrency: 1 } } });
  await q.enqueue({ id: "a", key: "k" });
  await q.run("job.cancel", { id: "a" });
  await q.enqueue({ id: "b", key: "k" });
  expect(await take(q)).toEqual(["b"]);
});
