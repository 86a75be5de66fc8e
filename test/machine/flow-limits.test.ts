/**
 * What keys and the queue hold back, and whose turn it is: how far each limit goes, and where it ends.
 * Invariant: each test stands for a way in which a limit or a turn could be wrong, of which `scripts/mutants-keys.ts` has most.
 */
import { afterEach, describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";

const changing = limits as { -readonly [L in keyof typeof limits]: number };
const { operationStepMax } = limits;
afterEach(() => {
  changing.operationStepMax = operationStepMax;
});

/** Enqueues jobs named by their keys: `a1` is of key a; `n1` is of none. */
async function enqueue(q: Harness, ids: string, more: object = {}): Promise<void> {
  const jobs = ids.split(" ").map((id) => ({ id, payload: "1", ...keyOf(id), ...more }));
  await q.run("job.enqueue", { jobs });
}
const keyOf = (id: string) => (id.startsWith("n") ? {} : { key: id.slice(0, -1) });

/** The ids that a claim of so many is given. */
async function claimed(q: Harness, max: number): Promise<string> {
  return (await q.claim({ max })).map(({ id }) => id).join(" ");
}

/** The ids of so many claims of one job each. */
async function oneByOne(q: Harness, count: number): Promise<string> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push(await claimed(q, 1));
  return ids.join(" ");
}

describe("turns", () => {
  test("go on where they stopped, however many jobs a claim takes", async () => {
    const q = await openEngine();
    await enqueue(q, "a1 a2 a3 b1 b2 b3 c1 c2 c3");
    expect(await oneByOne(q, 4)).toBe("a1 b1 c1 a2");
    expect(await claimed(q, 4)).toBe("b2 c2 a3 b3");
  });

  test("are as long as the weight of a key, in one claim and in many", async () => {
    for (const take of [claimed, oneByOne]) {
      const q = await openEngine();
      await q.run("key.put", { key: "a", weight: 2 });
      await enqueue(q, "a1 a2 a3 a4 b1 b2");
      expect(await take(q, 6)).toBe("a1 a2 b1 a3 a4 b2");
    }
  });

  test("are taken by the jobs without a key once for each round of all keys", async () => {
    const q = await openEngine();
    await enqueue(q, "a1 a2 a3 b1 b2 b3 n1 n2 n3");
    expect(await oneByOne(q, 9)).toBe("n1 a1 b1 n2 a2 b2 n3 a3 b3");
  });

  test("that were missed are not made up for: jobs without a key that come late have one at once, and then one in each round", async () => {
    const q = await openEngine();
    await enqueue(q, "a1 a2 a3 a4 a5 a6 a7 a8 a9");
    await claimed(q, 6);
    await enqueue(q, "n1 n2 n3 n4");
    expect(await oneByOne(q, 6)).toBe("n1 a7 n2 a8 n3 a9");
  });

  test("are among equals: the more urgent job comes first, with a key or without", async () => {
    const q = await openEngine();
    await enqueue(q, "a1", { priority: 1 });
    await enqueue(q, "n1 n2");
    await enqueue(q, "b1", { priority: -1 });
    expect(await oneByOne(q, 4)).toBe("b1 n1 n2 a1");
  });

  test("of a key in strict order have the priority of its next job", async () => {
    const q = await openEngine();
    await q.run("key.put", { key: "a", order: "fifo" });
    await enqueue(q, "a1", { priority: -5 });
    await enqueue(q, "a2", { priority: 5 });
    await enqueue(q, "b1 b2");
    const [first] = await q.claim({ max: 1 });
    expect(first?.id).toBe("a1");
    await q.settle({ op: "complete", id: "a1", token: first?.token ?? "" });
    expect(await oneByOne(q, 3)).toBe("b1 b2 a2");
  });
});

describe("new defaults for keys", () => {
  const aStepEach = async (concurrency: number | null) => {
    const q = await openEngine({ config: { keys: { concurrency } } });
    await enqueue(q, "a1 a2 b1 b2 c1 c2");
    expect(await claimed(q, 3)).toBe("a1 b1 c1");
    changing.operationStepMax = 1;
    return q;
  };

  test("open every key, in however many steps", async () => {
    const q = await aStepEach(1);
    await q.run("queue.configure", { keys: { concurrency: 2 } });
    await q.advance(0);
    expect(await claimed(q, 3)).toBe("a2 b2 c2");
  });

  test("shut a key at once, also one that no step has come to", async () => {
    const q = await aStepEach(null);
    await q.run("queue.configure", { keys: { concurrency: 1 } });
    expect(await claimed(q, 3)).toBe("");
  });

  test("leave a key in the order that its open jobs have", async () => {
    const q = await openEngine();
    await enqueue(q, "a1", { priority: 3 });
    await q.run("queue.configure", { keys: { order: "fifo" } });
    await enqueue(q, "a2");
    expect(await claimed(q, 2)).toBe("a2 a1");
  });

  test("hold for a setting that a key takes back", async () => {
    const q = await openEngine({ config: { keys: { concurrency: 1 } } });
    await q.run("key.put", { key: "a", concurrency: 5 });
    await enqueue(q, "a1 a2");
    const { key } = await q.run("key.put", { key: "a", concurrency: null });
    expect(key).toMatchObject({ settings: {}, limits: { concurrency: 1 } });
    expect(await claimed(q, 2)).toBe("a1");
  });
});

