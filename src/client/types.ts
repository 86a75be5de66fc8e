/**
 * What programs give to and get from the client: the contract's shapes, with JSON values where the
 * wire has JSON texts.
 * Invariant: only types; the contract's code is never part of a program that uses the client.
 */
import type { Parent } from "../contract/flows.ts";
import type {
  EnqueueResult,
  JobRecord,
  JobSpec,
  ListInput,
  UpdateInput,
} from "../contract/jobs.ts";
import type {
  ClaimedJob as ClaimedJobText,
  ClaimInput,
  EmptyClaim,
  NotSettled,
  Settled,
  Settlement as SettlementText,
} from "../contract/leases.ts";
import type { Problem } from "../contract/refusals.ts";
import type { TasksReply } from "../contract/tasks.ts";
import type { SluiceError, UnreachableError } from "./errors.ts";
import type { PlanTask } from "./plans.ts";

export type { Parent, ParentPolicy } from "../contract/flows.ts";
export type { EnqueueResult } from "../contract/jobs.ts";
export type { DiscardInput, OperationRecord, RedriveInput } from "../contract/operations.ts";
export type {
  PurgeInput,
  QueueConfigChange,
  QueueListing,
  QueueRecord,
  QueueStats,
} from "../contract/queue.ts";
export type { Problem, RefusalCode } from "../contract/refusals.ts";
export type { TaskRecord } from "../contract/tasks.ts";
export type { Unique } from "../contract/uniques.ts";
export type { NotSettled, Settled };

/**
 * What may be said of a job besides its payload. Durations (`…Ms`) are ms, instants (`…At`) epoch
 * ms.
 */
export type EnqueueOptions = Omit<JobSpec, "payload" | "fingerprint" | "after"> & {
  /** The jobs to wait for: ids, or with what becomes of this job when one does not complete. */
  readonly after?: readonly (string | Parent)[] | undefined;
};
/** One of many jobs. */
export type JobInput<Payload> = EnqueueOptions & { readonly payload: Payload };
/** What became of one of many jobs. */
export type EnqueueOutcome = EnqueueResult | { readonly error: SluiceError | UnreachableError };

/** A job as the queue shows it. */
export type Job<Payload, Result> = Omit<JobRecord, "payload" | "result" | "progress"> & {
  readonly payload?: Payload;
  readonly result?: Result;
  readonly progress?: unknown;
};
/** Which jobs, of those the queue keeps. A `label` is a label's name, whatever its value, or `name:value`. */
export type JobFilter = Omit<ListInput, "cursor">;
export interface JobPage<Payload, Result> {
  readonly now: number;
  readonly jobs: readonly Job<Payload, Result>[];
  /** Where the next page begins; absent only at the end. */
  readonly cursor?: string;
}
export type JobChange = Omit<UpdateInput, "id">;

export type ClaimOptions = ClaimInput;
/** A job in this program's hands. */
export type ClaimedJob<Payload> = Omit<ClaimedJobText, "payload" | "progress"> & {
  readonly payload: Payload;
  readonly progress?: unknown;
  /**
   * Of a job of a plan: what to run, in order, as the plan has it. `Queue.tasks` tells the arguments
   * with the job's input put in.
   */
  readonly tasks?: readonly PlanTask[];
};
/** The jobs of a claim; when there are none, also why. */
export interface Claimed<Payload> extends Partial<EmptyClaim> {
  readonly now: number;
  readonly jobs: readonly ClaimedJob<Payload>[];
}

type WithValues<Item> = Item extends { op: "complete" }
  ? Omit<Item, "result"> & { readonly result?: unknown }
  : Item extends { op: "progress" }
    ? Omit<Item, "progress"> & { readonly progress: unknown }
    : Item;
/**
 * What to do with a claimed job: complete, fail, release, extend, progress, or report one of its
 * tasks.
 */
export type Settlement = WithValues<SettlementText>;
/** What one task of a job came to. Times are epoch ms, durations ms. */
export type TaskReport = Omit<Extract<SettlementText, { op: "task" }>, "op" | "id" | "token">;
/** The tasks of a job of a plan, as its latest attempt reported them. */
export type JobTasks = Omit<TasksReply, "now">;
/** What became of one settlement. */
export type SettleAnswer = Settled | NotSettled;
/** The answers of a settle, in its order, and the jobs of its claim. */
export interface SettleOutcome<Payload> extends Partial<Claimed<Payload>> {
  readonly now: number;
  readonly items: readonly SettleAnswer[];
  readonly refused: number;
  /** Why the claim was refused; the settlements stand. */
  readonly claim?: Problem;
}
