/**
 * What a claim passes over: jobs that cannot be handed out any more, and keys that have gone or are shut, however many.
 */
import { expect, test, vi } from "vitest";
import { type Harness, openEngine } from "../engine-harness.ts";
import { enqueueMany, take } from "./flow-rig.ts";

/** A key with so many jobs that were handed out too often, in front of one that was not. */
async function wornOut(q: Harness, count: number, options: object): Promise<void> {
  await enqueueMany(q, "worn", count, options);
  for (const { id, token } of await q.claim({ max: count })) {
    await q.settle({ op: "release", id, token });
  }
  await enqueueMany(q, "live", 1, options);
  await q.run("queue.configure", { maxDeliveries: 1 });
}

test.each([
  ["one by one", 1],
  ["in fours", 4],
])(
  "a key whose first jobs were handed out too often has its turn still, claimed %s",
  async (_, max) => {
    const q = await openEngine();
    await wornOut(q, 30, { key: "k" });
    for (const name of ["l", "m", "-"]) {
      await enqueueMany(q, name, 20, name === "-" ? {} : { key: name });
    }
    const order: string[] = [];
    while (order.length < 4) order.push(...(await take(q, max)));
    expect(order.toSorted()).toEqual(["-0", "l0", "live0", "m0"]);
  },
);

test("a key keeps what is left of its turn when a job in it is over", async () => {
  const q = await openEngine({ config: { keys: { weight: 2 } } });
  await enqueueMany(q, "a", 1, { key: "k" });
  await enqueueMany(q, "over", 1, { key: "k", ttlMs: 1000 });
  await enqueueMany(q, "b", 1, { key: "k" });
  await enqueueMany(q, "l", 5, { key: "l" });
  const [first] = await take(q);
  q.now += 1000;
  expect([first, ...(await take(q, 4))]).toEqual(["a0", "b0", "l0", "l1", "l2"]);
});

test("a job that a claim ends lets those of other requirements go within it", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "parent", requires: ["x"] });
  await q.enqueue({
    ...{ id: "child", requires: ["y"] },
    after: [{ id: "parent", onFail: "continue" }],
  });
  const { id, token } = await q.claimOne({ capabilities: ["x"] });
  await q.settle({ op: "release", id, token });
  await q.run("queue.configure", { maxDeliveries: 1 });
  expect(await take(q, 1, { capabilities: ["x", "y"] })).toEqual(["child"]);
});

test("a claim of many jobs of few keys looks up their turns once, and not past all those that have gone with each job", async () => {
  const q = await openEngine();
  for (const key of ["a", "b", "c"]) await enqueueMany(q, key, 100, { key });
  const { turns } = q.store.tables;
  const range = vi.spyOn(turns, "range");
  expect(await take(q, 240)).toHaveLength(240);
  expect(range).toHaveBeenCalledTimes(1);
});