describe("slots", () => {
  test("of a key are as many as its concurrency", async () => {
    const q = await openEngine({ config: { keys: { concurrency: 2 } } });
    await enqueue(q, "a1 a2 a3 b1");
    expect(await claimed(q, 9)).toBe("a1 b1 a2");
  });

  test("of a queue bound one claim as they do many", async () => {
    const q = await openEngine({ config: { concurrency: 2 } });
    await enqueue(q, "n1 a1 b1");
    expect(await claimed(q, 9)).toBe("n1 a1");
    expect(await q.run("lease.claim", {})).toMatchObject({ jobs: [], limited: 1 });
  });

  test.each([
    ["a key", { keys: { concurrency: 1 } }],
    ["a queue", { concurrency: 1 }],
  ])(
    "of %s stay taken by a job that was cancelled until its worker hears of it",
    async (_, config) => {
      const q = await openEngine({ config });
      await enqueue(q, "a1 a2");
      const { token } = await q.claimOne();
      await q.run("job.cancel", { id: "a1" });
      expect(await claimed(q, 1)).toBe("");
      const settled = await q.settle({ op: "complete", id: "a1", token });
      expect(settled).toMatchObject({ code: "job_cancelled" });
      expect(await claimed(q, 1)).toBe("a2");
    },
  );

  test("stay taken by a job that expired in its worker's hands until the end of its lease", async () => {
    const q = await openEngine({ config: { keys: { concurrency: 1 }, leaseMs: 30_000 } });
    await enqueue(q, "a1", { expiresAt: START + 10_000 });
    await enqueue(q, "a2");
    expect(await claimed(q, 1)).toBe("a1");
    await q.advance(29_999);
    expect((await q.job("a1")).state).toBe("expired");
    expect(await claimed(q, 1)).toBe("");
    await q.advance(1);
    expect(await claimed(q, 1)).toBe("a2");
  });
});

describe("a rate", () => {
  const rate = { limit: 2, perMs: 2000, burst: 3 };

  test.each([
    ["a key", { keys: { rate } }],
    ["a queue", { rate }],
  ])("of %s lets through its burst at once, and saves up no more", async (_, config) => {
    const q = await openEngine({ config });
    await enqueue(q, "a1 a2 a3 a4 a5 a6 a7 a8 a9");
    expect(await claimed(q, 9)).toBe("a1 a2 a3");
    await q.advance(999);
    expect(await claimed(q, 9)).toBe("");
    await q.advance(1);
    expect(await claimed(q, 9)).toBe("a4");
    await q.advance(3_600_000);
    expect((await q.claim({ max: 99 })).length).toBe(3);
  });

  test("is remembered of a key that has no jobs any more", async () => {
    const q = await openEngine({ config: { keys: { rate: { limit: 1, perMs: 60_000 } } } });
    await enqueue(q, "a1");
    const { token } = await q.claimOne();
    await q.settle({ op: "complete", id: "a1", token });
    await q.advance(59_999);
    await enqueue(q, "a2");
    expect(await claimed(q, 1)).toBe("");
    await q.advance(1);
    expect(await claimed(q, 1)).toBe("a2");
  });

  test.each([
    ["a key", { keys: { rate: { limit: 1, perMs: 60_000 } } }],
    ["a queue", { rate: { limit: 1, perMs: 60_000 } }],
  ])("of %s is not used by a job that was given back uncounted", async (_, config) => {
    const q = await openEngine({ config });
    await enqueue(q, "a1 a2");
    const { token } = await q.claimOne();
    await q.settle({ op: "release", id: "a1", token, delayMs: 1000 });
    expect(await claimed(q, 1)).toBe("a2");
  });
});

describe("time", () => {
  test("opens a key of any name by itself, and an empty claim says when", async () => {
    const q = await openEngine({ config: { keys: { rate: { limit: 1, perMs: 10_000 } } } });
    const [key, more] = ["日本", { maxRunMs: 3_600_000 }];
    for (const id of ["x1", "x2"]) await q.enqueue({ id, key, leaseMs: 3_600_000, ...more });
    expect(await claimed(q, 2)).toBe("x1");
    const { nextDueAt, limited } = (await q.run("lease.claim", {})) as {
      nextDueAt?: number;
      limited?: number;
    };
    expect([nextDueAt, limited]).toEqual([START + 10_000, 1]);
    await q.advance(10_000);
    expect((await q.run("queue.stats", {})).counts.ready).toBe(1);
    expect(q.store.tables.turns.first()).toBeDefined();
    expect(await claimed(q, 2)).toBe("x2");
  });

  test("that a worker asks for its key is not cut short by one that asks for less", async () => {
    const q = await openEngine();
    await enqueue(q, "a1 a2");
    const [one, two] = await q.claim({ max: 2 });
    await q.settle({ op: "release", id: "a1", token: one?.token ?? "", holdKeyMs: 10_000 });
    await q.settle({ op: "release", id: "a2", token: two?.token ?? "", holdKeyMs: 1000 });
    await q.advance(9999);
    expect(await claimed(q, 2)).toBe("");
    await q.advance(1);
    expect(await claimed(q, 2)).toBe("a1 a2");
  });
});

test("a backlog counts what is scheduled and what waits for others, and not what runs", async () => {
  const q = await openEngine({ config: { keys: { maxBacklog: 3 } } });
  await enqueue(q, "a1 n1");
  await q.claim({ max: 2 });
  await enqueue(q, "a2");
  await enqueue(q, "a3", { delayMs: 1000 });
  await enqueue(q, "a4", { after: [{ id: "n1" }] });
  const { results } = await q.run("job.enqueue", { jobs: [{ payload: "1", key: "a" }] });
  expect(results).toMatchObject([{ problem: { code: "key_full", retryable: true } }]);
});

test("a key that is left to the defaults is paused no longer", async () => {
  const q = await openEngine();
  await q.run("key.put", { key: "a", paused: true, reason: "unpaid" });
  await enqueue(q, "a1");
  expect(await claimed(q, 1)).toBe("");
  await q.run("key.remove", { key: "a" });
  expect(await claimed(q, 1)).toBe("a1");
});
