/**
 * The client's plans, actions, tasks and workers against a real server.
 * Invariant: each method reaches its command and gives back what the command answers, and writes have one effect.
 */
import { describe, expect, test } from "vitest";
import type { Plan, Queue } from "../../src/client/index.ts";
import { cutAfter } from "./flaky-proxy.ts";
import { rig } from "./rig.ts";
import { TestClock } from "./test-clock.ts";

const at = rig();

const greet: Plan = {
  plan_id: "greet",
  plan_description: "says hello",
  tasks: [
    { task_number: 1, command: "echo", args: ["hello {{input.to}}"] },
    { task_number: 2, command: "cat", input_from_task: 1, timeout_secs: 5 },
  ],
};
const able = { kinds: ["plan" as const], capabilities: ["cat", "echo"] };
/** Short waits between attempts pass at once. */
const impatient = () => new TestClock({ skipMs: 6_000 });

async function withPlan<Payload = unknown>(clock?: TestClock): Promise<Queue<Payload>> {
  const queue = at.queue<Payload>(clock);
  await queue.plans.submit(greet);
  return queue;
}

describe("plans", () => {
  test("are submitted in versions, read, listed and removed", async () => {
    const { plans } = at.queue();
    expect(await plans.submit(greet)).toEqual({ id: "greet", version: 1, created: true });
    expect(await plans.submit(greet)).toEqual({ id: "greet", version: 1, created: false });
    const { plan_description: _, ...shorter } = greet;
    expect((await plans.submit(shorter)).version).toBe(2);
    expect(await plans.get("greet", 1)).toMatchObject({ version: 1, latest: 2, plan: greet });
    expect((await plans.get("greet")).plan).toEqual(shorter);
    await plans.submit({ ...greet, plan_id: "other" });
    const page = await plans.list({ match: "[fg]*", limit: 1 });
    expect(page).toMatchObject({ plans: [{ id: "greet", version: 2, taskCount: 2 }] });
    await plans.remove("greet");
    await expect(plans.get("greet")).rejects.toMatchObject({ code: "plan_unknown" });
    expect((await plans.list()).plans.map(({ id }) => id)).toEqual(["other"]);
  });

  test("whose answer was lost are submitted once", async () => {
    const { plans } = at.queue(impatient());
    at.proxy.next(cutAfter);
    expect(await plans.submit(greet)).toEqual({ id: "greet", version: 1, created: true });
    const keys = at.proxy.seen.map(({ key }) => key);
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
  });
});

describe("jobs of plans", () => {
  test("are enqueued with the others, and refused by themselves", async () => {
    const queue = await withPlan();
    const { id } = await queue.enqueue({ to: "ada" }, { plan: "greet" });
    expect(await queue.get(id)).toMatchObject({ kind: "plan", plan: "greet", planVersion: 1 });
    const outcomes = await queue.enqueueMany([
      { payload: { to: "bob" }, plan: "greet", planVersion: 1 },
      { payload: 7, plan: "greet" },
      { payload: 1, planVersion: 2 },
      { payload: 1 },
    ]);
    expect(outcomes).toMatchObject([
      {},
      { error: { code: "input_mismatch" } },
      { error: { code: "input_invalid" } },
      {},
    ]);
  });

  test("are claimed with the tasks of their plan, also by a settlement", async () => {
    const queue = await withPlan<{ to: string } | number>();
    await queue.plans.submit({ ...greet, tasks: greet.tasks.slice(0, 1) });
    await queue.enqueue({ to: "ada" }, { plan: "greet", planVersion: 1 });
    await queue.enqueue(1);
    await queue.enqueue({ to: "bob" }, { plan: "greet" });
    await queue.enqueue({ to: "eve" }, { plan: "greet" });
    const both = { ...able, kinds: ["payload" as const, "plan" as const] };
    const claimed = await queue.claim({ ...both, max: 3 });
    expect(claimed).not.toHaveProperty("plans");
    const [first, second, third] = claimed.jobs;
    expect(first).toMatchObject({ plan: "greet", planVersion: 1, payload: { to: "ada" } });
    expect(first?.tasks).toEqual(greet.tasks);
    expect(second).not.toHaveProperty("tasks");
    expect(third?.tasks).toEqual(greet.tasks.slice(0, 1));
    const { id = "", token = "" } = second ?? {};
    const settled = await queue.settle([{ op: "complete", id, token }], both);
    expect(settled).not.toHaveProperty("plans");
    expect(settled.jobs).toMatchObject([{ payload: { to: "eve" }, planVersion: 2 }]);
    expect(settled.jobs?.[0]?.tasks).toHaveLength(1);
  });

  test("have tasks, which are reported and read while they run", async () => {
    const queue = await withPlan();
    const { id } = await queue.enqueue({ to: "ada" }, { plan: "greet" });
    const [job] = (await queue.claim(able)).jobs;
    const { token = "" } = job ?? {};
    const { items } = await queue.settle([
      { op: "task", id, token, task: 1, exitCode: 0, stdout: "hello ada\n" },
      { op: "task", id, token, task: 3 },
    ]);
    expect(items).toMatchObject([{ ok: true }, { ok: false, problem: { code: "task_unknown" } }]);
    expect(await queue.tasks(id)).toMatchObject({
      plan: "greet",
      planVersion: 1,
      run: 1,
      delivery: 1,
      tasks: [
        { task: 1, args: ["hello ada"], status: "completed", stdout: "hello ada\n" },
        { task: 2, status: "waiting" },
      ],
    });
    expect(await queue.tasks(id)).not.toHaveProperty("now");
  });
});

