/**
 * Where jobs are kept: one row per job, and index rows that say where each stands.
 * Invariant: index rows and counters are written by `standing.ts` alone, derived from the job's row.
 */
import type { JobState } from "../contract/fields.ts";
import type { Parent } from "../contract/flows.ts";
import type { Attempt, Backoff } from "../contract/jobs.ts";
import type { JsonText } from "../contract/json.ts";
import { limits } from "../contract/limits.ts";
import type { Unique } from "../contract/uniques.ts";
import { declareTable } from "./declare.ts";
import { ascii, integer, signed } from "./key-columns.ts";

/** What the latest lease of a job came to. */
export type LeaseOutcome = "completed" | "failed" | "released" | "expired";

/** A job. A field that is not set has the queue's default, or none. */
export interface JobRow {
  readonly state: JobState;
  /** Enqueue order; a new one after a retry by hand. Breaks ties of `readyAt`. */
  readonly seq: number;
  /** Where it waits: one lane for each set of kind and requirements, and for each key apart. */
  readonly lane: number;
  /** Of a job with a key and requirements: the lane of these, which counts it too. */
  readonly set?: number | undefined;
  readonly key?: string | undefined;
  /** Its key is in strict order. */
  readonly ordered?: true | undefined;
  /** In strict order: it was to be tried again, and goes before the others of its key until it has ended. */
  readonly head?: true | undefined;
  readonly unique?: Unique | undefined;
  /** The jobs it waits for, or waited for. */
  readonly after?: readonly Parent[] | undefined;
  /** How many of them it still waits for. */
  readonly pending?: number | undefined;
  /** Open jobs that wait for it, or did: it is kept for them. */
  readonly dependents?: number | undefined;
  readonly createdAt: number;
  readonly run: number;
  /** Counted failures of this run. */
  readonly failures: number;
  /** Hand-outs of this run. */
  readonly deliveries: number;
  readonly priority: number;
  /** Not set where it stands apart. */
  readonly payload?: JsonText | undefined;
  /** Under which number it stands apart; see `job-texts.ts`. */
  readonly payloadAt?: number | undefined;
  /** Of the payload, in UTF-8: counted once. */
  readonly payloadBytes: number;
  readonly result?: JsonText | undefined;
  /** The same of a result that stands apart. */
  readonly resultAt?: number | undefined;
  readonly resultBytes?: number | undefined;
  readonly progress?: JsonText | undefined;
  readonly kind?: "plan" | undefined;
  readonly plan?: string | undefined;
  readonly planVersion?: number | undefined;
  readonly action?: string | undefined;
  readonly inputIndex?: number | undefined;
  readonly schedule?: string | undefined;
  readonly slotAt?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly requires?: readonly string[] | undefined;
  readonly maxAttempts?: number | undefined;
  readonly backoff?: Backoff | undefined;
  readonly leaseMs?: number | undefined;
  readonly maxRunMs?: number | undefined;
  readonly ttlMs?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly fingerprint?: string | undefined;
  /** When it comes due, while it is scheduled. */
  readonly runAt?: number | undefined;
  /** Its place among the ready jobs. */
  readonly readyAt?: number | undefined;
  /** When its time to live ends: set when it was first ready, cleared when it first started. */
  readonly ttlUntil?: number | undefined;
  readonly startedAt?: number | undefined;
  readonly worker?: string | undefined;
  /** The worker was registered when it was given the job. */
  readonly tracked?: true | undefined;
  /** Over whose channel it was given the job: the hash of the session. */
  readonly session?: string | undefined;
  /** The number of its latest hand-out. */
  readonly grant?: number | undefined;
  /** The length of lease that the latest claim asked for, which an extension takes again. */
  readonly claimLeaseMs?: number | undefined;
  /** What its hand-out used of the rates of the queue and of its key, in ms, for as long as it may be given back. */
  readonly queueCost?: number | undefined;
  readonly keyCost?: number | undefined;
  /** That was kept in whole parts, and so is what comes back. */
  readonly inParts?: true | undefined;
  readonly leaseUntil?: number | undefined;
  /** When its latest lease that is over ended. */
  readonly leaseEndedAt?: number | undefined;
  /** What the latest hand-out came to, also in a later run; not set while it is held. */
  readonly outcome?: LeaseOutcome | undefined;
  readonly endedAt?: number | undefined;
  /** When its retention began, where that was not at its end. */
  readonly shelvedAt?: number | undefined;
  /** It ended in a worker's hands without its knowledge: its slots are taken until then. */
  readonly lingersUntil?: number | undefined;
  readonly reason?: string | undefined;
  readonly error?: string | undefined;
  readonly late?: true | undefined;
  /** Attempts that did not complete, newest last. */
  readonly attempts?: readonly Attempt[] | undefined;
}

export interface JobPointer {
  readonly id: string;
}

export const jobs = declareTable<JobRow>()({
  name: "jobs",
  version: 1,
  key: [ascii("id")],
  texts: ["payload", "result"],
  required: ["payload"],
  pendingRowsMax: limits.pendingJobsMax,
  // The history of attempts takes most of it: 32 × (error, worker, times), escaped; asserted in limits.ts.
  valueBytesMax: limits.jobValueBytesMax,
});

/** Ready jobs in the order of claims within a lane. */
export const ready = declareTable<JobPointer>()({
  name: "ready",
  version: 1,
  key: [
    integer("lane"),
    signed("priority", -limits.priorityMin),
    integer("ready_at"),
    integer("seq"),
  ],
  pendingRowsMax: limits.pendingJobsMax,
  valueBytesMax: 1000,
});
/** Scheduled jobs in due order. */
export const scheduled = declareTable<JobPointer>()({
  name: "scheduled",
  version: 1,
  key: [integer("run_at"), integer("seq")],
  pendingRowsMax: limits.pendingJobsMax,
  valueBytesMax: 1000,
});
/** Jobs that wait for others, in the order in which they were enqueued. */
export const blocked = declareTable<JobPointer>()({
  name: "blocked",
  version: 1,
  key: [integer("seq")],
  pendingRowsMax: limits.pendingRowsMax,
  valueBytesMax: 1000,
});
/** Open jobs that end by themselves at a time. */
export const deadlines = declareTable<object>()({
  name: "deadlines",
  version: 1,
  key: [integer("deadline_at"), ascii("id")],
  pendingRowsMax: limits.pendingJobsMax,
  valueBytesMax: 10,
});
/** Ended jobs in the order of their ends, state by state; those of actions, which are kept as long as these, apart. */
export const finished = declareTable<object>()({
  name: "finished",
  version: 1,
  key: [ascii("state"), integer("ended_at"), ascii("id")],
  valueBytesMax: 10,
});
