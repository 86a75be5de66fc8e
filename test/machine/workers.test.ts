/** Workers that register: what they are, their signs of life, and how they are shown. */
import { describe, expect, onTestFinished, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { workerRegistration } from "../../src/contract/workers.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { able, act, allOf, planOf } from "./plan-rig.ts";

const TTL = 10_000;
const workerOf = async (q: Harness, id: string) => (await q.run("worker.get", { id })).worker;
const heartbeat = (q: Harness, id = "w") => q.run("worker.heartbeat", { id });

/** A queue with a worker `w` that lives for ten seconds after each sign of life. */
async function withWorker(more = {}): Promise<Harness> {
  const q = await openEngine({ config: { leaseMs: 100_000 } });
  await q.run("worker.register", { id: "w", ttlMs: TTL, ...more });
  return q;
}

test("a registration says what a worker is; what it leaves out goes back to its default", async () => {
  const q = await openEngine();
  const said = { capabilities: ["a", "b"], kinds: ["plan" as const], slots: 4, info: "host 1" };
  const { worker, jobs } = await q.run("worker.register", { id: "w:1@host", ttlMs: TTL, ...said });
  expect(jobs).toEqual([]);
  expect(worker).toEqual({
    name: "w:1@host",
    state: "alive",
    ttlMs: TTL,
    ...said,
    running: 0,
    registeredAt: q.now,
    seenAt: q.now,
  });
  await q.run("queue.configure", { workerTtlMs: 5000 });
  const again = await q.run("worker.register", { id: "w:1@host" });
  expect(again.worker).toEqual({
    name: "w:1@host",
    state: "alive",
    ttlMs: 5000,
    capabilities: [],
    kinds: ["payload"],
    running: 0,
    registeredAt: q.now,
    seenAt: q.now,
  });
});

test("a worker that registers again while it lives keeps what it holds", async () => {
  const q = await withWorker();
  await q.enqueue({ id: "a" });
  await q.claimOne({ worker: "w" });
  await q.run("worker.drain", { id: "w" });
  const { worker, jobs } = await q.run("worker.register", { id: "w", ttlMs: TTL });
  expect([worker.state, worker.running, jobs]).toEqual(["alive", 1, ["a"]]);
});

test("a claim takes what the worker registered, and what it says itself comes first", async () => {
  const q = await withWorker({ capabilities: ["x"], kinds: ["payload", "plan"] });
  await q.run("plan.submit", planOf("p"));
  await q.enqueue({ id: "x", requires: ["x"] });
  await q.enqueue({ id: "y", requires: ["y"] });
  await q.enqueue({ id: "z", plan: "p" });
  const ids = async (input: object) =>
    (await q.claim({ worker: "w", max: 9, ...input })).map(({ id }) => id);
  expect(await ids({ capabilities: ["y"] })).toEqual(["y"]);
  expect(await ids({ kinds: ["plan"] })).toEqual([]);
  expect(await ids({})).toEqual(["x"]);
  expect(await ids({ kinds: ["plan"], capabilities: ["curl"] })).toEqual(["z"]);
  expect(await workerOf(q, "w")).toMatchObject({ running: 3 });
});

const signs: Record<string, (q: Harness, token: string) => Promise<unknown>> = {
  "a claim that finds nothing": (q) => q.claim({ worker: "w" }),
  "a claim behind a settlement": (q) =>
    q.run("lease.settle", {
      items: [{ op: "complete", id: "?", token: "t" }],
      claim: { worker: "w" },
    }),
  "an extension": (q, token) => q.settle({ op: "extend", id: "a", token }),
  progress: (q, token) => q.settle({ op: "progress", id: "a", token, progress: "1" }),
  "a completion": (q, token) => q.settle({ op: "complete", id: "a", token }),
  "a heartbeat": (q) => heartbeat(q),
};

test.each(Object.entries(signs))(
  "%s is a sign of life, noted at most every half ttl",
  async (_, sign) => {
    const q = await withWorker();
    await q.enqueue({ id: "a" });
    const { token } = await q.claimOne({ worker: "w" });
    const { seenAt } = await workerOf(q, "w");
    await q.advance(TTL / 2 - 1);
    await q.claim({ worker: "w" });
    await heartbeat(q);
    expect((await workerOf(q, "w")).seenAt).toBe(seenAt);
    await q.advance(1);
    await sign(q, token);
    expect((await workerOf(q, "w")).seenAt).toBe(q.now);
  },
);

test("a settlement of many items notes one sign of life, and another worker's settlement none", async () => {
  const q = await withWorker();
  await q.run("worker.register", { id: "v", ttlMs: TTL });
  for (const id of ["a", "b"]) await q.enqueue({ id });
  const held = await q.claim({ worker: "w", max: 2 });
  await q.advance(TTL / 2);
  const items = held.map(({ id, token }) => ({ op: "extend" as const, id, token }));
  await q.run("lease.settle", { items });
  expect((await workerOf(q, "w")).seenAt).toBe(q.now);
  expect((await workerOf(q, "v")).seenAt).toBe(q.now - TTL / 2);
});

test("workers are listed by name, those of a state, page by page, and counted in the statistics", async () => {
  const q = await openEngine();
  for (const id of ["d", "b", "a", "c", "e"]) {
    await q.run("worker.register", { id, ttlMs: id === "c" ? 1000 : TTL });
  }
  await q.run("worker.drain", { id: "b" });
  await q.run("worker.remove", { id: "e" });
  await q.advance(1500);
  const list = async (filter: object, limit: number) => {
    const { items } = await allOf(async (cursor) => {
      const page = await q.run("worker.list", { ...filter, limit, ...(cursor && { cursor }) });
      return { ...page, items: page.workers.map(({ name }) => name) };
    });
    return items.join("");
  };
  for (const limit of [1, 2, 4, 9]) {
    expect(await list({}, limit)).toBe("abcd");
    expect(await list({ state: "alive" }, limit)).toBe("ad");
    expect(await list({ state: "draining" }, limit)).toBe("b");
    expect(await list({ state: "dead" }, limit)).toBe("c");
  }
  const { workers } = await q.run("queue.stats", {});
  expect(workers).toEqual({ alive: 2, draining: 1, dead: 1 });
});

test("statistics name what ready jobs require that no live worker can do", async () => {
  const q = await withWorker({ capabilities: ["x"] });
  await q.run("plan.submit", planOf("p"));
  await q.enqueue({ requires: ["x"] });
  await q.enqueue({ requires: ["x", "y"] });
  await act(q, ["1", "2"]);
  const unclaimable = async () => (await q.run("queue.stats", {})).unclaimable;
  const plan = { kind: "plan", requires: ["curl"], ready: 2 };
  const both = { kind: "payload", requires: ["x", "y"], ready: 1 };
  expect(await unclaimable()).toEqual([both, plan]);
  await q.run("worker.register", { id: "v", ...able, ttlMs: TTL });
  expect(await unclaimable()).toEqual([both]);
  await q.run("worker.drain", { id: "v" });
  expect(await unclaimable()).toEqual([both, plan]);
  await q.claim({ ...able, kinds: ["plan"], max: 1 });
  expect(await unclaimable()).toEqual([both]);
  await q.advance(1.5 * TTL);
  expect((await unclaimable()).map(({ requires }) => requires.join())).toEqual(["x", "x,y"]);
});

test("no more workers register than may, but those that are here still do", async () => {
  const q = await withWorker();
  await q.run("queue.checkpoint", {});
  const { workersMax } = limits;
  q.sql.run(`UPDATE counters SET value = json_set(value, '$.workers', ${workersMax})`);
  await q.crash();
  expect(await q.refused("worker.register", { id: "more" })).toMatchObject({
    refusalCode: "workers_limit",
  });
  expect(await q.run("worker.register", { id: "w" })).toMatchObject({ worker: { name: "w" } });
});

describe("what workers and requirements say is bounded in bytes", () => {
  test("a worker's capabilities together", () => {
    const { workerCapabilityBytesMax: most, capabilityOverheadBytes: more } = limits;
    const names = Array.from({ length: most / 256 }, (_, i) => `${i}`.padEnd(256 - more, "x"));
    const problem = (capabilities: readonly string[]) =>
      workerRegistration.safeParse({ capabilities }).error?.issues[0]?.message;
    expect(problem(names)).toBeUndefined();
    expect(problem([...names, "y"])).toBe(
      `the names may have ${most} bytes together, with ${more} more for each`,
    );
  });

  test("a page of workers, which has at least one", async () => {
    const q = await openEngine({ config: {} });
    const capabilities = Array.from({ length: 16 }, (_, i) => `${i}`.padEnd(255, "x")).sort();
    // A real page has a thousand of them.
    const changing = limits as { -readonly [L in keyof typeof limits]: number };
    const { replyBytesMax } = limits;
    onTestFinished(() => {
      changing.replyBytesMax = replyBytesMax;
    });
    changing.replyBytesMax = 20_000;
    const count = 20;
    for (let i = 0; i < count; i += 1) {
      await q.run("worker.register", { id: `w${i}`.padStart(8, "0"), capabilities });
    }
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await q.run("worker.list", { limit: 1000, ...(cursor && { cursor }) });
      expect(JSON.stringify(page).length).toBeLessThan(limits.replyBytesMax + 200);
      names.push(...page.workers.map(({ name }) => name));
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(new Set(names).size).toBe(count);
    expect(names).toHaveLength(count);
  });

  test("the sets that nobody can do, and how many more there are is said", async () => {
    const q = await openEngine({ config: {} });
    const sets = Array.from({ length: 100 }, (_, n) =>
      Array.from({ length: 16 }, (__, i) => `${n}-${i}`.padEnd(256, "x")).sort(),
    );
    await q.run("job.enqueue", { jobs: sets.map((requires) => ({ payload: "1", requires })) });
    const { unclaimable, unclaimableOmitted = 0 } = await q.run("queue.stats", {});
    expect(JSON.stringify(unclaimable).length).toBeLessThan(limits.unclaimableBytesMax + 1000);
    expect(unclaimable.length).toBeGreaterThan(50);
    expect(unclaimable.length + unclaimableOmitted).toBe(100);
  });
});
