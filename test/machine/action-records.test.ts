/** What is kept of actions, how long, and how a retry begins them again. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { exported, imported } from "../object/snapshot-rig.ts";
import { act, actionOf, allOf, finish, planOf } from "./plan-rig.ts";

async function withPlan(config = {}): Promise<Harness> {
  const q = await openEngine({ config });
  await q.run("plan.submit", planOf("p"));
  return q;
}

/** An action of which the first job has failed and the second is completed. */
async function failedAction(q: Harness, action: string): Promise<readonly string[]> {
  const jobs = await act(q, ["1", "2"], { action });
  await finish(q, "fail");
  await finish(q, "complete");
  return jobs;
}

const listOf = async (q: Harness, input: object) =>
  (await q.run("job.list", input)).jobs.map(({ id }) => id);

test("a retry begins an ended action again: its failed and expired jobs run, the others stay", async () => {
  const q = await withPlan();
  const jobs = await act(q, ["1", "2", "3", "4"], { action: "a", expiresAt: q.now + 5000 });
  await finish(q, "fail");
  await finish(q, "complete");
  await q.run("job.cancel", { id: jobs[2] ?? "" });
  expect(await q.run("action.retry", { id: "a" })).toMatchObject({
    changed: 1,
    action: { status: "running", round: 1 },
  });
  await finish(q, "complete");
  await finish(q, "fail");
  expect(await actionOf(q, "a")).toMatchObject({ status: "failed", round: 1 });
  const again = await q.run("action.retry", { id: "a" });
  expect(again).toMatchObject({ changed: 1, action: { status: "running", round: 2 } });
  expect(again.action).not.toHaveProperty("endedAt");
  expect(await listOf(q, { action: "a", state: "ready" })).toHaveLength(1);
  await finish(q, "complete");
  expect(await actionOf(q, "a")).toMatchObject({
    status: "cancelled",
    round: 2,
    counts: { completed: 3, cancelled: 1 },
  });
  expect(await q.run("action.retry", { id: "a" })).toMatchObject({ changed: 0 });
  expect(await q.refused("action.retry", { id: "b" })).toMatchObject({
    refusalCode: "action_unknown",
  });
});

test("a job that is past its deadline is not run again by its action's retry", async () => {
  const q = await withPlan();
  const jobs = await act(q, ["1", "2"], { action: "a", expiresAt: q.now + 5000 });
  await q.run("job.cancel", { id: jobs[0] ?? "" });
  await q.advance(5000);
  expect(await actionOf(q, "a")).toMatchObject({ status: "failed" });
  const index = q.store.last.index;
  expect(await q.run("action.retry", { id: "a" })).toMatchObject({
    changed: 0,
    action: { status: "failed", round: 1 },
  });
  expect(q.store.last.index).toBe(index);
});

test("a retry of one of its jobs, and a redrive, begin an ended action again too", async () => {
  const q = await withPlan();
  const [first = ""] = await failedAction(q, "a");
  await q.run("job.retry", { id: first });
  expect(await actionOf(q, "a")).toMatchObject({ status: "running", round: 2 });
  await finish(q, "fail");
  expect(await actionOf(q, "a")).toMatchObject({ status: "failed", round: 2 });
  await q.run("job.redrive", { ids: [first] });
  await finish(q, "fail");
  await q.run("job.redrive", {});
  expect(await actionOf(q, "a")).toMatchObject({ status: "running", round: 4 });
  await finish(q, "complete");
  expect(await actionOf(q, "a")).toMatchObject({ status: "completed", round: 4 });
});

test("an action whose plan is gone is not run again", async () => {
  const q = await withPlan();
  await failedAction(q, "a");
  await q.run("plan.remove", { id: "p" });
  expect(await q.refused("action.retry", { id: "a" })).toMatchObject({
    refusalCode: "plan_unknown",
  });
  await q.run("plan.submit", planOf("p"));
  expect(await q.refused("action.retry", { id: "a" })).toMatchObject({
    refusalCode: "plan_unknown",
    facts: { plan: "p", version: 1 },
  });
  expect(await actionOf(q, "a")).toMatchObject({ status: "failed", planVersion: 1 });
});

