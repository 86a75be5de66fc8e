/**
 * What creating, configuring, pausing and reading a queue mean.
 * Invariant: a queue's configuration is always complete.
 */

import { defaults } from "../contract/defaults.ts";
import type { EventFacts } from "../contract/events.ts";
import { type JobKind, type JobState, jobStates } from "../contract/fields.ts";
import type { QueueIdentity } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type {
  QueueConfig,
  QueueConfigChange,
  QueueRecord,
  QueueStats,
  Unclaimable,
} from "../contract/queue.ts";
import { readKeyspace } from "../store/names.ts";
import { canonical } from "../store/snapshot-rows.ts";
import {
  countersOf,
  type Decide,
  queueOf,
  type Read,
  type Transaction,
  type View,
} from "./decide.ts";
import { releaseRunning, resizeKeys } from "./operations.ts";
import { keepNumbers, type PlanNumber } from "./plans.ts";
import { nextDueAt } from "./sweep.ts";
import { countByState, liveWorkers } from "./workers.ts";

/** What a queue is created with. */
export const defaultConfig: QueueConfig = {
  leaseMs: defaults.leaseMs,
  maxAttempts: defaults.maxAttempts,
  planMaxAttempts: defaults.planMaxAttempts,
  workerTtlMs: defaults.workerTtlMs,
  maxDeliveries: null,
  backoff: defaults.backoff,
  concurrency: null,
  rate: null,
  keys: defaults.keys,
  maxBytes: defaults.maxBytes,
  maxJobs: defaults.maxJobs,
  retention: defaults.retention,
};

/** A configuration with a change: what the change leaves out stays. */
function withChange(config: QueueConfig, change: QueueConfigChange): QueueConfig {
  const { retention = {}, keys, ...rest } = change;
  const merged: Record<string, unknown> = { ...config };
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) merged[name] = value;
  const { completed, failed, cancelled, expired } = config.retention;
  if (keys !== undefined) merged["keys"] = withSaid(config.keys, keys);
  merged["retention"] = {
    completed: { ...completed, ...retention.completed },
    failed: { ...failed, ...retention.failed },
    cancelled: { ...cancelled, ...retention.cancelled },
    expired: { ...expired, ...retention.expired },
  };
  return merged as unknown as QueueConfig;
}

/** Settings with those that were said. */
export function withSaid<T extends object>(
  settings: T,
  said: { readonly [F in keyof T]?: T[F] | undefined },
): T {
  const merged = { ...settings };
  for (const name in said) if (said[name] !== undefined) merged[name] = said[name];
  return merged;
}

/** One node keeps the queue. Its id is the index of the entry that lets it in, so that none is ever used again. */
function membershipOf(primary: number): EventFacts["queue.membership"] {
  return { configs: [[primary]], nodes: { [primary]: { role: "primary" } } };
}

/** The first events of a queue, in entry 1: what it is, and that it is kept by one node. */
export function createQueue(tx: Transaction, name: string, identity: QueueIdentity): void {
  const { queueId, term } = identity;
  tx.emit("queue.created", { name, queueId, term, config: defaultConfig });
  tx.emit("queue.membership", membershipOf(1));
}

/**
 * The first events behind an imported state, in the entry `index`: whose it is from now on, that the numbers of plans which
 * the queue has given stay given, and that nobody holds a lease of it. What was running goes back to its place.
 */
export function takeOver(
  tx: Transaction,
  name: string,
  from: EventFacts["queue.imported"]["from"],
  index: number,
  given: readonly PlanNumber[],
): void {
  const { queueId, term } = tx.identity;
  tx.emit("queue.imported", { name, queueId, term, from });
  tx.emit("queue.membership", membershipOf(index));
  keepNumbers(tx, given);
  // A copy must not push the same jobs beside the queue that it was made of.
  if (queueOf(tx).delivery !== undefined) {
    tx.emit("delivery.paused", { reason: "imported: resume it to push from here" });
  }
  releaseRunning(tx);
}

function toRecord(view: View): QueueRecord {
  const { name, queueId, createdAt, config, paused } = queueOf(view);
  return {
    name,
    queueId,
    term: view.identity.term,
    createdAt,
    paused: paused !== undefined,
    ...(paused?.reason !== undefined && { pausedReason: paused.reason }),
    ...(paused !== undefined && { pausedAt: paused.at }),
    config,
  };
}

export const getQueue: Read<"queue.get"> = (view) => ({ now: view.at, queue: toRecord(view) });

const replyWith = (tx: Transaction) => ({ now: tx.at, queue: toRecord(tx) });

export const configureQueue: Decide<"queue.configure"> = (tx, change) => {
  const before = queueOf(tx).config;
  const config = withChange(before, change);
  // A configuration that was imported has its fields in another order.
  if (canonical(config) !== canonical(before)) tx.emit("queue.configured", { config });
  // What holds for keys that say nothing for themselves has changed for as many as there are.
  if (canonical(config.keys) !== canonical(before.keys)) resizeKeys(tx);
  return replyWith(tx);
};

export const pauseQueue: Decide<"queue.pause"> = (tx, { reason }) => {
  const { paused } = queueOf(tx);
  if (paused === undefined || paused.reason !== reason) {
    tx.emit("queue.paused", reason === undefined ? {} : { reason });
  }
  return replyWith(tx);
};

