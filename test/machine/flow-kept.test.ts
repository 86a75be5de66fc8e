/**
 * Unique keys, and jobs that wait for others: for how long a key is had, what a child hears and when, and what is kept for whom.
 * Invariant: each test stands for a way in which it could be wrong, of which `scripts/mutants-flow.ts` has most.
 */
import { afterEach, describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { Unique } from "../../src/contract/uniques.ts";
import { type Harness, openEngine } from "../engine-harness.ts";

const changing = limits as { -readonly [L in keyof typeof limits]: number };
const { releasedMax, sweepMax, sweepStepMax } = limits;
afterEach(() => {
  Object.assign(changing, { releasedMax, sweepMax, sweepStepMax });
});

/** The answer to one more job of unique key `u`. */
async function another(q: Harness, id: string, said: Omit<Unique, "key"> = {}, payload = "1") {
  const { results } = await q.run("job.enqueue", {
    jobs: [{ id, payload, fingerprint: id, unique: { key: "u", ...said } }],
  });
  return results[0];
}

const replace = { onConflict: "replace" } as const;
const window = { until: { ms: 10_000 } } as const;

/** Claims the next job, which has to be this one, and settles it. */
async function work(q: Harness, id: string, op: "complete" | "fail" = "complete"): Promise<void> {
  const { id: claimed, token } = await q.claimOne();
  expect(claimed).toBe(id);
  const said = op === "fail" ? { op, error: "no", retryable: false } : { op, result: "7" };
  await q.settle({ id, token, ...said } as never);
}

const stateOf = async (q: Harness, id: string) => (await q.job(id)).state;

describe("a unique key", () => {
  test("that stands for a time is had until then, also when its job has ended, and no longer", async () => {
    const q = await openEngine();
    await another(q, "a", window);
    await work(q, "a");
    q.now += 9999;
    expect(await another(q, "b", window)).toEqual({ id: "a", deduplicated: true });
    q.now += 1;
    expect(await another(q, "b", window)).toEqual({ id: "b" });
  });

  test("that stands for a time is free behind that, also when more is due than a sweep gets to", async () => {
    const q = await openEngine();
    await another(q, "a", window);
    await q.enqueue({ delayMs: 1000 });
    Object.assign(changing, { sweepMax: 1, sweepStepMax: 1 });
    q.now += 10_000;
    expect(await another(q, "b", window)).toEqual({ id: "b" });
  });

  test("that stands for a time is free when its job is purged before it has ended", async () => {
    const q = await openEngine();
    await another(q, "a", window);
    await q.run("queue.purge", {});
    expect(await another(q, "b", window)).toEqual({ id: "b" });
  });

  test("that stands for a time is not replaced once its job has started", async () => {
    const q = await openEngine();
    await another(q, "a", window);
    await q.claimOne();
    const said = { ...window, ...replace };
    expect(await another(q, "b", said)).toEqual({ id: "a", deduplicated: true });
  });

  test("that stands until its job has started is free from then on", async () => {
    const q = await openEngine();
    await another(q, "a", { until: "started" });
    expect(await another(q, "b", { until: "started" })).toMatchObject({ deduplicated: true });
    await q.claimOne();
    expect(await another(q, "b", { until: "started" })).toEqual({ id: "b" });
  });

  test("is had by the one job that follows, once the first has ended", async () => {
    const q = await openEngine();
    await another(q, "a");
    const { token } = await q.claimOne();
    expect(await another(q, "b", replace, "2")).toEqual({ id: "b" });
    expect(await another(q, "c", replace, "3")).toEqual({ id: "b", replaced: true });
    expect((await q.job("b")).payload).toBe(3);
    expect(await another(q, "d")).toEqual({ id: "a", deduplicated: true });
    await q.settle({ op: "complete", id: "a", token });
    expect(await another(q, "d")).toEqual({ id: "b", deduplicated: true });
  });

  test("leaves a job that is replaced in its place", async () => {
    const q = await openEngine();
    await another(q, "a");
    q.now += 1000;
    await q.enqueue({ id: "z" });
    q.now += 1000;
    expect(await another(q, "b", replace, "2")).toEqual({ id: "a", replaced: true });
    expect((await q.claim({ max: 2 })).map(({ id, payload }) => [id, payload])).toEqual([
      ["a", 2],
      ["z", null],
    ]);
  });

  test("refuses another job where that says so, and a retry beside the one that has it", async () => {
    const q = await openEngine();
    await another(q, "a");
    const refused = { problem: { code: "unique_conflict", id: "a" } };
    expect(await another(q, "b", { onConflict: "reject" })).toMatchObject(refused);
    await work(q, "a", "fail");
    await another(q, "b");
    expect((await q.refused("job.retry", { id: "a" })).refusalCode).toBe("unique_conflict");
  });
});

/** Jobs of one request; each is said by its id and what it waits for. */
async function flow(q: Harness, ...jobs: { id: string; after?: object[] }[]) {
  const all = jobs.map((job) => ({ payload: "1", ...job }));
  return q.run("job.enqueue", { jobs: all as never });
}

describe("a job that waits for others", () => {
  test("fails with one that fails, unless it says that it goes on or is cancelled", async () => {
    const q = await openEngine();
    const waits = (onFail?: string) => [{ id: "p", ...(onFail && { onFail }) }];
    await flow(q, { id: "p" }, { id: "f", after: waits() }, { id: "c", after: waits("continue") });
    await flow(q, { id: "x", after: waits("cancel") });
    await work(q, "p", "fail");
    expect(await q.job("f")).toMatchObject({ state: "failed", reason: "parent_failed" });
    expect(await q.job("x")).toMatchObject({ state: "cancelled", reason: "parent_failed" });
    expect(await stateOf(q, "c")).toBe("ready");
  });

  test("hears at once of one that has failed already, also where others have before", async () => {
    const q = await openEngine();
    await flow(q, { id: "p" });
    await work(q, "p", "fail");
    for (const id of ["f", "g"]) {
      await flow(q, { id, after: [{ id: "p" }] });
      await q.advance(0);
      expect(await stateOf(q, id)).toBe("failed");
    }
  });

  test("can be claimed in the request that completes the other", async () => {
    const q = await openEngine();
    await flow(q, { id: "p" }, { id: "c", after: [{ id: "p" }] });
    const { token } = await q.claimOne();
    const items = [{ op: "complete" as const, id: "p", token }];
    const reply = await q.run("lease.settle", { items, claim: {} });
    expect(reply).toMatchObject({ items: [{ ok: true }], jobs: [{ id: "c", parents: 1 }] });
  });

  test("hears of it from the alarm when so many wait that the end has no room for all", async () => {
    const q = await openEngine();
    await flow(q, { id: "p" }, ...["c", "d", "e"].map((id) => ({ id, after: [{ id: "p" }] })));
    changing.releasedMax = 1;
    await work(q, "p");
    expect(await q.ids("blocked")).toEqual(["d", "e"]);
    await q.advance(0);
    expect(await q.ids("blocked")).toEqual([]);
  });

  test("waits again, when it is retried, for those of them that are open", async () => {
    const q = await openEngine();
    await flow(q, { id: "p" }, { id: "c", after: [{ id: "p" }] });
    await q.run("job.cancel", { id: "c" });
    await q.run("job.retry", { id: "c" });
    expect(await q.job("c")).toMatchObject({ state: "blocked", pending: 1 });
    await work(q, "p");
    await work(q, "c");
  });

  test("is refused when one of them is not there, and with its whole request when it waits for itself", async () => {
    const q = await openEngine({ config: {} });
    const { results } = await flow(q, { id: "c", after: [{ id: "nobody" }] });
    expect(results).toMatchObject([{ problem: { code: "parent_unknown", parent: "nobody" } }]);
    const jobs = [
      { id: "d", payload: "1", after: [{ id: "e" }] },
      { id: "e", payload: "1", after: [{ id: "d" }] },
    ];
    expect((await q.refused("job.enqueue", { jobs })).refusalCode).toBe("flow_cycle");
    expect(await q.ids()).toEqual([]);
  });
});

describe("a job that others wait for", () => {
  const retention = { completed: { ageMs: 20_000, count: 1 } };
  /** A job that has completed, and one that waits for it and for another. */
  const aParent = async (config: object = { retention }) => {
    const q = await openEngine({ config });
    await flow(q, { id: "p" }, { id: "o" }, { id: "c", after: [{ id: "p" }, { id: "o" }] });
    await work(q, "p");
    return q;
  };

  test("is kept for them, and for its retention from when the last of them has ended", async () => {
    const q = await aParent();
    await q.advance(60_000);
    await work(q, "o");
    await work(q, "c");
    await q.advance(19_999);
    expect(await q.ids("completed")).toContain("p");
    await q.advance(1);
    expect(await q.ids()).toEqual([]);
  });

  test("takes no place of those that are kept for nobody", async () => {
    const q = await aParent();
    await q.enqueue({ id: "z", priority: -1 });
    await work(q, "z");
    await q.advance(0);
    expect(await q.ids("completed")).toEqual(["p", "z"]);
  });

  test("is not removed, neither alone nor by a discard", async () => {
    const q = await aParent({});
    expect((await q.refused("job.remove", { id: "p" })).refusalCode).toBe("job_state");
    for (const said of [{ ids: ["p"] }, { states: ["completed"] }]) {
      const { operation } = await q.run("job.discard", said as never);
      expect(operation).toMatchObject({ examined: 1, changed: 0 });
    }
    expect(await stateOf(q, "p")).toBe("completed");
  });
});
