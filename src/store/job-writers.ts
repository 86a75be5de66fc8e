/**
 * What becomes of a job outside a worker's hands: one writer for each event.
 * Invariant: a writer takes the event's facts as they are and never refuses or decides.
 */
import type { EventFacts, EventOf } from "../contract/events.ts";
import { isEndState } from "../contract/fields.ts";
import { ownParents, resolveEdges, waitFor } from "./flows.ts";
import type { JobRow } from "./jobs.ts";
import { orderOf } from "./keys.ts";
import { requirements } from "./lanes.ts";
import { linger } from "./lingering.ts";
import { readQueue } from "./queue.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";
import { end, keep, move, rowOf } from "./standing.ts";
import { dropUnique, takeUnique } from "./uniques.ts";

/** What an enqueue may say of a job; in the row only if it was said. */
const options = [
  "kind",
  "plan",
  "planVersion",
  "action",
  "inputIndex",
  "schedule",
  "slotAt",
  "set",
  "key",
  "unique",
  "after",
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
  const { key, after } = said;
  const waits = after === undefined ? undefined : waitFor(tables, id, after, true);
  const isBlocked = waits !== undefined && waits.pending > 0;
  const isReady = runAt === undefined && !isBlocked;
  const row: { -readonly [F in keyof JobRow]: JobRow[F] } = {
    state: isBlocked ? "blocked" : isReady ? "ready" : "scheduled",
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
  else if (isReady) row.readyAt = at;
  if (isReady && ttlMs !== undefined) row.ttlUntil = at + ttlMs;
  if (isBlocked) row.pending = waits.pending;
  if (key !== undefined && isOrdered(tables, key)) row.ordered = true;
  move(tables, at, id, undefined, row, { seq });
  if (waits !== undefined) keep(tables, at, waits.kept);
  if (row.unique !== undefined) takeUnique(tables, at, id, row);
}

const isOrdered = (tables: SluiceTables, key: string): boolean =>
  orderOf(tables.keys.get([key]), readQueue(tables).config) === "fifo";

/** Whether a job holds the head of its key. Rows of before `head` was noted say so in that of the key alone. */
const isHead = (tables: SluiceTables, id: string, { key, head }: JobRow): boolean =>
  head === true || (key !== undefined && tables.keys.get([key])?.holder === id);

/** What a replaced job is not to keep of its last hand-out. What its worker settled stays, so that a repeat is known. */
const forgotten = ({ outcome }: JobRow): Partial<JobRow> => ({
  progress: undefined,
  ...(outcome === "expired" && { outcome: undefined }),
});

/** An open job is given another payload and due time. */
function replaced(tables: SluiceTables, event: EventOf<"job.replaced">, at: number): void {
  const { id, payload, payloadBytes, runAt, anew } = event;
  const before = rowOf(tables, id);
  const job = { ...before, ...(anew && forgotten(before)), payload, payloadBytes };
  let after: JobRow = { ...job, runAt };
  // One that holds its key keeps its place, whenever it is tried again.
  const readyAt = isHead(tables, id, before) ? before.readyAt : undefined;
  if (before.state !== "blocked") {
    if (runAt !== undefined) after = { ...job, state: "scheduled", runAt, readyAt };
    else if (before.state === "scheduled") after = becomeReady(job, before.readyAt ?? at);
  }
  move(tables, at, id, before, after);
}

/** Others have waited for a job long enough: each that now waits for none takes its place, at the tail. */
function parentEnded(tables: SluiceTables, event: EventOf<"job.parent_ended">, at: number): void {
  for (const { child, isLast } of resolveEdges(tables, event.id, event.children)) {
    const before = rowOf(tables, child);
    const pending = isLast ? 0 : (before.pending ?? 0) - 1;
    move(tables, at, child, before, pending > 0 ? { ...before, pending } : unblocked(before, at));
  }
}

function unblocked(before: JobRow, at: number): JobRow {
  const job = { ...before, pending: undefined };
  const isLater = job.runAt !== undefined && job.runAt > at;
  return isLater ? { ...job, state: "scheduled" } : becomeReady(job, at);
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
  move(tables, at, event.id, before, becomeReady(before, before.readyAt ?? before.runAt ?? at));
}

function interrupted(
  tables: SluiceTables,
  event: EventOf<"job.cancelled"> | EventOf<"job.expired">,
  at: number,
): void {
  const before = rowOf(tables, event.id);
  end(tables, at, event, before);
}

function retried(tables: SluiceTables, event: EventOf<"job.retried">, at: number): void {
  const before = rowOf(tables, event.id);
  const { id, seq, lane } = event;
  const named = event.reused ? ownParents(tables, before) : before.after;
  const waits = named === undefined ? undefined : waitFor(tables, id, named, false);
  const kept = waits && new Set(waits.kept.map(({ id: parent }) => parent));
  const pending = waits?.pending || undefined;
  const after: JobRow = {
    ...before,
    state: pending === undefined ? "ready" : "blocked",
    seq,
    lane,
    set: event.set,
    ordered: before.key !== undefined && isOrdered(tables, before.key) ? true : undefined,
    after: named?.filter(({ id: parent }) => kept?.has(parent)),
    pending,
    run: before.run + 1,
    failures: 0,
    deliveries: 0,
    readyAt: pending === undefined ? at : undefined,
    endedAt: undefined,
    shelvedAt: undefined,
    lingersUntil: undefined,
    reason: undefined,
    error: undefined,
    result: undefined,
    late: undefined,
    worker: undefined,
  };
  move(tables, at, event.id, before, after, { seq });
  if (waits !== undefined) keep(tables, at, waits.kept);
  const holder = after.unique && tables.uniques.get([after.unique.key]);
  if (after.unique !== undefined && holder === undefined) takeUnique(tables, at, id, after);
}

function updated(tables: SluiceTables, event: EventOf<"job.updated">, at: number): void {
  const before = rowOf(tables, event.id);
  const { runAt, priority = before.priority } = event;
  const job = { ...before, priority };
  let after: JobRow = job;
  // One that holds its key keeps its place, whenever it is tried again.
  const readyAt = isHead(tables, event.id, job) ? job.readyAt : undefined;
  if (runAt === null) after = becomeReady(job, readyAt ?? at);
  // One that waits for others as well goes on waiting, and is due then at the earliest.
  else if (runAt !== undefined) {
    after =
      job.state === "blocked" ? { ...job, runAt } : { ...job, state: "scheduled", runAt, readyAt };
  }
  move(tables, at, event.id, before, after);
}

function removed(tables: SluiceTables, { id }: EventOf<"job.removed">, at: number): void {
  const before = rowOf(tables, id);
  if (before.state === "running") linger(tables, at, id, before);
  if (!isEndState(before.state)) dropUnique(tables, at, id, before);
  move(tables, at, id, before, undefined);
}

export const jobWriters = {
  "job.cancelled": interrupted,
  "job.enqueued": enqueued,
  "job.expired": interrupted,
  "job.parent_ended": parentEnded,
  "job.promoted": promoted,
  "job.removed": removed,
  "job.replaced": replaced,
  "job.retried": retried,
  "job.updated": updated,
} satisfies Partial<EventWriters>;
