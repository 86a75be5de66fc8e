/** Actions: one plan on many inputs, taken whole, and their status through every way in which their jobs can end. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { able, act, actionOf, allOf, finish, planOf } from "./plan-rig.ts";

const noBackoff = { backoff: { kind: "fixed", delayMs: 0, jitter: "none" } } as const;

/** A queue with plan `p`. */
async function withPlan(config = {}, ...args: string[][]): Promise<Harness> {
  const q = await openEngine({ config });
  await q.run("plan.submit", planOf("p", ...args));
  return q;
}

test("an action is one job for each input, in their order, beside its own record", async () => {
  const q = await withPlan({}, ["{{input.n}}"]);
  const inputs = ['{"n":12345678901234567890}', '{"n":2}', '{"n":3}'];
  const { action, jobs } = await q.run("action.submit", { id: "p", inputs });
  expect(action).toEqual({
    id: "q0000000-001-ac0000001",
    plan: "p",
    planVersion: 1,
    status: "running",
    round: 1,
    total: 3,
    counts: expect.objectContaining({ ready: 3, running: 0, completed: 0 }),
    createdAt: q.now,
  });
  const first = await q.answer("job.get", { id: jobs[0] ?? "" });
  expect("reply" in first && first.reply).toContain('"payload":{"n":12345678901234567890}');
  expect(await q.job(jobs[2] ?? "")).toMatchObject({ action: action.id, inputIndex: 2, plan: "p" });
  const list = await q.run("job.list", { action: action.id, include: "payload" });
  expect(list.jobs.map(({ id, inputIndex }) => [id, inputIndex])).toEqual(
    jobs.map((id, index) => [id, index]),
  );
});

test("without inputs it is one job, whose input is null", async () => {
  const q = await withPlan();
  const [id = ""] = await act(q, [], { action: "a" });
  expect(await q.job(id)).toMatchObject({ payload: null, inputIndex: 0 });
  expect(await actionOf(q, "a")).toMatchObject({ total: 1 });
});

test("an input that the plan cannot run refuses the whole action, with the places of the first ten", async () => {
  const q = await withPlan({}, ["{{input.n}}"]);
  const index = q.store.last.index;
  const inputs = ['{"n":1}', ...Array.from({ length: 12 }, () => "{}"), '{"n":2}'];
  const refusal = await q.refused("action.submit", { id: "p", inputs });
  expect(refusal.refusalCode).toBe("input_mismatch");
  expect(refusal.errors?.map(({ pointer }) => pointer)).toEqual(
    Array.from({ length: 10 }, (_, i) => `/inputs/${i + 1}`),
  );
  expect(q.store.last.index).toBe(index);
  expect((await q.run("action.list", {})).actions).toEqual([]);
});

test("an action that does not fit is refused whole", async () => {
  const q = await withPlan({ maxJobs: 2 });
  const three = { id: "p", inputs: ["1", "2", "3"] };
  expect(await q.refused("action.submit", three)).toMatchObject({ refusalCode: "queue_full" });
  await q.run("queue.configure", { maxJobs: 100, maxBytes: 100 });
  const long = { id: "p", inputs: [`"${"x".repeat(50)}"`, `"${"y".repeat(50)}"`] };
  expect(await q.refused("action.submit", long)).toMatchObject({ refusalCode: "queue_full" });
  expect(await q.ids()).toEqual([]);
});

test("the largest action fits an entry, whatever it says of its jobs", async () => {
  const q = await withPlan();
  const labels = Object.fromEntries(
    Array.from({ length: limits.labelsPerJobMax }, (_, i) => [`label-${i}`, "x".repeat(256)]),
  );
  const requires = Array.from({ length: limits.requiresPerJobMax }, (_, i) => `${i}`.repeat(100));
  const inputs = Array.from({ length: limits.jobsPerEnqueueMax }, () => `"${"x".repeat(1000)}"`);
  const said = { labels, requires: requires.sort(), action: "a".repeat(64) };
  expect(await act(q, inputs, said)).toHaveLength(1000);
  await q.reopen();
  expect(await actionOf(q, "a".repeat(64))).toMatchObject({ counts: { ready: 1000 } });
});

