/** How many schedules there may be. */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { openEngine } from "../engine-harness.ts";
import { define, MINUTE, put } from "./schedule-rig.ts";

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
