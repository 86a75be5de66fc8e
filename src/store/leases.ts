/**
 * Where leases are kept: the running jobs in the order in which their leases end, and what becomes of a lease.
 * Invariant: a running job has exactly one lease, and a later grant is greater.
 */
import type { EventOf } from "../contract/events.ts";
import { limits } from "../contract/limits.ts";
import { declareTable } from "./declare.ts";
import { failedBy, leaseExpiredBy, letGo } from "./ends.ts";
import type { JobPointer, JobRow } from "./jobs.ts";
import { integer } from "./key-columns.ts";
import { holdKey } from "./key-edits.ts";
import { blocksOnRetry } from "./keys.ts";
import { costsOf, refundRates } from "./rates.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";
import { end, move, rowOf } from "./standing.ts";

export const leases = declareTable<JobPointer>()({
  name: "leases",
  version: 1,
  key: [integer("lease_until"), integer("seq")],
  pendingRowsMax: limits.pendingJobsMax,
  valueBytesMax: 1000,
});

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
  move(tables, at, event.id, before, after, { grant: event.grant }, event);
}

function completed(tables: SluiceTables, event: EventOf<"job.completed">, at: number): void {
  const before = rowOf(tables, event.id);
  end(tables, at, event, before);
}

function failed(tables: SluiceTables, event: EventOf<"job.failed">, at: number): void {
  const before = rowOf(tables, event.id);
  const { runAt, head } = event;
  if (runAt === undefined) {
    end(tables, at, event, before);
    return;
  }
  move(tables, at, event.id, before, {
    ...before,
    ...failedBy(before, event, at),
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
  if (event.failed) {
    end(tables, at, event, before);
    return;
  }
  // It keeps its place: readyAt and seq stay as they were.
  move(tables, at, event.id, before, {
    ...before,
    ...leaseExpiredBy(before, event, at),
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
