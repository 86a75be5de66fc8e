/**
 * Where a queue is kept: its name, configuration and pause, and its counters.
 * Invariant: both rows exist from the queue's first event on, and the counters equal a recount.
 */
import type { EndStatus } from "../contract/actions.ts";
import { defaults } from "../contract/defaults.ts";
import type { EventOf } from "../contract/events.ts";
import type { EndState, JobState } from "../contract/fields.ts";
import type { QueueConfig } from "../contract/queue.ts";
import { declareTable } from "./declare.ts";
import type { DeliveryRow } from "./deliveries.ts";
import { integer } from "./key-columns.ts";
import { PLAIN_LANE } from "./lanes.ts";
import type { EventWriters, Reads, SluiceTables } from "./schema.ts";
import { bounded } from "./token-bucket.ts";

export interface QueueRow {
  readonly name: string;
  readonly queueId: string;
  readonly term: number;
  readonly createdAt: number;
  readonly config: QueueConfig;
  readonly paused?: { readonly at: number; readonly reason?: string };
  /** Where its jobs are pushed to. */
  readonly delivery?: DeliveryRow;
  /** The directory knows the queue. */
  readonly registered?: true;
}

/**
 * The number of jobs in each state, of those that actions and children keep, of workers, schedules and keys with settings, the bytes
 * they hold, operations under way, lanes that have turns and ready jobs of those that have none; the last number of each sequence;
 * how far the rounds had gone by entries of before turns were numbered, and that of the jobs without a key; and up to when the queue's rate is
 * used.
 */
export type Counters = Record<
  | JobState
  | `action_${EndState}`
  | `parent_${EndState}`
  | `ended_${EndStatus}`
  | "bytes"
  | "underway"
  | "seq"
  | "grant"
  | "lane"
  | "operation"
  | "action"
  | "workers"
  | "schedules"
  | "keys"
  | "keys_set"
  | "lingering"
  | "turns"
  | "limited"
  | "passed"
  | "plain_passed"
  | "used_until",
  number
>;

export const noCounters: Counters = {
  blocked: 0,
  scheduled: 0,
  ready: 0,
  running: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
  action_completed: 0,
  action_failed: 0,
  action_cancelled: 0,
  action_expired: 0,
  parent_completed: 0,
  parent_failed: 0,
  parent_cancelled: 0,
  parent_expired: 0,
  ended_completed: 0,
  ended_failed: 0,
  ended_cancelled: 0,
  bytes: 0,
  underway: 0,
  seq: 0,
  grant: 0,
  lane: PLAIN_LANE,
  operation: 0,
  action: 0,
  workers: 0,
  schedules: 0,
  keys: 0,
  keys_set: 0,
  lingering: 0,
  turns: 0,
  limited: 0,
  passed: 0,
  plain_passed: 0,
  used_until: 0,
};

/** A configuration as it is now of one that may be from before some setting was there. */
const complete = (config: QueueConfig): QueueConfig => ({
  ...config,
  planMaxAttempts: config.planMaxAttempts ?? defaults.planMaxAttempts,
  workerTtlMs: config.workerTtlMs ?? defaults.workerTtlMs,
  concurrency: config.concurrency ?? null,
  rate: config.rate ?? null,
  keys: { ...defaults.keys, ...config.keys },
});

/** One row, under 0. */
export const queue = declareTable<QueueRow>()({
  name: "queue",
  version: 3,
  // Version 1 had no settings for plans and workers, version 2 none for keys.
  upgrade: (_, row) => ({ ...(row as QueueRow), config: complete((row as QueueRow).config) }),
  key: [integer("one")],
  resident: true,
  identity: ["name", "queueId", "term", "registered"],
});
/** One row, under 0. */
export const counters = declareTable<Readonly<Counters>>()({
  name: "counters",
  version: 3,
  // Version 1 had no actions to count, version 2 no keys.
  upgrade: (_, row) => ({ ...noCounters, ...(row as Counters) }),
  key: [integer("one")],
  valueBytesMax: 2000,
  resident: true,
});

/** The queue's row: it exists as long as the queue does. */
export function readQueue(tables: Pick<Reads, "queue">): QueueRow {
  const row = tables.queue.get([0]);
  if (row === undefined) throw new Error("the queue was not created");
  return row;
}

/** The queue's counters, to be changed in place. */
export function editCounters(tables: Pick<SluiceTables, "counters">): Counters {
  const row = tables.counters.edit([0]);
  if (row === undefined) throw new Error("the queue has no counters");
  return row;
}

function created(tables: SluiceTables, event: EventOf<"queue.created">, at: number): void {
  const { name, queueId, term, config } = event;
  tables.queue.put([0], { name, queueId, term, createdAt: at, config: complete(config) });
  tables.counters.put([0], { ...noCounters });
}

function configured(tables: SluiceTables, event: EventOf<"queue.configured">, at: number): void {
  const config = complete(event.config);
  tables.queue.put([0], { ...readQueue(tables), config });
  const row = editCounters(tables);
  row.used_until = bounded(row.used_until, config.rate, at);
}

function paused(tables: SluiceTables, event: EventOf<"queue.paused">, at: number): void {
  const pause = event.reason === undefined ? { at } : { at, reason: event.reason };
  tables.queue.put([0], { ...readQueue(tables), paused: pause });
}

function resumed(tables: SluiceTables): void {
  const { paused: _, ...row } = readQueue(tables);
  tables.queue.put([0], row);
}

/** A state from elsewhere becomes this queue's: its names, ids and tokens are this queue's from now on. */
function imported(tables: SluiceTables, event: EventOf<"queue.imported">): void {
  const { registered: _, ...row } = readQueue(tables);
  const { name, queueId, term } = event;
  tables.queue.put([0], { ...row, name, queueId, term });
}

function registered(tables: SluiceTables): void {
  tables.queue.put([0], { ...readQueue(tables), registered: true });
}

export const queueWriters = {
  "queue.configured": configured,
  "queue.created": created,
  "queue.imported": imported,
  "queue.paused": paused,
  "queue.registered": registered,
  "queue.resumed": resumed,
} satisfies Partial<EventWriters>;
