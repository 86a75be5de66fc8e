/**
 * When time does something: to a job, to a worker, to a schedule, to the record of what has ended.
 * Invariant: it is found by looking at everything; nothing is kept in the order of its time.
 */
import { small } from "../small.ts";
import { isKeptForOthers, parentsOf, waitingFor } from "./kin.ts";
import { nextNameDue } from "./names.ts";
import type { Worker } from "./nouns.ts";
import { isBefore } from "./show.ts";
import { type EndedState, endedStates, isEnded, type Job, type State } from "./state.ts";

/** The next thing that time does, and to what: the name or id of a worker, an action or a schedule, a name, or what none leads to. */
export type Due = { readonly at: number } & (
  | { readonly job: Job }
  | { readonly worker: string }
  | { readonly action: string }
  | { readonly schedule: string }
  | { readonly timer: Timer }
  | { readonly expired: string }
  | { readonly left: number }
);

/** A time at which a key opens, a slot is let go, those that wait hear of an end, or a unique key comes free. */
export interface Timer {
  readonly at: number;
  readonly kind: "key" | "lingering" | "parent" | "unique";
  /** In the order of which timers of one time and kind stand. */
  readonly name: string;
  readonly id: string;
  readonly grant?: number;
  /** Whether a key may open by it. */
  readonly isOfKey?: boolean;
}

/** All of them, as they come. */
function timersOf(state: State): Timer[] {
  const timers: Timer[] = [];
  const add = (at: number | undefined, kind: Timer["kind"], id: string, more: object = {}) => {
    if (at !== undefined) timers.push({ at, kind, name: id, id, ...more });
  };
  for (const [id, { dueAt }] of state.keys) add(dueAt, "key", id, { isOfKey: true });
  for (const { id, grant, until, key } of state.slots) {
    add(until, "lingering", id, { name: `${grant} ${id}`, grant, isOfKey: key !== undefined });
  }
  for (const id of parentsOf(state)) {
    const { endedAt } = state.jobs.get(id) ?? {};
    if (endedAt !== undefined && waitingFor(state, id).length > 0) add(endedAt, "parent", id);
  }
  for (const [id, { until }] of state.uniques) add(until, "unique", id);
  const place = ({ at, kind, name }: Timer) => [at, kind, name];
  return timers.sort((a, b) => (isBefore(place(a), place(b)) ? -1 : 1));
}

/** Whether as many jobs run, or have slots still, as the queue lets. */
export function isFull({ queue, jobs, slots }: State): boolean {
  const running = [...jobs.values()].filter(({ state }) => state === "running").length;
  return running + slots.length >= (queue?.config.concurrency ?? Infinity);
}

/** Timers among which the next one that opens a key, or the queue, is sought. */
const timersMax = 256;

function nextOpening(state: State): number {
  const isShut = isFull(state);
  const isHeld = ({ state: at, key, lane }: Job) =>
    at === "ready" && key !== undefined && !state.turns.has(lane);
  if (![...state.jobs.values()].some(isHeld) && !(isShut && state.slots.length > 0))
    return Infinity;
  const next = timersOf(state).slice(0, timersMax);
  const found = next.find(({ kind, isOfKey }) => isOfKey || (isShut && kind === "lingering"));
  return (found ?? next[timersMax - 1])?.at ?? Infinity;
}

/** When a job ends by itself. */
export const lifeOf = (job: Job): number =>
  Math.min(job.ttlUntil ?? Infinity, job.expiresAt ?? Infinity);

/** When a job's delay or lease is over. */
export function ownDue(job: Job): number {
  if (job.state === "running") return job.leaseUntil ?? Infinity;
  return job.state === "scheduled" ? (job.runAt ?? Infinity) : Infinity;
}

/** The registered worker that holds a job. */
export const holderOf = (job: Job): string | undefined =>
  job.state === "running" && job.tracked ? job.worker : undefined;

