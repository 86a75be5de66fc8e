/**
 * Commands on plans: submit, get, list, remove.
 * Invariant: a plan is shown as it will be run.
 */
import { type Command, InvalidArgumentError } from "commander";
import type { Plan, PlanDetail, PlanFilter, PlanPage, PlanUsage } from "../client/index.ts";
import type { Session } from "./session.ts";
import { type Cell, fields, more, table, timeText } from "./text.ts";
import { idArgument, integer, queueArgument } from "./values.ts";

export function addPlanCommands(program: Command, session: Session): void {
  const plan = program.command("plan").description("keep plans: tasks to run for inputs");
  const command = (name: string, description: string) =>
    plan.command(name).description(description).addArgument(queueArgument());
  const ofOne = (name: string, description: string) =>
    command(name, description).addArgument(idArgument("the plan's id"));

  command("submit", "keep a plan, or a new version of it")
    .argument("<file>", "the plan's JSON, or - to read it from standard input")
    .action(async (queue: string, file: string) => {
      const submitted = await session.queue(queue).plans.submit(planOf(await session.file(file)));
      session.show(submitted, ({ id, version, created }) =>
        created ? `${id} has version ${version}.` : `${id} is version ${version} already.`,
      );
    });
  ofOne("get", "show a plan")
    .option("--version <n>", "a version of it; by default the newest", integer)
    .action(async (queue: string, id: string, { version }: { version?: number }) => {
      session.show(await session.queue(queue).plans.get(id, version), planText);
    });
  command("list", "list plans")
    .option("--match <pattern>", "only plans with such an id, as mail-*")
    .option("--limit <n>", "plans on the page", integer, 50)
    .option("--cursor <cursor>", "go on where a page ended")
    .action(async (queue: string, filter: PlanFilter) => {
      session.show(await session.queue(queue).plans.list(filter), pageText);
    });
  ofOne("remove", "remove a plan that no open job uses").action(
    async (queue: string, id: string) => {
      await session.queue(queue).plans.remove(id);
      session.show({ removed: true }, () => `${id} is removed.`);
    },
  );
}

/** What the file says; all but its id is the server's to check. */
function planOf(value: unknown): Plan {
  const id = (value as { plan_id?: unknown } | null)?.plan_id;
  if (typeof id === "string") return value as Plan;
  throw new InvalidArgumentError("The plan has no plan_id, which is a text.");
}

const usageText = ({ actions, jobs, openJobs }: PlanUsage): string =>
  `${jobs} jobs (${openJobs} open), ${actions} actions`;

function planText(detail: PlanDetail): string {
  const { id, version, latest, description, parent, createdAt, updatedAt, usage, plan } = detail;
  const head = fields({
    id,
    description,
    version: version === latest ? version : `${version} (the newest is ${latest})`,
    parent: parent ?? undefined,
    created: timeText(createdAt),
    updated: timeText(updatedAt),
    used: usageText(usage),
  });
  const rows = plan.tasks.map((task): Cell[] => [
    task.task_number,
    [task.command, ...(task.args ?? []).map((arg) => JSON.stringify(arg))].join(" "),
    task.timeout_secs,
    task.input_from_task,
  ]);
  return `${head}\n\n${table(["TASK", "COMMAND", "TIMEOUT S", "INPUT FROM"], rows)}`;
}

function pageText({ plans, cursor }: PlanPage): string {
  const rows = plans.map(({ id, version, taskCount, usage, description }): Cell[] => [
    id,
    version,
    taskCount,
    usage.openJobs,
    usage.jobs,
    description ?? "",
  ]);
  const headings = ["ID", "VERSION", "TASKS", "OPEN", "JOBS", ""];
  return more(plans.length === 0 ? "No plans." : table(headings, rows), cursor);
}
