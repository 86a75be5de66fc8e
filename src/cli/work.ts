/**
 * `sluice work`: runs a command for each job of a queue, or the plans of its jobs of plans.
 * Invariant: a command's exit code decides: 0 completes the job, any other fails the attempt.
 */
import type { Command } from "commander";
import {
  type ClaimedJob,
  type Handler,
  type JobContext,
  Worker,
  type WorkerOptions,
} from "../client/index.ts";
import { exactJson } from "../contract/exact-json.ts";
import { endsWithinMs, runProcess } from "./process.ts";
import type { Session } from "./session.ts";
import { stopOnSignals } from "./signals.ts";
import { StatusLine } from "./status-line.ts";
import { duration, durationOption, integer, list, queueArgument } from "./values.ts";
import { planHandler, tellMissing } from "./work-plans.ts";

const help = `
In the environment of the command, and of each task of a plan:
  SLUICE_QUEUE    the queue's name
  SLUICE_JOB_ID   the job's id
  SLUICE_ATTEMPT  which attempt of the job this is; the first is 1
  SLUICE_PLAN     the plan's id, for a task
  SLUICE_TASK     the number of the task

A command's exit code 0 completes its job, and what it printed is the result: JSON, or else a text.
Any other fails the attempt, with the last line of its standard error.`;

interface WorkFlags {
  readonly concurrency: number;
  readonly lease?: number;
  readonly name?: string;
  readonly capable?: string[];
  readonly drain: number;
  readonly allow?: string[];
  readonly dir?: string;
  readonly grace: number;
  readonly passEnv?: string[];
}

export function addWorkCommand(program: Command, session: Session): void {
  program
    .command("work")
    .description(
      "run a command for each job: its payload on standard input, its output the result; without a command, run jobs of plans",
    )
    .addArgument(queueArgument())
    .argument("[command...]", "the command and its arguments, after --")
    .option("--concurrency <n>", "jobs at once", integer, 1)
    .option("--lease <duration>", "how long to hold a job without a sign of life", duration)
    .option("--name <name>", "this worker's name")
    .option("--capable <names>", "what this worker is capable of", list)
    .addOption(durationOption("--drain", "how long to let jobs finish when stopped", "10s"))
    .option("--allow <commands>", "commands that plans may run; no other is", list)
    .option("--dir <folder>", "where each job of a plan gets a directory of its own")
    .addOption(durationOption("--grace", "how long a process that is to end may take", "5s"))
    .option("--pass-env <names>", "environment variables that come through to plans", list)
    .addHelpText("after", help)
    .action(async (queue: string, command: string[], flags: WorkFlags) => {
      if (command.length > 0) {
        const handle: Handler<unknown, unknown> = (job, context) =>
          runCommand(command, { queue, graceMs: flags.grace }, job, context);
        await workWith(session, queue, flags, { handle });
      } else await workOnPlans(session, queue, flags);
    });
}

/** Runs jobs of plans, as far as their commands are allowed. */
async function workOnPlans(session: Session, name: string, flags: WorkFlags): Promise<void> {
  const { allow = [], capable = [], dir, grace, passEnv } = flags;
  const { io } = session;
  const status = new StatusLine(io.err, io.isTerminal === true);
  const err = (message: string) => status.say(message);
  const plans = planHandler({
    queue: name,
    allow,
    grace,
    err,
    ...(dir !== undefined && { dir }),
    ...(passEnv && { passEnv }),
  });
  const counts = { running: 0, done: 0, failed: 0 };
  const show = () =>
    status.show(`${counts.running} running, ${counts.done} done, ${counts.failed} failed`);
  const handle: Handler<unknown, unknown> = async (job, context) => {
    counts.running += 1;
    show();
    try {
      const result = await plans.handle(job, context);
      counts.done += 1;
      return result;
    } catch (error) {
      counts.failed += 1;
      throw error;
    } finally {
      counts.running -= 1;
      show();
    }
  };
  const quiet = tellMissing(session.queue(name), [...allow, ...capable], err);
  try {
    const options = {
      kinds: ["plan" as const],
      capabilities: [...allow, ...capable],
      register: {},
    };
    await workWith(session, name, flags, { handle, err, options });
  } finally {
    quiet();
    status.end();
    plans.close();
  }
}

/** What a worker does, and how it differs from others. */
interface Work {
  readonly handle: Handler<unknown, unknown>;
  readonly err?: (text: string) => void;
  readonly options?: Pick<WorkerOptions<unknown>, "kinds" | "capabilities" | "register">;
}

async function workWith(
  session: Session,
  queue: string,
  { concurrency, lease, name, capable, drain, grace }: WorkFlags,
  { handle, err = session.io.err, options = {} }: Work,
): Promise<void> {
  const worker = new Worker(session.queue(queue), handle, {
    concurrency,
    drainMs: drain,
    // Of a process that has ended nothing runs on while somebody else begins.
    graceMs: endsWithinMs(grace),
    ...(lease === undefined ? {} : { leaseMs: lease }),
    ...(name === undefined ? {} : { worker: name }),
    ...(capable === undefined ? {} : { capabilities: capable }),
    ...options,
    onSettled: (job, answer) =>
      err(`${job.id} ${answer.ok ? `is ${answer.state}.` : answer.problem.detail}\n`),
    onError: (error) => err(`${error instanceof Error ? error.message : String(error)}\n`),
  });
  const forget = stopOnSignals(worker);
  try {
    await worker.run();
  } finally {
    forget();
  }
}

/**
 * Runs a command with a job's payload. Resolves with its output: as JSON if it is JSON, else as a
 * text.
 */
async function runCommand(
  [command = "", ...args]: readonly string[],
  { queue, graceMs }: { readonly queue: string; readonly graceMs: number },
  job: ClaimedJob<unknown>,
  { signal }: JobContext,
): Promise<unknown> {
  const end = await runProcess({
    ...{ command, args, signal, graceMs },
    cwd: process.cwd(),
    env: {
      ...process.env,
      SLUICE_QUEUE: queue,
      SLUICE_JOB_ID: job.id,
      SLUICE_ATTEMPT: String(job.attempt),
    },
    input: Buffer.from(JSON.stringify(job.payload)),
    stdoutBytesMax: Number.POSITIVE_INFINITY,
    stderrBytesMax: 0,
  });
  if (end.startError !== undefined) throw end.startError;
  if (end.ended === undefined && end.exitCode === 0) return resultOf(end.stdout.bytes.toString());
  const how =
    end.signal === null ? `ended with exit code ${end.exitCode}` : `died of ${end.signal}`;
  throw new Error(end.stderr.lastLine || `${command} ${how}.`);
}

function resultOf(said: string): unknown {
  const output = said.trim();
  if (output === "") return undefined;
  try {
    return exactJson(output);
  } catch {
    return output;
  }
}
