/**
 * What may be said about leases: claim jobs, and settle those that were claimed.
 * Invariant: every settlement names the job and the token of the lease it speaks for.
 */
import * as z from "zod";
import {
  capabilities,
  duration,
  integer,
  type JobKind,
  type JobState,
  jobId,
  jobKinds,
  leaseMs,
  text,
  workerName,
} from "./fields.ts";
import { encodeWithTexts, type JsonText } from "./json.ts";
import { limits } from "./limits.ts";
import type { Problem } from "./refusals.ts";
import { taskReport } from "./tasks.ts";

export const claim = z.strictObject({
  worker: workerName.optional(),
  max: integer(1, limits.jobsPerClaimMax).optional(),
  leaseMs: leaseMs.optional(),
  capabilities: capabilities(limits.capabilitiesPerClaimMax).optional(),
  kinds: z.array(z.enum(jobKinds)).min(1).max(jobKinds.length).optional(),
  /** How long to wait for a job when there is none. */
  waitMs: integer(0, limits.waitMsMax).optional(),
});
/** What no request can say: what the object adds to the claims of its channels and of AGQ's workers. */
interface OwnClaim {
  /** Who asks, as `sessionOf` has it: whoever it is finds its leases again by it. */
  readonly session?: string | undefined;
  /** A worker that names no capabilities is one that can do everything, in place of nothing. */
  readonly takesAny?: true | undefined;
}
export type ClaimInput = z.output<typeof claim> & OwnClaim;

/** A job in a worker's hands. */
export interface ClaimedJob {
  readonly id: string;
  readonly token: string;
  readonly leaseUntil: number;
  readonly kind: JobKind;
  /** Of a job of a plan, which stands in the reply's `plans`. */
  readonly plan?: string | undefined;
  readonly planVersion?: number | undefined;
  readonly action?: string | undefined;
  /** The schedule that made it, and the slot that it is for. */
  readonly schedule?: string | undefined;
  readonly slotAt?: number | undefined;
  readonly run: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly deliveries: number;
  readonly key?: string | undefined;
  /** Whether it waited for other jobs, whose results `GET …/jobs/{id}/parents` has. */
  readonly parents?: number | undefined;
  readonly priority: number;
  readonly createdAt: number;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly requires?: readonly string[] | undefined;
  readonly payload: JsonText;
  readonly progress?: JsonText | undefined;
}

/** A lease that somebody holds, without its job. */
export type HeldLease = Pick<ClaimedJob, "id" | "token" | "leaseUntil">;

/** Why a claim found nothing. */
export interface EmptyClaim {
  readonly paused: boolean;
  readonly pausedReason?: string;
  /** The worker is draining, or dead until its leases are given back: it is given no jobs. */
  readonly draining?: true;
  /** Jobs that are ready. */
  readonly waiting: number;
  readonly scheduled: number;
  /**
   * When there may be more: a job comes due, a lease ends or its worker dies, a key or the queue's rate opens, or a schedule has a slot; now,
   * where something is due that is not done yet; or null.
   */
  readonly nextDueAt: number | null;
  /** Ready jobs that a limit holds back. */
  readonly limited: number;
  /** Ready jobs that this worker's capabilities and kinds do not cover. */
  readonly unclaimable: number;
}
/** A version of a plan, for those who run it. */
export interface ClaimedPlan {
  readonly plan: string;
  readonly version: number;
  /** Its JSON. */
  readonly body: JsonText;
}
export interface ClaimReply extends Partial<EmptyClaim> {
  readonly now: number;
  readonly jobs: readonly ClaimedJob[];
  /** The plans of the jobs, each once; absent where none is of a plan. */
  readonly plans?: readonly ClaimedPlan[];
}

/** What every settlement names. */
export const held = { id: jobId, token: z.string().min(1).max(limits.tokenCharsMax) };

/** One settlement on the wire. */
export const settlementWire = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("complete"), ...held, result: z.unknown().optional() }),
  z.strictObject({
    op: z.literal("fail"),
    ...held,
    error: text(limits.errorBytesMax),
    retryable: z.boolean().optional(),
    delayMs: duration.optional(),
  }),
  z.strictObject({
    op: z.literal("release"),
    ...held,
    delayMs: duration.optional(),
    /** For so long no job of its key is handed out, nor the job itself without one: what an API that asked for time is given. */
    holdKeyMs: integer(0, limits.holdKeyMsMax).optional(),
  }),
  z.strictObject({ op: z.literal("extend"), ...held, leaseMs: leaseMs.optional() }),
  z.strictObject({ op: z.literal("progress"), ...held, progress: z.unknown() }),
  z.strictObject({ op: z.literal("task"), ...held, ...taskReport }),
]);
export const settleWire = z.strictObject({
  items: z.array(settlementWire).min(1).max(limits.itemsPerSettleMax),
  claim: claim.optional(),
});

