/** Dead letters: how failed jobs are found, told of, run again and forgotten, one, many, or by a filter. */
import { expect, test } from "vitest";
import { discard as discardSchema } from "../../src/contract/operations.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { end, enqueueMany, forGood, idsOf, moved, take } from "./flow-rig.ts";

const DAY_MS = 86_400_000;
type Filter = Parameters<typeof list>[1];
const list = async (q: Harness, filter: object = {}) =>
  idsOf((await q.run("job.list", { state: "failed", ...filter })).jobs);

/** A queue with failed jobs: `a`, `b` and `c`, of keys and labels, a second apart from one another. */
async function failures(): Promise<Harness> {
  const q = await openEngine();
  const jobs = [
    { id: "a", key: "k", labels: { tenant: "acme" }, error: "429 too many requests" },
    { id: "b", key: "l", labels: { tenant: "acme", batch: "7" }, error: "connection reset" },
    { id: "c", labels: { tenant: "other" }, error: "500 too bad" },
  ];
  for (const { error, ...job } of jobs) {
    await q.enqueue(job);
    await end(q, job.id, { ...forGood, error });
    await q.advance(1000);
  }
  return q;
}
/** So many failed jobs `f0`, `f1`, …. */
async function manyFailures(count: number): Promise<Harness> {
  const q = await openEngine();
  for (let left = count; left > 0; left -= 1000) {
    await enqueueMany(q, `f${left}-`, Math.min(left, 1000));
    const jobs = await q.claim({ max: 1000 });
    const items = jobs.map(({ id, token }) => ({ ...forGood, id, token }));
    await q.run("lease.settle", { items });
  }
  return q;
}
const counts = async (q: Harness) => (await q.run("queue.stats", {})).counts;

test.each<[string, Filter, string[]]>([
  ["nothing", {}, ["a", "b", "c"]],
  ["a label", { label: "batch" }, ["b"]],
  ["an end at that time or later", { endedAfter: START + 1000 }, ["b", "c"]],
  ["an end before that time", { endedBefore: START + 1000 }, ["a"]],
  ["all of it together", { error: "too", label: "tenant:acme", key: "k" }, ["a"]],
])("failed jobs are redriven and discarded by %s", async (_, filter, found) => {
  const q = await failures();
  const changed = found.length;
  expect(await q.run("job.redrive", { ...filter })).toMatchObject({
    operation: { kind: "redrive", status: "done", states: ["failed"], examined: 3, changed },
  });
  expect((await q.ids("ready")).sort()).toEqual(found);
  await q.run("queue.purge", {});
  const left = 3 - changed;
  expect(await q.run("job.discard", {})).toMatchObject({
    operation: { kind: "discard", status: "done", states: ["failed"], changed: left },
  });
  const other = await failures();
  await other.run("job.discard", { ...filter });
  expect(await other.ids()).toEqual(["a", "b", "c"].filter((id) => !found.includes(id)));
});

test("failed jobs of which no worker said why are found, redriven and discarded by their reason", async () => {
  const q = await openEngine({ config: { maxAttempts: 1 } });
  await enqueueMany(q, "silent", 2);
  await q.claim({ max: 2, leaseMs: 1000 });
  await q.advance(1000);
  await q.enqueue({ id: "p" });
  await q.enqueue({ id: "c", after: [{ id: "p" }] });
  await end(q, "p", { ...forGood, error: "no" });
  expect(await list(q, { error: "lease_expired" })).toEqual(["silent0", "silent1"]);
  expect(await list(q, { error: "parent_failed" })).toEqual(["c"]);
  expect(await list(q, { error: "job p" })).toEqual(["c"]);
  const of = { error: "lease_expired" };
  expect(await q.run("job.redrive", of)).toMatchObject({ operation: { changed: 2 } });
  await q.claim({ max: 2, leaseMs: 1000 });
  await q.advance(1000);
  expect(await q.run("job.discard", of)).toMatchObject({ operation: { changed: 2 } });
  expect((await q.ids("failed")).sort()).toEqual(["c", "p"]);
});

