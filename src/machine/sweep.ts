/**
 * What time does: leases end, delays and lives run out, records are forgotten.
 * Invariant: it makes visible what is already true at `at`, in due order, a bounded number at a time.
 */
import { endStates } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import type { JobRow } from "../store/jobs.ts";
import { countersOf, queueOf, type Transaction, type View } from "./decide.ts";
import { maxAttemptsOf } from "./jobs-read.ts";

/** The next thing that time does to a job: when, and to which. */
interface Due {
  readonly at: number;
  readonly id: string;
}

/** The earliest of the deadlines, leases and delays; at the same time a deadline comes first. */
function nextDue({ tables }: View): Due | undefined {
  const deadline = tables.deadlines.first();
  const lease = tables.leases.first();
  const delay = tables.scheduled.first();
  let next: Due | undefined;
  if (deadline) next = { at: deadline[0][0], id: deadline[0][1] };
  if (lease && (!next || lease[0][0] < next.at)) next = { at: lease[0][0], id: lease[1].id };
  if (delay && (!next || delay[0][0] < next.at)) next = { at: delay[0][0], id: delay[1].id };
  return next;
}

/** The earliest end of the retention of an ended job; now, when there are more than may be kept. */
function nextRemoval(view: View): Due | undefined {
  const { retention } = queueOf(view).config;
  const counters = countersOf(view);
  let next: Due | undefined;
  for (const state of endStates) {
    if (counters[state] === 0) continue;
    const head = view.tables.finished.first([state]);
    if (head === undefined)
      throw new Error(`${counters[state]} jobs are ${state}, but none is kept`);
    const [, endedAt, id] = head[0];
    const { ageMs, count } = retention[state];
    const at = counters[state] > count ? view.at : endedAt + ageMs;
    if (!next || at < next.at) next = { at, id };
  }
  return next;
}

/**
 * When time next does something, epoch ms; undefined when it never will. `of: "jobs"` leaves out the removal of
 * records, which no worker waits for.
 */
export function nextDueAt(view: View, of: "all" | "jobs" = "all"): number | undefined {
  const due = nextDue(view)?.at;
  if (of === "jobs") return due;
  const removal = nextRemoval(view)?.at;
  if (due === undefined || removal === undefined) return due ?? removal;
  return Math.min(due, removal);
}

/** Makes what is due visible, at most `most` changes. Returns how many it made. */
export function sweep(tx: Transaction, most: number = limits.sweepMax): number {
  let changes = 0;
  for (let due = nextDue(tx); due && due.at <= tx.at && changes < most; due = nextDue(tx)) {
    if (!settleDue(tx, due.id)) throw new Error(`job ${due.id} is due at ${due.at} but nothing is`);
    changes += 1;
  }
  let removal = changes < most ? nextRemoval(tx) : undefined;
  for (; removal && removal.at <= tx.at && changes < most; removal = nextRemoval(tx)) {
    tx.emit("job.removed", { id: removal.id });
    changes += 1;
  }
  return changes;
}

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
  if (job.state !== "ready" && job.state !== "scheduled" && job.state !== "running") return false;
  const expiry = Math.min(job.ttlUntil ?? Infinity, job.expiresAt ?? Infinity);
  const lease = job.state === "running" ? (job.leaseUntil ?? Infinity) : Infinity;
  const delay = job.state === "scheduled" ? (job.runAt ?? Infinity) : Infinity;
  const first = Math.min(expiry, lease, delay);
  if (first > tx.at) return false;
  if (first === expiry) {
    tx.emit("job.expired", { id, reason: expiry === job.ttlUntil ? "ttl" : "deadline" });
  } else if (first === lease && isBeingReleased(tx, job)) {
    tx.emit("job.released", { id });
  } else if (first === lease) {
    const isLast = job.failures + 1 >= maxAttemptsOf(job, queueOf(tx).config);
    tx.emit("job.lease_expired", { id, ...(isLast && { failed: true as const }) });
  } else {
    tx.emit("job.promoted", { id });
  }
  return true;
}

/** Whether a job's lease is of an imported state, and its turn to be given back uncounted has not come yet. */
function isBeingReleased(view: View, { grant = 0 }: JobRow): boolean {
  if (countersOf(view).underway === 0) return false;
  for (const [, { kind, endedAt, grantMax = 0 }] of view.tables.operations.scan({})) {
    if (kind === "release" && endedAt === undefined && grant <= grantMax) return true;
  }
  return false;
}
