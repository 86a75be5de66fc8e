/**
 * The figures of a store, for statistics and for the decision to checkpoint.
 * Invariant: reading them touches no row.
 */
import type { HardStateRow } from "./hard-state.ts";
import type { Log } from "./log.ts";
import type { StoreLimits } from "./store-config.ts";

/** What waits in memory, and what the log comes to. */
export interface StoreStats {
  /** Rows that differ from SQLite, and those of them that it still has to lose. */
  readonly dirtyRows: number;
  readonly tombstones: number;
  readonly textUnits: number;
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
  readonly machine: { sum(figure: "dirtyRows" | "tombstones" | "textUnits"): number };
}

/** The figures as of now. */
export function statsOf({ machine, log, state }: Figured): StoreStats {
  return {
    dirtyRows: machine.sum("dirtyRows"),
    tombstones: machine.sum("tombstones"),
    textUnits: machine.sum("textUnits"),
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
