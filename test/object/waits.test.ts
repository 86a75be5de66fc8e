/**
 * Waiting for jobs on an engine: who is served, in which order, and what becomes of jobs whose waiter has left.
 * Invariant: who waits is told in the turn in which there is something to tell, and a job is never lost with one who left.
 */
import { describe, expect, test, vi } from "vitest";
import { ENOUGH, TAKEN, WAITING } from "../../src/contract/waits.ts";
import { Group } from "../../src/object/group.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { TestChannel } from "./channel-rig.ts";

describe("who waits for jobs", () => {
  test("is given one in the entry that makes it ready", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs({ worker: "w" });
    expect(waiter.sent).toEqual([WAITING]);
    const { index } = q.store.last;
    const id = await q.enqueue();
    expect(waiter.jobs).toEqual([id]);
    expect(q.store.last.index).toBe(index + 1);
    expect(await q.job(id)).toMatchObject({ state: "running", worker: "w" });
  });

  test("gets what is there at once, and waits for nothing", async () => {
    const q = await openEngine({ config: {} });
    const ids = [await q.enqueue(), await q.enqueue(), await q.enqueue()];
    const waiter = await q.waitForJobs({ max: 2 });
    expect(waiter.jobs).toEqual(ids.slice(0, 2));
  });

  test("may wait for a queue that is not there yet", async () => {
    const q = await openEngine();
    const waiter = await q.waitForJobs();
    const id = await q.enqueue();
    expect(waiter.jobs).toEqual([id]);
  });

  test("is served in the order of arrival, and one job wakes one", async () => {
    const q = await openEngine({ config: {} });
    const waiters = [await q.waitForJobs(), await q.waitForJobs(), await q.waitForJobs()];
    const first = await q.enqueue();
    expect(waiters.map(({ jobs }) => jobs)).toEqual([[first], undefined, undefined]);
    const { results } = await q.run("job.enqueue", { jobs: [{ payload: "1" }, { payload: "2" }] });
    const ids = results.map((result) => ("id" in result ? [result.id] : []));
    expect(waiters.map(({ jobs }) => jobs)).toEqual([[first], ...ids]);
  });

  test("is given the job behind more than one claim passes over, which were handed out too often", async () => {
    const q = await openEngine({ config: { maxDeliveries: 1 } });
    const jobs = Array.from({ length: 500 }, () => ({ payload: "1" }));
    await q.run("job.enqueue", { jobs });
    const held = await q.claim({ max: 500 });
    await q.run("job.enqueue", { jobs: [{ id: "last", payload: "2", priority: 1 }] });
    const items = held.map(({ id, token }) => ({ op: "release" as const, id, token }));
    await q.run("queue.pause", {});
    await q.run("lease.settle", { items });
    const waiter = await q.waitForJobs();
    await q.run("queue.resume", {});
    await q.settled();
    expect(waiter.jobs).toEqual(["last"]);
  });

  test("comes before who claims in the same group", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs();
    const [, claimed] = await q.together([
      ["job.enqueue", { jobs: [{ id: "a", payload: "1" }] }],
      ["lease.claim", {}],
    ]);
    await q.settled();
    expect(waiter.jobs).toEqual(["a"]);
    expect(claimed).toMatchObject({ reply: expect.stringContaining('"jobs":[]') });
  });

  test("is passed over for a job that it cannot do, and others behind it are not", async () => {
    const q = await openEngine({ config: {} });
    const plain = await q.waitForJobs();
    const gifted = await q.waitForJobs({ capabilities: ["gpu"] });
    const id = await q.enqueue({ requires: ["gpu"] });
    expect([plain.jobs, gifted.jobs]).toEqual([undefined, [id]]);
    const next = await q.enqueue();
    expect(plain.jobs).toEqual([next]);
  });

  test("is given a delayed job when it is due, a released one at once, and one whose lease ended", async () => {
    const q = await openEngine({ config: {} });
    const id = await q.enqueue({ delayMs: 5000 });
    const first = await q.waitForJobs({ leaseMs: 1000 });
    await q.advance(4999);
    expect(first.jobs).toBeUndefined();
    await q.advance(1);
    await q.settled();
    expect(first.jobs).toEqual([id]);
    await q.say(first, TAKEN);
    const second = await q.waitForJobs();
    await q.advance(2000);
    await q.settled();
    expect(second.jobs).toEqual([id]);
    const token = second.answer !== undefined && "jobs" in second.answer ? second.answer : {};
    const third = await q.waitForJobs();
    await q.settle({ op: "release", id, token: token.jobs?.[0]?.token ?? "" });
    expect(third.jobs).toEqual([id]);
  });

  test("waits through a pause, and is served when the queue goes on", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs();
    await q.run("queue.pause", {});
    const id = await q.enqueue();
    expect(waiter.jobs).toBeUndefined();
    await q.run("queue.resume", {});
    expect(waiter.jobs).toEqual([id]);
  });

  test.each([
    ["the queue's rate", { rate: { limit: 1, perMs: 10_000 } }, {}],
    ["the rate of a key", { keys: { rate: { limit: 1, perMs: 10_000 } } }, { key: "k" }],
  ])("is served when %s lets a job go", async (_, config, job) => {
    const q = await openEngine({ config });
    await q.enqueue(job);
    await q.claimOne({ leaseMs: 3_600_000 });
    const id = await q.enqueue(job);
    const waiter = await q.waitForJobs();
    await q.advance(9_000);
    await q.settled();
    expect(waiter.jobs).toBeUndefined();
    await q.advance(1_000);
    await q.settled();
    expect(waiter.jobs).toEqual([id]);
  });

  test("is served when a slot of the queue comes free", async () => {
    const q = await openEngine({ config: { concurrency: 1 } });
    await q.enqueue();
    const { id, token } = await q.claimOne();
    const next = await q.enqueue();
    const waiter = await q.waitForJobs();
    await q.settle({ op: "complete", id, token });
    expect(waiter.jobs).toEqual([next]);
  });

  test("that waits no longer is told why there is nothing, and is given nothing behind that", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs();
    await q.run("queue.pause", {});
    await q.say(waiter, ENOUGH);
    expect(waiter.answer).toMatchObject({ jobs: [], paused: true });
    await q.run("queue.resume", {});
    await q.enqueue();
    expect(waiter.sent).toHaveLength(2);
  });

  test("that is draining is told so", async () => {
    const q = await openEngine({ config: {} });
    await q.run("worker.register", { id: "w" });
    const waiter = await q.waitForJobs({ worker: "w" });
    await q.run("worker.drain", { id: "w" });
    await q.enqueue();
    expect(waiter.answer).toMatchObject({ jobs: [], draining: true });
  });

  test("is alive for as long as it waits, if it is registered", async () => {
    const q = await openEngine({ config: {} });
    await q.run("worker.register", { id: "w", ttlMs: 10_000 });
    const waiter = await q.waitForJobs({ worker: "w" });
    await q.advance(100_000);
    expect((await q.run("worker.get", { id: "w" })).worker.state).toBe("alive");
    await q.hangUp(waiter);
    await q.advance(20_000);
    expect((await q.run("worker.get", { id: "w" })).worker.state).toBe("dead");
  });

  test.each(["hangs up", "waits no longer"])(
    "lives on for its time to live when it %s",
    async (how) => {
      const q = await openEngine({ config: {} });
      await q.run("worker.register", { id: "w", ttlMs: 10_000 });
      const waiter = await q.waitForJobs({ worker: "w" });
      await q.advance(14_999);
      if (how === "hangs up") await q.hangUp(waiter);
      else await q.say(waiter, ENOUGH);
      await q.advance(9_999);
      expect((await q.run("worker.get", { id: "w" })).worker.state).toBe("alive");
    },
  );

  test("may have a name that no worker could be registered by", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs({ worker: "Jürgen 1" });
    const id = await q.enqueue();
    expect(waiter.jobs).toEqual([id]);
  });

  test("may not name more capabilities than its socket keeps", async () => {
    const q = await openEngine({ config: {} });
    const capabilities = Array.from({ length: 40 }, (_, i) => `${i}`.padStart(256, "x"));
    const waiter = await q.waitForJobs({ capabilities });
    expect(waiter.answer).toEqual({ refused: "wait_too_large" });
  });

  test("gets as many jobs as its socket keeps, whatever their ids", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs({ max: 100 });
    const jobs = Array.from({ length: 100 }, (_, i) => ({
      id: `${i}`.padStart(64, "x"),
      payload: "1",
    }));
    await q.run("job.enqueue", { jobs });
    expect(waiter.jobs).toHaveLength(100);
  });
});

