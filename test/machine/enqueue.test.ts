/** Enqueueing: what a job is given, batches, chosen ids, and when a queue is full. */
import { expect, test } from "vitest";
import { openEngine, START } from "../engine-harness.ts";

test("the first job creates the queue, with the defaults", async () => {
  const q = await openEngine();
  await q.enqueue();
  const { queue } = await q.run("queue.get", {});
  expect(queue).toMatchObject({ name: "mail", queueId: "q0000000", term: 1, paused: false });
  expect(queue.createdAt).toBe(START);
  expect(queue.config.retention).toEqual({
    completed: { ageMs: 86_400_000, count: 100_000 },
    failed: { ageMs: 14 * 86_400_000, count: 10_000_000 },
    cancelled: { ageMs: 86_400_000, count: 100_000 },
    expired: { ageMs: 86_400_000, count: 100_000 },
  });
});

test("a job without a chosen id gets one that sorts in the order of enqueueing", async () => {
  const q = await openEngine();
  const ids = [];
  for (let i = 0; i < 40; i++) ids.push(await q.enqueue());
  expect(ids[0]).toBe("q0000000-001-000000001");
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(40);
});

test("a record shows all that was said of the job, and nothing that was not", async () => {
  const q = await openEngine();
  const said = {
    id: "a",
    priority: -3,
    ttlMs: 1000,
    expiresAt: START + 5000,
    leaseMs: 2000,
    maxRunMs: 9000,
    maxAttempts: 5,
    backoff: { kind: "fixed", delayMs: 5 } as const,
    labels: { customer: "7" },
    requires: ["gpu"],
  };
  await q.enqueue({ ...said, payload: "[1]", delayMs: 700 });
  expect(await q.job("a")).toEqual({
    ...said,
    state: "scheduled",
    kind: "payload",
    run: 1,
    attempt: 1,
    deliveries: 0,
    createdAt: START,
    runAt: START + 700,
    payload: [1],
  });
  await q.enqueue({ id: "b" });
  expect(await q.job("b")).toEqual({
    id: "b",
    state: "ready",
    kind: "payload",
    priority: 0,
    run: 1,
    attempt: 1,
    maxAttempts: 3,
    deliveries: 0,
    createdAt: START,
    readyAt: START,
    payload: null,
  });
});

test("a payload is kept as its text: nothing of it is encoded again", async () => {
  const q = await openEngine();
  const payload = '{ "n" : 12345678901234567890, "e": 1e400, "u": "\\u00e9é", "a": [ ] }';
  await q.enqueue({ id: "a", payload });
  await q.reopen();
  await q.run("queue.checkpoint", {});
  for (const [name, input] of [
    ["job.get", { id: "a" }],
    ["job.list", { include: "payload" }],
    ["lease.claim", {}],
  ] as const) {
    const answer = await q.answer(name, input);
    expect("reply" in answer && answer.reply).toContain(`"payload":${payload}`);
  }
});

test("refusals of state are of their item alone, and the others are taken", async () => {
  const q = await openEngine({ config: { maxJobs: 3 } });
  await q.enqueue({ id: "a", payload: "1", fingerprint: "1" });
  const { results, refused } = await q.run("job.enqueue", {
    jobs: [
      { id: "a", payload: "2", fingerprint: "2" },
      { id: "b", payload: "1", fingerprint: "b" },
      { payload: "1" },
      { payload: "1" },
      { id: "b", payload: "1", fingerprint: "b" },
    ],
  });
  expect(refused).toBe(2);
  expect(results).toMatchObject([
    { problem: { code: "job_exists", status: 409, id: "a", state: "ready", retryable: false } },
    { id: "b" },
    { id: "q0000000-001-000000003" },
    { problem: { code: "queue_full", status: 507, retryable: true, maxJobs: 3 } },
    { id: "b", deduplicated: true },
  ]);
});

test("an id in use with the same content is the same job; with other content it is refused", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", payload: "1", fingerprint: "one" });
  const before = q.store.last.index;
  const again = { id: "a", payload: "1", fingerprint: "one" };
  expect((await q.run("job.enqueue", { jobs: [again] })).results).toEqual([
    { id: "a", deduplicated: true },
  ]);
  expect(q.store.last.index).toBe(before);
  const other = await q.run("job.enqueue", { jobs: [{ ...again, fingerprint: "two" }] });
  expect(other).toMatchObject({ refused: 1, results: [{ problem: { code: "job_exists" } }] });
});

