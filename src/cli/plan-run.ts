/**
 * Runs the tasks of one job of a plan as processes, one after another, in a directory of the job's own.
 * Invariant: no command runs that is not allowed, none after a task that failed, and nothing of the job outlives its run.
 */
import { type ResolvedTask, resolveTasks, type Task } from "../contract/placeholders.ts";
import { jobEnvironment, makeJobDirectory, removeJobDirectory } from "./job-directory.ts";
import { errorText, type Failure, failureOf, refusedBy, stopped, tooLong } from "./plan-failure.ts";
import { type ProcessEnd, runProcess } from "./process.ts";

/** A job of a plan, as a worker has claimed it. */
export interface PlanJob {
  /** The queue's name. */
  readonly queue: string;
  readonly id: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly planId: string;
  readonly tasks: readonly Task[];
  /** The job's input, a valid JSON text. */
  readonly input: string;
}

export interface PlanOptions {
  /** The commands that may run, each as plans write it. Nothing else does. */
  readonly allow: ReadonlySet<string>;
  /** An existing directory, in which the job gets one of its own. */
  readonly baseDirectory: string;
  /** Ends the run: the job was cancelled, or the worker stops. */
  readonly signal?: AbortSignal;
  /** Names of further environment variables that come through. */
  readonly passEnv?: readonly string[];
  /** How long processes that were asked to end may take before they are killed: 5,000 ms unless given. */
  readonly graceMs?: number;
  /** What is reported of each output, in bytes of UTF-8: 64 KiB unless given. */
  readonly reportBytesMax?: number;
  /** The longest output that a later task can read, in bytes: 8 MiB unless given. */
  readonly inputBytesMax?: number;
  /** Called and awaited before each task; `total` is the number of the plan's tasks. */
  onTaskStart?(task: ResolvedTask, total: number): void | Promise<void>;
  /** Called and awaited after each task, also one that failed. */
  onTask?(report: TaskReport): void | Promise<void>;
  /** Told when the job's directory could not be removed. */
  onLeftover?(directory: string, error: unknown): void;
}

export interface TaskReport {
  /** The task's number. */
  readonly task: number;
  /** Null together with `signal` when the task could not be started, or not be ended. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut?: true;
  /** The beginning of its output; bytes that are not UTF-8 are replaced. */
  readonly stdout: string;
  readonly stderr: string;
  /** All that was written. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly stdoutTruncated?: true;
  readonly stderrTruncated?: true;
  /** In epoch ms. */
  readonly startedAt: number;
  readonly durationMs: number;
}

/** How a plan ended. An error is one line of up to 1 KiB of UTF-8; `retryable` is whether another attempt may help. */
export type PlanResult =
  | { readonly ok: true; readonly tasks: readonly TaskReport[] }
  | {
      readonly ok: false;
      readonly error: string;
      readonly retryable: boolean;
      /** Of the tasks that were tried. */
      readonly tasks: readonly TaskReport[];
    };

/**
 * Runs a job of a plan. Rejects only with what `onTaskStart` or `onTask` throws; then too, nothing is left.
 * @example
 * const job = { queue: "q", id: "j1", attempt: 1, planId: "names", input: '{"n":"b a"}', tasks: [
 *   { task_number: 1, command: "echo", args: ["{{input.n}}"] },
 *   { task_number: 2, command: "tr", args: [" ", "\n"], input_from_task: 1 }] };
 * await runPlan(job, { allow: new Set(["echo", "tr"]), baseDirectory: tmpdir() })
 * // { ok: true, tasks: [{ task: 1, exitCode: 0, stdout: "b a\n", … }, { task: 2, stdout: "b\na\n", … }] }
 * await runPlan(job, { allow: new Set(["echo"]), baseDirectory: tmpdir() })
 * // { ok: false, error: "task 2 (tr) is not allowed here: the worker needs --allow tr", retryable: false, tasks: [] }
 */
export async function runPlan(job: PlanJob, options: PlanOptions): Promise<PlanResult> {
  const tasks = resolveTasks(job.tasks, job.input);
  if (!Array.isArray(tasks)) return failed({ error: tasks.detail, retryable: false }, []);
  const refused = refusedBy(options.allow, tasks);
  if (refused !== undefined) return failed(refused, []);
  let directory: string;
  try {
    directory = await makeJobDirectory(options.baseDirectory);
  } catch (error) {
    const why = `no directory for the job: ${(error as Error).message}`;
    return failed({ error: why, retryable: true }, []);
  }
  try {
    return await new PlanRun(job, tasks, directory, options).run();
  } finally {
    await removeJobDirectory(directory).catch((error) => options.onLeftover?.(directory, error));
  }
}

