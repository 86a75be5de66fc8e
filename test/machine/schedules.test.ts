/** What may be done with a schedule: make it, change it, pause it, run it by hand, look at it, remove it. */
import { expect, test } from "vitest";
import { openEngine, START } from "../engine-harness.ts";
import { actionSlots, define, every, get, MINUTE, put, slots, submitPlan } from "./schedule-rig.ts";

test("a schedule is made with its first slot strictly after now, and creates its queue", async () => {
  const q = await openEngine();
  const definition = define({ everyMs: MINUTE }, { job: { payload: '{"n": 1.0}', priority: 5 } });
  const { created, schedule } = await q.run("schedule.put", { id: "s", definition });
  expect(created).toBe(true);
  expect(schedule).toEqual({
    id: "s",
    definition: {
      ...{ everyMs: MINUTE, catchUp: "one", overlap: "allow" },
      job: { payload: { n: 1 }, priority: 5 },
    },
    paused: false,
    createdAt: START,
    updatedAt: START,
    nextAt: START + MINUTE,
    lastSlotAt: null,
    fired: 0,
    skipped: 0,
  });
  expect(await get(q)).toEqual(schedule);
});

test("a slot makes a job as it was defined, which names its schedule and slot", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE }, { job: { payload: '"x"', priority: 5, labels: { a: "b" } } });
  await q.advance(MINUTE);
  const { lastJob = "" } = await get(q);
  expect(await q.job(lastJob)).toMatchObject({
    state: "ready",
    priority: 5,
    labels: { a: "b" },
    payload: "x",
    schedule: "s",
    slotAt: START + MINUTE,
    createdAt: START + MINUTE,
  });
  expect(await get(q)).toMatchObject({
    fired: 1,
    lastSlotAt: START + MINUTE,
    nextAt: START + 2 * MINUTE,
  });
});

test("a slot makes an action as it was defined, which names its schedule and slot", async () => {
  const q = await openEngine({ config: {} });
  await submitPlan(q, "x");
  await put(q, { everyMs: MINUTE }, { action: { plan: "p", inputs: ['{"x":1}', '{"x":2.0}'] } });
  await q.advance(MINUTE);
  const { lastAction = "", definition } = await get(q);
  expect(definition.action).toEqual({ plan: "p", inputs: [{ x: 1 }, { x: 2 }] });
  const { action } = await q.run("action.get", { id: lastAction });
  expect(action).toMatchObject({ plan: "p", total: 2, schedule: "s", slotAt: START + MINUTE });
  expect(await actionSlots(q)).toEqual([START + MINUTE]);
  expect(await slots(q)).toEqual([START + MINUTE, START + MINUTE]);
});

test("a job of a plan is one without an action", async () => {
  const q = await openEngine({ config: {} });
  await submitPlan(q, "x");
  await put(q, { everyMs: MINUTE }, { job: { payload: '{"x":1}', plan: "p" } });
  await q.advance(MINUTE);
  const { lastJob = "", lastAction } = await get(q);
  expect(await q.job(lastJob)).toMatchObject({ kind: "plan", plan: "p", planVersion: 1 });
  expect(lastAction).toBeUndefined();
});

test("the alarm is armed for the next slot, also after a crash", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE, startAt: START + 10 });
  expect(q.armedAt).toBe(START + 10);
  await q.advance(10);
  expect(q.armedAt).toBe(START + 10 + MINUTE);
  await q.reopen();
  await q.advance(MINUTE);
  expect(await slots(q)).toEqual([START + 10, START + 10 + MINUTE]);
});

test("an interval is anchored at startAt, and without one at the creation, also through edits", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE, startAt: START - 5 });
  expect((await get(q)).nextAt).toBe(START - 5 + MINUTE);
  await put(q, { everyMs: MINUTE }, {}, "t");
  await q.advance(MINUTE + 1000);
  const edited = await put(q, { everyMs: 7 * MINUTE }, {}, "t");
  expect(edited).toMatchObject({ createdAt: START, nextAt: START + 7 * MINUTE });
});

test("an identical PUT changes nothing: no entry is written, and nothing is due later", async () => {
  const q = await openEngine({ config: {} });
  const before = await put(q, { everyMs: MINUTE });
  await q.advance(10_000);
  const { index } = q.store.last;
  const definition = define({ everyMs: MINUTE });
  const again = await q.run("schedule.put", { id: "s", definition });
  expect(again).toMatchObject({ created: false, schedule: before });
  const reordered = Object.fromEntries(Object.entries(definition).reverse()) as typeof definition;
  await q.run("schedule.put", { id: "s", definition: reordered });
  expect(q.store.last.index).toBe(index);
});