type Wire = z.output<typeof settlementWire>;
type Texts = { readonly result?: JsonText; readonly progress?: JsonText };
type WithTexts<Item> = Item extends unknown ? Omit<Item, "result" | "progress"> & Texts : never;
/** One settlement as the queue takes it: result and progress as their original texts. */
export type Settlement = WithTexts<Wire>;
export interface SettleInput {
  readonly items: readonly Settlement[];
  readonly claim?: ClaimInput | undefined;
}

export interface Settled {
  readonly id: string;
  readonly ok: true;
  /** The job's state after this settlement. */
  readonly state: JobState;
  /** The same settlement was made before; nothing changed. */
  readonly repeated?: true;
  /** Completed after its lease had ended, before anybody else was given the job. */
  readonly late?: true;
  readonly leaseUntil?: number;
  readonly runAt?: number;
}
export interface NotSettled {
  readonly id: string;
  readonly ok: false;
  readonly problem: Problem;
}
export interface SettleReply {
  readonly now: number;
  readonly items: readonly (Settled | NotSettled)[];
  readonly refused: number;
  readonly claim?: ClaimReply;
}

/** Written out, since a busy queue does little else: ids and tokens have no character that JSON would escape. */
function encodeClaimed(job: ClaimedJob): JsonText {
  let json = `{"id":"${job.id}","token":"${job.token}","leaseUntil":${job.leaseUntil}`;
  json += `,"kind":"${job.kind}","run":${job.run},"attempt":${job.attempt}`;
  json += `,"maxAttempts":${job.maxAttempts},"deliveries":${job.deliveries}`;
  json += `,"priority":${job.priority},"createdAt":${job.createdAt}`;
  if (job.plan !== undefined) json += `,"plan":"${job.plan}","planVersion":${job.planVersion}`;
  if (job.action !== undefined) json += `,"action":"${job.action}"`;
  if (job.schedule !== undefined) json += `,"schedule":"${job.schedule}"`;
  if (job.slotAt !== undefined) json += `,"slotAt":${job.slotAt}`;
  if (job.key !== undefined) json += `,"key":${JSON.stringify(job.key)}`;
  if (job.parents !== undefined) json += `,"parents":${job.parents}`;
  if (job.labels !== undefined) json += `,"labels":${JSON.stringify(job.labels)}`;
  if (job.requires !== undefined) json += `,"requires":${JSON.stringify(job.requires)}`;
  if (job.progress !== undefined) json += `,"progress":${job.progress}`;
  return `${json},"payload":${job.payload}}`;
}

const encodePlan = ({ plan, version, body }: ClaimedPlan): JsonText =>
  `{"plan":"${plan}","version":${version},"body":${body}}`;

/** The texts of a claim's jobs, and of the plans they are of. */
const textsOf = ({ jobs, plans }: Pick<ClaimReply, "jobs" | "plans">) => ({
  jobs: `[${jobs.map(encodeClaimed).join(",")}]`,
  plans: plans === undefined ? undefined : `[${plans.map(encodePlan).join(",")}]`,
});

/** The JSON text of a claim. */
export function encodeClaim(reply: ClaimReply): JsonText {
  const { jobs, plans, ...fields } = reply;
  return encodeWithTexts(fields, textsOf({ jobs, ...(plans && { plans }) }));
}

/** Written out for a job that was just completed. */
function encodeItem(item: Settled | NotSettled): JsonText {
  const isPlain = item.ok && item.state === "completed" && !item.late && !item.repeated;
  return isPlain ? `{"id":"${item.id}","ok":true,"state":"completed"}` : JSON.stringify(item);
}

/** The JSON text of a settlement; the jobs of a claim in the same request stand beside the items. */
export function encodeSettle({ now, items, refused, claim: claimed }: SettleReply): JsonText {
  const head = `{"now":${now},"items":[${items.map(encodeItem).join()}],"refused":${refused}`;
  if (claimed === undefined) return `${head}}`;
  const { now: _, jobs, plans, ...empty } = claimed;
  return `${head},${encodeWithTexts(empty, textsOf({ jobs, ...(plans && { plans }) })).slice(1)}`;
}
