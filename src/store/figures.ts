/**
 * The figures of a store, for statistics and for the decision to checkpoint.
 * Invariant: reading them touches no row.
 */
import type { Schema } from "./declare.ts";
import type { HardStateRow } from "./hard-state.ts";
import type { Log } from "./log.ts";
import type { TableMachine } from "./state-machine.ts";
import type { StoreLimits } from "./store-config.ts";

/** What waits in memory, and what the log comes to. */
export interface StoreStats {
  /** Rows that the next checkpoint is to write to their tables, and those of them that SQLite still has to lose. */
  readonly dirtyRows: number;
  readonly tombstones: number;
  readonly textUnits: number;
  /** What all rows that differ from their tables cost to write, also those that lists may hold: one to delete counts half. */
  readonly changed: number;
  readonly tailBytes: number;
  readonly tailEntries: number;
  readonly segments: number;
  readonly logBytes: number;
  /** Time of the oldest retained entry, epoch ms; 0 while there is none. */
  readonly firstAt: number;
}

/** What the figures are taken from. */
interface Figured {
  readonly log: Log;
  readonly state: HardStateRow;
  readonly machine: Pick<TableMachine<Schema, never>, "sum">;
}

/** The figures as of now. */
export function statsOf({ machine, log, state }: Figured): StoreStats {
  return {
    dirtyRows: machine.sum("dirtyRows"),
    tombstones: machine.sum("tombstones"),
    textUnits: machine.sum("textUnits"),
    changed: machine.sum("changed"),
    tailBytes: log.tailBytes,
    tailEntries: log.last.index - state.checkpointed.index,
    segments: log.segments,
    logBytes: log.bytes,
    firstAt: log.firstAt,
  };
}

/** What the changed rows cost a checkpoint, in rows to write: one to delete counts half. */
export const weightOf = ({ dirtyRows, tombstones }: StoreStats): number =>
  dirtyRows - tombstones / 2;

/** Whether the tail or the changed rows have reached a limit. */
export function isCheckpointDue(stats: StoreStats, due: StoreLimits): boolean {
  const { tailBytes, tailEntries, textUnits } = stats;
  return (
    tailBytes >= due.tailBytesMax ||
    tailEntries >= due.tailEntriesMax ||
    weightOf(stats) >= due.dirtyRowsMax ||
    textUnits >= due.textUnitsMax
  );
}
