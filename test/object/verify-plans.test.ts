/**
 * Verifying plans, actions and the reports of tasks: damage to their tables is found, and is not let in.
 */
import { describe, it } from "vitest";
import { openEngine } from "../engine-harness.ts";
import { act, planOf } from "../machine/plan-rig.ts";
import { expectFound, expectSound, set, unset, variedQueue } from "./verify-rig.ts";

const ofLive = "value ->> 'action' = 'live'";
const firstOfLive = `id = (SELECT min(id) FROM jobs WHERE ${ofLive})`;

describe("a verification of plans, actions and tasks", () => {
  it("finds nothing wrong with a sound queue, in however many steps", async () => {
    const queue = await variedQueue();
    await expectSound(queue);
    await queue.run("action.retry", { id: "ended" });
    await queue.run("job.remove", { id: "cancelled" });
    await queue.advance(40_000);
    await expectSound(queue);
    await queue.advance(200_000);
    await queue.run("action.cancel", { id: "live" });
    await expectSound(queue);
  });

  it("finds nothing wrong with an action of which records are removed, nor when it runs again", async () => {
    const queue = await openEngine({ config: {} });
    await queue.run("plan.submit", planOf("p"));
    const [first = "", second = ""] = await act(queue, ["1", "2", "3"], { action: "a" });
    await queue.run("action.cancel", { id: "a" });
    await queue.run("job.remove", { id: second });
    await expectSound(queue);
    await queue.run("job.retry", { id: first });
    await expectSound(queue);
  });

  it("finds nothing wrong with a plan that was removed and submitted anew", async () => {
    const queue = await variedQueue();
    await queue.run("plan.submit", planOf("gone"));
    await queue.enqueue({ plan: "gone" });
    await queue.run("plan.submit", planOf("gone", ["2"]));
    await expectSound(queue);
  });

  it.each([
    [
      "an open job of a version that is not kept",
      [set("jobs", "planVersion", 7, "id = 'single'")],
      "I1",
      "jobs single: it is open and of version 7 of plan p, which is not kept",
    ],
    [
      "an ended job of a version that was never made",
      [set("jobs", "planVersion", 7, "id = 'cancelled'")],
      "I11",
      "jobs cancelled: it was of version 7 of plan p, never made",
    ],
    [
      "a job whose plan is not known at all",
      [set("jobs", "plan", "q", "id = 'cancelled'")],
      "I11",
      "jobs cancelled: it was of version 3 of plan q, never made",
    ],
    [
      "a plan's first version that open jobs use lost",
      ["DELETE FROM plan_versions WHERE plan_version = 1"],
      "I1",
      "it is open and of version 1 of plan p, which is not kept",
    ],
    [
      "a lost version",
      ["DELETE FROM plan_versions WHERE plan_version = 2"],
      "I11",
      "plan_versions p 3: it follows version 2, and stands behind 1",
    ],
    [
      "a lost newest version",
      ["DELETE FROM plan_versions WHERE plan_version = 3"],
      "I11",
      "plans p: its newest version 3 is not kept",
    ],
    [
      "renumbered versions",
      [
        "UPDATE plan_versions SET plan_version = plan_version + 10",
        "UPDATE plan_versions SET plan_version = plan_version - 9",
      ],
      "I11",
      "plan_versions p 4: it follows version 2, and stands behind 3",
    ],
    [
      "renumbered versions that follow each other, with the newest of them",
      [
        "UPDATE plan_versions SET plan_version = plan_version + 10",
        "UPDATE plan_versions SET plan_version = plan_version - 9",
        "UPDATE plan_versions SET value = json_set(value, '$.parent', (value ->> 'parent') + 1) WHERE value ->> 'parent' IS NOT NULL",
        set("plans", "latest", 4, "id = 'p'"),
      ],
      "I1",
      "it is open and of version 1 of plan p, which is not kept",
    ],
    [
      "a newest version that is not the highest",
      [set("plans", "latest", 2, "id = 'p'")],
      "I11",
      "plan_versions p 3: the newest of its plan is 2",
    ],
    [
      "a newest version that is not there",
      [set("plans", "latest", 4, "id = 'p'")],
      "I11",
      "plans p: its newest version 4 is not kept",
    ],
    [
      "a removed plan that is in use",
      [set("plans", "removedAt", 1, "id = 'p'")],
      "I11",
      "plans p: it was removed, and is in use",
    ],
    [
      "a plan that is there without its versions",
      [unset("plans", "removedAt", "id = 'gone'")],
      "I11",
      "plans gone: its newest version 1 is not kept",
    ],
    [
      "versions of a plan that was removed",
      [set("plans", "removedAt", 1, "id = 'p'")],
      "I11",
      "plan_versions p 1: its plan is not kept",
    ],
    [
      "versions of a plan that is not known",
      ["UPDATE plan_versions SET id = 'q' WHERE plan_version = 3"],
      "I11",
      "plan_versions q 3: its plan is not kept",
    ],
    [
      "a plan with two beginnings",
      [unset("plan_versions", "parent", "plan_version = 2")],
      "I11",
      "plan_versions p 2: it follows version none, and stands behind 1",
    ],
    [
      "a plan of fewer jobs",
      [set("plans", "jobs", 1, "id = 'p'")],
      "I11",
      "plans p: it had 1 jobs, and",
    ],
    ["a plan of more actions", [set("plans", "actions", 99, "id = 'p'")], "I11", "99 actions"],
    [
      "another kind",
      [unset("jobs", "kind", "id = 'single'")],
      "I1",
      "its kind and its plan differ",
    ],
  ] as const)("finds %s", async (_, damages, invariant, told) => {
    await expectFound(await variedQueue(), damages, invariant, told);
  });

  it.each([
    ["another first job", [set("actions", "firstJob", "x-001-000000001")], "do not end with"],
    [
      "another first and last job",
      [set("actions", "firstJob", "x-001-000000001"), set("actions", "lastJob", "x-001-000000002")],
      "jobs of actions: 4 rows, and the rows they follow from imply 4, but others",
    ],
    ["another last job", [set("actions", "lastJob", "x")], "do not end with x"],
    ["another total", [set("actions", "total", 3, "id = 'live'")], "actions live: 3 jobs from"],
    ["another plan", [set("actions", "plan", "gone", "id = 'live'")], "jobs of actions"],
    ["an unknown plan", [set("actions", "plan", "q", "id = 'live'")], "never made"],
    ["another version", [set("actions", "planVersion", 2, "id = 'live'")], "jobs of actions"],
    ["an unknown version", [set("actions", "planVersion", 9, "id = 'live'")], "never made"],
    ["a schedule of its own", [set("actions", "schedule", "s", "id = 'live'")], "jobs of actions"],
    ["another creation", [set("actions", "createdAt", 1, "id = 'live'")], "jobs of actions"],
    ["a job that is another's", [set("jobs", "action", "ended", firstOfLive)], "jobs of actions"],
    ["a job of an unknown action", [set("jobs", "action", "none", firstOfLive)], "actions: "],
    ["a job with another number", [set("jobs", "inputIndex", 1, firstOfLive)], "jobs of actions"],
    [
      "a job without a number",
      [unset("jobs", "inputIndex", firstOfLive)],
      "its action and its place in it differ",
    ],
    ["a job of another version", [set("jobs", "planVersion", 2, ofLive)], "jobs of actions"],
    [
      "fewer jobs than it was made of",
      [set("actions", "counts.running", 0, "id = 'live'")],
      "actions live: it has lost jobs while it ran",
    ],
    [
      "more jobs than it was made of",
      [set("actions", "counts.ready", 5, "id = 'live'")],
      "live: it keeps",
    ],
    ["a negative count", [set("actions", "counts.ready", -1)], "a count is negative"],
    [
      "no jobs at all",
      [set("actions", "total", 0, "id = 'live'")],
      "actions live: it is of 0 jobs",
    ],
    [
      "another status than its jobs have",
      [set("actions", "ended.status", "completed", "id = 'ended'")],
      "actions ended: it is completed, by the ends of its jobs it is not",
    ],
    [
      "a worse status than its jobs have",
      [set("actions", "ended.status", "failed", "id = 'ended'")],
      "actions ended: it is failed, by the ends of its jobs it is not",
    ],
  ] as const)("finds an action with %s", async (_, damages, told) => {
    await expectFound(await variedQueue(), damages, "I11", told);
  });

  it.each([
    ["of a job that is not kept", ["UPDATE tasks SET id = 'none'"], "its job is not kept"],
    ["of a job of no plan", ["UPDATE tasks SET id = 'plain'"], "its job is of no plan"],
    ["that the plan has not", ["UPDATE tasks SET task = 2"], "its job's plan has 1 tasks"],
    ["of a later run", [set("tasks", "run", 2)], "it is of hand-out 1 of run 2"],
    ["of a later hand-out", [set("tasks", "delivery", 2)], "it is of hand-out 2 of run 1"],
  ] as const)("finds a report of a task %s", async (_, damages, told) => {
    await expectFound(await variedQueue(), damages, "I11", told);
  });
});
