/**
 * The alarm of a real object: armed in time, fired into every kind of due work, and in touch with the directory.
 * Invariant: no wait for real time; the clock stands until a test moves it.
 */
import { runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CommandRequest } from "../../../src/contract/rpc.ts";
import { DirectoryObject } from "../../../src/object/directory-object.ts";
import { claim, codeOf, command, complete, enqueue, jobsOf, replyOf, settle } from "../commands.ts";
import { directory, passes, Queue, stopClock } from "./queues.ts";

beforeEach(stopClock);
afterEach(() => vi.restoreAllMocks());

/** A queue that the directory knows. */
async function registered(): Promise<Queue> {
  const queue = new Queue();
  await queue.submit(command("queue.configure", { leaseMs: 30_000 }));
  await queue.fire();
  expect(await queue.armed()).toBe(null);
  return queue;
}

/** Moves the clock to the armed time, and fires. */
async function fireInTime(queue: Queue): Promise<void> {
  const armed = await queue.armed();
  if (armed === null) throw new Error("no alarm is armed");
  passes(Math.max(0, armed - Date.now()));
  await queue.fire();
}

const listed = async (queue: Queue): Promise<string | undefined> => {
  const list = await directory().list({ limit: 1000 });
  if ("refusal" in list) throw new Error(list.refusal.detail);
  return list.queues.find(({ name }) => name === queue.name)?.queueId;
};

describe("by the alarm alone", () => {
  test.each([false, true])("time does its work (evicted before: %s)", async (evicting) => {
    const queue = await registered();
    await queue.submit(enqueue([{ id: "leased", maxAttempts: 1 }]));
    await queue.submit(claim(1, 4_000));
    await queue.submit(
      enqueue([
        { id: "delayed", delayMs: 5_000 },
        { id: "mortal", ttlMs: 6_000 },
        { id: "deadly", delayMs: 60_000, expiresAt: Date.now() + 7_000 },
      ]),
    );
    const seen: string[] = [];
    for (let i = 0; i < 4; i++) {
      if (evicting) await queue.evict();
      await fireInTime(queue);
      const states = ["leased", "delayed", "mortal", "deadly"].map((id) => queue.stateOf(id));
      seen.push((await Promise.all(states)).join(" "));
    }
    expect(seen).toEqual([
      "failed scheduled ready scheduled",
      "failed ready ready scheduled",
      "failed ready expired scheduled",
      "failed ready expired expired",
    ]);
  });

  test("ended jobs are removed when their retention is over", async () => {
    const queue = await registered();
    const retention = { completed: { ageMs: 5_000 } };
    await queue.submit(command("queue.configure", { retention }));
    await queue.submit(enqueue([{ id: "a" }]));
    await queue.submit(settle(jobsOf(await queue.submit(claim())).map(complete)));
    while ((await queue.armed()) !== null) await fireInTime(queue);
    expect(codeOf(await queue.stub.read(command("job.get", { id: "a" })))).toBe("job_unknown");
    expect((await queue.stats()).jobBytes).toBe(0);
  });

  test("too many ended jobs are removed at once", async () => {
    const queue = await registered();
    await queue.submit(command("queue.configure", { retention: { completed: { count: 1 } } }));
    await queue.submit(enqueue(Array(4).fill({})));
    await queue.submit(settle(jobsOf(await queue.submit(claim(4))).map(complete)));
    expect(await queue.armed()).toBeLessThanOrEqual(Date.now());
    await queue.fire();
    expect((await queue.stats()).counts.completed).toBe(1);
  });

  test("an operation goes on to its end, in bounded entries", async () => {
    const queue = await registered();
    for (let i = 0; i < 3; i++) await queue.submit(enqueue(Array(1000).fill({})));
    const purge = command("queue.purge", { states: ["ready"] });
    const { operation } = replyOf("queue.purge", await queue.submit(purge));
    expect(operation).toMatchObject({ status: "running", changed: 1000 });
    const { lastIndex } = (await queue.stats()).log;
    await queue.evict();
    await queue.fire();
    const after = (await queue.read("operation.get", { id: operation.id })).operation;
    expect(after).toMatchObject({ status: "done", changed: 3000 });
    expect((await queue.stats()).log.lastIndex).toBeGreaterThanOrEqual(lastIndex + 2);
    expect(await queue.armed()).toBe(null);
  });
});

