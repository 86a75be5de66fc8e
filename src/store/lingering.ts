/**
 * The slots of jobs that ended in a worker's hands without its knowledge: it still works on them, so they count as running.
 * Invariant: each has one timer, at the end of the lease that the job had, and is counted for the queue and for its key.
 */
import type { EventOf } from "../contract/events.ts";
import type { JobRow } from "./jobs.ts";
import { editKey } from "./key-edits.ts";
import { editCounters } from "./queue.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

/** Under what a slot stands among the timers: a job may leave several, each of another hand-out. */
export const slotName = (id: string, grant: number): string => `${grant} ${id}`;

/** The job and the hand-out that a slot is of. */
export function slotOf(name: string): { readonly id: string; readonly grant: number } {
  const [grant = "", id = ""] = name.split(" ");
  return { id, grant: Number(grant) };
}

/** A running job ends, and its worker does not know. */
export function linger(tables: SluiceTables, at: number, id: string, job: JobRow): void {
  const { key, grant = 0, leaseUntil = at } = job;
  tables.timers.insert(
    [leaseUntil, "lingering", slotName(id, grant)],
    key === undefined ? {} : { key },
  );
  editCounters(tables).lingering += 1;
  if (key !== undefined) count(tables, at, key, 1);
}

function count(tables: SluiceTables, at: number, key: string, change: 1 | -1): void {
  editKey(tables, at, key, (row) => {
    row.lingering += change;
    return undefined;
  });
}

function ended(tables: SluiceTables, event: EventOf<"lingering.ended">, at: number): void {
  const { id, grant, until } = event;
  const place = [until, "lingering", slotName(id, grant)] as const;
  const key = tables.timers.get(place)?.key;
  tables.timers.remove(place);
  editCounters(tables).lingering -= 1;
  if (key !== undefined) count(tables, at, key, -1);
  const job = tables.jobs.get([id]);
  if (job?.lingersUntil === until && job.grant === grant) {
    tables.jobs.put([id], { ...job, lingersUntil: undefined });
  }
}

export const lingeringWriters = { "lingering.ended": ended } satisfies Partial<EventWriters>;