test("the jobs of a live action are not removed: not by age, not by count, not by a purge, not by DELETE", async () => {
  for (const none of [{ ageMs: 1000 }, { ageMs: 0 }, { count: 0 }]) {
    const q = await withPlan({ retention: { completed: none, cancelled: none } });
    const [first = "", second = "", third = ""] = await act(q, ["1", "2", "3"], { action: "a" });
    await finish(q, "complete");
    await q.run("job.cancel", { id: second });
    await q.advance(100_000);
    await q.run("queue.purge", { states: ["completed", "cancelled", "failed"] });
    expect(await q.refused("job.remove", { id: first })).toMatchObject({
      refusalCode: "job_state",
      facts: { id: first, state: "completed" },
    });
    expect(await q.ids()).toEqual([first, second, third]);
  }
});

test("what a purge must keep is cancelled, and its action hears of it", async () => {
  const q = await withPlan();
  const [first = "", second = ""] = await act(q, ["1", "2"], { action: "a" });
  await q.enqueue({ id: "single", plan: "p" });
  await finish(q, "complete");
  const { operation } = await q.run("queue.purge", {});
  expect(operation).toMatchObject({ changed: 2, examined: 2, status: "done" });
  expect(await q.ids()).toEqual([first, second]);
  expect(await q.job(second)).toMatchObject({ state: "cancelled", reason: "purged" });
  expect(await actionOf(q, "a")).toMatchObject({ status: "cancelled" });
});

test("the jobs of an ended action may be removed one by one, and its counters follow", async () => {
  const q = await withPlan();
  const [first = ""] = await failedAction(q, "a");
  await q.run("job.remove", { id: first });
  expect(await actionOf(q, "a")).toMatchObject({
    status: "failed",
    total: 2,
    counts: { failed: 0, completed: 1 },
  });
  await q.run("queue.purge", { states: ["completed"] });
  expect(await listOf(q, { action: "a" })).toEqual([]);
  expect(await actionOf(q, "a")).toMatchObject({ status: "failed", counts: { completed: 0 } });
  await q.advance(14 * 86_400_000);
  expect(await q.refused("action.get", { id: "a" })).toMatchObject({
    refusalCode: "action_unknown",
  });
});

test("an ended action goes whole when its time is over, whatever the age of its jobs", async () => {
  const q = await withPlan({ retention: { completed: { ageMs: 1000 }, failed: { ageMs: 5000 } } });
  const jobs = await failedAction(q, "a");
  await q.advance(4999);
  expect(await q.ids()).toEqual(jobs);
  await q.advance(1);
  expect(await q.ids()).toEqual([]);
  expect((await q.run("action.list", {})).actions).toEqual([]);
  expect((await q.run("queue.stats", {})).counts).toMatchObject({ completed: 0, failed: 0 });
});

test("an action that runs again is not forgotten, and its time counts from its new end", async () => {
  const q = await withPlan({ retention: { failed: { ageMs: 5000 } } });
  const jobs = await failedAction(q, "a");
  await q.advance(4000);
  await q.run("action.retry", { id: "a" });
  await q.advance(10_000);
  await finish(q, "fail");
  await q.advance(4999);
  expect(await q.ids()).toEqual(jobs);
  await q.advance(1);
  expect(await q.ids()).toEqual([]);
});

test("of more jobs of ended actions than may be kept the oldest action goes, and whole", async () => {
  const q = await withPlan({ retention: { cancelled: { count: 5 } } });
  for (const action of ["a", "b", "c"]) {
    await act(q, ["1", "2", "3"], { action });
    await q.run("action.cancel", { id: action });
    await q.advance(10);
  }
  expect((await q.run("action.list", {})).actions).toMatchObject([
    { id: "c", counts: { cancelled: 3 } },
  ]);
  expect(await q.ids()).toHaveLength(3);
});

test("jobs of live actions and jobs of no action do not crowd out ended actions, nor actions them", async () => {
  const q = await withPlan({ retention: { completed: { count: 2 } } });
  await act(q, ["1", "2", "3", "4"], { action: "live" });
  for (let i = 0; i < 3; i++) await finish(q, "complete");
  await act(q, ["1"], { action: "ended", priority: -1 });
  await finish(q, "complete");
  for (const id of ["x", "y", "z"]) {
    await q.enqueue({ id });
    const { token } = await q.claimOne();
    await q.settle({ op: "complete", id, token });
    await q.advance(10);
  }
  expect((await q.run("action.list", {})).actions.map(({ id }) => id)).toEqual(["ended", "live"]);
  expect((await q.ids("completed")).slice(-2)).toEqual(["y", "z"]);
  expect(await q.ids("completed")).toHaveLength(6);
});

