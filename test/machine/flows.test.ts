/** Jobs that wait for others: when they go on, what becomes of them when one does not complete, and who is kept for whom. */
import { expect, test, vi } from "vitest";
import { after as afterSchema, type ParentPolicy } from "../../src/contract/flows.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { end, enqueueAll, enqueueMany, forGood, idsOf, take, tryEnqueue } from "./flow-rig.ts";

const after = (...ids: readonly string[]) => ({ after: ids.map((id) => ({ id })) });
const stateOf = async (q: Harness, id: string) => (await q.job(id)).state;

/** A queue with job `p`, and `c` which waits for it. */
async function pair(onFail?: ParentPolicy, options: object = {}): Promise<Harness> {
  const q = await openEngine();
  await enqueueAll(q, [
    { id: "p", expiresAt: START + 3_600_000 },
    { id: "c", after: [onFail === undefined ? { id: "p" } : { id: "p", onFail }], ...options },
  ]);
  return q;
}

/** Ways in which `p` ends without being completed. */
const unwell: readonly (readonly [string, (q: Harness) => Promise<unknown>])[] = [
  ["failed", (q) => end(q, "p", forGood)],
  ["cancelled", (q) => q.run("job.cancel", { id: "p" })],
  ["expired", (q) => q.advance(3_600_000)],
  ["purged", (q) => q.run("queue.purge", { states: ["ready"] })],
];

test("a job is blocked until all that it waits for have completed", async () => {
  const q = await openEngine();
  await enqueueAll(q, [{ id: "a" }, { id: "b" }, { id: "c", ...after("a", "b") }]);
  expect(await q.job("c")).toMatchObject({ state: "blocked", pending: 2, ...after("a", "b") });
  await end(q, "a");
  expect(await q.job("c")).toMatchObject({ state: "blocked", pending: 1 });
  await end(q, "b");
  expect(await q.job("c")).toMatchObject({ state: "ready", readyAt: START });
  expect(await q.job("c")).not.toHaveProperty("pending");
  expect(await q.claimOne()).toMatchObject({ id: "c", parents: 2 });
});

test("it takes its place when the last one has ended, behind those that were ready before", async () => {
  const q = await pair();
  await q.enqueue({ id: "z" });
  await q.advance(1);
  await end(q, "p");
  await end(q, "z");
  expect(await take(q)).toEqual(["c"]);
});

test("where its due time is yet to come it is scheduled, and ready then; a due time that is over is none", async () => {
  const q = await pair(undefined, { delayMs: 5000 });
  await q.enqueue({ id: "d", delayMs: 1000, ...after("p") });
  await q.advance(1000);
  await end(q, "p");
  expect(await q.job("c")).toMatchObject({ state: "scheduled", runAt: START + 5000 });
  expect(await q.job("d")).toMatchObject({ state: "ready", readyAt: START + 1000 });
  await q.advance(3999);
  expect(await stateOf(q, "c")).toBe("scheduled");
  await q.advance(1);
  expect(await stateOf(q, "c")).toBe("ready");
});

test("its time to live begins when it is ready; its deadline does not wait", async () => {
  const q = await pair(undefined, { ttlMs: 1000 });
  await q.enqueue({ id: "d", expiresAt: START + 500, ...after("p") });
  await q.advance(500);
  expect(await q.job("d")).toMatchObject({ state: "expired", reason: "deadline" });
  await q.advance(5000);
  await end(q, "p");
  await q.advance(999);
  expect(await stateOf(q, "c")).toBe("ready");
  await q.advance(1);
  expect(await q.job("c")).toMatchObject({ state: "expired", reason: "ttl" });
});

test.each(unwell)(
  "when one that it waits for is %s, it fails, unless it says otherwise",
  async (how, ends) => {
    for (const policy of [undefined, "fail"] as const) {
      const q = await pair(policy);
      await ends(q);
      const parent = how === "purged" ? "cancelled" : how;
      expect(await q.job("c")).toMatchObject({
        ...{ state: "failed", reason: "parent_failed", error: `job p is ${parent}` },
      });
    }
  },
);

test.each(unwell)(
  "when one that it waits for is %s, it is cancelled where it says so",
  async (_, ends) => {
    const q = await pair("cancel");
    await ends(q);
    expect(await q.job("c")).toMatchObject({ state: "cancelled", reason: "parent_failed" });
  },
);

test.each(unwell)(
  "when one that it waits for is %s, it goes on where it says so",
  async (_, ends) => {
    const q = await pair("continue");
    await ends(q);
    expect(await take(q)).toEqual(["c"]);
  },
);

