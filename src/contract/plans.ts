/**
 * What may be said about plans: ordered tasks, in AGQ's JSON, kept in versions that never change.
 * Invariant: a plan that passes is whole: its tasks are numbered from 1 without a gap, and take input only from earlier ones.
 */
import * as z from "zod";
import { integer, jobId } from "./fields.ts";
import { CAPABILITY } from "./ids.ts";
import type { JsonText } from "./json.ts";
import { limits } from "./limits.ts";
import { placeholdersOf } from "./placeholders.ts";

/** What the operating system takes as one argument: anything but a NUL. */
const argument = z
  .string()
  .max(limits.argumentCharsMax)
  .refine((value) => !value.includes("\0"), "an argument has no NUL");

/** One command of a plan. `timeout_secs` is in seconds, 300 where it is left out. */
export const task = z.strictObject({
  task_number: integer(1, limits.tasksPerPlanMax),
  command: z.string().regex(CAPABILITY, "1–256 characters of A–Z a–z 0–9 _ . : / + -"),
  args: z.array(argument).max(limits.argumentsPerTaskMax).optional(),
  timeout_secs: integer(1, limits.taskTimeoutSecsMax).optional(),
  /** The task whose output is this one's input. */
  input_from_task: integer(1, limits.tasksPerPlanMax).optional(),
});
export type Task = z.output<typeof task>;

/** A plan on the wire. `plan_id` may be left out where the address names it. */
export const planWire = z
  .strictObject({
    plan_id: jobId.optional(),
    plan_description: z.string().max(limits.planDescriptionCharsMax).optional(),
    tasks: z.array(task).min(1).max(limits.tasksPerPlanMax),
  })
  .superRefine(({ tasks }, context) => {
    for (const [i, { task_number, input_from_task }] of tasks.entries()) {
      const say = (field: string, message: string) =>
        context.addIssue({ code: "custom", path: ["tasks", i, field], message });
      if (task_number !== i + 1) say("task_number", `must be ${i + 1}: numbers rise by one from 1`);
      if (input_from_task !== undefined && input_from_task > i) {
        say("input_from_task", "must name an earlier task");
      }
    }
  });
export type PlanWire = z.output<typeof planWire>;

/** A plan as the queue takes it. */
export interface SubmitPlanInput {
  readonly id: string;
  /** The plan's JSON, its fields in a fixed order, so that equal plans are equal texts. */
  readonly body: JsonText;
  readonly description?: string | undefined;
  readonly tasks: number;
  /** The commands of its tasks, sorted and without repeats. */
  readonly commands: readonly string[];
  /** The fields of an input that its arguments name. */
  readonly fields: readonly string[];
}

export const planGet = z.strictObject({ version: integer(1, limits.planVersionsMax).optional() });
export type PlanInput = z.output<typeof planGet> & { readonly id: string };

/** A page of plans in the order of their ids. */
export const planList = z.strictObject({
  /** `*` stands for any characters, `?` for one, `[a-z]` for one of a set. */
  match: z.string().min(1).max(limits.globCharsMax).optional(),
  limit: integer(1, limits.pageJobsMax).optional(),
  cursor: z.string().max(1024).optional(),
});
export type PlanListInput = z.output<typeof planList>;

/** How much a plan was used, over all its versions. */
export interface PlanUsage {
  readonly actions: number;
  readonly jobs: number;
  /** Jobs of it that have not ended. */
  readonly openJobs: number;
  readonly lastUsedAt: number | null;
}
/** A plan as a list shows it. */
export interface PlanSummary {
  readonly id: string;
  /** The newest. */
  readonly version: number;
  readonly description?: string;
  readonly taskCount: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly usage: PlanUsage;
}
/** One version of a plan; `parent` is the version that it took the place of. */
export interface PlanVersion {
  readonly version: number;
  readonly createdAt: number;
  readonly parent: number | null;
}
/** A plan with one of its versions. */
export interface PlanRecord extends Omit<PlanSummary, "version"> {
  readonly latest: number;
  readonly version: number;
  readonly parent: number | null;
  /** The newest versions, newest first. */
  readonly lineage: readonly PlanVersion[];
  /** The plan's JSON as it is run. */
  readonly plan: JsonText;
}
export interface SubmitPlanReply {
  readonly now: number;
  readonly id: string;
  readonly version: number;
  /** Whether this made a version: an equal plan makes none. */
  readonly created: boolean;
}
export interface PlanReply {
  readonly now: number;
  readonly plan: PlanRecord;
}
export interface PlanListReply {
  readonly now: number;
  readonly plans: readonly PlanSummary[];
  readonly cursor?: string;
}

/** The JSON text of a plan. */
export function encodePlan({ now, plan: { plan, ...fields } }: PlanReply): JsonText {
  return `{"now":${now},"plan":${JSON.stringify(fields).slice(0, -1)},"plan":${plan}}}`;
}

/** A plan as the queue takes it, under an id. */
export function planInput(id: string, said: PlanWire): SubmitPlanInput {
  const { plan_description: description, tasks } = said;
  return {
    id,
    body: planBody(id, said),
    ...(description !== undefined && { description }),
    tasks: tasks.length,
    commands: [...new Set(tasks.map(({ command }) => command))].sort(),
    fields: placeholdersOf(tasks),
  };
}

/** The text of a plan, its fields in the order in which AGQ writes them. */
export function planBody(id: string, { plan_description, tasks }: PlanWire): JsonText {
  const ordered = tasks.map(({ task_number, command, args, timeout_secs, input_from_task }) => ({
    task_number,
    command,
    args,
    timeout_secs,
    input_from_task,
  }));
  return JSON.stringify({ plan_id: id, plan_description, tasks: ordered });
}
