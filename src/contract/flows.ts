/**
 * What may be said about jobs that wait for others.
 * Invariant: a job names each of its parents once.
 */
import * as z from "zod";
import { integer, jobId, jobIdForm } from "./fields.ts";
import { limits } from "./limits.ts";

/** What becomes of a job when one that it waits for does not complete. */
export const parentPolicies = ["fail", "continue", "cancel"] as const;
export type ParentPolicy = (typeof parentPolicies)[number];
/** A job to wait for: its id, or with what becomes of this one when it does not complete (`fail`, unless it says otherwise). */
const parent = z.union(
  [
    jobId.transform((id) => ({ id })),
    z.strictObject({ id: jobId, onFail: z.enum(parentPolicies).optional() }),
  ],
  `a job's id, which is ${jobIdForm}, or {"id", "onFail"}, with an onFail of ${parentPolicies.join(", ")}`,
);
export const after = z
  .array(parent)
  .min(1)
  .max(limits.parentsPerJobMax)
  .refine((all) => new Set(all.map(({ id }) => id)).size === all.length, "each job once");
export interface Parent {
  readonly id: string;
  readonly onFail?: ParentPolicy | undefined;
}

/** A page of the jobs that a job waits for or waited for, in the order in which it names them, with their results. */
export const parentList = z.strictObject({
  limit: integer(1, limits.pageJobsMax).optional(),
  cursor: z.string().max(1024).optional(),
});
export type ParentListInput = z.output<typeof parentList> & { readonly id: string };
