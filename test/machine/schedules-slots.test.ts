/**
 * When slots are passed and what becomes of them: exactly once whatever happens, caught up when they were missed, and in the way of
 * one another.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import {
  actionSlots,
  every,
  get,
  jobs,
  MINUTE,
  put,
  SECOND,
  slots,
  submitPlan,
} from "./schedule-rig.ts";

const minutes = (first: number, count: number) => every(MINUTE, START + first * MINUTE, count);

describe("a slot fires once", () => {
  test("over a crash before its alarm, and one behind it", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE });
    await q.advance(MINUTE - 1);
    await q.reopen();
    await q.advance(1);
    await q.reopen();
    await q.alarm();
    expect(await slots(q)).toEqual(minutes(1, 1));
  });

  test("over alarms that come twice, too early, or late", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE });
    await q.alarm();
    expect(await slots(q)).toEqual([]);
    q.now += MINUTE + 7;
    await q.alarm();
    await q.alarm();
    await q.reopen();
    await q.alarm();
    expect(await slots(q)).toEqual(minutes(1, 1));
    expect((await get(q)).nextAt).toBe(START + 2 * MINUTE);
  });

  test("when a command comes before the alarm, whatever it is about", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE });
    q.now += MINUTE;
    expect(await q.claimOne()).toMatchObject({ schedule: "s", slotAt: START + MINUTE });
    await q.alarm();
    expect(await slots(q)).toEqual(minutes(1, 1));
  });

  test("when the clock is set back behind it", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE });
    await q.advance(2 * MINUTE);
    q.now -= 90 * SECOND;
    await q.alarm();
    await q.reopen();
    await q.advance(90 * SECOND + MINUTE);
    expect(await slots(q)).toEqual(minutes(1, 3));
  });

  test("for each of many schedules that are due at once, all of them in one alarm", async () => {
    const q = await openEngine({ config: {} });
    const ids = Array.from({ length: 60 }, (_, i) => `s${i}`);
    for (const id of ids) await put(q, { at: START + MINUTE }, {}, id);
    await q.advance(MINUTE);
    expect((await jobs(q)).map(({ schedule }) => schedule)).toEqual([...ids].sort());
  });
});

describe("slots that were missed", () => {
  test("make one job for the newest of them by default, and the count goes on from there", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE });
    q.now += 10 * MINUTE + 30 * SECOND;
    await q.alarm();
    expect(await slots(q)).toEqual(minutes(10, 1));
    await q.advance(MINUTE);
    expect(await slots(q)).toEqual(minutes(10, 2));
  });

  test("make one job for the last one before endAt, where that has passed", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE }, { endAt: START + 4 * MINUTE + 1 });
    q.now += 10 * MINUTE;
    await q.alarm();
    expect(await slots(q)).toEqual(minutes(4, 1));
    expect(await get(q)).toMatchObject({ nextAt: null, lastSlotAt: START + 4 * MINUTE });
  });

  test("make one job each with catchUp all, from the oldest, up to endAt", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE }, { catchUp: "all", endAt: START + 4 * MINUTE });
    q.now += 10 * MINUTE;
    await q.alarm();
    await q.alarm();
    expect(await slots(q)).toEqual(minutes(1, 4));
    const made = await jobs(q);
    expect(made.map(({ createdAt }) => createdAt)).toEqual(Array(4).fill(q.now));
  });

  test("are caught up over crashes in between", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE }, { catchUp: "all" });
    q.now += 120 * MINUTE;
    const payload = "null";
    // Alarms that are cut off: the sweep of a command passes all of them, and the crash comes behind.
    await q.enqueue({ payload });
    await q.reopen();
    await q.advance(0);
    expect(await slots(q)).toEqual(minutes(1, 120));
    expect((await get(q)).fired).toBe(120);
  });

  test.each([
    [limits.catchUpSlotsMax - 1, limits.catchUpSlotsMax - 1],
    [limits.catchUpSlotsMax, limits.catchUpSlotsMax],
    [limits.catchUpSlotsMax + 1, limits.catchUpSlotsMax],
    [3 * limits.catchUpSlotsMax, limits.catchUpSlotsMax],
  ])("of %i are %i caught up, and the count goes on from now", async (missed, made) => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: SECOND }, { catchUp: "all" });
    q.now += missed * SECOND;
    await q.alarm();
    await q.advance(0);
    expect(await slots(q)).toEqual(every(SECOND, START + SECOND, made));
    await q.advance(SECOND);
    expect((await slots(q)).at(-1)).toBe(START + (missed + 1) * SECOND);
    // The next outage has the whole bound again.
    q.now += 2 * SECOND;
    await q.advance(0);
    expect(await slots(q)).toHaveLength(made + 3);
  });

  test("of a cron expression are those that the clock has shown", async () => {
    const q = await openEngine({ config: {} });
    const day = Date.UTC(2026, 10, 19);
    await put(q, { cron: "0 */6 * * *", timeZone: "UTC" }, { catchUp: "all" });
    await put(q, { cron: "0 */6 * * *", timeZone: "UTC" }, {}, "t");
    q.now = day + 13 * 60 * MINUTE;
    await q.alarm();
    const hours = [0, 6, 12].map((hour) => day + hour * 60 * MINUTE);
    expect((await slots(q)).slice(-3)).toEqual(hours);
    expect(await slots(q, "t")).toEqual(hours.slice(-1));
  });
});

