/**
 * What registering, heartbeating, draining and leaving should do, and how a worker is seen to live or to be dead.
 * Invariant: a worker dies between once and one and a half times its time to live after its last sign of life.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { small } from "../small.ts";
import { demand } from "../violation.ts";
import { type Answer, refused } from "./answers.ts";
import { deathDueAt, heldBy } from "./due.ts";
import type { Worker } from "./nouns.ts";
import { defined, type State } from "./state.ts";
import type { Turn } from "./turn.ts";

const unknown = (worker: string): Answer => refused("worker_unknown", { worker });

/** A worker that has not left. */
function workerOf({ workers }: State, name: string): Worker | undefined {
  const worker = workers.get(name);
  return worker?.leftAt === undefined ? worker : undefined;
}

export type WorkerState = "alive" | "draining" | "dead";

export function stateOf(worker: Worker, at: number): WorkerState {
  if (worker.diedAt !== undefined || deathDueAt(worker) <= at) return "dead";
  return worker.drainingAt === undefined ? "alive" : "draining";
}

/** The workers that have not left, by name. */
const present = (state: State): (readonly [string, Worker])[] =>
  [...state.workers]
    .filter(([, { leftAt }]) => leftAt === undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));

/** How many workers are in each state. */
export function workerCounts(state: State, at: number): Record<WorkerState, number> {
  const counts = { alive: 0, draining: 0, dead: 0 };
  for (const [, worker] of present(state)) counts[stateOf(worker, at)] += 1;
  return counts;
}

/** Workers that are given jobs. */
export const served = (state: State, at: number): Worker[] =>
  present(state).flatMap(([, worker]) => (stateOf(worker, at) === "alive" ? [worker] : []));

function record(state: State, now: number, name: string, worker: Worker): object {
  const { capabilities, kinds, ttlMs, slots, info, registeredAt, seenAt, diedAt } = worker;
  return defined({
    ...{ name, state: stateOf(worker, now), capabilities, kinds, ttlMs, slots, info },
    ...{ registeredAt, seenAt, diedAt, running: heldBy(state, name).length },
  });
}

function show(state: State, now: number, name: string): Answer {
  const worker = state.workers.get(name);
  if (worker === undefined) throw new Error(`the model has lost worker ${name}`);
  const jobs = heldBy(state, name).map(({ id }) => id);
  return { reply: { now, worker: record(state, now, name, worker), jobs } };
}

/** A worker that was silent for too long is dead, unless it is there. */
export function seeOrBury(turn: Turn, name: string): void {
  const { at, state } = turn;
  const worker = workerOf(state, name);
  if (worker === undefined || worker.diedAt !== undefined || deathDueAt(worker) > at) return;
  if (turn.isThere(name)) {
    seen(turn, name, worker);
    return;
  }
  turn.emit("worker.died");
  state.workers.set(name, { ...worker, diedAt: at });
}

/** A worker lives. */
function seen(turn: Turn, name: string, worker: Worker): void {
  const { at, state } = turn;
  turn.emit("worker.seen");
  state.workers.set(name, { ...worker, diedAt: undefined, seenAt: at });
}

/**
 * A worker gave a sign of life: it is noted if the last note is old enough, and revives one that is dead once none of its
 * leases is left.
 */
export function see(turn: Turn, name = ""): Worker | undefined {
  const { at, state } = turn;
  if (workerOf(state, name) === undefined) return undefined;
  seeOrBury(turn, name);
  const worker = state.workers.get(name);
  if (worker === undefined) return undefined;
  const { diedAt, seenAt, ttlMs } = worker;
  const isDead = diedAt !== undefined;
  const isStale = at - seenAt >= ttlMs / 2;
  if (isDead ? heldBy(state, name).length === 0 : isStale) seen(turn, name, worker);
  const now = state.workers.get(name);
  if (now !== undefined && now.diedAt === undefined) checkSilence(now, at);
  return now;
}

/** A sign of life at `at`: however little of it was noted, the worker dies in time, and not before. */
function checkSilence(worker: Worker, at: number): void {
  const silence = deathDueAt(worker) - at;
  const { ttlMs } = worker;
  demand(silence > ttlMs, "worker", "it would die too early", worker, at);
  demand(silence <= Math.ceil(1.5 * ttlMs), "worker", "it would die too late", worker, at);
}

