/**
 * However jobs without a key come between those of keys, and however many are claimed at once: nobody who waits is passed by more turns
 * than the rule says.
 * Invariant: each key has jobs left, so that no round changes but by its turns.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";
import { enqueueMany, take } from "./flow-rig.ts";

const CLAIM_MAX = 5;
const STEPS_MAX = 14;

/** So many jobs without a key come, and then so many jobs are claimed. */
const steps = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: CLAIM_MAX })),
  { minLength: 1, maxLength: STEPS_MAX, size: "max" },
);
/** Of one to four keys. */
const weights = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 });

const runs = Number(process.env["SLUICE_PROPERTY_RUNS"] ?? 100);

test("a key waits for two turns of jobs without one at most, and these for two of each key", async () => {
  const judge = async (all: readonly (readonly [number, number])[], of: readonly number[]) => {
    const q = await openEngine();
    const names = of.map((_, i) => `k${i}-`);
    for (const [i, key] of names.entries()) {
      await q.run("key.put", { key, weight: of[i] ?? 1 });
      await enqueueMany(q, key, CLAIM_MAX * STEPS_MAX, { key });
    }
    let left = 0;
    let plainTurns = new Map<string, number>();
    let keyJobs = new Map<string, number>();
    for (const [at, [come, max]] of all.entries()) {
      if (left === 0) keyJobs = new Map();
      if (come > 0) await enqueueMany(q, `plain${at}-`, come);
      left += come;
      for (const id of await take(q, max)) {
        const key = names.find((name) => id.startsWith(name));
        if (key === undefined) {
          left -= 1;
          keyJobs = new Map();
          plainTurns = new Map(names.map((name) => [name, (plainTurns.get(name) ?? 0) + 1]));
          expect(Math.max(...plainTurns.values())).toBeLessThanOrEqual(2);
        } else {
          plainTurns.set(key, 0);
          if (left === 0) continue;
          const jobs = (keyJobs.get(key) ?? 0) + 1;
          keyJobs.set(key, jobs);
          expect(jobs).toBeLessThanOrEqual(2 * (of[names.indexOf(key)] ?? 1));
        }
      }
    }
  };
  await fc.assert(fc.asyncProperty(steps, weights, judge), { numRuns: runs });
});
