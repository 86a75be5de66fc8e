/**
 * Whether a queue has room for more.
 * Invariant: checked before anything is appended; what is there may always be finished.
 */
import { jobStates } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import { limitsOf } from "../store/keys.ts";
import { countersOf, queueOf, type Transaction } from "./decide.ts";

/** Why a key takes no more jobs, if it does not. */
export function whyKeyFull(
  tx: Transaction,
  key: string | undefined,
  more: number,
): Refusal | undefined {
  if (key === undefined) return undefined;
  const row = tx.tables.keys.get([key]);
  const { maxBacklog } = limitsOf(row, queueOf(tx).config);
  const waiting = (row?.later ?? 0) + (row?.ready ?? 0);
  if (maxBacklog === null || waiting + more <= maxBacklog) return undefined;
  return refuse(
    "key_full",
    `Of key ${key} ${waiting} jobs wait; its maxBacklog is ${maxBacklog}.`,
    {
      key,
      maxBacklog,
    },
  );
}

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
