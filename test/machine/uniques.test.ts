/** Unique keys: until when a job is the only one, what becomes of another one, and in which order ids and keys are asked. */
import { expect, test } from "vitest";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { end, enqueueAll, forGood, moved, take, tryEnqueue } from "./flow-rig.ts";

const held = { key: "u" };
const replace = { ...held, onConflict: "replace" as const };
const reject = { ...held, onConflict: "reject" as const };
const same = (id: string) => ({ id, deduplicated: true });
const isNew = { id: expect.any(String) };

/** A queue with job `a`, which has the unique key. */
async function holding(options: object = {}, config: object = {}): Promise<Harness> {
  const q = await openEngine({ config });
  await q.enqueue({ id: "a", payload: '"first"', unique: held, ...options });
  return q;
}
const payloadOf = async (q: Harness, id: string) => (await q.job(id)).payload;

test("another job meanwhile is answered with the first one, which stays as it is", async () => {
  const q = await holding();
  expect(await tryEnqueue(q, { payload: '"second"', unique: held })).toEqual(same("a"));
  expect(await payloadOf(q, "a")).toBe("first");
  expect(await q.ids()).toEqual(["a"]);
});

test("another job that is to be refused then says whose the key is", async () => {
  const q = await holding();
  const { results, refused } = await q.run("job.enqueue", {
    jobs: [{ payload: "1", id: "b", unique: reject }],
  });
  expect(refused).toBe(1);
  expect(results).toMatchObject([
    { problem: { code: "unique_conflict", status: 409, key: "u", id: "a", retryable: false } },
  ]);
  expect(await q.ids()).toEqual(["a"]);
});

test("unique keys and flow keys have nothing to do with one another", async () => {
  const q = await holding({ key: "k" });
  expect(await tryEnqueue(q, { key: "u" })).toEqual(isNew);
  expect(await tryEnqueue(q, { key: "k", unique: { key: "k" } })).toEqual(isNew);
  expect(await tryEnqueue(q, { key: "l", unique: held })).toEqual(same("a"));
});

test("of two jobs with one key in one request the second meets the first", async () => {
  const q = await openEngine();
  const results = await enqueueAll(q, [
    { id: "a", payload: "1", unique: held },
    { id: "b", payload: "2", unique: held },
    { id: "c", payload: "3", unique: replace },
    { id: "d", payload: "4", unique: reject },
  ]);
  expect(results).toEqual([
    { id: "a" },
    same("a"),
    { id: "a", replaced: true },
    { code: "unique_conflict" },
  ]);
  expect(await payloadOf(q, "a")).toBe(3);
});

test.each([
  ["completes", (q: Harness) => end(q, "a")],
  ["fails for good", (q: Harness) => end(q, "a", forGood)],
  ["is cancelled", (q: Harness) => q.run("job.cancel", { id: "a" })],
  ["expires", (q: Harness) => q.advance(60_000)],
  ["is purged", (q: Harness) => q.run("queue.purge", {})],
])("a key is had until its job is done: free once it %s", async (_, ends) => {
  const q = await holding({ expiresAt: START + 60_000 });
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("a"));
  await ends(q);
  expect(await tryEnqueue(q, { id: "b", unique: held })).toEqual({ id: "b" });
});

test("a key is had while its job runs, is given back, and waits to be tried again", async () => {
  const q = await holding();
  await end(q, "a", { op: "release", delayMs: 10 });
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("a"));
  await q.advance(10);
  await end(q, "a", { op: "fail", error: "no", delayMs: 10 });
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("a"));
  await q.advance(10);
  await take(q);
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("a"));
});

test("a key is free once its job is removed at its end, since none is kept", async () => {
  const q = await holding({}, { retention: { completed: { count: 0 } } });
  await end(q, "a");
  expect(await tryEnqueue(q, { id: "b", unique: held })).toEqual({ id: "b" });
});

test("until started, it is free at the hand-out, and not had again by a job that comes back", async () => {
  const unique = { ...held, until: "started" as const };
  const q = await holding({ unique });
  expect(await tryEnqueue(q, { unique })).toEqual(same("a"));
  const { id, token } = await q.claimOne();
  expect(await tryEnqueue(q, { id: "b", unique })).toEqual({ id: "b" });
  await q.settle({ op: "release", id, token });
  expect(await tryEnqueue(q, { unique })).toEqual(same("b"));
});

test("for a time, it is had to the millisecond, whatever becomes of its job", async () => {
  const q = await holding({ unique: { ...held, until: { ms: 5000 } } });
  await end(q, "a");
  q.now += 4999;
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("a"));
  expect(await tryEnqueue(q, { unique: reject })).toEqual({ code: "unique_conflict" });
  q.now += 1;
  expect(await tryEnqueue(q, { id: "b", unique: held })).toEqual({ id: "b" });
});

test("when that time is over while its job is open, another one stands beside it", async () => {
  const q = await holding({ unique: { ...held, until: { ms: 5000 } } });
  await q.advance(5000);
  expect(await tryEnqueue(q, { id: "b", unique: replace })).toEqual({ id: "b" });
  expect(await take(q, 5)).toEqual(["a", "b"]);
});

