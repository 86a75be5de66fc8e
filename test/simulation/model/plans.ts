/**
 * What submitting, removing and reading plans should do, and what a plan makes of an input.
 * Invariant: a version never changes; a plan that open jobs or schedules use stays.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { small } from "../small.ts";
import { type Answer, type Refused, refused } from "./answers.ts";
import type { Plan, PlanVersion } from "./nouns.ts";
import { type Cursor, type Page, pageOf } from "./pages.ts";
import { whyFull } from "./room.ts";
import { defined, isEnded, type Job, type State } from "./state.ts";
import type { Turn } from "./turn.ts";

interface Task {
  readonly task_number: number;
  readonly command: string;
  readonly args?: readonly string[];
}
interface Body {
  readonly tasks: readonly Task[];
}

const unknown = (facts: object): Refused => ({ code: "plan_unknown", ...facts });

function planOf({ plans }: State, id: string): Plan | undefined {
  const plan = plans.get(id);
  return plan?.removedAt === undefined ? plan : undefined;
}

/** A version of a plan, the newest where none is named. */
export function versionOf(state: State, id: string, wanted?: number): PlanVersion | Refused {
  const plan = planOf(state, id);
  if (plan === undefined) return unknown({ plan: id });
  const version = wanted ?? plan.latest;
  const found = plan.versions.find((each) => each.version === version);
  return found ?? unknown({ plan: id, version });
}

const tasksOf = ({ body }: PlanVersion): readonly Task[] => (JSON.parse(body) as Body).tasks;

const placeholder = /\{\{input\.(\w+)\}\}/g;

/** An argument with the values of an input; undefined where one is missing or has parts. */
function filled(arg: string, input: unknown): string | undefined {
  let isWhole = true;
  const text = arg.replace(placeholder, (_, field: string) => {
    const isRecord = typeof input === "object" && input !== null && !Array.isArray(input);
    const value = isRecord ? (input as Record<string, unknown>)[field] : undefined;
    if (value === undefined || (typeof value === "object" && value !== null)) isWhole = false;
    return value === null ? "" : String(value);
  });
  return isWhole ? text : undefined;
}

const fits = (version: PlanVersion, input: string): boolean =>
  tasksOf(version).every(({ args = [] }) =>
    args.every((arg) => filled(arg, JSON.parse(input)) !== undefined),
  );

/** The version of a plan that some inputs are for, or why it cannot run them. */
export function fitOf(
  state: State,
  {
    plan = "",
    planVersion,
  }: { readonly plan?: string | undefined; readonly planVersion?: number | undefined },
  inputs: readonly string[],
): { readonly version: PlanVersion } | Refused {
  const version = versionOf(state, plan, planVersion);
  if ("code" in version) return version;
  const code = "input_mismatch";
  const errors = inputs.flatMap((input, i) =>
    fits(version, input) ? [] : [{ pointer: `/inputs/${i}`, code }],
  );
  return errors.length > 0 ? { code, errors } : { version };
}

/** What a job of a plan requires: its commands, and what was said beside. */
export const needsOf = ({ commands }: PlanVersion, also: readonly string[] = []): string[] =>
  [...new Set([...commands, ...also])].toSorted();

export function submitPlan(turn: Turn, input: CommandInputs["plan.submit"]): Answer {
  const { id, body, description, tasks, commands, fields } = input;
  const { at, state } = turn;
  const before = state.plans.get(id);
  const existing = planOf(state, id);
  const newest = existing?.versions.at(-1);
  if (newest?.body === body) {
    return { reply: { now: at, id, version: newest.version, created: false } };
  }
  const latest = Math.max(before?.latest ?? 0, before?.numbered ?? 0);
  if (latest >= small.planVersionsMax) return refused("plan_limit", { latest });
  const full = whyFull(turn, 0, Buffer.byteLength(body));
  if (full !== undefined) return { refusal: full };
  const version = latest + 1;
  const parent = newest?.version;
  const added: PlanVersion = { version, createdAt: at, parent, body, tasks, commands, fields };
  turn.emit("plan.submitted");
  state.plans.set(id, {
    ...{ actions: 0, jobs: 0, ...before, latest: version, updatedAt: at, description, tasks },
    createdAt: existing?.createdAt ?? at,
    removedAt: undefined,
    versions: [...(existing?.versions ?? []), added],
  });
  return { reply: { now: at, id, version, created: true } };
}

