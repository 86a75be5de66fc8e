/** What a hand-out took of the rates of its key and of the queue is given back where it does not count: that, and no more. */
import { expect, test } from "vitest";
import type { Rate } from "../../src/contract/keys.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { end, enqueueMany, take } from "./flow-rig.ts";

/** A queue with 40 jobs of a key, where the key is given jobs at a rate, or the queue hands out at one. */
async function openAt(change: typeof setKey, rate: Rate | null): Promise<Harness> {
  const q = await openEngine({ config: {} });
  await change(q, rate);
  await enqueueMany(q, "k", 40, { key: "k" });
  return q;
}
const setKey = async (q: Harness, rate: Rate | null): Promise<void> => {
  await q.run("key.put", { key: "k", rate });
};
const setQueue = async (q: Harness, rate: Rate | null): Promise<void> => {
  await q.run("queue.configure", { rate });
};
const both = [
  ["a key", setKey],
  ["the queue", setQueue],
] as const;

/** Hands jobs out and takes earlier ones back, in turns, at one moment. How many were handed out. */
async function alternately(q: Harness, held: readonly { id: string; token: string }[]) {
  let handed = 0;
  for (const { id, token } of held) {
    handed += (await take(q, 5)).length;
    await q.settle({ op: "release", id, token, delayMs: 60_000 });
  }
  return handed;
}
const rare = { limit: 1, perMs: 600_000 };

test.each(both)("jobs that were handed out at no rate give %s nothing back", async (_, change) => {
  const q = await openAt(change, null);
  const held = await q.claim({ max: 10 });
  await change(q, rare);
  await q.reopen();
  expect(await alternately(q, held)).toBe(1);
});

test.each(both)(
  "jobs that took little of %s give little of a slower rate back",
  async (_, change) => {
    const q = await openAt(change, { limit: 10, perMs: 10 });
    const held = await q.claim({ max: 10 });
    await change(q, rare);
    await q.advance(10);
    expect(await alternately(q, held)).toBe(1);
  },
);

test.each(both)(
  "a job that took much of a slow rate gives %s one token of a faster one back, not many",
  async (_, change) => {
    const q = await openAt(change, rare);
    const { id, token } = await q.claimOne();
    await change(q, { limit: 5, perMs: 1000, burst: 2 });
    expect(await take(q, 10)).toHaveLength(0);
    await q.settle({ op: "release", id, token });
    expect(await take(q, 10)).toHaveLength(1);
  },
);

test.each(both)(
  "what a hand-out took of %s is forgotten with its return, and given back once",
  async (_, change) => {
    const q = await openAt(change, rare);
    await end(q, "k0", { op: "release" });
    await change(q, null);
    const { id, token } = await q.claimOne();
    await change(q, rare);
    expect(await take(q, 5)).toHaveLength(1);
    await q.settle({ op: "release", id, token });
    expect(await take(q, 5)).toEqual([]);
  },
);