test("failed jobs are found by key, label, a part of their error, and the time of their end", async () => {
  const q = await failures();
  const found: (readonly [Filter, string[]])[] = [
    [{}, ["a", "b", "c"]],
    [{ key: "k" }, ["a"]],
    [{ label: "batch" }, ["b"]],
    [{ label: "tenant:acme" }, ["a", "b"]],
    [{ label: "acme" }, []],
    [{ error: "too" }, ["a", "c"]],
    [{ error: "Too" }, []],
    [{ endedAfter: START + 1000 }, ["b", "c"]],
    [{ endedAfter: START + 1001 }, ["c"]],
    [{ endedBefore: START + 1000 }, ["a"]],
    [{ endedBefore: START + 1001 }, ["a", "b"]],
    [{ endedAfter: START + 1000, endedBefore: START + 2000 }, ["b"]],
    [{ error: "too", label: "tenant:acme" }, ["a"]],
    [{ error: "reset", key: "k" }, []],
  ];
  for (const [filter, ids] of found) expect(await list(q, filter)).toEqual(ids);
});

test("the error that is looked for is that of the last attempt", async () => {
  const q = await openEngine({ config: { maxAttempts: 2 } });
  await q.enqueue({ id: "a" });
  await end(q, "a", { op: "fail", error: "first", delayMs: 0 });
  await end(q, "a", { op: "fail", error: "second" });
  expect(await list(q, { error: "first" })).toEqual([]);
  expect(await list(q, { error: "second" })).toEqual(["a"]);
});

test("a failed job tells why, and each of its attempts, over all of its runs", async () => {
  const q = await openEngine({ config: { maxAttempts: 2 } });
  await q.enqueue({ id: "a" });
  await end(q, "a", { op: "fail", error: "one", delayMs: 0 });
  await take(q);
  await q.advance(30_000);
  expect(await q.job("a")).toMatchObject({ state: "failed", reason: "lease_expired" });
  await q.run("job.retry", { id: "a" });
  expect(await q.job("a")).toMatchObject({ state: "ready", run: 2, attempt: 1, deliveries: 0 });
  await end(q, "a", { ...forGood, error: "three" });
  const { attempts, error } = await q.job("a");
  expect(error).toBe("three");
  expect(attempts).toMatchObject([
    { run: 1, attempt: 1, outcome: "failed", error: "one" },
    { run: 1, attempt: 2, outcome: "lease_expired" },
    { run: 2, attempt: 1, outcome: "failed", error: "three" },
  ]);
});

test("a failed job is kept fourteen days from its end", async () => {
  const q = await failures();
  await q.advance(14 * DAY_MS - 3001);
  expect(await list(q)).toEqual(["a", "b", "c"]);
  await q.advance(1);
  expect(await list(q)).toEqual(["b", "c"]);
});

test("what is run again goes to the tail, in the order of its ends", async () => {
  const q = await failures();
  await q.enqueue({ id: "waiting" });
  await q.run("job.redrive", { label: "tenant" });
  const plain = (await take(q, 5)).filter((id) => id === "waiting" || id === "c");
  expect(plain).toEqual(["waiting", "c"]);
});

test("by ids each that has ended and did not complete is run again, and the others are passed over", async () => {
  const q = await failures();
  await q.enqueue({ id: "done" });
  await end(q, "done");
  await q.enqueue({ id: "cancelled" });
  await q.run("job.cancel", { id: "cancelled" });
  await q.enqueue({ id: "open" });
  const ids = ["a", "done", "cancelled", "open", "nobody", "a"];
  expect(await q.run("job.redrive", { ids })).toMatchObject({
    operation: { status: "done", changed: 2, examined: 6, total: 6, states: [] },
  });
  expect((await q.ids("ready")).sort()).toEqual(["a", "cancelled", "open"]);
});

test("by ids each that has ended is discarded, and its id may be used again", async () => {
  const q = await failures();
  await q.enqueue({ id: "done" });
  await end(q, "done");
  await q.enqueue({ id: "open" });
  expect(await q.run("job.discard", { ids: ["a", "done", "open", "nobody"] })).toMatchObject({
    operation: { changed: 2, examined: 4 },
  });
  expect(await q.ids()).toEqual(["b", "c", "open"]);
  await q.enqueue({ id: "a", payload: '"new"', fingerprint: "new" });
  expect((await q.job("a")).run).toBe(1);
});

