/**
 * Whether a queue has room for more.
 * Invariant: checked before anything is appended; what is there may always be finished.
 */
import { jobStates } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import { countersOf, queueOf, type Transaction } from "./decide.ts";

/** Why there is no room for so many more jobs and bytes, if there is none. */
export function whyFull(tx: Transaction, more: number, moreBytes: number): Refusal | undefined {
  const { maxJobs, maxBytes } = queueOf(tx).config;
  const counters = countersOf(tx);
  let jobs = 0;
  for (const state of jobStates) jobs += counters[state];
  if (jobs + more > maxJobs) {
    return refuse("queue_full", `The queue keeps ${jobs} jobs; its maxJobs is ${maxJobs}.`, {
      maxJobs,
    });
  }
  if (tx.isFull) {
    const databaseBytesMax = limits.databaseBytesMax;
    return refuse("queue_full", "The queue's database has no room for more.", {
      databaseBytesMax,
    });
  }
  const bytes = counters.bytes + moreBytes;
  if (bytes <= maxBytes) return undefined;
  return refuse("queue_full", `With this the queue would keep ${bytes} bytes of ${maxBytes}.`, {
    maxBytes,
  });
}
