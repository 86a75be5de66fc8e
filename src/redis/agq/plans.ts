/**
 * PLAN.*: plans as AGQ's programs submit and read them.
 * Invariant: what is submitted is a plan by Sluice's rules, once its unknown fields and its nulls are dropped.
 */
import type * as z from "zod";
import { JOB_ID } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { PlanSummary, SubmitPlanReply } from "../../contract/plans.ts";
import { planInput, planWire } from "../../contract/plans.ts";
import { pointerOf } from "../../contract/raw-json.ts";
import { checkIdentifier, type JsonObject, objectIn, pageIn } from "./arguments.ts";
import {
  type AgqContext,
  AgqError,
  type AgqPerform,
  ask,
  between,
  bulk,
  exactly,
  textArgument,
  unless,
} from "./command.ts";
import { isoTime, seconds, sortedJson } from "./json.ts";
import { latestJob } from "./leases.ts";
import { listed, pageOf } from "./pages.ts";

const PLAN_FIELDS = ["plan_id", "plan_description", "tasks"];
const TASK_FIELDS = ["task_number", "command", "args", "timeout_secs", "input_from_task"];
/** A null of these is told, since they must be there. */
const NEEDED = new Set(["plan_id", "tasks", "task_number", "command"]);

/** The fields that a plan or a task may have, less those that are null. */
function known(value: unknown, fields: readonly string[]): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const said = value as JsonObject;
  const kept = fields.filter(
    (field) => Object.hasOwn(said, field) && (said[field] !== null || NEEDED.has(field)),
  );
  return Object.fromEntries(kept.map((field) => [field, said[field]]));
}

/** Submits the plan that a JSON object is. Throws what is wrong with it. */
export async function submit(context: AgqContext, said: JsonObject): Promise<SubmitPlanReply> {
  const plan = known(said, PLAN_FIELDS) as JsonObject;
  const { plan_id: id, tasks } = plan;
  const whole = Array.isArray(tasks)
    ? { ...plan, tasks: tasks.map((task) => known(task, TASK_FIELDS)) }
    : plan;
  const checked = planWire.safeParse(whole, { reportInput: true });
  const wrong = id === undefined ? ['"plan_id" is a required property'] : [];
  if (!checked.success) wrong.push(...whatIsWrong(checked.error.issues));
  if (wrong.length > 0) throw new AgqError(`Plan validation failed: ${wrong.join(", ")}`);
  if (typeof id === "string") checkIdentifier(id, "plan_id");
  if (!checked.success || typeof id !== "string") throw new Error("a plan that passed is none");
  return await ask(context, "plan.submit", planInput(id, checked.data));
}

const article = (count: unknown, noun: string): string =>
  `${String(count)} ${noun}${Number(count) === 1 ? "" : "s"}`;

/** What is wrong; of the rules that hold between tasks only where each is well formed. */
function whatIsWrong(issues: readonly z.core.$ZodIssue[]): string[] {
  const ofForm = issues.filter(({ code }) => code !== "custom");
  return (ofForm.length > 0 ? ofForm : issues).filter(isOfSchema).map(wordsOf);
}

/** How long a text may be that has to have certain characters. */
const CHARS_MAX: Readonly<Record<string, number>> = { plan_id: 64, command: 256 };

/** AGQ's schema says nothing of the characters of a plan's id, which are looked at once all else is right. */
const isOfSchema = ({ code, path, input }: z.core.$ZodIssue): boolean =>
  code !== "invalid_format" || path.at(-1) !== "plan_id" || lengthError(path, input) !== undefined;

/** What is wrong with the length of such a text. */
function lengthError(path: readonly PropertyKey[], input: unknown): string | undefined {
  const most = CHARS_MAX[String(path.at(-1))] ?? Number.POSITIVE_INFINITY;
  const shown = JSON.stringify(input);
  if (input === "") return `${shown} is shorter than 1 character`;
  return String(input).length > most ? `${shown} is longer than ${most} characters` : undefined;
}

/** What is wrong at a place, in the words of AGQ's validator where it has some. */
function wordsOf(issue: z.core.$ZodIssue): string {
  const field = issue.path.at(-1);
  const shown = JSON.stringify(issue.input);
  switch (issue.code) {
    case "invalid_type": {
      if (issue.input === undefined) return `"${String(field)}" is a required property`;
      const type = /^(int|number)$/.test(issue.expected) ? "integer" : issue.expected;
      return `${shown} is not of type "${type}"`;
    }
    case "too_small":
      if (issue.origin === "array")
        return `${shown} has less than ${article(issue.minimum, "item")}`;
      return `${shown} is less than the minimum of ${issue.minimum}`;
    case "too_big":
      if (issue.origin === "array")
        return `${shown} has more than ${article(issue.maximum, "item")}`;
      if (issue.origin === "string") {
        return `${shown} is longer than ${article(issue.maximum, "character")}`;
      }
      return `${shown} is greater than the maximum of ${issue.maximum}`;
    case "invalid_format":
      return (
        lengthError(issue.path, issue.input) ?? `${shown} is not well formed: ${issue.message}`
      );
    default:
      return `${pointerOf(issue.path)}: ${issue.message}`;
  }
}