describe("of those who take the same, only the first is tried in vain for a job that none can do", () => {
  /** How often somebody is tried for a job that none of them can do. */
  async function trials(q: Harness): Promise<number> {
    const serve = vi.spyOn(Group.prototype, "serve");
    await q.run("job.enqueue", { jobs: [{ payload: "1", requires: ["gpu"] }] });
    const { length } = serve.mock.calls;
    serve.mockRestore();
    return length;
  }

  test("whether they say what they take, or registrations do, under whatever names", async () => {
    const q = await openEngine({ config: {} });
    const capabilities = ["cpu"];
    for (const id of ["a", "b", "c"]) await q.run("worker.register", { id, capabilities });
    for (const worker of ["a", "b"]) await q.waitForJobs({ worker });
    for (const worker of ["c", "d"]) await q.waitForJobs({ worker, capabilities });
    expect(await trials(q)).toBe(1);
    await q.waitForJobs({ worker: "a", capabilities: ["tpu"] });
    expect(await trials(q)).toBe(2);
  });

  test("where they would take any job, and their registrations do not let them", async () => {
    const q = await openEngine({ config: {} });
    for (const id of ["a", "b"]) {
      await q.run("worker.register", { id, capabilities: ["cpu"] });
      await q.waitForJobs({ worker: id, takesAny: true });
    }
    await q.waitForJobs({ worker: "c", capabilities: ["cpu"] });
    const any = await q.waitForJobs({ worker: "d", takesAny: true });
    expect(await trials(q)).toBe(2);
    expect(any.jobs).toHaveLength(1);
  });

  test("where they are draining, and wait on", async () => {
    const q = await openEngine({ config: {} });
    for (const id of ["a", "b"]) {
      await q.run("worker.register", { id });
      await TestChannel.hello(q, id, { worker: id, credit: 1 });
      await q.run("worker.drain", { id });
    }
    expect(await trials(q)).toBe(1);
  });

  test("but for those of whom it is to be noted that they live", async () => {
    const q = await openEngine({ config: {} });
    for (const id of ["a", "b"]) {
      await q.run("worker.register", { id, ttlMs: 10_000 });
      await q.waitForJobs({ worker: id });
    }
    q.now += 5000;
    expect(await trials(q)).toBe(2);
    const seen = ["a", "b"].map((id) => q.store.tables.workers.get([id])?.seenAt);
    expect(seen).toEqual([q.now, q.now]);
    expect(await trials(q)).toBe(1);
  });
});

