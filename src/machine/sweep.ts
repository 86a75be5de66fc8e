/**
 * What time does: leases end, delays and lives run out, records are forgotten.
 * Invariant: it makes visible what is already true at `at`, in due order, a bounded number at a time.
 */
import { endStates, isEndState } from "../contract/fields.ts";
import { endedBy, keptBy } from "../store/actions.ts";
import { slotOf } from "../store/lingering.ts";
import { readKeyspace } from "../store/names.ts";
import type { TimerKind } from "../store/timers.ts";
import { jobsOf } from "./action-jobs.ts";
import { countersOf, queueOf, type Transaction, type View } from "./decide.ts";
import { settleDue } from "./due.ts";
import { namesOf, resolveChildren } from "./flows.ts";
import { passSlot } from "./schedules.ts";
import { advanceWorker } from "./workers.ts";

/** The next thing that time does: when, and to which job, worker or schedule. */
type Due = { readonly at: number } & (
  | { readonly id: string }
  | { readonly worker: string }
  | { readonly schedule: string }
  | { readonly timer: TimerKind; readonly name: string }
);
/** What is forgotten next, and when: the record of a job or an action, elements of a generation, or a name whose time is over. */
type Removal = { readonly at: number } & (
  | { readonly id: string }
  | { readonly action: string }
  | { readonly generation: number; readonly size: number }
  | { readonly expired: string }
);

/** The earliest of what is due of jobs, workers and schedules. */
function nextDue(view: View): Due | undefined {
  let next: Due | undefined = nextJobDue(view);
  const [worker] = view.tables.worker_due.range({ limit: 1 });
  if (worker && (!next || worker[0][0] < next.at))
    next = { at: worker[0][0], worker: worker[0][1] };
  const timer = view.tables.timers.first();
  if (timer && (!next || timer[0][0] < next.at)) {
    next = { at: timer[0][0], timer: timer[0][1] as TimerKind, name: timer[0][2] };
  }
  const slot = nextSlotDue(view);
  return slot && (!next || slot.at < next.at) ? slot : next;
}

/** The first name whose time ends. */
function nextNameDue({ tables }: View): (Removal & { readonly expired: string }) | undefined {
  const first = tables.name_expiries.first([readKeyspace(tables).space]);
  return first && { at: first[0][1], expired: first[0][3] };
}

