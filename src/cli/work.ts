/**
 * `sluice work`: runs a command for each job of a queue.
 * Invariant: the command's exit code decides: 0 completes the job, any other fails the attempt.
 */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { type ClaimedJob, type JobContext, Worker } from "../client/index.ts";
import type { Session } from "./session.ts";
import { stopOnSignals } from "./signals.ts";
import { duration, durationOption, exactJson, integer, list, queueArgument } from "./values.ts";

interface WorkFlags {
  readonly concurrency: number;
  readonly lease?: number;
  readonly name?: string;
  readonly capable?: string[];
  readonly drain: number;
}

export function addWorkCommand(program: Command, session: Session): void {
  program
    .command("work")
    .description("run a command for each job: its payload on standard input, its output the result")
    .addArgument(queueArgument())
    .argument("<command...>", "the command and its arguments, after --")
    .option("--concurrency <n>", "jobs at once", integer, 1)
    .option("--lease <duration>", "how long to hold a job without a sign of life", duration)
    .option("--name <name>", "this worker's name")
    .option("--capable <names>", "what this worker is capable of", list)
    .addOption(durationOption("--drain", "how long to let commands finish when stopped", "10s"))
    .action(async (queue: string, command: string[], flags: WorkFlags) => {
      await work(session, queue, command, flags);
    });
}

async function work(
  session: Session,
  queue: string,
  command: readonly string[],
  { concurrency, lease, name, capable, drain }: WorkFlags,
): Promise<void> {
  const { err } = session.io;
  const worker = new Worker(
    session.queue(queue),
    (job, context) => runCommand(command, job, context),
    {
      concurrency,
      drainMs: drain,
      ...(lease === undefined ? {} : { leaseMs: lease }),
      ...(name === undefined ? {} : { worker: name }),
      ...(capable === undefined ? {} : { capabilities: capable }),
      onSettled: (job, answer) =>
        err(`${job.id} ${answer.ok ? `is ${answer.state}.` : answer.problem.detail}\n`),
      onError: (error) => err(`${error instanceof Error ? error.message : String(error)}\n`),
    },
  );
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
  [file = "", ...args]: readonly string[],
  job: ClaimedJob<unknown>,
  { signal }: JobContext,
): Promise<unknown> {
  const env = { ...process.env, SLUICE_JOB_ID: job.id, SLUICE_ATTEMPT: String(job.attempt) };
  const child = spawn(file, args, { env, signal, stdio: "pipe" });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  // A command that does not read its input closes it early: that is no error.
  child.stdin.on("error", () => undefined);
  child.stdin.end(JSON.stringify(job.payload));
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code === 0) return resultOf(output.trim());
  const said = errors.trim().split("\n").at(-1);
  throw new Error(said || `${file} ended with exit code ${code}.`);
}

function resultOf(output: string): unknown {
  if (output === "") return undefined;
  try {
    return exactJson(output);
  } catch {
    return output;
  }
}