/** What a registered worker holds, by id. */
export function heldBy(state: State, name: string): Job[] {
  const held = [...state.jobs.values()].filter((job) => holderOf(job) === name);
  return held.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** When a worker that lives is dead for its silence. */
export const deathDueAt = ({ seenAt, ttlMs }: Worker): number =>
  seenAt + ttlMs + Math.ceil(ttlMs / 2);

/** When the lease of a job ends with its worker: that died, will die, or left. */
export function deathOf({ workers }: State, job: Job): number {
  const worker = workers.get(holderOf(job) ?? "");
  if (worker === undefined) return Infinity;
  return worker.diedAt ?? worker.leftAt ?? deathDueAt(worker);
}

/** When time next does something to a worker: it dies, its leases end, it is forgotten. */
export function workerDueAt(state: State, name: string, worker: Worker): number {
  if (worker.leftAt !== undefined) return worker.leftAt;
  if (worker.diedAt === undefined) return deathDueAt(worker);
  const isHolding = heldBy(state, name).length > 0;
  return isHolding ? worker.diedAt : worker.diedAt + small.deadWorkerKeptMs;
}

/** Of several due at one time lives come first, by id; then leases, then delays, as they were enqueued. */
const rankOf = (job: Job, isLife: boolean): readonly [number, number | string] => {
  if (isLife) return [0, job.id];
  return [job.state === "running" ? 1 : 2, job.seq];
};

/** The job to which time does something next. */
function nextJobDue(state: State): { readonly at: number; readonly job: Job } | undefined {
  let best: { readonly at: number; readonly job: Job; readonly isLife: boolean } | undefined;
  for (const job of state.jobs.values()) {
    if (isEnded(job.state)) continue;
    const life = lifeOf(job);
    const own = ownDue(job);
    const at = Math.min(life, own);
    if (at === Infinity || (best !== undefined && at > best.at)) continue;
    const isLife = life <= own;
    const isTied = best !== undefined && at === best.at;
    if (isTied && best !== undefined) {
      if (!isBefore(rankOf(job, isLife), rankOf(best.job, best.isLife))) continue;
    }
    best = { at, job, isLife };
  }
  return best;
}

/** The first of some, by time and then by name. */
function firstOf(all: Iterable<readonly [name: string, at: number]>) {
  let best: { readonly name: string; readonly at: number } | undefined;
  for (const [name, at] of all) {
    if (at === Infinity) continue;
    if (best === undefined || isBefore([at, name], [best.at, best.name])) best = { name, at };
  }
  return best;
}

/** The next thing that time does but for the removal of records: at one time first to jobs, then workers, then schedules. */
export function nextDue(state: State): Due | undefined {
  let next: Due | undefined = nextJobDue(state);
  const worker = firstOf(
    [...state.workers].map(([name, each]) => [name, workerDueAt(state, name, each)] as const),
  );
  if (worker && (!next || worker.at < next.at)) next = { at: worker.at, worker: worker.name };
  const [timer] = timersOf(state);
  if (timer && (!next || timer.at < next.at)) next = { at: timer.at, timer };
  const slot = firstOf(
    [...state.schedules].map(([id, { nextAt = Infinity }]) => [id, nextAt] as const),
  );
  return slot && (!next || slot.at < next.at) ? { at: slot.at, schedule: slot.name } : next;
}

/** What is to be forgotten next: a job that ended, one of the jobs of an action that ended, or a name whose time is over. */
export function nextRemoval(state: State, at: number, isWhole: boolean): Due | undefined {
  const retention = state.queue?.config.retention;
  if (retention === undefined) return undefined;
  const alone = { completed: 0, failed: 0, cancelled: 0, expired: 0 };
  const oldest: { [S in EndedState]?: Job } = {};
  const named = parentsOf(state);
  for (const job of state.jobs.values()) {
    // The jobs of an action go with it, and parents stay for their children.
    if (!isEnded(job.state) || job.action !== undefined || named.has(job.id)) continue;
    alone[job.state] += 1;
    const first = oldest[job.state];
    if (first === undefined || endsBefore(job, first)) oldest[job.state] = job;
  }
  let best: Due | undefined;
  const consider = (due: Due) => {
    if (best === undefined || due.at < best.at) best = due;
  };
  for (const ended of endedStates) {
    const job = oldest[ended];
    if (job === undefined) continue;
    const { ageMs, count } = retention[ended];
    consider({ at: alone[ended] > count ? at : shelfOf(job)[0] + ageMs, job });
  }
  for (const status of ["completed", "failed", "cancelled"] as const) {
    const first = firstOf(
      [...state.actions].flatMap(([id, { ended }]) =>
        ended?.status === status && !isKeptForOthers(state, id)
          ? [[id, ended.shelvedAt ?? ended.at] as const]
          : [],
      ),
    );
    if (first === undefined) continue;
    const { ageMs, count } = retention[status];
    consider({ at: endedTotal(state, status) > count ? at : first.at + ageMs, action: first.name });
  }
  if (!isWhole) return best;
  const ofNames = nextNameDue(state);
  if (ofNames !== undefined) consider(ofNames);
  const { left } = state.names;
  return left === 0 || (best && best.at <= at) ? best : { at, left };
}

/** How many jobs the actions that ended so were made of. */
export function endedTotal({ actions }: State, status: EndedState): number {
  const all = [...actions.values()].filter(({ ended }) => ended?.status === status);
  return all.reduce((sum, { total }) => sum + total, 0);
}

function endsBefore(a: Job, b: Job): boolean {
  return isBefore(shelfOf(a), shelfOf(b));
}

const shelfOf = ({ shelvedAt, endedAt = 0, id }: Job) => [shelvedAt ?? endedAt, id] as const;

/**
 * When time next does something to an open job or a worker that holds some, a key opens, or a schedule has a slot; or null. At once, where
 * something is due already, or an operation goes on.
 */
export function nextWorkAt(state: State, at: number): number | null {
  const isGoingOn = state.operations.some(({ endedAt }) => endedAt === undefined);
  if (isGoingOn || (nextDue(state)?.at ?? Infinity) <= at) return at;
  const slots = [...state.schedules.values()].map(({ nextAt = Infinity }) => nextAt);
  const ends = [...state.workers].flatMap(([name, worker]) =>
    heldBy(state, name).length > 0 ? [workerDueAt(state, name, worker)] : [],
  );
  const next = Math.min(nextJobDue(state)?.at ?? Infinity, nextOpening(state), ...slots, ...ends);
  return next === Infinity ? null : next;
}

/** When time next does anything, or null. */
export function nextDueAt(state: State, at: number): number | null {
  const next = Math.min(
    nextDue(state)?.at ?? Infinity,
    nextRemoval(state, at, true)?.at ?? Infinity,
  );
  return next === Infinity ? null : next;
}
