/**
 * What a worker does with jobs while all goes well.
 * Invariant: every job ends as its handler ended.
 */
import { describe, expect, test } from "vitest";
import {
  type ClaimedJob,
  type JobContext,
  NonRetryableError,
  ReleaseJob,
  RetryLater,
} from "../../src/client/index.ts";
import { Pace } from "../../src/client/pace.ts";
import { aborted, gate, hire, idsOf, says, turnOf } from "./crew.ts";
import { pass, problem } from "./flaky-proxy.ts";
import { rig } from "./rig.ts";
import { TestClock } from "./test-clock.ts";

const at = rig();

describe("a handler's end", () => {
  test("is the job's result", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue({ n: 2 });
    const crew = hire(queue, (job) => ({ doubled: (job.payload as { n: number }).n * 2 }));
    await crew.settledJobs(1);
    await crew.stop();
    expect(await queue.get(id)).toMatchObject({ state: "completed", result: { doubled: 4 } });
    expect(crew.errors).toEqual([]);
  });

  test("by a throw fails the attempt, with the message", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1, { backoff: { kind: "fixed", delayMs: 60_000 } });
    const crew = hire(queue, () => {
      throw new Error(`bad ${"é".repeat(1000)}`);
    });
    await crew.settledJobs(1);
    await crew.stop();
    const job = await queue.get(id);
    expect(job).toMatchObject({ state: "scheduled", attempt: 2 });
    expect(job.error?.startsWith("bad é")).toBe(true);
  });

  test("by NonRetryableError fails the job for good", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1);
    const crew = hire(queue, () => Promise.reject(new NonRetryableError("no such address")));
    await crew.settledJobs(1);
    await crew.stop();
    expect(await queue.get(id)).toMatchObject({ state: "failed", error: "no such address" });
  });

  test("by RetryLater sets the next attempt's time", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1);
    const crew = hire(queue, () => Promise.reject(new RetryLater(3_600_000)));
    await crew.settledJobs(1);
    await crew.stop();
    const job = await queue.get(id);
    expect(job).toMatchObject({ state: "scheduled", attempt: 2 });
    expect((job.runAt ?? 0) - job.createdAt).toBeGreaterThanOrEqual(3_600_000);
  });

  test("by ReleaseJob gives it back without counting an attempt", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1);
    const crew = hire(queue, () => Promise.reject(new ReleaseJob(3_600_000)));
    await crew.settledJobs(1);
    await crew.stop();
    expect(await queue.get(id)).toMatchObject({ state: "scheduled", attempt: 1 });
  });

  test("with a result that the server cannot take fails only its own job", async () => {
    const queue = at.queue();
    const { id: large } = await queue.enqueue("x".repeat(200_000));
    const { id: cyclic } = await queue.enqueue("cyclic");
    const { id: small } = await queue.enqueue("small");
    const self: { self?: unknown } = {};
    self.self = self;
    const crew = hire(queue, ({ payload, id }) => {
      if (payload === "cyclic") return self;
      return id === large ? [payload, payload] : payload;
    });
    await crew.settledJobs(3);
    await crew.stop();
    expect(await queue.get(large)).toMatchObject({ state: "failed" });
    expect((await queue.get(cyclic)).error).toMatch(/circular/);
    expect(await queue.get(small)).toMatchObject({ state: "completed", result: "small" });
  });
});

describe("a claim that the server refuses", () => {
  test("fails no job that was completed beside it: the two go apart until a claim is taken", async () => {
    const queue = at.queue();
    await queue.enqueueMany([1, 2, 3].map((payload) => ({ payload })));
    let refusals = 0;
    at.proxy.always = (seen, ...rest) => {
      const isRefused = says("complete")(seen) && turnOf(seen).claim !== undefined;
      if (!isRefused || ++refusals > 1) return pass(seen, ...rest);
      return problem(422, "input_invalid", false)(seen, ...rest);
    };
    const before = at.proxy.seen.length;
    const crew = hire(queue, ({ payload }) => payload, { concurrency: 1 });
    await crew.settledJobs(3);
    await crew.stop();
    const turns = at.proxy.seen.slice(before).map(turnOf);
    expect((await queue.stats()).counts).toMatchObject({ completed: 3, failed: 0 });
    const said = turns.map(({ items, claim }) => [items?.length, claim !== undefined]);
    // One claims, one is refused, one settles alone, and one claims alone, which has no "claim" in it.
    expect(said.slice(0, 5)).toEqual([
      [undefined, false],
      [1, true],
      [1, false],
      [undefined, false],
      [1, true],
    ]);
  });
});

