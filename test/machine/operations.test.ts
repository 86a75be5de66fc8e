/** Purge and redrive: what they touch, and how work over many jobs goes on in bounded steps. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";

async function enqueueMany(q: Harness, count: number, options: object = {}): Promise<void> {
  for (let left = count; left > 0; left -= 1000) {
    const jobs = Array.from({ length: Math.min(left, 1000) }, () => ({ payload: "1", ...options }));
    await q.run("job.enqueue", { jobs });
  }
}

const counts = async (q: Harness) => (await q.run("queue.stats", {})).counts;

/** A job in every state; running last, so that its lease lasts. */
async function oneOfEach(q: Harness): Promise<void> {
  for (const id of ["completed", "failed", "running"]) await q.enqueue({ id, requires: ["x"] });
  const [completed, failed] = await q.claim({ max: 2, capabilities: ["x"] });
  const token = completed?.token ?? "";
  await q.settle({ op: "complete", id: "completed", token });
  await q.settle({ op: "fail", id: failed?.id ?? "", token, error: "no", retryable: false });
  await q.claimOne({ capabilities: ["x"] });
  await q.enqueue({ id: "expired", expiresAt: START });
  await q.enqueue({ id: "cancelled" });
  await q.run("job.cancel", { id: "cancelled" });
  await q.enqueue({ id: "ready" });
  await q.enqueue({ id: "scheduled", delayMs: 60_000 });
  await q.run("queue.pause", {});
}

test("a purge removes scheduled and ready jobs, and leaves the others", async () => {
  const q = await openEngine();
  await oneOfEach(q);
  const { operation } = await q.run("queue.purge", {});
  expect(operation).toEqual({
    id: "q0000000-001-op0001",
    kind: "purge",
    status: "done",
    states: ["blocked", "scheduled", "ready"],
    changed: 2,
    examined: 2,
    total: 2,
    startedAt: START,
    endedAt: START,
  });
  expect(await q.ids()).toEqual(["cancelled", "completed", "expired", "failed", "running"]);
});

test("other states are purged when they are named, running among them", async () => {
  const q = await openEngine();
  await oneOfEach(q);
  const token = "q0000000-001-000000002";
  await q.run("queue.purge", { states: ["running", "completed", "failed", "running"] });
  expect(await q.ids()).toEqual(["cancelled", "expired", "ready", "scheduled"]);
  expect(await q.settle({ op: "complete", id: "running", token })).toMatchObject({
    code: "job_unknown",
  });
});

test("a purge of jobs with requirements frees their sets", async () => {
  const q = await openEngine();
  await enqueueMany(q, 3, { requires: ["gpu"] });
  await q.run("queue.purge", {});
  expect(await q.run("lease.claim", {})).toMatchObject({ waiting: 0, unclaimable: 0 });
});

test("a purge over 1,000 jobs goes on over several alarms, with progress", async () => {
  const q = await openEngine({ config: {} });
  await enqueueMany(q, 2000);
  await enqueueMany(q, 1500, { delayMs: 3_600_000 });
  const { operation } = await q.run("queue.purge", {});
  expect(operation).toMatchObject({
    status: "running",
    changed: 1000,
    examined: 1000,
    total: 3500,
  });
  expect(q.armedAt).toBeLessThanOrEqual(q.now);
  q.syncMs = 11_000;
  const seen = [];
  for (let i = 0; i < 9; i++) {
    const reply = await q.run("operation.get", { id: operation.id });
    seen.push([reply.operation.changed, reply.operation.status]);
    if (reply.operation.status === "done") break;
    await q.alarm();
    await q.reopen();
  }
  expect(seen).toEqual([
    [1000, "running"],
    [2000, "running"],
    [3000, "running"],
    [3500, "done"],
  ]);
  expect(await q.ids()).toEqual([]);
});

test("jobs enqueued during a purge are not touched", async () => {
  const q = await openEngine({ config: {} });
  await enqueueMany(q, 1500);
  const { operation } = await q.run("queue.purge", {});
  await q.enqueue({ id: "new", priority: 999 });
  await q.enqueue({ id: "first", priority: -999 });
  await q.enqueue({ id: "other", requires: ["x"] });
  await q.advance(0);
  expect((await q.run("operation.get", { id: operation.id })).operation).toMatchObject({
    status: "done",
    changed: 1500,
  });
  expect((await q.ids()).sort()).toEqual(["first", "new", "other"]);
});

