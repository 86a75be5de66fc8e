/**
 * What submitting, reading and removing a plan mean.
 * Invariant: a version never changes, and a plan that something still uses is not removed.
 */
import { utf8Bytes } from "../contract/fields.ts";
import { matcher } from "../contract/glob.ts";
import type { JsonText } from "../contract/json.ts";
import { limits } from "../contract/limits.ts";
import { inputCheck, resolveTasks, type Task } from "../contract/placeholders.ts";
import type { PlanSummary, PlanVersion } from "../contract/plans.ts";
import { isRefusal, type Refusal, refuse } from "../contract/refusals.ts";
import { bodyOf, numberOf, type PlanRow, type PlanVersionRow } from "../store/plans.ts";
import { pageOf } from "./cursors.ts";
import type { Decide, Read, Transaction, View } from "./decide.ts";
import { whyFull } from "./room.ts";

const planUnknown = (id: string, version?: number): Refusal =>
  version === undefined
    ? refuse("plan_unknown", `There is no plan ${id}: PUT …/plans/${id} submits it.`, { plan: id })
    : refuse("plan_unknown", `There is no version ${version} of plan ${id}.`, {
        plan: id,
        version,
      });

/** A plan that was not removed. */
function planOf(view: View, id: string): PlanRow | Refusal {
  const row = view.tables.plans.get([id]);
  return row === undefined || row.removedAt !== undefined ? planUnknown(id) : row;
}

/** A version of a plan, the newest where none is named. */
export function versionOf(
  view: View,
  id: string,
  wanted: number | undefined,
): { readonly version: number; readonly row: PlanVersionRow } | Refusal {
  const plan = planOf(view, id);
  if (isRefusal(plan)) return plan;
  const version = wanted ?? plan.latest;
  const row = view.tables.plan_versions.get([id, version]);
  return row === undefined ? planUnknown(id, version) : { version, row };
}

/** The tasks of a version of a plan. */
export const tasksOf = ({ body }: Pick<PlanVersionRow, "body">): readonly Task[] =>
  (JSON.parse(bodyOf({ body })) as { readonly tasks: readonly Task[] }).tasks;

/** A version of a plan, and whether it can run an input. */
export interface RunnablePlan {
  readonly version: number;
  readonly row: PlanVersionRow;
  readonly fits: (input: JsonText) => boolean;
}

/** What all inputs of a command that are for one plan are held against: made once, since a plan may be as large as they all. */
export function runnable(
  view: View,
  id: string,
  wanted: number | undefined,
): RunnablePlan | Refusal {
  const found = versionOf(view, id, wanted);
  if (isRefusal(found)) return found;
  const { row } = found;
  return { ...found, fits: row.fields.length === 0 ? () => true : inputCheck(tasksOf(row)) };
}

/** Why some inputs cannot be run by a plan: the first problem of each of the first ones that have any. */
export function mismatch(
  { row, fits }: RunnablePlan,
  inputs: readonly JsonText[],
  pointerOf: (index: number) => string,
): Refusal | undefined {
  const errors = [];
  for (const [index, input] of inputs.entries()) {
    if (fits(input)) continue;
    const resolved = resolveTasks(tasksOf(row), input);
    if (!("reason" in resolved)) continue;
    const { detail } = resolved;
    errors.push({ pointer: pointerOf(index), code: "input_mismatch", detail } as const);
    if (errors.length === MISMATCHES_TOLD) break;
  }
  const [first] = errors;
  if (first === undefined) return undefined;
  return { ...refuse("input_mismatch", `${first.pointer}: ${first.detail}`), errors };
}
const MISMATCHES_TOLD = 10;

