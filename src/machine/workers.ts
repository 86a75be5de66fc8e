/**
 * What registering, heartbeating, draining and leaving mean, and how a worker dies.
 * Invariant: a worker is dead only after it was silent for its time to live, and its leases end with it; one that is known to be
 * there is not silent.
 */

import { isEndState, jobKinds, utf8Bytes } from "../contract/fields.ts";
import { WORKER_NAME } from "../contract/ids.ts";
import type { ClaimInput } from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { WorkerRecord, WorkerState } from "../contract/workers.ts";
import type { JobRow } from "../store/jobs.ts";
import { type WorkerRow, workerDueAt } from "../store/workers.ts";
import {
  countersOf,
  type Decide,
  queueOf,
  type Read,
  type Transaction,
  type View,
} from "./decide.ts";
import { maxAttemptsOf } from "./jobs-read.ts";
import { giveBack } from "./returns.ts";

const workerUnknown = (name: string): Refusal =>
  refuse("worker_unknown", `There is no worker ${name}: PUT …/workers/${name} registers it.`, {
    worker: name,
  });

/** A worker that has not left. Only some names can be registered, and the table of workers takes no other key. */
export function workerOf(view: View, name: string): WorkerRow | undefined {
  const row = WORKER_NAME.test(name) ? view.tables.workers.get([name]) : undefined;
  return row?.leftAt === undefined ? row : undefined;
}

/** The state of a worker; undefined for one that is not registered. */
export function workerState(view: View, name: string): WorkerState | undefined {
  const row = workerOf(view, name);
  return row && stateOf(row, view.at);
}

export function stateOf(row: WorkerRow, at: number): WorkerState {
  if (row.diedAt !== undefined || workerDueAt(row) <= at) return "dead";
  return row.drainingAt === undefined ? "alive" : "draining";
}

function toRecord(name: string, row: WorkerRow, at: number): WorkerRecord {
  const { capabilities, kinds, ttlMs, slots, info, running, registeredAt, seenAt, diedAt } = row;
  return {
    name,
    state: stateOf(row, at),
    capabilities,
    kinds,
    ttlMs,
    ...(slots !== undefined && { slots }),
    ...(info !== undefined && { info }),
    running,
    registeredAt,
    seenAt,
    ...(diedAt !== undefined && { diedAt }),
  };
}

function replyWith(view: View, name: string) {
  const row = view.tables.workers.get([name]);
  if (row === undefined) throw new Error(`worker ${name} vanished in its own command`);
  const held = view.tables.held.range({ prefix: [name], limit: limits.pageJobsMax });
  const jobs = held.map(([[, id]]) => id);
  return { now: view.at, worker: toRecord(name, row, view.at), jobs };
}

/**
 * Notes that a worker lives, if it is registered and the last note is old enough. Returns its row; one that is dead is revived
 * once none of its old leases is left.
 */
export function seeWorker(tx: Transaction, name: string | undefined): WorkerRow | undefined {
  const row = name === undefined ? undefined : rowNow(tx, name);
  if (name === undefined || row === undefined) return undefined;
  const { diedAt, running } = row;
  if (!isNoted(row, tx.at) && (diedAt === undefined || running === 0)) {
    tx.emit("worker.seen", { name });
  }
  return tx.tables.workers.get([name]);
}

/** Whether it was noted lately that a worker lives. */
export const isNoted = ({ diedAt, seenAt, ttlMs }: WorkerRow, at: number): boolean =>
  diedAt === undefined && at - seenAt < ttlMs / 2;

const isOpen = ({ diedAt, leftAt }: WorkerRow): boolean =>
  diedAt === undefined && leftAt === undefined;

/** Makes visible, if time says so, that a worker has died, or that it lives on where it is known to be there. */
function seeOrBury(tx: Transaction, name: string, row: WorkerRow): void {
  if (!isOpen(row) || workerDueAt(row) > tx.at) return;
  tx.emit(tx.isThere(name) ? "worker.seen" : "worker.died", { name });
}

/** A worker that has not left, when what time has done to it is visible. */
function rowNow(tx: Transaction, name: string): WorkerRow | undefined {
  const row = workerOf(tx, name);
  if (row !== undefined) seeOrBury(tx, name, row);
  return workerOf(tx, name);
}

/** Whether a worker is given jobs. */
export const isServed = ({ drainingAt, diedAt }: WorkerRow): boolean =>
  drainingAt === undefined && diedAt === undefined;

/** What a claim asks for; a registered worker need not say again what it can do. */
export function asRegistered(input: ClaimInput, row: WorkerRow | undefined): ClaimInput {
  if (row === undefined) return input;
  const { kinds, capabilities } = row;
  return { kinds: [...kinds], capabilities: [...capabilities], ...input };
}

export const registerWorker: Decide<"worker.register"> = (tx, input) => {
  const { id: name, capabilities = [], kinds = ["payload"], slots, info } = input;
  const { ttlMs = queueOf(tx).config.workerTtlMs } = input;
  const before = tx.tables.workers.get([name]);
  if (before === undefined && countersOf(tx).workers >= limits.workersMax) {
    return refuse("workers_limit", `${limits.workersMax} workers are registered already.`);
  }
  const facts = { capabilities, kinds: jobKinds.filter((kind) => kinds.includes(kind)), ttlMs };
  // What the name held in a life that is over goes back first, so that it is not taken for the new one's.
  if (before !== undefined && isOver(tx, name)) endLeases(tx, name);
  tx.emit("worker.registered", { name, ...facts, slots, info });
  return replyWith(tx, name);
};

