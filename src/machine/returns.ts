/**
 * What a job takes along that goes back from its worker, or is to be tried again.
 * Invariant: the event says all that its effects follow from: entries of before these rules, which say less, keep theirs.
 */
import type { EventFacts } from "../contract/events.ts";
import type { JobRow } from "../store/jobs.ts";
import { blocksOnRetry, limitsOf } from "../store/keys.ts";
import { queueOf, type Transaction, type View } from "./decide.ts";

/** Whether the queue or the key of a job has a rate. */
export function hasRate(view: View, { key }: JobRow): boolean {
  const { config } = queueOf(view);
  if (config.rate !== null) return true;
  return key !== undefined && limitsOf(view.tables.keys.get([key]), config).rate !== null;
}

/** What is said of a job that waits to be tried again: in strict order it may hold the head of its key. */
export const headOf = ({ tables }: View, job: JobRow): { readonly head?: true } =>
  blocksOnRetry(tables, job) ? { head: true } : {};

/** A job goes back, and what its hand-out took of rates is given back: an attempt that does not count. */
export function giveBack(
  tx: Transaction,
  job: JobRow,
  facts: Omit<EventFacts["job.released"], "head" | "exact">,
): void {
  const head = facts.runAt === undefined ? {} : headOf(tx, job);
  const exact = hasRate(tx, job) ? { exact: true as const } : {};
  tx.emit("job.released", { ...facts, ...head, ...exact });
}