test("an action of 1,000 jobs is forgotten in bounded steps, each job being read a few times at most", async () => {
  const q = await withPlan({ retention: { cancelled: { ageMs: 1000 } } });
  const inputs = Array.from({ length: 1000 }, (_, i) => `${i}`);
  for (const action of ["a", "b"]) {
    await act(q, inputs, { action });
    await q.run("action.cancel", { id: action });
  }
  await q.run("queue.checkpoint", {});
  await q.reopen();
  const { rowsRead } = q.sql.counts;
  const { index } = q.store.last;
  await q.advance(1000);
  expect(await q.ids()).toEqual([]);
  const removals = 2 * inputs.length + 2;
  expect(q.store.last.index - index).toBe(Math.ceil((2 * removals) / limits.sweepMax));
  expect(q.sql.counts.rowsRead - rowsRead).toBeLessThan(100_000);
});

test("ended jobs of actions and of none are listed in one order of ends, page by page", async () => {
  const q = await withPlan();
  const order: string[] = [];
  for (let i = 0; i < 4; i++) {
    const jobs = await act(q, ["1", "2"], {});
    for (const id of [jobs[1] ?? "", `z${i}`, jobs[0] ?? ""]) {
      if (id.startsWith("z")) await q.enqueue({ id });
      await q.run("job.cancel", { id });
      order.push(id);
      if (i !== 2) await q.advance(10);
    }
  }
  // What ended at one time is in the order of ids.
  order.splice(6, 4, ...order.slice(6, 10).sort());
  for (const limit of [1, 2, 5, 12]) {
    const found = await allOf(async (cursor) => {
      const more = cursor === undefined ? {} : { cursor };
      const page = await q.run("job.list", { state: "cancelled", limit, ...more });
      return { ...page, items: page.jobs.map(({ id }) => id) };
    });
    expect(found.items).toEqual(order);
  }
  const { operation } = await q.run("job.redrive", { states: ["cancelled"] });
  expect(operation).toMatchObject({ changed: 12, examined: 12 });
});

test("the jobs of an action are listed in the order of its inputs, also those of one state, page by page", async () => {
  const q = await withPlan();
  await q.enqueue({ id: "before" });
  const jobs = await act(q, ["1", "2", "3", "4", "5"], { action: "a" });
  await act(q, ["1"], { action: "b" });
  for (const i of [3, 0]) await q.run("job.cancel", { id: jobs[i] ?? "" });
  const list = (state: object, limit: number) =>
    allOf(async (cursor) => {
      const more = cursor === undefined ? {} : { cursor };
      const page = await q.run("job.list", { action: "a", limit, ...state, ...more });
      return { ...page, items: page.jobs.map(({ id }) => jobs.indexOf(id)) };
    });
  for (const limit of [1, 2, 5]) {
    expect((await list({}, limit)).items).toEqual([0, 1, 2, 3, 4]);
    expect((await list({ state: "cancelled" }, limit)).items).toEqual([0, 3]);
    expect((await list({ state: "ready" }, limit)).items).toEqual([1, 2, 4]);
  }
  expect(await listOf(q, { action: "unknown" })).toEqual([]);
  expect(await listOf(q, { action: "a", plan: "r" })).toEqual([]);
});

test("a job that was given an id between those of an imported action is none of its jobs", async () => {
  const source = await withPlan();
  const jobs = await act(source, ["1", "2"], { action: "a" });
  const q = await openEngine();
  await q.enqueue();
  await q.run("queue.delete", { force: "true" });
  await imported(q, await exported(source));
  const between = `${jobs[0]}x`;
  await q.enqueue({ id: between });
  expect(await listOf(q, { action: "a" })).toEqual(jobs);
  expect(await q.run("action.cancel", { id: "a" })).toMatchObject({ changed: 2 });
  expect(await q.job(between)).toMatchObject({ state: "ready" });
  await q.advance(86_400_000);
  expect(await q.ids()).toEqual([between]);
});

test("an action of which a job is waited for is kept for as long, and its retention begins then", async () => {
  const q = await withPlan({ retention: { completed: { ageMs: 1000 } } });
  const [parent = ""] = await act(q, ["1"], { action: "a" });
  await q.enqueue({ id: "open", delayMs: 60_000 });
  await q.enqueue({ id: "child", after: [{ id: parent }, { id: "open" }] });
  await finish(q, "complete");
  await q.advance(2000);
  expect(await actionOf(q, "a")).toMatchObject({ status: "completed" });
  await q.run("job.cancel", { id: "child" });
  await q.advance(999);
  expect(await actionOf(q, "a")).toMatchObject({ status: "completed" });
  await q.advance(1);
  expect(await q.refused("action.get", { id: "a" })).toMatchObject({
    refusalCode: "action_unknown",
  });
});
