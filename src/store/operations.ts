/**
 * Where operations are kept, with the place at which each goes on.
 * Invariant: an operation that is running has a place; only the newest are kept once they are done.
 */
import type { EventOf } from "../contract/events.ts";
import type { JobState } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import type { OperationKind } from "../contract/operations.ts";
import { declareTable } from "./declare.ts";
import { integer } from "./key-columns.ts";
import { editCounters } from "./queue.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export interface OperationRow {
  readonly id: string;
  readonly kind: OperationKind;
  readonly states: readonly JobState[];
  /** Jobs enqueued or retried later are not touched. */
  readonly seqMax: number;
  /** Of a release: leases of later grants are not touched. */
  readonly grantMax?: number;
  /** Of a purge: it goes through blocked jobs from the last one on. */
  readonly fromBack?: true;
  readonly label?: string;
  readonly key?: string;
  readonly error?: string;
  readonly endedAfter?: number;
  readonly endedBefore?: number;
  readonly changed: number;
  readonly examined: number;
  readonly total: number;
  readonly startedAt: number;
  readonly endedAt?: number;
  /** The state in which the next step begins; not set once it is done, nor of one that goes through ids. */
  readonly state?: JobState;
  /** The index key after which it begins there, or how many of `left` come before. */
  readonly after?: readonly (string | number)[];
  /** Jobs that were named and not looked at in the first step. */
  readonly left?: readonly string[];
}

export const operations = declareTable<OperationRow>()({
  name: "operations",
  version: 1,
  key: [integer("seq")],
  resident: true,
});

function started(tables: SluiceTables, event: EventOf<"operation.started">, at: number): void {
  const { type: _type, v: _v, seq, ...facts } = event;
  const state = event.states[0];
  const row = { ...facts, changed: 0, examined: 0, startedAt: at };
  tables.operations.put([seq], state === undefined ? { ...row, endedAt: at } : { ...row, state });
  const counters = editCounters(tables);
  counters.operation = seq;
  if (state !== undefined) counters.underway += 1;
  let old = tables.operations.first();
  while (old?.[1].endedAt !== undefined && old[0][0] <= seq - limits.operationsKeptMax) {
    tables.operations.delete(old[0]);
    old = tables.operations.first();
  }
}

function advanced(tables: SluiceTables, event: EventOf<"operation.advanced">, at: number): void {
  const { seq, changed, examined, state, after, left } = event;
  const row = tables.operations.get([seq]);
  if (row === undefined) throw new Error(`an event names operation ${seq}, which is not kept`);
  const isDone = state === undefined && after === undefined;
  const wasDone = row.endedAt !== undefined;
  // One that goes through ids was taken for done as it began.
  if (isDone !== wasDone) editCounters(tables).underway += isDone ? -1 : 1;
  const { state: _state, after: _after, left: known = left, endedAt: _endedAt, ...rest } = row;
  tables.operations.put([seq], {
    ...rest,
    changed: row.changed + changed,
    examined: row.examined + examined,
    ...(isDone
      ? { endedAt: at }
      : { ...(state && { state }), ...(after && { after }), ...(known && { left: known }) }),
  });
}

export const operationWriters = {
  "operation.advanced": advanced,
  "operation.started": started,
} satisfies Partial<EventWriters>;
