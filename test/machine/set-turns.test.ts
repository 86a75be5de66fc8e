/**
 * Turns between sets of requirements, whichever workers there are: what waits is served, however fast others are given what they alone may have.
 * Invariant: each that waits, a key in a set or the jobs without one of a set, has jobs left at all times.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ClaimInput } from "../../src/contract/leases.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { enqueueMany, take } from "./flow-rig.ts";

const nameOf = (id: string): string => id.replace(/\d+$/, "");

/** The jobs that a worker is given, one a claim, while another one takes so many before each. */
async function beside(
  q: Harness,
  count: number,
  own: ClaimInput,
  other: ClaimInput,
  rate: number,
): Promise<string> {
  const names: string[] = [];
  for (let i = 0; i < count; i += 1) {
    await take(q, rate, other);
    names.push(...(await take(q, 1, own)).map(nameOf));
  }
  return names.join("");
}

test("jobs without a key wait for their turn alone, however fast other workers take those of other requirements", async () => {
  for (const rate of [1, 2, 5]) {
    const q = await openEngine();
    await enqueueMany(q, "k", 60, { key: "k", requires: ["b"] });
    await enqueueMany(q, "-", 30, { requires: ["b"] });
    await enqueueMany(q, "x", 300, { requires: ["a"] });
    const order = await beside(q, 12, { capabilities: ["b"] }, { capabilities: ["a"] }, rate);
    expect(order).toMatch(/^(-k|k-){6}$/);
  }
});

test("keys wait for their turn alone, however fast other workers go on with jobs without one", async () => {
  const q = await openEngine();
  for (const key of ["k", "l"]) await enqueueMany(q, key, 60, { key, requires: ["b"] });
  await enqueueMany(q, "-", 60, { requires: ["b"] });
  await enqueueMany(q, "y", 200, { key: "y", requires: ["a"] });
  await enqueueMany(q, "x", 200, { requires: ["a"] });
  const order = await beside(q, 18, { capabilities: ["b"] }, { capabilities: ["a"] }, 7);
  expect(order).toBe("-kl".repeat(6));
});

test("jobs without a key do not wait for older ones of other requirements while keys have turns", async () => {
  const q = await openEngine();
  await enqueueMany(q, "x", 40);
  await enqueueMany(q, "-", 20, { requires: ["b"] });
  await enqueueMany(q, "k", 40, { key: "k" });
  const order = await beside(q, 12, { capabilities: ["b"] }, {}, 1);
  expect(order.split("-").length - 1).toBeGreaterThanOrEqual(4);
});

test("a set of requirements that comes anew with each of its jobs waits for its turn, and leaves nothing behind", async () => {
  const q = await openEngine();
  await enqueueMany(q, "k", 20, { key: "k" });
  const names: string[] = [];
  for (let i = 0; i < 12; i += 1) {
    if (names.at(-1) !== "k") await q.enqueue({ id: `-${i}`, requires: ["b"] });
    const { id, token } = await q.claimOne({ capabilities: ["b"] });
    await q.settle({ op: "complete", id, token });
    names.push(nameOf(id));
  }
  expect(names.join("")).toMatch(/^(-k|k-){6}$/);
  await q.run("queue.purge", {});
  expect([...q.store.tables.rounds.scan({})].map(([[set]]) => set)).toEqual([1]);
});

const needs = ["a", "b", "c"] as const;
const someNeeds = fc.subarray([...needs]);
const lanes = fc.uniqueArray(fc.tuple(fc.constantFrom("", "k", "l", "m"), someNeeds), {
  minLength: 2,
  maxLength: 9,
  selector: (each) => each.flat().join(),
});
const claims = fc.array(someNeeds, { minLength: 30, maxLength: 60, size: "max" });
const runs = Number(process.env["SLUICE_PROPERTY_RUNS"] ?? 40);

test("whichever workers claim, none that waits is passed by another more than twice", async () => {
  const judge = async (all: readonly [string, string[]][], by: readonly string[][]) => {
    const q = await openEngine();
    const named = [["anyone", []] as [string, string[]], ...all].map(([key, requires], i) => ({
      name: `${i}-`,
      key,
      requires,
    }));
    for (const { name, key, requires } of named) {
      await enqueueMany(q, name, by.length, key === "" ? { requires } : { key, requires });
    }
    const passed = new Map<string, readonly string[]>();
    for (const capabilities of by) {
      const mine = named.filter(({ requires }) => requires.every((n) => capabilities.includes(n)));
      const [id = ""] = await take(q, 1, { capabilities });
      for (const { name } of mine) {
        const others = id.startsWith(name) ? [] : [...(passed.get(name) ?? []), nameOf(id)];
        passed.set(name, others);
        const turns = others.filter((other) => other === nameOf(id)).length;
        expect(turns).toBeLessThanOrEqual(2);
      }
    }
  };
  await fc.assert(fc.asyncProperty(lanes, claims, judge), { numRuns: runs });
});