export const resumeQueue: Decide<"queue.resume"> = (tx) => {
  if (queueOf(tx).paused !== undefined) tx.emit("queue.resumed", {});
  return replyWith(tx);
};

/** How many levels of priority, of all lanes, the search for the oldest ready job looks at. */
const LEVELS_MAX = 256;

/**
 * Since when the oldest ready job has been ready: the head of each priority of each lane, also of those of keys, is the oldest of
 * it. Exact up to 256 levels, then of those that come first.
 */
function oldestReadyAt({ tables: { ready } }: View): number | undefined {
  let oldest: number | undefined;
  let head = ready.first();
  for (let levels = 0; head !== undefined && levels < LEVELS_MAX; levels++) {
    const [lane, priority, readyAt] = head[0];
    oldest = Math.min(oldest ?? readyAt, readyAt);
    // The next level is sought from its first key on: past a key's leading parts SQLite would walk.
    head = ready.range({ from: [lane, priority + 1], limit: 1 })[0];
  }
  return oldest;
}

/** How much of what somebody put there a queue keeps. */
export type Contents = Readonly<Record<"jobs" | "plans" | "schedules" | "names", number>>;

export function contentsOf(view: View): Contents {
  const counters = countersOf(view);
  const jobs = jobStates.reduce((sum, state) => sum + counters[state], 0);
  let plans = 0;
  for (const [, { removedAt }] of view.tables.plans.scan({}))
    if (removedAt === undefined) plans += 1;
  const { names } = readKeyspace(view.tables);
  return { jobs, plans, schedules: counters.schedules, names };
}

/** Whether a queue may be deleted, or replaced, without losing anything that somebody put there. */
export const isEmpty = ({ jobs, plans, schedules, names }: Contents): boolean =>
  jobs + plans + schedules + names === 0;

/** Who asked for jobs: what it takes. */
export interface Claimer {
  readonly kinds: readonly JobKind[];
  readonly capabilities: readonly string[];
  /** Without capabilities, also by its registration, it can do everything. */
  readonly takesAny?: true | undefined;
  /** Who it is, if it can do everything. */
  readonly worker?: string | undefined;
}

/** Whether somebody can do everything. */
function canAny({ tables }: View, { takesAny, worker, capabilities }: Claimer): boolean {
  if (takesAny !== true || capabilities.length > 0) return false;
  const row = worker === undefined ? undefined : tables.workers.get([worker]);
  return row === undefined || row.capabilities.length === 0;
}

/** What somebody can do. */
interface Able {
  readonly kinds: readonly JobKind[];
  readonly capabilities: ReadonlySet<string>;
  readonly isAny: boolean;
}

/** What there is among these that somebody can do, each once: a fleet of workers is alike. */
function ableAmong(view: View, claimers: Iterable<Claimer>): readonly Able[] {
  const able = new Map<string, Able>();
  for (const claimer of claimers) {
    const { kinds, capabilities } = claimer;
    const isAny = canAny(view, claimer);
    // No name of a capability is "*".
    const name = `${kinds.join()} ${isAny ? "*" : capabilities.join()}`;
    if (!able.has(name)) able.set(name, { kinds, capabilities: new Set(capabilities), isAny });
  }
  return [...able.values()];
}

/**
 * What ready jobs require that neither a live worker can do, nor one of those who asked lately, nor whom they are pushed to; and how
 * much more there is.
 */
export function unclaimable(
  view: View,
  lately: Iterable<Claimer>,
): Pick<QueueStats, "unclaimable" | "unclaimableOmitted"> {
  const { delivery } = queueOf(view);
  const pushed: Claimer[] =
    delivery === undefined
      ? []
      : [{ kinds: ["payload"], capabilities: delivery.settings.capabilities }];
  const able = ableAmong(view, [...liveWorkers(view), ...lately, ...pushed]);
  const found: Unclaimable[] = [];
  let bytes = 0;
  let omitted = 0;
  for (const [, { kind, requires, ready }] of view.tables.lanes.scan({})) {
    if (ready === 0) continue;
    const isCovered = able.some(
      (each) =>
        each.kinds.includes(kind) &&
        (each.isAny || requires.every((need) => each.capabilities.has(need))),
    );
    if (isCovered) continue;
    const set = { kind, requires, ready };
    bytes += JSON.stringify(set).length;
    if (bytes > limits.unclaimableBytesMax) omitted += 1;
    else found.push(set);
  }
  return { unclaimable: found, ...(omitted > 0 && { unclaimableOmitted: omitted }) };
}

/** What the state of a queue says of itself; the object adds its storage, log and rates. */
export function queueCounts(
  view: View,
): Pick<QueueStats, "counts" | "jobBytes" | "oldestReadyAgeMs" | "nextDueAt" | "workers"> {
  const counters = countersOf(view);
  const oldest = oldestReadyAt(view);
  return {
    counts: Object.fromEntries(jobStates.map((state) => [state, counters[state]])) as Record<
      JobState,
      number
    >,
    jobBytes: counters.bytes,
    oldestReadyAgeMs: oldest === undefined ? null : Math.max(0, view.at - oldest),
    nextDueAt: nextDueAt(view) ?? null,
    workers: countByState(view),
  };
}
