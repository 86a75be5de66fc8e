/** Jobs that wait for others, and those they wait for, over their ends: who is kept for whom, and what retry, removal, purge and import mean. */
import { expect, test } from "vitest";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { exported, imported } from "../object/snapshot-rig.ts";
import {
  end,
  enqueueAll,
  enqueueMany,
  forGood,
  idsOf,
  moved,
  take,
  tryEnqueue,
} from "./flow-rig.ts";

const after = (...ids: readonly string[]) => ({ after: ids.map((id) => ({ id })) });
const stateOf = async (q: Harness, id: string) => (await q.job(id)).state;
const parentsOf = async (q: Harness, id: string) => (await q.run("job.parents", { id })).jobs;

/** A queue with job `p`, and `c` which waits for it. */
async function pair(onFail: "fail" | "continue" | "cancel" = "fail"): Promise<Harness> {
  const q = await openEngine();
  await enqueueAll(q, [{ id: "p" }, { id: "c", after: [{ id: "p", onFail }] }]);
  return q;
}

test("one that has ended already counts as what it is", async () => {
  const q = await openEngine();
  for (const id of ["good", "bad"]) await q.enqueue({ id });
  await end(q, "good");
  await end(q, "bad", forGood);
  await enqueueAll(q, [
    { id: "a", ...after("good") },
    { id: "b", ...after("bad") },
    { id: "c", after: [{ id: "bad", onFail: "continue" }, { id: "good" }] },
    { id: "d", after: [{ id: "bad", onFail: "cancel" }] },
  ]);
  // Those that go on do so in the entry itself, the others end by the alarm.
  expect(await q.ids("ready")).toEqual(["a", "c"]);
  await q.advance(0);
  const states = await Promise.all(["a", "b", "c", "d"].map((id) => stateOf(q, id)));
  expect(states).toEqual(["ready", "failed", "ready", "cancelled"]);
});

test("what time has done to one that is named has happened, though nothing has shown it yet", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "p", expiresAt: START + 1000 });
  q.now += 1000;
  await q.enqueue({ id: "c", ...after("p") });
  expect(await stateOf(q, "p")).toBe("expired");
  await q.advance(0);
  expect(await q.job("c")).toMatchObject({ state: "failed", error: "job p is expired" });
});

test("jobs that an open one waited for are kept past their retention, which begins when that has ended", async () => {
  const q = await openEngine({ config: { retention: { completed: { ageMs: 1000 } } } });
  await enqueueAll(q, [{ id: "p" }, { id: "c", delayMs: 60_000, ...after("p") }]);
  await end(q, "p");
  await q.advance(60_000);
  expect(idsOf(await parentsOf(q, "c"))).toEqual(["p"]);
  await end(q, "c");
  await q.advance(999);
  expect(await q.ids()).toEqual(["c", "p"]);
  await q.advance(1);
  expect(await q.ids()).toEqual([]);
});

test("one that ended long ago is kept from the moment it is named, if it is still there", async () => {
  const q = await openEngine({ config: { retention: { completed: { ageMs: 1000 } } } });
  for (const id of ["a", "b"]) {
    await q.enqueue({ id });
    await end(q, id);
  }
  await q.advance(999);
  await q.enqueue({ id: "c", ...after("a") });
  await q.advance(1);
  expect(await q.ids()).toEqual(["a", "c"]);
  expect(await tryEnqueue(q, after("b"))).toEqual({ code: "parent_unknown" });
});

test("with a retention of none at all a parent is kept for its child, and goes with its end", async () => {
  const none = { ageMs: 0 };
  const q = await openEngine({ config: { retention: { completed: none, cancelled: none } } });
  await enqueueAll(q, [{ id: "p" }, { id: "c", ...after("p") }]);
  await end(q, "p");
  expect(await q.ids()).toEqual(["c", "p"]);
  await end(q, "c");
  await q.advance(0);
  expect(await q.ids()).toEqual([]);
});

test("a parent is neither removed nor discarded while a job that names it is open", async () => {
  const q = await pair("continue");
  await end(q, "p", forGood);
  expect(await q.refused("job.remove", { id: "p" })).toMatchObject({ refusalCode: "job_state" });
  expect(await q.run("job.discard", {})).toMatchObject({ operation: { examined: 1, changed: 0 } });
  await end(q, "c");
  await q.run("job.remove", { id: "p" });
  expect(await parentsOf(q, "c")).toEqual([]);
});

test("a later retry of a parent revives nothing", async () => {
  const q = await pair();
  await end(q, "p", forGood);
  await q.run("job.retry", { id: "p" });
  await end(q, "p");
  expect(await stateOf(q, "c")).toBe("failed");
});

