/** Turns of keys: who comes next, however much each has waiting. */
import { expect, test } from "vitest";
import type { ClaimInput } from "../../src/contract/leases.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { end, enqueueMany, idsOf, moved, take } from "./flow-rig.ts";

const keyOf = (id: string): string => id.replace(/\d+$/, "");
const served = async (q: Harness, max: number, input = {}) =>
  (await take(q, max, input)).map(keyOf).join("");

/** Two keys with so many jobs each. */
async function twoKeys(a: number, b: number): Promise<Harness> {
  const q = await openEngine();
  await enqueueMany(q, "a", a, { key: "a" });
  await enqueueMany(q, "b", b, { key: "b" });
  return q;
}

test("a key with 1,000 jobs cannot starve one with two", async () => {
  const q = await twoKeys(1000, 2);
  expect(await take(q, 5)).toEqual(["a0", "b0", "a1", "b1", "a2"]);
});

test("a key that comes late has its turn within the round", async () => {
  const q = await twoKeys(30, 30);
  await take(q, 20);
  await enqueueMany(q, "c", 2, { key: "c" });
  expect((await served(q, 3)).split("").sort().join("")).toBe("abc");
});

test("a key that had nothing for long is owed no more than its turn", async () => {
  const q = await twoKeys(70, 1);
  await take(q, 60);
  await enqueueMany(q, "bb", 20, { key: "b" });
  expect(await served(q, 4)).toMatch(/^(abb|bba)\1$/);
});

test("1,000 jobs without a key do not starve those of keys", async () => {
  const q = await openEngine();
  await enqueueMany(q, "-", 1000);
  await enqueueMany(q, "a", 2, { key: "a" });
  await enqueueMany(q, "b", 2, { key: "b" });
  expect((await served(q, 6)).split("").sort().join("")).toBe("--aabb");
});

test("keys with many jobs do not starve those without a key", async () => {
  const q = await twoKeys(100, 100);
  await enqueueMany(q, "-", 2);
  expect((await served(q, 6)).split("").sort().join("")).toBe("--aabb");
});

test("jobs without a key have one turn between them, however many keys there are", async () => {
  const q = await openEngine();
  for (const key of ["a", "b", "c", "d"]) await enqueueMany(q, key, 10, { key });
  await enqueueMany(q, "-", 10);
  const order = await served(q, 40);
  expect(order.split("-").length - 1).toBe(8);
});

test("jobs without a key are as punctual among three keys or six, whose fractions of a round are not exact", async () => {
  for (const keys of ["abc", "abcdef"]) {
    const q = await openEngine();
    for (const key of keys) await enqueueMany(q, key, 10, { key });
    await enqueueMany(q, "-", 10);
    expect(await served(q, 10 * (keys.length + 1))).toBe(`-${keys}`.repeat(10));
  }
});

test("each key is given its weight of jobs in a turn", async () => {
  const q = await twoKeys(9, 9);
  await q.run("key.put", { key: "a", weight: 3 });
  expect(await served(q, 8)).toBe("aaabaaab");
});

test("a key that has fewer jobs than its weight gives up the rest of its turn", async () => {
  const q = await twoKeys(2, 4);
  await q.run("key.put", { key: "a", weight: 3 });
  expect(await served(q, 4)).toBe("aabb");
});

test("a turn that has begun is finished by the weight with which it began, over single claims", async () => {
  const q = await twoKeys(9, 9);
  await q.run("key.put", { key: "a", weight: 3 });
  expect(await served(q, 1)).toBe("a");
  await q.run("key.put", { key: "a", weight: 1 });
  const rest: string[] = [];
  for (let i = 0; i < 6; i++) rest.push(await served(q, 1));
  expect(rest.join("")).toBe("aababa");
});

test("a lower priority goes first, whosever turn it is, and equal ones take turns", async () => {
  const q = await openEngine();
  await enqueueMany(q, "a", 2, { key: "a", priority: 1 });
  await enqueueMany(q, "b", 2, { key: "b" });
  await enqueueMany(q, "c", 2, { key: "c" });
  await enqueueMany(q, "-", 1, { priority: -1000 });
  await enqueueMany(q, "d", 1, { key: "d", priority: -999 });
  expect(await served(q, 8)).toBe("-dbcbcaa");
});

