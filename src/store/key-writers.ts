/**
 * What becomes of flow keys: one writer for each event.
 * Invariant: a writer takes the event's facts as they are and never refuses or decides.
 */
import type { EventOf } from "../contract/events.ts";
import { editKey } from "./key-edits.ts";
import type { KeyDraft } from "./key-lanes.ts";
import { editCounters } from "./queue.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

/** Changes a key's row, and what is counted of it. */
function change(
  tables: SluiceTables,
  at: number,
  key: string,
  edit: (row: KeyDraft) => void,
): void {
  editKey(tables, at, key, (row) => {
    edit(row);
    return undefined;
  });
}

function put(tables: SluiceTables, { key, settings }: EventOf<"key.put">, at: number): void {
  const isSaid = Object.keys(settings).length > 0;
  change(tables, at, key, (row) => {
    const was = row.settings !== undefined;
    if (was !== isSaid) editCounters(tables).keys_set += isSaid ? 1 : -1;
    row.settings = isSaid ? settings : undefined;
  });
}

function paused(tables: SluiceTables, event: EventOf<"key.paused">, at: number): void {
  const { key, reason, job } = event;
  change(tables, at, key, (row) => {
    row.paused = { at, reason, job };
  });
}

function resumed(tables: SluiceTables, { key, lifted }: EventOf<"key.resumed">, at: number): void {
  change(tables, at, key, (row) => {
    row.paused = undefined;
    if (lifted) row.heldUntil = undefined;
  });
}

/** Whatever time and the queue's defaults mean for it, any change of its row brings out. */
function refreshed(tables: SluiceTables, { key }: EventOf<"key.refreshed">, at: number): void {
  change(tables, at, key, () => {});
}

export const keyWriters = {
  "key.paused": paused,
  "key.put": put,
  "key.refreshed": refreshed,
  "key.resumed": resumed,
} satisfies Partial<EventWriters>;
