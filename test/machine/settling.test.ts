/** Settling: what each verb does, what a repeat is answered, and that items are decided one by one. */
import { expect, test } from "vitest";
import { openEngine, START } from "../engine-harness.ts";

test("complete ends the job with its result, as it was written", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne({ worker: "w" });
  await q.advance(1000);
  const result = '{"n": 12345678901234567890}';
  expect(await q.settle({ op: "complete", id: "a", token, result })).toEqual({
    id: "a",
    ok: true,
    state: "completed",
  });
  const answer = await q.answer("job.get", { id: "a" });
  expect("reply" in answer && answer.reply).toContain(`"result":${result}`);
  expect(await q.job("a")).toMatchObject({
    worker: "w",
    startedAt: START,
    endedAt: START + 1000,
  });
});

test("release gives the job back at once, and the attempt does not count", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  expect(await q.settle({ op: "release", id: "a", token })).toEqual({
    id: "a",
    ok: true,
    state: "ready",
  });
  expect(await q.claimOne()).toMatchObject({ attempt: 1, deliveries: 2 });
});

test("progress is shown, is given to the next worker, and goes when the job completes", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const first = await q.claimOne();
  const item = { op: "progress", id: "a", token: first.token, progress: '{"at":3}' } as const;
  expect(await q.settle(item)).toEqual({ id: "a", ok: true, state: "running" });
  expect((await q.job("a")).progress).toEqual({ at: 3 });
  await q.settle({ op: "release", id: "a", token: first.token });
  const second = await q.claimOne();
  expect(second.progress).toEqual({ at: 3 });
  await q.settle({ op: "complete", id: "a", token: second.token });
  expect(await q.job("a")).not.toHaveProperty("progress");
});

test("progress does not extend the lease", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token, leaseUntil } = await q.claimOne();
  await q.advance(10_000);
  await q.settle({ op: "progress", id: "a", token, progress: "1" });
  expect((await q.job("a")).leaseUntil).toBe(leaseUntil);
});

test("a repeat by the same token with the same outcome is ok and repeated, with another it is already settled", async () => {
  const q = await openEngine();
  const verbs = {
    complete: { op: "complete" },
    fail: { op: "fail", error: "no" },
    release: { op: "release", delayMs: 1000 },
  } as const;
  for (const [name, verb] of Object.entries(verbs)) {
    const id = await q.enqueue({ id: name });
    const { token } = await q.claimOne();
    const first = await q.settle({ ...verb, id, token });
    for (const again of Object.values(verbs)) {
      const repeated = { ok: true, repeated: true, state: "state" in first ? first.state : "" };
      const expected = again === verb ? repeated : { ok: false, code: "already_settled" };
      expect(await q.settle({ ...again, id, token })).toMatchObject(expected);
    }
    expect(await q.settle({ op: "extend", id, token })).toMatchObject({ code: "already_settled" });
  }
});

test("a repeat is repeated also after a retry by hand has opened a new run", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", maxAttempts: 1 });
  const { token } = await q.claimOne();
  const fail = { op: "fail", id: "a", token, error: "no" } as const;
  await q.settle(fail);
  await q.run("job.retry", { id: "a" });
  expect(await q.settle(fail)).toMatchObject({ ok: true, repeated: true, state: "ready" });
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({
    code: "already_settled",
  });
});

test("a repeat changes nothing and costs no entry", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  const item = { op: "complete", id: "a", token, result: "1" } as const;
  await q.settle(item);
  const before = [q.store.last.index, q.dump()];
  await q.settle({ ...item, result: "2" });
  expect([q.store.last.index, q.dump()]).toEqual(before);
});

test("once the job's record is removed, a settlement is job_unknown", async () => {
  const q = await openEngine({ config: { retention: { completed: { ageMs: 0 } } } });
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  const item = { op: "complete", id: "a", token } as const;
  expect(await q.settle(item)).toMatchObject({ ok: true, state: "completed" });
  expect(await q.settle(item)).toMatchObject({ code: "job_unknown" });
});

