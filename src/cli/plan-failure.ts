/**
 * What a plan that failed says of it, and whether another attempt may help.
 * Invariant: an error names its task and is one line of up to 1 KiB of UTF-8.
 */
import type { ResolvedTask } from "../contract/placeholders.ts";
import { type Capture, cutText } from "./output.ts";
import type { ProcessEnd } from "./process.ts";
import { oneLine } from "./text.ts";

export interface Failure {
  readonly error: string;
  readonly retryable: boolean;
}

const ERROR_BYTES_MAX = 1024;
/** What a machine may have again later; all else about starting a program stays as it is. */
const PASSING = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM", "ETXTBSY"]);

/** An error as it is kept: on one line, without what a terminal would obey, and cut to its limit. */
export const errorText = (error: string): string => cutText(oneLine(error), ERROR_BYTES_MAX);

const nameOf = ({ task_number, command }: ResolvedTask): string =>
  `task ${task_number} (${command})`;

/** A word as a shell takes it. */
const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** All tasks are judged before one runs: a plan must not stop half-way for what was known before. */
export function refusedBy(
  allow: ReadonlySet<string>,
  tasks: readonly ResolvedTask[],
): Failure | undefined {
  const refused = tasks.filter(({ command }) => !allow.has(command));
  if (refused[0] === undefined) return undefined;
  const missing = new Set(refused.map(({ command }) => `--allow ${quoted(command)}`));
  const error = `${nameOf(refused[0])} is not allowed here: the worker needs ${[...missing].join(" ")}`;
  return { error, retryable: false };
}

/** The run was told to end, by its `signal`, before or while this task ran. */
export function stopped(task: ResolvedTask, reason: unknown): Failure {
  const why = reason instanceof Error ? reason.message : String(reason);
  return { error: `${nameOf(task)} was stopped: ${why}`, retryable: true };
}

/**
 * Why a plan ends with a task that ended so; nothing when it goes on.
 * @param reason Of the abort, when it was aborted.
 */
export function failureOf(
  task: ResolvedTask,
  end: ProcessEnd,
  reason: unknown,
): Failure | undefined {
  const { exitCode, signal, startError, stderr } = end;
  if (startError !== undefined) return notStarted(task, startError);
  if (end.ended === "aborted") return stopped(task, reason);
  const unended = exitCode === null && signal === null ? " and could not be ended" : "";
  if (end.ended === "timeout") {
    const error = `${nameOf(task)} timed out after ${task.timeout_secs} s${unended}`;
    return { error: withLastLine(error, stderr), retryable: true };
  }
  if (exitCode === 0) return undefined;
  const how = signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`;
  return { error: withLastLine(`${nameOf(task)} ${how}`, stderr), retryable: true };
}

const withLastLine = (error: string, { lastLine }: Capture): string =>
  lastLine === "" ? error : `${error}: ${lastLine}`;

function notStarted(task: ResolvedTask, { code = "", message }: NodeJS.ErrnoException): Failure {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: "there is no such command",
    EACCES: "it may not be executed",
    E2BIG: "its arguments are too long for this system",
  };
  const error = `${nameOf(task)} could not be started: ${reasons[code] ?? message}`;
  return { error, retryable: PASSING.has(code) };
}

/** The task's output is more than its reader may get, and half of it would be a lie. */
export function tooLong(
  task: ResolvedTask,
  reader: ResolvedTask,
  { stdout }: ProcessEnd,
  bytesMax: number,
): Failure {
  const output = `${nameOf(task)} wrote ${stdout.totalBytes} bytes`;
  const error = `${output}, but ${nameOf(reader)} can read no more than ${bytesMax}`;
  return { error, retryable: false };
}
