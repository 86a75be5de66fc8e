/**
 * What `sluice work` does with jobs of plans: runs their tasks as processes, reports each, and says what jobs want that no worker has.
 * Invariant: only commands that were allowed are run, and what a worker leaves behind on disk is removed with it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Handler, NonRetryableError, type Queue } from "../client/index.ts";
import { runPlan } from "./plan-run.ts";

/** How jobs of plans are run. */
export interface PlanWork {
  /** The name of the queue that they are of. */
  readonly queue: string;
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

export function planHandler({ queue, allow, dir, grace, passEnv, err }: PlanWork): PlanHandler {
  const base = mkdtempSync(join(dir ?? tmpdir(), "sluice-work-"));
  const allowed = new Set(allow);
  const handle: PlanHandler["handle"] = async (job, context) => {
    const { id, attempt, plan: planId = "", tasks = [], payload } = job;
    const result = await runPlan(
      { queue, id, attempt, planId, tasks, input: JSON.stringify(payload) },
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

/** Plans of waiting jobs that one look reads. */
const PLANS_MAX = 20;

/** Says, whenever it changes, which `--allow` and `--capable` the jobs want that no worker covers. Returns what ends that. */
export function tellMissing(
  queue: Queue,
  able: readonly string[],
  err: (text: string) => void,
): () => void {
  let told = "";
  const commands = new CommandsOf(queue);
  const look = async (): Promise<void> => {
    const { unclaimable } = await queue.stats();
    const ofPlans = unclaimable.filter(({ kind }) => kind === "plan");
    const wanted = new Set(ofPlans.flatMap(({ requires }) => requires));
    const missing = new Set([...wanted].filter((name) => !able.includes(name)).sort());
    const flags = missing.size === 0 ? "" : (await flagsFor(queue, missing, commands)).join(" ");
    const jobs = ofPlans.reduce((sum, { ready }) => sum + ready, 0);
    if (flags !== "" && flags !== told) {
      err(`${jobs} ${jobs === 1 ? "job waits" : "jobs wait"} for what no worker has: ${flags}\n`);
    }
    told = flags;
  };
  // A server that cannot be reached is told of by the worker itself, which tries again.
  const lookQuietly = () => void look().catch(() => undefined);
  lookQuietly();
  const timer = setInterval(lookQuietly, LOOK_MS);
  return () => clearInterval(timer);
}

/** The commands of plans, each version read once. */
class CommandsOf {
  readonly #queue: Queue;
  readonly #known = new Map<string, ReadonlySet<string>>();
  constructor(queue: Queue) {
    this.#queue = queue;
  }

  async of(plan: string, version: number | undefined): Promise<ReadonlySet<string>> {
    const name = `${plan} ${version}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const { tasks } = (await this.#queue.plans.get(plan, version)).plan;
    const commands = new Set(tasks.map(({ command }) => command));
    this.#known.set(name, commands);
    return commands;
  }
}

/**
 * What a worker must be given to have such jobs: a requirement that is a command of its job's plan has to be allowed, any other is a
 * capability. Of jobs far back, and of more than a few plans, it is told once the others are gone.
 */
async function flagsFor(
  queue: Queue,
  missing: ReadonlySet<string>,
  commands: CommandsOf,
): Promise<string[]> {
  const flags = new Map<string, string>();
  const plans = new Set<string>();
  for (const { plan, planVersion, requires = [] } of (
    await queue.list({ state: "ready", limit: 1000 })
  ).jobs) {
    const wanted = requires.filter((name) => missing.has(name) && !flags.has(name));
    if (plan === undefined || wanted.length === 0 || plans.size >= PLANS_MAX) continue;
    plans.add(`${plan} ${planVersion}`);
    const run = await commands.of(plan, planVersion);
    for (const name of wanted) flags.set(name, run.has(name) ? "--allow" : "--capable");
  }
  const known = [...missing].flatMap((name) => {
    const flag = flags.get(name);
    return flag === undefined ? [] : [`${flag} ${name}`];
  });
  return known.sort();
}
