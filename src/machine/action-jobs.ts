/**
 * Which jobs are an action's.
 * Invariant: ids from the first to the last are looked at; a job among them that another chose for itself is none of its.
 */
import type { ActionRow } from "../store/actions.ts";
import type { View } from "./decide.ts";

/** The ids of an action's jobs that are kept, in the order of its inputs. */
export function* jobsOf(
  { tables }: View,
  id: string,
  { firstJob, lastJob }: ActionRow,
): Generator<string> {
  for (const [[job], { action }] of tables.jobs.scan({ from: [firstJob] })) {
    if (job > lastJob) return;
    if (action === id) yield job;
  }
}
