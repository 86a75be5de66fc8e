/**
 * The command on the tasks of a job: what each ran, and what it came to.
 * Invariant: outputs are shown whole, as far as they are kept, and apart from the table.
 */
import type { Command } from "commander";
import type { JobTasks, TaskRecord } from "../client/index.ts";
import type { Session } from "./session.ts";
import { type Cell, durationText, table } from "./text.ts";
import { idArgument, queueArgument } from "./values.ts";

export function addTaskCommand(program: Command, session: Session): void {
  program
    .command("tasks")
    .description("show what the tasks of a job of a plan came to")
    .addArgument(queueArgument())
    .addArgument(idArgument())
    .action(async (queue: string, id: string) => {
      session.show(await session.queue(queue).tasks(id), tasksText);
    });
}

function tasksText({ plan, planVersion, run, delivery, tasks }: JobTasks): string {
  const rows = tasks.map((task): Cell[] => [
    task.task,
    task.status,
    endText(task),
    task.durationMs === undefined ? "" : durationText(task.durationMs),
    [task.command, ...task.args.map((arg) => JSON.stringify(arg))].join(" "),
  ]);
  const head = `${plan}, version ${planVersion}, run ${run}, delivery ${delivery}`;
  const body = table(["TASK", "STATUS", "END", "TOOK", "COMMAND"], rows);
  return [head, "", body, ...tasks.flatMap(outputsText)].join("\n");
}

/** How a task ended. */
function endText({ exitCode, signal, timedOut }: TaskRecord): string {
  const how = signal ?? (exitCode === undefined ? "" : `exit ${exitCode}`);
  return timedOut ? `timed out ${how}`.trimEnd() : how;
}

function outputsText(task: TaskRecord): string[] {
  const outputs = [
    ["stdout", task.stdout, task.stdoutTruncated, task.stdoutBytes],
    ["stderr", task.stderr, task.stderrTruncated, task.stderrBytes],
  ] as const;
  return outputs.flatMap(([name, text, isCut, bytes]) => {
    if (text === undefined || text === "") return [];
    const cut = isCut ? ` (the beginning${bytes === undefined ? "" : ` of ${bytes} bytes`})` : "";
    return ["", `Task ${task.task}, ${name}${cut}:`, text.trimEnd()];
  });
}
