/**
 * What a store is opened with: limits of a checkpoint, writers, texts.
 * Invariant: the limits in force come from the contract's one table, unless a test lowers them.
 */
import { limits } from "../contract/limits.ts";
import type { Schema, Tables } from "./declare.ts";
import type { EventTexts, StoredEvent } from "./entry.ts";
import type { CatchUp, Writers } from "./evolve.ts";
import type { SegmentLimits } from "./log.ts";
import type { RowForms } from "./row-forms.ts";

/** When a checkpoint is due, and when it seals the open segment. */
export interface StoreLimits extends SegmentLimits {
  /** Bytes of log after the checkpoint: they are read again when the object wakes. */
  readonly tailBytesMax: number;
  /** Only a cap; the bytes are meant to decide. */
  readonly tailEntriesMax: number;
  /** Rows that the checkpoint would write while the queue waits; one that it would delete counts half. */
  readonly dirtyRowsMax: number;
  /** UTF-16 units of texts that wait in memory for the checkpoint. */
  readonly textUnitsMax: number;
}

export const storeLimits: StoreLimits = {
  tailBytesMax: limits.checkpointTailBytes,
  tailEntriesMax: limits.checkpointTailEntries,
  dirtyRowsMax: limits.checkpointDirtyRows,
  textUnitsMax: limits.checkpointTextUnits,
  segmentBytesMax: limits.segmentBytes,
  segmentKeysMax: limits.segmentKeys,
};

/** What a store is opened with. */
export interface StoreConfig<S extends Schema, E extends StoredEvent> {
  readonly tables: S;
  readonly writers: Writers<S, E>;
  readonly texts: EventTexts<E>;
  /** Looks at the tables as of the checkpoint, before the tail: throws LogCorrupt where they contradict each other. */
  readonly check?: (tables: Tables<S>) => void;
  /** What rows must be that come from elsewhere. */
  readonly forms?: RowForms;
  /** Told of a few events of the tail before they are applied: reads at once what they change. */
  readAhead?(tables: Tables<S>, events: readonly E[]): void;
  /** How the tail is applied. Default: straight to the tables. */
  readonly catchUp?: (tables: Tables<S>) => CatchUp<S>;
  readonly limits?: Partial<StoreLimits>;
}
