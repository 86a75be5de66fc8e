/**
 * What time does to one job: its lease ends, its delay is over, its life runs out, its worker dies.
 * Invariant: it makes visible what is already true at `at`, each in the order of its time.
 */

import { isEndState } from "../contract/fields.ts";
import type { JobRow } from "../store/jobs.ts";
import { workerDueAt } from "../store/workers.ts";
import { queueOf, type Transaction, type View } from "./decide.ts";
import { maxAttemptsOf } from "./jobs-read.ts";
import { giveBack } from "./returns.ts";
import { endLeaseNow, isBeingReleased } from "./workers.ts";

/** A job as of now: a command judges the job it touches when what time has done to it is visible. */
export function jobAsOfNow(tx: Transaction, id: string): JobRow | undefined {
  let job = tx.tables.jobs.get([id]);
  // A lease may end, then a deadline pass: each is an event of its own, in the order of their times.
  while (job !== undefined && applyDue(tx, id, job)) job = tx.tables.jobs.get([id]);
  return job;
}

/** Makes visible what time has done to one job. Returns whether it has done anything. */
export function settleDue(tx: Transaction, id: string): boolean {
  return tx.tables.jobs.get([id]) !== jobAsOfNow(tx, id);
}

function applyDue(tx: Transaction, id: string, job: JobRow): boolean {
  if (isEndState(job.state)) return false;
  const expiry = Math.min(job.ttlUntil ?? Infinity, job.expiresAt ?? Infinity);
  const lease = job.state === "running" ? (job.leaseUntil ?? Infinity) : Infinity;
  const delay = job.state === "scheduled" ? (job.runAt ?? Infinity) : Infinity;
  const death = deathOf(tx, job);
  const first = Math.min(expiry, lease, delay, death);
  if (first > tx.at) return false;
  if (first === death && job.worker !== undefined) {
    endLeaseNow(tx, job.worker, id);
  } else if (first === expiry) {
    tx.emit("job.expired", { id, reason: expiry === job.ttlUntil ? "ttl" : "deadline" });
  } else if (first === lease && isBeingReleased(tx, job)) {
    giveBack(tx, job, { id });
  } else if (first === lease) {
    const isLast = job.failures + 1 >= maxAttemptsOf(job, queueOf(tx).config);
    tx.emit("job.lease_expired", { id, ...(isLast && { failed: true as const }) });
  } else {
    tx.emit("job.promoted", { id });
  }
  return true;
}

/** When the worker that holds a job died, dies or left; infinite for one that is not registered. */
function deathOf(view: View, { state, tracked, worker }: JobRow): number {
  if (state !== "running" || !tracked || worker === undefined) return Infinity;
  const row = view.tables.workers.get([worker]);
  return row === undefined ? Infinity : (row.diedAt ?? workerDueAt(row));
}