test("an edit takes effect strictly after now: neither loses a slot nor passes one twice", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE, startAt: START }, { job: { payload: '"old"' } });
  // The slot is due at the very time of the edit, and no alarm has passed it yet.
  q.now += MINUTE;
  const edited = await put(
    q,
    { everyMs: MINUTE, startAt: START },
    { job: { payload: '"new"' }, endAt: START + 2 * MINUTE },
  );
  expect(edited).toMatchObject({ fired: 1, createdAt: START, updatedAt: q.now });
  expect(edited.nextAt).toBe(START + 2 * MINUTE);
  await q.advance(10 * MINUTE);
  expect(await slots(q)).toEqual([START + MINUTE, START + 2 * MINUTE]);
  const { jobs } = await q.run("job.list", { include: "payload" });
  expect(jobs.map(({ payload }) => payload)).toEqual(["old", "new"]);
});

test("an edit to another kind of timing forgets nothing that it has counted", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE });
  await q.advance(2 * MINUTE);
  const edited = await put(q, { at: START + 10 * MINUTE });
  expect(edited).toMatchObject({ fired: 2, lastSlotAt: START + 2 * MINUTE });
  await q.advance(20 * MINUTE);
  expect(await slots(q)).toEqual([START + MINUTE, START + 2 * MINUTE, START + 10 * MINUTE]);
});

test("a pause passes what is due, forgets the slots behind it, and a resume counts from then", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE, startAt: START }, { catchUp: "all" });
  q.now += 2 * MINUTE;
  const paused = (await q.run("schedule.pause", { id: "s" })).schedule;
  expect(paused).toMatchObject({ paused: true, nextAt: null, fired: 2 });
  await q.advance(5 * MINUTE);
  const { index } = q.store.last;
  await q.run("schedule.pause", { id: "s" });
  expect(q.store.last.index).toBe(index);
  // The slot at the very time of the resume is one that was forgotten.
  const resumed = (await q.run("schedule.resume", { id: "s" })).schedule;
  expect(resumed).toMatchObject({ paused: false, nextAt: START + 8 * MINUTE });
  await q.advance(MINUTE);
  expect(await slots(q)).toEqual([...every(MINUTE, START + MINUTE, 2), START + 8 * MINUTE]);
  const last = q.store.last.index;
  await q.run("schedule.resume", { id: "s" });
  expect(q.store.last.index).toBe(last);
});

test("an edit of a paused schedule leaves it paused", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE });
  await q.run("schedule.pause", { id: "s" });
  expect(await put(q, { everyMs: 2 * MINUTE })).toMatchObject({ paused: true, nextAt: null });
  await q.advance(10 * MINUTE);
  await q.run("schedule.resume", { id: "s" });
  expect(await get(q)).toMatchObject({ paused: false, nextAt: START + 12 * MINUTE, fired: 0 });
});

test("a pause of the queue is no matter to its schedules", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE });
  await q.run("queue.pause", {});
  await q.advance(3 * MINUTE);
  expect(await slots(q)).toEqual(every(MINUTE, START + MINUTE, 3));
  expect(await q.claim()).toEqual([]);
});

test("a run by hand has no slot, and leaves the next one where it is", async () => {
  const q = await openEngine({ config: {} });
  const { nextAt } = await put(q, { everyMs: MINUTE });
  await q.advance(1000);
  const { schedule } = await q.run("schedule.run", { id: "s" });
  expect(schedule).toMatchObject({ nextAt, lastSlotAt: null, fired: 1 });
  expect((await q.job(schedule.lastJob ?? "")).slotAt).toBeUndefined();
  await q.run("schedule.pause", { id: "s" });
  expect((await q.run("schedule.run", { id: "s" })).schedule).toMatchObject({ nextAt: null });
  expect(await slots(q)).toEqual([null, null]);
});

test("a run by hand passes first what is due", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE });
  q.now += MINUTE;
  await q.run("schedule.run", { id: "s" });
  expect(await slots(q)).toEqual([START + MINUTE, null]);
});

test("a preview shows the next slots up to endAt, also of a paused schedule", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE, startAt: START });
  const preview = async (count?: number) =>
    (await q.run("schedule.preview", { id: "s", ...(count !== undefined && { count }) })).slots;
  expect(await preview(3)).toEqual(every(MINUTE, START + MINUTE, 3));
  expect(await preview()).toHaveLength(10);
  await q.run("schedule.pause", { id: "s" });
  expect(await preview(2)).toEqual(every(MINUTE, START + MINUTE, 2));
  await put(q, { everyMs: MINUTE, startAt: START }, { endAt: START + 2 * MINUTE });
  expect(await preview()).toEqual(every(MINUTE, START + MINUTE, 2));
});

test("no slot comes after endAt, and the one at endAt does", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE }, { endAt: START + 2 * MINUTE });
  await q.advance(2 * MINUTE);
  expect((await get(q)).nextAt).toBeNull();
  await q.advance(10 * MINUTE);
  expect(await slots(q)).toEqual(every(MINUTE, START + MINUTE, 2));
});

test("an instant in the future is due once, and one at now or in the past never", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { at: START + MINUTE });
  for (const at of [START, START - MINUTE])
    expect(await put(q, { at }, {}, "t")).toMatchObject({ nextAt: null });
  await q.advance(10 * MINUTE);
  expect(await slots(q)).toEqual([START + MINUTE]);
  expect(await slots(q, "t")).toEqual([]);
  expect(await get(q)).toMatchObject({ nextAt: null, fired: 1, lastSlotAt: START + MINUTE });
});

