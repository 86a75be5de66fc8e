/**
 * Runs many seeds on a few threads.
 * Invariant: each seed is run once; which thread runs it changes nothing.
 */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Coverage, type CoverageJson } from "./coverage.ts";

/** What a thread is asked. */
export interface Task {
  readonly seed: number;
  readonly steps: readonly number[];
}

/** What it answers. */
export interface Done {
  readonly seed: number;
  readonly digest: string;
  readonly isBroken: boolean;
  readonly coverage: CoverageJson;
}

export interface Harvest {
  readonly coverage: Coverage;
  readonly broken: readonly number[];
  readonly digests: ReadonlyMap<number, string>;
}

/** Runs all seeds. `onDone` is told after each of them. */
export async function runAll(
  seeds: readonly number[],
  steps: readonly number[],
  threads: number,
  onDone: (done: number, broken: readonly number[]) => void,
): Promise<Harvest> {
  const coverage = new Coverage();
  const broken: number[] = [];
  const digests = new Map<number, string>();
  const queue = [...seeds];
  const note = (done: Done) => {
    coverage.merge(Coverage.of(done.coverage));
    digests.set(done.seed, done.digest);
    if (done.isBroken) broken.push(done.seed);
    onDone(digests.size, broken);
  };
  const workers = Array.from({ length: Math.min(threads, seeds.length) }, () =>
    work(queue, steps, note),
  );
  await Promise.all(workers);
  return { coverage, broken: broken.sort((a, b) => a - b), digests };
}

/** One thread, which takes seeds until there are none. */
function work(queue: number[], steps: readonly number[], note: (done: Done) => void) {
  return new Promise<void>((resolve, reject) => {
    const worker = new Worker(join(import.meta.dirname, "thread.ts"));
    const next = () => {
      const seed = queue.shift();
      if (seed === undefined) void worker.terminate().then(() => resolve(), reject);
      else worker.postMessage({ seed, steps } satisfies Task);
    };
    worker.on("message", (done: Done) => {
      note(done);
      next();
    });
    worker.on("error", reject);
    next();
  });
}
