/** What replaces a job of the same unique key: while that waits, while it runs, and what becomes of the one that follows it. */
import { expect, test } from "vitest";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { end, take, tryEnqueue } from "./flow-rig.ts";

const held = { key: "u" };
const replace = { ...held, onConflict: "replace" as const };
const reject = { ...held, onConflict: "reject" as const };
const same = (id: string) => ({ id, deduplicated: true });

/** A queue with job `a`, which has the unique key. */
async function holding(options: object = {}, config: object = {}): Promise<Harness> {
  const q = await openEngine({ config });
  await q.enqueue({ id: "a", payload: '"first"', unique: held, ...options });
  return q;
}
const payloadOf = async (q: Harness, id: string) => (await q.job(id)).payload;
const followOf = (q: Harness) => q.store.tables.uniques.get(["u"])?.follow;

test("a replacement gives the waiting job its payload and due time, and nothing else", async () => {
  const q = await holding({ priority: 3, labels: { l: "1" } });
  const more = { payload: '"new"', priority: -3, labels: { m: "2" }, delayMs: 1000 };
  expect(await tryEnqueue(q, { ...more, unique: replace })).toEqual({ id: "a", replaced: true });
  expect(await q.job("a")).toMatchObject({
    ...{ payload: "new", state: "scheduled", runAt: START + 1000 },
    ...{ priority: 3, labels: { l: "1" }, unique: held },
  });
  await q.advance(999);
  expect(await take(q)).toEqual([]);
  await q.advance(1);
  expect(await take(q)).toEqual(["a"]);
});

test("a replaced job keeps its place, and one that was delayed is ready where no delay is said", async () => {
  const q = await holding();
  await q.enqueue({ id: "z" });
  await q.advance(5);
  await tryEnqueue(q, { unique: replace });
  await q.enqueue({ id: "d", delayMs: 60_000, unique: { key: "v" } });
  await tryEnqueue(q, { unique: { ...replace, key: "v" } });
  expect(await take(q, 5)).toEqual(["a", "z", "d"]);
});

test("a replaced job that waits for others goes on waiting, and then for its new due time", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "p" });
  await q.enqueue({ id: "a", after: [{ id: "p" }], unique: held });
  await tryEnqueue(q, { payload: '"new"', delayMs: 1000, unique: replace });
  expect(await q.job("a")).toMatchObject({ state: "blocked", payload: "new" });
  await end(q, "p");
  expect(await q.job("a")).toMatchObject({ state: "scheduled", runAt: START + 1000 });
});

test("a replacement counts its bytes, and is refused where they find no room", async () => {
  const q = await holding({}, { maxBytes: 10 });
  expect(await tryEnqueue(q, { payload: '"12345678"', unique: replace })).toMatchObject({
    replaced: true,
  });
  expect(await tryEnqueue(q, { payload: '"123456789"', unique: replace })).toEqual({
    code: "queue_full",
  });
  expect(await payloadOf(q, "a")).toBe("12345678");
});

test("a replacement while the first one runs follows it, and later ones replace that", async () => {
  const q = await holding();
  await take(q);
  expect(await tryEnqueue(q, { id: "b", payload: "1", unique: replace })).toEqual({ id: "b" });
  expect(await tryEnqueue(q, { id: "c", payload: "2", unique: replace })).toEqual({
    ...{ id: "b", replaced: true },
  });
  expect(await payloadOf(q, "b")).toBe(2);
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("a"));
  expect(await tryEnqueue(q, { unique: reject })).toEqual({ code: "unique_conflict" });
  expect(await q.ids()).toEqual(["a", "b"]);
});

test.each(["complete", "fail", "cancel"])(
  "the one that follows is handed out once the first one has ended, by %s, and not beside it",
  async (how) => {
    const q = await holding();
    const { id, token } = await q.claimOne();
    await q.enqueue({ id: "b", unique: replace });
    expect(await q.job("b")).toMatchObject({
      ...{ state: "blocked", pending: 1, after: [{ id: "a", onFail: "continue" }] },
    });
    expect(await take(q)).toEqual([]);
    if (how === "complete") await q.settle({ op: "complete", id, token });
    else if (how === "cancel") await q.run("job.cancel", { id });
    else await q.settle({ op: "fail", id, token, error: "no", retryable: false });
    expect(await take(q)).toEqual(["b"]);
    expect(await tryEnqueue(q, { id: "c", unique: replace })).toEqual({ id: "c" });
    expect(await take(q)).toEqual([]);
  },
);

test("the one that follows waits for its own parents too, and for the first one as it says itself", async () => {
  const q = await holding();
  await q.enqueue({ id: "p" });
  const { id, token } = await q.claimOne();
  const after = [{ id: "p" }, { id: "a" }];
  await q.enqueue({ id: "b", after, unique: replace });
  expect(await q.job("b")).toMatchObject({ pending: 2, after });
  await q.settle({ op: "fail", id, token, error: "no", retryable: false });
  expect(await q.job("b")).toMatchObject({ state: "failed", reason: "parent_failed" });
  expect(await tryEnqueue(q, { id: "c", unique: reject })).toEqual({ id: "c" });
});

