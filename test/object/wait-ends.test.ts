/**
 * Waiting for the ends of jobs and actions on an engine; and waiting for jobs, whatever else happens.
 * Invariant: who waits is told in the turn in which there is something to tell, and a job is never lost with one who left.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { ENOUGH, TAKEN } from "../../src/contract/waits.ts";
import { openEngine } from "../engine-harness.ts";
import { able, act, planOf } from "../machine/plan-rig.ts";
import type { TestSocket } from "./wait-socket.ts";

describe("who waits for the end of a job", () => {
  test.each(["complete", "fail"] as const)(
    "is told when its worker has come to one: %s",
    async (op) => {
      const q = await openEngine({ config: {} });
      const id = await q.enqueue({ maxAttempts: 1 });
      const waiter = await q.wait({ kind: "job", id });
      const { token } = await q.claimOne();
      expect(waiter.answer).toBeUndefined();
      await q.settle(
        op === "complete" ? { op, id, token, result: "5" } : { op, id, token, error: "no" },
      );
      const state = op === "complete" ? "completed" : "failed";
      expect(waiter.answer).toMatchObject({ job: { id, state } });
    },
  );

  test("is not told of an attempt that is followed by another", async () => {
    const q = await openEngine({ config: {} });
    const id = await q.enqueue();
    const waiter = await q.wait({ kind: "job", id });
    const { token } = await q.claimOne();
    await q.settle({ op: "fail", id, token, error: "no" });
    expect(waiter.answer).toBeUndefined();
  });

  test("is told at once of one that has ended, that is not there, or whose queue is not", async () => {
    const q = await openEngine();
    const nowhere = await q.wait({ kind: "job", id: "a" });
    expect(nowhere.answer).toEqual({ refused: "queue_unknown" });
    const id = await q.enqueue();
    await q.run("job.cancel", { id });
    const [ended, unknown] = [
      await q.wait({ kind: "job", id }),
      await q.wait({ kind: "job", id: "b" }),
    ];
    expect(ended.answer).toMatchObject({ job: { state: "cancelled" } });
    expect(unknown.answer).toEqual({ refused: "job_unknown" });
  });

  test("is told that its record is gone, or what it is when it waits no longer", async () => {
    const q = await openEngine({ config: { retention: { cancelled: { count: 0 } } } });
    const id = await q.enqueue();
    const [first, second] = [await q.wait({ kind: "job", id }), await q.wait({ kind: "job", id })];
    await q.say(first, ENOUGH);
    expect(first.answer).toMatchObject({ job: { id, state: "ready" } });
    await q.run("queue.purge", {});
    expect(second.answer).toEqual({ refused: "job_unknown" });
  });
});

describe("who waits for the end of a job that is kept for no time then", () => {
  const retention = Object.fromEntries(
    ["completed", "failed", "cancelled", "expired"].map((state) => [state, { ageMs: 0 }]),
  );
  const open = () => openEngine({ config: { retention } });

  test.each([
    ["complete", { state: "completed", result: 5 }],
    ["fail", { state: "failed", error: "no", attempts: [{ outcome: "failed", error: "no" }] }],
  ] as const)("is told what its worker has made of it: %s", async (op, expected) => {
    const q = await open();
    const id = await q.enqueue({ maxAttempts: 1, payload: '"p"' });
    const waiter = await q.wait({ kind: "job", id });
    const { token } = await q.claimOne();
    await q.settle(
      op === "complete" ? { op, id, token, result: "5" } : { op, id, token, error: "no" },
    );
    expect(waiter.answer).toMatchObject({ job: { id, payload: "p", endedAt: q.now, ...expected } });
    expect((await q.wait({ kind: "job", id })).answer).toEqual({ refused: "job_unknown" });
  });

  test("is told of it with its texts, also where these were long and are gone with it", async () => {
    const q = await open();
    const [payload, result] = ["p", "r"].map((of) => of.repeat(limits.textInRowMax));
    const id = await q.enqueue({ payload: JSON.stringify(payload) });
    const waiter = await q.wait({ kind: "job", id });
    const { token } = await q.claimOne();
    await q.settle({ op: "complete", id, token, result: JSON.stringify(result) });
    expect(waiter.answer).toMatchObject({ job: { id, payload, result } });
  });

  test("is told that it was cancelled, or that its time was over", async () => {
    const q = await open();
    const [one, other] = [await q.enqueue(), await q.enqueue({ ttlMs: 1000 })];
    const waiters = [
      await q.wait({ kind: "job", id: one }),
      await q.wait({ kind: "job", id: other }),
    ];
    await q.run("job.cancel", { id: one, reason: "not needed" });
    q.now += 1000;
    await q.fire();
    expect(waiters.map(({ answer }) => answer)).toMatchObject([
      { job: { id: one, state: "cancelled", reason: "not needed" } },
      { job: { id: other, state: "expired", reason: "ttl" } },
    ]);
  });

  test("is told by the instance that finds the wait with its socket", async () => {
    const q = await open();
    const id = await q.enqueue();
    const waiter = await q.wait({ kind: "job", id });
    const { token } = await q.claimOne();
    await q.reopen();
    await q.settle({ op: "complete", id, token, result: "5" });
    expect(waiter.answer).toMatchObject({ job: { id, state: "completed", result: 5 } });
  });
});

test("who waits for the end of an action is told when its last job has ended", async () => {
  const q = await openEngine({ config: {} });
  await q.run("plan.submit", planOf("p"));
  const ids = await act(q, ["1", "2"], { action: "a" });
  const waiter = await q.wait({ kind: "action", id: "a" });
  const jobs = await q.claim({ ...able, max: 2 });
  for (const [i, { id, token }] of jobs.entries()) {
    expect(waiter.answer).toBeUndefined();
    await q.settle({ op: "complete", id, token });
    if (i === ids.length - 1)
      expect(waiter.answer).toMatchObject({ action: { status: "completed" } });
  }
});

type Step =
  | "enqueue"
  | "wait"
  | "hang up"
  | "take"
  | "end"
  | "reopen"
  | "advance"
  | "claim"
  | "pause"
  | "resume";
const steps: readonly Step[] = [
  "enqueue",
  "enqueue",
  "wait",
  "wait",
  "hang up",
  "take",
  "end",
  "reopen",
  "advance",
  "claim",
  "pause",
  "resume",
];

test("whatever happens, nobody waits while a job is ready, and no job is held by one who left", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...steps), { minLength: 5, maxLength: 60 }),
      async (taken) => {
        const q = await openEngine({ config: { leaseMs: 3_600_000 } });
        const open = new Set<TestSocket>();
        const isWaiting = (socket: TestSocket) => socket.answer === undefined;
        const given = () => [...open].filter((socket) => socket.jobs?.length);
        for (const step of taken) {
          const [first] = [...open].filter(isWaiting);
          const [served] = given();
          if (step === "enqueue") await q.enqueue();
          else if (step === "wait") open.add(await q.waitForJobs({ max: 2 }));
          else if (step === "claim") await q.claim();
          else if (step === "reopen") await q.reopen();
          else if (step === "pause") await q.run("queue.pause", {});
          else if (step === "resume") await q.run("queue.resume", {});
          else if (step === "advance") await q.advance(1000);
          else if (step === "take" && served !== undefined) {
            await q.say(served, TAKEN);
            open.delete(served);
          } else if (step === "end" && first !== undefined) {
            await q.say(first, ENOUGH);
            open.delete(first);
          } else if (step === "hang up") {
            const [gone] = open;
            if (gone === undefined) continue;
            open.delete(gone);
            await q.hangUp(gone);
            for (const id of gone.jobs ?? []) {
              const { state } = await q.job(id);
              const isGivenAnew = given().some((socket) => socket.jobs?.includes(id));
              expect(state === "ready" || isGivenAnew).toBe(true);
            }
          }
          const { ready } = (await q.run("queue.stats", {})).counts;
          const isPaused = (await q.run("queue.get", {})).queue.paused;
          if (!isPaused && [...open].some(isWaiting)) expect(ready).toBe(0);
        }
      },
    ),
    { numRuns: 150 },
  );
});