test("an action's id with the same content is the first answer, with other content it is taken", async () => {
  const q = await withPlan();
  await q.run("plan.submit", planOf("r"));
  const input = { id: "p", action: "a", inputs: ["1", "2"], fingerprint: "f" };
  const first = await q.run("action.submit", input);
  await finish(q, "complete");
  const again = await q.run("action.submit", input);
  expect(again).toMatchObject({ jobs: first.jobs, deduplicated: true, action: { total: 2 } });
  for (const other of [{ fingerprint: "g" }, { id: "r" }]) {
    expect(await q.refused("action.submit", { ...input, ...other })).toMatchObject({
      refusalCode: "action_exists",
      facts: { id: "a" },
    });
  }
  expect(await q.ids()).toHaveLength(2);
});

test("ids of the queue's own kind cannot be chosen for an action", async () => {
  const q = await withPlan();
  const input = { id: "p", action: "q0000000-x", inputs: [], fingerprint: "f" };
  expect(await q.refused("action.submit", input)).toMatchObject({ refusalCode: "action_exists" });
});

test("what an action says holds for each of its jobs: delay, priority, labels, requirements, attempts, lives", async () => {
  const q = await withPlan();
  const said = {
    priority: -3,
    labels: { customer: "7" },
    maxAttempts: 4,
    leaseMs: 5000,
    maxRunMs: 9000,
    ttlMs: 60_000,
    expiresAt: START + 90_000,
  };
  const jobs = await act(q, ["1", "2"], { ...said, requires: ["gpu"], delayMs: 2000 });
  for (const id of jobs) {
    expect(await q.job(id)).toMatchObject({
      ...said,
      requires: ["curl", "gpu"],
      state: "scheduled",
      runAt: q.now + 2000,
    });
  }
  await q.advance(2000);
  expect(await q.ids("ready")).toEqual(jobs);
  const [past = ""] = await act(q, ["1"], { runAt: START });
  expect(await q.job(past)).toMatchObject({ state: "ready" });
});

/** Ways in which an action's one job can end: what is done, and the status that follows. */
const ends: Record<string, [string, object, (q: Harness, job: string) => Promise<unknown>]> = {
  completed: ["completed", {}, (q) => finish(q, "complete")],
  failed: ["failed", {}, (q) => finish(q, "fail")],
  "the end of its lease": [
    "failed",
    {},
    async (q) => {
      await q.claimOne(able);
      await q.advance(30_000);
    },
  ],
  "a completion that was late": [
    "completed",
    { maxAttempts: 2 },
    async (q, id) => {
      const { token } = await q.claimOne(able);
      await q.advance(30_000);
      expect(await q.settle({ op: "complete", id, token })).toMatchObject({ late: true });
    },
  ],
  "its time to live": ["failed", { ttlMs: 1000 }, (q) => q.advance(1000)],
  "its deadline": ["failed", { expiresAt: START + 1000 }, (q) => q.advance(1000)],
  "its cancellation": ["cancelled", {}, (q, id) => q.run("job.cancel", { id })],
  "a purge": ["cancelled", {}, (q) => q.run("queue.purge", {})],
  "a purge while it runs": [
    "cancelled",
    {},
    async (q) => {
      await q.claimOne(able);
      await q.run("queue.purge", { states: ["running"] });
    },
  ],
  "the limit of deliveries": [
    "failed",
    {},
    async (q) => {
      await q.run("queue.configure", { maxDeliveries: 1 });
      await finish(q, "release");
      expect(await q.claim(able)).toEqual([]);
    },
  ],
  "the death of its worker": [
    "failed",
    {},
    async (q) => {
      await q.run("worker.register", { id: "w", ttlMs: 2000 });
      await q.claimOne({ ...able, worker: "w" });
      await q.advance(3000);
    },
  ],
};

test.each(Object.entries(ends))("an action ends by %s of its last job", async (_, way) => {
  const [status, options, live] = way;
  const q = await withPlan();
  const [job = ""] = await act(q, ["1"], { action: "a", ...options });
  expect(await actionOf(q, "a")).toMatchObject({ status: "running" });
  await live(q, job);
  const action = await actionOf(q, "a");
  expect(action).toMatchObject({ status, endedAt: (await q.job(job)).endedAt });
  await q.reopen();
  expect(await actionOf(q, "a")).toEqual(action);
});

test("an action is failed if a job failed or expired, else cancelled if one was, else completed", async () => {
  const q = await withPlan({ ...noBackoff });
  const statusOf = async (action: string, ops: readonly ("complete" | "fail" | "cancel")[]) => {
    const jobs = await act(
      q,
      ops.map(String).map((op) => `"${op}"`),
      { action },
    );
    for (const [i, op] of ops.entries()) {
      expect((await actionOf(q, action)).status).toBe("running");
      if (op === "cancel") await q.run("job.cancel", { id: jobs[i] ?? "" });
      else expect(await finish(q, op)).toBe(jobs[i]);
    }
    return (await actionOf(q, action)).status;
  };
  expect(await statusOf("a", ["complete", "complete"])).toBe("completed");
  expect(await statusOf("b", ["complete", "cancel"])).toBe("cancelled");
  expect(await statusOf("c", ["cancel", "fail", "complete"])).toBe("failed");
});

