/**
 * The worker processes of the demo, and the death of one of them.
 * Invariant: exactly one worker is killed, while it holds jobs, before half of the jobs are done; a worker that ends
 * otherwise before the demo says so is an error.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Holding } from "./demo-worker.ts";

const workerCount = 4;

/** The death of a worker. */
export interface Crash {
  readonly worker: string;
  /** The jobs that it had begun and not done. */
  readonly holding: readonly string[];
}

export interface CrewOptions {
  readonly url: string;
  readonly token: string;
  readonly queue: string;
  readonly jobCount: number;
}

/** Workers at work. */
export interface Crew {
  /** Resolves once a worker has been killed. */
  readonly crash: Promise<Crash>;
  /** Rejects when a worker ends by itself. */
  readonly lost: Promise<never>;
  /** Lets the workers finish what they hold, and ends them. */
  stop(): Promise<void>;
}

/**
 * Starts four workers. Each stands still at its share of half of the jobs, so the first one to stand still does so
 * before half of them are done, and is killed as it stands; the others go on.
 */
export function startCrew({ url, token, queue, jobCount }: CrewOptions): Crew {
  const crash = Promise.withResolvers<Crash>();
  const lost = Promise.withResolvers<never>();
  const jobsBeforePause = Math.floor(jobCount / 2 / workerCount);
  const workers = new Map<string, ChildProcess>();
  let isOver = false;
  for (let n = 1; n <= workerCount; n++) {
    const name = `worker-${n}`;
    const args = [url, queue, name, String(jobsBeforePause)];
    const worker = fork(join(import.meta.dirname, "demo-worker.ts"), args, {
      execArgv: [],
      env: { ...process.env, SLUICE_TOKEN: token },
    });
    workers.set(name, worker);
    worker.once("exit", (code, signal) => {
      if (workers.delete(name) && !isOver) lost.reject(new Error(`${name}: ${signal ?? code}`));
    });
    worker.once("message", ({ holding }: Holding) => {
      if (workers.size < workerCount) return;
      workers.delete(name);
      worker.kill("SIGKILL");
      for (const other of workers.values()) other.send("go on");
      crash.resolve({ worker: name, holding });
    });
  }
  const stop = async (): Promise<void> => {
    isOver = true;
    await Promise.all([...workers.values()].map(end));
  };
  return { crash: crash.promise, lost: lost.promise, stop };
}

async function end(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const ended = once(worker, "exit");
  worker.kill("SIGTERM");
  await ended;
}