test("an id stays in use after the job's end, until its record is removed", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", payload: "1", fingerprint: "one" });
  await q.run("job.cancel", { id: "a" });
  const jobs = [{ id: "a", payload: "1", fingerprint: "two" }];
  expect((await q.run("job.enqueue", { jobs })).refused).toBe(1);
  await q.run("job.remove", { id: "a" });
  expect((await q.run("job.enqueue", { jobs })).refused).toBe(0);
});

test("an id that the queue has made, or will make, cannot be chosen", async () => {
  const q = await openEngine();
  const made = await q.enqueue();
  const later = ["q0000000-001-000000002", "q0000000-002-000000009"];
  for (const id of [made, ...later]) {
    const { results } = await q.run("job.enqueue", {
      jobs: [{ id, payload: "1", fingerprint: "x" }],
    });
    expect(results).toMatchObject([{ problem: { code: "job_exists" } }]);
  }
  expect(await q.enqueue()).toBe(later[0]);
});

test("the same id twice in one batch: the second is the first, or is refused", async () => {
  const q = await openEngine();
  const { results } = await q.run("job.enqueue", {
    jobs: [
      { id: "a", payload: "1", fingerprint: "1" },
      { id: "a", payload: "1", fingerprint: "1" },
      { id: "a", payload: "2", fingerprint: "2" },
    ],
  });
  expect(results).toMatchObject([
    { id: "a" },
    { id: "a", deduplicated: true },
    { problem: { code: "job_exists" } },
  ]);
  expect((await q.run("queue.stats", {})).counts.ready).toBe(1);
});

test("maxJobs counts every job that is kept, also ended ones", async () => {
  const q = await openEngine({ config: { maxJobs: 1 } });
  await q.enqueue({ id: "a" });
  await q.run("job.cancel", { id: "a" });
  expect((await q.run("job.enqueue", { jobs: [{ payload: "1" }] })).refused).toBe(1);
  await q.run("job.remove", { id: "a" });
  expect((await q.run("job.enqueue", { jobs: [{ payload: "1" }] })).refused).toBe(0);
});

test("maxBytes counts the UTF-8 bytes of payloads and results, to the byte", async () => {
  const q = await openEngine({ config: { maxBytes: 10 } });
  const full = async (payload: string) =>
    (await q.run("job.enqueue", { jobs: [{ payload }] })).refused === 1;
  expect(await full('"€€€"')).toBe(true);
  expect(await full('"€€"')).toBe(false);
  expect((await q.run("queue.stats", {})).jobBytes).toBe(8);
  expect(await full("123")).toBe(true);
  expect(await full("12")).toBe(false);
  const { id, token } = await q.claimOne();
  expect(await q.settle({ op: "complete", id, token, result: '"a result"' })).toMatchObject({
    ok: true,
  });
  expect((await q.run("queue.stats", {})).jobBytes).toBe(20);
  await q.run("job.remove", { id });
  expect((await q.run("queue.stats", {})).jobBytes).toBe(2);
});

test("a full queue still hands out, settles and repeats", async () => {
  const q = await openEngine({ config: { maxJobs: 1 } });
  await q.enqueue({ id: "a", fingerprint: "a" });
  const again = await q.run("job.enqueue", {
    jobs: [{ id: "a", payload: "null", fingerprint: "a" }],
  });
  expect(again.results).toEqual([{ id: "a", deduplicated: true }]);
  const { token } = await q.claimOne();
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({ ok: true });
});

test("an enqueue of which nothing is taken creates no queue and costs no entry", async () => {
  const q = await openEngine();
  const jobs = [{ id: "q0000000-mine", payload: "1", fingerprint: "x" }];
  expect((await q.run("job.enqueue", { jobs })).refused).toBe(1);
  expect(q.store.hard).toBeUndefined();
  expect(q.sql.counts.rowsWritten).toBe(0);
  await q.run("queue.configure", { maxJobs: 0 });
  const before = q.store.last.index;
  expect((await q.run("job.enqueue", { jobs: [{ payload: "1" }] })).refused).toBe(1);
  expect(q.store.last.index).toBe(before);
});

test("with auto-creation off only a PUT creates a queue", async () => {
  const q = await openEngine({ autoCreate: false });
  expect((await q.refused("job.enqueue", { jobs: [{ payload: "1" }] })).refusalCode).toBe(
    "queue_unknown",
  );
  expect(q.store.hard).toBeUndefined();
  await q.run("queue.configure", {});
  await q.enqueue();
});