/** Whether a worker has left or died, when what time has done to it is visible. */
function isOver(tx: Transaction, name: string): boolean {
  const row = rowNow(tx, name);
  return row === undefined || row.diedAt !== undefined;
}

/** Ends all that a dead or gone worker still holds. */
function endLeases(tx: Transaction, name: string): void {
  for (let id = firstHeld(tx, name); id !== undefined; id = firstHeld(tx, name)) {
    endLease(tx, name, id);
  }
}

function firstHeld({ tables }: View, name: string): string | undefined {
  return tables.held.first([name])?.[0][1];
}

/** Whether a job's lease is of an imported state, and its turn to be given back uncounted has not come yet. */
export function isBeingReleased(view: View, { grant = 0 }: JobRow): boolean {
  if (countersOf(view).underway === 0) return false;
  for (const [, { kind, endedAt, grantMax = 0 }] of view.tables.operations.scan({})) {
    if (kind === "release" && endedAt === undefined && grant <= grantMax) return true;
  }
  return false;
}

/** Ends one lease of a worker that died or left. */
function endLease(tx: Transaction, name: string, id: string): void {
  const job = tx.tables.jobs.get([id]);
  if (job === undefined || isEndState(job.state)) throw new Error(`${name} holds ${id} no more`);
  if (tx.tables.workers.get([name])?.leftAt !== undefined || isBeingReleased(tx, job)) {
    giveBack(tx, job, { id });
    return;
  }
  const isLast = job.failures + 1 >= maxAttemptsOf(job, queueOf(tx).config);
  tx.emit("job.lease_expired", { id, died: true, ...(isLast && { failed: true as const }) });
}

/** Ends a lease whose worker died or left, also where that is not visible yet; with a worker that lives on its lease does too. */
export function endLeaseNow(tx: Transaction, name: string, id: string): void {
  if (isOver(tx, name)) endLease(tx, name, id);
}

/**
 * Does one thing that time does to the worker that is due first: its death, the end of a lease, that it is forgotten. What would be
 * forgotten and is there lives again.
 */
export function advanceWorker(tx: Transaction, name: string): void {
  const row = tx.tables.workers.get([name]);
  if (row === undefined) throw new Error(`worker ${name} is due, but not kept`);
  const id = firstHeld(tx, name);
  if (isOpen(row)) seeOrBury(tx, name, row);
  else if (id !== undefined) endLease(tx, name, id);
  else
    tx.emit(row.leftAt === undefined && tx.isThere(name) ? "worker.seen" : "worker.removed", {
      name,
    });
}

export const heartbeatWorker: Decide<"worker.heartbeat"> = (tx, { id: name }) =>
  seeWorker(tx, name) === undefined ? workerUnknown(name) : replyWith(tx, name);

export const drainWorker: Decide<"worker.drain"> = (tx, { id: name }) => {
  const row = rowNow(tx, name);
  if (row === undefined) return workerUnknown(name);
  if (row.drainingAt === undefined) tx.emit("worker.draining", { name });
  return replyWith(tx, name);
};

export const removeWorker: Decide<"worker.remove"> = (tx, { id: name }) => {
  const row = workerOf(tx, name);
  if (row === undefined) return workerUnknown(name);
  const { running: released } = row;
  tx.emit("worker.left", { name });
  // What is more goes with the next sweeps.
  for (let done = 0; done < limits.sweepMax && firstHeld(tx, name) !== undefined; done += 1) {
    advanceWorker(tx, name);
  }
  if (firstHeld(tx, name) === undefined) tx.emit("worker.removed", { name });
  return { now: tx.at, removed: true, released };
};

export const getWorker: Read<"worker.get"> = (view, { id: name }) =>
  workerOf(view, name) === undefined ? workerUnknown(name) : replyWith(view, name);

export const listWorkers: Read<"worker.list"> = (view, { state, limit = 100, cursor }) => {
  const found: WorkerRecord[] = [];
  let bytes = 0;
  for (const [[name], row] of view.tables.workers.scan(cursor ? { after: [cursor] } : {})) {
    if (row.leftAt !== undefined) continue;
    const record = toRecord(name, row, view.at);
    if (state !== undefined && record.state !== state) continue;
    bytes += utf8Bytes(JSON.stringify(record));
    const isFull = found.length === limit || (bytes > limits.replyBytesMax && found.length > 0);
    // All of them are in memory: a page is full, or it is the last.
    if (isFull) return { now: view.at, workers: found, cursor: lastOf(found) };
    found.push(record);
  }
  return { now: view.at, workers: found };
};

const lastOf = (found: readonly WorkerRecord[]): string => found.at(-1)?.name ?? "";

/** How many workers are in each state. */
export function countByState(view: View): Record<WorkerState, number> {
  const counts = { alive: 0, draining: 0, dead: 0 };
  for (const [, row] of view.tables.workers.scan({})) {
    if (row.leftAt === undefined) counts[stateOf(row, view.at)] += 1;
  }
  return counts;
}

/** What registered workers that live can do: their kinds and capabilities. */
export function* liveWorkers(view: View): Generator<Pick<WorkerRow, "kinds" | "capabilities">> {
  for (const [, row] of view.tables.workers.scan({})) {
    if (row.leftAt === undefined && stateOf(row, view.at) === "alive") yield row;
  }
}
