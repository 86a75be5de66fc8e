/**
 * What follows from an event at once, in the same entry: an action ends with its last open job, and begins again with the first
 * that runs again; jobs that wait for one that has ended hear of it; a key in strict order is parked by a job that failed.
 * Invariant: a consequence depends on the tables alone, so that it follows from every way to the same event.
 */
import type { EventFacts, EventType } from "../contract/events.ts";
import { limits } from "../contract/limits.ts";
import { type ActionRow, openJobsOf } from "../store/actions.ts";
import type { JobRow } from "../store/jobs.ts";
import { limitsOf } from "../store/keys.ts";
import { queueOf, type Transaction } from "./decide.ts";
import { resolveChildren } from "./flows.ts";

/** A transaction whose events have their consequences. */
export interface Following {
  readonly tx: Transaction;
  /** Begins the next piece of work. */
  renew(): void;
}

/**
 * Of the jobs that wait for others a bounded number hears of it in one piece of work, and fewer where their texts are heavy; for the
 * rest their timers are due.
 */
export function withConsequences(tx: Transaction, isHeavy: () => boolean): Following {
  let room = 0;
  let ended: string[] = [];
  let isTelling = false;
  const emit: Transaction["emit"] = (type, facts) => {
    const id = changesOthers.has(type) ? (facts as EventFacts["job.retried"]).id : undefined;
    const before = id === undefined ? undefined : tx.tables.jobs.get([id]);
    tx.emit(type, facts);
    if (id === undefined || before === undefined) return;
    // Of the job as it was: it may be gone already, and to look for it then would be a read of storage.
    if (before.action !== undefined) followAction(tx, before.action);
    if (isFailure(type, facts)) park(tx, id, before);
    if (before.dependents) ended.push(id);
    if (!isTelling && ended.length > 0) tell();
  };
  const following = { ...tx, emit };
  /** One that is told may end, and so have others that wait for it. */
  const tell = (): void => {
    isTelling = true;
    try {
      for (let id = ended.shift(); id !== undefined; id = ended.shift()) tellOf(id);
    } finally {
      ended = [];
      isTelling = false;
    }
  };
  const tellOf = (id: string): void => {
    let step: number;
    let told: number;
    do {
      step = isHeavy() ? 0 : Math.min(room, limits.sweepStepMax);
      told = resolveChildren(following, id, step);
      room -= told;
    } while (told > 0 && told >= step);
  };
  const renew = (): void => {
    room = limits.releasedMax;
  };
  return { tx: following, renew };
}

/** Events after which a job may have ended, or is open again. */
const changesOthers: ReadonlySet<EventType> = new Set<EventType>([
  "job.cancelled",
  "job.completed",
  "job.expired",
  "job.failed",
  "job.lease_expired",
  "job.retried",
]);

function followAction(tx: Transaction, id: string): void {
  const row = tx.tables.actions.get([id]);
  if (row === undefined) return;
  const isOpen = openJobsOf(row) > 0;
  if (isOpen && row.ended !== undefined) tx.emit("action.reopened", { id });
  if (!isOpen && row.ended === undefined) tx.emit("action.ended", { id, status: statusOf(row) });
}

function statusOf({ counts }: ActionRow): EventFacts["action.ended"]["status"] {
  if (counts.failed + counts.expired > 0) return "failed";
  return counts.cancelled > 0 ? "cancelled" : "completed";
}

/** Whether an event is the last of a job that failed. */
function isFailure<T extends EventType>(type: T, facts: EventFacts[T]): boolean {
  if (type === "job.failed") return (facts as EventFacts["job.failed"]).runAt === undefined;
  return type === "job.lease_expired" && (facts as EventFacts["job.lease_expired"]).failed === true;
}

/** In strict order a job that failed may pause its key, so that nothing comes behind it before somebody has looked. */
function park(tx: Transaction, job: string, { key, ordered }: JobRow): void {
  if (!ordered || key === undefined) return;
  const row = tx.tables.keys.get([key]);
  if (limitsOf(row, queueOf(tx).config).onFail !== "park") return;
  // One that somebody has paused meanwhile stays paused for the reason they gave.
  const reason = row?.paused === undefined ? "parked" : row.paused.reason;
  tx.emit("key.paused", { key, reason, job });
}
