/**
 * What may be said about the tasks of a job: what each came to, reported while the job runs, readable at once.
 * Invariant: an output has at most `taskOutputBytesMax` bytes; one that was cut says so, and how long it was.
 */
import * as z from "zod";
import { integer, text } from "./fields.ts";
import { limits } from "./limits.ts";

const output = text(limits.taskOutputBytesMax);
const count = integer(0, Number.MAX_SAFE_INTEGER);

/** What a worker reports of one task that ended. Exactly one of `exitCode` and `signal` is set, unless it could not be started. */
export const taskReport = {
  task: integer(1, limits.tasksPerPlanMax),
  exitCode: integer(-2_147_483_648, 4_294_967_295).nullable().optional(),
  signal: z.string().min(1).max(32).nullable().optional(),
  timedOut: z.boolean().optional(),
  stdout: output.optional(),
  stderr: output.optional(),
  /** Bytes that it wrote, also those that are not kept. */
  stdoutBytes: count.optional(),
  stderrBytes: count.optional(),
  /** The text is the beginning of what it wrote. */
  stdoutTruncated: z.boolean().optional(),
  stderrTruncated: z.boolean().optional(),
  startedAt: integer(0, limits.instantMax).optional(),
  durationMs: integer(0, limits.delayMsMax).optional(),
};

/** One task of a job; all of them where none is named. */
export const tasksGet = z.strictObject({
  task: integer(1, limits.tasksPerPlanMax).optional(),
});
export type TasksInput = z.output<typeof tasksGet> & { readonly id: string };

/** What became of a task, as the API shows it. */
export interface TaskRecord {
  readonly task: number;
  readonly command: string;
  /** With the placeholders replaced by what the job's input says; as the plan has them where that is more than 1 Mi characters. */
  readonly args: readonly string[];
  /** `waiting` until its worker has reported it. */
  readonly status: "waiting" | "completed" | "failed";
  readonly exitCode?: number;
  readonly signal?: string;
  readonly timedOut?: true;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly stdoutBytes?: number;
  readonly stderrBytes?: number;
  readonly stdoutTruncated?: true;
  readonly stderrTruncated?: true;
  /** Its arguments and outputs did not fit the reply: ask for this task alone. */
  readonly omitted?: true;
  readonly startedAt?: number;
  readonly durationMs?: number;
  readonly reportedAt?: number;
}
export interface TasksReply {
  readonly now: number;
  readonly plan: string;
  readonly planVersion: number;
  /** The attempt that they are of. */
  readonly run: number;
  readonly delivery: number;
  readonly tasks: readonly TaskRecord[];
}