describe("while the job of the slot before has not ended", () => {
  test("another one is made by default", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE });
    await q.advance(3 * MINUTE);
    expect(await q.ids("ready")).toHaveLength(3);
  });

  test("slots are skipped with overlap skip, and counted, until it has", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE }, { overlap: "skip" });
    await q.advance(3 * MINUTE);
    expect(await get(q)).toMatchObject({
      fired: 1,
      skipped: 2,
      lastSlotAt: START + 3 * MINUTE,
      nextAt: START + 4 * MINUTE,
    });
    const { id, token } = await q.claimOne({ leaseMs: 10 * MINUTE });
    await q.advance(MINUTE);
    await q.settle({ op: "complete", id, token });
    await q.advance(MINUTE);
    expect(await slots(q)).toEqual([START + MINUTE, START + 5 * MINUTE]);
  });

  test("its end counts though nothing has shown it yet", async () => {
    const q = await openEngine({ config: {} });
    const job = { payload: "null", ttlMs: 10 * MINUTE + SECOND };
    await put(q, { everyMs: 10 * MINUTE }, { overlap: "skip", job });
    await q.advance(10 * MINUTE);
    // The slot is due before the job's end, and is passed when both are over.
    q.now += 15 * MINUTE;
    await q.alarm();
    expect(await slots(q)).toEqual([START + 10 * MINUTE, START + 20 * MINUTE]);
    expect((await q.run("queue.stats", {})).counts).toMatchObject({ expired: 1, ready: 1 });
  });

  test("it is cancelled with overlap replace, waiting or running", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE }, { overlap: "replace" });
    await q.advance(MINUTE);
    const { id, token } = await q.claimOne({ leaseMs: 10 * MINUTE });
    await q.advance(2 * MINUTE);
    const states = (await jobs(q)).map(({ state, reason }) => [state, reason]);
    expect(states).toEqual([
      ["cancelled", "replaced"],
      ["cancelled", "replaced"],
      ["ready", undefined],
    ]);
    expect(await q.settle({ op: "complete", id, token })).toMatchObject({ code: "job_cancelled" });
  });

  test("one that somebody else enqueued with its unique key is not cancelled with overlap replace", async () => {
    const q = await openEngine({ config: {} });
    const unique = { key: "u" };
    const id = await q.enqueue({ payload: '"theirs"', unique });
    await put(q, { everyMs: MINUTE }, { overlap: "replace", job: { payload: '"own"', unique } });
    await q.advance(2 * MINUTE);
    expect(await get(q)).toMatchObject({ lastJob: id, nextAt: START + 3 * MINUTE });
    expect((await q.job(id)).state).toBe("ready");
  });

  test("one that has ended is left as it is", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE }, { overlap: "replace" });
    await q.advance(MINUTE);
    const { id, token } = await q.claimOne();
    await q.settle({ op: "complete", id, token });
    await q.advance(MINUTE);
    expect((await q.job(id)).state).toBe("completed");
  });

  test("one whose record was removed is in nobody's way", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE }, { overlap: "skip" });
    await q.advance(MINUTE);
    await q.run("queue.purge", {});
    await q.advance(MINUTE);
    expect(await get(q)).toMatchObject({ fired: 2, skipped: 0 });
  });

  test("slots that are caught up are in the way of one another", async () => {
    const q = await openEngine({ config: {} });
    await put(q, { everyMs: MINUTE }, { overlap: "skip", catchUp: "all" });
    await put(q, { everyMs: MINUTE }, { overlap: "replace", catchUp: "all" }, "r");
    q.now += 3 * MINUTE;
    await q.alarm();
    expect(await slots(q)).toEqual(minutes(1, 1));
    expect(await get(q)).toMatchObject({ fired: 1, skipped: 2, nextAt: START + 4 * MINUTE });
    const replaced = (await jobs(q)).filter(({ schedule }) => schedule === "r");
    expect(replaced.map(({ state }) => state)).toEqual(["cancelled", "cancelled", "ready"]);
  });
});