test("each edge has a policy of its own", async () => {
  const q = await openEngine();
  const edges = [
    { id: "a", onFail: "continue" as const },
    { id: "b", onFail: "cancel" as const },
  ];
  await enqueueAll(q, [
    { id: "a" },
    { id: "b" },
    { id: "x", after: edges },
    { id: "y", after: edges },
  ]);
  await end(q, "a", forGood);
  expect(await stateOf(q, "x")).toBe("blocked");
  await end(q, "b", forGood);
  expect(await stateOf(q, "x")).toBe("cancelled");
  expect(await stateOf(q, "y")).toBe("cancelled");
});

test("a failure that is tried again ends nothing", async () => {
  const q = await pair();
  await end(q, "p", { op: "fail", error: "no", delayMs: 1000 });
  expect(await stateOf(q, "c")).toBe("blocked");
  await q.advance(1000);
  await end(q, "p");
  expect(await take(q)).toEqual(["c"]);
});

test("one that ends does not wait for its others, and those that wait for it hear of it at once", async () => {
  const q = await openEngine();
  await enqueueAll(q, [
    { id: "a" },
    { id: "slow", delayMs: 60_000 },
    { id: "b", ...after("a", "slow") },
    { id: "c", ...after("b") },
    { id: "d", after: [{ id: "c", onFail: "cancel" }] },
    { id: "e", after: [{ id: "d", onFail: "continue" }] },
  ]);
  await end(q, "a", forGood);
  const states = await Promise.all(["b", "c", "d", "e"].map((id) => stateOf(q, id)));
  expect(states).toEqual(["failed", "failed", "cancelled", "ready"]);
});

test("a job that waits for an unknown one is refused for itself, and so is one that waits for that", async () => {
  const q = await openEngine({ config: {} });
  const { results, refused } = await q.run("job.enqueue", {
    jobs: [
      { payload: "1", id: "a", ...after("nobody") },
      { payload: "1", id: "b" },
      { payload: "1", id: "c", ...after("b", "a") },
    ],
  });
  expect(refused).toBe(2);
  expect(results).toMatchObject([
    { problem: { code: "parent_unknown", status: 422, parent: "nobody" } },
    { id: "b" },
    { problem: { code: "parent_unknown", parent: "a" } },
  ]);
  expect(await q.ids()).toEqual(["b"]);
});

test("a job that waits for one of its request that was refused is refused, though another job with that id is there", async () => {
  const q = await openEngine({ config: {} });
  await q.enqueue({ id: "p", fingerprint: "x" });
  await end(q, "p");
  const second = { id: "p", fingerprint: "y" };
  const unknown = { code: "parent_unknown" };
  expect(await enqueueAll(q, [{ id: "c", ...after("p") }, second])).toEqual([
    unknown,
    { code: "job_exists" },
  ]);
  const again = await enqueueAll(q, [
    { id: "p", fingerprint: "x" },
    second,
    { id: "c", ...after("p") },
  ]);
  expect(again).toEqual([{ id: "p", deduplicated: true }, { code: "job_exists" }, { id: "c" }]);
});

test.each([
  ["return", { deduplicated: true }],
  ["replace", { replaced: true }],
] as const)(
  "a job that waits for one of its request which %s answers with another waits for that, once",
  async (onConflict, said) => {
    const q = await openEngine({ config: {} });
    const unique = { key: "U", onConflict };
    const results = await enqueueAll(q, [
      { id: "c", after: [{ id: "b", onFail: "continue" }, { id: "a" }] },
      { id: "a", unique },
      { id: "b", unique },
    ]);
    expect(results).toEqual([{ id: "c" }, { id: "b", ...said }, { id: "b" }]);
    const waits = await q.job("c");
    expect(waits).toMatchObject({ pending: 1, after: [{ id: "b", onFail: "continue" }] });
    await end(q, "b");
    await end(q, "c");
    expect(q.faults).toEqual([]);
  },
);

test("a request names its own jobs in any order, and is answered in its own", async () => {
  const q = await openEngine();
  const jobs = [{ id: "c", ...after("b") }, { id: "b", ...after("a") }, { id: "a" }];
  expect(idsOf((await enqueueAll(q, jobs)) as { id: string }[])).toEqual(["c", "b", "a"]);
  for (const id of ["a", "b", "c"]) await end(q, id);
});

