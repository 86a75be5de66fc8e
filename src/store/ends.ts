/**
 * What becomes of a job's row by an event that ends the job.
 * Invariant: it is the same whether the row is then kept or goes at once; an event behind which the job is open ends nothing.
 */
import type { Event, EventOf } from "../contract/events.ts";
import type { EndState } from "../contract/fields.ts";
import type { Attempt } from "../contract/jobs.ts";
import { limits } from "../contract/limits.ts";
import type { JobRow } from "./jobs.ts";

/** What is not said any more of a job that nobody holds. */
export const letGo = {
  leaseUntil: undefined,
  queueCost: undefined,
  keyCost: undefined,
  inParts: undefined,
} as const;

/** An event that may end a job. */
export type EndEvent =
  | EventOf<"job.cancelled">
  | EventOf<"job.completed">
  | EventOf<"job.expired">
  | EventOf<"job.failed">
  | EventOf<"job.lease_expired">;

/** The state in which an event ends its job; undefined where the job goes on. */
export function endStateOf(event: EndEvent): EndState | undefined {
  switch (event.type) {
    case "job.failed":
      return event.runAt === undefined ? "failed" : undefined;
    case "job.lease_expired":
      return event.failed ? "failed" : undefined;
    case "job.completed":
      return "completed";
    case "job.cancelled":
      return "cancelled";
    case "job.expired":
      return "expired";
  }
}

/** The row of a job that an event ends, as it is behind that; undefined where the job goes on. */
export function endedBy(before: JobRow, event: Event, at: number): JobRow | undefined {
  switch (event.type) {
    case "job.completed": {
      const { result, late } = event;
      const cleared = { progress: undefined, reason: undefined };
      return ended(before, "completed", at, { outcome: "completed", result, late, ...cleared });
    }
    case "job.failed":
      if (endStateOf(event) === undefined) return undefined;
      return ended(before, "failed", at, failedBy(before, event, at));
    case "job.lease_expired":
      if (endStateOf(event) === undefined) return undefined;
      return ended(before, "failed", at, leaseExpiredBy(before, event, at));
    case "job.cancelled":
      return ended(before, "cancelled", at, interruptedBy(before, event, "cancelled", at));
    case "job.expired":
      return ended(before, "expired", at, interruptedBy(before, event, "expired", at));
    default:
      return undefined;
  }
}

/** Whether a job that ends keeps its worker's slots for as long as its lease would have lasted. */
export const lingersAs = ({ state: before }: JobRow, state: EndState): boolean =>
  before === "running" && (state === "cancelled" || state === "expired");

function ended(before: JobRow, state: EndState, at: number, changes: Partial<JobRow>): JobRow {
  const wasRunning = before.state === "running";
  return {
    ...before,
    ...changes,
    state,
    endedAt: at,
    leaseEndedAt: changes.leaseEndedAt ?? (wasRunning ? at : before.leaseEndedAt),
    ...letGo,
    head: undefined,
    session: undefined,
    runAt: undefined,
    readyAt: undefined,
    ttlUntil: undefined,
    pending: undefined,
    ...(lingersAs(before, state) && { lingersUntil: before.leaseUntil }),
  };
}

/** What an attempt that failed changes, whether or not another one follows. */
export function failedBy(
  before: JobRow,
  { error, reason }: EventOf<"job.failed">,
  at: number,
): Partial<JobRow> {
  // A job that was never in a worker's hands this time (delivery limit) has no attempt to record.
  const ran = before.state === "running";
  return {
    error,
    reason,
    ...(ran && {
      outcome: "failed" as const,
      attempts: withAttempt(before, "failed", at, error),
      failures: before.failures + 1,
    }),
  };
}

/** What a lease that ended by itself changes, whether or not another attempt follows. */
export function leaseExpiredBy(
  before: JobRow,
  { died }: EventOf<"job.lease_expired">,
  at: number,
): Partial<JobRow> {
  // By time it ended when it was to end, whenever that was noticed; with its worker it ends now.
  const endedAt = died ? at : (before.leaseUntil ?? at);
  const why = died ? "worker_died" : "lease_expired";
  return {
    outcome: "expired",
    failures: before.failures + 1,
    attempts: withAttempt(before, why, endedAt),
    reason: why,
    leaseEndedAt: endedAt,
  };
}

function interruptedBy(
  before: JobRow,
  { reason }: { readonly reason?: string },
  state: "cancelled" | "expired",
  at: number,
): Partial<JobRow> {
  const attempts = before.state === "running" ? withAttempt(before, state, at) : undefined;
  return { reason, ...(attempts && { attempts }) };
}

/** A job's history with one more attempt that did not complete. */
function withAttempt(
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
