/**
 * What purge and redrive mean: bounded steps over many jobs, the first in the command itself.
 * Invariant: a step looks at a bounded number of jobs and begins where the last one stopped.
 */

import { endStates, isEndState, type JobState } from "../contract/fields.ts";
import { operationId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { DiscardInput, OperationRecord } from "../contract/operations.ts";
import { refuse } from "../contract/refusals.ts";
import type { JobRow } from "../store/jobs.ts";
import { keyDueAt, keyOpensAt, limitsOf } from "../store/keys.ts";
import type { OperationRow } from "../store/operations.ts";
import { bounded } from "../store/token-bucket.ts";
import {
  countersOf,
  type Decide,
  queueOf,
  type Read,
  type Transaction,
  type View,
} from "./decide.ts";
import { settleDue } from "./due.ts";
import { neededBy, runAgain } from "./jobs.ts";
import { isOfFilter } from "./jobs-read.ts";
import { type Place, placesOf } from "./places.ts";
import { giveBack } from "./returns.ts";

function toRecord(row: OperationRow): OperationRecord {
  const { id, kind, states, changed, examined, total, startedAt, endedAt } = row;
  const status = endedAt === undefined ? "running" : "done";
  const record = { id, kind, status, states, changed, examined, total, startedAt } as const;
  return endedAt === undefined ? record : { ...record, endedAt };
}

export const getOperation: Read<"operation.get"> = (view, { id }) => {
  for (const [, row] of view.tables.operations.scan({ reverse: true })) {
    if (row.id === id) return { now: view.at, operation: toRecord(row) };
  }
  return refuse(
    "operation_unknown",
    `There is no operation ${id}: it was never here, or is older than the last ${limits.operationsKeptMax}.`,
    { id },
  );
};

/** In the order in which a purge goes through them: what becomes of others brings no job back into one that was passed. */
const purgeOrder: readonly JobState[] = ["running", "blocked", "scheduled", "ready", ...endStates];

export const purge: Decide<"queue.purge"> = (tx, { states }) => {
  const wanted = new Set<JobState>(states ?? ["scheduled", "ready", "blocked"]);
  const inOrder = purgeOrder.filter((state) => wanted.has(state));
  return start(tx, "purge", inOrder, {});
};

export const redrive: Decide<"job.redrive"> = (tx, input) => changeEnded(tx, "redrive", input);

export const discard: Decide<"job.discard"> = (tx, input) => changeEnded(tx, "discard", input);

/** Runs ended jobs again, or forgets them: those that are named, or all that a filter leaves. */
function changeEnded(
  tx: Transaction,
  kind: "redrive" | "discard",
  { ids, states = ["failed"], ...said }: DiscardInput,
) {
  if (ids !== undefined) return changeIds(tx, kind, ids);
  const filter: Record<string, unknown> = { ...said };
  for (const name in filter) if (filter[name] === undefined) delete filter[name];
  return start(tx, kind, [...new Set(states)], filter);
}

/** After a change of the defaults for keys: looks at each, whether it is open or shut by them. */
export function resizeKeys(tx: Transaction): void {
  if (countersOf(tx).keys > 0) start(tx, "resize", ["ready"], {});
}

/** Gives back every running job, uncounted: their workers hold tokens of another history. */
export function releaseRunning(tx: Transaction): void {
  const { running, grant } = countersOf(tx);
  if (running > 0) start(tx, "release", ["running"], { grantMax: grant });
}

type Filter = Pick<
  OperationRow,
  "label" | "key" | "error" | "endedAfter" | "endedBefore" | "grantMax"
>;

function start(
  tx: Transaction,
  kind: OperationRow["kind"],
  states: readonly JobState[],
  filter: Filter,
) {
  const counters = countersOf(tx);
  const seq = counters.operation + 1;
  const jobs = states.reduce((sum, state) => sum + counters[state], 0);
  const total = kind === "resize" ? counters.keys : jobs;
  const id = operationId(tx.identity, seq);
  tx.emit("operation.started", { id, seq, kind, states, seqMax: counters.seq, total, ...filter });
  advance(tx, seq);
  return replyWith(tx, seq);
}

/** By ids it is one step: it changes those it can and passes over the rest. */
function changeIds(tx: Transaction, kind: "redrive" | "discard", ids: readonly string[]) {
  const counters = countersOf(tx);
  const seq = counters.operation + 1;
  const id = operationId(tx.identity, seq);
  const facts = { kind, states: [], seqMax: counters.seq, total: ids.length } as const;
  tx.emit("operation.started", { id, seq, ...facts });
  const met: Met[] = [];
  for (const jobId of new Set(ids)) {
    settleDue(tx, jobId);
    const job = tx.tables.jobs.get([jobId]);
    if (job !== undefined) met.push([job.seq, jobId]);
  }
  const changed = changeMet(tx, met, (jobId, job) => {
    return isEndState(job.state) && changeOne(tx, kind, jobId, job);
  });
  tx.emit("operation.advanced", { seq, changed, examined: ids.length });
  return replyWith(tx, seq);
}

function replyWith(tx: Transaction, seq: number) {
  const row = tx.tables.operations.get([seq]);
  if (row === undefined) throw new Error(`operation ${seq} vanished in its own command`);
  return { now: tx.at, operation: toRecord(row) };
}

/** The oldest operation that is not done. */
export function runningOperation(view: View): number | undefined {
  if (countersOf(view).underway === 0) return undefined;
  for (const [[seq], row] of view.tables.operations.scan({})) {
    if (row.endedAt === undefined) return seq;
  }
  return undefined;
}

/** Goes on with an operation, over as many states as the bound on looked-at jobs allows. */
export function advance(tx: Transaction, seq: number): void {
  let room: number = limits.operationStepMax;
  while (room > 0) {
    const operation = tx.tables.operations.get([seq]);
    if (operation?.state === undefined) return;
    const done =
      operation.kind === "resize"
        ? resizeStep(tx, seq, operation, room)
        : step(tx, seq, operation, operation.state, room);
    room -= done;
  }
}

/** One step: at most `most` jobs of one state, and of their texts. Returns how much of `most` it took. */
function step(
  tx: Transaction,
  seq: number,
  operation: OperationRow,
  state: JobState,
  most: number,
): number {
  const places: Place[] = [];
  for (const place of placesOf(tx, state, operation.after)) {
    places.push(place);
    if (places.length === most) break;
  }
  const met: Met[] = [];
  let examined = 0;
  let units = 0;
  for (const [, id] of places) {
    if (units >= limits.operationStepTextUnits) break;
    const job = tx.tables.jobs.get([id]);
    examined += 1;
    if (job === undefined) continue;
    met.push([job.seq, id]);
    units += unitsOf(job);
  }
  const changed = changeMet(tx, met, (id, job) => {
    // What became of one of this step may have ended another, which waited for it.
    if (job.state !== state) return false;
    return isMeant(operation, job) && changeOne(tx, operation.kind, id, job);
  });
  const done = { seq, changed, examined };
  const last = places[examined - 1];
  if (last !== undefined && (examined === most || examined < places.length)) {
    tx.emit("operation.advanced", { ...done, state, after: last[0] });
    return most;
  }
  const next = operation.states[operation.states.indexOf(state) + 1];
  tx.emit("operation.advanced", next === undefined ? done : { ...done, state: next });
  return examined;
}

/** A job that a step is to look at. */
type Met = readonly [seq: number, id: string];

/**
 * Changes the jobs of a step in the order in which they were enqueued, so that those that run again stand in it as before, each behind
 * those that it waits for. Returns how many `change` did.
 */
function changeMet(
  tx: Transaction,
  met: readonly Met[],
  change: (id: string, job: JobRow) => boolean,
): number {
  let changed = 0;
  for (const [, id] of met.toSorted(([a], [b]) => a - b)) {
    const job = tx.tables.jobs.get([id]);
    if (job !== undefined && change(id, job)) changed += 1;
  }
  return changed;
}

/** How long a job's texts are. A payload that is gone keeps no operation from its end. */
const unitsOf = ({ payload, result }: Partial<JobRow>): number =>
  (payload?.length ?? 0) + (result?.length ?? 0);

function isMeant(operation: OperationRow, job: JobRow): boolean {
  const { seqMax, grantMax = Infinity } = operation;
  if ((job.grant ?? 0) > grantMax || job.seq > seqMax) return false;
  return isOfFilter(job, operation);
}

function changeOne(tx: Transaction, kind: OperationRow["kind"], id: string, job: JobRow): boolean {
  if (kind === "redrive") return runAgain(tx, id, job) === undefined;
  if (kind === "release") {
    giveBack(tx, job, { id });
  } else if (neededBy(tx, job) === undefined) {
    tx.emit("job.removed", { id });
  } else if (isEndState(job.state)) {
    return false;
  } else {
    // Its action or its children keep it, and have to hear what became of it.
    tx.emit("job.cancelled", { id, reason: "purged" });
    freeUnique(tx, id, job);
  }
  return true;
}

/** A purged job lets go of its unique key, also where it was to have that for a time. */
function freeUnique(tx: Transaction, id: string, { unique }: JobRow): void {
  if (unique === undefined || tx.tables.uniques.get([unique.key])?.id !== id) return;
  tx.emit("unique.expired", { key: unique.key });
}

/** One step of looking at keys: those that the new defaults open or shut are brought up to date. */
function resizeStep(tx: Transaction, seq: number, { after }: OperationRow, most: number): number {
  const from = after === undefined ? {} : { after: after as readonly [string] };
  const rows = tx.tables.keys.range({ ...from, limit: most });
  const { config } = queueOf(tx);
  let changed = 0;
  for (const [[key], row] of rows) {
    const all = limitsOf(row, config);
    const usedUntil = bounded(row.usedUntil, all.rate, tx.at);
    const opensAt = keyOpensAt({ ...row, usedUntil }, all);
    const hasTurn = Object.values(row.lanes).some(({ round }) => round !== undefined);
    // Also one that stays shut may open at another time than before, and needs a timer for it.
    const isTimed = keyDueAt(row, opensAt, tx.at) === row.dueAt;
    const isPlaced = row.ready === 0 || (opensAt <= tx.at === hasTurn && isTimed);
    if (isPlaced && usedUntil === row.usedUntil) continue;
    tx.emit("key.refreshed", { key });
    changed += 1;
  }
  const done = { seq, changed, examined: rows.length };
  const last = rows.at(-1);
  const isMore = rows.length === most && last !== undefined;
  tx.emit("operation.advanced", isMore ? { ...done, state: "ready", after: last[0] } : done);
  return rows.length;
}
