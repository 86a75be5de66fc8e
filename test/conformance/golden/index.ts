/**
 * What was written once and must be readable for ever: a database, a queue's log and a snapshot, each as text.
 * Invariant: a file here is never changed; a new format gets a new file beside it (`write.ts` makes those that are missing).
 */
import type { Entry } from "../../../src/store/chain.ts";
import type { SnapshotMeta } from "../../../src/store/raft.ts";
import type { essenceOf } from "../queue-history.ts";
import queue1 from "./queue-1.json" with { type: "json" };
import queue2 from "./queue-2.json" with { type: "json" };
import queue3 from "./queue-3.json" with { type: "json" };
import queue4 from "./queue-4.json" with { type: "json" };
import queue5 from "./queue-5.json" with { type: "json" };
import queue6 from "./queue-6.json" with { type: "json" };
import queue7 from "./queue-7.json" with { type: "json" };
import snapshot1 from "./snapshot-1.json" with { type: "json" };
import snapshot2 from "./snapshot-2.json" with { type: "json" };
import snapshot3 from "./snapshot-3.json" with { type: "json" };
import snapshot4 from "./snapshot-4.json" with { type: "json" };
import snapshot5 from "./snapshot-5.json" with { type: "json" };
import snapshot6 from "./snapshot-6.json" with { type: "json" };
import snapshot7 from "./snapshot-7.json" with { type: "json" };
import snapshot8 from "./snapshot-8.json" with { type: "json" };
import snapshot9 from "./snapshot-9.json" with { type: "json" };
import snapshot10 from "./snapshot-10.json" with { type: "json" };
import snapshot11 from "./snapshot-11.json" with { type: "json" };
import snapshot12 from "./snapshot-12.json" with { type: "json" };
import snapshot13 from "./snapshot-13.json" with { type: "json" };
import snapshot14 from "./snapshot-14.json" with { type: "json" };
import snapshot15 from "./snapshot-15.json" with { type: "json" };
import snapshot16 from "./snapshot-16.json" with { type: "json" };
import snapshot17 from "./snapshot-17.json" with { type: "json" };
import snapshot18 from "./snapshot-18.json" with { type: "json" };
import snapshot19 from "./snapshot-19.json" with { type: "json" };
import snapshot20 from "./snapshot-20.json" with { type: "json" };
import snapshot21 from "./snapshot-21.json" with { type: "json" };
import snapshot22 from "./snapshot-22.json" with { type: "json" };
import snapshot23 from "./snapshot-23.json" with { type: "json" };
import snapshot24 from "./snapshot-24.json" with { type: "json" };
import snapshot25 from "./snapshot-25.json" with { type: "json" };
import store1 from "./store-1.json" with { type: "json" };
import store3 from "./store-3.json" with { type: "json" };
import store4 from "./store-4.json" with { type: "json" };
import store6 from "./store-6.json" with { type: "json" };
import store8 from "./store-8.json" with { type: "json" };
import store9 from "./store-9.json" with { type: "json" };
import store11 from "./store-11.json" with { type: "json" };

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

/** A snapshot of a queue, as some version wrote its rows. */
export interface GoldenSnapshot {
  readonly meta: SnapshotMeta;
  readonly chunks: readonly string[];
}

/** A queue's log, and what its jobs came to. */
export interface GoldenLog {
  /** The state that it goes on from, as of the place that its first entry follows; undefined where the queue began. */
  readonly from?: GoldenSnapshot;
  readonly entries: readonly Entry[];
  readonly jobs: ReturnType<typeof essenceOf>;
}

export interface GoldenQueue {
  readonly log: GoldenLog;
  /** What the log made, from the oldest version of rows to today's. */
  readonly snapshots: readonly GoldenSnapshot[];
}

/** By format; the last is the one that is written. */
export const goldenStores: readonly GoldenStore[] = [
  store1,
  store3,
  store4,
  store6,
  store8,
  store9,
  store11,
];
/** The first knew jobs alone, the second no keys, the third no deliveries, the fourth no names, the fifth no job that waits for many, the sixth no long text; the last has every table. */
export const goldenQueues = [
  { log: queue1, snapshots: [snapshot1, snapshot2, snapshot4, snapshot8, snapshot13, snapshot19] },
  { log: queue2, snapshots: [snapshot3, snapshot5, snapshot9, snapshot14, snapshot20] },
  { log: queue3, snapshots: [snapshot6, snapshot10, snapshot15, snapshot21] },
  { log: queue4, snapshots: [snapshot7, snapshot11, snapshot16, snapshot22] },
  { log: queue5, snapshots: [snapshot12, snapshot17, snapshot23] },
  { log: queue6, snapshots: [snapshot18, snapshot24] },
  { log: queue7, snapshots: [snapshot25] },
] as readonly GoldenQueue[];
