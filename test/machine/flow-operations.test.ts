/** What purge, redrive and retry make of jobs that wait for one another, have unique keys, or stand in strict order. */
import { expect, test } from "vitest";
import type { JobState } from "../../src/contract/fields.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { end, enqueueAll, forGood, take, tryEnqueue } from "./flow-rig.ts";

const after = (...ids: readonly string[]) => ({ after: ids.map((id) => ({ id })) });
const continuing = (id: string) => ({ after: [{ id, onFail: "continue" as const }] });
const stateOf = async (q: Harness, id: string) => (await q.job(id)).state;

const open = ["scheduled", "ready", "blocked"] as const;

test.each<{ states?: JobState[] }>([
  {},
  { states: [...open] },
  { states: ["ready", "running", ...open] },
])("a purge of %j leaves none that went on when another one was purged", async ({ states }) => {
  const q = await openEngine();
  await enqueueAll(q, [{ id: "p" }, { id: "c", ...continuing("p") }]);
  await enqueueAll(q, [{ id: "d", delayMs: 1000, ...continuing("p") }]);
  if (states?.includes("running")) expect(await take(q)).toEqual(["p"]);
  const { operation } = await q.run("queue.purge", { states });
  expect(operation).toMatchObject({ status: "done", total: 3, changed: 3 });
  await q.advance(10_000);
  expect(await take(q, 9)).toEqual([]);
  for (const state of open) expect(await q.ids(state)).toEqual([]);
});

test("a purge meets those that its own purges made go on", async () => {
  const q = await openEngine();
  await enqueueAll(q, [{ id: "open" }, { id: "p", ...after("open") }]);
  await enqueueAll(q, [
    { id: "z", ...continuing("p") },
    { id: "keeps", ...continuing("z") },
  ]);
  await take(q);
  const { operation } = await q.run("queue.purge", { states: ["ready", "blocked"] });
  expect(operation).toMatchObject({ status: "done", states: ["blocked", "ready"], changed: 3 });
  expect(await q.ids("ready")).toEqual([]);
  expect(await q.ids("blocked")).toEqual([]);
});

test("a purged job that is kept for another one lets go of its unique key too, before its time is over", async () => {
  const q = await openEngine();
  const unique = { key: "u", until: { ms: 60_000 } };
  await q.enqueue({ id: "a", unique });
  await q.enqueue({ id: "c", ...after("a"), delayMs: 1 });
  await q.run("queue.purge", { states: ["ready"] });
  expect(await q.job("a")).toMatchObject({ state: "cancelled", reason: "purged" });
  expect(await tryEnqueue(q, { id: "b", unique })).toEqual({ id: "b" });
  await q.run("job.cancel", { id: "b" });
  expect(await tryEnqueue(q, { unique })).toEqual({ id: "b", deduplicated: true });
});

test.each([{}, { ids: ["b", "z"] }])(
  "a redrive of %j runs a graph again in the order of its enqueues, so that a job waits for its parent again",
  async (which) => {
    const q = await openEngine();
    await enqueueAll(q, [{ id: "z" }, { id: "b", ...after("z") }]);
    await end(q, "z", forGood);
    expect(await stateOf(q, "b")).toBe("failed");
    await q.run("job.redrive", which);
    expect(await q.job("b")).toMatchObject({ state: "blocked", pending: 1 });
    await end(q, "z");
    expect(await take(q)).toEqual(["b"]);
  },
);

test.each([{}, { ids: ["a", "b", "c"] }])("a redrive of %j keeps strict order", async (which) => {
  const q = await openEngine();
  await q.run("key.put", { key: "k", order: "fifo" });
  await enqueueAll(
    q,
    ["c", "b", "a"].map((id) => ({ id, key: "k" })),
  );
  for (const id of ["c", "b", "a"]) await end(q, id, forGood);
  await q.run("job.redrive", which);
  for (const id of ["c", "b", "a"]) await end(q, id);
});

/** A queue in which c failed, which waited for p; p is gone, and `again` has its id. */
async function withReusedId(elapsedMs: number, again: object): Promise<Harness> {
  const q = await openEngine();
  await enqueueAll(q, [{ id: "p" }, { id: "c", ...after("p") }]);
  await end(q, "p");
  await end(q, "c", forGood);
  await q.run("job.remove", { id: "p" });
  await q.advance(elapsedMs);
  await enqueueAll(q, [{ id: "p", ...again }]);
  return q;
}

test.each([0, 1])(
  "a retried job does not wait for another one that has its parent's id by now, made %d ms later",
  async (elapsedMs) => {
    const q = await withReusedId(elapsedMs, { delayMs: 60_000 });
    await q.run("job.retry", { id: "c" });
    await q.reopen();
    expect(await q.job("c")).toMatchObject({ state: "ready", after: [] });
    expect(await take(q)).toEqual(["c"]);
    await q.run("job.cancel", { id: "p" });
    await q.run("job.remove", { id: "p" });
  },
);

test("a job made later that itself was retried is not waited for either", async () => {
  const q = await withReusedId(1, {});
  await end(q, "p", forGood);
  await q.run("job.retry", { id: "p" });
  await q.run("job.redrive", { ids: ["c"] });
  expect(await stateOf(q, "c")).toBe("ready");
});

test("a parent that runs again is waited for, though its place is behind that of its child by then", async () => {
  const q = await openEngine();
  await enqueueAll(q, [{ id: "p" }, { id: "c", ...after("p") }]);
  await end(q, "p", forGood);
  await q.advance(1000);
  await q.run("job.retry", { id: "p" });
  await q.run("job.retry", { id: "c" });
  expect(await q.job("c")).toMatchObject({ state: "blocked", pending: 1 });
});
