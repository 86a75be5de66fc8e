/**
 * Where leases are kept: the running jobs in the order in which their leases end, and what becomes of a lease.
 * Invariant: a running job has exactly one lease, and a later grant is greater.
 */
import type { EventOf } from "../contract/events.ts";
import type { Attempt } from "../contract/jobs.ts";
import { limits } from "../contract/limits.ts";
import { declareTable } from "./declare.ts";
import type { JobPointer, JobRow } from "./jobs.ts";
import { integer } from "./key-columns.ts";
import { holdKey } from "./key-edits.ts";
import { blocksOnRetry } from "./keys.ts";
import { costsOf, refundRates } from "./rates.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";
import { end, letGo, move, rowOf } from "./standing.ts";

export const leases = declareTable<JobPointer>()({
  name: "leases",
  version: 1,
  key: [integer("lease_until"), integer("seq")],
  pendingRowsMax: limits.pendingJobsMax,
  valueBytesMax: 1000,
});

/** A job's history with one more attempt that did not complete. */
export function withAttempt(
  job: JobRow,
  outcome: Attempt["outcome"],
  endedAt: number,
  error?: string,
): readonly Attempt[] {
  const attempt: Attempt = {
    run: job.run,
    attempt: job.failures + 1,
    outcome,
    startedAt: job.startedAt ?? endedAt,
    endedAt,
    ...(job.worker === undefined ? {} : { worker: job.worker }),
    ...(error === undefined ? {} : { error }),
  };
  return [...(job.attempts ?? []), attempt].slice(-limits.attemptsKeptMax);
}

function claimed(tables: SluiceTables, event: EventOf<"job.claimed">, at: number): void {
  const before = rowOf(tables, event.id);
  const after: JobRow = {
    ...before,
    state: "running",
    deliveries: before.deliveries + 1,
    grant: event.grant,
    worker: event.worker,
    tracked: event.tracked,
    session: event.session,
    leaseUntil: event.leaseUntil,
    claimLeaseMs: event.leaseMs,
    ...(event.fair && costsOf(tables, before)),
    inParts: event.parts,
    startedAt: at,
    ttlUntil: undefined,
    outcome: undefined,
    reason: undefined,
    error: undefined,
  };
  move(tables, at, event.id, before, after, { grant: event.grant }, event.fair);
}

function completed(tables: SluiceTables, event: EventOf<"job.completed">, at: number): void {
  const before = rowOf(tables, event.id);
  const { result, late } = event;
  const cleared = { progress: undefined, reason: undefined };
  end(tables, event.id, before, "completed", at, {
    outcome: "completed",
    result,
    late,
    ...cleared,
  });
}

function failed(tables: SluiceTables, event: EventOf<"job.failed">, at: number): void {
  const before = rowOf(tables, event.id);
  const { error, reason, runAt, head } = event;
  // A job that was never in a worker's hands this time (delivery limit) has no attempt to record.
  const ran = before.state === "running";
  const changes: Partial<JobRow> = {
    error,
    reason,
    ...(ran && {
      outcome: "failed" as const,
      attempts: withAttempt(before, "failed", at, error),
      failures: before.failures + 1,
    }),
  };
  if (runAt === undefined) {
    end(tables, event.id, before, "failed", at, changes);
    return;
  }
  move(tables, at, event.id, before, {
    ...before,
    ...changes,
    state: "scheduled",
    runAt,
    // In strict order it holds the head until it has ended.
    readyAt: blocksOnRetry(tables, before) ? before.readyAt : undefined,
    head,
    ...letGo,
    leaseEndedAt: at,
  });
}

function leaseExpired(tables: SluiceTables, event: EventOf<"job.lease_expired">, at: number): void {
  const before = rowOf(tables, event.id);
  // By time it ended when it was to end, whenever that was noticed; with its worker it ends now.
  const endedAt = event.died ? at : (before.leaseUntil ?? at);
  const changes: Partial<JobRow> = {
    outcome: "expired",
    failures: before.failures + 1,
    attempts: withAttempt(before, event.died ? "worker_died" : "lease_expired", endedAt),
    reason: event.died ? "worker_died" : "lease_expired",
    leaseEndedAt: endedAt,
  };
  if (event.failed) {
    end(tables, event.id, before, "failed", at, changes);
    return;
  }
  // It keeps its place: readyAt and seq stay as they were.
  move(tables, at, event.id, before, {
    ...before,
    ...changes,
    state: "ready",
    ...letGo,
  });
}

function released(tables: SluiceTables, event: EventOf<"job.released">, at: number): void {
  const before = rowOf(tables, event.id);
  const { runAt, holdKeyUntil, exact } = event;
  const isLater = runAt !== undefined;
  refundRates(tables, at, before, exact === true);
  if (holdKeyUntil !== undefined && before.key !== undefined) {
    holdKey(tables, at, before.key, holdKeyUntil);
  }
  move(tables, at, event.id, before, {
    ...before,
    state: isLater ? "scheduled" : "ready",
    runAt,
    head: isLater ? event.head : before.head,
    outcome: "released",
    ...letGo,
    leaseEndedAt: at,
  });
}

function extended(tables: SluiceTables, event: EventOf<"job.extended">, at: number): void {
  const before = rowOf(tables, event.id);
  move(tables, at, event.id, before, { ...before, leaseUntil: event.leaseUntil });
}

function progressed(tables: SluiceTables, event: EventOf<"job.progressed">, at: number): void {
  const before = rowOf(tables, event.id);
  move(tables, at, event.id, before, { ...before, progress: event.progress });
}

export const leaseWriters = {
  "job.claimed": claimed,
  "job.completed": completed,
  "job.extended": extended,
  "job.failed": failed,
  "job.lease_expired": leaseExpired,
  "job.progressed": progressed,
  "job.released": released,
} satisfies Partial<EventWriters>;
