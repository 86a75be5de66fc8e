/**
 * Where plans are kept: one row per plan with its use, and one per version, which never changes.
 * Invariant: `open` equals a recount of the plan's jobs that have not ended; a version that open jobs use is there.
 */
import type { EventOf } from "../contract/events.ts";
import { isEndState, utf8Bytes } from "../contract/fields.ts";
import type { JsonText } from "../contract/json.ts";
import { declareTable } from "./declare.ts";
import type { JobRow } from "./jobs.ts";
import { ascii, integer } from "./key-columns.ts";
import { editCounters } from "./queue.ts";
import { required } from "./row.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export interface PlanRow {
  /** The newest version; 0 of a plan that is known only by its number. */
  readonly latest: number;
  /** Versions up to this number were given in states that imports replaced. */
  readonly numbered?: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly description?: string | undefined;
  readonly tasks: number;
  /** Actions and jobs that it was ever used for. */
  readonly actions: number;
  readonly jobs: number;
  /** Jobs that have not ended. */
  readonly open: number;
  readonly schedules: number;
  readonly lastUsedAt?: number;
  /** The plan is gone; what its next version is numbered from stays, since jobs and people may name older ones. */
  readonly removedAt?: number;
}
export interface PlanVersionRow {
  readonly createdAt: number;
  readonly parent?: number | undefined;
  readonly body: JsonText;
  readonly tasks: number;
  readonly commands: readonly string[];
  readonly fields: readonly string[];
}

export const plans = declareTable<PlanRow>()({
  name: "plans",
  version: 1,
  key: [ascii("id")],
  valueBytesMax: 10_000,
});
export const plan_versions = declareTable<PlanVersionRow>()({
  name: "plan_versions",
  version: 1,
  key: [ascii("id"), integer("plan_version")],
  texts: ["body"],
  required: ["body"],
});

/** The body of a version, for whoever is to see it. Throws RowUnreadable where it is gone. */
export const bodyOf = ({ body }: Pick<PlanVersionRow, "body">): JsonText =>
  required(plan_versions.name, "body", body);

/** The greatest number that was ever given to a version of a plan. */
export const numberOf = (row: Pick<PlanRow, "latest" | "numbered">): number =>
  Math.max(row.latest, row.numbered ?? 0);

const uses = { actions: 0, jobs: 0, open: 0, schedules: 0 };
const unused = { ...uses, latest: 0, updatedAt: 0, tasks: 0 };

function submitted(tables: SluiceTables, event: EventOf<"plan.submitted">, at: number): void {
  const { id, version, parent, body, description, tasks, commands, fields } = event;
  const before: PlanRow = tables.plans.get([id]) ?? { ...unused, createdAt: at };
  const { removedAt, ...kept } = before;
  const createdAt = removedAt === undefined ? before.createdAt : at;
  const row = { latest: version, createdAt, updatedAt: at, description, tasks };
  tables.plans.put([id], { ...kept, ...row });
  tables.plan_versions.insert([id, version], {
    createdAt: at,
    parent,
    body,
    tasks,
    commands,
    fields,
  });
  editCounters(tables).bytes += utf8Bytes(body);
}

function removed(tables: SluiceTables, { id }: EventOf<"plan.removed">, at: number): void {
  const row = tables.plans.get([id]);
  if (row === undefined) throw new Error(`an event removes plan ${id}, which is not kept`);
  const versions = [...tables.plan_versions.scan({ prefix: [id] })];
  for (const [key, { body }] of versions) {
    tables.plan_versions.remove(key);
    editCounters(tables).bytes -= utf8Bytes(body);
  }
  if (row.jobs === 0 && row.numbered === undefined) tables.plans.remove([id]);
  else tables.plans.put([id], { ...row, removedAt: at });
}

function numbered(tables: SluiceTables, event: EventOf<"plan.numbered">, at: number): void {
  const gone = { ...unused, createdAt: at, updatedAt: at, removedAt: at };
  const row = tables.plans.get([event.id]) ?? gone;
  tables.plans.put([event.id], { ...row, numbered: event.number });
}

/** Counts the jobs of a plan: each once, and those that are open. */
export function countInPlan(
  tables: SluiceTables,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  const plan = (after ?? before)?.plan;
  if (plan === undefined) return;
  const was = before !== undefined && !isEndState(before.state);
  const is = after !== undefined && !isEndState(after.state);
  if (was === is && before !== undefined) return;
  const row = tables.plans.edit([plan]);
  if (row === undefined) throw new Error(`a job is of plan ${plan}, which is not kept`);
  row.open += Number(is) - Number(was);
  if (before !== undefined || after === undefined) return;
  row.jobs += 1;
  row.lastUsedAt = after.createdAt;
}

export const planWriters = {
  "plan.numbered": numbered,
  "plan.removed": removed,
  "plan.submitted": submitted,
} satisfies Partial<EventWriters>;
