/**
 * The `sluice` command: all its subcommands, and what becomes of their errors.
 * Invariant: exit code 0 done, 1 refused or found unsound, 2 not understood, 3 no answer; an expected error is one
 * sentence.
 */
import { Command, CommanderError } from "commander";
import { JobNotCompletedError, SluiceError, UnreachableError } from "../client/index.ts";
import { addActionCommands } from "./actions.ts";
import { addDeliveryCommands } from "./deliveries.ts";
import { addWatchCommand } from "./feed.ts";
import type { Io } from "./io.ts";
import { addJobCommands } from "./jobs.ts";
import { addKeyCommands } from "./keys.ts";
import { addLeaseCommands } from "./leases.ts";
import { addOperationCommands } from "./operations.ts";
import { addPlanCommands } from "./plans.ts";
import { addQueueCommands } from "./queue.ts";
import { addRedisCommand } from "./redis.ts";
import { addScheduleCommands } from "./schedules.ts";
import { Session } from "./session.ts";
import { addSnapshotCommands } from "./snapshots.ts";
import { addTaskCommand } from "./tasks.ts";
import { durationOption } from "./values.ts";
import { addWorkCommand } from "./work.ts";
import { addWorkerCommands } from "./workers.ts";

const EXIT = { refused: 1, usage: 2, unreachable: 3 } as const;

const help = `
The token comes from --token, SLUICE_TOKEN, or, for a server on this machine, .sluice/token or .dev.vars.
Durations are written as 500ms, 30s, 5m, 2h, 7d or 1h30m; payloads and results are JSON.

Examples:
  sluice enqueue mail '{"to":"ada@example.com"}' --delay 5m
  sluice list mail --state failed
  sluice watch mail --types job.failed,job.expired
  sluice work mail --concurrency 4 -- node send-mail.js`;

/** Runs the command. Resolves with the exit code; rejects only on a fault of its own. */
export async function runCli(words: readonly string[], io: Io): Promise<number> {
  const program = new Command("sluice")
    .description("Work with the queues of a Sluice server.")
    .option("--url <url>", "where the server is; or SLUICE_URL (default: http://127.0.0.1:8787)")
    .option("--token <token>", "the bearer token")
    .option("--json", "print results as JSON")
    .addOption(durationOption("--retry-for", "how long to try again without an answer", "5s"))
    .addHelpText("after", help)
    .showHelpAfterError("(--help shows what can be said)")
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err });
  const session = new Session(program, io);
  addJobCommands(program, session);
  addLeaseCommands(program, session);
  addKeyCommands(program, session);
  addDeliveryCommands(program, session);
  addOperationCommands(program, session);
  addPlanCommands(program, session);
  addActionCommands(program, session);
  addTaskCommand(program, session);
  addWorkerCommands(program, session);
  addQueueCommands(program, session);
  addScheduleCommands(program, session);
  addSnapshotCommands(program, session);
  addWatchCommand(program, session);
  addWorkCommand(program, session);
  addRedisCommand(program, session);
  try {
    await program.parseAsync(words, { from: "user" });
    return session.hasFound ? EXIT.refused : 0;
  } catch (error) {
    return exitCode(error, io);
  }
}

function exitCode(error: unknown, io: Io): number {
  if (error instanceof CommanderError) {
    // Commander has printed its own errors, but not those that a command found while it ran.
    if (error.code === "commander.invalidArgument" && !error.message.startsWith("error:")) {
      io.err(`${error.message}\n`);
    }
    return error.exitCode === 0 ? 0 : EXIT.usage;
  }
  const isRefused = error instanceof SluiceError || error instanceof JobNotCompletedError;
  if (!(isRefused || error instanceof UnreachableError)) throw error;
  io.err(`${error.message}\n`);
  return isRefused ? EXIT.refused : EXIT.unreachable;
}
