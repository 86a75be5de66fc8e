/**
 * Figures of cost: rows of SQLite that a whole job takes, since rows are what the platform bills.
 * Invariant: rows are counted from the queue's creation to a last checkpoint, so that none is left for later.
 */
import { limits } from "../../src/contract/limits.ts";
import type { QueueStats } from "../../src/contract/queue.ts";
import type { Bench, Figure, Group, Measured } from "./figure.ts";
import { Crew, forMs } from "./load.ts";
import { BenchQueue, CHECKPOINTS_MIN, type Retention } from "./queue.ts";
import { lifecycle, oneByOne, type Tally, type Workload } from "./workloads.ts";

const CLIENTS = 32;
const HOLD_MS = 1_000;
/** Fewer than are kept by default, so that no removal has begun. */
const DEFAULT_JOBS = 60_000;

interface Case {
  readonly name: string;
  readonly atMost: number;
  readonly seconds: number;
  readonly clients: number;
  readonly retention: Retention;
  readonly workload: (queue: string, tally: Tally) => Workload;
  /** How often it is looked whether a checkpoint has happened: more often than they do. */
  readonly sliceMs: number;
  /** Jobs that are enqueued at least, however many checkpoints there were. */
  readonly jobsMin: number;
}

function rowsPerJob({ atMost, seconds, ...each }: Case): Figure {
  const { name } = each;
  return { name, unit: "rows", bound: { atMost }, seconds, run: (bench) => count(bench, each) };
}

type Run = Omit<Case, "atMost" | "seconds">;

/** Runs whole lives of jobs until enough checkpoints happened, and counts the rows that each took. */
export async function count(bench: Bench, run: Run): Promise<Measured> {
  const { name, clients, sliceMs, jobsMin } = run;
  const queue = await BenchQueue.create(bench.server, name, run.retention);
  const tally = { enqueued: 0, completed: 0 };
  const crew = new Crew(bench.server, clients, run.workload(name, tally));
  while (queue.checkpoints < CHECKPOINTS_MIN || tally.enqueued < jobsMin) {
    await crew.work(forMs(sliceMs));
    await queue.watch();
    bench.detail(`${name}: ${tally.completed} jobs, ${queue.checkpoints} checkpoints`);
  }
  await crew.dismiss();
  const stats = await queue.conclude(tally);
  await queue.close();
  return perJob(name, stats, tally.completed);
}

function perJob(name: string, { storage, log }: QueueStats, jobs: number): Measured {
  const of = name.replace("rows_per_job_", "");
  return {
    value: storage.rowsWritten / jobs,
    beside: {
      [`rows_read_per_job_${of}`]: storage.rowsRead / jobs,
      [`log_bytes_per_job_${of}`]: log.bytes / jobs,
      [`database_bytes_per_job_${of}`]: storage.databaseBytes / jobs,
    },
  };
}

const tens = (queue: string, tally: Tally): Workload => lifecycle(queue, 10, tally);
export const batch10 = { clients: CLIENTS, retention: "none", sliceMs: 250, jobsMin: 0 } as const;

export const rows: Group = {
  name: "rows",
  figures: [
    rowsPerJob({
      ...batch10,
      name: "rows_per_job_batch10",
      atMost: 0.3,
      seconds: 10,
      workload: tens,
    }),
    rowsPerJob({
      ...batch10,
      name: "rows_per_job_default",
      atMost: 3.5,
      seconds: 15,
      workload: tens,
      retention: "default",
      jobsMin: DEFAULT_JOBS,
    }),
  ],
};

/** So many jobs a second go through the hands of workers, and each takes so many bytes of log. */
const heldPerSecond = (CLIENTS * 10 * 1000) / HOLD_MS;
const LOG_BYTES_PER_JOB = 360;
const heldBytes = CHECKPOINTS_MIN * limits.checkpointTailBytes;
const heldSeconds = Math.ceil(heldBytes / LOG_BYTES_PER_JOB / heldPerSecond);

/** They fill three checkpoints' worth of log a few jobs at a time, and mind no company: each request is an entry. */
export const slowRows: Group = {
  name: "slow-rows",
  isParallel: true,
  figures: [
    rowsPerJob({
      ...batch10,
      name: "rows_per_job_single",
      atMost: 3.2,
      seconds: 100,
      workload: oneByOne,
      clients: 1,
      sliceMs: 1_000,
    }),
    rowsPerJob({
      ...batch10,
      name: "rows_per_job_held",
      atMost: 0.9,
      seconds: heldSeconds,
      workload: (queue, tally) => lifecycle(queue, 10, tally, HOLD_MS),
      sliceMs: 5_000,
    }),
  ],
};