test("the tokens of an older hand-out, another queue, an older history and nobody are all stale", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const older = await q.claimOne();
  await q.settle({ op: "release", id: "a", token: older.token });
  const { token } = await q.claimOne();
  const [queueId, term, grant] = token.split("-");
  for (const stale of [
    older.token,
    `q0000009-${term}-${grant}`,
    `${queueId}-000-${grant}`,
    `${queueId}-002-${grant}`,
    `${queueId}-${term}-0${grant}`,
    `${queueId}-${term}-${grant?.slice(1)}`,
    `${token} `,
    token.toUpperCase(),
    "garbage",
  ]) {
    for (const item of [
      { op: "complete", id: "a", token: stale },
      { op: "extend", id: "a", token: stale },
    ] as const) {
      expect(await q.settle(item)).toMatchObject({ code: "lease_stale" });
    }
  }
  expect(await q.settle({ op: "complete", id: "a", token })).toMatchObject({ ok: true });
});

test("the token of one job does not settle another that it was not given for", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.enqueue({ id: "b" });
  const { token } = await q.claimOne();
  expect(await q.settle({ op: "complete", id: "b", token })).toMatchObject({ code: "lease_stale" });
});

test("items are decided in order, each by itself, the next one seeing the last", async () => {
  const q = await openEngine();
  for (const id of ["a", "b"]) await q.enqueue({ id });
  const [a] = await q.claim({ max: 2 });
  const token = a?.token ?? "";
  const { items, refused } = await q.run("lease.settle", {
    items: [
      { op: "complete", id: "nobody", token },
      { op: "complete", id: "a", token, result: "1" },
      { op: "complete", id: "a", token, result: "1" },
      { op: "fail", id: "a", token, error: "no" },
      { op: "extend", id: "b", token },
      { op: "complete", id: "b", token },
      { op: "extend", id: "b", token },
    ],
  });
  expect(refused).toBe(3);
  expect(items).toMatchObject([
    { id: "nobody", ok: false, problem: { code: "job_unknown", status: 404 } },
    { id: "a", ok: true },
    { id: "a", ok: true, repeated: true },
    { id: "a", ok: false, problem: { code: "already_settled", status: 409 } },
    { id: "b", ok: true, state: "running" },
    { id: "b", ok: true, state: "completed" },
    { id: "b", ok: false, problem: { code: "already_settled" } },
  ]);
});

test("a claim in the same request is decided after the items", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  const items = [{ op: "release", id: "a", token }] as const;
  const reply = await q.run("lease.settle", { items: [...items], claim: { worker: "w" } });
  expect(reply).toMatchObject({ items: [{ ok: true }], jobs: [{ id: "a", deliveries: 2 }] });
});

test("a claim in the same request never undoes the items, also when it finds nothing", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const { token } = await q.claimOne();
  await q.run("queue.pause", { reason: "deploy" });
  const items = [{ op: "complete", id: "a", token }] as const;
  const reply = await q.run("lease.settle", { items: [...items], claim: {} });
  expect(reply).toMatchObject({
    items: [{ ok: true, state: "completed" }],
    refused: 0,
    jobs: [],
    paused: true,
    pausedReason: "deploy",
    waiting: 0,
  });
  expect((await q.job("a")).state).toBe("completed");
});

test("what an earlier failure left does not stay on a job that runs or completed", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  const first = await q.claimOne();
  await q.settle({ op: "fail", id: "a", token: first.token, error: "no", delayMs: 0 });
  expect(await q.job("a")).toMatchObject({ error: "no" });
  await q.claimOne();
  await q.advance(30_000);
  const job = await q.job("a");
  expect(job).toMatchObject({ state: "ready", reason: "lease_expired" });
  expect(job).not.toHaveProperty("error");
  const third = await q.claimOne();
  expect(await q.job("a")).not.toHaveProperty("reason");
  await q.settle({ op: "complete", id: "a", token: third.token });
  const done = await q.job("a");
  expect(done).not.toHaveProperty("reason");
  expect(done).not.toHaveProperty("error");
  expect(done.attempts).toMatchObject([{ error: "no" }, { outcome: "lease_expired" }]);
});