function nextSlotDue({ tables }: View): (Due & { readonly schedule: string }) | undefined {
  const slot = tables.schedule_due.first();
  return slot && { at: slot[0][0], schedule: slot[0][1] };
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

/** Whether as many jobs of the queue run, or linger in the hands of workers that do not know of their end, as may. */
export function hasNoSlot(view: View): boolean {
  const { concurrency } = queueOf(view).config;
  const { running, lingering } = countersOf(view);
  return concurrency !== null && running + lingering >= concurrency;
}

/** Timers that are looked at for the next one by which a key, or the queue, opens; and workers, for the next one that holds jobs. */
const AHEAD_MAX = 256;

/**
 * When the first of the keys that are shut for a time opens, or a slot without which the queue is shut is let go. Behind very many timers
 * of other kinds it is the time of the last one that was looked at, which is not too late: from then on there are fewer of them.
 */
function nextOpening(view: View): number | undefined {
  const isFull = hasNoSlot(view);
  const { limited, lingering } = countersOf(view);
  if (limited === 0 && (!isFull || lingering === 0)) return undefined;
  let left = AHEAD_MAX;
  for (const [[at, kind], { key }] of view.tables.timers.scan({})) {
    const opensKey = kind === "key" || key !== undefined;
    left -= 1;
    if (opensKey || (isFull && kind === "lingering") || left === 0) return at;
  }
  return undefined;
}

/**
 * When the first of the workers that hold jobs dies, if it says nothing until then, or gives them up since it is gone. Behind very many that
 * hold none it is the time of the last one that was looked at, which is not too late.
 */
function nextDeath(view: View): number | undefined {
  if (countersOf(view).running === 0) return undefined;
  let left = AHEAD_MAX;
  for (const [[at, name]] of view.tables.worker_due.scan({})) {
    const { running = 0 } = view.tables.workers.get([name]) ?? {};
    left -= 1;
    if (running > 0 || left === 0) return at;
  }
  return undefined;
}

/** The record of a job or an action that is forgotten next: at the end of its retention, or now, when there are more than may be kept. */
function nextRecord(view: View): Removal | undefined {
  const { retention } = queueOf(view).config;
  const counters = countersOf(view);
  let next: Removal | undefined;
  for (const state of endStates) {
    const ofOthers = counters[keptBy(state)] + counters[`parent_${state}`];
    const alone = counters[state] - ofOthers;
    if (alone === 0) continue;
    const head = view.tables.finished.first([state]);
    if (head === undefined) throw new Error(`${alone} jobs are ${state}, but none is kept`);
    const [, endedAt, id] = head[0];
    const { ageMs, count } = retention[state];
    const at = alone > count ? view.at : endedAt + ageMs;
    if (!next || at < next.at) next = { at, id };
  }
  const action = nextActionRemoval(view);
  return action !== undefined && (!next || action.at < next.at) ? action : next;
}

/** What is forgotten next: a record, or a name at the end of its time; and behind all of these what nothing leads to. */
function nextRemoval(view: View, record: Removal | undefined): Removal | undefined {
  const name = nextNameDue(view);
  const next = name !== undefined && (!record || name.at < record.at) ? name : record;
  const left = view.tables.generations.first();
  if (left === undefined || (next && next.at <= view.at)) return next;
  return { at: view.at, generation: left[0][0], size: left[1].size };
}

/** The earliest end of the retention of an ended action, which goes with all of its jobs. */
function nextActionRemoval(view: View): Removal | undefined {
  const counters = countersOf(view);
  if (counters.action === 0) return undefined;
  const { retention } = queueOf(view).config;
  let next: Removal | undefined;
  for (const status of ["completed", "failed", "cancelled"] as const) {
    const head = view.tables.ended_actions.first([status]);
    if (head === undefined) continue;
    const [, endedAt, action] = head[0];
    const { ageMs, count } = retention[status];
    const at = counters[endedBy(status)] > count ? view.at : endedAt + ageMs;
    if (!next || at < next.at) next = { at, action };
  }
  return next;
}

/** Removes up to `most` jobs of an ended action, and behind the last one the action. Returns how many removals that was. */
function removeOfAction(tx: Transaction, id: string, most: number): number {
  const row = tx.tables.actions.get([id]);
  if (row === undefined) throw new Error(`action ${id} is due, but not kept`);
  const going: string[] = [];
  for (const job of jobsOf(tx, id, row)) if (going.push(job) === most) break;
  for (const job of going) tx.emit("job.removed", { id: job });
  if (going.length === most) return most;
  tx.emit("action.removed", { id });
  return going.length + 1;
}

/** Does what a timer stands for. Returns how many changes that was. */
function passTimer(
  tx: Transaction,
  kind: TimerKind,
  name: string,
  at: number,
  most: number,
): number {
  if (kind === "parent") return resolveChildren(tx, name, most);
  if (kind === "key") tx.emit("key.refreshed", { key: name });
  else if (kind === "unique") tx.emit("unique.expired", { key: name });
  else tx.emit("lingering.ended", { ...slotOf(name), until: at });
  return 1;
}

/** Does what is due. Returns how many changes it counts for: a slot may make a thousand jobs, and one that ends give up a thousand others. */
function settle(tx: Transaction, due: Due, most: number): number {
  if ("timer" in due) return passTimer(tx, due.timer, due.name, due.at, most);
  if ("schedule" in due) return passSlot(tx, due.schedule);
  if ("worker" in due) advanceWorker(tx, due.worker);
  else return settleJob(tx, due);
  return 1;
}

function settleJob(tx: Transaction, { at, id }: Due & { readonly id: string }): number {
  const before = tx.tables.jobs.get([id]);
  if (!settleDue(tx, id)) throw new Error(`job ${id} is due at ${at} but nothing is`);
  const after = tx.tables.jobs.get([id]);
  return after === undefined || isEndState(after.state) ? namesOf(before) : 1;
}

/** When time next does something, epoch ms; undefined when it never will. */
export const nextDueAt = (view: View): number | undefined =>
  earliest(nextDue(view)?.at, nextRemoval(view, nextRecord(view))?.at);

/**
 * When time may next give a worker something to do: a job comes due, a lease ends or its worker dies, a key or a slot opens, a schedule has a
 * slot. At once, where something is due that could not be done yet, or an operation goes on: by each of these jobs may be set free.
 */
export function nextWorkAt(view: View): number | undefined {
  const isBehind = (nextDue(view)?.at ?? Number.POSITIVE_INFINITY) <= view.at;
  if (isBehind || countersOf(view).underway > 0) return view.at;
  const ofJobs = earliest(nextJobDue(view)?.at, nextDeath(view));
  return earliest(ofJobs, nextOpening(view), nextSlotDue(view)?.at);
}

/** The earliest of times, of which any may not come. */
export function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const coming = times.filter((at) => at !== undefined);
  return coming.length === 0 ? undefined : Math.min(...coming);
}

/** What a sweep asks before each change: whether its entry is long enough, and whether what was removed is enough for a checkpoint. */
interface SweepBounds {
  isEnough(): boolean;
  isHeavy(): boolean;
}

/**
 * Makes what is due visible, until that is `most` changes or `isEnough` says so, which is asked before each of them; then removes records
 * that are to be forgotten, and where it `isWhole` names whose time is over and what nothing leads to, of which nobody sees anything but
 * their number. Returns how many changes it made; only the last one may count for more than one, and so pass `most`.
 */
export function sweep(
  tx: Transaction,
  most: number,
  { isEnough, isHeavy }: SweepBounds,
  isWhole: boolean,
): number {
  let changes = 0;
  const mayGoOn = <D extends Due | Removal>(due: D | undefined): due is D =>
    due !== undefined && due.at <= tx.at && changes < most && !isEnough();
  for (let due = nextDue(tx); mayGoOn(due); due = nextDue(tx)) {
    changes += settle(tx, due, most - changes);
  }
  if (changes >= most) return changes;
  // What becomes of names changes no record: a million of them may come to their end together.
  let record = nextRecord(tx);
  const next = () => (isWhole ? nextRemoval(tx, record) : record);
  for (let removal = next(); mayGoOn(removal); removal = next()) {
    if (changes > 0 && isHeavy()) break;
    const room = Math.ceil((most - changes) / REMOVAL_CHANGES);
    changes += REMOVAL_CHANGES * remove(tx, removal, room);
    if (removal === record) record = nextRecord(tx);
  }
  return changes;
}

/** What a removal counts for: many come at once, nobody waits for them, and those who ask for something else are not to wait long. */
const REMOVAL_CHANGES = 2;

/** Forgets what is to be forgotten next. Returns how many removals that was. */
function remove(tx: Transaction, removal: Removal, most: number): number {
  if ("action" in removal) return removeOfAction(tx, removal.action, most);
  if ("generation" in removal) {
    const count = Math.min(removal.size, most);
    tx.emit("generation.freed", { gen: removal.generation, count });
    return count;
  }
  if ("expired" in removal) tx.emit("name.expired", { name: removal.expired });
  else tx.emit("job.removed", { id: removal.id });
  return 1;
}