describe("an end that the server refuses", () => {
  /** Refuses the first settlement of this kind, beside a claim and alone. */
  const refuseFirst = (op: string): void => {
    const refuse = problem(422, "input_invalid", false);
    at.proxy.always = (seen, ...rest) => {
      if (!says(op)(seen)) return pass(seen, ...rest);
      if (turnOf(seen).claim === undefined) at.proxy.always = undefined;
      return refuse(seen, ...rest);
    };
  };

  test("of a job that was given back gives it back all the same, without counting an attempt", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1);
    refuseFirst("release");
    const handler = ({ deliveries }: ClaimedJob<unknown>) => {
      if (deliveries === 1) throw new ReleaseJob({ holdKeyMs: 3_600_000 });
      return "done";
    };
    const crew = hire(queue, handler);
    await crew.settledJobs(2);
    await crew.stop();
    expect(await queue.get(id)).toMatchObject({ state: "completed", attempt: 1, result: "done" });
    expect(crew.errors).toMatchObject([{ code: "input_invalid" }]);
  });

  test("of a failed attempt leaves the next one to the job's backoff", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1, { backoff: { kind: "fixed", delayMs: 60_000 } });
    refuseFirst("fail");
    const later = new RetryLater(36_000_000, "later");
    const crew = hire(queue, () => Promise.reject(later));
    await crew.settledJobs(1);
    await crew.stop();
    const job = await queue.get(id);
    expect(job).toMatchObject({ state: "scheduled", attempt: 2, error: "later" });
    expect((job.runAt ?? 0) - job.createdAt).toBeLessThan(36_000_000);
  });
});

describe("a worker's requests", () => {
  test("settle what has ended and claim for the free slots at once", async () => {
    const queue = at.queue();
    await queue.enqueueMany(Array.from({ length: 20 }, (_, payload) => ({ payload })));
    const before = at.proxy.seen.length;
    const crew = hire(queue, ({ payload }) => payload, { concurrency: 10 });
    await crew.settledJobs(20);
    const turns = at.proxy.seen.slice(before, before + 3).map(turnOf);
    expect(turns.map(({ items, claim }) => [items?.length, claim?.max])).toEqual([
      [undefined, undefined],
      [10, 10],
      [10, 10],
    ]);
    await crew.stop();
  });

  test("never claim more than the concurrency allows", async () => {
    const queue = at.queue();
    await queue.enqueueMany(Array.from({ length: 9 }, (_, payload) => ({ payload })));
    let running = 0;
    let most = 0;
    const handler = async () => {
      most = Math.max(most, ++running);
      await queue.stats();
      running--;
    };
    const crew = hire(queue, handler, { concurrency: 3 });
    await crew.settledJobs(9);
    await crew.stop();
    expect(most).toBe(3);
  });

  test("say what the worker can do, and get only such jobs", async () => {
    const queue = at.queue();
    await queue.enqueue("other", { requires: ["gpu"] });
    const { id } = await queue.enqueue("mine", { requires: ["sort"] });
    const crew = hire(queue, () => null, { capabilities: ["sort"], worker: "w1" });
    await crew.settledJobs(1);
    await crew.stop();
    expect(crew.settled.map(({ job }) => job.id)).toEqual([id]);
    expect((await queue.get(id)).worker).toBe("w1");
  });

  test("extend all leases that are half over, in one request, again and again", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    await Promise.all(["a", "b"].map((id) => at.direct(queue).enqueue(null, { id })));
    const hold = gate();
    const crew = hire(queue, () => hold.passed, { leaseMs: 30_000, concurrency: 2 });
    for (const _ of ["first", "second"]) {
      // The worker sleeps until half of the lease is over.
      await clock.asleep(15_000);
      const { leaseUntil: before = 0 } = await at.direct(queue).get("a");
      const extension = at.proxy.request(says("extend"));
      clock.advance(16_000);
      expect(idsOf("extend", await extension).sort()).toEqual(["a", "b"]);
      await clock.asleep(15_000);
      const { leaseUntil: after = 0 } = await at.direct(queue).get("a");
      expect(after).toBeGreaterThanOrEqual(before);
    }
    hold.open();
    await crew.settledJobs(2);
    await crew.stop();
    expect(crew.errors).toEqual([]);
  });

  test("bring progress, of several values the newest", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1);
    const hold = gate();
    const arrived = at.proxy.request(says("progress"));
    const crew = hire(queue, async (_, { progress }) => {
      progress(1);
      progress({ done: 2 });
      await hold.passed;
    });
    expect((await arrived).text).toContain('"progress":{"done":2}');
    hold.open();
    await crew.settledJobs(1);
    await crew.stop();
    expect(at.proxy.seen.filter(says("progress"))).toHaveLength(1);
    expect((await queue.get(id)).state).toBe("completed");
  });
});