describe("actions", () => {
  test("are submitted, read, listed, cancelled and run again", async () => {
    const queue = await withPlan();
    const inputs = [{ to: "ada" }, { to: "bob" }];
    const options = { action: "a", labels: { for: "test" }, priority: -1 };
    const { action, jobs } = await queue.actions.submit("greet", inputs, options);
    expect(action).toMatchObject({ id: "a", plan: "greet", status: "running", total: 2 });
    const listed = await Array.fromAsync(queue.jobs({ action: "a", include: "payload" }));
    expect(listed.map((each) => each.id)).toEqual(jobs);
    expect(listed).toMatchObject(inputs.map((payload) => ({ payload, priority: -1 })));
    expect(await queue.actions.submit("greet", inputs, options)).toMatchObject({
      deduplicated: true,
      jobs,
    });
    const [job] = (await queue.claim(able)).jobs;
    const { id = "", token = "" } = job ?? {};
    await queue.settle([{ op: "fail", id, token, error: "no" }]);
    expect(await queue.actions.cancel("a", "why")).toMatchObject({
      changed: 1,
      action: { status: "failed" },
    });
    expect(await queue.actions.list({ status: "failed", plan: "greet" })).toMatchObject({
      actions: [{ id: "a" }],
    });
    expect(await queue.actions.retry("a")).toMatchObject({ changed: 1, action: { round: 2 } });
    expect(await queue.actions.get("a")).toMatchObject({ counts: { ready: 1, cancelled: 1 } });
  });

  test("without inputs are one job, and without their plan are refused", async () => {
    const queue = at.queue();
    await queue.plans.submit({ plan_id: "p", tasks: [{ task_number: 1, command: "ls" }] });
    const { jobs } = await queue.actions.submit("p");
    expect(jobs).toHaveLength(1);
    await expect(queue.actions.submit("none")).rejects.toMatchObject({ code: "plan_unknown" });
    await expect(queue.actions.get("none")).rejects.toMatchObject({ code: "action_unknown" });
  });

  test("whose answer was lost are submitted once", async () => {
    const queue = await withPlan(impatient());
    at.proxy.next(cutAfter);
    const { action } = await queue.actions.submit("greet", [{ to: "ada" }]);
    const { actions } = await queue.actions.list();
    expect(actions.map(({ id }) => id)).toEqual([action.id]);
  });
});

describe("workers", () => {
  test("are registered, heard of, listed, drained and removed", async () => {
    const { workers } = at.queue();
    const said = { ...able, slots: 2, ttlMs: 60_000, info: "v1" };
    const name = "w:1@host";
    expect(await workers.register(name, said)).toMatchObject({
      worker: { name, state: "alive", ...said },
      jobs: [],
    });
    expect(await workers.heartbeat(name)).toMatchObject({ worker: { running: 0 } });
    expect(await workers.drain(name)).toMatchObject({ worker: { state: "draining" } });
    expect(await workers.list({ state: "draining" })).toMatchObject({ workers: [{ name }] });
    expect(await workers.get(name)).not.toHaveProperty("now");
    expect(await workers.remove(name)).toBe(0);
    await expect(workers.heartbeat(name)).rejects.toMatchObject({ code: "worker_unknown" });
  });

  test("die by silence, and their leases with them, and are revived by a sign of life", async () => {
    const own = at.direct(at.queue());
    const { workers } = own;
    const name = "silent";
    await workers.register(name, { ttlMs: 1_000 });
    const { id } = await own.enqueue(1);
    await own.claim({ worker: name, leaseMs: 60_000 });
    while ((await own.get(id)).state === "running");
    const job = await own.get(id);
    expect(job).toMatchObject({ state: "ready", reason: "worker_died", attempt: 2 });
    expect(job.attempts).toMatchObject([{ outcome: "worker_died", worker: name }]);
    expect(await workers.get(name)).toMatchObject({ worker: { state: "dead", running: 0 } });
    expect(await own.claim({ worker: name })).toMatchObject({ jobs: [{ id }] });
    expect(await workers.get(name)).toMatchObject({ worker: { state: "alive", running: 1 } });
  });
});