describe("jobs that were given to one who waited", () => {
  test("are given back, uncounted, when it left without them", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs();
    const id = await q.enqueue();
    expect(waiter.jobs).toEqual([id]);
    await q.hangUp(waiter);
    expect(await q.job(id)).toMatchObject({ state: "ready", attempt: 1, deliveries: 1 });
  });

  test("go to the next one who waits, when it left without them", async () => {
    const q = await openEngine({ config: {} });
    const [first, second] = [await q.waitForJobs(), await q.waitForJobs()];
    const id = await q.enqueue();
    await q.hangUp(first);
    expect(second.jobs).toEqual([id]);
  });

  test("stay with it once it has taken them", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs();
    const id = await q.enqueue();
    await q.say(waiter, TAKEN);
    await q.hangUp(waiter);
    expect((await q.job(id)).state).toBe("running");
  });

  test("are given back when it left before their entry was durable", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs();
    const enqueued = q.enqueue({ id: "a" });
    await q.hangUp(waiter);
    await enqueued;
    await q.settled();
    expect(waiter.sent).toEqual([WAITING]);
    expect((await q.job("a")).state).toBe("ready");
  });

  test("are found again under its key by one who lost its socket", async () => {
    const q = await openEngine({ config: {} });
    const key = { key: "mine", bodyHash: "" };
    const lost = await q.waitForJobs({}, key);
    const id = await q.enqueue();
    expect(lost.jobs).toEqual([id]);
    const again = await q.waitForJobs({}, key);
    expect(again.jobs).toEqual([id]);
    // Once they were given back, the key stands for nothing.
    await q.hangUp(lost);
    const late = await q.waitForJobs({}, key);
    expect(late.answer).toEqual({ refused: "answer_gone" });
  });
});

describe("while the object sleeps", () => {
  test("waits go on, in their order", async () => {
    const q = await openEngine({ config: {} });
    const waiters = [await q.waitForJobs(), await q.waitForJobs()];
    await q.reopen();
    q.sockets.reverse();
    await q.reopen();
    const ids = [await q.enqueue(), await q.enqueue()];
    expect(waiters.map(({ jobs }) => jobs)).toEqual(ids.map((id) => [id]));
  });

  test("jobs that were not taken are given back when their waiter leaves", async () => {
    const q = await openEngine({ config: {} });
    const waiter = await q.waitForJobs();
    const id = await q.enqueue();
    await q.reopen();
    await q.hangUp(waiter);
    expect((await q.job(id)).state).toBe("ready");
  });

  test("who waits for an end goes on waiting for it", async () => {
    const q = await openEngine({ config: {} });
    const id = await q.enqueue();
    const waiter = await q.wait({ kind: "job", id });
    await q.reopen();
    await q.run("job.cancel", { id });
    expect(waiter.answer).toMatchObject({ job: { id, state: "cancelled" } });
  });
});
