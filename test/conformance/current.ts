/**
 * The current snapshot of a node, to be sent to another one.
 */
import type { SnapshotMeta, SnapshotStorage } from "../../src/store/raft.ts";

/** A snapshot on its way. */
export interface Sent {
  readonly meta: SnapshotMeta;
  readonly chunks: readonly string[];
}

/** The whole of the current snapshot. Throws where there is none. */
export function currentOf(snapshots: Pick<SnapshotStorage, "currentSnapshot">): Sent {
  const current = snapshots.currentSnapshot();
  if (current === undefined) throw new Error("there is no snapshot");
  return { meta: current.meta, chunks: [...current.chunks()] };
}
