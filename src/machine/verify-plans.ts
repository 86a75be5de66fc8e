/**
 * Verifying plans, their versions, and the reports of tasks.
 * Invariant: the versions of a plan that is kept go without a gap up to its newest one, but for numbers that were given before an
 * import; those of one that was removed are gone.
 */
import { utf8Bytes } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import type { JobRow } from "../store/jobs.ts";
import type { PlanRow, PlanVersionRow } from "../store/plans.ts";
import type { TaskRow } from "../store/tasks.ts";
import { add, type RowCheck, type RowKey, usesOf, type VerifiedRow } from "./verify-state.ts";

/** A version of a plan, the newest where none is named. */
export function findVersion({ find }: RowCheck, plan: string, version?: number) {
  const wanted = version ?? (find("plans", [plan]) as PlanRow | undefined)?.latest;
  if (wanted === undefined) return undefined;
  return find("plan_versions", [plan, wanted]) as PlanVersionRow | undefined;
}

export function verifyPlan(check: RowCheck, id: string, row: PlanRow): void {
  const { found } = check.state;
  const { latest, open, jobs, actions, schedules, removedAt } = row;
  add(found.plans, [id], open);
  add(found["schedules of plans"], [id], schedules);
  const newest = findVersion(check, id, latest);
  const isThere = removedAt !== undefined || newest !== undefined;
  check.expect(isThere, "I11", `its newest version ${latest} is not kept`);
  const tasks = newest?.tasks ?? row.tasks;
  check.expect(
    row.tasks === tasks,
    "I11",
    `it has ${row.tasks} tasks, its newest version ${tasks}`,
  );
  const [kept, keptActions] = usesOf(check.state, id);
  check.expect(kept <= jobs, "I11", `it had ${jobs} jobs, and ${kept} are kept`);
  const told = `it had ${actions} actions, and ${keptActions} are kept`;
  check.expect(keptActions <= actions, "I11", told);
  const isUnused = removedAt === undefined || open + schedules === 0;
  check.expect(isUnused, "I11", "it was removed, and is in use");
  check.expect(open <= jobs, "I11", `it had ${jobs} jobs, and ${open} are open`);
  check.expect(actions <= jobs, "I11", `it had ${jobs} jobs of ${actions} actions`);
  const { createdAt, updatedAt, lastUsedAt } = row;
  check.expectPast({ createdAt, updatedAt, lastUsedAt, removedAt });
}

/** A version follows the one before it, if any is there, and goes with its plan. */
export function verifyPlanVersion(check: RowCheck, { key, value, texts }: VerifiedRow): void {
  const [id = "", version = 0] = key;
  const { parent, createdAt } = value as PlanVersionRow;
  countTexts(check, texts);
  const before = check.before?.table === "plan_versions" ? check.before.key : [];
  const behind = before[0] === id ? before[1] : undefined;
  const plan = check.find("plans", [id]) as PlanRow | undefined;
  // Numbers that were given in a state which an import replaced are left out.
  const isGiven = Number(version) - 1 <= (plan?.numbered ?? 0) || parent === Number(version) - 1;
  const follows = parent === behind && (parent === undefined || isGiven);
  const told = `it follows version ${parent ?? "none"}, and stands behind ${behind ?? "none"}`;
  check.expect(follows, "I11", told);
  const isKept = plan !== undefined && plan.removedAt === undefined;
  check.expect(isKept, "I11", "its plan is not kept");
  const latest = plan?.latest ?? Infinity;
  check.expect(Number(version) <= latest, "I11", `the newest of its plan is ${latest}`);
  check.expectPast({ createdAt });
}

/** A report is of a task that the plan of a kept job has, by a hand-out that there was. */
export function verifyTask(check: RowCheck, { key, value, texts }: VerifiedRow): void {
  countTexts(check, texts);
  const [id = "", task = 0] = key;
  const { run, delivery, reportedAt } = value as TaskRow;
  check.expectPast({ reportedAt });
  const job = check.find("jobs", [id]) as JobRow | undefined;
  if (job?.plan === undefined) {
    check.expect(false, "I11", job === undefined ? "its job is not kept" : "its job is of no plan");
    return;
  }
  const isKnown = run < job.run || (run === job.run && delivery <= job.deliveries);
  const told = `it is of hand-out ${delivery} of run ${run}`;
  check.expect(isKnown, "I11", `${told}; its job had ${job.deliveries} of run ${job.run}`);
  const tasks = tasksOf(check, [job.plan, job.planVersion ?? 0]);
  check.expect(
    Number(task) >= 1 && Number(task) <= tasks,
    "I11",
    `its job's plan has ${tasks} tasks`,
  );
}

/** The tasks of a version; of one that went with its plan, as many as there may be. */
function tasksOf({ find }: RowCheck, version: RowKey): number {
  const row = find("plan_versions", version) as PlanVersionRow | undefined;
  return row?.tasks ?? limits.tasksPerPlanMax;
}

function countTexts({ state }: RowCheck, texts: readonly (string | null)[]): void {
  for (const text of texts) state.counted.bytes += utf8Bytes(text ?? "");
}