/** Jobs of a plan that have not ended, and schedules that use it. */
export function useOf({ jobs, schedules }: State, id: string) {
  const open = [...jobs.values()].filter((job) => job.plan === id && !isEnded(job.state)).length;
  const users = [...schedules.values()].filter(
    ({ definition: { job, action } }) => (action?.plan ?? job?.plan) === id,
  );
  return { open, schedules: users.length };
}

export function removePlan(turn: Turn, { id }: CommandInputs["plan.remove"]): Answer {
  const plan = planOf(turn.state, id);
  if (plan === undefined) return { refusal: unknown({ plan: id }) };
  const { open, schedules } = useOf(turn.state, id);
  if (open > 0) return refused("plan_in_use", { openJobs: open });
  if (schedules > 0) return refused("plan_in_use", { schedules });
  turn.emit("plan.removed");
  if (plan.jobs === 0 && plan.numbered === undefined) turn.state.plans.delete(id);
  else turn.state.plans.set(id, { ...plan, removedAt: turn.at, versions: [] });
  return { reply: { now: turn.at, removed: true } };
}

function summary(state: State, id: string, plan: Plan): object {
  const { latest: version, description, tasks: taskCount, createdAt, updatedAt } = plan;
  const { actions, jobs, lastUsedAt = null } = plan;
  const usage = { actions, jobs, openJobs: useOf(state, id).open, lastUsedAt };
  return defined({ id, version, description, taskCount, createdAt, updatedAt, usage });
}

export function getPlan(state: State, now: number, input: CommandInputs["plan.get"]): Answer {
  const { id } = input;
  const plan = planOf(state, id);
  if (plan === undefined) return { refusal: unknown({ plan: id }) };
  const found = versionOf(state, id, input.version);
  if ("code" in found) return { refusal: found };
  const { version, parent = null, body } = found;
  const lineage = plan.versions.slice(-small.lineageShownMax).reverse();
  const shown = {
    ...summary(state, id, plan),
    latest: plan.latest,
    ...{ version, parent, plan: JSON.parse(body) as object },
    lineage: lineage.map((each) => ({
      version: each.version,
      createdAt: each.createdAt,
      parent: each.parent ?? null,
    })),
  };
  return { reply: { now, plan: shown } };
}

export function listPlans(
  state: State,
  now: number,
  input: CommandInputs["plan.list"],
  meaning: Cursor | undefined,
): Page {
  const isMeant = (id: string) => input.match === undefined || globbed(input.match).test(id);
  return pageOf(state, now, "plans", {
    ...{ input, meaning, list: `plans ${input.match ?? ""}`, ids: state.plans.keys() },
    show: (id) => {
      const plan = planOf(state, id);
      return plan !== undefined && isMeant(id) ? summary(state, id, plan) : undefined;
    },
  });
}

/** A pattern as an expression: the clients use `*`, `?` and sets only. */
export const globbed = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);

/** The tasks of a job: what each runs, and what the latest attempt has reported. */
export function getTasks(state: State, now: number, input: CommandInputs["job.tasks"]): Answer {
  const { id, task: only } = input;
  const job = state.jobs.get(id);
  if (job === undefined) return refused("job_unknown", { id });
  const { plan, planVersion = 0, run, deliveries: delivery } = job;
  if (plan === undefined) return { refusal: unknown({ id }) };
  const version = versionOf(state, plan, planVersion);
  if ("code" in version) return { refusal: version };
  const tasks = tasksOf(version).filter((task) => only === undefined || task.task_number === only);
  const shown = tasks.map(({ task_number: task, command, args = [] }) => ({
    ...{ task, command, args: args.map((arg) => filled(arg, JSON.parse(job.payload))) },
    ...outcomeOf(job, task),
  }));
  return { reply: { now, plan, planVersion, run, delivery, tasks: shown } };
}

function outcomeOf({ reports, run, deliveries }: Job, task: number): object {
  const report = reports?.[task];
  if (report === undefined || report.run !== run || report.delivery !== deliveries) {
    return { status: "waiting" };
  }
  const { run: _, delivery: __, ...facts } = report;
  const isDone = report.exitCode === 0 && report.timedOut === undefined;
  return { status: isDone ? "completed" : "failed", ...facts };
}

/** How many tasks a job has: none where it is of no plan. */
export function tasksIn(state: State, { plan, planVersion }: Job): number {
  if (plan === undefined) return 0;
  const version = versionOf(state, plan, planVersion);
  return "code" in version ? 0 : version.tasks;
}
