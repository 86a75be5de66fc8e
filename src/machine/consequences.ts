/**
 * What follows from an event at once, in the same entry: an action ends with its last open job, and begins again with the first
 * that runs again.
 * Invariant: a consequence depends on the tables alone, so that it follows from every way to the same event.
 */
import type { EventFacts, EventType } from "../contract/events.ts";
import { type ActionRow, openJobsOf } from "../store/actions.ts";
import type { Transaction } from "./decide.ts";

/** A transaction whose events have their consequences. */
export function withConsequences(tx: Transaction): Transaction {
  return {
    ...tx,
    emit: (type, facts) => {
      tx.emit(type, facts);
      follow(tx, type, facts);
    },
  };
}

function follow<T extends EventType>(tx: Transaction, type: T, facts: EventFacts[T]): void {
  if (!changesActions.has(type)) return;
  const id = tx.tables.jobs.get([(facts as EventFacts["job.retried"]).id])?.action;
  const row = id === undefined ? undefined : tx.tables.actions.get([id]);
  if (id === undefined || row === undefined) return;
  const isOpen = openJobsOf(row) > 0;
  if (isOpen && row.ended !== undefined) tx.emit("action.reopened", { id });
  if (!isOpen && row.ended === undefined) tx.emit("action.ended", { id, status: statusOf(row) });
}

/** Events after which the first or the last job of an action may be open. */
const changesActions: ReadonlySet<EventType> = new Set<EventType>([
  "job.cancelled",
  "job.completed",
  "job.expired",
  "job.failed",
  "job.lease_expired",
  "job.retried",
]);

function statusOf({ counts }: ActionRow): EventFacts["action.ended"]["status"] {
  if (counts.failed + counts.expired > 0) return "failed";
  return counts.cancelled > 0 ? "cancelled" : "completed";
}
