/**
 * What becomes of a job outside a worker's hands: one writer for each event.
 * Invariant: a writer takes the event's facts as they are and never refuses or decides.
 */
import type { EventFacts, EventOf } from "../contract/events.ts";
import type { JobRow } from "./jobs.ts";
import { requirements } from "./lanes.ts";
import { withAttempt } from "./leases.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";
import { end, move, rowOf } from "./standing.ts";

/** What an enqueue may say of a job; in the row only if it was said. */
const options = [
  "kind",
  "plan",
  "planVersion",
  "action",
  "inputIndex",
  "schedule",
  "slotAt",
  "labels",
  "requires",
  "maxAttempts",
  "backoff",
  "leaseMs",
  "maxRunMs",
  "ttlMs",
  "expiresAt",
  "fingerprint",
] as const;

type Facts = EventFacts["job.enqueued"];
/** Of a new job, what it may have and what is not the same for all. */
type Said = Pick<JobRow, (typeof options)[number]>;

/** What was said of a job. */
export function optionsOf(facts: Said): Said {
  const said: { -readonly [F in keyof Said]: Said[F] } = {};
  for (const name of options) if (facts[name] !== undefined) set(said, name, facts[name]);
  return said;
}

function set<N extends keyof Said>(
  said: { -readonly [F in keyof Said]: Said[F] },
  name: N,
  value: Said[N],
): void {
  said[name] = value;
}

function enqueued(tables: SluiceTables, event: EventOf<"job.enqueued">, at: number): void {
  const isOfPlan = event.plan !== undefined;
  const said = isOfPlan ? { ...event, requires: requiredBy(tables, event) } : event;
  enter(tables, event, optionsOf(said), at);
}

/** Takes a job. `said` are its options as the row has them. */
export function enter(
  tables: SluiceTables,
  facts: Pick<
    Facts,
    "id" | "seq" | "lane" | "payload" | "payloadBytes" | "priority" | "runAt" | "ttlMs"
  >,
  said: Said,
  at: number,
): void {
  const { id, seq, lane, payload, payloadBytes, priority = 0, runAt, ttlMs } = facts;
  const row: { -readonly [F in keyof JobRow]: JobRow[F] } = {
    state: runAt === undefined ? "ready" : "scheduled",
    seq,
    lane,
    createdAt: at,
    run: 1,
    failures: 0,
    deliveries: 0,
    priority,
    payload,
    payloadBytes,
    ...said,
  };
  if (runAt !== undefined) row.runAt = runAt;
  else row.readyAt = at;
  if (runAt === undefined && ttlMs !== undefined) row.ttlUntil = at + ttlMs;
  move(tables, id, undefined, row, { seq });
}

/** What a job of a plan requires: what was said, and the commands of the plan. */
export function requiredBy(
  tables: SluiceTables,
  { plan = "", planVersion = 0, requires }: Pick<Facts, "plan" | "planVersion" | "requires">,
): readonly string[] {
  const version = tables.plan_versions.get([plan, planVersion]);
  if (version === undefined) throw new Error(`a job is of plan ${plan} ${planVersion}, not kept`);
  return requirements(version.commands, requires);
}

/** A job takes its place among the ready ones, as of `readyAt`. */
function becomeReady(before: JobRow, readyAt: number): JobRow {
  const { ttlMs, startedAt, run } = before;
  // The time to live counts from the first readiness and is over once the job has started or runs again.
  const ttlUntil =
    before.ttlUntil ??
    (ttlMs !== undefined && startedAt === undefined && run === 1 ? readyAt + ttlMs : undefined);
  return { ...before, state: "ready", readyAt, runAt: undefined, ttlUntil };
}

function promoted(tables: SluiceTables, event: EventOf<"job.promoted">, at: number): void {
  const before = rowOf(tables, event.id);
  // A released job still has its place; every other one takes it now.
  move(tables, event.id, before, becomeReady(before, before.readyAt ?? before.runAt ?? at));
}

function cancelled(tables: SluiceTables, event: EventOf<"job.cancelled">, at: number): void {
  const before = rowOf(tables, event.id);
  const attempts = before.state === "running" ? withAttempt(before, "cancelled", at) : undefined;
  const { reason } = event;
  end(tables, event.id, before, "cancelled", at, { reason, ...(attempts && { attempts }) });
}

function expired(tables: SluiceTables, event: EventOf<"job.expired">, at: number): void {
  const before = rowOf(tables, event.id);
  const attempts = before.state === "running" ? withAttempt(before, "expired", at) : undefined;
  const { reason } = event;
  end(tables, event.id, before, "expired", at, { reason, ...(attempts && { attempts }) });
}

function retried(tables: SluiceTables, event: EventOf<"job.retried">, at: number): void {
  const before = rowOf(tables, event.id);
  const { seq, lane } = event;
  const after: JobRow = {
    ...before,
    state: "ready",
    seq,
    lane,
    run: before.run + 1,
    failures: 0,
    deliveries: 0,
    readyAt: at,
    endedAt: undefined,
    reason: undefined,
    error: undefined,
    result: undefined,
    late: undefined,
    worker: undefined,
  };
  move(tables, event.id, before, after, { seq });
}

function updated(tables: SluiceTables, event: EventOf<"job.updated">, at: number): void {
  const before = rowOf(tables, event.id);
  const { runAt, priority = before.priority } = event;
  const job = { ...before, priority };
  let after: JobRow = job;
  if (runAt === null) after = becomeReady(job, at);
  else if (runAt !== undefined) after = { ...job, state: "scheduled", runAt, readyAt: undefined };
  move(tables, event.id, before, after);
}

function removed(tables: SluiceTables, event: EventOf<"job.removed">): void {
  move(tables, event.id, rowOf(tables, event.id), undefined);
}

export const jobWriters = {
  "job.cancelled": cancelled,
  "job.enqueued": enqueued,
  "job.expired": expired,
  "job.promoted": promoted,
  "job.removed": removed,
  "job.retried": retried,
  "job.updated": updated,
} satisfies Partial<EventWriters>;
