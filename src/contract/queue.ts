/**
 * What may be said about a queue as a whole: its configuration, pause, purge, statistics.
 * Invariant: a queue's configuration is complete; what a user leaves out keeps its value.
 */
import * as z from "zod";
import {
  type endStates,
  integer,
  type JobKind,
  type JobState,
  jobStates,
  leaseMs,
  reason,
} from "./fields.ts";
import { backoff } from "./jobs.ts";
import { concurrency, type KeyLimits, keyLimits, type Rate, rate } from "./keys.ts";
import { limits } from "./limits.ts";
import type { OperationRecord } from "./operations.ts";
import type { WorkerState } from "./workers.ts";

const retention = z.strictObject({
  /** How long an ended job is kept; 0 removes it at its end. */
  ageMs: integer(0, limits.delayMsMax).optional(),
  /** How many are kept; 0 removes it at its end. */
  count: integer(0, 1_000_000_000).optional(),
});

/** A change of a queue's configuration. */
export const queueConfig = z.strictObject({
  leaseMs: leaseMs.optional(),
  maxAttempts: integer(1, limits.attemptsMax).optional(),
  /** Of a job of a plan. */
  planMaxAttempts: integer(1, limits.attemptsMax).optional(),
  /** After how much silence a registered worker is dead, where its registration does not say. */
  workerTtlMs: integer(limits.workerTtlMsMin, limits.workerTtlMsMax).optional(),
  /** Hand-outs per run; by default ten for each attempt. */
  maxDeliveries: integer(1, 1_000_000).nullable().optional(),
  backoff: backoff.optional(),
  /** Jobs that run at once, over all keys. */
  concurrency: concurrency.optional(),
  /** Hand-outs, over all keys. */
  rate: rate.nullable().optional(),
  /** What holds for every key that does not say otherwise. */
  keys: z.strictObject(keyLimits).optional(),
  maxBytes: integer(0, limits.databaseBytesMax).optional(),
  maxJobs: integer(0, 1_000_000_000).optional(),
  retention: z
    .strictObject({
      completed: retention.optional(),
      failed: retention.optional(),
      cancelled: retention.optional(),
      expired: retention.optional(),
    })
    .optional(),
});
export type QueueConfigChange = z.output<typeof queueConfig>;

export interface Retention {
  readonly ageMs: number;
  readonly count: number;
}
/** A queue's whole configuration. */
export interface QueueConfig {
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly planMaxAttempts: number;
  readonly workerTtlMs: number;
  readonly maxDeliveries: number | null;
  readonly backoff: z.output<typeof backoff>;
  readonly concurrency: number | null;
  readonly rate: Rate | null;
  readonly keys: KeyLimits;
  readonly maxBytes: number;
  readonly maxJobs: number;
  readonly retention: Readonly<Record<(typeof endStates)[number], Retention>>;
}

const wholeRetention = retention.required();

/** A queue's whole configuration, as it is kept. */
export const wholeConfig = queueConfig
  .extend({
    keys: z.strictObject(keyLimits).required(),
    retention: z.strictObject({
      completed: wholeRetention,
      failed: wholeRetention,
      cancelled: wholeRetention,
      expired: wholeRetention,
    }),
  })
  .required();

export const queuePause = z.strictObject({ reason: reason.optional() });
export type PauseInput = z.output<typeof queuePause>;
export const queuePurge = z.strictObject({
  states: z.array(z.enum(jobStates)).min(1).optional(),
});
export type PurgeInput = z.output<typeof queuePurge>;
export const queueDelete = z.strictObject({ force: z.enum(["true", "false"]).optional() });
export type DeleteQueueInput = z.output<typeof queueDelete>;

