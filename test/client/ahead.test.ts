/**
 * What a worker asks for beyond its free slots, and what becomes of what came ahead of its turn.
 * Invariant: no handler more than there are slots; what waits too long goes back to where others may take it.
 */
import { describe, expect, test } from "vitest";
import { Ahead } from "../../src/client/ahead.ts";
import { Holds } from "../../src/client/holds.ts";
import type { ClaimedJob } from "../../src/client/index.ts";
import { Outbox } from "../../src/client/outbox.ts";
import { Queue } from "../../src/client/queue.ts";
import type { SettleAnswer } from "../../src/client/types.ts";
import { gate } from "./crew.ts";

describe("jobs beyond the free slots", () => {
  test("are as many as ended in a round trip, up to three times the slots", () => {
    const ahead = new Ahead(10);
    expect(ahead.jobs).toBe(0);
    for (let i = 0; i < 7; i += 1) ahead.end(1);
    ahead.turned(0, true);
    expect(ahead.jobs).toBe(7);
    for (let i = 0; i < 99; i += 1) ahead.end(1);
    ahead.turned(7, true);
    expect(ahead.jobs).toBe(30);
  });

  test("are fewer with each round trip in which few end, or nothing was left", () => {
    const ahead = new Ahead(10);
    for (let i = 0; i < 8; i += 1) ahead.end(1);
    ahead.turned(0, true);
    ahead.turned(8, true);
    expect(ahead.jobs).toBe(4);
    for (let i = 0; i < 8; i += 1) ahead.end(1);
    ahead.turned(8, false);
    expect(ahead.jobs).toBe(2);
  });
});

test("none is asked for behind handlers that are too long for it to have its turn soon", () => {
  const ahead = new Ahead(10);
  for (const tookMs of [51, 50, 1_000, 0]) ahead.end(tookMs);
  ahead.turned(0, true);
  expect(ahead.jobs).toBe(2);
});

const job = (id: string) => ({ id, token: "t", leaseUntil: 30_000 }) as ClaimedJob<unknown>;

function crew(concurrency: number) {
  const clock = { now: 0 };
  const gates = new Map<string, ReturnType<typeof gate>>();
  const begun: string[] = [];
  const outbox = new Outbox<SettleAnswer>();
  const ahead = new Ahead(concurrency);
  const holds = new Holds({
    ...{ queue: new Queue({ name: "q" }), outbox, ahead },
    handler: async ({ id }) => {
      begun.push(id);
      const end = gate();
      gates.set(id, end);
      await end.passed;
    },
    options: { concurrency },
    now: () => clock.now,
    isStopping: () => false,
    wakeUp: () => undefined,
    ended: () => undefined,
    report: (error) => {
      throw error;
    },
  });
  const end = async (id: string) => {
    gates.get(id)?.open();
    await new Promise(setImmediate);
  };
  const said = () =>
    outbox.take().map(({ text }) => JSON.parse(text) as { op: string; id: string });
  return { holds, ahead, clock, begun, end, said };
}

const now = { now: 0, sentAt: 0 };

test("a handler counts by how long it ran, not by how long its job waited for it", async () => {
  const { holds, ahead, clock, end } = crew(1);
  holds.take(["a", "b"].map(job), now, true);
  clock.now = 60;
  await end("a");
  expect(ahead.ended).toBe(0);
  clock.now = 70;
  await end("b");
  expect(ahead.ended).toBe(1);
});

describe("a job that came ahead", () => {
  test("waits for a slot, and takes its turn in order", async () => {
    const { holds, begun, end } = crew(2);
    holds.take(["a", "b", "c", "d"].map(job), now, true);
    expect([begun, holds.taken]).toEqual([["a", "b"], 4]);
    await end("b");
    expect([begun, holds.taken]).toEqual([["a", "b", "c"], 3]);
  });

  test("goes back when its turn has not come soon, and no more are asked for", async () => {
    const { holds, ahead, begun, said } = crew(1);
    ahead.jobs = 1;
    holds.take(["a", "b"].map(job), now, true);
    expect(holds.dueAt).toBe(100);
    holds.speak(99);
    expect(holds.taken).toBe(2);
    holds.speak(100);
    await new Promise(setImmediate);
    expect([begun, ahead.jobs, holds.taken]).toEqual([["a"], 0, 1]);
    expect(said()).toMatchObject([{ op: "release", id: "b", token: "t" }]);
  });

  test("goes back at once when its worker stops", async () => {
    const { holds, begun, said } = crew(1);
    holds.take(["a", "b"].map(job), now, true);
    holds.releaseWaiting();
    await new Promise(setImmediate);
    expect(begun).toEqual(["a"]);
    expect(said()).toMatchObject([{ op: "release", id: "b" }]);
  });

  test("is never begun once the server has said that it is lost", async () => {
    const { holds, begun, end, said } = crew(1);
    holds.take(["a", "b", "c"].map(job), now, true);
    const problem = { code: "job_cancelled" as const, status: 409, detail: "", retryable: false };
    holds.lose([{ id: "b", token: "t", ok: false, problem: { ...problem, type: "", title: "" } }]);
    await end("a");
    expect(begun).toEqual(["a", "c"]);
    expect(said()).toMatchObject([{ op: "complete", id: "a" }]);
    expect(holds.unsettled).toBe(2);
  });

  test("goes back when its channel was lost, if it is held still", async () => {
    const { holds, begun, end, said } = crew(1);
    holds.take(["a", "b", "c"].map(job), now, true);
    holds.resume(
      [
        { id: "a", token: "t", leaseUntil: 30_000 },
        { id: "b", token: "t", leaseUntil: 30_000 },
      ],
      now,
    );
    await end("a");
    expect(begun).toEqual(["a"]);
    expect(said()).toMatchObject([
      { op: "release", id: "b" },
      { op: "complete", id: "a" },
    ]);
  });
});