test("a failed attempt that is followed by another does not end an action", async () => {
  const q = await withPlan({ ...noBackoff });
  await act(q, ["1"], { action: "a", maxAttempts: 2 });
  await finish(q, "fail");
  expect(await actionOf(q, "a")).toMatchObject({ status: "running", counts: { ready: 1 } });
  await finish(q, "fail");
  expect(await actionOf(q, "a")).toMatchObject({ status: "failed", counts: { failed: 1 } });
});

test("cancelling an action cancels its open jobs, with the reason, and leaves the rest as it is", async () => {
  const q = await withPlan();
  const jobs = await act(q, ["1", "2", "3"], { action: "a" });
  await finish(q, "complete");
  const { token, id } = await q.claimOne(able);
  const reply = await q.run("action.cancel", { id: "a", reason: "enough" });
  expect(reply).toMatchObject({ changed: 2, action: { status: "cancelled" } });
  expect(await q.job(jobs[2] ?? "")).toMatchObject({ state: "cancelled", reason: "enough" });
  expect(await q.settle({ op: "complete", id, token })).toMatchObject({ code: "job_cancelled" });
  expect(await q.run("action.cancel", { id: "a" })).toMatchObject({ changed: 0 });
  expect(await q.refused("action.cancel", { id: "b" })).toMatchObject({
    refusalCode: "action_unknown",
  });
});

test("an action is cancelled as of now: a job whose life is over has expired", async () => {
  const q = await withPlan();
  await act(q, ["1"], { action: "a", ttlMs: 1000 });
  q.now += 1000;
  const reply = await q.run("action.cancel", { id: "a" });
  expect(reply).toMatchObject({ changed: 0, action: { status: "failed", counts: { expired: 1 } } });
});

test("actions are listed by id, those of a status and a plan, page by page", async () => {
  const q = await withPlan();
  await q.run("plan.submit", planOf("r"));
  for (const [action, plan] of [
    ["c", "p"],
    ["a", "p"],
    ["d", "r"],
    ["b", "p"],
  ] as const) {
    await act(q, ["1"], { action, id: plan });
  }
  await q.run("action.cancel", { id: "b" });
  const list = async (filter: object) => {
    const pages = [1, 2, 9].map((limit) =>
      allOf(async (after) => {
        const page = await q.run("action.list", {
          ...filter,
          limit,
          ...(after && { cursor: after }),
        });
        return { ...page, items: page.actions.map(({ id }) => id) };
      }),
    );
    const [one = { items: [] }, ...more] = await Promise.all(pages);
    for (const each of more) expect(each.items).toEqual(one.items);
    return one.items.join("");
  };
  expect(await list({})).toBe("abcd");
  expect(await list({ status: "running" })).toBe("acd");
  expect(await list({ status: "cancelled" })).toBe("b");
  expect(await list({ plan: "p" })).toBe("abc");
  expect(await list({ plan: "r", status: "failed" })).toBe("");
  const { cursor = "" } = await q.run("action.list", { limit: 1 });
  const filters = [{ plan: "p" }, { status: "running" as const }, { plan: "running" }];
  for (const filter of filters) {
    expect(await q.refused("action.list", { ...filter, cursor })).toMatchObject({
      refusalCode: "cursor_invalid",
    });
  }
});

test("a repeated submission or cancellation with its key gives the first answer", async () => {
  const q = await withPlan();
  const key = { key: "k", bodyHash: "b" };
  const first = await q.answer("action.submit", { id: "p", inputs: ["1", "2"] }, key);
  const cancel = { key: "c", bodyHash: "b" };
  const id = "q0000000-001-ac0000001";
  const cancelled = await q.answer("action.cancel", { id }, cancel);
  await q.run("queue.checkpoint", {});
  await q.reopen();
  expect(await q.answer("action.submit", { id: "p", inputs: ["1", "2"] }, key)).toEqual(first);
  await q.run("job.retry", { id: (await q.ids())[0] ?? "" });
  expect(await q.answer("action.cancel", { id }, cancel)).toEqual(cancelled);
  expect(await actionOf(q, id)).toMatchObject({ status: "running" });
  expect(await q.ids()).toHaveLength(2);
});