describe("the armed time", () => {
  const commands: fc.Arbitrary<CommandRequest> = fc.oneof(
    fc
      .record({
        delayMs: fc.constantFrom(0, 1, 700, 5_000, 90_000),
        ttlMs: fc.constantFrom(300, 8_000, 200_000),
        leaseMs: fc.constantFrom(1_000, 45_000),
      })
      .map((job) => enqueue([job])),
    fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom(1_000, 20_000))
      .map(([n, ms]) => claim(n, ms)),
    fc.constantFrom(
      command("queue.pause", {}),
      command("queue.resume", {}),
      command("queue.purge", { states: ["scheduled"] }),
      command("queue.configure", { retention: { expired: { ageMs: 3_000, count: 2 } } }),
      command("queue.checkpoint", {}),
    ),
  );

  test("is never later than what is due next, after any command, eviction or alarm", async () => {
    const steps = fc.array(
      fc.oneof(
        commands,
        fc.constantFrom("evict" as const, "fire" as const),
        fc.integer({ min: 1, max: 9_000 }),
      ),
      { minLength: 5, maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (run) => {
        const queue = await registered();
        for (const step of run) {
          if (typeof step === "number") passes(step);
          else if (step === "evict") await queue.evict();
          else if (step === "fire") await queue.fire();
          else await queue.submit(step);
          const due = (await queue.stats()).nextDueAt;
          const armed = (await queue.armed()) ?? Number.POSITIVE_INFINITY;
          expect(armed).toBeLessThanOrEqual(Math.max(due ?? Number.POSITIVE_INFINITY, Date.now()));
        }
      }),
      { numRuns: 25 },
    );
  });

  test("is moved only to earlier, never to later", async () => {
    const queue = await registered();
    await queue.submit(enqueue([{ delayMs: 60_000, id: "late" }]));
    const set = await runInDurableObject(queue.stub, (_, { storage }) =>
      vi.spyOn(storage, "setAlarm"),
    );
    await queue.submit(enqueue([{ delayMs: 90_000 }]));
    await queue.submit(claim());
    await queue.submit(command("job.cancel", { id: "late" }));
    expect(set).not.toHaveBeenCalled();
    const start = Date.now();
    await queue.submit(enqueue([{ delayMs: 10_000 }]));
    expect(set.mock.calls).toEqual([[start + 10_000]]);
    expect(await queue.armed()).toBe(start + 10_000);
  });
});

describe("an alarm in which something fails", () => {
  test("does not throw, and tries again", async () => {
    const report = vi.spyOn(console, "error").mockReturnValue();
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "late", delayMs: 3_000 }]));
    const away = vi
      .spyOn(DirectoryObject.prototype, "register")
      .mockRejectedValue(new Error("away"));
    await queue.fire();
    expect(away).toHaveBeenCalledOnce();
    expect(report).toHaveBeenCalledOnce();
    expect(await listed(queue)).toBeUndefined();
    expect(await queue.armed()).toBe(Date.now() + 3_000);
    await fireInTime(queue);
    expect(await queue.stateOf("late")).toBe("ready");
    expect(await queue.armed()).toBe(Date.now() + 5_000);
    away.mockRestore();
    await queue.evict();
    await fireInTime(queue);
    expect(await listed(queue)).toBe((await queue.read("queue.get", {})).queue.queueId);
    expect(await queue.armed()).toBe(null);
  });
});

describe("the directory", () => {
  test("lists a queue once its alarm has fired, and the queue tells it only once", async () => {
    const register = vi.spyOn(DirectoryObject.prototype, "register");
    const queue = new Queue();
    await queue.submit(enqueue([{ delayMs: 1_000 }]));
    expect(await listed(queue)).toBeUndefined();
    expect(await queue.armed()).toBe(Date.now());
    await queue.fire();
    expect(await listed(queue)).toBe((await queue.read("queue.get", {})).queue.queueId);
    await queue.evict();
    await fireInTime(queue);
    expect(register).toHaveBeenCalledOnce();
  });

  test("forgets a queue that was deleted, also when it was evicted in between", async () => {
    const queue = await registered();
    await queue.submit(command("queue.delete", {}));
    await queue.evict();
    expect(await listed(queue)).toBeDefined();
    await queue.fire();
    expect(await listed(queue)).toBeUndefined();
    expect(await queue.database()).toBe("[]");
    expect(await queue.armed()).toBe(null);
  });

  test("keeps the new queue when one was deleted and created again", async () => {
    const queue = await registered();
    const old = await listed(queue);
    await queue.submit(command("queue.delete", {}));
    await queue.submit(enqueue([{}]));
    await queue.evict();
    await queue.fire();
    const { queueId } = (await queue.read("queue.get", {})).queue;
    expect(queueId).not.toBe(old);
    expect(await listed(queue)).toBe(queueId);
  });

  test("does not forget another queue of the name", async () => {
    const listing = { name: "same", queueId: "new", createdAt: Date.now() };
    await directory().register(listing);
    await directory().register(listing);
    await directory().forget("same", "old");
    const all = await directory().list({ limit: 1000 });
    expect("queues" in all && all.queues.filter(({ name }) => name === "same")).toEqual([listing]);
    await directory().forget("same", "new");
    expect(await listed(new Queue("same"))).toBeUndefined();
    await directory().register(listing);
    await directory().forget("same", undefined);
    expect(await listed(new Queue("same"))).toBeUndefined();
  });

  test("lists queues page by page, by name", async () => {
    for (const name of ["page-b", "page-c", "page-a"]) {
      await directory().register({ name, queueId: name, createdAt: 1 });
    }
    const names: string[] = [];
    let cursor: string | undefined = "page-";
    do {
      const page = await directory().list(
        cursor === undefined ? { limit: 2 } : { limit: 2, cursor },
      );
      if ("refusal" in page) throw new Error(page.refusal.detail);
      names.push(...page.queues.map(({ name }) => name));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(names.filter((name) => name.startsWith("page-"))).toEqual([
      "page-a",
      "page-b",
      "page-c",
    ]);
    const refused = await directory().list({ cursor: "not a name" });
    expect("refusal" in refused && refused.refusal.refusalCode).toBe("cursor_invalid");
  });
});
