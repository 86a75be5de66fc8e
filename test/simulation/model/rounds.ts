/**
 * Which keys are open, which of their lanes have turns, and how these go round.
 * Invariant: a lane has turns exactly while it has ready jobs and its key was open when something last touched it.
 */
import type { Key, Limits, Rate, Turned } from "./flow-nouns.ts";
import { rankOf } from "./show.ts";
import { isEnded, type Job, type State } from "./state.ts";

/** What holds for a key: what it says for itself, and the queue's defaults. */
export function limitsOf({ queue, keys }: State, key: string): Limits {
  if (queue === undefined) throw new Error("the model has no queue");
  return { ...queue.config.keys, ...keys.get(key)?.settings };
}

export const openOf = ({ jobs }: State, key: string): Job[] =>
  [...jobs.values()].filter((job) => job.key === key && !isEnded(job.state));

/** Whether the next open job of a key stands in strict order: as those that are open do. */
export function isStrict(state: State, key: string): boolean {
  const [open] = openOf(state, key);
  return open === undefined ? limitsOf(state, key).order === "fifo" : open.ordered === true;
}

/** How many slots of jobs that ended a key still has. */
export const slotsOf = ({ slots }: State, key: string): number =>
  slots.filter((slot) => slot.key === key).length;

/** Whether as many jobs of a key run as may. */
export function hasNoSlot(state: State, key: string): boolean {
  const open = openOf(state, key);
  const isOrdered = open[0]?.ordered === true;
  const most = isOrdered ? 1 : (limitsOf(state, key).concurrency ?? Infinity);
  return open.filter((job) => job.state === "running").length + slotsOf(state, key) >= most;
}

/** When a rate lets the next job go, of which the time up to `usedUntil` is used. */
export function rateOpensAt(usedUntil: number | undefined, rate: Rate | null): number {
  if (rate === null || usedUntil === undefined) return 0;
  const { limit, perMs, burst = limit } = rate;
  return Math.ceil(usedUntil - (burst - 1) * (perMs / limit));
}

/**
 * To the nearest time at which a token may come, counted from a whole millisecond: the rates drawn are so small that this is exact. Behind a
 * change of the rate what was used may be no such time.
 */
function whole(time: number, { limit, perMs }: Rate): number {
  let parts = 1;
  while ((parts * perMs) % limit !== 0) parts += 1;
  return Math.round(time * parts) / parts;
}

export const used = (before: number | undefined, rate: Rate, at: number): number =>
  whole(Math.max(before ?? 0, at) + rate.perMs / rate.limit, rate);

/** Of what was taken no more than a token of the rate that holds now is given back. */
export const refunded = (before: number, rate: Rate, taken: number): number =>
  whole(Math.max(0, before - Math.min(taken, rate.perMs / rate.limit)), rate);

/** What a hand-out takes of the rates of the queue and of its key. */
export function costsOf(state: State, { key }: Job): Pick<Job, "queueCost" | "keyCost"> {
  const ofQueue = state.queue?.config.rate ?? null;
  const ofKey = key === undefined ? null : limitsOf(state, key).rate;
  return {
    queueCost: ofQueue === null ? undefined : ofQueue.perMs / ofQueue.limit,
    keyCost: ofKey === null ? undefined : ofKey.perMs / ofKey.limit,
  };
}

/** Whether a job that is to be tried again holds its key until it has ended. */
export const isHeld = (state: State, { key, ordered }: Job): boolean =>
  key !== undefined && ordered === true && limitsOf(state, key).onRetry === "block";

/** No more is used than a full bucket of the rate that holds now. */
export function bounded<T extends number | undefined>(
  before: T,
  rate: Rate | null,
  at: number,
): T | number {
  if (rate === null || before === undefined) return before;
  const { limit, perMs, burst = limit } = rate;
  return Math.min(before, at + burst * (perMs / limit));
}

/** When a key opens: past where it is open, never where no time opens it. */
export function opensAt(state: State, name: string): number {
  const { paused, holder, heldUntil = 0, usedUntil } = state.keys.get(name) ?? {};
  if (paused !== undefined || holder !== undefined || hasNoSlot(state, name)) return Infinity;
  return Math.max(heldUntil, rateOpensAt(usedUntil, limitsOf(state, name).rate));
}

/** Ready jobs in the order of a lane. */
export const inLane = (jobs: readonly Job[]): Job[] =>
  jobs
    .filter((job) => job.state === "ready")
    .sort((a, b) => rankOf(a) - rankOf(b) || (a.readyAt ?? 0) - (b.readyAt ?? 0) || a.seq - b.seq);

export const roundName = ({ set, priority }: Pick<Turned, "set" | "priority">): string =>
  `${set} ${priority}`;

