/** Task reports: what the tasks of a plan's job came to, of its latest attempt, bounded, and gone with the job. */
import { expect, test } from "vitest";
import { leaseToken } from "../../src/contract/ids.ts";
import type { Settlement } from "../../src/contract/leases.ts";
import { settlementWire } from "../../src/contract/leases.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { able, act, planOf } from "./plan-rig.ts";

type Report = Omit<Extract<Settlement, { op: "task" }>, "op" | "id" | "token">;

/** A queue with a job `a` of a plan with two tasks. */
async function withJob(config = {}): Promise<Harness> {
  const q = await openEngine({ config: { planMaxAttempts: 3, ...config } });
  await q.run("plan.submit", planOf("p", ["{{input.n}}"], ["fixed"]));
  await q.enqueue({ id: "a", plan: "p", payload: '{"n":1.50}' });
  return q;
}

const report = (q: Harness, token: string, said: Report) =>
  q.settle({ op: "task", id: "a", token, ...said });
const tasksOf = async (q: Harness, id = "a") => (await q.run("job.tasks", { id })).tasks;
const bytes = async (q: Harness) => (await q.run("queue.stats", {})).jobBytes;

test("tasks wait until they are reported, with their arguments as they are run", async () => {
  const q = await withJob();
  expect(await q.run("job.tasks", { id: "a" })).toEqual({
    now: q.now,
    plan: "p",
    planVersion: 1,
    run: 1,
    delivery: 0,
    tasks: [
      { task: 1, command: "curl", args: ["1.50"], status: "waiting" },
      { task: 2, command: "curl", args: ["fixed"], status: "waiting" },
    ],
  });
});

test("a report is readable at once, and a later one of the task takes its place", async () => {
  const q = await withJob();
  const { token } = await q.claimOne(able);
  expect(await report(q, token, { task: 1, exitCode: 0, stdout: "ok" })).toEqual({
    id: "a",
    ok: true,
    state: "running",
  });
  expect((await tasksOf(q))[0]).toEqual({
    task: 1,
    command: "curl",
    args: ["1.50"],
    status: "completed",
    exitCode: 0,
    stdout: "ok",
    reportedAt: q.now,
  });
  await report(q, token, {
    task: 1,
    exitCode: 7,
    stderr: "bad",
    stderrBytes: 99,
    stderrTruncated: true,
  });
  expect((await tasksOf(q))[0]).toMatchObject({
    status: "failed",
    exitCode: 7,
    stderr: "bad",
    stderrBytes: 99,
    stderrTruncated: true,
  });
  expect((await tasksOf(q))[0]).not.toHaveProperty("stdout");
});

test.each([
  [{ exitCode: 0 }, "completed"],
  [{ exitCode: 1 }, "failed"],
  [{ exitCode: null, signal: "SIGKILL" }, "failed"],
  [{ exitCode: 0, timedOut: true }, "failed"],
  [{ exitCode: 0, timedOut: false, stdoutTruncated: false }, "completed"],
  [{}, "failed"],
])("a task with %j is %s", async (said, status) => {
  const q = await withJob();
  const { token } = await q.claimOne(able);
  await report(q, token, { task: 2, ...said });
  const [, shown] = await tasksOf(q);
  expect(shown).toMatchObject({ status });
  for (const value of Object.values(shown ?? {})) expect([null, false]).not.toContain(value);
});

test("only the latest attempt is shown: a release, a failure and a retry begin anew", async () => {
  const q = await withJob({ backoff: { kind: "fixed", delayMs: 0, jitter: "none" } });
  const shown = async () => (await tasksOf(q)).map(({ status }) => status).join();
  for (const op of ["release", "fail", "complete"] as const) {
    const { token } = await q.claimOne(able);
    expect(await shown()).toBe("waiting,waiting");
    await report(q, token, { task: 1, exitCode: 0 });
    expect(await shown()).toBe("completed,waiting");
    await q.settle({ op, id: "a", token, ...(op === "fail" && { error: "no" }) } as Settlement);
    expect(await shown()).toBe("completed,waiting");
  }
  await q.enqueue({ id: "b", plan: "p", payload: '{"n":1}', maxAttempts: 1 });
  const { token } = await q.claimOne(able);
  await q.settle({ op: "task", id: "b", token, task: 1, exitCode: 1 });
  await q.settle({ op: "fail", id: "b", token, error: "no" });
  expect((await tasksOf(q, "b"))[0]).toMatchObject({ status: "failed" });
  await q.run("job.retry", { id: "b" });
  expect((await tasksOf(q, "b"))[0]).toMatchObject({ status: "waiting" });
});

test("a task that the plan has not, and any task of another job, is unknown", async () => {
  const q = await withJob();
  const { token } = await q.claimOne(able);
  const index = q.store.last.index;
  expect(await report(q, token, { task: 3, exitCode: 0 })).toMatchObject({ code: "task_unknown" });
  expect(q.store.last.index).toBe(index);
  await q.enqueue({ id: "plain" });
  const plain = await q.claimOne();
  const item = { op: "task", id: "plain", token: plain.token, task: 1 } as const;
  expect(await q.settle(item)).toMatchObject({ code: "task_unknown" });
  expect(await q.refused("job.tasks", { id: "plain" })).toMatchObject({
    refusalCode: "plan_unknown",
    detail: "Job plain is of no plan, and has no tasks.",
  });
  expect(await q.refused("job.tasks", { id: "x" })).toMatchObject({ refusalCode: "job_unknown" });
});

