/** When an empty claim says that there may be more: never too late, whatever time or an unfinished piece of work sets free. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ClaimedJob } from "../../src/contract/leases.ts";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import { end, enqueueMany, forGood, take } from "./flow-rig.ts";

const nextDueAt = async (q: Harness) => (await q.run("lease.claim", {})).nextDueAt;

test("an empty claim is told when the worker dies that holds a job, where that comes before the end of the lease", async () => {
  const q = await openEngine({ config: {} });
  await q.run("worker.register", { id: "idle", ttlMs: 1000 });
  await q.run("worker.register", { id: "w", ttlMs: 5000 });
  await q.enqueue({ id: "a" });
  await q.claimOne({ worker: "w", leaseMs: 600_000 });
  expect(await nextDueAt(q)).toBe(START + 7500);
  await q.advance(7499);
  expect(await take(q)).toEqual([]);
  await q.advance(1);
  expect(await take(q)).toEqual(["a"]);
});

test("the death of a worker that holds nothing sets nothing free", async () => {
  const q = await openEngine({ config: {} });
  await q.run("worker.register", { id: "w", ttlMs: 5000 });
  expect(await nextDueAt(q)).toBeNull();
});

test("behind 255 workers that hold nothing it is the time of the next one", async () => {
  const q = await openEngine({ config: {} });
  for (let i = 0; i < 256; i += 1) {
    await q.run("worker.register", { id: `idle${i}`, ttlMs: 20_000 });
  }
  await q.run("worker.register", { id: "w", ttlMs: 60_000 });
  await q.enqueue({ id: "a" });
  await q.claimOne({ worker: "w", leaseMs: 600_000 });
  expect(await nextDueAt(q)).toBe(START + 30_000);
  await q.run("worker.remove", { id: "idle0" });
  expect(await nextDueAt(q)).toBe(START + 90_000);
});

test("while jobs have not heard yet of the end that they waited for, there may be more at once", async () => {
  const q = await openEngine({ config: {} });
  await q.enqueue({ id: "p" });
  const after = [{ id: "p" }];
  for (const name of ["late-a", "late-b"]) {
    await enqueueMany(q, name, 1000, { after, delayMs: 60_000 });
  }
  await enqueueMany(q, "soon", 100, { after });
  await end(q, "p");
  expect(await nextDueAt(q)).toBe(q.now);
  await q.advance(0);
  expect(await take(q)).toEqual(["soon0"]);
});

test("while an operation goes on there may be more at once", async () => {
  const q = await openEngine({ config: {} });
  await enqueueMany(q, "other", 1000, { requires: ["x"] });
  await q.enqueue({ id: "own" });
  const jobs = await q.claim({ max: 1000, capabilities: ["x"] });
  const items = jobs.map(({ id, token }) => ({ ...forGood, id, token }));
  await q.run("lease.settle", { items });
  await end(q, "own", forGood);
  expect(await nextDueAt(q)).toBeNull();
  await q.run("job.redrive", {});
  expect(await nextDueAt(q)).toBe(q.now);
  await q.advance(0);
  expect(await take(q)).toEqual(["own"]);
});

test("behind as many jobs as one claim may end there may be more at once", async () => {
  const q = await openEngine({ config: { maxDeliveries: 2 } });
  await enqueueMany(q, "worn", limits.sweepMax);
  const jobs = await q.claim({ max: 1000 });
  const items = jobs.map(({ id, token }) => ({ op: "release", id, token }) as const);
  await q.run("lease.settle", { items });
  await q.run("queue.configure", { maxDeliveries: 1 });
  await q.enqueue({ id: "fresh" });
  expect(await nextDueAt(q)).toBe(q.now);
  expect(await take(q)).toEqual(["fresh"]);
});

/** Commands, as data, by which a counterexample is told. */
type Step =
  | readonly ["enqueue", job: object, policy: "continue" | "fail" | undefined]
  | readonly ["claim", input: object]
  | readonly ["settle", op: string, which: number]
  | readonly ["cancel", which: number]
  | readonly ["key" | "queue", settings: object]
  | readonly ["pass", ms: number]
  | readonly ["look", percent: number];

