/**
 * The workers of the demo, `sluice work` processes as anybody starts them, and the death of one of them.
 * Invariant: exactly one is killed, while it holds jobs; one that ends otherwise before the demo says so is an error.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Queue, SluiceError } from "../src/client/index.ts";
import { plan } from "./demo-files.ts";

const workerCount = 4;
const slots = 4;
const lookMs = 20;
const settleMs = 100;

/** The death of a worker. */
export interface Crash {
  readonly worker: string;
  /** The jobs that it had begun and not done. */
  readonly holding: readonly string[];
}

export interface CrewOptions {
  readonly queue: Queue;
  readonly url: string;
  readonly token: string;
  /** Where the workers run their jobs. */
  readonly dir: string;
}

/** Workers at work. */
export interface Crew {
  /** Rejects when a worker ends by itself. */
  readonly lost: Promise<never>;
  /** Kills one that holds jobs; resolves with what it held, or undefined when none was left to hold any. */
  kill(isOver: () => boolean): Promise<Crash | undefined>;
  /** Lets the workers finish what they hold, and ends them. */
  stop(): Promise<void>;
}

const main = join(import.meta.dirname, "../src/cli/main.ts");

/** Starts the workers, each of which may run the plan's commands and no others. */
export function startCrew({ queue, url, token, dir }: CrewOptions): Crew {
  const lost = Promise.withResolvers<never>();
  const workers = new Map<string, ChildProcess>();
  const expected = new Set<string>();
  const allow = plan.tasks.flatMap(({ command }) => ["--allow", command]);
  for (let n = 1; n <= workerCount; n += 1) {
    const name = `worker-${n}`;
    const flags = ["--name", name, "--concurrency", String(slots), "--dir", dir, ...allow];
    const worker = spawn(process.execPath, [main, "work", queue.name, ...flags], {
      env: { ...process.env, SLUICE_URL: url, SLUICE_TOKEN: token },
      // What they say of each job is not shown; why one cannot work is.
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    worker.stderr?.on("data", (chunk) => {
      said = (said + String(chunk)).slice(-2000);
    });
    workers.set(name, worker);
    worker.once("exit", (code, signal) => {
      workers.delete(name);
      if (!expected.has(name)) lost.reject(new Error(`${name}: ${signal ?? code}\n${said}`));
    });
  }
  return {
    lost: lost.promise,
    kill: (isOver) => killOne(queue, workers, expected, isOver),
    stop: async () => {
      for (const name of workers.keys()) expected.add(name);
      await Promise.all([...workers.values()].map(end));
    },
  };
}

/** Stops workers in turn until one stands still with jobs in its hands, and kills that one. */
async function killOne(
  queue: Queue,
  workers: ReadonlyMap<string, ChildProcess>,
  expected: Set<string>,
  isOver: () => boolean,
): Promise<Crash | undefined> {
  while (!isOver()) {
    for (const [name, worker] of workers) {
      worker.kill("SIGSTOP");
      try {
        // What it sent before it stood still is soon done.
        await sleep(settleMs);
        const holding = await heldBy(queue, name);
        if (holding.length > 0) {
          expected.add(name);
          worker.kill("SIGKILL");
          return { worker: name, holding };
        }
      } finally {
        worker.kill("SIGCONT");
      }
    }
    await sleep(lookMs);
  }
  return undefined;
}

/** The jobs in a worker's hands; one that has not registered yet has none. */
async function heldBy(queue: Queue, name: string): Promise<readonly string[]> {
  try {
    return (await queue.workers.get(name)).jobs;
  } catch (error) {
    if (error instanceof SluiceError && error.code === "worker_unknown") return [];
    throw error;
  }
}

async function end(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const ended = once(worker, "exit");
  worker.kill("SIGTERM");
  await ended;
}