test("jobs that are there already may be named beside those of the request, and a repeat is no circle", async () => {
  const q = await openEngine();
  await enqueueAll(q, [
    { id: "a", fingerprint: "1" },
    { id: "b", fingerprint: "2", ...after("a") },
  ]);
  const again = await enqueueAll(q, [
    { id: "b", fingerprint: "2", ...after("a") },
    { id: "c", ...after("a", "b") },
  ]);
  expect(again).toEqual([{ id: "b", deduplicated: true }, { id: "c" }]);
});

test.each([
  [0, [{ id: "a", ...after("a") }]],
  [1, [{ id: "x" }, { id: "a", ...after("b") }, { id: "b", ...after("a") }]],
  [
    1,
    [
      { id: "d", ...after("c") },
      { id: "c", ...after("b") },
      { id: "b", ...after("c", "x") },
      { id: "x" },
    ],
  ],
])("a circle refuses the whole request, and says where it is (%i)", async (place, jobs) => {
  const q = await openEngine({ config: {} });
  const specs = jobs.map((job) => ({ payload: "1", ...job }));
  expect(await q.refused("job.enqueue", { jobs: specs })).toMatchObject({
    refusalCode: "flow_cycle",
    errors: [{ pointer: `/jobs/${place}/after`, code: "flow_cycle" }],
  });
  expect(await q.ids()).toEqual([]);
});

test("a chain over many requests closes no circle: an id that is taken cannot be given again", async () => {
  const q = await pair();
  expect(await tryEnqueue(q, { id: "p", fingerprint: "other", ...after("c") })).toEqual({
    code: "job_exists",
  });
});

test("up to 1,000 jobs may be named, each once", () => {
  const named = (count: number) => Array.from({ length: count }, (_, i) => `p${i}`);
  expect(afterSchema.safeParse(named(1000)).success).toBe(true);
  expect(afterSchema.safeParse(named(1001)).success).toBe(false);
  expect(afterSchema.safeParse([]).success).toBe(false);
  expect(afterSchema.safeParse(["a", { id: "a", onFail: "continue" }]).success).toBe(false);
});

test("a job waits for 1,000 others, over a crash, and has their results by pages in the order in which it names them", async () => {
  const q = await openEngine();
  await enqueueMany(q, "p", 999);
  const ids = Array.from({ length: 999 }, (_, i) => `p${998 - i}`);
  await enqueueAll(q, [{ id: "last" }, { id: "sum", ...after(...ids, "last") }]);
  const settled = async (max: number) => {
    const jobs = await q.claim({ max });
    const items = jobs.map(({ id, token }) => ({
      op: "complete" as const,
      id,
      token,
      result: `"${id}"`,
    }));
    await q.run("lease.settle", { items });
  };
  await settled(999);
  await q.reopen();
  expect(await q.job("sum")).toMatchObject({ state: "blocked", pending: 1 });
  await settled(1);
  expect(await q.claimOne()).toMatchObject({ id: "sum", parents: 1000 });
  const first = await q.run("job.parents", { id: "sum", limit: 2 });
  expect(first.jobs.map(({ id, result }) => [id, result])).toEqual([
    ["p998", "p998"],
    ["p997", "p997"],
  ]);
  const rest = await q.run("job.parents", { id: "sum", limit: 1000, cursor: first.cursor });
  expect(idsOf(rest.jobs)).toEqual([...ids.slice(2), "last"]);
});

test("of 1,500 that wait for one 1,000 hear of its end at once, the rest by the alarm, over a crash", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "p" });
  await enqueueMany(q, "c", 1000, after("p"));
  await enqueueMany(q, "d", 500, after("p"));
  await end(q, "p");
  const count = async () => (await q.run("queue.stats", {})).counts;
  expect(await count()).toMatchObject({ blocked: 500, ready: 1000 });
  await q.reopen();
  await q.advance(0);
  expect(await count()).toMatchObject({ blocked: 0, ready: 1500 });
});

test("none hear of it at once while the texts in memory ask for a checkpoint", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "p" });
  await enqueueMany(q, "c", 3, after("p"));
  const isHeavy = vi.spyOn(q.store, "isHeavy", "get").mockReturnValue(true);
  await end(q, "p");
  expect((await q.run("queue.stats", {})).counts).toMatchObject({ blocked: 3, ready: 0 });
  isHeavy.mockRestore();
  await q.advance(0);
  expect((await q.run("queue.stats", {})).counts).toMatchObject({ blocked: 0, ready: 3 });
});

test("those of them that end so all end", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "p" });
  await enqueueMany(q, "c", 1000, after("p"));
  await enqueueMany(q, "d", 1, after("p"));
  await end(q, "p", forGood);
  await q.advance(0);
  expect((await q.run("queue.stats", {})).counts).toMatchObject({ blocked: 0, failed: 1002 });
});
