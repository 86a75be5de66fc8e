/**
 * What time does to a queue: lives, leases and delays are over, workers die, slots come due, records are forgotten.
 * Invariant: it is done in the order of its time, one thing after the other; a slot, a removal and an action count for several changes.
 */
import { removeOfAction } from "./actions.ts";
import { type Due, nextDue, nextRemoval, type Timer } from "./due.ts";
import { tellChildren, weightOf } from "./kin.ts";
import { expire, freeLeft } from "./names.ts";
import { touch } from "./rounds.ts";
import { passSlot } from "./schedules.ts";
import { isEnded, type Job } from "./state.ts";
import type { Turn } from "./turn.ts";
import { free } from "./uniques.ts";
import { advanceWorker } from "./workers.ts";

/** Does what a timer stands for. Returns how many changes that was. */
function passTimer(turn: Turn, { kind, id, grant = 0 }: Timer, most: number): number {
  if (kind === "parent") return tellChildren(turn, id, most);
  if (kind === "lingering") turn.endSlot(id, grant);
  else if (kind === "key") {
    turn.emit("key.refreshed");
    touch(turn.state, turn.at, id);
  } else {
    turn.emit("unique.expired");
    free(turn.state, turn.at, id);
  }
  return 1;
}

/** One that ends counts for all that it names. */
const weightOfEnd = (job: Job, now: Job | undefined): number =>
  now === undefined || isEnded(now.state) ? weightOf(job) : 1;

/**
 * Does what is due, until that is so many changes, and then forgets what is over, names where it `isWhole`; only the last of it may pass that.
 * Returns how many.
 */
export function sweep(turn: Turn, most: number, isWhole: boolean): number {
  turn.renew();
  let changes = 0;
  const dueOf = (next: () => Due | undefined): Due | undefined => {
    const due = changes < most ? next() : undefined;
    return due !== undefined && due.at <= turn.at ? due : undefined;
  };
  const live = () => nextDue(turn.state);
  for (let due = dueOf(live); due !== undefined; due = dueOf(live)) {
    let count = 1;
    if ("job" in due) count = weightOfEnd(due.job, turn.asOfNow(due.job.id));
    else if ("worker" in due) advanceWorker(turn, due.worker);
    if ("timer" in due) changes += passTimer(turn, due.timer, most - changes);
    else changes += "schedule" in due ? passSlot(turn, due.schedule) : count;
  }
  const kept = () => nextRemoval(turn.state, turn.at, isWhole);
  for (let over = dueOf(kept); over !== undefined; over = dueOf(kept)) {
    if ("job" in over) turn.remove(over.job.id);
    else if ("expired" in over) expire(turn, over.expired);
    const room = Math.ceil((most - changes) / 2);
    if ("left" in over) changes += 2 * freeLeft(turn, room);
    else changes += "action" in over ? 2 * removeOfAction(turn, over.action, room) : 2;
  }
  return changes;
}
