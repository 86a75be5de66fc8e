/**
 * What may be said about actions: one plan and up to 1,000 inputs, of which each becomes a job.
 * Invariant: an action is taken whole or not at all, and its counters always equal a recount of its jobs.
 */
import * as z from "zod";
import { integer, type JobState, jobId, reason } from "./fields.ts";
import { jobOptions, oneDueTime, oneDueTimeMessage } from "./jobs.ts";
import type { JsonText } from "./json.ts";
import { limits } from "./limits.ts";

const {
  id: _id,
  idempotencyKey: _key,
  kind: _kind,
  plan: _plan,
  planVersion: _,
  unique: _unique,
  after: _after,
  ...options
} = jobOptions;
const { delayMs: _delayMs, runAt: _runAt, ...withoutDue } = options;
/** What may be said of the jobs of an action that begins at once. */
export const actionOptions = withoutDue;

/** An action on the wire. Without inputs it is one job, whose input is null. */
export const actionWire = z
  .strictObject({
    action: jobId.optional(),
    /** Of the plan; the newest where it is left out. */
    version: integer(1, limits.planVersionsMax).optional(),
    inputs: z.array(z.unknown()).max(limits.jobsPerEnqueueMax).optional(),
    ...options,
  })
  .refine(oneDueTime, oneDueTimeMessage);

/** An action as the queue takes it: the inputs as their original texts. */
export interface SubmitActionInput extends Omit<z.output<typeof actionWire>, "inputs"> {
  /** The plan. */
  readonly id: string;
  readonly inputs: readonly JsonText[];
  /** A hash of all of it; present when an id was chosen. */
  readonly fingerprint?: string;
}

export const actionStatuses = ["running", "completed", "failed", "cancelled"] as const;
/** Running while any job is open; then failed, if a job failed or expired; else cancelled, if one was; else completed. */
export type ActionStatus = (typeof actionStatuses)[number];
/** How an action can have ended. */
export type EndStatus = Exclude<ActionStatus, "running">;

export const actionCancel = z.strictObject({ reason: reason.optional() });
export type CancelActionInput = z.output<typeof actionCancel> & { readonly id: string };

/** A page of actions in the order of their ids. */
export const actionList = z.strictObject({
  status: z.enum(actionStatuses).optional(),
  plan: jobId.optional(),
  limit: integer(1, limits.pageJobsMax).optional(),
  cursor: z.string().max(1024).optional(),
});
export type ActionListInput = z.output<typeof actionList>;

/** An action as the API shows it. */
export interface ActionRecord {
  readonly id: string;
  readonly plan: string;
  readonly planVersion: number;
  readonly status: ActionStatus;
  /** How often it was begun: a retry of an ended action begins it again. */
  readonly round: number;
  /** Jobs that it was made of. */
  readonly total: number;
  /** Jobs that are kept, by state. */
  readonly counts: Readonly<Record<JobState, number>>;
  /** The schedule that submitted it, and the slot that it is for; a run by hand has none. */
  readonly schedule?: string;
  readonly slotAt?: number;
  readonly createdAt: number;
  readonly endedAt?: number;
}
export interface SubmitActionReply {
  readonly now: number;
  readonly action: ActionRecord;
  /** Its jobs, in the order of the inputs. */
  readonly jobs: readonly string[];
  /** The action was there already, with the same content. */
  readonly deduplicated?: true;
}
export interface ActionReply {
  readonly now: number;
  readonly action: ActionRecord;
}
export interface ChangeActionReply extends ActionReply {
  /** Jobs that this cancelled, or runs again. */
  readonly changed: number;
}
export interface ActionListReply {
  readonly now: number;
  readonly actions: readonly ActionRecord[];
  readonly cursor?: string;
}
