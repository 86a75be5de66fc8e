/** Jobs that wait for many others: for how many they still wait is counted beside their rows, which are not written anew for each. */
import { afterEach, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { end, enqueueMany, forGood } from "./flow-rig.ts";

const changing = limits as { -readonly [L in keyof typeof limits]: number };
const { parentsCountedInRowMax } = limits;
afterEach(() => {
  changing.parentsCountedInRowMax = parentsCountedInRowMax;
});

const parents = Array.from({ length: 17 }, (_, i) => ({ id: `p${i}` }));

/** A queue with jobs `p0` to `p16`, and `fan` which waits for so many of them. */
async function fan(count: number, onFail?: "continue"): Promise<Harness> {
  const q = await openEngine();
  await enqueueMany(q, "p", 17);
  const after = parents.slice(0, count).map((each) => ({ ...each, ...(onFail && { onFail }) }));
  await q.enqueue({ id: "fan", after });
  return q;
}

const rowOf = (q: Harness) => q.store.tables.jobs.get(["fan"]);
const counted = (q: Harness) => [...q.store.tables.waits.scan({})];

test("the row of a job that waits for 17 others stays as it is until the last has ended", async () => {
  const q = await fan(17);
  const row = rowOf(q);
  expect(await q.job("fan")).toMatchObject({ state: "blocked", pending: 17 });
  await end(q, "p0");
  expect(rowOf(q)).toBe(row);
  expect(counted(q)).toEqual([[["fan"], { left: 16 }]]);
  await q.reopen();
  expect(await q.job("fan")).toMatchObject({ state: "blocked", pending: 16 });
  for (const { id } of parents.slice(1)) await end(q, id);
  expect(await q.job("fan")).toMatchObject({ state: "ready" });
  expect(await q.job("fan")).not.toHaveProperty("pending");
  expect(counted(q)).toEqual([]);
});

test("a row that names 16 counts them itself", async () => {
  const q = await fan(16);
  await end(q, "p0");
  expect(rowOf(q)).toMatchObject({ pending: 15 });
  expect(counted(q)).toEqual([]);
});

test("nothing is counted of one that waits for none of those that it names, or ends while it waits", async () => {
  const q = await fan(17, "continue");
  for (const { id } of parents) await end(q, id, forGood);
  expect(await q.job("fan")).toMatchObject({ state: "ready" });
  const after = parents.map(({ id }) => ({ id, onFail: "continue" as const }));
  await q.enqueue({ id: "late", after });
  expect(await q.job("late")).toMatchObject({ state: "ready" });
  const endings = [
    () => q.run("job.cancel", { id: "over" }),
    () => q.run("queue.purge", { states: ["blocked"] }),
  ];
  for (const ending of endings) {
    await q.enqueue({ id: "open" });
    await q.enqueue({ id: "over", after: [...after, { id: "open" }] });
    expect(counted(q)).toEqual([[["over"], { left: 1 }]]);
    await ending();
    expect(counted(q)).toEqual([]);
    await q.run("job.cancel", { id: "open" });
    await q.run("queue.purge", { states: ["cancelled"] });
  }
});

test("one that runs again counts anew those that are open", async () => {
  const q = await fan(17);
  await end(q, "p0", forGood);
  expect(await q.job("fan")).toMatchObject({ state: "failed", reason: "parent_failed" });
  expect(counted(q)).toEqual([]);
  await q.run("job.retry", { id: "fan" });
  expect(await q.job("fan")).toMatchObject({ state: "blocked", pending: 16 });
  expect(counted(q)).toEqual([[["fan"], { left: 16 }]]);
});

test("one that runs again when one of them is gone counts in its row those that are left, where they are not many", async () => {
  const q = await fan(17);
  await end(q, "p0", forGood);
  await q.run("job.remove", { id: "p0" });
  await q.run("job.retry", { id: "fan" });
  expect(await q.job("fan")).toMatchObject({ state: "blocked", pending: 16 });
  expect(counted(q)).toEqual([]);
  for (const { id } of parents.slice(1)) await end(q, id);
  expect(await q.job("fan")).toMatchObject({ state: "ready" });
});

test("a row that was written before, and counts them all itself, goes on so", async () => {
  changing.parentsCountedInRowMax = 17;
  const q = await fan(17);
  await q.run("queue.checkpoint", {});
  changing.parentsCountedInRowMax = parentsCountedInRowMax;
  await end(q, "p0");
  expect(rowOf(q)).toMatchObject({ pending: 16 });
  expect(await q.job("fan")).toMatchObject({ state: "blocked", pending: 16 });
  await q.reopen();
  for (const { id } of parents.slice(1)) await end(q, id);
  expect(await q.job("fan")).toMatchObject({ state: "ready" });
});