test("a job that is purged before it ended frees its key before the time is over; one that ended before does not", async () => {
  const unique = { ...held, until: { ms: 60_000 } };
  const q = await holding({ unique });
  await q.run("queue.purge", {});
  expect(await tryEnqueue(q, { id: "b", unique })).toEqual({ id: "b" });
  await end(q, "b");
  await q.run("queue.purge", { states: ["completed"] });
  expect(await tryEnqueue(q, { unique })).toEqual(same("b"));
});

test("what time has done to the holder has happened, though nothing has shown it yet", async () => {
  const q = await holding({ maxAttempts: 1 });
  await take(q);
  q.now += 29_999;
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("a"));
  q.now += 1;
  expect(await tryEnqueue(q, { id: "b", unique: held })).toEqual({ id: "b" });
});

test("an idempotency key is asked before the id, the id before the unique key", async () => {
  const q = await openEngine();
  const first = { id: "a", fingerprint: "1", idempotencyKey: "i", unique: reject };
  expect(await tryEnqueue(q, first)).toEqual({ id: "a" });
  expect(await tryEnqueue(q, first)).toEqual(same("a"));
  expect(await tryEnqueue(q, { ...first, fingerprint: "2" })).toEqual({
    code: "idempotency_key_reused",
  });
  const { idempotencyKey: _, ...byId } = first;
  expect(await tryEnqueue(q, byId)).toEqual(same("a"));
  expect(await tryEnqueue(q, { ...byId, fingerprint: "2" })).toEqual({ code: "job_exists" });
  expect(await tryEnqueue(q, { ...byId, id: "b" })).toEqual({ code: "unique_conflict" });
});

test("a repeat by its idempotency key replaces nothing again", async () => {
  const q = await holding();
  const once = { payload: "1", fingerprint: "1", idempotencyKey: "i", unique: replace };
  await tryEnqueue(q, once);
  await tryEnqueue(q, { payload: "2", unique: replace });
  expect(await tryEnqueue(q, once)).toEqual(same("a"));
  expect(await payloadOf(q, "a")).toBe(2);
});

test("the unique key is asked before parents and room", async () => {
  const q = await holding({}, { maxJobs: 1 });
  expect(await tryEnqueue(q, { unique: held, after: [{ id: "nobody" }] })).toEqual(same("a"));
  expect(await tryEnqueue(q, { after: [{ id: "nobody" }] })).toEqual({ code: "parent_unknown" });
  expect(await tryEnqueue(q, {})).toEqual({ code: "queue_full" });
});

test("a job does not run again while another one has its key, by itself or with others", async () => {
  const q = await holding();
  await end(q, "a", forGood);
  await q.enqueue({ id: "b", unique: held });
  expect(await q.refused("job.retry", { id: "a" })).toMatchObject({
    ...{ refusalCode: "unique_conflict", facts: { key: "u", id: "b" } },
  });
  expect(await q.run("job.redrive", {})).toMatchObject({ operation: { examined: 1, changed: 0 } });
  await end(q, "b");
  await q.run("job.retry", { id: "a" });
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("a"));
});

test("of two failed jobs of one key one redrive runs the first again", async () => {
  const q = await openEngine();
  for (const id of ["a", "b"]) {
    await q.enqueue({ id, unique: held });
    await end(q, id, forGood);
  }
  expect(await q.run("job.redrive", {})).toMatchObject({ operation: { examined: 2, changed: 1 } });
  expect(await take(q, 5)).toEqual(["a"]);
});

test("a job whose key was had for a time runs again beside another one, and has the key anew where it is free", async () => {
  const q = await holding({ unique: { ...held, until: { ms: 1000 } } });
  await end(q, "a", forGood);
  await q.advance(1000);
  await q.enqueue({ id: "b", unique: held });
  await q.run("job.retry", { id: "a" });
  expect(await take(q, 5)).toEqual(["b", "a"]);
  await q.run("queue.purge", { states: ["running"] });
  await q.enqueue({ id: "c", unique: { ...held, until: { ms: 1000 } } });
  await q.run("job.cancel", { id: "c" });
  await q.advance(1000);
  await q.run("job.retry", { id: "c" });
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("c"));
});

test("who has a key, who follows and until when outlive a crash, a checkpoint and an import", async () => {
  const q = await holding();
  await take(q);
  await q.enqueue({ id: "b", unique: replace });
  await q.enqueue({ id: "t", unique: { key: "t", until: { ms: 5000 } } });
  await q.reopen();
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("a"));
  expect(await tryEnqueue(q, { unique: replace })).toEqual({ id: "b", replaced: true });
  await q.run("queue.checkpoint", {});
  await q.reopen();
  expect(await tryEnqueue(q, { unique: replace })).toEqual({ id: "b", replaced: true });
  const target = await moved(q);
  expect(await tryEnqueue(target, { unique: held })).toEqual(same("a"));
  expect(await tryEnqueue(target, { unique: replace })).toEqual({ id: "b", replaced: true });
  await target.advance(4999);
  expect(await tryEnqueue(target, { unique: { key: "t" } })).toEqual(same("t"));
  await target.advance(1);
  expect(await tryEnqueue(target, { id: "n", unique: { key: "t" } })).toEqual({ id: "n" });
});

test("a deleted queue has no unique keys", async () => {
  const q = await holding({ unique: { ...held, until: { ms: 60_000 } } });
  await q.run("queue.delete", { force: "true" });
  expect(await tryEnqueue(q, { id: "a", unique: held })).toEqual({ id: "a" });
  expect(await q.ids()).toEqual(["a"]);
});
