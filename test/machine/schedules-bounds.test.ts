/**
 * Slots that cannot make anything, and slots that make a lot: the ones are passed, the others never hold the queue up.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { type Harness, openEngine, START } from "../engine-harness.ts";
import {
  actionSlots,
  define,
  every,
  get,
  jobs,
  MINUTE,
  put,
  SECOND,
  slots,
  submitPlan,
} from "./schedule-rig.ts";

describe("a slot that is refused is passed, and later ones work", () => {
  test("where the queue is full", async () => {
    const q = await openEngine({ config: { maxJobs: 1 } });
    await put(q, { everyMs: MINUTE });
    await q.advance(2 * MINUTE);
    expect(await get(q)).toMatchObject({
      fired: 1,
      refused: "queue_full",
      lastSlotAt: START + 2 * MINUTE,
      nextAt: START + 3 * MINUTE,
    });
    await q.run("queue.purge", {});
    await q.advance(MINUTE);
    expect((await get(q)).refused).toBeUndefined();
    expect(await slots(q)).toEqual([START + 3 * MINUTE]);
  });

  test("where the input does not fit a newer version of the plan", async () => {
    const q = await openEngine({ config: {} });
    await submitPlan(q);
    await put(q, { everyMs: MINUTE }, { action: { plan: "p", inputs: ["{}"] } });
    await put(q, { everyMs: MINUTE }, { action: { plan: "p", version: 1, inputs: ["{}"] } }, "t");
    await submitPlan(q, "x");
    await q.advance(MINUTE);
    expect(await get(q)).toMatchObject({ fired: 0, refused: "input_mismatch" });
    expect(await actionSlots(q, "t")).toEqual([START + MINUTE]);
    await put(q, { everyMs: MINUTE }, { action: { plan: "p", inputs: ['{"x":1}'] } });
    await q.advance(MINUTE);
    expect(await actionSlots(q)).toEqual([START + 2 * MINUTE]);
  });

  test("where too many sets of requirements wait", async () => {
    const q = await openEngine({ config: {} });
    const sets = Array.from({ length: limits.lanesMax }, (_, i) => ({
      payload: "1",
      requires: [`r${i}`],
    }));
    await q.run("job.enqueue", { jobs: sets.slice(0, 1000) });
    await q.run("job.enqueue", { jobs: sets.slice(1000) });
    await put(q, { everyMs: MINUTE }, { job: { payload: "null", requires: ["own"] } });
    await q.advance(MINUTE);
    expect(await get(q)).toMatchObject({ fired: 0, refused: "requires_limit" });
    await q.run("queue.purge", {});
    await q.advance(MINUTE);
    expect(await slots(q)).toEqual([START + 2 * MINUTE]);
  });

  test("and a run by hand says nothing about the newest slot", async () => {
    const q = await openEngine({ config: { maxJobs: 1 } });
    await put(q, { everyMs: MINUTE });
    await q.advance(2 * MINUTE);
    expect((await q.refused("schedule.run", { id: "s" })).refusalCode).toBe("queue_full");
    await q.run("queue.purge", {});
    const { schedule } = await q.run("schedule.run", { id: "s" });
    expect(schedule).toMatchObject({ fired: 2, refused: "queue_full" });
  });

  test("and replaces what it cannot follow", async () => {
    const q = await openEngine({ config: { maxJobs: 1 } });
    await put(q, { everyMs: MINUTE }, { overlap: "replace" });
    await q.advance(2 * MINUTE);
    expect((await jobs(q)).map(({ state }) => state)).toEqual(["cancelled"]);
    expect(await get(q)).toMatchObject({ refused: "queue_full" });
  });
});

describe("slots that are heavy", () => {
  const large = `"${"x".repeat(limits.scheduleBytesMax - 2)}"`;
  const entries = (q: Harness, from: number) => [
    ...q.store.entries({ from: from + 1, maxBytes: 100_000_000 }),
  ];

  test("and due at once go into entries that have room for them", async () => {
    const q = await openEngine({ config: {} });
    const ids = Array.from({ length: 9 }, (_, i) => `s${i}`);
    for (const id of ids) await put(q, { at: START + MINUTE }, { job: { payload: large } }, id);
    const { index } = q.store.last;
    await q.advance(MINUTE);
    expect(await jobs(q)).toHaveLength(9);
    const sizes = entries(q, index).map(({ texts }) => texts.length / limits.scheduleBytesMax);
    expect(sizes).toEqual([2, 2, 2, 2, 1]);
  });

  test("go with commands that wait for their entry", async () => {
    const q = await openEngine({ config: {} });
    for (let i = 0; i < 9; i++) {
      await put(q, { at: START + MINUTE }, { job: { payload: large } }, `s${i}`);
    }
    q.now += MINUTE;
    await q.enqueue({ id: "a", payload: large });
    expect(await q.job("a")).toMatchObject({ state: "ready" });
    await q.advance(0);
    expect(await jobs(q)).toHaveLength(10);
  });

  test("count for as many changes as they make jobs: one entry has one action of a thousand", async () => {
    const q = await openEngine({ config: {} });
    await submitPlan(q);
    const action = { plan: "p", inputs: Array(1000).fill("1") };
    for (const id of ["s", "t", "u"]) await put(q, { at: START + MINUTE }, { action }, id);
    const { index } = q.store.last;
    await q.advance(MINUTE);
    expect(entries(q, index)).toHaveLength(3);
    expect(await actionSlots(q, "u")).toEqual([START + MINUTE]);
  });

  test.each(["schedule.put", "schedule.pause", "schedule.remove", "schedule.run"] as const)(
    "and missed are passed before %s, an entry at a time",
    async (name) => {
      const q = await openEngine({ config: {} });
      await put(q, { everyMs: MINUTE }, { catchUp: "all", job: { payload: large } });
      q.now += 20 * MINUTE;
      const { index } = q.store.last;
      const definition = {
        timing: { everyMs: MINUTE },
        catchUp: "one",
        overlap: "allow",
        job: { payload: "null" },
      };
      await q.run(name, { id: "s", definition } as never);
      const made = every(MINUTE, START + MINUTE, 20);
      expect(await slots(q)).toEqual(name === "schedule.run" ? [...made, null] : made);
      const longest = Math.max(...entries(q, index).map(({ texts }) => texts.length));
      // A run makes one more, in the entry of the last of them.
      expect(longest).toBeLessThanOrEqual(3 * limits.scheduleBytesMax);
    },
  );

  test("and never pass the cap of what is caught up", async () => {
    const q = await openEngine({ config: {} });
    await submitPlan(q);
    const action = { plan: "p", inputs: Array(20).fill("1") };
    await put(q, { everyMs: SECOND }, { catchUp: "all", action });
    q.now += 2 * limits.catchUpSlotsMax * SECOND;
    await q.alarm();
    expect((await get(q)).fired).toBe(limits.catchUpSlotsMax);
    expect((await q.run("queue.stats", {})).counts.ready).toBe(20 * limits.catchUpSlotsMax);
  });
});

describe("what schedules keep is bounded in bytes", () => {
  const large = `"${"x".repeat(limits.scheduleBytesMax - 2)}"`;

  test("a page of them, which has at least one", async () => {
    const q = await openEngine({ config: {} });
    const ids = Array.from({ length: 20 }, (_, i) => `s${i}`);
    for (const id of ids) await put(q, { at: START + MINUTE }, { job: { payload: large } }, id);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await q.run("schedule.list", { ...(cursor && { cursor }) });
      expect(JSON.stringify(page).length).toBeLessThan(limits.replyBytesMax + 1000);
      seen.push(...page.schedules.map(({ id }) => id));
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(seen).toEqual(ids.toSorted());
  });

  test("where the queue is full, a new one and a larger one are refused, and nothing else", async () => {
    const q = await openEngine({ config: { maxBytes: 2000 } });
    await put(q, { everyMs: MINUTE });
    await q.enqueue({ payload: `"${"x".repeat(1950)}"` });
    const definition = define({ everyMs: MINUTE });
    const wider = { ...define({ everyMs: MINUTE }), job: { payload: `"${"y".repeat(200)}"` } };
    const refusal = { refusalCode: "queue_full", facts: { maxBytes: 2000 } };
    expect(await q.refused("schedule.put", { id: "t", definition })).toMatchObject(refusal);
    expect(await q.refused("schedule.put", { id: "s", definition: wider })).toMatchObject(refusal);
    await put(q, { everyMs: SECOND });
    await q.run("schedule.pause", { id: "s" });
    expect(await q.run("worker.register", { id: "w" })).toMatchObject({ worker: { name: "w" } });
    await q.run("queue.purge", {});
    await q.run("schedule.put", { id: "t", definition });
  });
});