const rate = fc.constantFrom(
  { limit: 1, perMs: 1500 },
  { limit: 3, perMs: 1000, burst: 1 },
  { limit: 2, perMs: 7000 },
  null,
);
const concurrency = fc.constantFrom(1, 2, null);
const key = fc.constantFrom("k", "l");
const job = fc.record(
  {
    key,
    delayMs: fc.constantFrom(700, 4000),
    ttlMs: fc.constant(2500),
    unique: fc.constantFrom<object>({ key: "u" }, { key: "u", until: { ms: 3000 } }),
  },
  { requiredKeys: [] },
);
const claim = fc.record(
  {
    max: fc.integer({ min: 1, max: 3 }),
    worker: fc.constant("w"),
    leaseMs: fc.constantFrom(2000, 5000, 20_000),
  },
  { requiredKeys: ["leaseMs"] },
);
const op = fc.constantFrom("complete", "fail", "release", "hold", "extend");
const policy = fc.constantFrom(undefined, undefined, "continue" as const, "fail" as const);
const ms = fc.constantFrom(1, 500, 1000, 1700, 3000);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant("enqueue" as const), job, policy) },
  { weight: 6, arbitrary: fc.tuple(fc.constant("claim" as const), claim) },
  { weight: 5, arbitrary: fc.tuple(fc.constant("settle" as const), op, fc.nat(5)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("cancel" as const), fc.nat(5)) },
  fc.tuple(fc.constant("key" as const), fc.record({ key, rate, concurrency })),
  fc.tuple(fc.constant("queue" as const), fc.record({ rate, concurrency })),
  { weight: 5, arbitrary: fc.tuple(fc.constant("pass" as const), ms) },
  { weight: 5, arbitrary: fc.tuple(fc.constant("look" as const), fc.integer({ min: 1, max: 99 })) },
);

/** How far ahead a claim is tried again where nothing is due. */
const AHEAD_MS = 30_000;

/** Does a step with a queue, and looks whether what an empty claim says holds. */
async function run(q: Harness, held: ClaimedJob[], jobs: string[], done: Step): Promise<void> {
  switch (done[0]) {
    case "enqueue": {
      const [, options, onFail] = done;
      const id = `j${jobs.length}`;
      const last = jobs.at(-1);
      const isChild = onFail !== undefined && last !== undefined;
      const waits = isChild && { after: [{ id: last, onFail }] };
      await q.answer("job.enqueue", { jobs: [{ id, payload: "1", ...options, ...waits }] });
      jobs.push(id);
      return;
    }
    case "claim":
      held.push(...(await q.claim(done[1])));
      return;
    case "settle": {
      const lease = held.at(-1 - (done[2] % Math.max(held.length, 1)));
      if (lease === undefined) return;
      const { id, token } = lease;
      const how = done[1] === "hold" ? { op: "release", holdKeyMs: 2600 } : { op: done[1] };
      await q.settle({ ...how, ...(done[1] === "fail" && { error: "x" }), id, token } as never);
      return;
    }
    case "cancel":
      await q.answer("job.cancel", { id: jobs.at(-1 - done[1]) ?? "j0" });
      return;
    case "key":
      await q.answer("key.put", done[1] as never);
      return;
    case "queue":
      await q.run("queue.configure", done[1]);
      return;
    case "pass":
      await q.advance(done[1]);
      return;
    case "look": {
      const empty = await q.run("lease.claim", { leaseMs: 5000 });
      held.push(...empty.jobs);
      const ahead = Math.min((empty.nextDueAt ?? Infinity) - q.now, AHEAD_MS);
      const waitMs = Math.floor((ahead * done[1]) / 100) - 1;
      if (empty.jobs.length > 0 || waitMs <= 0) return;
      await q.advance(waitMs);
      expect([empty.nextDueAt, await take(q, 1, { leaseMs: 5000 })]).toEqual([empty.nextDueAt, []]);
    }
  }
}

test("nothing can be claimed between an empty claim and the time that it says", async () => {
  const backoff = { kind: "fixed", delayMs: 1300, jitter: "none" } as const;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 40, size: "max" }),
      fc.boolean(),
      fc.boolean(),
      async (steps, isStrict, isRegistered) => {
        const q = await openEngine({ config: { maxAttempts: 3, backoff } });
        if (isStrict) await q.run("key.put", { key: "k", order: "fifo" });
        if (isRegistered) await q.run("worker.register", { id: "w", ttlMs: 2000 });
        const held: ClaimedJob[] = [];
        const jobs: string[] = [];
        for (const each of steps) await run(q, held, jobs, each);
      },
    ),
    { numRuns: 60 },
  );
});
