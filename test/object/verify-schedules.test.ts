/**
 * Verifying schedules and what they made: that a slot fires once, and that damage to their tables is found and not let in.
 */
import { describe, it } from "vitest";
import { START } from "../engine-harness.ts";
import { MINUTE } from "../machine/schedule-rig.ts";
import { expectFound, expectSound, scheduledQueue, set, unset } from "./verify-rig.ts";

const of = (schedule: string) => `value ->> 'schedule' = '${schedule}'`;
const first = (table: string, schedule: string) =>
  `id = (SELECT min(id) FROM ${table} WHERE ${of(schedule)})`;
const last = (table: string, schedule: string) =>
  `id = (SELECT max(id) FROM ${table} WHERE ${of(schedule)} AND value ->> 'slotAt' IS NOT NULL)`;
const jobs = "id = 'jobs'";

describe("a verification of schedules", () => {
  it("finds nothing wrong with a sound queue, in however many steps", async () => {
    const queue = await scheduledQueue();
    await expectSound(queue);
    await queue.run("schedule.resume", { id: "plans" });
    await queue.advance(10 * MINUTE);
    await expectSound(queue);
  });

  it.each([
    ["a lost due time", ["DELETE FROM schedule_due"], "I11", "schedule_due: 0 rows"],
    [
      "another due time",
      ["UPDATE schedule_due SET slot_at = slot_at + 1"],
      "I11",
      "schedule_due: 3 rows, and the rows they follow from imply 3, but others",
    ],
    [
      "a due time of another schedule",
      ["UPDATE schedule_due SET id = 'none' WHERE id = 'jobs'"],
      "I11",
      "schedule_due: 3 rows, and the rows they follow from imply 3, but others",
    ],
    [
      "a lost schedule",
      [`DELETE FROM schedules WHERE ${jobs}`],
      "I11",
      "The counter schedules is 4",
    ],
    ["another next slot", [set("schedules", "nextAt", START + 99 * MINUTE)], "I11", "schedule_due"],
    ["no next slot", [unset("schedules", "nextAt")], "I11", "schedule_due"],
    [
      "a next slot that has passed",
      [set("schedules", "lastSlotAt", START + 5 * MINUTE, jobs)],
      "I8",
      `schedules jobs: its next slot ${START + 5 * MINUTE} is not behind its last, ${START + 5 * MINUTE}`,
    ],
    [
      "a next slot behind the end",
      [set("schedules", "definition.endAt", START, jobs)],
      "I8",
      "is behind its end",
    ],
    ["a paused one that is due", [set("schedules", "pausedAt", START, jobs)], "I8", "paused, and"],
    [
      "one that makes nothing",
      [unset("schedules", "definition.job", jobs)],
      "I8",
      "schedules jobs: it makes not exactly one of a job and an action",
    ],
    [
      "an unknown plan",
      [set("schedules", "definition.action.plan", "none", "id = 'actions'")],
      "I11",
      "schedules of plans",
    ],
    [
      "a plan that is not kept",
      [set("schedules", "definition.job.plan", "none", "id = 'plans'")],
      "I8",
      "schedules plans: it makes jobs of plan none, which is not kept",
    ],
    [
      "a version that is not kept",
      [set("schedules", "definition.action.version", 9, "id = 'actions'")],
      "I8",
      "schedules actions: it makes jobs of version 9 of plan p, which is not kept",
    ],
    ["a wrong count of a plan's schedules", [set("plans", "schedules", 9)], "I11", "schedules of"],
    ["a wrong counter", [set("counters", "schedules", 9)], "I11", "The counter schedules is 9"],
  ] as const)("finds %s", async (_, damages, invariant, told) => {
    await expectFound(await scheduledQueue(), damages, invariant, told);
  });

  it.each([
    [
      "a slot that made two jobs",
      [set("jobs", "slotAt", START + 2 * MINUTE, first("jobs", "jobs"))],
      `slot ${START + 2 * MINUTE} of schedule jobs has fired before, up to ${START + 2 * MINUTE}`,
    ],
    [
      "a slot that made two jobs, far from each other",
      [set("jobs", "slotAt", START + MINUTE, last("jobs", "jobs"))],
      `slot ${START + MINUTE} of schedule jobs has fired before`,
    ],
    [
      "a slot that made two actions",
      [set("actions", "slotAt", START + MINUTE, last("actions", "actions"))],
      `slot ${START + MINUTE} of schedule actions has fired before`,
    ],
    [
      "a slot of a schedule that is gone that made two jobs",
      [
        "INSERT INTO jobs SELECT 'q0000000-001-zzzzzzzzz', version, value, payload, result " +
          `FROM jobs WHERE ${first("jobs", "gone")}`,
      ],
      "of schedule gone has fired before",
    ],
    [
      "a job of a slot that its schedule has not passed",
      [set("schedules", "lastSlotAt", START + MINUTE, jobs)],
      `of schedule jobs, which has passed ${START + MINUTE} only`,
    ],
    [
      "an action of a slot that its schedule has not passed",
      [unset("schedules", "lastSlotAt", "id = 'actions'")],
      "of schedule actions, which has passed",
    ],
    [
      "a job that was made before its slot",
      [set("jobs", "createdAt", START, first("jobs", "jobs"))],
      `it was made at ${START}, before its slot ${START + MINUTE}`,
    ],
    [
      "a slot of no schedule",
      [unset("jobs", "schedule", first("jobs", "jobs"))],
      `it is of slot ${START + MINUTE} of no schedule`,
    ],
  ] as const)("finds %s", async (_, damages, told) => {
    await expectFound(await scheduledQueue(), damages, "I8", told);
  });

  it.each(["createdAt", "updatedAt", "pausedAt", "lastSlotAt"])(
    "finds a schedule with a %s from after the last entry",
    async (field) => {
      const told = `its ${field} 9000000000000 is behind the last entry`;
      await expectFound(await scheduledQueue(), [set("schedules", field, 9e12)], "I15", told);
    },
  );
});