test("by a filter only failed jobs are meant, unless other states are named", async () => {
  const q = await failures();
  await q.enqueue({ id: "cancelled" });
  await q.run("job.cancel", { id: "cancelled" });
  await q.enqueue({ id: "expired", expiresAt: q.now });
  await q.enqueue({ id: "done" });
  await end(q, "done");
  await q.run("job.discard", { key: "k" });
  await q.run("job.redrive", { states: ["cancelled"] });
  expect(await q.ids("ready")).toEqual(["cancelled"]);
  await q.run("job.discard", { states: ["completed", "expired"] });
  expect(await q.ids()).toEqual(["b", "c", "cancelled"]);
});

test("ids stand alone, and a job that completed is never named for another run", () => {
  expect(discardSchema.safeParse({ ids: ["a"], key: "k" }).success).toBe(false);
  expect(discardSchema.safeParse({ ids: [] }).success).toBe(false);
  expect(discardSchema.safeParse({ ids: Array(1000).fill("a") }).success).toBe(true);
  expect(discardSchema.safeParse({ ids: Array(1001).fill("a") }).success).toBe(false);
});

test("a job past its deadline is not run again, by itself or with others; a time to live is ignored", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "dead", expiresAt: START + 1000 });
  await q.enqueue({ id: "old", ttlMs: 1000 });
  await q.advance(1000);
  expect(await q.refused("job.retry", { id: "dead" })).toMatchObject({ refusalCode: "job_state" });
  expect(await q.run("job.redrive", { states: ["expired"] })).toMatchObject({
    operation: { examined: 2, changed: 1 },
  });
  await q.advance(60_000);
  expect(await q.ids("ready")).toEqual(["old"]);
});

test("many are run again in steps, with progress, over a crash, and each once", async () => {
  const q = await manyFailures(1100);
  const { operation } = await q.run("job.redrive", { error: "no" });
  expect(operation).toMatchObject({
    ...{ status: "running", examined: 1000, changed: 1000, total: 1100 },
  });
  expect(await counts(q)).toMatchObject({ failed: 100, ready: 1000 });
  await q.reopen();
  await q.advance(0);
  const { id } = operation;
  expect((await q.run("operation.get", { id })).operation).toMatchObject({
    ...{ status: "done", examined: 1100, changed: 1100, total: 1100 },
  });
  expect(await counts(q)).toMatchObject({ failed: 0, ready: 1100 });
});

test("an operation touches no job that failed after it began, and goes on in an import", async () => {
  const q = await manyFailures(1100);
  const { operation } = await q.run("job.discard", {});
  expect(operation).toMatchObject({ status: "running", changed: 1000 });
  await q.enqueue({ id: "later", priority: -1 });
  const { token } = await q.claimOne();
  await q.run("lease.settle", { items: [{ ...forGood, id: "later", token }] });
  expect(await list(q, { endedAfter: q.now, error: "no", limit: 1000 })).toContain("later");
  const target = await moved(q);
  for (const each of [q, target]) {
    await each.advance(0);
    expect(await list(each)).toEqual(["later"]);
  }
});

test("a page of a filter that finds little is short, and has a cursor until the end", async () => {
  const q = await failures();
  const first = await q.run("job.list", { state: "failed", error: "too", limit: 1 });
  expect(idsOf(first.jobs)).toEqual(["a"]);
  const second = await q.run("job.list", {
    ...{ state: "failed", error: "too", limit: 1, cursor: first.cursor },
  });
  expect(idsOf(second.jobs)).toEqual(["c"]);
  expect(second).not.toHaveProperty("cursor");
});

test("a repeated redrive is answered as the first, and runs nothing again", async () => {
  const q = await failures();
  const key = { key: "once", bodyHash: "b" };
  const first = await q.run("job.redrive", {}, key);
  await end(q, "c", forGood).catch(() => undefined);
  expect(await q.run("job.redrive", {}, key)).toEqual(first);
  expect(await q.run("operation.get", { id: first.operation.id })).toMatchObject({
    operation: { changed: 3 },
  });
  expect(await q.refused("operation.get", { id: "q0000000-001-op0002" })).toMatchObject({
    refusalCode: "operation_unknown",
  });
});
