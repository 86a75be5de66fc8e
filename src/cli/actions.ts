/**
 * Commands on actions: submit, get, list, jobs, cancel, retry.
 * Invariant: the inputs that are sent are those that were given, with all their digits.
 */
import { type Command, InvalidArgumentError } from "commander";
import type {
  ActionFilter,
  ActionPage,
  ActionRecord,
  ChangedAction,
  JobFilter,
} from "../client/index.ts";
import { addJobFlags, type JobFlags, jobOptions } from "./job-flags.ts";
import { pageText as jobsText } from "./jobs.ts";
import type { Session } from "./session.ts";
import {
  type Cell,
  durationText,
  fields,
  jobCount,
  more,
  table,
  timeField,
  timeText,
} from "./text.ts";
import { idArgument, integer, queueArgument } from "./values.ts";

type NewCommand = (name: string, description: string) => Command;

export function addActionCommands(program: Command, session: Session): void {
  const action = program.command("action").description("run plans on many inputs");
  const command: NewCommand = (name, description) =>
    action.command(name).description(description).addArgument(queueArgument());
  const ofOne: NewCommand = (name, description) =>
    command(name, description).addArgument(idArgument("the action's id"));
  addSubmit(command, session);
  addReads(command, ofOne, session);
  addChanges(ofOne, session);
}

interface SubmitFlags extends JobFlags {
  readonly input?: string[];
  readonly inputs?: string;
  readonly id?: string;
  readonly version?: number;
}

const collect = (word: string, before: readonly string[] = []): string[] => [...before, word];

function addSubmit(command: NewCommand, session: Session): void {
  const submit = command("submit", "run a plan on inputs; without any, once with null")
    .addArgument(idArgument("the plan's id"))
    .option("--input <json>", "an input; may be repeated", collect)
    .option("--inputs <file>", "a JSON array of inputs, or - to read it from standard input")
    .option("--id <id>", "an id of your own: the same action is submitted once")
    .option("--version <n>", "a version of the plan; by default the newest", integer);
  addJobFlags(submit).action(async (queue: string, plan: string, flags: SubmitFlags) => {
    const { input, inputs, id, version, ...same } = flags;
    const all = await inputsOf(session, input, inputs);
    const options = { action: id, version, ...jobOptions(same) };
    const { actions } = session.queue(queue);
    session.show(await actions.submit(plan, all, options), (taken) => {
      const { id: made, total } = taken.action;
      return taken.deduplicated ? `${made} (was there already)` : `${made} has ${jobCount(total)}.`;
    });
  });
}

async function inputsOf(
  session: Session,
  words: readonly string[] = [],
  file: string | undefined,
): Promise<unknown[]> {
  const given = await Promise.all(words.map((word) => session.value(word)));
  if (file === undefined) return given;
  const filed = await session.file(file);
  if (!Array.isArray(filed)) throw new InvalidArgumentError("The inputs are no JSON array.");
  return [...given, ...filed];
}

function addReads(command: NewCommand, ofOne: NewCommand, session: Session): void {
  ofOne("get", "show an action").action(async (queue: string, id: string) => {
    session.show(await session.queue(queue).actions.get(id), actionText);
  });
  command("list", "list actions")
    .option("--status <status>", "running, completed, failed or cancelled")
    .option("--plan <id>", "only actions of this plan")
    .option("--limit <n>", "actions on the page", integer, 50)
    .option("--cursor <cursor>", "go on where a page ended")
    .action(async (queue: string, filter: ActionFilter) => {
      session.show(await session.queue(queue).actions.list(filter), pageText);
    });
  ofOne("jobs", "list the jobs of an action")
    .option("--state <state>", "only jobs in this state")
    .option("--limit <n>", "jobs on the page", integer, 50)
    .option("--cursor <cursor>", "go on where a page ended")
    .option("--payload", "with payloads")
    .action(async (queue: string, id: string, flags: JobsFlags) => {
      const { payload, ...filter } = flags;
      const include = payload ? { include: "payload" as const } : {};
      const page = await session.queue(queue).list({ action: id, ...filter, ...include });
      session.show(page, jobsText);
    });
}

type JobsFlags = JobFilter & { readonly cursor?: string; readonly payload?: true };

function addChanges(ofOne: NewCommand, session: Session): void {
  ofOne("cancel", "cancel the jobs of an action that have not ended")
    .option("--reason <text>", "why, to be kept with them")
    .action(async (queue: string, id: string, { reason }: { reason?: string }) => {
      const { actions } = session.queue(queue);
      session.show(await actions.cancel(id, reason), changedText("cancelled"));
    });
  ofOne("retry", "run the jobs of an action again that failed or expired").action(
    async (queue: string, id: string) => {
      session.show(await session.queue(queue).actions.retry(id), changedText("to run again"));
    },
  );
}

const changedText =
  (what: string) =>
  ({ action, changed }: ChangedAction): string =>
    `${action.id} is ${action.status}: ${jobCount(changed)} ${what}.`;

/** Its jobs by state, without the states that none is in. */
function countsText({ counts }: ActionRecord): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([state, count]) => `${count} ${state}`).join(", ");
}

function actionText(action: ActionRecord): string {
  return fields({
    id: action.id,
    status: action.status,
    plan: `${action.plan}, version ${action.planVersion}`,
    round: action.round,
    jobs: `${action.total}: ${countsText(action)}`,
    created: timeText(action.createdAt),
    ended: timeField(action.endedAt),
  });
}

function pageText({ actions, cursor, now }: ActionPage): string {
  const rows = actions.map((action): Cell[] => [
    action.id,
    action.status,
    action.plan,
    action.total,
    durationText(now - action.createdAt),
    countsText(action),
  ]);
  const headings = ["ID", "STATUS", "PLAN", "JOBS", "AGE", ""];
  return more(actions.length === 0 ? "No actions." : table(headings, rows), cursor);
}
