/**
 * Where the reports of tasks are kept: one row per task of a job, of the attempt that reported it last.
 * Invariant: a job that is removed leaves no report behind, and the bytes of outputs are counted.
 */
import type { EventOf } from "../contract/events.ts";
import { utf8Bytes } from "../contract/fields.ts";
import { declareTable } from "./declare.ts";
import { ascii, integer } from "./key-columns.ts";
import { editCounters } from "./queue.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export interface TaskRow {
  /** The attempt that reported it: the job's run, and its hand-out in that run. */
  readonly run: number;
  readonly delivery: number;
  readonly reportedAt: number;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly timedOut?: true | undefined;
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
  readonly stdoutBytes?: number | undefined;
  readonly stderrBytes?: number | undefined;
  readonly stdoutTruncated?: true | undefined;
  readonly stderrTruncated?: true | undefined;
  readonly startedAt?: number | undefined;
  readonly durationMs?: number | undefined;
}

export const tasks = declareTable<TaskRow>()({
  name: "tasks",
  version: 1,
  key: [ascii("id"), integer("task")],
  texts: ["stdout", "stderr"],
  valueBytesMax: 1000,
});

/** The bytes that a report counts for. */
export const taskBytes = ({ stdout = "", stderr = "" }: Pick<TaskRow, "stdout" | "stderr">) =>
  utf8Bytes(stdout) + utf8Bytes(stderr);

function reported(tables: SluiceTables, event: EventOf<"task.reported">, at: number): void {
  const { type: _type, v: _v, id, task, exitCode, signal, timedOut, ...rest } = event;
  const { stdoutTruncated, stderrTruncated, ...facts } = rest;
  const job = tables.jobs.get([id]);
  if (job === undefined) throw new Error(`a task reports for job ${id}, which is not kept`);
  const { run, deliveries: delivery } = job;
  const before = tables.tasks.get([id, task]);
  const row: TaskRow = {
    ...facts,
    run,
    delivery,
    reportedAt: at,
    exitCode: exitCode ?? undefined,
    signal: signal ?? undefined,
    timedOut: timedOut || undefined,
    stdoutTruncated: stdoutTruncated || undefined,
    stderrTruncated: stderrTruncated || undefined,
  };
  tables.tasks.put([id, task], row);
  editCounters(tables).bytes += taskBytes(row) - (before === undefined ? 0 : taskBytes(before));
}

/** Forgets what the tasks of a job came to. */
export function forgetTasks(tables: SluiceTables, id: string): void {
  for (const [key, row] of [...tables.tasks.scan({ prefix: [id] })]) {
    tables.tasks.remove(key);
    editCounters(tables).bytes -= taskBytes(row);
  }
}

export const taskWriters = { "task.reported": reported } satisfies Partial<EventWriters>;