test("the one that follows has the key once the first one is done", async () => {
  const q = await holding();
  const { id, token } = await q.claimOne();
  await q.enqueue({ id: "b", unique: replace, delayMs: 1000 });
  await q.settle({ op: "complete", id, token });
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("b"));
  await q.run("job.cancel", { id: "b" });
  expect(await tryEnqueue(q, { id: "c", unique: held })).toEqual({ id: "c" });
});

test("the time of the one that follows begins when it has the key", async () => {
  const q = await holding();
  const { id, token } = await q.claimOne();
  await q.enqueue({ id: "b", unique: { ...replace, until: { ms: 1000 } }, delayMs: 60_000 });
  await q.advance(5000);
  await q.settle({ op: "complete", id, token });
  q.now += 999;
  expect(await tryEnqueue(q, { unique: held })).toEqual(same("b"));
  q.now += 1;
  expect(await tryEnqueue(q, { id: "c", unique: held })).toEqual({ id: "c" });
});

test("where the first one comes back to wait, a replacement still goes to the one that follows", async () => {
  const q = await holding();
  const { id, token } = await q.claimOne();
  await q.enqueue({ id: "b", unique: replace });
  await q.settle({ op: "release", id, token });
  expect(await tryEnqueue(q, { unique: replace })).toEqual({ id: "b", replaced: true });
});

test.each([undefined, "done", "started", { ms: 60_000 }] as const)(
  "one that followed and has ended before the first (until %j) follows no longer",
  async (until) => {
    const q = await holding();
    await take(q);
    await q.enqueue({ id: "b", unique: { ...replace, ...(until && { until }) } });
    expect(followOf(q)).toBe("b");
    await q.run("job.cancel", { id: "b" });
    expect(followOf(q)).toBeUndefined();
    expect(await tryEnqueue(q, { id: "c", unique: replace })).toEqual({ id: "c" });
    expect(followOf(q)).toBe("c");
  },
);

test("a job that has the id of one that followed is not replaced in its stead", async () => {
  const q = await holding();
  await take(q);
  await q.enqueue({ id: "b", unique: { ...replace, until: { ms: 60_000 } } });
  await q.run("job.cancel", { id: "b" });
  await q.run("job.remove", { id: "b" });
  await q.enqueue({ id: "b", payload: '"mine"' });
  expect(await tryEnqueue(q, { id: "c", payload: '"other"', unique: replace })).toEqual({
    id: "c",
  });
  expect(await payloadOf(q, "b")).toBe("mine");
});

test("within a time, a replacement is answered with the first one while that runs and once it has ended", async () => {
  const q = await holding({ unique: { ...held, until: { ms: 60_000 } } });
  expect(await tryEnqueue(q, { payload: "1", unique: replace })).toMatchObject({ replaced: true });
  const { id, token } = await q.claimOne();
  expect(await tryEnqueue(q, { unique: replace })).toEqual(same("a"));
  await q.settle({ op: "release", id, token });
  expect(await tryEnqueue(q, { payload: "2", unique: replace })).toMatchObject({ replaced: true });
  await end(q, "a");
  expect(await tryEnqueue(q, { unique: replace })).toEqual(same("a"));
});

test("whoever was handed the first payload cannot complete the job late once that is replaced", async () => {
  const q = await holding();
  const { id, token } = await q.claimOne({ leaseMs: 1000 });
  await q.advance(1000);
  await tryEnqueue(q, { payload: '"new"', unique: replace });
  expect(await q.settle({ op: "complete", id, token })).toMatchObject({ code: "lease_stale" });
  await q.reopen();
  expect(await q.claimOne()).toMatchObject({ id, payload: "new" });
});

test("what was settled before a replacement is still known when it is repeated", async () => {
  const q = await holding();
  const { id, token } = await q.claimOne();
  await q.settle({ op: "progress", id, token, progress: "50" });
  await q.settle({ op: "release", id, token });
  await tryEnqueue(q, { payload: '"new"', unique: replace });
  expect(await q.settle({ op: "release", id, token })).toMatchObject({ ok: true, repeated: true });
  expect((await q.job(id)).progress).toBeUndefined();
});

test("within a time, a job that has the id of the first one is not replaced in its stead", async () => {
  const q = await holding({ unique: { ...held, until: { ms: 60_000 } } });
  await end(q, "a");
  await q.run("job.remove", { id: "a" });
  await q.enqueue({ id: "a", payload: '"mine"' });
  expect(await tryEnqueue(q, { payload: '"other"', unique: replace })).toEqual(same("a"));
  expect(await payloadOf(q, "a")).toBe("mine");
});