test("the queue works on while an operation runs", async () => {
  const q = await openEngine({ config: {} });
  await enqueueMany(q, 1500);
  await q.run("queue.purge", {});
  const { id, token } = await q.claimOne();
  expect(await q.settle({ op: "complete", id, token })).toMatchObject({ ok: true });
  await q.advance(0);
  expect(await counts(q)).toMatchObject({ ready: 0, completed: 1 });
});

test("two operations at once are both done, each counting what it changed", async () => {
  const q = await openEngine({ config: {} });
  await enqueueMany(q, 1500);
  await enqueueMany(q, 1200, { delayMs: 3_600_000 });
  const first = (await q.run("queue.purge", { states: ["ready"] })).operation;
  const second = (await q.run("queue.purge", { states: ["scheduled"] })).operation;
  expect([first.id, second.id]).toEqual(["q0000000-001-op0001", "q0000000-001-op0002"]);
  await q.advance(0);
  for (const [{ id }, changed] of [
    [first, 1500],
    [second, 1200],
  ] as const) {
    const { operation } = await q.run("operation.get", { id });
    expect(operation).toMatchObject({ status: "done", changed });
  }
});

test("a redrive runs failed jobs again, at the tail and in a new run", async () => {
  const q = await openEngine({ config: { maxAttempts: 1 } });
  for (const id of ["a", "b", "c"]) {
    await q.enqueue({ id });
    const { token } = await q.claimOne();
    await q.settle({ op: "fail", id, token, error: "no" });
    await q.advance(10);
  }
  await q.enqueue({ id: "waiting" });
  await q.enqueue({ id: "cancelled" });
  await q.run("job.cancel", { id: "cancelled" });
  const { operation } = await q.run("job.redrive", {});
  expect(operation).toMatchObject({
    kind: "redrive",
    status: "done",
    states: ["failed"],
    changed: 3,
  });
  expect(await q.ids("ready")).toEqual(["waiting", "a", "b", "c"]);
  expect(await q.job("b")).toMatchObject({ run: 2, attempt: 1 });
  expect((await q.job("cancelled")).state).toBe("cancelled");
});

test("a redrive by ids runs those that ended, and passes over the others", async () => {
  const q = await openEngine();
  for (const id of ["a", "b", "waiting"]) await q.enqueue({ id });
  for (const id of ["a", "b"]) await q.run("job.cancel", { id });
  await q.enqueue({ id: "over", expiresAt: START + 10 });
  await q.run("job.cancel", { id: "over" });
  await q.advance(10);
  const ids = ["b", "b", "waiting", "over", "nobody"];
  const { operation } = await q.run("job.redrive", { ids });
  expect(operation).toMatchObject({ status: "done", changed: 1, examined: 5, total: 5 });
  expect(await q.ids("ready")).toEqual(["waiting", "b"]);
});

test("a redrive by ids judges each job as of now", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const answers = await q.together([
    ["job.enqueue", { jobs: [{ id: "b", payload: "1", ttlMs: 0 }] }],
    ["job.redrive", { ids: ["b"] }],
  ]);
  expect(answers).toHaveLength(2);
  expect(await q.job("b")).toMatchObject({ state: "ready", run: 2 });
});

test("a redrive's filter takes states, a label, and a span of ends that begins in it and ends before it", async () => {
  const q = await openEngine({ config: {} });
  for (const [id, labels] of Object.entries({ a: { x: "1" }, b: { x: "2" }, c: { y: "1" } })) {
    await q.enqueue({ id, labels });
    await q.run("job.cancel", { id });
    await q.advance(1000);
  }
  const redrive = async (input: object) => {
    const { operation } = await q.run("job.redrive", { states: ["cancelled"], ...input });
    const ids = await q.ids("ready");
    for (const id of ids) await q.run("job.cancel", { id });
    return { changed: operation.changed, ids };
  };
  expect(await q.run("job.redrive", {})).toMatchObject({ operation: { changed: 0 } });
  expect(await redrive({ label: "x:2" })).toEqual({ changed: 1, ids: ["b"] });
  expect(await redrive({ label: "x" })).toEqual({ changed: 2, ids: ["a", "b"] });
  expect(await redrive({ label: "x:3" })).toMatchObject({ changed: 0 });
  expect(await redrive({ endedAfter: START + 2000, endedBefore: START + 3000 })).toMatchObject({
    ids: ["c"],
  });
  expect(await redrive({ endedBefore: START + 2000 })).toMatchObject({ changed: 0 });
});

