/**
 * Verifying schedules and what they made: that a slot fires once (I8), and that each schedule can make what it is to make.
 * Invariant: of the first schedules whose jobs or actions are met, no slot may come twice; which slot fired last, every row is
 * held to.
 */
import type { ScheduleRow } from "../store/schedules.ts";
import { findVersion } from "./verify-plans.ts";
import { add, follow, type RowCheck } from "./verify-state.ts";

export function verifySchedule(check: RowCheck, id: string, row: ScheduleRow): void {
  const { implied, counted } = check.state;
  const { definition, nextAt, lastSlotAt = -1, pausedAt, createdAt, updatedAt } = row;
  const { job, action, endAt = Infinity } = definition;
  counted.schedules += 1;
  if (nextAt !== undefined) add(implied.schedule_due, [nextAt, id]);
  check.expect(pausedAt === undefined || nextAt === undefined, "I8", "it is paused, and due");
  if (nextAt !== undefined) {
    const isBehind = nextAt > lastSlotAt;
    check.expect(isBehind, "I8", `its next slot ${nextAt} is not behind its last, ${lastSlotAt}`);
    check.expect(nextAt <= endAt, "I8", `its next slot ${nextAt} is behind its end, ${endAt}`);
  }
  check.expectPast({ createdAt, updatedAt, pausedAt, lastSlotAt });
  const isOne = (job === undefined) !== (action === undefined);
  check.expect(isOne, "I8", "it makes not exactly one of a job and an action");
  const plan = action?.plan ?? job?.plan;
  if (plan === undefined) return;
  add(implied["schedules of plans"], [plan]);
  const version = action?.version ?? job?.planVersion;
  const isKept = findVersion(check, plan, version) !== undefined;
  const named = version === undefined ? `plan ${plan}` : `version ${version} of plan ${plan}`;
  check.expect(isKept, "I8", `it makes jobs of ${named}, which is not kept`);
}

/** A row that a slot made, perhaps. */
interface OfSlot {
  readonly createdAt: number;
  readonly schedule?: string | undefined;
  readonly slotAt?: number | undefined;
}

/** A job or an action of a slot: the slot had come, its schedule has passed it, and nothing else was made for it. */
export function verifySlot(
  check: RowCheck,
  kind: "job" | "action",
  id: string,
  { schedule, slotAt, createdAt }: OfSlot,
): void {
  // Run by hand, a schedule makes something for no slot.
  if (slotAt === undefined) return;
  check.expect(schedule !== undefined, "I8", `it is of slot ${slotAt} of no schedule`);
  check.expect(slotAt <= createdAt, "I8", `it was made at ${createdAt}, before its slot ${slotAt}`);
  if (schedule === undefined) return;
  const row = check.find("schedules", [schedule]) as ScheduleRow | undefined;
  if (row !== undefined) {
    // What is older than the schedule is of one before it of that name.
    const passed = Math.max(row.lastSlotAt ?? 0, row.createdAt);
    const told = `it is of slot ${slotAt} of schedule ${schedule}, which has passed ${passed} only`;
    check.expect(slotAt <= passed, "I8", told);
  }
  // Generated ids of one history stand in the order in which they were given, and so do the slots of one schedule.
  const history = id.slice(0, id.lastIndexOf("-"));
  const before = follow(check.state.slots, [kind, schedule, history].join("\n"), slotAt);
  const told = `slot ${slotAt} of schedule ${schedule} has fired before, up to ${before}`;
  check.expect(before === undefined || slotAt > before, "I8", told);
}
