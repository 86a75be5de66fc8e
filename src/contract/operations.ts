/**
 * What may be said about operations: work over many jobs, done in bounded entries, with progress.
 * Invariant: an operation touches only jobs that were there when it began.
 */
import * as z from "zod";
import { instant, type JobState, jobId } from "./fields.ts";
import { limits } from "./limits.ts";

/** Which ended jobs to run again. */
export const redrive = z
  .strictObject({
    ids: z.array(jobId).min(1).max(limits.idsPerRedriveMax).optional(),
    states: z
      .array(z.enum(["failed", "cancelled", "expired"]))
      .min(1)
      .optional(),
    label: z.string().min(1).max(512).optional(),
    endedAfter: instant.optional(),
    endedBefore: instant.optional(),
  })
  .refine(
    (input) => input.ids === undefined || Object.keys(input).length === 1,
    "ids stand alone: leave out the filter",
  );
export type RedriveInput = z.output<typeof redrive>;

/** `release` gives back what was running when the queue's state was imported. */
export type OperationKind = "purge" | "redrive" | "release";

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
