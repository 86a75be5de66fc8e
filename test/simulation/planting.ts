/**
 * Planting defects, which the simulation is then to find.
 * Invariant: a planted defect is taken out again behind the test that planted it, so that no other test meets it.
 */
import { afterEach } from "vitest";
import { allSteps, type Failure, leaderOf, run } from "./run.ts";
import type { Leader } from "./scheduler.ts";

const takeOut: (() => void)[] = [];

afterEach(() => {
  for (const undo of takeOut.splice(0)) undo();
});

/** Replaces a function of an object until the test is over. */
export function replace<T extends object, N extends keyof T>(
  holder: T,
  name: N,
  by: (original: T[N]) => T[N],
): void {
  const original = holder[name];
  holder[name] = by(original);
  takeOut.push(() => {
    holder[name] = original;
  });
}

/** How the first of some seeds breaks a rule, of those alone that have this leader where one is named. Throws where none does. */
export async function firstFailure(
  seeds: number,
  steps: number,
  leader?: Leader,
): Promise<Failure> {
  const all = Array.from({ length: seeds }, (_, i) => i + 1);
  for (const seed of all.filter((each) => leader === undefined || leaderOf(each) === leader)) {
    const { failure } = await run({ seed, steps: allSteps(steps) });
    if (failure !== undefined) return failure;
  }
  throw new Error("the planted defect was not found");
}