test("a report under a lease that has ended is refused, though a late completion counts", async () => {
  const q = await withJob();
  const first = await q.claimOne(able);
  await q.advance(30_000);
  const said = { task: 1, exitCode: 0 };
  expect(await report(q, first.token, said)).toMatchObject({ code: "lease_stale" });
  const late = await q.settle({ op: "complete", id: "a", token: first.token });
  expect(late).toMatchObject({ state: "completed", late: true });
  expect((await tasksOf(q))[0]).toMatchObject({ status: "waiting" });
});

test("a report of a run that is over does not count for the next one", async () => {
  const q = await withJob({ planMaxAttempts: 1 });
  const first = await q.claimOne(able);
  await q.advance(30_000);
  await q.run("job.retry", { id: "a" });
  const said = { task: 1, exitCode: 0 };
  expect(await report(q, first.token, said)).toMatchObject({ code: "lease_stale" });
  expect((await tasksOf(q))[0]).toMatchObject({ status: "waiting" });
});

test("a report under a token that holds the job no more is refused", async () => {
  const q = await withJob();
  const first = await q.claimOne(able);
  await q.advance(30_000);
  const said = { task: 1, exitCode: 0 };
  const second = await q.claimOne(able);
  expect(await report(q, first.token, said)).toMatchObject({ code: "lease_stale" });
  const future = leaseToken({ queueId: "q0000000", term: 1 }, 99);
  expect(await report(q, future, said)).toMatchObject({ code: "lease_stale" });
  await q.settle({ op: "complete", id: "a", token: second.token });
  expect(await report(q, second.token, said)).toMatchObject({ code: "already_settled" });
  expect((await tasksOf(q))[0]).toMatchObject({ status: "waiting" });
});

test("an output is at most 64 KiB, and the bytes of outputs are the queue's", async () => {
  const whole = { op: "task", id: "a", token: "t", task: 1 };
  const most = "é".repeat(limits.taskOutputBytesMax / 2);
  expect(settlementWire.safeParse({ ...whole, stdout: most, stderr: most }).success).toBe(true);
  expect(settlementWire.safeParse({ ...whole, stdout: `${most}x` }).success).toBe(false);
  expect(settlementWire.safeParse({ ...whole, task: 101 }).success).toBe(false);
  const q = await withJob();
  const before = await bytes(q);
  const { token } = await q.claimOne(able);
  await report(q, token, { task: 1, stdout: most, stderr: "é" });
  await report(q, token, { task: 2, stdout: "12345" });
  expect((await bytes(q)) - before).toBe(limits.taskOutputBytesMax + 2 + 5);
  await report(q, token, { task: 1, stderr: "x" });
  expect((await bytes(q)) - before).toBe(6);
});

test("reports survive a crash and a checkpoint, and go with their job, however it goes", async () => {
  const q = await withJob({ retention: { cancelled: { ageMs: 1000 } } });
  const [inAction = ""] = await act(q, ['{"n":1}'], { action: "x" });
  await q.enqueue({ id: "purged", plan: "p", payload: '{"n":1}' });
  const empty = await bytes(q);
  for (const { id, token } of await q.claim({ ...able, max: 3 })) {
    await q.settle({ op: "task", id, token, task: 1, exitCode: 0, stdout: id });
  }
  const tasks = await tasksOf(q);
  await q.reopen();
  await q.run("queue.checkpoint", {});
  await q.reopen();
  expect(await tasksOf(q)).toEqual(tasks);
  await q.run("job.cancel", { id: "a" });
  await q.run("job.remove", { id: "a" });
  await q.run("queue.purge", { states: ["running"] });
  await q.advance(1000);
  expect(await q.ids()).toEqual([]);
  expect([...q.store.tables.tasks.scan({})]).toEqual([]);
  expect(await bytes(q)).toBeLessThan(empty);
  expect(inAction).not.toBe("");
});

test("what does not fit a reply is left out, and had by asking for the task alone", async () => {
  const q = await openEngine({ config: {} });
  const args = Array.from({ length: limits.argumentsPerTaskMax }, () => "{{input.n}}");
  await q.run("plan.submit", planOf("p", args));
  const shown = async (length: number) => {
    const payload = JSON.stringify({ n: "x".repeat(length) });
    const id = await q.enqueue({ id: `a${length}`, plan: "p", payload });
    const [all] = await tasksOf(q, id);
    const [alone] = (await q.run("job.tasks", { id, task: 1 })).tasks;
    expect(alone?.args[99]).toBe("x".repeat(length));
    return [all?.args.length, all?.omitted];
  };
  expect(await shown(5_000)).toEqual([100, undefined]);
  expect(await shown(20_000)).toEqual([0, true]);
});

test("reports and a completion may come in one request", async () => {
  const q = await withJob();
  const { id, token } = await q.claimOne(able);
  const items = [
    { op: "task", id, token, task: 1, exitCode: 0 },
    { op: "task", id, token, task: 9, exitCode: 0 },
    { op: "task", id, token, task: 2, exitCode: 0 },
    { op: "complete", id, token },
  ] as const;
  const reply = await q.run("lease.settle", { items });
  expect(reply.items.map(({ ok }) => ok)).toEqual([true, false, true, true]);
  expect((await tasksOf(q)).map(({ status }) => status)).toEqual(["completed", "completed"]);
});
