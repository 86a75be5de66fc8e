/**
 * What time does: leases end, delays and lives run out, records are forgotten.
 * Invariant: it makes visible what is already true at `at`, in due order, a bounded number at a time.
 */
import { endStates } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import { keptBy } from "../store/actions.ts";
import { countersOf, queueOf, type Transaction, type View } from "./decide.ts";
import { settleDue } from "./due.ts";
import { passSlot } from "./schedules.ts";
import { advanceWorker } from "./workers.ts";

/** The next thing that time does: when, and to which job, worker, action or schedule. */
type Due = { readonly at: number } & (
  | { readonly id: string }
  | { readonly worker: string }
  | { readonly action: string }
  | { readonly schedule: string }
);

/** The earliest of what is due of jobs, workers and schedules. */
function nextDue(view: View): Due | undefined {
  let next: Due | undefined = nextJobDue(view);
  const [worker] = view.tables.worker_due.range({ limit: 1 });
  if (worker && (!next || worker[0][0] < next.at))
    next = { at: worker[0][0], worker: worker[0][1] };
  const slot = view.tables.schedule_due.first();
  if (slot && (!next || slot[0][0] < next.at)) next = { at: slot[0][0], schedule: slot[0][1] };
  return next;
}

/** The earliest of the deadlines, leases and delays; at the same time a deadline comes first. */
function nextJobDue({ tables }: View): (Due & { readonly id: string }) | undefined {
  const deadline = tables.deadlines.first();
  const lease = tables.leases.first();
  const delay = tables.scheduled.first();
  let next: (Due & { readonly id: string }) | undefined;
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
    const ofActions = counters[keptBy(state)];
    const alone = counters[state] - ofActions;
    if (alone === 0) continue;
    const head = view.tables.finished.first([state]);
    if (head === undefined) throw new Error(`${alone} jobs are ${state}, but none is kept`);
    const [, endedAt, id] = head[0];
    const { ageMs, count } = retention[state];
    const at = alone > count ? view.at : endedAt + ageMs;
    if (!next || at < next.at) next = { at, id };
  }
  const action = nextActionRemoval(view);
  return action === undefined || (next && next.at <= action.at) ? next : action;
}

/** The earliest end of the retention of an ended action, which goes with all of its jobs. */
function nextActionRemoval(view: View): Due | undefined {
  const counters = countersOf(view);
  if (counters.action === 0) return undefined;
  const { retention } = queueOf(view).config;
  let next: Due | undefined;
  for (const status of ["completed", "failed", "cancelled"] as const) {
    const head = view.tables.ended_actions.first([status]);
    if (head === undefined) continue;
    const [, endedAt, action] = head[0];
    const { ageMs, count } = retention[status];
    const at = counters[keptBy(status)] > count ? view.at : endedAt + ageMs;
    if (!next || at < next.at) next = { at, action };
  }
  return next;
}

/** Removes one more job of an ended action, and behind the last one the action. */
function removeOfAction(tx: Transaction, id: string): void {
  const row = tx.tables.actions.get([id]);
  if (row === undefined) throw new Error(`action ${id} is due, but not kept`);
  for (const [[job], { action }] of tx.tables.jobs.scan({ from: [row.firstJob] })) {
    if (job > row.lastJob) break;
    if (action !== id) continue;
    tx.emit("job.removed", { id: job });
    return;
  }
  tx.emit("action.removed", { id });
}

/** Does what is due. */
function settle(tx: Transaction, due: Due): void {
  if ("worker" in due) advanceWorker(tx, due.worker);
  else if ("action" in due) removeOfAction(tx, due.action);
  else if ("schedule" in due) passSlot(tx, due.schedule);
  else if (!settleDue(tx, due.id)) {
    throw new Error(`job ${due.id} is due at ${due.at} but nothing is`);
  }
}

/**
 * When time next does something, epoch ms; undefined when it never will. `of: "jobs"` leaves out the removal of
 * records, which no worker waits for.
 */
export function nextDueAt(view: View, of: "all" | "jobs" = "all"): number | undefined {
  if (of === "jobs") return nextJobDue(view)?.at;
  const due = nextDue(view)?.at;
  const removal = nextRemoval(view)?.at;
  if (due === undefined || removal === undefined) return due ?? removal;
  return Math.min(due, removal);
}

/** Makes what is due visible, at most `most` changes. Returns how many it made. */
export function sweep(tx: Transaction, most: number = limits.sweepMax): number {
  let changes = 0;
  for (let due = nextDue(tx); due && due.at <= tx.at && changes < most; due = nextDue(tx)) {
    settle(tx, due);
    changes += 1;
  }
  let removal = changes < most ? nextRemoval(tx) : undefined;
  for (; removal && removal.at <= tx.at && changes < most; removal = nextRemoval(tx)) {
    if ("id" in removal) tx.emit("job.removed", { id: removal.id });
    else settle(tx, removal);
    changes += 1;
  }
  return changes;
}
