/**
 * A claim of many jobs gives what as many claims of one give: what it looks up ahead, and keeps of it from one job to the next, changes nothing.
 * Invariant: both queues are told the same, at the same times; ids are of their steps, and tokens are those of the jobs as they stand.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { leaseToken } from "../../src/contract/ids.ts";
import type { Settlement } from "../../src/contract/leases.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { enqueueAll, take } from "./flow-rig.ts";

const needs = fc.subarray(["x", "y"]);
const key = fc.constantFrom(undefined, "a", "b", "c", "d");
const jobs = fc.record({
  ...{ key, requires: needs, count: fc.integer({ min: 1, max: 6 }) },
  priority: fc.constantFrom(0, 0, 0, 1, -1),
  ttlMs: fc.constantFrom(undefined, undefined, undefined, 700),
  isAfter: fc.constantFrom(false, false, false, true),
});
const settlement = fc.constantFrom<Partial<Settlement>>(
  { op: "complete" },
  { op: "fail", error: "no" },
  { op: "release" },
  { op: "release", delayMs: 800 },
  { op: "release", holdKeyMs: 800 },
);
const settings = fc.constantFrom(
  ...[{ weight: 3 }, { weight: 1 }, { concurrency: 1 }, { concurrency: null }, { paused: true }],
  ...[{ paused: false }, { rate: { limit: 1, perMs: 1000 } }, { rate: null }],
  ...[{ order: "fifo" as const }, { order: "priority" as const }],
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ jobs }) },
  { weight: 4, arbitrary: fc.record({ claim: fc.integer({ min: 1, max: 4 }), can: needs }) },
  { weight: 4, arbitrary: fc.record({ settlement, which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ settings, of: fc.constantFrom("a", "b", "c", "d") }) },
  { weight: 1, arbitrary: fc.record({ maxDeliveries: fc.constantFrom(1, 2, null) }) },
  { weight: 1, arbitrary: fc.record({ passes: fc.constantFrom(1, 700, 1500) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const jobsIn = (q: Harness, state: string) =>
  [...q.store.tables.jobs.scan({})].filter(([, row]) => row.state === state);

async function settleOne(q: Harness, how: Partial<Settlement>, which: number): Promise<void> {
  const running = jobsIn(q, "running");
  const [[id], { grant = 0 }] = running[which % running.length] ?? [[""], {}];
  const identity = q.store.tables.queue.get([0]);
  if (id === "" || identity === undefined) return;
  await q.settle({ ...how, id, token: leaseToken(identity, grant) } as Settlement);
}

async function enqueue(q: Harness, { jobs: said }: Extract<Step, { jobs: object }>, at: number) {
  const { count, isAfter, ...options } = said;
  const [parent] = isAfter ? (jobsIn(q, "ready").at(-1)?.[0] ?? []) : [];
  const after =
    parent === undefined ? {} : { after: [{ id: parent, onFail: "continue" as const }] };
  const named = JSON.parse(JSON.stringify(options)) as object;
  await enqueueAll(
    q,
    Array.from({ length: count }, (_, i) => ({ id: `${at}-${i}`, ...named, ...after })),
  );
}

async function perform(q: Harness, said: Step, at: number): Promise<void> {
  if ("jobs" in said) await enqueue(q, said, at);
  else if ("claim" in said) await take(q, said.claim, { capabilities: said.can });
  else if ("settlement" in said) await settleOne(q, said.settlement, said.which);
  else if ("settings" in said) await q.answer("key.put", { key: said.of, ...said.settings });
  else if ("passes" in said) q.now += said.passes;
  else await q.run("queue.configure", said);
}

const runs = Number(process.env["SLUICE_PROPERTY_RUNS"] ?? 25);

test("a claim of many gives what as many claims of one give", async () => {
  const judge = async (steps: readonly Step[], by: readonly string[][], max: number) => {
    const [many, one] = [await openEngine(), await openEngine()];
    for (const q of [many, one]) {
      for (const [at, each] of steps.entries()) await perform(q, each, at);
    }
    for (const capabilities of by) {
      const got = await take(many, max, { capabilities });
      const alone: string[] = [];
      for (let last = [""]; alone.length < max && last.length > 0; alone.push(...last)) {
        last = await take(one, 1, { capabilities });
      }
      expect(alone).toEqual(got);
    }
  };
  const states = fc.array(step, { minLength: 10, maxLength: 60, size: "max" });
  const workers = fc.array(needs, { minLength: 2, maxLength: 6 });
  const most = fc.integer({ min: 2, max: 25 });
  await fc.assert(fc.asyncProperty(states, workers, most, judge), { numRuns: runs });
});
