/**
 * Where it is kept that a queue pushes its jobs.
 * Invariant: it stands in the queue's row, so that it lives and is copied with the queue.
 */
import type { DeliverySettings, Probe } from "../contract/deliveries.ts";
import type { EventOf } from "../contract/events.ts";
import { type QueueRow, readQueue } from "./queue.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export interface DeliveryRow {
  readonly settings: DeliverySettings;
  readonly paused?: {
    readonly at: number;
    readonly reason?: string | undefined;
    readonly probe?: Probe | undefined;
  };
}

function edit(tables: SluiceTables, change: (row: DeliveryRow) => DeliveryRow): void {
  const row = readQueue(tables);
  if (row.delivery === undefined) throw new Error("an event is about a delivery that is not there");
  tables.queue.put([0], { ...row, delivery: change(row.delivery) });
}

function put(tables: SluiceTables, { settings }: EventOf<"delivery.put">): void {
  const row = readQueue(tables);
  tables.queue.put([0], { ...row, delivery: { ...row.delivery, settings } });
}

function removed(tables: SluiceTables): void {
  const { delivery: _, ...row }: QueueRow = readQueue(tables);
  tables.queue.put([0], row);
}

function paused(
  tables: SluiceTables,
  { reason, probe }: EventOf<"delivery.paused">,
  at: number,
): void {
  edit(tables, ({ settings }) => ({
    settings,
    paused: { at, ...(reason !== undefined && { reason }), ...(probe && { probe }) },
  }));
}

function resumed(tables: SluiceTables): void {
  edit(tables, ({ settings }) => ({ settings }));
}

export const deliveryWriters = {
  "delivery.paused": paused,
  "delivery.put": put,
  "delivery.removed": removed,
  "delivery.resumed": resumed,
} satisfies Partial<EventWriters>;
