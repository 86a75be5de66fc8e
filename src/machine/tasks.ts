/**
 * How the tasks of a job are shown: what each runs with this input, and what it came to.
 * Invariant: only reports of the latest attempt are shown.
 */
import { limits } from "../contract/limits.ts";
import { resolveTasks } from "../contract/placeholders.ts";
import { isRefusal, refuse } from "../contract/refusals.ts";
import type { TaskRecord } from "../contract/tasks.ts";
import { payloadOf } from "../store/job-texts.ts";
import type { TaskRow } from "../store/tasks.ts";
import type { Read } from "./decide.ts";
import { jobUnknown } from "./jobs-read.ts";
import { tasksOf, versionOf } from "./plans.ts";

export const getTasks: Read<"job.tasks"> = (view, { id, task: only }) => {
  const job = view.tables.jobs.get([id]);
  if (job === undefined) return jobUnknown(id);
  const { plan, planVersion = 0, run, deliveries: delivery } = job;
  if (plan === undefined) {
    return refuse("plan_unknown", `Job ${id} is of no plan, and has no tasks.`, { id });
  }
  const version = versionOf(view, plan, planVersion);
  if (isRefusal(version)) return version;
  const tasks = tasksOf(version.row);
  const resolved = resolveTasks(tasks, payloadOf(view.tables, job));
  const shown: TaskRecord[] = [];
  let bytes = 0;
  for (const [i, { task_number: task, command, args = [] }] of tasks.entries()) {
    if (only !== undefined && only !== task) continue;
    const exact = Array.isArray(resolved) ? (resolved[i]?.args ?? args) : args;
    const row = view.tables.tasks.get([id, task]);
    const outcome = row?.run === run && row.delivery === delivery ? outcomeOf(row) : waiting;
    const record: TaskRecord = { task, command, args: exact, ...outcome };
    bytes += bytesOf(record);
    // What does not fit the reply is had by asking for this task alone.
    shown.push(only === undefined && bytes > limits.replyBytesMax ? withoutTexts(record) : record);
  }
  return { now: view.at, plan, planVersion, run, delivery, tasks: shown };
};

const waiting = { status: "waiting" } as const;

/** The bytes of a record in a reply, at most. */
function bytesOf({ args, stdout = "", stderr = "" }: TaskRecord): number {
  // Written as JSON, a character takes up to six bytes.
  return 6 * args.reduce((sum, arg) => sum + arg.length, stdout.length + stderr.length) + 500;
}

function withoutTexts(record: TaskRecord): TaskRecord {
  const { stdout: _stdout, stderr: _stderr, ...rest } = record;
  return { ...rest, args: [], omitted: true };
}

function outcomeOf(row: TaskRow): Omit<TaskRecord, "task" | "command" | "args"> {
  const { run: _run, delivery: _delivery, ...facts } = row;
  const record: Record<string, unknown> = {
    status: row.exitCode === 0 && row.timedOut === undefined ? "completed" : "failed",
    ...facts,
  };
  for (const field in record) if (record[field] === undefined) delete record[field];
  return record as unknown as Omit<TaskRecord, "task" | "command" | "args">;
}