/** One run of a job's tasks, in the directory that is made for it. */
class PlanRun {
  readonly #job: PlanJob;
  readonly #tasks: readonly ResolvedTask[];
  readonly #directory: string;
  readonly #options: PlanOptions;
  readonly #reports: TaskReport[] = [];
  /** The outputs that later tasks read, by the number of the task that wrote them. */
  readonly #outputs = new Map<number, Buffer>();

  constructor(
    job: PlanJob,
    tasks: readonly ResolvedTask[],
    directory: string,
    options: PlanOptions,
  ) {
    this.#job = job;
    this.#tasks = tasks;
    this.#directory = directory;
    this.#options = options;
  }

  async run(): Promise<PlanResult> {
    const { signal } = this.#options;
    for (const task of this.#tasks) {
      if (signal?.aborted !== true) await this.#options.onTaskStart?.(task, this.#tasks.length);
      const failure =
        signal?.aborted === true ? stopped(task, signal.reason) : await this.#runTask(task);
      if (failure !== undefined) return failed(failure, this.#reports);
    }
    return { ok: true, tasks: this.#reports };
  }

  async #runTask(task: ResolvedTask): Promise<Failure | undefined> {
    const { reportBytesMax = 64 * 1024, inputBytesMax = 8 * 1024 * 1024 } = this.#options;
    const reader = this.#tasks.findLast((each) => each.input_from_task === task.task_number);
    const startedAt = Date.now();
    const startedFor = performance.now();
    const end = await runProcess({
      command: task.command,
      args: task.args,
      cwd: this.#directory,
      env: this.#environment(task),
      input: this.#inputOf(task),
      timeoutMs: task.timeout_secs * 1000,
      graceMs: this.#options.graceMs ?? 5_000,
      signal: this.#options.signal,
      stdoutBytesMax:
        reader === undefined ? reportBytesMax : Math.max(inputBytesMax, reportBytesMax),
      stderrBytesMax: reportBytesMax,
    });
    const durationMs = Math.round(performance.now() - startedFor);
    const report = reportOf(task, end, reportBytesMax, { startedAt, durationMs });
    this.#reports.push(report);
    await this.#options.onTask?.(report);

    const failure = failureOf(task, end, this.#options.signal?.reason);
    if (failure !== undefined || reader === undefined) return failure;
    if (end.stdout.totalBytes > inputBytesMax) return tooLong(task, reader, end, inputBytesMax);
    this.#outputs.set(task.task_number, end.stdout.bytes);
    return undefined;
  }

  /** What a task reads. An output is let go of with its last reader. */
  #inputOf({ task_number, input_from_task: source }: ResolvedTask): Buffer | undefined {
    if (source === undefined) return undefined;
    const input = this.#outputs.get(source);
    const last = this.#tasks.findLast((each) => each.input_from_task === source);
    if (last?.task_number === task_number) this.#outputs.delete(source);
    return input;
  }

  #environment({ task_number }: ResolvedTask): Record<string, string> {
    return jobEnvironment(this.#directory, this.#options.passEnv ?? [], {
      SLUICE_QUEUE: this.#job.queue,
      SLUICE_JOB_ID: this.#job.id,
      SLUICE_ATTEMPT: String(this.#job.attempt),
      SLUICE_PLAN: this.#job.planId,
      SLUICE_TASK: String(task_number),
    });
  }
}

const failed = ({ error, retryable }: Failure, tasks: readonly TaskReport[]): PlanResult => ({
  ok: false,
  error: errorText(error),
  retryable,
  tasks,
});

function reportOf(
  { task_number }: ResolvedTask,
  { exitCode, signal, ended, stdout, stderr }: ProcessEnd,
  bytesMax: number,
  times: Pick<TaskReport, "startedAt" | "durationMs">,
): TaskReport {
  const out = stdout.text(bytesMax);
  const err = stderr.text(bytesMax);
  return {
    task: task_number,
    exitCode,
    signal,
    ...(ended === "timeout" && { timedOut: true }),
    stdout: out.text,
    stderr: err.text,
    stdoutBytes: stdout.totalBytes,
    stderrBytes: stderr.totalBytes,
    ...(out.truncated && { stdoutTruncated: true }),
    ...(err.truncated && { stderrTruncated: true }),
    ...times,
  };
}