test("a retried job waits again for those that are open, and no more for those that have ended", async () => {
  const q = await openEngine();
  await enqueueAll(q, [{ id: "a" }, { id: "b" }, { id: "c", ...after("a", "b") }]);
  await end(q, "a", forGood);
  await q.run("job.retry", { id: "c" });
  expect(await q.job("c")).toMatchObject({ state: "blocked", pending: 1, run: 2 });
  await end(q, "b");
  expect(await take(q)).toEqual(["c"]);
});

test("a child that is retried behind its retried parent waits for that, and hears of its second end", async () => {
  const q = await pair();
  await end(q, "p", forGood);
  await q.run("job.redrive", { ids: ["p", "c"] });
  expect(await q.job("c")).toMatchObject({ state: "blocked", pending: 1 });
  await end(q, "p", forGood);
  expect(await q.job("c")).toMatchObject({ state: "failed", reason: "parent_failed" });
});

test("a retried job names only those that are still kept", async () => {
  const q = await openEngine({ config: { retention: { completed: { ageMs: 1000 } } } });
  await enqueueAll(q, [{ id: "a" }, { id: "b" }, { id: "c", ...after("a", "b") }]);
  await end(q, "a");
  await end(q, "b", forGood);
  await q.advance(1000);
  await q.run("job.retry", { id: "c" });
  expect(await q.job("c")).toMatchObject({ state: "ready", ...after("b") });
});

test.each([0, 1])(
  "a job is shown none of a later one as its parent, made %i ms after it",
  async (ms) => {
    const q = await openEngine({ config: {} });
    await enqueueAll(q, [{ id: "p" }, { id: "o" }, { id: "c", ...after("p", "o") }]);
    const parents = async () => idsOf((await q.run("job.parents", { id: "c" })).jobs);
    for (const id of ["p", "o", "c"]) await end(q, id);
    expect(await parents()).toEqual(["p", "o"]);
    await q.run("job.remove", { id: "p" });
    await q.advance(ms);
    await q.enqueue({ id: "p" });
    await end(q, "p", { result: '"another"' } as never);
    expect(await parents()).toEqual(["o"]);
  },
);

test("a blocked job is cancelled at once, not changed, and not removed", async () => {
  const q = await pair();
  const refusalCode = "job_state";
  expect(await q.refused("job.update", { id: "c", priority: 1 })).toMatchObject({ refusalCode });
  expect(await q.refused("job.remove", { id: "c" })).toMatchObject({ refusalCode });
  await q.run("job.cancel", { id: "c" });
  await end(q, "p");
  expect(await stateOf(q, "c")).toBe("cancelled");
  await q.run("job.remove", { id: "p" });
});

test("a queue with blocked jobs is not empty, and deleted by force it has none of them", async () => {
  const q = await pair();
  await take(q);
  expect(await q.refused("queue.delete", {})).toMatchObject({ refusalCode: "queue_not_empty" });
  await q.run("queue.delete", { force: "true" });
  expect(await tryEnqueue(q, { id: "d", ...after("p") })).toEqual({ code: "parent_unknown" });
});

test("who waits for whom outlives a crash, a checkpoint and an import", async () => {
  const q = await pair("cancel");
  await q.enqueue({ id: "d", ...after("p", "c") });
  await q.reopen();
  await q.run("queue.checkpoint", {});
  await q.reopen();
  const target = await moved(q);
  expect(await target.job("d")).toMatchObject({ state: "blocked", pending: 2 });
  for (const each of [q, target]) {
    await end(each, "p");
    await end(each, "c");
    await end(each, "d");
  }
});

test("an import goes on with telling those that wait for one that has ended", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "p" });
  await enqueueMany(q, "c", 510, after("p"));
  await end(q, "p");
  const target = await moved(q);
  await target.advance(0);
  expect((await target.run("queue.stats", {})).counts).toMatchObject({ blocked: 0, ready: 510 });
});

test("a job that is tried again once all that it had waited for were removed can be taken in elsewhere", async () => {
  const source = await openEngine({ config: {} });
  await source.enqueue({ id: "parent" });
  await source.enqueue({ id: "child", after: [{ id: "parent", onFail: "continue" }] });
  for (const id of ["parent", "child"]) await source.run("job.cancel", { id });
  await source.run("job.remove", { id: "parent" });
  await source.run("job.retry", { id: "child" });
  const target = await openEngine();
  expect(await imported(target, await exported(source))).toMatchObject({ imported: { term: 2 } });
  expect(await target.ids("ready")).toEqual(["child"]);
});