/** A queue as the API shows it. */
export interface QueueRecord {
  readonly name: string;
  readonly queueId: string;
  readonly term: number;
  readonly createdAt: number;
  readonly paused: boolean;
  readonly pausedReason?: string;
  readonly pausedAt?: number;
  readonly config: QueueConfig;
}
export interface QueueReply {
  readonly now: number;
  readonly queue: QueueRecord;
}
export interface OperationReply {
  readonly now: number;
  readonly operation: OperationRecord;
}
export interface CheckpointReply {
  readonly now: number;
  readonly checkpointed: { readonly term: number; readonly index: number } | null;
}
export interface DeletedReply {
  readonly now: number;
  readonly deleted: true;
}

/** Ready jobs of one kind and set of requirements that no live worker covers. */
export interface Unclaimable {
  readonly kind: JobKind;
  readonly requires: readonly string[];
  readonly ready: number;
}

/** Numbers about a queue, as of its last entry. */
export interface QueueStats {
  readonly now: number;
  readonly counts: Readonly<Record<JobState, number>>;
  /** UTF-8 bytes of the payloads and results that are kept. */
  readonly jobBytes: number;
  /** How long the oldest ready job has been ready; null when none is. */
  readonly oldestReadyAgeMs: number | null;
  readonly nextDueAt: number | null;
  readonly workers: Readonly<Record<WorkerState, number>>;
  /** What ready jobs require that no live worker can do, up to 256 KiB of it. */
  readonly unclaimable: readonly Unclaimable[];
  /** How many more sets of requirements that holds for. */
  readonly unclaimableOmitted?: number;
  /** Of the last sixty seconds, as far as this instance saw them. */
  readonly perMinute: {
    readonly enqueued: number;
    readonly claimed: number;
    readonly completed: number;
    readonly failed: number;
  };
  readonly storage: {
    /** The platform's id of the queue's object; a local server names the queue's file so. */
    readonly objectId: string;
    readonly databaseBytes: number;
    /** Since this instance woke. */
    readonly rowsWritten: number;
    readonly rowsRead: number;
  };
  readonly log: {
    readonly firstIndex: number;
    readonly lastIndex: number;
    readonly term: number;
    readonly checkpointedIndex: number;
    readonly bytes: number;
    /** How far back idempotency keys are remembered. */
    readonly windowMs: number;
  };
  /** There where the storage is damaged or newer than the code: writes are refused, and reads show what stands before it. */
  readonly damage?: {
    readonly code: "store_corrupt" | "store_newer";
    readonly detail: string;
    /** The first entry of the log that does not stand. */
    readonly index?: number;
  };
}

/** Where a verification goes on; none: at the beginning. */
export const queueVerify = z.strictObject({ cursor: z.string().max(10_000).optional() });
export type VerifyInput = z.output<typeof queueVerify>;

/** Something that is not as it must be. */
export interface VerifyProblem {
  /** The invariant that does not hold, as in the design's list. */
  readonly invariant: string;
  readonly detail: string;
}
/** One step of a verification. */
export interface VerifyReply {
  readonly now: number;
  /** What is verified: the log up to this entry, and the tables as of it. */
  readonly last: { readonly term: number; readonly index: number };
  /** What was checked so far. */
  readonly checked: { readonly entries: number; readonly rows: number; readonly rowsTotal: number };
  /** What this step found. */
  readonly problems: readonly VerifyProblem[];
  /** Where the next step begins; absent once all is verified. */
  readonly cursor?: string;
}

/** A page of the storage as it is, damaged or not; `after` is where the page before ended. */
export interface RawInput {
  readonly after?: string;
}

/** One queue in the directory. */
export interface QueueListing {
  readonly name: string;
  readonly queueId: string;
  readonly createdAt: number;
}
export const queueList = z.strictObject({
  limit: integer(1, limits.pageJobsMax).optional(),
  cursor: z.string().max(256).optional(),
});
export type QueueListInput = z.output<typeof queueList>;
export interface QueueListReply {
  readonly now: number;
  readonly queues: readonly QueueListing[];
  readonly cursor?: string;
}