test("within a key the lowest priority goes first, then the one that was ready first, then the one enqueued first", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "due-later", key: "k", delayMs: 10 });
  await q.enqueue({ id: "first", key: "k" });
  await q.enqueue({ id: "second", key: "k" });
  await q.enqueue({ id: "urgent", key: "k", priority: -1 });
  await q.advance(10);
  expect(await take(q, 4)).toEqual(["urgent", "first", "second", "due-later"]);
});

test("a key that is shut is passed over, and keeps nobody from a turn", async () => {
  const q = await twoKeys(3, 3);
  await q.run("key.put", { key: "a", paused: true });
  expect(await served(q, 2)).toBe("bb");
  await q.run("key.put", { key: "a", paused: false });
  expect((await served(q, 2)).split("").sort().join("")).toBe("ab");
});

/** The jobs that one worker is given who completes each before it takes the next; and what becomes of it then. */
async function alone(
  q: Harness,
  count: number,
  input: ClaimInput = {},
  next = async (_key: string, _i: number) => {},
): Promise<string> {
  const names: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const job = await q.claimOne(input);
    await q.settle({ op: "complete", id: job.id, token: job.token });
    names.push(keyOf(job.id));
    await next(job.key ?? "", i);
  }
  return names.join("");
}

test("a key that comes back whenever its only job has ended keeps no other from its turn", async () => {
  const q = await openEngine();
  await enqueueMany(q, "a", 10, { key: "a" });
  await enqueueMany(q, "x", 1, { key: "x" });
  const again = async (key: string, i: number) => {
    if (key === "x") await q.enqueue({ id: `x${i + 1}`, key: "x" });
  };
  expect(await alone(q, 12, {}, again)).toBe("ax".repeat(6));
});

test("keys that come one after the other, each with one job, keep none that waits from its turn", async () => {
  const q = await openEngine();
  await enqueueMany(q, "a", 10, { key: "a" });
  await enqueueMany(q, "x", 1, { key: "x" });
  const another = async (key: string, i: number) => {
    if (key !== "a") await q.enqueue({ id: `x${i + 1}`, key: `x${i}` });
  };
  expect(await alone(q, 12, {}, another)).toBe("ax".repeat(6));
});

test("a key that runs one job at a time, and so is shut with each, leaves others their turns", async () => {
  const q = await openEngine({ config: { keys: { concurrency: 1 } } });
  await enqueueMany(q, "x", 20, { key: "x" });
  await enqueueMany(q, "-", 20);
  await enqueueMany(q, "g", 20, { key: "g", requires: ["gpu"] });
  const order = await alone(q, 30, { capabilities: ["gpu"] });
  for (const name of ["x", "-", "g"]) expect(order.split(name).length - 1).toBe(10);
});

test("a turn counts once beside jobs without a key, and beside other requirements, whatever its weight", async () => {
  const q = await twoKeys(40, 40);
  await enqueueMany(q, "-", 40);
  for (const key of ["a", "b"]) await q.run("key.put", { key, weight: 10 });
  expect((await served(q, 60)).split("-").length - 1).toBe(4);
  const other = await openEngine();
  await enqueueMany(other, "a", 40, { key: "a", requires: ["gpu"] });
  await enqueueMany(other, "b", 40, { key: "b" });
  await other.run("key.put", { key: "a", weight: 10 });
  const both = await served(other, 44, { capabilities: ["gpu"] });
  expect(both.split("b").length - 1).toBe(4);
});

test("jobs that a worker may not have do not stand in the way of their key's others", async () => {
  const q = await openEngine();
  await enqueueMany(q, "gpu", 3, { key: "a", requires: ["gpu"], priority: -5 });
  await enqueueMany(q, "a", 1, { key: "a" });
  await enqueueMany(q, "b", 1, { key: "b" });
  expect(await take(q, 10)).toEqual(["a0", "b0"]);
  expect(await take(q, 10, { capabilities: ["gpu"] })).toEqual(["gpu0", "gpu1", "gpu2"]);
});

test("a set of requirements that nobody covered for long is owed no more than one round", async () => {
  const q = await openEngine();
  await enqueueMany(q, "a", 40, { key: "a" });
  await enqueueMany(q, "g", 20, { key: "g", requires: ["gpu"] });
  await take(q, 30);
  expect(await served(q, 6, { capabilities: ["gpu"] })).toMatch(/^g{0,2}(ag|ga)+a?$/);
});

test("jobs without a key that come back have one turn at once, whatever they missed, and then one in each round", async () => {
  const one = await openEngine();
  await enqueueMany(one, "a", 40, { key: "a" });
  await take(one, 30);
  await enqueueMany(one, "-", 20);
  expect(await served(one, 6)).toBe("-a-a-a");
  const two = await twoKeys(40, 40);
  await take(two, 31);
  await enqueueMany(two, "-", 20);
  expect(await served(two, 9)).toBe("-ba-ba-ba");
});