test("an expression with no slot before endAt has none", async () => {
  const q = await openEngine({ config: {} });
  const timing = { cron: "0 0 29 2 *", timeZone: "UTC" };
  expect((await put(q, timing, { endAt: START + MINUTE })).nextAt).toBeNull();
  expect((await put(q, timing)).nextAt).toBe(Date.UTC(2028, 1, 29));
});

test("a removed schedule passes what is due and then nothing; a new one of its id begins anew", async () => {
  const q = await openEngine({ config: {} });
  await put(q, { everyMs: MINUTE });
  q.now += MINUTE;
  expect(await q.run("schedule.remove", { id: "s" })).toMatchObject({ removed: true });
  await q.advance(5 * MINUTE);
  expect(await slots(q)).toEqual([START + MINUTE]);
  expect((await q.refused("schedule.get", { id: "s" })).refusalCode).toBe("schedule_unknown");
  expect(await put(q, { everyMs: MINUTE })).toMatchObject({ fired: 0, createdAt: q.now });
});

test("schedules are listed by id, by a pattern, and page by page", async () => {
  const q = await openEngine({ config: {} });
  for (const id of ["b", "a-2", "a-1", "c"]) await put(q, { everyMs: MINUTE }, {}, id);
  const list = async (input: object) => {
    const { schedules, cursor } = await q.run("schedule.list", input);
    return { ids: schedules.map(({ id }) => id), cursor };
  };
  expect((await list({})).ids).toEqual(["a-1", "a-2", "b", "c"]);
  expect((await list({ match: "a-*" })).ids).toEqual(["a-1", "a-2"]);
  const first = await list({ limit: 3 });
  expect(first.ids).toEqual(["a-1", "a-2", "b"]);
  expect(await list({ limit: 3, cursor: first.cursor })).toEqual({ ids: ["c"], cursor: undefined });
  const other = await q.refused("schedule.list", { match: "a-*", cursor: first.cursor ?? "" });
  expect(other.refusalCode).toBe("cursor_invalid");
});

test("a plan that a schedule uses is not removed; the count follows edits and removals", async () => {
  const q = await openEngine({ config: {} });
  await submitPlan(q);
  const used = async () => (await q.refused("plan.remove", { id: "p" })).facts;
  const withPlan = { action: { plan: "p", inputs: [] } };
  await put(q, { everyMs: MINUTE }, withPlan);
  expect(await used()).toEqual({ schedules: 1 });
  await put(q, { everyMs: 2 * MINUTE }, withPlan);
  expect(await used()).toEqual({ schedules: 1 });
  await put(q, { everyMs: MINUTE }, { job: { payload: "null", plan: "p" } }, "t");
  expect(await used()).toEqual({ schedules: 2 });
  await put(q, { everyMs: MINUTE });
  expect(await used()).toEqual({ schedules: 1 });
  await q.run("schedule.remove", { id: "t" });
  expect(await q.run("plan.remove", { id: "p" })).toMatchObject({ removed: true });
});

test("a plan or a version that is not there is refused, and nothing is made", async () => {
  const q = await openEngine();
  const input = (version?: number) => ({
    id: "s",
    definition: define(
      { everyMs: MINUTE },
      { action: { plan: "p", inputs: [], ...(version !== undefined && { version }) } },
    ),
  });
  expect((await q.refused("schedule.put", input())).refusalCode).toBe("plan_unknown");
  expect(q.store.hard).toBeUndefined();
  await submitPlan(q);
  expect((await q.refused("schedule.put", input(2))).refusalCode).toBe("plan_unknown");
  expect(await q.run("schedule.put", input(1))).toMatchObject({ created: true });
});

test("a repeat with the same Idempotency-Key does nothing again, and keeps no payload in the log", async () => {
  const q = await openEngine({ config: {} });
  const payload = JSON.stringify("p".repeat(10_000));
  const key = (name: string) => ({ key: name, bodyHash: name });
  const input = { id: "s", definition: define({ everyMs: MINUTE }, { job: { payload } }) };
  const first = await q.run("schedule.put", input, key("put"));
  expect(await q.run("schedule.put", input, key("put"))).toEqual(first);
  await q.run("schedule.run", { id: "s" }, key("run"));
  const repeated = await q.run("schedule.run", { id: "s" }, key("run"));
  expect(repeated.schedule).toMatchObject({
    fired: 1,
    definition: { job: { payload: "p".repeat(10_000) } },
  });
  const { index } = q.store.last;
  await q.run("schedule.pause", { id: "s" }, key("pause"));
  expect(q.store.last.index).toBe(index + 1);
  const [entry] = [...q.store.entries({ from: index + 1, maxBytes: 1_000_000 })];
  expect(entry?.keys.length).toBeLessThan(200);
  await q.run("schedule.remove", { id: "s" });
  const gone = await q.answer("schedule.pause", { id: "s" }, key("pause"));
  expect(gone).toMatchObject({ refusal: { refusalCode: "answer_gone" } });
});
