/**
 * How the tasks of a job are shown: what each runs with this input, and what it came to.
 * Invariant: only reports of the latest attempt are shown.
 */
import { resolveTasks } from "../contract/placeholders.ts";
import { isRefusal } from "../contract/refusals.ts";
import type { TaskRecord } from "../contract/tasks.ts";
import type { TaskRow } from "../store/tasks.ts";
import type { Read } from "./decide.ts";
import { jobUnknown } from "./jobs-read.ts";
import { planUnknown, tasksOf, versionOf } from "./plans.ts";

export const getTasks: Read<"job.tasks"> = (view, { id }) => {
  const job = view.tables.jobs.get([id]);
  if (job === undefined) return jobUnknown(id);
  const { plan, planVersion = 0, run, deliveries: delivery } = job;
  if (plan === undefined) return planUnknown(`of job ${id}`);
  const version = versionOf(view, plan, planVersion);
  if (isRefusal(version)) return version;
  const tasks = tasksOf(version.row);
  const resolved = resolveTasks(tasks, job.payload);
  const shown = tasks.map(({ task_number: task, command, args = [] }, i): TaskRecord => {
    const exact = "reason" in resolved ? args : (resolved[i]?.args ?? args);
    const row = view.tables.tasks.get([id, task]);
    const isOfThis = row?.run === run && row.delivery === delivery;
    return { task, command, args: exact, ...(isOfThis ? outcomeOf(row) : { status: "waiting" }) };
  });
  return { now: view.at, plan, planVersion, run, delivery, tasks: shown };
};

function outcomeOf(row: TaskRow): Omit<TaskRecord, "task" | "command" | "args"> {
  const { run: _run, delivery: _delivery, ...facts } = row;
  const record: Record<string, unknown> = {
    status: row.exitCode === 0 && row.timedOut === undefined ? "completed" : "failed",
    ...facts,
  };
  for (const field in record) if (record[field] === undefined) delete record[field];
  return record as unknown as Omit<TaskRecord, "task" | "command" | "args">;
}
