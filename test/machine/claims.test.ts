/** Which job a worker gets: the order of claims, places, lanes, and why a claim found nothing. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { openEngine, START } from "../engine-harness.ts";
import { put } from "./schedule-rig.ts";

const idsOf = (jobs: readonly { readonly id: string }[]) => jobs.map((job) => job.id);

test("jobs without a priority are handed out in the order in which they were enqueued", async () => {
  const q = await openEngine();
  for (const id of ["c", "a", "b"]) await q.enqueue({ id });
  expect(idsOf(await q.claim({ max: 3 }))).toEqual(["c", "a", "b"]);
});

test("a lower priority number goes first, also a negative one, and always", async () => {
  const q = await openEngine();
  const priorities = { late: 1000, plain: 0, soon: -1, first: -1000, alsoPlain: 0 };
  for (const [id, priority] of Object.entries(priorities)) await q.enqueue({ id, priority });
  expect(idsOf(await q.claim({ max: 9 }))).toEqual(["first", "soon", "plain", "alsoPlain", "late"]);
});

test("within a priority the job that became ready first goes first, whenever it was enqueued", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "delayed", delayMs: 5000 });
  await q.advance(4000);
  await q.enqueue({ id: "before" });
  await q.advance(2000);
  await q.enqueue({ id: "behind" });
  expect(idsOf(await q.claim({ max: 9 }))).toEqual(["before", "delayed", "behind"]);
});

test("jobs that come due at the same time keep the order of their enqueueing", async () => {
  const q = await openEngine();
  for (const id of ["z", "y", "x"]) await q.enqueue({ id, runAt: START + 1000 });
  await q.advance(1000);
  expect(idsOf(await q.claim({ max: 9 }))).toEqual(["z", "y", "x"]);
});

test("a delayed job is not handed out before its time, and at its time it is", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", delayMs: 5000 });
  await q.advance(4999);
  expect(await q.claim()).toEqual([]);
  await q.advance(1);
  expect(idsOf(await q.claim())).toEqual(["a"]);
});

test("a runAt in the past is now", async () => {
  const q = await openEngine();
  const id = await q.enqueue({ runAt: START - 1 });
  expect(await q.job(id)).toMatchObject({ state: "ready", readyAt: START });
});

test("a command makes due jobs visible first, though no alarm has fired", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", delayMs: 1000 });
  q.now += 1000;
  expect(idsOf(await q.claim())).toEqual(["a"]);
});

test("each command promotes a bounded number of due jobs in due order, and the alarm continues at once", async () => {
  const q = await openEngine();
  const jobs = Array.from({ length: 1000 }, (_, i) => ({ payload: "1", runAt: START + 1000 + i }));
  await q.run("job.enqueue", { jobs });
  await q.run("job.enqueue", { jobs: [{ id: "last", payload: "1", runAt: START + 5000 }] });
  q.now += 10_000;
  await q.run("queue.pause", {});
  expect((await q.run("queue.stats", {})).counts).toMatchObject({
    ready: limits.sweepMax,
    scheduled: 1001 - limits.sweepMax,
  });
  expect(q.armedAt).toBeLessThanOrEqual(q.now);
  await q.alarm();
  expect((await q.job("last")).state).toBe("ready");
});

test("a released job keeps its place", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.enqueue({ id: "b" });
  const { token } = await q.claimOne();
  await q.settle({ op: "release", id: "a", token });
  expect(idsOf(await q.claim({ max: 2 }))).toEqual(["a", "b"]);
});

test("a job released with a delay waits, and then has its place again", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.advance(1);
  await q.enqueue({ id: "b" });
  const { token } = await q.claimOne();
  expect(await q.settle({ op: "release", id: "a", token, delayMs: 5000 })).toMatchObject({
    state: "scheduled",
    runAt: q.now + 5000,
  });
  await q.advance(4999);
  expect(await q.ids("ready")).toEqual(["b"]);
  await q.advance(1);
  expect(await q.ids("ready")).toEqual(["a", "b"]);
});

test("a job whose lease ended keeps its place", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.claimOne();
  await q.advance(1000);
  await q.enqueue({ id: "b" });
  await q.advance(60_000);
  expect(idsOf(await q.claim({ max: 2 }))).toEqual(["a", "b"]);
});

test("a failed job gets a new place when its backoff ends", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", backoff: { kind: "fixed", delayMs: 5000, jitter: "none" } });
  const { token } = await q.claimOne();
  await q.settle({ op: "fail", id: "a", token, error: "no" });
  await q.advance(4000);
  await q.enqueue({ id: "b" });
  await q.advance(1000);
  await q.enqueue({ id: "c" });
  expect(idsOf(await q.claim({ max: 3 }))).toEqual(["b", "a", "c"]);
});

test("a failed job without a delay is at once ready again, for the claim in the same request too", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  const item = { op: "fail", id: "a", token, error: "no", delayMs: 0 } as const;
  const reply = await q.run("lease.settle", { items: [item], claim: {} });
  expect(reply).toMatchObject({
    items: [{ ok: true, state: "ready" }],
    jobs: [{ id: "a", attempt: 2 }],
  });
});

test("a retry by hand puts the job at the tail", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.run("job.cancel", { id: "a" });
  await q.enqueue({ id: "b" });
  await q.run("job.retry", { id: "a" });
  expect(idsOf(await q.claim({ max: 2 }))).toEqual(["b", "a"]);
});

test("a worker gets the jobs whose requirements it covers, and others never stand in its way", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "gpu", requires: ["gpu"], priority: -5 });
  await q.enqueue({ id: "both", requires: ["disk", "gpu"], priority: -5 });
  await q.enqueue({ id: "plain" });
  expect(idsOf(await q.claim({ max: 9 }))).toEqual(["plain"]);
  expect(idsOf(await q.claim({ max: 9, capabilities: ["gpu"] }))).toEqual(["gpu"]);
  expect(idsOf(await q.claim({ max: 9, capabilities: ["disk", "gpu", "tape"] }))).toEqual(["both"]);
});

test("across the lanes of one worker the order is one order", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", requires: ["x"] });
  await q.enqueue({ id: "b" });
  await q.enqueue({ id: "c", requires: ["y"], priority: -1 });
  await q.enqueue({ id: "d", requires: ["x"] });
  await q.enqueue({ id: "e" });
  const all = ["c", "a", "b", "d", "e"];
  expect(await q.ids("ready")).toEqual(all);
  expect(idsOf(await q.claim({ max: 9, capabilities: ["x", "y"] }))).toEqual(all);
});

test("a worker gets only jobs of the kinds that it names, by default payload jobs", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  expect(await q.claim({ kinds: ["plan"] })).toEqual([]);
  expect(idsOf(await q.claim({ kinds: ["payload", "plan"] }))).toEqual(["a"]);
});

test("one claim gives all its jobs one token, and the next claim a greater one", async () => {
  const q = await openEngine();
  for (const id of ["a", "b", "c"]) await q.enqueue({ id });
  const [a, b] = await q.claim({ max: 2 });
  const c = await q.claimOne();
  expect(a?.token).toBe(b?.token);
  expect((a?.token ?? "") < c.token).toBe(true);
});

test("a claim says all that a worker needs", async () => {
  const q = await openEngine();
  const labels = { customer: "7" };
  await q.enqueue({ id: "a", payload: '{"n":1}', labels, requires: ["x"], priority: 3 });
  const [job] = await q.claim({ capabilities: ["x"], worker: "w1" });
  expect(job).toEqual({
    id: "a",
    token: "q0000000-001-000000001",
    leaseUntil: START + 30_000,
    kind: "payload",
    run: 1,
    attempt: 1,
    maxAttempts: 3,
    deliveries: 1,
    priority: 3,
    createdAt: START,
    labels,
    requires: ["x"],
    payload: { n: 1 },
  });
  expect((await q.job("a")).worker).toBe("w1");
});

test("an empty claim says what waits, what is scheduled, what it may not have, and when time does something", async () => {
  const q = await openEngine();
  await q.enqueue({ requires: ["gpu"] });
  await q.enqueue({ delayMs: 7000 });
  await q.enqueue({ delayMs: 9000 });
  const { now, ...reply } = await q.run("lease.claim", {});
  expect(reply).toEqual({
    jobs: [],
    paused: false,
    waiting: 1,
    scheduled: 2,
    nextDueAt: now + 7000,
    limited: 0,
    unclaimable: 1,
  });
});

test("an empty claim is told of the next slot of a schedule, where that comes before all jobs", async () => {
  const q = await openEngine();
  await q.enqueue({ delayMs: 7000 });
  const nextDueAt = async () => (await q.run("lease.claim", {})).nextDueAt;
  await put(q, { everyMs: 9000 });
  expect(await nextDueAt()).toBe(START + 7000);
  await put(q, { everyMs: 5000 });
  expect(await nextDueAt()).toBe(START + 5000);
  await q.run("schedule.pause", { id: "s" });
  expect(await nextDueAt()).toBe(START + 7000);
});

test("a plain job is unclaimable for a worker that takes only plans", async () => {
  const q = await openEngine();
  await q.enqueue();
  await q.enqueue({ requires: ["x"] });
  const reply = await q.run("lease.claim", { kinds: ["plan"] });
  expect(reply).toMatchObject({ waiting: 2, unclaimable: 2 });
});

test("an empty claim changes nothing and costs no entry", async () => {
  const q = await openEngine({ config: {} });
  const before = q.store.last.index;
  await q.claim();
  expect(q.store.last.index).toBe(before);
});

test("a claim of a queue that does not exist is empty and creates nothing", async () => {
  const q = await openEngine();
  expect(await q.run("lease.claim", {})).toEqual({
    now: START,
    jobs: [],
    paused: false,
    waiting: 0,
    scheduled: 0,
    nextDueAt: null,
    limited: 0,
    unclaimable: 0,
  });
  expect(q.store.hard).toBeUndefined();
  expect(q.armedAt).toBeNull();
});

test("at most 1,024 distinct sets of requirements wait at once; the next one is refused, a known one is not", async () => {
  const q = await openEngine();
  const jobs = Array.from({ length: limits.lanesMax }, (_, i) => ({
    payload: "1",
    requires: [`r${i}`],
  }));
  expect((await q.run("job.enqueue", { jobs: jobs.slice(0, 1000) })).refused).toBe(0);
  expect((await q.run("job.enqueue", { jobs: jobs.slice(1000) })).refused).toBe(0);
  const more = [
    { payload: "1", requires: ["new"] },
    { payload: "1", requires: ["r7"] },
    { payload: "1" },
  ];
  const { results } = await q.run("job.enqueue", { jobs: more });
  expect(results).toMatchObject([{ problem: { code: "requires_limit", status: 409 } }, {}, {}]);

  const { id } = await q.claimOne({ capabilities: ["r0"] });
  await q.run("job.cancel", { id });
  expect((await q.run("job.enqueue", { jobs: more.slice(0, 1) })).refused).toBe(0);
});

test("a retry that needs a new set of requirements is refused at the limit", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", requires: ["own"] });
  await q.run("job.cancel", { id: "a" });
  const sets = Array.from({ length: limits.lanesMax }, (_, i) => [`r${i}`]);
  const jobs = sets.map((requires) => ({ payload: "1", requires }));
  await q.run("job.enqueue", { jobs: jobs.slice(0, 1000) });
  await q.run("job.enqueue", { jobs: jobs.slice(1000) });
  expect((await q.refused("job.retry", { id: "a" })).refusalCode).toBe("requires_limit");
});

test("a claim takes as many jobs as it asks for, and no more than there are", async () => {
  const q = await openEngine();
  await q.run("job.enqueue", { jobs: Array.from({ length: 1000 }, () => ({ payload: "1" })) });
  expect((await q.claim()).length).toBe(1);
  expect((await q.claim({ max: 600 })).length).toBe(600);
  expect((await q.claim({ max: 1000 })).length).toBe(399);
});

test("a claim stops at 4 MiB of reply, counted in UTF-8, and the rest stays ready", async () => {
  const q = await openEngine();
  const payload = JSON.stringify("€".repeat(80_000));
  const bytes = Buffer.byteLength(payload);
  for (let i = 0; i < 20; i++) await q.enqueue({ payload });
  const most = Math.floor(limits.replyBytesMax / bytes);
  expect((await q.claim({ max: 100 })).length).toBe(most);
  expect((await q.run("queue.stats", {})).counts.ready).toBe(20 - most);
});

test("a claim of ASCII payloads fills the 4 MiB as well", async () => {
  const q = await openEngine();
  const payload = JSON.stringify("x".repeat(250_000));
  for (let i = 0; i < 20; i++) await q.enqueue({ payload });
  expect((await q.claim({ max: 100 })).length).toBe(16);
});

test("labels and progress count for the size of a claim's reply", async () => {
  const q = await openEngine();
  const names = Array.from({ length: 16 }, (_, i) => `label${i}`);
  const labels = Object.fromEntries(names.map((name) => [name, "€".repeat(256)]));
  for (let i = 0; i < 5; i++) {
    const jobs = Array.from({ length: 100 }, () => ({ payload: "1", labels }));
    await q.run("job.enqueue", { jobs });
  }
  const answer = await q.answer("lease.claim", { max: 1000 });
  if (!("reply" in answer)) throw new Error("refused");
  const bytes = Buffer.byteLength(answer.reply);
  expect(bytes).toBeLessThanOrEqual(limits.replyBytesMax);
  expect(bytes).toBeGreaterThan(limits.replyBytesMax * 0.9);
});
