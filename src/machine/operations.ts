/**
 * What purge and redrive mean: bounded steps over many jobs, the first in the command itself.
 * Invariant: a step looks at a bounded number of jobs and begins where the last one stopped.
 */

import { endStates, type JobState } from "../contract/fields.ts";
import { operationId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { DiscardInput, OperationRecord } from "../contract/operations.ts";
import { refuse } from "../contract/refusals.ts";
import type { OperationRow } from "../store/operations.ts";
import { countersOf, type Decide, type Read, type Transaction, type View } from "./decide.ts";
import { resizeStep, step, stepOfIds } from "./operation-steps.ts";

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

/**
 * In the order in which a purge goes through them. Blocked jobs come first, from the last one on, which none of the others waits for: what
 * becomes of the others brings none of them into a state that was passed, nor into the hands of a worker.
 */
const purgeOrder: readonly JobState[] = ["blocked", "running", "scheduled", "ready", ...endStates];

export const purge: Decide<"queue.purge"> = (tx, { states }) => {
  const wanted = new Set<JobState>(states ?? ["scheduled", "ready", "blocked"]);
  const inOrder = purgeOrder.filter((state) => wanted.has(state));
  return start(tx, "purge", inOrder, { fromBack: true });
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
  "label" | "key" | "error" | "endedAfter" | "endedBefore" | "grantMax" | "fromBack"
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

/** Of those that are named it changes as many as a step takes, and what is left in further ones; what it may not touch it passes over. */
function changeIds(tx: Transaction, kind: "redrive" | "discard", ids: readonly string[]) {
  const counters = countersOf(tx);
  const seq = counters.operation + 1;
  const id = operationId(tx.identity, seq);
  const facts = { kind, states: [], seqMax: counters.seq, total: ids.length } as const;
  tx.emit("operation.started", { id, seq, ...facts });
  const row = tx.tables.operations.get([seq]);
  if (row !== undefined) stepOfIds(tx, seq, row, ids, limits.operationStepMax);
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
    if (operation === undefined || operation.endedAt !== undefined) return;
    if (operation.kind === "resize") room -= resizeStep(tx, seq, operation, room);
    else if (operation.state !== undefined) room -= step(tx, seq, operation, operation.state, room);
    else room -= stepOfIds(tx, seq, operation, operation.left ?? [], room);
  }
}