export function registerWorker(turn: Turn, input: CommandInputs["worker.register"]): Answer {
  const { id: name, capabilities = [], kinds = ["payload"], slots, info } = input;
  const { at, state, queue } = turn;
  const before = state.workers.get(name);
  if (before === undefined && state.workers.size >= small.workersMax) {
    return refused("workers_limit");
  }
  seeOrBury(turn, name);
  const { leftAt, diedAt } = state.workers.get(name) ?? {};
  if (leftAt !== undefined || diedAt !== undefined) {
    for (const job of heldBy(state, name)) turn.endLeaseOf(job);
  }
  turn.emit("worker.registered");
  state.workers.set(name, {
    ...{ capabilities, slots, info, registeredAt: at, seenAt: at },
    kinds: (["payload", "plan"] as const).filter((kind) => kinds.includes(kind)),
    ttlMs: input.ttlMs ?? queue.config.workerTtlMs,
  });
  return show(state, at, name);
}

/** Does one thing that time does to a worker that is due. */
export function advanceWorker(turn: Turn, name: string): void {
  const { at, state } = turn;
  const worker = state.workers.get(name);
  if (worker === undefined) throw new Error(`the model has lost worker ${name}`);
  const [job] = heldBy(state, name);
  if (worker.diedAt === undefined && worker.leftAt === undefined) {
    demand(at - worker.seenAt >= worker.ttlMs, "worker", "it dies too early", worker, at);
    seeOrBury(turn, name);
  } else if (job !== undefined) {
    turn.endLeaseOf(job);
  } else if (worker.leftAt === undefined && turn.isThere(name)) {
    seen(turn, name, worker);
  } else {
    forget(turn, name);
  }
}

function forget(turn: Turn, name: string): void {
  turn.emit("worker.removed");
  turn.state.workers.delete(name);
}

export function heartbeat(turn: Turn, { id }: CommandInputs["worker.heartbeat"]): Answer {
  return see(turn, id) === undefined ? unknown(id) : show(turn.state, turn.at, id);
}

export function drain(turn: Turn, { id }: CommandInputs["worker.drain"]): Answer {
  const { at, state } = turn;
  if (workerOf(state, id) === undefined) return unknown(id);
  seeOrBury(turn, id);
  const worker = workerOf(state, id);
  if (worker === undefined) return unknown(id);
  if (worker.drainingAt === undefined) {
    turn.emit("worker.draining");
    state.workers.set(id, { ...worker, drainingAt: at });
  }
  return show(state, at, id);
}

export function removeWorker(turn: Turn, { id }: CommandInputs["worker.remove"]): Answer {
  const { at, state } = turn;
  const worker = workerOf(state, id);
  if (worker === undefined) return unknown(id);
  const held = heldBy(state, id);
  turn.emit("worker.left");
  state.workers.set(id, { ...worker, leftAt: at });
  for (const job of held.slice(0, small.sweepMax)) turn.endLeaseOf(job);
  if (held.length <= small.sweepMax) forget(turn, id);
  return { reply: { now: at, removed: true, released: held.length } };
}

export const getWorker = (state: State, now: number, name: string): Answer =>
  workerOf(state, name) === undefined ? unknown(name) : show(state, now, name);

export function listWorkers(
  state: State,
  now: number,
  { state: wanted, limit = 100, cursor = "" }: CommandInputs["worker.list"],
): Answer {
  const all = present(state).filter(
    ([name, worker]) => name > cursor && (wanted === undefined || stateOf(worker, now) === wanted),
  );
  const page = all.slice(0, limit);
  const workers = page.map(([name, worker]) => record(state, now, name, worker));
  const last = page.at(-1)?.[0];
  return { reply: defined({ now, workers, cursor: all.length > limit ? last : undefined }) };
}

/** No dead worker holds anything, once what is due was done. */
export function checkDead(state: State): void {
  for (const [name, { diedAt, leftAt }] of state.workers) {
    if (diedAt === undefined && leftAt === undefined) continue;
    demand(heldBy(state, name).length === 0, "worker", "a dead worker holds jobs", name);
  }
}