function leave(state: State, lane: number): void {
  const turned = state.turns.get(lane);
  state.turns.delete(lane);
  if (turned === undefined) return;
  const name = roundName(turned);
  if ([...state.turns.values()].some((each) => roundName(each) === name)) return;
  const round = state.rounds.get(name);
  if (round?.began === undefined && round?.plain === undefined) state.rounds.delete(name);
  else state.rounds.set(name, { ...round, lane: 0, left: 0, end: undefined });
}

/** Rounds of sets without open jobs remember nothing. */
export function forgetRounds({ rounds, turns, jobs }: State): void {
  for (const [name, { set }] of rounds) {
    const hasLanes = [...turns.values()].some((each) => roundName(each) === name);
    const isOpen = [...jobs.values()].some((job) => job.set === set && !isEnded(job.state));
    if (set !== 1 && !hasLanes && !isOpen) rounds.delete(name);
  }
}

function enter(state: State, lane: number, turned: Turned): void {
  state.turns.set(lane, turned);
  const name = roundName(turned);
  if (state.rounds.has(name)) return;
  const { set, priority } = turned;
  state.rounds.set(name, { set, priority, lane: 0, left: 0 });
}

/** A job without a key was handed out while keys have turns. */
export function usePlainTurn(state: State, { set, priority }: Pick<Job, "set" | "priority">): void {
  const name = roundName({ set, priority });
  state.lane += 1;
  const round = state.rounds.get(name) ?? { set, priority, lane: 0, left: 0 };
  state.rounds.set(name, { ...round, plain: state.lane });
}

/** A lane was given a job in its turn; a turn counts once. With one before the last lane, or of a lane that came since, a round begins. */
function useTurn(state: State, lane: number, weight: number): void {
  const turned = state.turns.get(lane);
  if (turned === undefined) return;
  const name = roundName(turned);
  const round = state.rounds.get(name);
  if (round === undefined) throw new Error(`the model has lost the round of lane ${lane}`);
  if (round.lane === lane && round.left > 0) {
    state.rounds.set(name, { ...round, left: round.left - 1 });
    return;
  }
  const lanes = [...state.turns.values()].filter((each) => roundName(each) === name).length;
  const isNew = lane <= round.lane || lane > (round.end ?? 0);
  const next = { ...round, lane, left: weight - 1, end: isNew ? state.lane : round.end };
  state.lane += 1;
  const begun = { before: round.began ?? lane, began: state.lane, size: lanes, used: 1 };
  state.rounds.set(name, isNew ? { ...next, ...begun } : { ...next, used: (next.used ?? 0) + 1 });
}

/** Changes a key, and brings its lanes' turns up to date. `served` is the lane that was given a job. */
export function touch(
  state: State,
  at: number,
  name: string,
  changes: Partial<Key> = {},
  served?: number,
): void {
  const changed = { ...state.keys.get(name), ...changes };
  state.keys.set(name, changed);
  const usedUntil = bounded(changed.usedUntil, limitsOf(state, name).rate, at);
  state.keys.set(name, { ...changed, usedUntil });
  if (served !== undefined) useTurn(state, served, limitsOf(state, name).weight);
  const open = openOf(state, name);
  const opens = opensAt(state, name);
  const lanes = [...new Set(open.map(({ lane }) => lane))];
  for (const [lane, { key }] of [...state.turns]) {
    if (key === name && !lanes.includes(lane)) leave(state, lane);
  }
  for (const lane of lanes) {
    const [head] = inLane(open.filter((job) => job.lane === lane));
    const now = state.turns.get(lane);
    const next =
      head === undefined || opens > at
        ? undefined
        : { key: name, set: head.set, priority: head.priority };
    if (now && next && roundName(now) === roundName(next)) continue;
    if (now !== undefined) leave(state, lane);
    if (next !== undefined) enter(state, lane, next);
  }
  forget(state, at, name, opens);
}

/** A key without jobs, slots, settings and a pause is kept for as long as it remembers a time. */
function forget(state: State, at: number, name: string, opens: number): void {
  const key = state.keys.get(name) ?? {};
  const { settings, paused, heldUntil = 0, usedUntil = 0 } = key;
  const open = openOf(state, name);
  const isNeeded =
    open.length + slotsOf(state, name) > 0 || settings !== undefined || paused !== undefined;
  const isReady = open.some((job) => job.state === "ready");
  const isTimed = isReady && opens > at && opens < Infinity;
  const due = isNeeded ? (isTimed ? opens : undefined) : Math.ceil(Math.max(heldUntil, usedUntil));
  if (!isNeeded && due !== undefined && due <= at) state.keys.delete(name);
  else state.keys.set(name, { ...key, dueAt: due });
}
