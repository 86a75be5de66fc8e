/**
 * Where schedules are kept, and in which order they are due.
 * Invariant: `schedule_due` has one row for each schedule that has a next slot, at that slot.
 */
import type { EventOf } from "../contract/events.ts";
import type { RefusalCode } from "../contract/refusals.ts";
import type { ScheduleDefinition } from "../contract/schedules.ts";
import { declareTable } from "./declare.ts";
import { ascii, integer } from "./key-columns.ts";
import { editCounters } from "./queue.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export interface ScheduleRow {
  readonly definition: ScheduleDefinition;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly pausedAt?: number;
  /** Its next slot. */
  readonly nextAt?: number | undefined;
  readonly lastSlotAt?: number | undefined;
  readonly lastJob?: string | undefined;
  readonly lastAction?: string | undefined;
  readonly fired: number;
  readonly skipped: number;
  /** Why its newest slot made nothing. */
  readonly refused?: RefusalCode | undefined;
  /** Slots that were caught up in a row. */
  readonly behind: number;
}

export const schedules = declareTable<ScheduleRow>()({
  name: "schedules",
  version: 1,
  key: [ascii("id")],
});
/** Schedules by their next slots. */
export const schedule_due = declareTable<object>()({
  name: "schedule_due",
  version: 1,
  key: [integer("slot_at"), ascii("id")],
  valueBytesMax: 10,
});

function rowOf(tables: SluiceTables, id: string): ScheduleRow {
  const row = tables.schedules.get([id]);
  if (row === undefined) throw new Error(`an event names schedule ${id}, which is not kept`);
  return row;
}

/** Replaces a schedule's row, its place among those that are due, and the count of its plan. */
function place(tables: SluiceTables, id: string, after: ScheduleRow | undefined): void {
  const before = tables.schedules.get([id]);
  if (before?.nextAt !== after?.nextAt) {
    if (before?.nextAt !== undefined) tables.schedule_due.remove([before.nextAt, id]);
    if (after?.nextAt !== undefined) tables.schedule_due.insert([after.nextAt, id], {});
  }
  const [from, to] = [before && planOf(before.definition), after && planOf(after.definition)];
  if (from !== to) {
    countOfPlan(tables, from, -1);
    countOfPlan(tables, to, 1);
  }
  if ((before === undefined) !== (after === undefined)) {
    editCounters(tables).schedules += after === undefined ? -1 : 1;
  }
  if (after === undefined) tables.schedules.remove([id]);
  else tables.schedules.put([id], after);
}

const planOf = ({ job, action }: ScheduleDefinition): string | undefined =>
  action?.plan ?? job?.plan;

function countOfPlan(tables: SluiceTables, plan: string | undefined, change: 1 | -1): void {
  const row = plan === undefined ? undefined : tables.plans.edit([plan]);
  if (row !== undefined) row.schedules += change;
}

function put(tables: SluiceTables, event: EventOf<"schedule.put">, at: number): void {
  const { id, definition, nextAt } = event;
  const before = tables.schedules.get([id]);
  const fresh = { createdAt: at, fired: 0, skipped: 0 };
  place(tables, id, { ...(before ?? fresh), definition, updatedAt: at, nextAt, behind: 0 });
}

function fired(tables: SluiceTables, event: EventOf<"schedule.fired">): void {
  const { id, slotAt, nextAt, behind, job, action, skipped, refused } = event;
  const row = rowOf(tables, id);
  const made = job !== undefined || action !== undefined;
  place(tables, id, {
    ...row,
    nextAt,
    lastSlotAt: slotAt ?? row.lastSlotAt,
    ...(made && { lastJob: job, lastAction: action }),
    fired: row.fired + (made ? 1 : 0),
    skipped: row.skipped + (skipped ? 1 : 0),
    refused: slotAt === undefined ? row.refused : refused,
    behind: behind ?? 0,
  });
}

function paused(tables: SluiceTables, { id }: EventOf<"schedule.paused">, at: number): void {
  place(tables, id, { ...rowOf(tables, id), pausedAt: at, nextAt: undefined, behind: 0 });
}

function resumed(tables: SluiceTables, { id, nextAt }: EventOf<"schedule.resumed">): void {
  const { pausedAt: _, ...row } = rowOf(tables, id);
  place(tables, id, { ...row, nextAt });
}

function removed(tables: SluiceTables, { id }: EventOf<"schedule.removed">): void {
  place(tables, id, undefined);
}

export const scheduleWriters = {
  "schedule.fired": fired,
  "schedule.paused": paused,
  "schedule.put": put,
  "schedule.removed": removed,
  "schedule.resumed": resumed,
} satisfies Partial<EventWriters>;
