/**
 * What a worker does when the server is away, answers are lost, or it is told to stop.
 * Invariant: nothing that a handler has done is lost, and no job is done twice because of it.
 */
import { describe, expect, test } from "vitest";
import { SluiceError, UnreachableError, Worker } from "../../src/client/index.ts";
import { aborted, gate, hire, says } from "./crew.ts";
import { cutAfter, cutBefore, hang, pass } from "./flaky-proxy.ts";
import { rig } from "./rig.ts";
import { TestClock } from "./test-clock.ts";

const at = rig();
/** Retries and pauses pass at once, time limits and leases do not. */
const skipping = () => new TestClock({ skipMs: 6_000 });

describe("while the server is away a worker", () => {
  test("waits, tells, and goes on when it is back", async () => {
    const queue = at.queue(skipping());
    const { id } = await at.direct(queue).enqueue(1);
    at.proxy.next(...Array.from({ length: 60 }, () => cutBefore));
    const crew = hire(queue, () => "done");
    await crew.settledJobs(1);
    await crew.stop();
    expect(await queue.get(id)).toMatchObject({ state: "completed", deliveries: 1 });
    expect(crew.errors.length).toBeGreaterThanOrEqual(60);
    expect(crew.errors[0]).toBeInstanceOf(UnreachableError);
  });

  test("keeps what its handlers have done until the server has it", async () => {
    const queue = at.queue(skipping());
    const ids = (await at.direct(queue).enqueueMany([{ payload: 1 }, { payload: 2 }])).map((o) =>
      "id" in o ? o.id : "",
    );
    const hold = gate();
    const crew = hire(queue, () => hold.passed, { concurrency: 2 });
    await at.proxy.request(({ path }) => path.endsWith("/claim"));
    while ((await at.direct(queue).stats()).counts.running < 2);
    at.proxy.next(...Array.from({ length: 60 }, () => cutBefore));
    hold.open();
    await crew.settledJobs(2);
    await crew.stop();
    const jobs = await Promise.all(ids.map((id) => queue.get(id)));
    expect(jobs).toMatchObject([
      { state: "completed", deliveries: 1 },
      { state: "completed", deliveries: 1 },
    ]);
  });

  test("gives up a request that hangs before a lease is over", async () => {
    const clock = skipping();
    const queue = at.queue(clock);
    await at.direct(queue).enqueue(1);
    at.proxy.next(hang);
    const arrived = at.proxy.request();
    const crew = hire(queue, () => "done", { leaseMs: 21_000 });
    await arrived;
    clock.advance(7_000);
    await crew.settledJobs(1);
    await crew.stop();
  });

  test("ends with the refusal when the token is wrong from the beginning", async () => {
    const queue = at.queue(skipping(), { token: "wrong" });
    const ended = new Worker(queue, () => null).run();
    await expect(ended).rejects.toMatchObject({ code: "unauthorized" });
  });

  test("goes on when a refusal comes later, as while a token is changed", async () => {
    const queue = at.queue(skipping());
    const direct = at.direct(queue);
    await direct.enqueue(1);
    const crew = hire(queue, () => "done");
    await crew.settledJobs(1);
    const refuse = at.proxy.request();
    at.proxy.next((_, response) => {
      const body = { code: "unauthorized", status: 401, detail: "No.", retryable: false };
      response.writeHead(401).end(JSON.stringify(body));
    });
    await refuse;
    await direct.enqueue(2);
    await crew.settledJobs(2);
    await crew.stop();
    expect(crew.errors).toHaveLength(1);
    expect(crew.errors[0]).toBeInstanceOf(SluiceError);
  });
});

describe("a lost answer", () => {
  test("to a claim: the same jobs come with its repeat", async () => {
    const queue = at.queue(skipping());
    const { id } = await at.direct(queue).enqueue(1);
    at.proxy.next(cutAfter);
    const crew = hire(queue, () => "done");
    await crew.settledJobs(1);
    await crew.stop();
    const [first, second] = at.proxy.seen;
    expect(second).toEqual(first);
    expect(await queue.get(id)).toMatchObject({ state: "completed", deliveries: 1 });
  });

  test("to a settle that claimed: nothing is lost or done twice", async () => {
    const queue = at.queue(skipping());
    await at.direct(queue).enqueueMany(Array.from({ length: 6 }, (_, payload) => ({ payload })));
    at.proxy.next(pass, cutAfter);
    const crew = hire(queue, ({ payload }) => payload, { concurrency: 3 });
    await crew.settledJobs(6);
    await crew.stop();
    expect(crew.settled.map(({ answer }) => answer.ok)).toEqual(Array(6).fill(true));
    const jobs = await Array.fromAsync(queue.jobs({ state: "completed" }));
    expect(jobs.map(({ deliveries }) => deliveries)).toEqual(Array(6).fill(1));
  });
});

