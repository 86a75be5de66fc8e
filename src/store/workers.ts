/**
 * Where registered workers are kept, what they hold, and when time next does something to them.
 * Invariant: `held` has exactly the running jobs of registered workers, `worker_due` one row for each worker; both follow from
 * the rows of jobs and of workers.
 */
import type { EventOf } from "../contract/events.ts";
import type { JobKind } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import { declareTable } from "./declare.ts";
import type { JobRow } from "./jobs.ts";
import { ascii, integer } from "./key-columns.ts";
import { editCounters } from "./queue.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export interface WorkerRow {
  readonly capabilities: readonly string[];
  readonly kinds: readonly JobKind[];
  readonly ttlMs: number;
  readonly slots?: number | undefined;
  readonly info?: string | undefined;
  readonly registeredAt: number;
  readonly seenAt: number;
  readonly drainingAt?: number;
  readonly diedAt?: number;
  readonly leftAt?: number;
  /** Jobs in its hands. */
  readonly running: number;
}

export const workers = declareTable<WorkerRow>()({
  name: "workers",
  version: 1,
  key: [ascii("name")],
  resident: true,
});
/** Running jobs of registered workers. */
export const held = declareTable<object>()({
  name: "held",
  version: 1,
  key: [ascii("worker"), ascii("id")],
  pendingRowsMax: limits.pendingJobsMax,
  valueBytesMax: 10,
});
/** When time next does something to a worker: it dies, its leases end, it is forgotten. */
export const worker_due = declareTable<object>()({
  name: "worker_due",
  version: 1,
  key: [integer("due_at"), ascii("name")],
  resident: true,
});

/**
 * When time next does something to a worker. Signs of life are noted at most every half of its time to live, so that it has been
 * silent for once to one and a half times as long when it dies.
 */
export function workerDueAt({ seenAt, ttlMs, diedAt, leftAt, running }: WorkerRow): number {
  if (leftAt !== undefined) return leftAt;
  if (diedAt === undefined) return seenAt + ttlMs + Math.ceil(ttlMs / 2);
  return running > 0 ? diedAt : diedAt + limits.deadWorkerKeptMs;
}

/** Replaces a worker's row and its due time. */
function place(tables: SluiceTables, name: string, after: WorkerRow | undefined): void {
  const before = tables.workers.get([name]);
  const [was, is] = [before && workerDueAt(before), after && workerDueAt(after)];
  if (was !== is) {
    if (was !== undefined) tables.worker_due.delete([was, name]);
    if (is !== undefined) tables.worker_due.put([is, name], {});
  }
  if ((before === undefined) !== (after === undefined)) {
    editCounters(tables).workers += after === undefined ? -1 : 1;
  }
  if (after === undefined) tables.workers.delete([name]);
  else tables.workers.put([name], after);
}

function rowOf(tables: SluiceTables, name: string): WorkerRow {
  const row = tables.workers.get([name]);
  if (row === undefined) throw new Error(`an event names worker ${name}, which is not kept`);
  return row;
}

function registered(tables: SluiceTables, event: EventOf<"worker.registered">, at: number): void {
  const { type: _type, v: _v, name, ...facts } = event;
  const running = tables.workers.get([name])?.running ?? 0;
  place(tables, name, { ...facts, registeredAt: at, seenAt: at, running });
}

function seen(tables: SluiceTables, { name }: EventOf<"worker.seen">, at: number): void {
  const { diedAt: _, ...row } = rowOf(tables, name);
  place(tables, name, { ...row, seenAt: at });
}

function draining(tables: SluiceTables, { name }: EventOf<"worker.draining">, at: number): void {
  place(tables, name, { ...rowOf(tables, name), drainingAt: at });
}

function died(tables: SluiceTables, { name }: EventOf<"worker.died">, at: number): void {
  place(tables, name, { ...rowOf(tables, name), diedAt: at });
}

function left(tables: SluiceTables, { name }: EventOf<"worker.left">, at: number): void {
  place(tables, name, { ...rowOf(tables, name), leftAt: at });
}

function removed(tables: SluiceTables, { name }: EventOf<"worker.removed">): void {
  place(tables, name, undefined);
}

const holder = (job: JobRow | undefined): string | undefined =>
  job?.state === "running" && job.tracked ? job.worker : undefined;

/** Keeps what a registered worker holds. */
export function moveHeld(
  tables: SluiceTables,
  id: string,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  const [from, to] = [holder(before), holder(after)];
  if (from === to) return;
  if (from !== undefined) {
    tables.held.remove([from, id]);
    hold(tables, from, -1);
  }
  if (to !== undefined) {
    tables.held.insert([to, id], {});
    hold(tables, to, 1);
  }
}

function hold(tables: SluiceTables, name: string, change: 1 | -1): void {
  const row = rowOf(tables, name);
  place(tables, name, { ...row, running: row.running + change });
}

export const workerWriters = {
  "worker.died": died,
  "worker.draining": draining,
  "worker.left": left,
  "worker.registered": registered,
  "worker.removed": removed,
  "worker.seen": seen,
} satisfies Partial<EventWriters>;
