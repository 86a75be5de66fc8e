/**
 * The client's schedules against a real server: each method reaches its command and gives back what the command answers.
 * Invariant: payloads and inputs come back as the values that were given.
 */
import { expect, test } from "vitest";
import type { ScheduleInput } from "../../src/client/index.ts";
import { cutAfter } from "./flaky-proxy.ts";
import { rig } from "./rig.ts";
import { TestClock } from "./test-clock.ts";

const at = rig();
const DAY = 86_400_000;
const daily: ScheduleInput<{ n: number }> = {
  cron: "30 2 * * *",
  timeZone: "Europe/Berlin",
  job: { payload: { n: 1 }, priority: 3 },
};

test("a schedule is made, read, left as it is, changed and removed", async () => {
  const { schedules } = at.queue<{ n: number }>();
  const { created, schedule } = await schedules.put("s", daily);
  expect(created).toBe(true);
  expect(schedule).toMatchObject({
    id: "s",
    definition: {
      cron: "30 2 * * *",
      timeZone: "Europe/Berlin",
      catchUp: "one",
      overlap: "allow",
      job: { payload: { n: 1 }, priority: 3 },
    },
    paused: false,
    fired: 0,
  });
  expect(schedule.nextAt).toBeGreaterThan(Date.now());
  expect(await schedules.get("s")).toEqual(schedule);
  expect(await schedules.put("s", daily)).toEqual({ created: false, schedule });
  const changed = await schedules.put("s", {
    everyMs: DAY,
    job: { payload: { n: 2 } },
    catchUp: "all",
    overlap: "skip",
    endAt: schedule.createdAt + 3 * DAY,
  });
  expect(changed).toMatchObject({
    created: false,
    schedule: { definition: { job: { payload: { n: 2 } } } },
  });
  const slots = [1, 2, 3].map((days) => schedule.createdAt + days * DAY);
  expect(await schedules.preview("s")).toEqual(slots);
  expect(await schedules.preview("s", 1)).toEqual(slots.slice(0, 1));
  await schedules.remove("s");
  await expect(schedules.get("s")).rejects.toMatchObject({ code: "schedule_unknown", status: 404 });
});

test("what a schedule is shown to be defined as can be put again, and changes nothing", async () => {
  const queue = at.queue();
  const tasks = [{ task_number: 1, command: "true" }];
  await queue.transport.write("PUT", `${queue.path}/plans/p`, JSON.stringify({ tasks }));
  const job = {
    ...{ payload: { n: 1.5, é: [null] }, kind: "plan" as const, plan: "p", planVersion: 1 },
    ...{ priority: -2, ttlMs: 5, leaseMs: 1000, maxRunMs: 9000, maxAttempts: 2 },
    ...{ labels: { a: "b" }, requires: ["z", "a"] },
    backoff: { kind: "exponential" as const, delayMs: 5 },
  };
  const soon = Date.now() + DAY;
  const all = [
    { ...daily, job },
    { cron: "0 5 * * *", job: {} },
    { everyMs: DAY, startAt: soon, endAt: soon + DAY, catchUp: "all", job: { payload: null } },
    { at: soon, overlap: "skip", action: { plan: "p" } },
    { at: soon, action: { plan: "p", version: 1, inputs: [1, { x: [] }], requires: ["b"] } },
  ] as const;
  for (const input of all) {
    const { schedule } = await queue.schedules.put("s", input as ScheduleInput);
    expect(await queue.schedules.put("s", schedule.definition)).toEqual({
      created: false,
      schedule,
    });
  }
});

test("a schedule is paused, resumed and run by hand", async () => {
  const queue = at.queue<{ n: number }>();
  const { schedules } = queue;
  await schedules.put("s", daily);
  expect(await schedules.pause("s")).toMatchObject({ paused: true, nextAt: null });
  const { lastJob = "", fired } = await schedules.run("s");
  expect(fired).toBe(1);
  expect(await queue.get(lastJob)).toMatchObject({ schedule: "s", payload: { n: 1 }, priority: 3 });
  expect((await schedules.resume("s")).nextAt).toBeGreaterThan(Date.now());
});

test("a schedule of a plan submits actions with its inputs", async () => {
  const queue = at.queue();
  const { schedules } = queue;
  const ofPlan = { at: Date.now() + DAY, action: { plan: "p", inputs: [{ x: 1 }, null] } };
  await expect(schedules.put("s", ofPlan)).rejects.toMatchObject({ code: "plan_unknown" });
  const tasks = [{ task_number: 1, command: "true" }];
  await queue.transport.write("PUT", `${queue.path}/plans/p`, JSON.stringify({ tasks }));
  const { schedule } = await schedules.put("s", ofPlan);
  expect(schedule).toMatchObject({
    definition: { action: { plan: "p", inputs: [{ x: 1 }, null] } },
  });
  const { lastAction } = await schedules.run("s");
  expect(lastAction).toMatch(/^\S+$/);
  expect((await queue.stats()).counts.ready).toBe(2);
});

test("a slot that comes enqueues its job, and tells the worker which slot it is", async () => {
  const queue = at.queue<number>();
  const slotAt = Date.now() + 150;
  await queue.schedules.put("soon", { at: slotAt, job: { payload: 7 } });
  let [job] = (await queue.claim()).jobs;
  while (job === undefined) [job] = (await queue.claim()).jobs;
  expect(job).toMatchObject({ schedule: "soon", slotAt, payload: 7 });
});

test("schedules are listed by a pattern, page by page", async () => {
  const { schedules } = at.queue<{ n: number }>();
  for (const id of ["a-1", "a-2", "b"]) await schedules.put(id, daily);
  const { cursor, ...first } = await schedules.list({ match: "a-*", limit: 1 });
  expect(first.schedules.map(({ id }) => id)).toEqual(["a-1"]);
  const rest = await schedules.list({ match: "a-*", cursor: cursor ?? "" });
  expect(rest.schedules.map(({ id }) => id)).toEqual(["a-2"]);
  expect(rest.cursor).toBeUndefined();
});

test("a lost answer is asked for again, and the schedule is run once", async () => {
  const { schedules } = at.queue<{ n: number }>(new TestClock({ skipMs: 9_999 }));
  await schedules.put("s", daily);
  at.proxy.next(cutAfter);
  expect(await schedules.run("s")).toMatchObject({ fired: 1 });
});
