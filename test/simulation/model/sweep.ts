/**
 * What time does to a queue: lives, leases and delays are over, workers die, slots come due, records are forgotten.
 * Invariant: it is done in the order of its time, one thing after the other; a slot and an action count for several changes.
 */
import { removeOfAction } from "./actions.ts";
import { type Due, nextDue, nextRemoval } from "./due.ts";
import { passSlot } from "./schedules.ts";
import type { Turn } from "./turn.ts";
import { advanceWorker } from "./workers.ts";

/** Does what is due, until that is so many changes; only the last of it may pass that. Returns how many. */
export function sweep(turn: Turn, most: number): number {
  let changes = 0;
  const dueOf = (next: () => Due | undefined): Due | undefined => {
    const due = changes < most ? next() : undefined;
    return due !== undefined && due.at <= turn.at ? due : undefined;
  };
  const live = () => nextDue(turn.state);
  for (let due = dueOf(live); due !== undefined; due = dueOf(live)) {
    if ("job" in due) turn.asOfNow(due.job.id);
    else if ("worker" in due) advanceWorker(turn, due.worker);
    changes += "schedule" in due ? passSlot(turn, due.schedule) : 1;
  }
  const kept = () => nextRemoval(turn.state, turn.at);
  for (let over = dueOf(kept); over !== undefined; over = dueOf(kept)) {
    if ("job" in over) turn.remove(over.job.id);
    changes += "action" in over ? removeOfAction(turn, over.action, most - changes) : 1;
  }
  return changes;
}
