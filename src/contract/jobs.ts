/**
 * What may be said about jobs: enqueue, read, change, cancel, retry, remove.
 * Invariant: behind the gate a payload is its original JSON text, and never parsed again.
 */
import * as z from "zod";
import {
  capabilities,
  duration,
  flowKey,
  instant,
  integer,
  type JobKind,
  type JobState,
  jobId,
  jobKinds,
  jobStates,
  leaseMs,
  reason,
} from "./fields.ts";
import { after, type Parent } from "./flows.ts";
import { encodeWithTexts, type JsonText } from "./json.ts";
import { labelFilter, labels } from "./labels.ts";
import { limits } from "./limits.ts";
import type { Problem } from "./refusals.ts";
import { type Unique, unique } from "./uniques.ts";

const jitter = z.enum(["full", "none"]);
const capMs = duration;

/** How long a failed job waits before its next attempt; `attempt` counts from 1. */
export const backoff = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("fixed"), delayMs: duration, jitter: jitter.optional() }),
  z.strictObject({
    kind: z.literal("linear"),
    delayMs: duration,
    capMs: capMs.optional(),
    jitter: jitter.optional(),
  }),
  z.strictObject({
    kind: z.literal("exponential"),
    delayMs: duration,
    factor: z.number().min(1).max(100).optional(),
    capMs: capMs.optional(),
    jitter: jitter.optional(),
  }),
  z.strictObject({
    kind: z.literal("list"),
    delaysMs: z.array(duration).min(1).max(limits.backoffDelaysMax),
    jitter: jitter.optional(),
  }),
]);
export type Backoff = z.infer<typeof backoff>;

/** What a user may say of a job, less its payload. */
export const jobOptions = {
  id: jobId.optional(),
  delayMs: duration.optional(),
  runAt: instant.optional(),
  // JSON can say −0, which is 0; as a part of a key it would be a second one.
  priority: integer(limits.priorityMin, limits.priorityMax)
    .overwrite((value) => value + 0)
    .optional(),
  ttlMs: duration.optional(),
  expiresAt: instant.optional(),
  leaseMs: leaseMs.optional(),
  maxRunMs: integer(1, limits.delayMsMax).optional(),
  maxAttempts: integer(1, limits.attemptsMax).optional(),
  backoff: backoff.optional(),
  labels: labels.optional(),
  requires: capabilities(limits.requiresPerJobMax).optional(),
  kind: z.enum(jobKinds).optional(),
  /** The plan that is run, whose input the payload is then. */
  plan: jobId.optional(),
  planVersion: integer(1, limits.planVersionsMax).optional(),
  key: flowKey.optional(),
  unique: unique.optional(),
  after: after.optional(),
  idempotencyKey: z.string().min(1).max(limits.idempotencyKeyCharsMax).optional(),
};

export const oneDueTime = (job: { delayMs?: unknown; runAt?: unknown }) =>
  job.delayMs === undefined || job.runAt === undefined;
export const oneDueTimeMessage = "give either delayMs or runAt, not both";

interface OfPlan {
  readonly kind?: JobKind | undefined;
  readonly plan?: string | undefined;
  readonly planVersion?: number | undefined;
}
/** A job of a plan says which, and only such a job does. */
export const onePlan = ({ kind, plan, planVersion }: OfPlan) =>
  plan === undefined ? kind !== "plan" && planVersion === undefined : kind !== "payload";
export const onePlanMessage = "a job of kind plan names its plan, and no other does";

/** One job on the wire. `payload` may be any JSON value; without one it is null. */
export const jobSpecWire = z
  .strictObject({ payload: z.unknown().optional(), ...jobOptions })
  .refine(oneDueTime, oneDueTimeMessage)
  .refine(onePlan, onePlanMessage);
/** Many jobs on the wire. */
export const jobSpecsWire = z.strictObject({
  jobs: z.array(jobSpecWire).min(1).max(limits.jobsPerEnqueueMax),
});

/** One job as the queue takes it: the payload as text, and what tells a repeat of the same request. */
export interface JobSpec extends Omit<z.output<typeof jobSpecWire>, "payload"> {
  readonly payload: JsonText;
  /** A hash of the whole spec; present when an id or an idempotency key was chosen. */
  readonly fingerprint?: string;
}
export interface EnqueueInput {
  readonly jobs: readonly JobSpec[];
}
export interface EnqueueResult {
  readonly id: string;
  /** The job was there already, with the same content, or has the unique key. */
  readonly deduplicated?: true;
  /** The job waits already, and has the new payload and due time now. */
  readonly replaced?: true;
}
export interface EnqueueReply {
  readonly now: number;
  readonly results: readonly (EnqueueResult | { readonly problem: Problem })[];
  readonly refused: number;
}

export const jobUpdate = z
  .strictObject({
    priority: jobOptions.priority,
    delayMs: duration.optional(),
    runAt: instant.optional(),
  })
  .refine(oneDueTime, oneDueTimeMessage)
  .refine((change) => Object.keys(change).length > 0, "give priority, delayMs or runAt");