export const submitPlan: Decide<"plan.submit"> = (tx, input) => {
  const { id, body } = input;
  const before = tx.tables.plans.get([id]);
  const isThere = before !== undefined && before.removedAt === undefined;
  const parent = isThere ? before.latest : undefined;
  if (parent !== undefined && tx.tables.plan_versions.get([id, parent])?.body === body) {
    return { now: tx.at, id, version: parent, created: false };
  }
  const latest = before === undefined ? 0 : numberOf(before);
  if (latest >= limits.planVersionsMax) {
    return refuse(
      "plan_limit",
      `Versions of plan ${id} were numbered up to ${latest}; that is the most, and numbers are not given twice. Choose another id.`,
      { latest },
    );
  }
  const full = whyFull(tx, 0, utf8Bytes(body));
  if (full !== undefined) return full;
  const version = latest + 1;
  tx.emit("plan.submitted", { ...input, version, ...(parent !== undefined && { parent }) });
  return { now: tx.at, id, version, created: true };
};

/** A plan, and the greatest number that was given to a version of it. */
export type PlanNumber = readonly [id: string, number: number];

/** The numbers of all plans, also of those that are gone: what an import must not give again. */
export const planNumbers = ({ tables }: Pick<View, "tables">): PlanNumber[] =>
  [...tables.plans.scan({})].map(([[id], row]) => [id, numberOf(row)]);

/** Keeps numbers that were given in the state before an import from being given again. */
export function keepNumbers(tx: Transaction, numbers: readonly PlanNumber[]): void {
  for (const [id, number] of numbers) {
    const row = tx.tables.plans.get([id]);
    if (row === undefined || numberOf(row) < number) tx.emit("plan.numbered", { id, number });
  }
}

export const removePlan: Decide<"plan.remove"> = (tx, { id }) => {
  const plan = planOf(tx, id);
  if (isRefusal(plan)) return plan;
  if (plan.open > 0) {
    return refuse("plan_in_use", `Jobs of plan ${id} have not ended: ${plan.open}.`, {
      openJobs: plan.open,
    });
  }
  if (plan.schedules > 0) {
    return refuse("plan_in_use", `${plan.schedules} schedules use plan ${id}.`, {
      schedules: plan.schedules,
    });
  }
  tx.emit("plan.removed", { id });
  return { now: tx.at, removed: true };
};

function toSummary(id: string, row: PlanRow): PlanSummary {
  const { latest, description, tasks, createdAt, updatedAt, actions, jobs, open } = row;
  return {
    id,
    version: latest,
    ...(description !== undefined && { description }),
    taskCount: tasks,
    createdAt,
    updatedAt,
    usage: { actions, jobs, openJobs: open, lastUsedAt: row.lastUsedAt ?? null },
  };
}

export const getPlan: Read<"plan.get"> = (view, { id, version: wanted }) => {
  const plan = planOf(view, id);
  if (isRefusal(plan)) return plan;
  const found = versionOf(view, id, wanted);
  if (isRefusal(found)) return found;
  const { version: latest, ...summary } = toSummary(id, plan);
  const { version, row } = found;
  const lineage = lineageOf(view, id);
  const { parent = null } = row;
  return {
    now: view.at,
    plan: { ...summary, latest, version, parent, lineage, plan: bodyOf(row) },
  };
};

function lineageOf(view: View, id: string): PlanVersion[] {
  const rows = view.tables.plan_versions.range({
    prefix: [id],
    reverse: true,
    limit: limits.lineageShownMax,
  });
  return rows.map(([[, version], { createdAt, parent = null }]) => ({
    version,
    createdAt,
    parent,
  }));
}

export const listPlans: Read<"plan.list"> = (view, { match, limit, cursor }) => {
  const isListed = match === undefined ? () => true : matcher(match);
  const page = pageOf(view, {
    list: `plans ${match ?? ""}`,
    cursor,
    limit,
    rows: (after) => view.tables.plans.scan(after === undefined ? {} : { after: [after] }),
    show: (id, row) =>
      row.removedAt === undefined && isListed(id) ? toSummary(id, row) : undefined,
  });
  if (isRefusal(page)) return page;
  const { items: plans, cursor: next } = page;
  return { now: view.at, plans, ...(next !== undefined && { cursor: next }) };
};
