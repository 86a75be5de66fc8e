/**
 * What purge and redrive mean: bounded steps over many jobs, the first in the command itself.
 * Invariant: a step looks at a bounded number of jobs and begins where the last one stopped.
 */
import { isEndState, type JobState } from "../contract/fields.ts";
import { operationId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { OperationRecord } from "../contract/operations.ts";
import { refuse } from "../contract/refusals.ts";
import type { JobRow } from "../store/jobs.ts";
import type { OperationRow } from "../store/operations.ts";
import { countersOf, type Decide, type Read, type Transaction, type View } from "./decide.ts";
import { settleDue } from "./due.ts";
import { isOfLiveAction, runAgain } from "./jobs.ts";
import { hasLabel, type Place, placesOf } from "./jobs-read.ts";

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

export const purge: Decide<"queue.purge"> = (tx, { states }) => {
  const wanted = [...new Set(states ?? (["scheduled", "ready", "blocked"] as const))];
  return start(tx, "purge", wanted, {});
};

export const redrive: Decide<"job.redrive"> = (tx, input) => {
  if (input.ids !== undefined) return redriveIds(tx, input.ids);
  const { states = ["failed"], label, endedAfter, endedBefore } = input;
  const filter: Filter = {
    ...(label !== undefined && { label }),
    ...(endedAfter !== undefined && { endedAfter }),
    ...(endedBefore !== undefined && { endedBefore }),
  };
  return start(tx, "redrive", [...new Set(states)], filter);
};

/** Gives back every running job, uncounted: their workers hold tokens of another history. */
export function releaseRunning(tx: Transaction): void {
  const { running, grant } = countersOf(tx);
  if (running > 0) start(tx, "release", ["running"], { grantMax: grant });
}

type Filter = Pick<OperationRow, "label" | "endedAfter" | "endedBefore" | "grantMax">;

function start(
  tx: Transaction,
  kind: OperationRow["kind"],
  states: readonly JobState[],
  filter: Filter,
) {
  const counters = countersOf(tx);
  const seq = counters.operation + 1;
  const total = states.reduce((sum, state) => sum + counters[state], 0);
  const id = operationId(tx.identity, seq);
  tx.emit("operation.started", { id, seq, kind, states, seqMax: counters.seq, total, ...filter });
  advance(tx, seq);
  return replyWith(tx, seq);
}

/** Redrive by ids is one step: it changes those that can run again and passes over the rest. */
function redriveIds(tx: Transaction, ids: readonly string[]) {
  const counters = countersOf(tx);
  const seq = counters.operation + 1;
  const id = operationId(tx.identity, seq);
  const facts = { kind: "redrive", states: [], seqMax: counters.seq, total: ids.length } as const;
  tx.emit("operation.started", { id, seq, ...facts });
  let changed = 0;
  for (const jobId of new Set(ids)) {
    settleDue(tx, jobId);
    const job = tx.tables.jobs.get([jobId]);
    if (job !== undefined && runAgain(tx, jobId, job) === undefined) changed += 1;
  }
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
    room -= Math.max(1, step(tx, seq, operation, operation.state, room));
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
  let changed = 0;
  let examined = 0;
  let units = 0;
  for (const [, id] of places) {
    if (units >= limits.operationStepTextUnits) break;
    const job = tx.tables.jobs.get([id]);
    if (job === undefined) throw new Error(`job ${id} stands in the index but is not kept`);
    if (isMeant(operation, job) && change(tx, operation, id, job)) changed += 1;
    examined += 1;
    units += job.payload.length + (job.result?.length ?? 0);
  }
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

function isMeant(operation: OperationRow, job: JobRow): boolean {
  const { seqMax, grantMax = Infinity, label, endedAfter = 0, endedBefore = Infinity } = operation;
  if ((job.grant ?? 0) > grantMax) return false;
  if (job.seq > seqMax || (label !== undefined && !hasLabel(job, label))) return false;
  const endedAt = job.endedAt ?? 0;
  return !isEndState(job.state) || (endedAt >= endedAfter && endedAt < endedBefore);
}

function change(tx: Transaction, operation: OperationRow, id: string, job: JobRow): boolean {
  if (operation.kind === "redrive") return runAgain(tx, id, job) === undefined;
  if (operation.kind === "release") {
    tx.emit("job.released", { id });
  } else if (!isOfLiveAction(tx, job)) {
    tx.emit("job.removed", { id });
  } else if (isEndState(job.state)) {
    return false;
  } else {
    // Its action keeps it, and has to hear what became of it.
    tx.emit("job.cancelled", { id, reason: "purged" });
  }
  return true;
}
