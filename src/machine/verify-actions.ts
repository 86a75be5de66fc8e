/**
 * Verifying actions: that each counts its jobs, names what they name, and has ended as they did.
 * Invariant: an action whose jobs are all kept is held to them exactly; of one that has lost some since its end, to what is left.
 */
import { isEndState, type JobState, jobStates } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import type { ActionRow } from "../store/actions.ts";
import type { PlanRow } from "../store/plans.ts";
import { verifySlot } from "./verify-schedules.ts";
import { add, countUse, type RowCheck } from "./verify-state.ts";

/**
 * The generated id so many behind another one; no id where the number is none.
 * @example shiftedId("k3f9x2ab-001-00000001z", 1) // "k3f9x2ab-001-000000020"
 */
export function shiftedId(id: string, by: number): string {
  const at = id.lastIndexOf("-") + 1;
  const number = Number.parseInt(id.slice(at), 36) + by;
  return id.slice(0, at) + number.toString(36).padStart(id.length - at, "0");
}

export function verifyAction(check: RowCheck, id: string, row: ActionRow): void {
  const { found, implied, counted } = check.state;
  counted.action += 1;
  countUse(check.state, row.plan, 0, 1);
  let kept = 0;
  for (const state of jobStates) {
    const count = row.counts[state];
    kept += count;
    add(found.actions, [id, state], count);
    if (isEndState(state)) counted[`action_${state}`] += count;
  }
  const {
    firstJob,
    plan,
    planVersion,
    schedule = "",
    slotAt = "",
    createdAt,
    ended,
    parents = 0,
  } = row;
  const facts = [id, firstJob, plan, planVersion, schedule, slotAt, createdAt];
  add(found["jobs of actions"], facts, kept);
  add(found["parents of actions"], [id], parents);
  if (ended !== undefined) {
    if (parents === 0) add(implied.ended_actions, [ended.status, ended.shelvedAt ?? ended.at, id]);
    counted[`ended_${ended.status}`] += row.total;
  }
  checkShape(check, row, kept);
  checkEnd(check, row, kept);
  check.expectPast({ createdAt, "ended.at": ended?.at, "ended.shelvedAt": ended?.shelvedAt });
  const latest = (check.find("plans", [plan]) as PlanRow | undefined)?.latest ?? 0;
  const version = `version ${planVersion} of plan ${plan}`;
  check.expect(latest >= planVersion, "I11", `it is of ${version}, which was never made`);
  verifySlot(check, "action", id, row);
}

function checkShape(check: RowCheck, row: ActionRow, kept: number): void {
  const { firstJob, lastJob, total, round } = row;
  const isOfSize = total >= 1 && total <= limits.jobsPerEnqueueMax;
  check.expect(isOfSize, "I11", `it is of ${total} jobs`);
  const isLast = lastJob === shiftedId(firstJob, total - 1);
  check.expect(isLast, "I11", `${total} jobs from ${firstJob} do not end with ${lastJob}`);
  check.expect(kept <= total, "I11", `it keeps ${kept} jobs of ${total}`);
  // Records are only removed behind its end; then it may have begun again.
  const isWhole = row.ended !== undefined || round > 1 || kept === total;
  check.expect(isWhole, "I11", `it has lost jobs while it ran: ${kept} of ${total} are kept`);
  const isCounted = round >= 1 && Object.values(row.counts).every((count) => count >= 0);
  check.expect(isCounted, "I11", "a count is negative");
}

/** How bad the end of a job is: the worst one is that of the action. */
const badness = { completed: 0, cancelled: 1, failed: 2, expired: 2 } as const;

function checkEnd(check: RowCheck, { counts, ended, total }: ActionRow, kept: number): void {
  const isOpen = counts.blocked + counts.scheduled + counts.ready + counts.running > 0;
  const told = isOpen ? "it has open jobs, and has ended" : "it has no open job, and has not ended";
  check.expect(isOpen === (ended === undefined), "I11", told);
  if (ended === undefined) return;
  const ends = (Object.keys(badness) as (keyof typeof badness & JobState)[]).filter(
    (state) => counts[state] > 0,
  );
  const worst = Math.max(0, ...ends.map((state) => badness[state]));
  const is = badness[ended.status];
  // Of jobs that were removed since, one may have been worse.
  const isRight = is === worst || (is > worst && kept < total);
  check.expect(isRight, "I11", `it is ${ended.status}, by the ends of its jobs it is not`);
}
