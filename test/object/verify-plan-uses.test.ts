/**
 * What a plan's row says of its tasks, and of the jobs and the actions that there were of it.
 * Invariant: a row that says less than is kept, or another number of tasks than its newest version has, is told and not taken in.
 */
import { describe, it } from "vitest";
import { expectFound, set, variedQueue } from "./verify-rig.ts";

describe("a plan's row that does not agree with what there is of the plan", () => {
  it.each([
    ["too few jobs", "jobs", 5, "it had 5 jobs, and 7 are kept"],
    ["too few actions", "actions", 1, "it had 1 actions, and 2 are kept"],
    ["other tasks than its newest version", "tasks", 0, "it has 0 tasks, its newest version"],
  ] as const)("is found: %s", async (_, field, value, told) => {
    const queue = await variedQueue();
    await expectFound(queue, [set("plans", field, value, "id = 'p'")], "I11", told);
  });
});