test("a redrive over 1,000 jobs goes on by the alarm, and leaves what ends meanwhile", async () => {
  const q = await openEngine({ config: {} });
  await enqueueMany(q, 1300, { ttlMs: 0 });
  await q.advance(0);
  expect((await counts(q)).expired).toBe(1300);
  const { operation } = await q.run("job.redrive", { states: ["expired"] });
  expect(operation).toMatchObject({ status: "running", changed: 1000, total: 1300 });
  const ready = await q.ids("ready");
  await q.enqueue({ id: "new", ttlMs: 0 });
  await q.advance(0);
  expect((await q.run("operation.get", { id: operation.id })).operation).toMatchObject({
    status: "done",
    changed: 1300,
  });
  expect(await counts(q)).toMatchObject({ ready: 1300, expired: 1 });
  expect((await q.ids("ready")).slice(0, 1000)).toEqual(ready);
});

test("an operation goes past the jobs that are not meant, and looks at each once", async () => {
  const q = await openEngine({ config: {} });
  await enqueueMany(q, 1500, { ttlMs: 0 });
  await q.advance(0);
  await q.enqueue({ id: "z", ttlMs: 0, labels: { x: "1" } });
  await q.advance(0);
  const { operation } = await q.run("job.redrive", { states: ["expired"], label: "x" });
  expect(operation).toMatchObject({ status: "running", examined: 1000, changed: 0 });
  await q.alarm();
  expect((await q.run("operation.get", { id: operation.id })).operation).toMatchObject({
    status: "done",
    examined: 1501,
    changed: 1,
  });
  expect(await q.ids("ready")).toEqual(["z"]);
});

test("an operation that is not kept is unknown; the last 100 are kept", async () => {
  const q = await openEngine({ config: {} });
  const ids = [];
  for (let i = 0; i < limits.operationsKeptMax + 5; i++) {
    ids.push((await q.run("queue.purge", {})).operation.id);
  }
  const [oldest = "", ...rest] = ids;
  expect((await q.refused("operation.get", { id: oldest })).refusalCode).toBe("operation_unknown");
  expect(await q.run("operation.get", { id: rest.at(-100) ?? "" })).toBeDefined();
  expect((await q.refused("operation.get", { id: "x" })).refusalCode).toBe("operation_unknown");
});

test("operations that pile up behind a long one are forgotten once it is done", async () => {
  const q = await openEngine({ config: {} });
  await enqueueMany(q, 1500);
  const long = (await q.run("queue.purge", {})).operation.id;
  for (let i = 0; i < limits.operationsKeptMax + 20; i++)
    await q.run("job.redrive", { ids: ["x"] });
  expect((await q.run("operation.get", { id: long })).operation.status).toBe("running");
  await q.advance(0);
  await q.run("job.redrive", { ids: ["x"] });
  expect([...q.store.tables.operations.scan({})]).toHaveLength(limits.operationsKeptMax);
});

test("a step ends early where its jobs have long texts, and the alarm goes on with the rest", async () => {
  const q = await openEngine();
  const payload = `"${"x".repeat(limits.payloadBytesMax - 2)}"`;
  for (let i = 0; i < 7; i++) {
    await q.run("job.enqueue", { jobs: Array(5).fill({ payload, requires: ["x"] }) });
  }
  const claim = () => q.claim({ max: 35, capabilities: ["x"] });
  for (let jobs = await claim(); jobs.length > 0; jobs = await claim()) {
    const failed = { op: "fail", error: "no", retryable: false } as const;
    await q.run("lease.settle", { items: jobs.map(({ id, token }) => ({ ...failed, id, token })) });
  }
  const { operation } = await q.run("job.redrive", {});
  const most = limits.operationStepTextBytes / limits.payloadBytesMax;
  expect(operation).toMatchObject({ status: "running", changed: most, examined: most });
  await q.advance(1000);
  expect((await counts(q)).ready).toBe(35);
});
