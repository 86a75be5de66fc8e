/**
 * What may be said about operations: work over many jobs, done in bounded entries, with progress.
 * Invariant: an operation touches only jobs that were there when it began.
 */
import * as z from "zod";
import { type EndState, endStates, flowKey, instant, type JobState, jobId } from "./fields.ts";
import { labelFilter } from "./labels.ts";
import { limits } from "./limits.ts";

/** Which ended jobs: those named, or all that a filter leaves. */
const endedJobs = <S extends EndState>(states: readonly [S, ...S[]]) =>
  z
    .strictObject({
      ids: z.array(jobId).min(1).max(limits.idsPerRedriveMax).optional(),
      states: z.array(z.enum(states)).min(1).optional(),
      /** A label's `name`, whatever its value, or `name:value`; `name=value` is the same. */
      label: labelFilter.optional(),
      key: flowKey.optional(),
      /** A part of the error of the last attempt, or of the reason: `lease_expired`, `parent_failed`, … */
      error: z.string().min(1).max(256).optional(),
      endedAfter: instant.optional(),
      endedBefore: instant.optional(),
    })
    .refine(
      (input) => input.ids === undefined || Object.keys(input).length === 1,
      "ids stand alone: leave out the filter",
    );
/** Which ended jobs to run again: failed ones, unless it says otherwise. */
export const redrive = endedJobs(["failed", "cancelled", "expired"]);
/** Which ended jobs to forget: failed ones, unless it says otherwise. */
export const discard = endedJobs(endStates);
export type DiscardInput = z.output<typeof discard>;
export type RedriveInput = z.output<typeof redrive>;

/**
 * `release` gives back what was running when the queue's state was imported; `resize` looks at every key after a change of the
 * defaults for keys, and changes none of the jobs.
 */
export type OperationKind = "purge" | "redrive" | "discard" | "release" | "resize";

/** An operation as the API shows it. */
export interface OperationRecord {
  readonly id: string;
  readonly kind: OperationKind;
  readonly status: "running" | "done";
  readonly states: readonly JobState[];
  /** Jobs that it changed so far. */
  readonly changed: number;
  /** Jobs that it looked at so far. */
  readonly examined: number;
  /** Jobs that were in these states when it began. */
  readonly total: number;
  readonly startedAt: number;
  readonly endedAt?: number;
}
