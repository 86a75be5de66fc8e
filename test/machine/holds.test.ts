/** Keys that an API asked to leave alone: what a release holds, for how long, and what ends it. */
import { expect, test } from "vitest";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { end, enqueueMany, take } from "./flow-rig.ts";

const keyOf = async (q: Harness) => (await q.run("key.get", { key: "k" })).key;

test("a release may hold its key: none of its jobs is handed out before", async () => {
  const q = await openEngine();
  await enqueueMany(q, "k", 3, { key: "k" });
  await enqueueMany(q, "o", 1, { key: "o" });
  await end(q, "k0", { op: "release", holdKeyMs: 5000 });
  expect(await keyOf(q)).toMatchObject({ limitedBy: "held", limitedUntil: START + 5000 });
  expect(await take(q, 5)).toEqual(["o0"]);
  expect(await q.run("lease.claim", {})).toMatchObject({ limited: 3, nextDueAt: START + 5000 });
  await q.advance(4999);
  expect(await take(q, 5)).toEqual([]);
  await q.reopen();
  await q.advance(1);
  expect(await take(q, 5)).toEqual(["k0", "k1", "k2"]);
});

test("of two holds the longer one counts, and jobs that run meanwhile go on", async () => {
  const q = await openEngine();
  await enqueueMany(q, "k", 4, { key: "k" });
  const [first, second, third] = await q.claim({ max: 3 });
  const release = (job: typeof first, holdKeyMs: number) =>
    q.settle({ op: "release", id: job?.id ?? "", token: job?.token ?? "", holdKeyMs });
  await release(first, 5000);
  await release(second, 1000);
  expect(
    await q.settle({ op: "complete", id: third?.id ?? "", token: third?.token ?? "" }),
  ).toMatchObject({ ok: true });
  await q.advance(4999);
  expect(await take(q, 5)).toEqual([]);
  await q.advance(1);
  expect(await take(q, 5)).toEqual(["k0", "k1", "k3"]);
});

test.each([
  ["a resume", "key.put", { key: "k", paused: false }],
  ["leaving the key to the defaults", "key.remove", { key: "k" }],
] as const)(
  "%s ends a hold of the key at once, also of one that is paused",
  async (_, name, input) => {
    const q = await openEngine();
    await enqueueMany(q, "k", 2, { key: "k" });
    await end(q, "k0", { op: "release", holdKeyMs: 5000 });
    await q.run("key.put", { key: "k", paused: true });
    await q.run(name, input);
    await q.reopen();
    expect(await keyOf(q)).not.toHaveProperty("limitedBy");
    expect(await take(q, 5)).toEqual(["k0", "k1"]);
  },
);

test("a resume changes nothing of a key that is neither paused nor held any more", async () => {
  const q = await openEngine();
  await enqueueMany(q, "k", 1, { key: "k" });
  await end(q, "k0", { op: "release", holdKeyMs: 5000 });
  await q.advance(5000);
  const { index } = q.store.committed;
  await q.run("key.put", { key: "k", paused: false });
  expect(q.store.committed.index).toBe(index);
});

test("a hold and a delay are each for their own", async () => {
  const q = await openEngine();
  await enqueueMany(q, "k", 2, { key: "k" });
  await end(q, "k0", { op: "release", holdKeyMs: 1000, delayMs: 3000 });
  await q.advance(1000);
  expect(await take(q, 5)).toEqual(["k1"]);
  await q.advance(2000);
  expect(await take(q, 5)).toEqual(["k0"]);
});

test.each([
  { holdKeyMs: 5000 },
  { holdKeyMs: 5000, delayMs: 1000 },
  { holdKeyMs: 1000, delayMs: 5000 },
])(
  "a job without a key holds no other, and is itself held back for the longer of %o",
  async (how) => {
    const q = await openEngine();
    await enqueueMany(q, "-", 2);
    expect(await end(q, "-0", { op: "release", ...how })).toMatchObject({ runAt: START + 5000 });
    expect(await take(q, 5)).toEqual(["-1"]);
    await q.advance(4999);
    expect(await take(q, 5)).toEqual([]);
    await q.advance(1);
    expect(await take(q, 5)).toEqual(["-0"]);
  },
);

test("a hold outlives the jobs of its key, and then the key is forgotten", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a", key: "k" });
  await end(q, "a", { op: "release", holdKeyMs: 5000 });
  await q.run("job.cancel", { id: "a" });
  await q.enqueue({ id: "b", key: "k" });
  expect(await take(q)).toEqual([]);
  await q.run("job.cancel", { id: "b" });
  await q.advance(5000);
  expect((await q.run("key.list", {})).keys).toEqual([]);
});
