/**
 * Which lanes a claim looks at: those whose kind and requirements the worker covers, however it says what it can do; and how many
 * there may be.
 */
import { expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { writers } from "../../src/store/schema.ts";
import { openEngine } from "../engine-harness.ts";

/** Jobs of as many sets of requirements. */
const ofSets = (count: number, name: string) =>
  Array.from({ length: count }, (_, i) => ({ payload: "1", requires: [`${name}${i}`] }));

test("a worker gets the jobs that it covers, however many capabilities it names, and each once", async () => {
  const q = await openEngine();
  const sets = [["a"], ["a", "b"], ["b", "z9"], ["a", "c"], ["a-b"], ["a+b"], []];
  for (const [i, requires] of sets.entries()) await q.enqueue({ id: `j${i}`, requires });
  const many = Array.from({ length: 40 }, (_, i) => `x${i}`);
  const claimed = async (capabilities: string[]) => {
    const input = { capabilities: capabilities.toSorted(), kinds: ["payload", "payload"] };
    const jobs = await q.claim({ ...input, max: 10 } as never);
    for (const { id, token } of jobs) await q.settle({ op: "release", id, token });
    return jobs.map(({ id }) => id).sort();
  };
  for (const more of [[], many]) {
    expect(await claimed(["a", ...more])).toEqual(["j0", "j6"]);
    expect(await claimed(["a", "b", ...more])).toEqual(["j0", "j1", "j6"]);
    expect(await claimed(["z9", "b", "c", "a-b", ...more])).toEqual(["j2", "j4", "j6"]);
    expect(await claimed(["a+b", "a", "c", ...more])).toEqual(["j0", "j3", "j5", "j6"]);
    expect(await claimed(more)).toEqual(["j6"]);
  }
});

test("sets of requirements are counted once for a request, however many of its jobs bring new ones", async () => {
  const q = await openEngine({ config: {} });
  const range = vi.spyOn(q.store.tables.lanes, "range");
  await q.run("job.enqueue", { jobs: ofSets(1000, "r") });
  const { results } = await q.run("job.enqueue", { jobs: ofSets(50, "s") });
  const isTaken = results.map((result) => "id" in result);
  expect(isTaken).toEqual(ofSets(50, "s").map((_, i) => i < limits.lanesMax - 1000));
  expect(range).toHaveBeenCalledTimes(2);
});

test("a set of requirements that goes with a parent whose time is over has room for another one", async () => {
  const q = await openEngine({ config: {} });
  await q.enqueue({ id: "p", requires: ["own"], ttlMs: 1000 });
  await q.run("job.enqueue", { jobs: ofSets(1000, "r") });
  await q.run("job.enqueue", { jobs: ofSets(limits.lanesMax - 1001, "s") });
  // The sweep that comes before the request fails.
  const writer = vi.spyOn(writers, "job.expired").mockImplementationOnce(() => {
    writer.mockRestore();
    throw new Error("poison");
  });
  q.now += 1000;
  const [job] = ofSets(1, "new");
  const jobs = [job, { ...job, after: [{ id: "p", onFail: "continue" }] }];
  const answer = await q.engine.submit({
    v: 1,
    name: "job.enqueue",
    input: { jobs },
    bytes: 0,
  } as never);
  expect(q.faults.splice(0)).toHaveLength(1);
  const { results } = JSON.parse("reply" in answer ? answer.reply : "{}");
  expect(results).toMatchObject([
    { problem: { code: "requires_limit" } },
    { id: expect.any(String) },
  ]);
});

test("statistics look at workers that are alike as one, for each set that nobody covers", async () => {
  const q = await openEngine({ config: {} });
  await q.run("job.enqueue", { jobs: ofSets(20, "r") });
  const has = vi.spyOn(Set.prototype, "has");
  /** How many capabilities the statistics look for, with a worker more. */
  const lookedFor = async (id: string) => {
    await q.run("worker.register", { id, capabilities: ["x", "y"] });
    has.mockClear();
    expect((await q.run("queue.stats", {})).unclaimable).toHaveLength(20);
    return has.mock.calls.filter(([need]) => /^r\d+$/.test(String(need))).length;
  };
  const first = await lookedFor("a");
  await lookedFor("b");
  const third = await lookedFor("c");
  has.mockRestore();
  expect([first, third]).toEqual([20, 20]);
});
