/**
 * What was written once and must be readable for ever: a database, a queue's log and a snapshot, each as text.
 * Invariant: a file here is never changed; a new format gets a new file beside it (`write.ts` makes those that are missing).
 */
import type { Entry } from "../../../src/store/chain.ts";
import type { SnapshotMeta } from "../../../src/store/raft.ts";
import type { essenceOf } from "../queue-history.ts";
import queue from "./queue-1.json" with { type: "json" };
import snapshot1 from "./snapshot-1.json" with { type: "json" };
import snapshot2 from "./snapshot-2.json" with { type: "json" };
import store from "./store-1.json" with { type: "json" };

/** A value as JSON keeps it: a blob is an object with its bytes in hexadecimal. */
export type StoredValue = string | number | null | { readonly blob: string };

/** A whole database: how each table was created, and its rows. */
export interface GoldenStore {
  readonly tables: readonly {
    readonly name: string;
    readonly sql: string;
    readonly rows: readonly (readonly StoredValue[])[];
  }[];
}

/** A queue's log, and what it came to. */
export interface GoldenQueue {
  readonly entries: readonly Entry[];
  readonly jobs: ReturnType<typeof essenceOf>;
}

/** A snapshot of that queue, as some version wrote its rows. */
export interface GoldenSnapshot {
  readonly meta: SnapshotMeta;
  readonly chunks: readonly string[];
}

export const goldenStore: GoldenStore = store;
export const goldenQueue = queue as GoldenQueue;
/** From the oldest version to today's. */
export const goldenSnapshots = [snapshot1, snapshot2] as readonly GoldenSnapshot[];