test("jobs without a key that come while a round goes on have their turn at once, unless they had one in it", async () => {
  const q = await twoKeys(20, 20);
  await take(q, 1);
  await enqueueMany(q, "-", 1);
  expect(await served(q, 1)).toBe("-");
  await enqueueMany(q, "-", 9);
  expect(await served(q, 8)).toBe("ba-ba-ba");
});

test("keys that come back have no more than one round before jobs without a key that wait", async () => {
  const q = await openEngine({ config: { keys: { concurrency: 1 } } });
  await enqueueMany(q, "x", 1, { key: "x" });
  await enqueueMany(q, "-", 40);
  await alone(q, 20);
  await enqueueMany(q, "a", 9, { key: "a" });
  await enqueueMany(q, "b", 9, { key: "b" });
  expect(await alone(q, 9)).toMatch(/^-?(ab-){2}ab/);
});

test("keys and jobs without one take turns also where nobody asked for either while others went on", async () => {
  const q = await openEngine();
  const gpu: ClaimInput = { capabilities: ["gpu"] };
  await enqueueMany(q, "g", 40, { key: "g", requires: ["gpu"], priority: -1 });
  await enqueueMany(q, "a", 20, { key: "a" });
  await enqueueMany(q, "-", 20);
  let order = "";
  for (let i = 0; i < 10; i += 1) {
    expect(await served(q, 3, gpu)).toBe("ggg");
    order += await served(q, 1);
  }
  expect(order).toMatch(/^(-a|a-){5}$/);
});

test("whose turn it is outlives a crash and a checkpoint", async () => {
  const order = async (between: (q: Harness) => Promise<Harness>) => {
    let q = await twoKeys(5, 5);
    await enqueueMany(q, "-", 5);
    await q.run("key.put", { key: "a", weight: 2 });
    const all: string[] = [];
    for (let i = 0; i < 7; i++) {
      all.push(await served(q, 1));
      q = await between(q);
    }
    return all.join("");
  };
  const undisturbed = await order(async (q) => q);
  const crashed = async (q: Harness) => {
    await q.reopen();
    return q;
  };
  expect(await order(crashed)).toBe(undisturbed);
  const checkpointed = async (q: Harness) => {
    await q.run("queue.checkpoint", {});
    return crashed(q);
  };
  expect(await order(checkpointed)).toBe(undisturbed);
});

test("an import hands out by turns too, what was running included", async () => {
  const q = await twoKeys(20, 2);
  await end(q, "a0");
  await take(q, 1);
  const target = await moved(q);
  const claimed = idsOf(await target.claim({ max: 4 }));
  expect(claimed.filter((id) => id.startsWith("b"))).toEqual(["b0", "b1"]);
});

test("jobs of a key are listed in the order in which they are claimed", async () => {
  const q = await openEngine();
  await enqueueMany(q, "late", 3, { key: "k", priority: 5 });
  await enqueueMany(q, "soon", 3, { key: "k", priority: -5, requires: ["gpu"] });
  await enqueueMany(q, "other", 3, { key: "o" });
  const list = { state: "ready" as const, key: "k" };
  const { jobs } = await q.run("job.list", list);
  expect(await take(q, 6, { capabilities: ["gpu"] })).not.toEqual([]);
  expect(idsOf(jobs)).toEqual(["soon0", "soon1", "soon2", "late0", "late1", "late2"]);
});

test("jobs that end as they would be handed out keep no key from its turn, however few are claimed", async () => {
  const q = await openEngine({ config: { maxDeliveries: 1, maxAttempts: 10 } });
  const keys = "abcdefghijkl".split("");
  for (const key of keys) await enqueueMany(q, key, 1, { key });
  for (const job of await q.claim({ max: 12 })) {
    await q.settle({ op: "release", id: job.id, token: job.token });
  }
  // All but the last have one more, behind the one that was delivered as often as it may be.
  for (const key of keys.slice(0, -1)) await enqueueMany(q, `${key}${key}`, 1, { key });
  await enqueueMany(q, "z", 1, { key: "z" });
  const live = [...keys.slice(0, -1).map((key) => `${key}${key}0`), "z0"];
  expect(await take(q, 1)).toEqual(live.slice(0, 1));
  expect(await take(q, 12)).toEqual(live.slice(1));
});
