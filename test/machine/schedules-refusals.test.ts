/** How many schedules there may be, and what they may not be. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { openEngine } from "../engine-harness.ts";
import { define, MINUTE, put, submitPlan } from "./schedule-rig.ts";

test("more schedules than there may be are refused, and an edit is not", async () => {
  const changing = limits as { schedulesMax: number };
  const { schedulesMax } = limits;
  changing.schedulesMax = 2;
  try {
    const q = await openEngine({ config: {} });
    for (const id of ["a", "b"]) await put(q, { everyMs: MINUTE }, {}, id);
    const third = { id: "c", definition: define({ everyMs: MINUTE }) };
    expect((await q.refused("schedule.put", third)).refusalCode).toBe("schedules_limit");
    await put(q, { everyMs: 2 * MINUTE }, {}, "b");
    await q.run("schedule.remove", { id: "a" });
    expect(await q.run("schedule.put", third)).toMatchObject({ created: true });
    const unknown = await q.refused("schedule.put", {
      id: "d",
      definition: define({ everyMs: MINUTE }, { action: { plan: "p", inputs: [] } }),
    });
    expect(unknown.refusalCode).toBe("plan_unknown");
  } finally {
    changing.schedulesMax = schedulesMax;
  }
});

test("payload and inputs that its plan cannot run are refused at once, and change nothing", async () => {
  const q = await openEngine({ config: {} });
  await submitPlan(q, "x");
  const refused = async (said: Parameters<typeof define>[1]) =>
    await q.refused("schedule.put", { id: "s", definition: define({ everyMs: 1000 }, said) });
  const { refusalCode, errors } = await refused({
    action: { plan: "p", inputs: ['{"x":1}', "{}"] },
  });
  expect(refusalCode).toBe("input_mismatch");
  expect(errors).toMatchObject([{ pointer: "/action/inputs/1" }]);
  expect(await refused({ action: { plan: "p", inputs: [] } })).toMatchObject({
    errors: [{ pointer: "/action/inputs/0" }],
  });
  expect(await refused({ job: { plan: "p", payload: "null" } })).toMatchObject({
    errors: [{ pointer: "/job/payload" }],
  });
  expect((await q.refused("schedule.get", { id: "s" })).refusalCode).toBe("schedule_unknown");
  const good = define({ everyMs: 1000 }, { job: { plan: "p", payload: '{"x":1}' } });
  await q.run("schedule.put", { id: "s", definition: good });
});