describe("a worker that is stopped", () => {
  test("claims no more, and waits for its handlers and their settlements", async () => {
    const queue = at.queue(new TestClock());
    const { id: first } = await at.direct(queue).enqueue(1);
    const { id: second } = await at.direct(queue).enqueue(2);
    const begun = gate();
    const hold = gate();
    const crew = hire(
      queue,
      async () => {
        begun.open();
        await hold.passed;
        return "done";
      },
      { concurrency: 1 },
    );
    await begun.passed;
    const stopped = crew.worker.stop();
    hold.open();
    await stopped;
    await crew.ended;
    expect((await queue.get(first)).state).toBe("completed");
    expect(await queue.get(second)).toMatchObject({ state: "ready", deliveries: 0 });
  });

  test("gives back what has not ended in time, without counting an attempt", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const { id } = await at.direct(queue).enqueue(1);
    const begun = gate();
    const signals: AbortSignal[] = [];
    const crew = hire(
      queue,
      async (_, { signal }) => {
        signals.push(signal);
        begun.open();
        await gate().passed;
      },
      { drainMs: 2_000, graceMs: 7_000 },
    );
    await begun.passed;
    const stopped = crew.stop();
    clock.advance(2_000);
    await clock.asleep(7_000);
    expect(signals[0]?.aborted).toBe(true);
    expect((await at.direct(queue).get(id)).state).toBe("running");
    clock.advance(7_000);
    await stopped;
    expect(await queue.get(id)).toMatchObject({ state: "ready", attempt: 1, run: 1 });
  });

  test("holds a job until its handler has ended, and then gives it back, whatever it says", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const { id } = await at.direct(queue).enqueue(1);
    const [begun, told, end] = [gate(), gate(), gate()];
    const crew = hire(
      queue,
      async (_, { signal }) => {
        begun.open();
        await aborted(signal);
        told.open();
        await end.passed;
        return "half";
      },
      { drainMs: 2_000, graceMs: 60_000 },
    );
    await begun.passed;
    const stopped = crew.stop();
    clock.advance(2_000);
    await told.passed;
    const extended = at.proxy.request(says("extend"));
    await clock.asleep(13_000);
    clock.advance(16_000);
    await extended;
    expect((await at.direct(queue).get(id)).state).toBe("running");
    end.open();
    await stopped;
    expect(at.proxy.seen.filter(says("release"))).toHaveLength(1);
    expect(await queue.get(id)).toMatchObject({ state: "ready", attempt: 1 });
  });

  test("gives back jobs whose claim was under way", async () => {
    const queue = at.queue(new TestClock());
    const { id } = await at.direct(queue).enqueue(1);
    const letPass = at.proxy.holdNext();
    const arrived = at.proxy.request();
    let handled = 0;
    const crew = hire(queue, () => ++handled);
    await arrived;
    const stopped = crew.stop();
    letPass();
    await stopped;
    expect(handled).toBe(0);
    expect(at.proxy.seen.filter(says("release"))).toHaveLength(1);
    expect(await queue.get(id)).toMatchObject({ state: "ready", attempt: 1 });
  });

  test("ends although the server is away, and says what it could not settle", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    await at.direct(queue).enqueue(1);
    const begun = gate();
    const crew = hire(queue, async (_, { signal }) => {
      begun.open();
      await aborted(signal);
    });
    await begun.passed;
    at.proxy.always = cutBefore;
    const stopped = crew.stop();
    const tried = at.proxy.request(says("release"));
    clock.advance(10_000);
    await tried;
    clock.advance(5_000);
    await stopped;
    expect(String(crew.errors.at(-1))).toMatch("could not settle 1 of its jobs");
  });

  test("by its signal ends as by stop()", async () => {
    const abort = new AbortController();
    const queue = at.queue(new TestClock());
    const worker = new Worker(queue, () => null, { signal: abort.signal });
    const ended = worker.run();
    abort.abort();
    await ended;
    await expect(worker.run()).rejects.toThrow("runs once");
  });
});