describe("a handler is told to stop", () => {
  test("when its job was cancelled, and its end is not sent", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const { id } = await queue.enqueue(1);
    const reasons: unknown[] = [];
    const handler = async (_: unknown, { signal }: JobContext) => {
      reasons.push(await aborted(signal));
      throw new Error("stopped");
    };
    const crew = hire(queue, handler, { concurrency: 1 });
    await clock.asleep(15_000);
    await at.direct(queue).cancel(id);
    clock.advance(16_000);
    await crew.settledJobs(1);
    await crew.stop();
    expect(reasons).toMatchObject([{ code: "job_cancelled" }]);
    expect(crew.settled).toMatchObject([{ answer: { problem: { code: "job_cancelled" } } }]);
    expect(at.proxy.seen.filter(says("fail"))).toEqual([]);
    expect((await queue.get(id)).state).toBe("cancelled");
  });

  test("when its lease was lost to another worker, which keeps the job", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const { id } = await queue.enqueue(1);
    const reasons: unknown[] = [];
    const tokens: string[] = [];
    const handler = async (job: ClaimedJob<unknown>, { signal }: JobContext) => {
      tokens.push(job.token);
      reasons.push(await aborted(signal));
    };
    const crew = hire(queue, handler, { concurrency: 1 });
    await clock.asleep(15_000);
    const other = at.direct(queue);
    const [token = ""] = tokens;
    const { jobs = [] } = await other.settle([{ op: "release", id, token }], { max: 1 });
    expect(jobs).toHaveLength(1);
    clock.advance(16_000);
    await crew.settledJobs(1);
    await crew.stop();
    expect(reasons).toMatchObject([{ code: "lease_stale" }]);
    expect(crew.settled).toMatchObject([{ answer: { problem: { code: "lease_stale" } } }]);
    expect((await queue.get(id)).state).toBe("running");
  });

  test("when its `maxRunMs` is over, and not when that is what its lease lasts", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const { id } = await queue.enqueue(1, { maxRunMs: 10_000 });
    const signals: AbortSignal[] = [];
    const handler = async (_: unknown, { signal }: JobContext) => {
      signals.push(signal);
      await aborted(signal);
      throw new Error("stopped");
    };
    const crew = hire(queue, handler, { concurrency: 1, leaseMs: 20_000 });
    await clock.asleep(10_000);
    const refused = at.proxy.request(says("extend"));
    clock.advance(11_000);
    await refused;
    await clock.asleep(9_000);
    expect(signals[0]?.aborted).toBe(false);
    clock.advance(10_000);
    await crew.settledJobs(1);
    await crew.stop();
    expect(signals[0]?.reason).toMatchObject({ code: "max_run_reached" });
    expect((await queue.get(id)).state).not.toBe("completed");
  });
});

describe("an idle worker", () => {
  test("looks less and less often, up to its longest pause", () => {
    const clock = new TestClock();
    const pace = new Pace(clock, 1_000);
    const pauses = Array.from({ length: 9 }, () => {
      pace.empty(0);
      return pace.claimAt - clock.now();
    });
    expect(pauses).toEqual([10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    pace.found();
    expect(pace.claimAt).toBeLessThan(clock.now());
  });

  test("looks when the next job is due", () => {
    const clock = new TestClock();
    const pace = new Pace(clock, 1_000);
    for (let n = 0; n < 9; n++) pace.empty(0);
    pace.empty(300);
    expect(pace.claimAt - clock.now()).toBe(300);
    pace.empty(5_000);
    expect(pace.claimAt - clock.now()).toBe(1_000);
  });
});