describe("while the action of the slot before has not ended", () => {
  async function opened(overlap: "skip" | "replace", options: object = {}): Promise<Harness> {
    const q = await openEngine({ config: {} });
    await submitPlan(q);
    const action = { plan: "p", inputs: ["1", "2"], ...options };
    await put(q, { everyMs: 10 * MINUTE }, { overlap, action });
    await q.advance(10 * MINUTE);
    return q;
  }
  const tens = (...at: number[]) => at.map((n) => START + n * 10 * MINUTE);

  test("slots are skipped with overlap skip, until its last job has ended", async () => {
    const q = await opened("skip");
    const claim = { kinds: ["plan" as const], capabilities: ["true"] };
    const first = await q.claimOne(claim);
    await q.settle({ op: "complete", id: first.id, token: first.token });
    await q.advance(10 * MINUTE);
    expect(await get(q)).toMatchObject({ fired: 1, skipped: 1 });
    const second = await q.claimOne(claim);
    await q.settle({ op: "complete", id: second.id, token: second.token });
    await q.advance(10 * MINUTE);
    expect(await actionSlots(q)).toEqual(tens(1, 3));
  });

  test("its end counts though nothing has shown it yet", async () => {
    const q = await opened("skip", { ttlMs: 10 * MINUTE + SECOND });
    q.now += 15 * MINUTE;
    await q.alarm();
    expect(await actionSlots(q)).toEqual(tens(1, 2));
  });

  test("its open jobs are cancelled with overlap replace", async () => {
    const q = await opened("replace");
    await q.advance(10 * MINUTE);
    expect((await jobs(q)).map(({ state }) => state)).toEqual([
      "cancelled",
      "cancelled",
      "ready",
      "ready",
    ]);
    const { actions } = await q.run("action.list", {});
    expect(actions.map(({ status }) => status)).toEqual(["cancelled", "running"]);
  });

  test("a job is in the way of an action that the schedule makes since", async () => {
    const q = await openEngine({ config: {} });
    await submitPlan(q);
    await put(q, { everyMs: MINUTE }, { overlap: "skip" });
    await q.advance(MINUTE);
    await put(q, { everyMs: MINUTE }, { overlap: "skip", action: { plan: "p", inputs: [] } });
    await q.advance(MINUTE);
    expect(await get(q)).toMatchObject({ fired: 1, skipped: 1 });
    await q.run("queue.purge", {});
    await q.advance(MINUTE);
    expect(await actionSlots(q)).toEqual([START + 3 * MINUTE]);
  });
});