export type UpdateInput = z.output<typeof jobUpdate> & { readonly id: string };

export const jobCancel = z.strictObject({ reason: reason.optional() });
export type CancelInput = z.output<typeof jobCancel> & { readonly id: string };

/** A removal or a read of one job. */
export interface JobReference {
  readonly id: string;
}

/** A retry. A due time is what no request over HTTP can say. */
export interface RetryInput extends JobReference {
  readonly runAt?: number | undefined;
}

/** How long to wait for the end of a job, or of an action. */
export const waitQuery = z.strictObject({ waitMs: integer(0, limits.waitMsMax).optional() });
/** A read that may wait until what it reads has ended. */
export type GetInput = z.output<typeof waitQuery> & JobReference;

/** A page of jobs, in the order of claims (ready), of due time (scheduled), of ends, or of ids. */
export const jobList = z.strictObject({
  state: z.enum(jobStates).optional(),
  plan: jobId.optional(),
  action: jobId.optional(),
  key: flowKey.optional(),
  /** A part of the error of its last attempt, or of its reason: `lease_expired`, `parent_failed`, … */
  error: z.string().min(1).max(256).optional(),
  endedAfter: instant.optional(),
  endedBefore: instant.optional(),
  /** A label's `name`, whatever its value, or `name:value`; `name=value` is the same. */
  label: labelFilter.optional(),
  include: z.literal("payload").optional(),
  limit: integer(1, limits.pageJobsMax).optional(),
  cursor: z.string().max(1024).optional(),
});
export type ListInput = z.output<typeof jobList>;

/** One attempt of a job that has ended. */
export interface Attempt {
  readonly run: number;
  readonly attempt: number;
  readonly outcome:
    | "completed"
    | "failed"
    | "lease_expired"
    | "worker_died"
    | "cancelled"
    | "expired";
  readonly startedAt: number;
  readonly endedAt: number;
  readonly worker?: string;
  readonly error?: string;
}

/** A job as the API shows it. Times are epoch ms; payload, result and progress are raw JSON texts. */
export interface JobRecord {
  readonly id: string;
  readonly state: JobState;
  /** Why it is in this state: `lease_expired`, `worker_died`, `delivery_limit`, `ttl`, `deadline`, `parent_failed`, or a user's words. */
  readonly reason?: string;
  readonly kind: JobKind;
  readonly plan?: string;
  readonly planVersion?: number;
  readonly action?: string;
  /** Which of the action's inputs is its payload; the first is 0. */
  readonly inputIndex?: number;
  /** The schedule that made it, and the slot that it is for; a run by hand has none. */
  readonly schedule?: string;
  readonly slotAt?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly requires?: readonly string[];
  readonly key?: string;
  readonly unique?: Unique;
  /** The jobs that it waits for, or waited for. */
  readonly after?: readonly Parent[];
  /** How many of them have not ended. */
  readonly pending?: number;
  readonly priority: number;
  readonly run: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly deliveries: number;
  readonly backoff?: Backoff;
  readonly leaseMs?: number;
  readonly maxRunMs?: number;
  readonly ttlMs?: number;
  readonly expiresAt?: number;
  readonly worker?: string;
  readonly createdAt: number;
  readonly runAt?: number;
  readonly readyAt?: number;
  readonly startedAt?: number;
  readonly leaseUntil?: number;
  readonly endedAt?: number;
  readonly late?: true;
  readonly error?: string;
  readonly attempts?: readonly Attempt[];
  readonly payload?: JsonText;
  readonly result?: JsonText;
  readonly progress?: JsonText;
}
export interface JobReply {
  readonly now: number;
  readonly job: JobRecord;
}
export interface ListReply {
  readonly now: number;
  readonly jobs: readonly JobRecord[];
  /** Absent only at the end: a page may be short or empty and still have a cursor. */
  readonly cursor?: string;
}
export interface RemoveReply {
  readonly now: number;
  readonly removed: true;
}

/** Written out where a job was just taken, since ids have no character that JSON would escape. */
function encodeResult(result: EnqueueReply["results"][number]): JsonText {
  const isPlain =
    "id" in result && result.deduplicated === undefined && result.replaced === undefined;
  return isPlain ? `{"id":"${result.id}"}` : JSON.stringify(result);
}

/** The JSON text of what became of the jobs of an enqueue. */
export function encodeEnqueue({ now, results, refused }: EnqueueReply): JsonText {
  return `{"now":${now},"results":[${results.map(encodeResult).join()}],"refused":${refused}}`;
}

/** The JSON text of a job. */
export function encodeJob(job: JobRecord): JsonText {
  const { payload, result, progress, ...fields } = job;
  return encodeWithTexts(fields, { progress, payload, result });
}

/** The JSON text of a page of jobs. */
export function encodeList(reply: ListReply): JsonText {
  const { jobs, ...fields } = reply;
  return encodeWithTexts(fields, { jobs: `[${jobs.map(encodeJob).join(",")}]` });
}