const PLAN_BYTES_MAX = limits.bodyBytesMax;

function planJson(binary: string): JsonObject {
  if (binary.length > PLAN_BYTES_MAX) {
    throw new AgqError(`Plan JSON too large (max ${PLAN_BYTES_MAX} bytes)`);
  }
  const noObject = (value: unknown) =>
    `Plan validation failed: ${JSON.stringify(value)} is not of type "object"`;
  return objectIn(binary, noObject).value;
}

const submitPlan: AgqPerform = async (context, [json = ""]) => {
  const { id } = await submit(context, planJson(json));
  return bulk(id);
};

export const planNotFound = (id: string): AgqError => new AgqError(`Plan not found: ${id}`);

/** A plan; undefined where there is none. */
export async function planOf(context: AgqContext, id: string, version?: number) {
  if (!JOB_ID.test(id)) return undefined;
  const input = version === undefined ? { id } : { id, version };
  return (await unless(ask(context, "plan.get", input), "plan_unknown", "queue_unknown"))?.plan;
}

/** A plan's JSON, in AGQ's order, with more fields. */
export const planText = (plan: unknown, more: JsonObject = {}): string =>
  sortedJson({ ...(plan as JsonObject), ...more });

/** A new version of a plan that is there. */
const versionPlan: AgqPerform = async (context, [name = "", json = ""]) => {
  const id = textArgument(name);
  const before = await planOf(context, id);
  if (before === undefined) throw planNotFound(id);
  const { version } = await submit(context, { ...planJson(json), plan_id: id });
  const parent = version === before.latest ? before.parent : before.latest;
  return bulk(sortedJson({ parent, plan_id: id, version }));
};

const getPlan: AgqPerform = async (context, [name = ""]) => {
  const id = textArgument(name);
  checkIdentifier(id, "plan_id");
  const found = await planOf(context, id);
  if (found === undefined) throw planNotFound(id);
  const { createdAt, usage, plan } = found;
  const metadata = {
    created_at: seconds(createdAt),
    last_used: seconds(usage.lastUsedAt ?? 0),
    total_actions: usage.actions,
    total_jobs: usage.jobs,
  };
  return bulk(planText(plan, { metadata }));
};

/** As AGX reads it: a text for each plan. */
const toLine = ({ id, description, taskCount, createdAt }: PlanSummary): string =>
  sortedJson({
    created_at: isoTime(createdAt),
    description,
    plan_id: id,
    task_count: taskCount,
  });

/** As AGQ tells it: all of a page in one text. */
const toItem = ({ id, description, taskCount, createdAt, usage }: PlanSummary): string =>
  sortedJson({
    created_at: seconds(createdAt),
    last_used: seconds(usage.lastUsedAt ?? 0),
    plan_description: description ?? "",
    plan_id: id,
    task_count: taskCount,
    total_actions: usage.actions,
    total_jobs: usage.jobs,
  });

const listPlans: AgqPerform = async (context, args) => {
  const page = pageIn(args, { limit: 50, most: 100 });
  const plans = await listed(context, "plan.list", {});
  const sorted = plans.sort((a, b) => a.createdAt - b.createdAt);
  if (args.length === 0) return sorted.map((plan) => bulk(toLine(plan)));
  return bulk(`[${pageOf(sorted, page).map(toItem).join(",")}]`);
};

const deletePlan: AgqPerform = async (context, [name = ""]) => {
  const id = textArgument(name);
  if (!JOB_ID.test(id)) return 0;
  const removal = ask(context, "plan.remove", { id });
  const removed = await unless(removal, "plan_unknown", "queue_unknown", "plan_in_use");
  if (removed !== undefined) return 1;
  if ((await planOf(context, id)) === undefined) return 0;
  throw new AgqError("Cannot delete plan with active jobs");
};

/** `GET plan:<id>`: the plan as a worker reads it; the version that its job is of, if it has one of this plan. */
export const viewPlan: AgqPerform = async (context, [name = ""]) => {
  const id = name.slice("plan:".length);
  const latest = latestJob(context);
  const job =
    latest === undefined
      ? undefined
      : (await unless(ask(context, "job.get", { id: latest }), "job_unknown", "queue_unknown"))
          ?.job;
  const found = await planOf(context, id, job?.plan === id ? job.planVersion : undefined);
  return found === undefined ? null : bulk(planText(found.plan));
};

export const planCommands = {
  "PLAN.SUBMIT": exactly(1, "one argument (plan JSON)", submitPlan),
  "PLAN.VERSION": exactly(2, "two arguments (plan_id plan JSON)", versionPlan),
  "PLAN.GET": exactly(1, "one argument (plan_id)", getPlan),
  "PLAN.LIST": between(0, 2, "accepts at most two arguments (offset limit)", listPlans),
  "PLAN.DELETE": exactly(1, "one argument (plan_id)", deletePlan),
};
