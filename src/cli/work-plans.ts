/**
 * What `sluice work` does with jobs of plans: runs their tasks as processes, reports each, and says which commands are missing.
 * Invariant: only commands that were allowed are run, and what a worker leaves behind on disk is removed with it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Handler, NonRetryableError, type Queue } from "../client/index.ts";
import { runPlan } from "./plan-run.ts";

/** How jobs of plans are run. */
export interface PlanWork {
  /** The commands that may run. */
  readonly allow: readonly string[];
  /** Where jobs get their directories; a fresh one in the system's folder for such where left out. */
  readonly dir?: string;
  /** How long a process that is asked to end may take, ms. */
  readonly grace: number;
  /** Names of environment variables that come through. */
  readonly passEnv?: readonly string[];
  /** Writes messages. */
  readonly err: (text: string) => void;
}

/** A handler of jobs of plans, and what cleans up behind it. */
export interface PlanHandler {
  readonly handle: Handler<unknown, unknown>;
  close(): void;
}

export function planHandler({ allow, dir, grace, passEnv, err }: PlanWork): PlanHandler {
  const base = mkdtempSync(join(dir ?? tmpdir(), "sluice-work-"));
  const allowed = new Set(allow);
  const handle: PlanHandler["handle"] = async (job, context) => {
    const { id, attempt, plan: planId = "", tasks = [], payload } = job;
    const result = await runPlan(
      { id, attempt, planId, tasks, input: JSON.stringify(payload) },
      {
        allow: allowed,
        baseDirectory: base,
        signal: context.signal,
        graceMs: grace,
        ...(passEnv && { passEnv }),
        onTask: (report) => context.task(report),
        onLeftover: (directory, error) => err(`${directory} could not be removed: ${error}\n`),
      },
    );
    const done = result.tasks.map(({ task, exitCode, durationMs }) => ({
      task,
      exitCode,
      durationMs,
    }));
    if (result.ok) return { tasks: done };
    throw result.retryable ? new Error(result.error) : new NonRetryableError(result.error);
  };
  return { handle, close: () => rmSync(base, { recursive: true, force: true }) };
}

const LOOK_MS = 5_000;

/** Says, whenever it changes, what `--allow` the jobs want that no worker may run. Returns what ends that. */
export function tellMissing(
  queue: Queue,
  allow: readonly string[],
  err: (text: string) => void,
): () => void {
  let told = "";
  const look = async (): Promise<void> => {
    const { unclaimable } = await queue.stats();
    const ofPlans = unclaimable.filter(({ kind }) => kind === "plan");
    const wanted = new Set(ofPlans.flatMap(({ requires }) => requires));
    const missing = [...wanted].filter((command) => !allow.includes(command)).sort();
    const jobs = ofPlans.reduce((sum, { ready }) => sum + ready, 0);
    const flags = missing.map((command) => `--allow ${command}`).join(" ");
    if (flags !== "" && flags !== told) {
      err(
        `${jobs} ${jobs === 1 ? "job waits" : "jobs wait"} for commands that no worker may run: ${flags}\n`,
      );
    }
    told = flags;
  };
  // A server that cannot be reached is told of by the worker itself, which tries again.
  const lookQuietly = () => void look().catch(() => undefined);
  lookQuietly();
  const timer = setInterval(lookQuietly, LOOK_MS);
  return () => clearInterval(timer);
}
