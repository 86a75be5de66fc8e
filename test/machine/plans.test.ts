/** Plans: versions that never change, their use, and jobs that run one of them. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { able, act, allOf, planOf, planWith } from "./plan-rig.ts";

const submit = (q: Harness, ...args: Parameters<typeof planOf>) =>
  q.run("plan.submit", planOf(...args));
const planJob = (id: string, more: object = {}) => ({ id, plan: "p", payload: "null", ...more });

test("the first submission makes version 1, and creates the queue", async () => {
  const q = await openEngine();
  expect(await submit(q, "p", ["a"])).toMatchObject({ id: "p", version: 1, created: true });
  expect((await q.run("plan.get", { id: "p" })).plan).toMatchObject({
    id: "p",
    version: 1,
    latest: 1,
    parent: null,
    taskCount: 1,
    usage: { actions: 0, jobs: 0, openJobs: 0, lastUsedAt: null },
    plan: { plan_id: "p", tasks: [{ task_number: 1, command: "curl", args: ["a"] }] },
  });
});

test("a queue is not created by a plan where only PUT creates it", async () => {
  const q = await openEngine({ autoCreate: false });
  expect(await q.refused("plan.submit", planOf("p"))).toMatchObject({
    refusalCode: "queue_unknown",
  });
});

test("an equal plan makes no version; a plan that was there before the last one does", async () => {
  const q = await openEngine();
  await submit(q, "p", ["a"]);
  const index = q.store.last.index;
  expect(await submit(q, "p", ["a"])).toMatchObject({ version: 1, created: false });
  expect(q.store.last.index).toBe(index);
  expect(await submit(q, "p", ["b"])).toMatchObject({ version: 2, created: true });
  expect(await submit(q, "p", ["a"])).toMatchObject({ version: 3, created: true });
});

test("a plan shows its versions, newest first, each with the one that it took the place of", async () => {
  const q = await openEngine();
  for (const arg of ["a", "b", "c"]) {
    await submit(q, "p", [arg]);
    await q.advance(10);
  }
  const { plan } = await q.run("plan.get", { id: "p", version: 2 });
  expect(plan).toMatchObject({
    version: 2,
    latest: 3,
    parent: 1,
    plan: { tasks: [{ args: ["b"] }] },
  });
  expect(plan.lineage.map(({ version, parent }) => [version, parent])).toEqual([
    [3, 2],
    [2, 1],
    [1, null],
  ]);
  expect(plan.updatedAt - plan.createdAt).toBe(20);
  expect(await q.refused("plan.get", { id: "p", version: 4 })).toMatchObject({
    refusalCode: "plan_unknown",
    facts: { plan: "p", version: 4 },
  });
});

test("a plan shows the newest 100 of its versions", async () => {
  const q = await openEngine();
  for (let i = 0; i < limits.lineageShownMax + 5; i++) await submit(q, "p", [`${i}`]);
  const { lineage } = (await q.run("plan.get", { id: "p" })).plan;
  expect([lineage.length, lineage[0]?.version, lineage.at(-1)?.version]).toEqual([100, 105, 6]);
});

test("an old version still runs, and a job without a version runs the newest of its time", async () => {
  const q = await openEngine();
  await submit(q, "p", ["a"]);
  await q.enqueue(planJob("newest"));
  await submit(q, "p", ["b"]);
  await q.enqueue(planJob("old", { planVersion: 1 }));
  await q.enqueue(planJob("new"));
  const reply = await q.run("lease.claim", { ...able, max: 9 });
  expect(reply.jobs.map(({ id, planVersion }) => [id, planVersion])).toEqual([
    ["newest", 1],
    ["old", 1],
    ["new", 2],
  ]);
  expect(reply.plans).toMatchObject([
    { plan: "p", version: 1, body: { tasks: [{ args: ["a"] }] } },
    { plan: "p", version: 2, body: { tasks: [{ args: ["b"] }] } },
  ]);
});

test("a claim and a settlement with a claim name each plan once, and a claim of other jobs none", async () => {
  const q = await openEngine();
  await submit(q, "p");
  await act(q, ["1", "2", "3"]);
  await q.enqueue({ id: "plain" });
  const { jobs, plans } = await q.run("lease.claim", { ...able, max: 2 });
  expect([jobs.length, plans?.length]).toEqual([2, 1]);
  const items = jobs.map(({ id, token }) => ({ op: "complete" as const, id, token }));
  const settled = await q.run("lease.settle", { items, claim: able });
  expect((settled as never as { plans: unknown[] }).plans).toHaveLength(1);
  expect(await q.run("lease.claim", {})).not.toHaveProperty("plans");
});

test("a plan counts once for the size of a claim's reply", async () => {
  const q = await openEngine();
  const long = Array.from({ length: 14 }, () => "x".repeat(limits.argumentCharsMax));
  await submit(q, "p", long);
  await act(q, ["1", "2", "3", "4", "5", "6", "7", "8"]);
  expect(await q.claim({ ...able, max: 9 })).toHaveLength(8);
});

test("a plan's job is tried once unless the queue or the job say otherwise", async () => {
  const q = await openEngine({ config: {} });
  await submit(q, "p");
  await q.enqueue(planJob("once"));
  await q.enqueue(planJob("twice", { maxAttempts: 2 }));
  expect([(await q.job("once")).maxAttempts, (await q.job("twice")).maxAttempts]).toEqual([1, 2]);
  await q.run("queue.configure", { planMaxAttempts: 5 });
  expect((await q.job("once")).maxAttempts).toBe(5);
});

test("a plan's job requires the plan's commands and what was said, each once, and only who has all is given it", async () => {
  const q = await openEngine();
  const tasks = ["sort", "curl", "sort"].map((command, i) => ({ task_number: i + 1, command }));
  await q.run("plan.submit", planWith("p", tasks));
  await q.enqueue(planJob("a", { requires: ["curl", "gpu"] }));
  const { requires, kind } = await q.job("a");
  expect([kind, requires]).toEqual(["plan", ["curl", "gpu", "sort"]]);
  const capabilities = ["curl", "gpu", "sort"];
  expect(await q.claim({ kinds: ["plan"], capabilities: ["curl", "sort"] })).toEqual([]);
  expect(await q.claim({ kinds: ["payload"], capabilities })).toEqual([]);
  expect(await q.claim({ kinds: ["plan"], capabilities })).toHaveLength(1);
});

test("a job's input must have what the plan's arguments name", async () => {
  const q = await openEngine();
  await submit(q, "p", ["{{input.to}}"]);
  const payloads = ['{"to":1}', '{"at":1}', '{"to":[]}', "null"];
  const { results, refused } = await q.run("job.enqueue", {
    jobs: payloads.map((payload) => ({ plan: "p", payload })),
  });
  expect(refused).toBe(3);
  expect(results.map((each) => ("problem" in each ? each.problem.code : "taken"))).toEqual([
    "taken",
    "input_mismatch",
    "input_mismatch",
    "input_mismatch",
  ]);
  expect(results[1]).toMatchObject({
    problem: {
      status: 422,
      errors: [
        { pointer: "/payload", code: "input_mismatch", detail: expect.stringContaining("to") },
      ],
    },
  });
});

test("what a value makes of an argument is checked too: a NUL, and its length", async () => {
  const q = await openEngine();
  await submit(q, "p", ["{{input.a}}{{input.a}}"]);
  const code = async (a: string) => {
    const { results } = await q.run("job.enqueue", {
      jobs: [{ plan: "p", payload: JSON.stringify({ a }) }],
    });
    return results.map((each) => ("problem" in each ? each.problem.code : "taken")).join();
  };
  expect(await code("x".repeat(32_768))).toBe("taken");
  expect(await code("x".repeat(32_769))).toBe("input_mismatch");
  expect(await code("a\0")).toBe("input_mismatch");
});

test("a job of an unknown plan or version is refused by itself", async () => {
  const q = await openEngine();
  await submit(q, "p");
  const { results } = await q.run("job.enqueue", {
    jobs: [planJob("a", { plan: "q" }), planJob("b", { planVersion: 2 }), planJob("c")],
  });
  expect(results).toMatchObject([
    { problem: { code: "plan_unknown" } },
    { problem: { code: "plan_unknown" } },
    { id: "c" },
  ]);
});

test("a plan that has open jobs is not removed; once they have ended it is, with all of its versions", async () => {
  const q = await openEngine();
  await submit(q, "p", ["a"]);
  await submit(q, "p", ["b"]);
  await q.enqueue(planJob("old", { planVersion: 1 }));
  expect(await q.refused("plan.remove", { id: "p" })).toMatchObject({
    refusalCode: "plan_in_use",
    facts: { openJobs: 1 },
  });
  await q.run("job.cancel", { id: "old" });
  expect(await q.run("plan.remove", { id: "p" })).toMatchObject({ removed: true });
  for (const version of [undefined, 1, 2]) {
    const input = version === undefined ? { id: "p" } : { id: "p", version };
    expect(await q.refused("plan.get", input)).toMatchObject({ refusalCode: "plan_unknown" });
  }
  expect((await q.run("plan.list", {})).plans).toEqual([]);
  expect(await q.refused("plan.remove", { id: "p" })).toMatchObject({
    refusalCode: "plan_unknown",
  });
});

test("numbering goes on after a removal, so that an ended job never comes to run another plan", async () => {
  const q = await openEngine();
  await submit(q, "p", ["a"]);
  await q.enqueue(planJob("old"));
  await q.run("job.cancel", { id: "old" });
  await q.run("plan.remove", { id: "p" });
  await q.advance(10);
  expect(await submit(q, "p", ["a"])).toMatchObject({ version: 2, created: true });
  const { plan } = await q.run("plan.get", { id: "p" });
  expect(plan).toMatchObject({ parent: null, lineage: [{ version: 2, parent: null }] });
  expect(plan.createdAt).toBe(q.now);
  expect(await q.refused("job.retry", { id: "old" })).toMatchObject({
    refusalCode: "plan_unknown",
    facts: { plan: "p", version: 1 },
  });
  expect(await q.refused("job.tasks", { id: "old" })).toMatchObject({
    refusalCode: "plan_unknown",
  });
  const { operation } = await q.run("job.redrive", { states: ["cancelled"] });
  expect(operation).toMatchObject({ changed: 0, examined: 1 });
});

test("a plan that was never used is forgotten whole when it is removed", async () => {
  const q = await openEngine();
  await submit(q, "p", ["a"]);
  await q.run("plan.remove", { id: "p" });
  expect(await submit(q, "p", ["a"])).toMatchObject({ version: 1, created: true });
});

test("a plan has as many versions as it may, and then needs another id", async () => {
  const q = await openEngine();
  await submit(q, "p", ["a"]);
  await q.run("queue.checkpoint", {});
  q.sql.run(`UPDATE plans SET value = json_set(value, '$.latest', ${limits.planVersionsMax - 1})`);
  await q.crash();
  expect(await submit(q, "p", ["b"])).toMatchObject({ version: limits.planVersionsMax });
  expect(await submit(q, "p", ["b"])).toMatchObject({ created: false });
  expect(await q.refused("plan.submit", planOf("p", ["c"]))).toMatchObject({
    refusalCode: "plan_limit",
    facts: { latest: limits.planVersionsMax },
  });
});

test("the use of a plan counts jobs of all its versions: each once, and those that are open", async () => {
  const q = await openEngine();
  await submit(q, "p", ["a"]);
  await act(q, ["1", "2"]);
  await submit(q, "p", ["b"]);
  await q.advance(10);
  await q.enqueue(planJob("one", { maxAttempts: 2 }));
  const used = async () => (await q.run("plan.get", { id: "p" })).plan.usage;
  expect(await used()).toEqual({ actions: 1, jobs: 3, openJobs: 3, lastUsedAt: q.now });
  await q.run("job.cancel", { id: "one" });
  expect(await used()).toMatchObject({ jobs: 3, openJobs: 2 });
  await q.run("job.retry", { id: "one" });
  expect(await used()).toMatchObject({ jobs: 3, openJobs: 3 });
  await q.run("queue.purge", {});
  expect(await used()).toMatchObject({ jobs: 3, openJobs: 0 });
});

test("a plan's bytes count as the queue's, and one that does not fit is refused", async () => {
  const q = await openEngine({ config: { maxBytes: 300 } });
  const { body } = planOf("p", ["é"]);
  await submit(q, "p", ["é"]);
  const { jobBytes } = await q.run("queue.stats", {});
  expect(jobBytes).toBe(Buffer.byteLength(body));
  const large = planOf("p", ["x".repeat(300)]);
  expect(await q.refused("plan.submit", large)).toMatchObject({ refusalCode: "queue_full" });
  await q.run("plan.remove", { id: "p" });
  expect((await q.run("queue.stats", {})).jobBytes).toBe(0);
});

test("plans are listed by id, those that match, page by page", async () => {
  const q = await openEngine();
  for (const id of ["mail-2", "mail-1", "print", "mail-3"]) await submit(q, id);
  await q.run("plan.remove", { id: "mail-2" });
  for (const limit of [1, 2, 9]) {
    for (const match of ["mail-*", "[mn€]ail-?", "mail-[^2]", "[\nm]*"]) {
      const found = await allOf(async (after) => {
        const page = await q.run("plan.list", { match, limit, ...(after && { cursor: after }) });
        return { ...page, items: page.plans.map(({ id }) => id) };
      });
      expect(found.items).toEqual(["mail-1", "mail-3"]);
    }
  }
  const { cursor = "" } = await q.run("plan.list", { limit: 1 });
  for (const bad of [{ match: "*", cursor }, { cursor: "x" }, { cursor: "" }, { cursor: "é€" }]) {
    expect(await q.refused("plan.list", bad)).toMatchObject({ refusalCode: "cursor_invalid" });
  }
});

test("jobs are listed by their plan, in every order of jobs", async () => {
  const q = await openEngine();
  for (const id of ["p", "r"]) await submit(q, id);
  await q.enqueue(planJob("b"));
  await q.enqueue(planJob("x", { plan: "r" }));
  await q.enqueue(planJob("a"));
  await q.enqueue({ id: "plain" });
  const list = async (more: object) =>
    (await q.run("job.list", { plan: "p", ...more })).jobs.map(({ id }) => id);
  expect(await list({})).toEqual(["a", "b"]);
  expect(await list({ state: "ready" })).toEqual(["b", "a"]);
  expect(await list({ state: "failed" })).toEqual([]);
});

test("a repeated submission with its key gives the first answer, whatever was submitted since", async () => {
  const q = await openEngine();
  const key = { key: "k", bodyHash: "b" };
  const first = await q.answer("plan.submit", planOf("p", ["a"]), key);
  await submit(q, "p", ["b"]);
  await q.reopen();
  expect(await q.answer("plan.submit", planOf("p", ["a"]), key)).toEqual(first);
  expect((await q.run("plan.get", { id: "p" })).plan.latest).toBe(2);
});

test("a repeated claim shows the plans of the jobs that are held still, also when others are gone", async () => {
  const q = await openEngine();
  const key = { key: "k", bodyHash: "b" };
  for (const id of ["p", "r"]) await submit(q, id);
  for (const plan of ["p", "r"]) await q.enqueue(planJob(plan, { plan }));
  const { jobs } = await q.run("lease.claim", { ...able, max: 2 }, key);
  const settle = (id: string) =>
    q.settle({ op: "complete", id, token: jobs.find((job) => job.id === id)?.token ?? "" });
  await settle("p");
  await q.run("plan.remove", { id: "p" });
  const again = await q.run("lease.claim", { ...able, max: 2 }, key);
  expect([again.jobs.map(({ id }) => id), again.plans?.map(({ plan }) => plan)]).toEqual([
    ["r"],
    ["r"],
  ]);
  await settle("r");
  await q.run("plan.remove", { id: "r" });
  expect(await q.refused("lease.claim", { ...able, max: 2 }, key)).toMatchObject({
    refusalCode: "answer_gone",
  });
});
