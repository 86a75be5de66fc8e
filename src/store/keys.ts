/**
 * Where flow keys are kept: what each has waiting and running, what holds it back, and when its next turn is.
 * Invariant: a key has a row exactly while it has open jobs, slots taken, settings, a pause or used-up rate; its counts equal a
 * recount; a lane has turns exactly while it has ready jobs and its key was open when an event last touched it.
 */
import type { KeyLimits, KeySettings } from "../contract/keys.ts";
import { limits } from "../contract/limits.ts";
import type { QueueConfig } from "../contract/queue.ts";
import { declareTable } from "./declare.ts";
import type { JobRow } from "./jobs.ts";
import { integer, signed, text } from "./key-columns.ts";
import { readQueue } from "./queue.ts";
import type { Reads } from "./schema.ts";
import { opensAt as rateOpensAt } from "./token-bucket.ts";

/** Where a lane takes its turns: among those whose next job has the same set of kind and requirements, and the same priority. */
export type Round = readonly [set: number, priority: number];

/** The jobs of a key that have one kind and set of requirements; or all of them, where the key is in strict order. */
export interface KeyLane {
  /** Where its ready jobs stand in `ready`. */
  readonly lane: number;
  readonly open: number;
  readonly ready: number;
  /** The priority of its first ready job, of which at least so many have that priority; 0: it has to be looked up. */
  readonly top: number;
  readonly atTop: number;
  /** The round it has turns in; none while it has no ready job, or its key is shut. */
  readonly round?: Round | undefined;
}

export interface KeyRow {
  readonly settings?: KeySettings | undefined;
  readonly paused?:
    | {
        readonly at: number;
        readonly reason?: string | undefined;
        readonly job?: string | undefined;
      }
    | undefined;
  /** The order its open jobs stand in, which it keeps until it has none. */
  readonly order?: "fifo" | undefined;
  /** Blocked and scheduled jobs. */
  readonly later: number;
  readonly ready: number;
  readonly running: number;
  /** Slots of jobs that ended in a worker's hands without its knowledge. */
  readonly lingering: number;
  /** In strict order: the job that waits to be tried again, and holds the others back. */
  readonly holder?: string | undefined;
  /** No job is handed out before, since an API asked for time. */
  readonly heldUntil?: number | undefined;
  /** Up to when the rate is used. */
  readonly usedUntil?: number | undefined;
  /** Its timer, if it has one. */
  readonly dueAt?: number | undefined;
  /** By the number of the kind and requirements; in strict order the one lane is under 0. */
  readonly lanes: Readonly<Record<number, KeyLane>>;
}

export const MIXED = 0;

export const keys = declareTable<KeyRow>()({
  name: "keys",
  version: 1,
  key: [text("key")],
  warmRowsMax: 32_768,
  pendingRowsMax: limits.pendingRowsMax,
  // Mostly its lanes, one for each set of requirements, of up to 150 bytes.
  valueBytesMax: limits.keyValueBytesMax,
});
/** Lanes that have turns. */
export const turns = declareTable<{ readonly key: string }>()({
  name: "turns",
  version: 1,
  key: [integer("set_number"), signed("priority", -limits.priorityMin), integer("lane")],
  warmRowsMax: 32_768,
  pendingRowsMax: limits.pendingRowsMax,
  valueBytesMax: 1000,
});

export interface RoundRow {
  /** How many lanes have turns in it. */
  readonly lanes: number;
  /** The lane whose turn it was last, and the jobs that it is still given in it. The next lane by number is next. */
  readonly lane: number;
  readonly left: number;
  /**
   * The last lane that there was when the round began. Those that came since wait until it is over: a key that empties and comes back has
   * a new lane each time, and would else come before those who wait for its end.
   */
  readonly end?: number | undefined;
  /** The turn with which the round began, the one with which that before it did, how many lanes there were, and how many turns began since. */
  readonly began?: number | undefined;
  readonly before?: number | undefined;
  readonly size?: number | undefined;
  readonly used?: number | undefined;
  /** The last turn of the jobs without a key that have this set and priority, while keys had turns. */
  readonly plain?: number | undefined;
  /** How many rounds it has gone through by entries of before turns were numbered: those that had gone through less came first. */
  readonly passed: number;
}

/**
 * One row for each set and priority in which any lane has turns, or anyone had one since the set came: who comes back is to wait as if he had
 * stayed.
 */
export const rounds = declareTable<RoundRow>()({
  name: "rounds",
  version: 1,
  key: [integer("set_number"), signed("priority", -limits.priorityMin)],
  // A claim asks for one or two of each set that its worker covers.
  warmRowsMax: 4096,
  valueBytesMax: 1000,
});

export const freshKey: KeyRow = { later: 0, ready: 0, running: 0, lingering: 0, lanes: {} };

/** What holds for a key. */
export function limitsOf(
  row: Pick<KeyRow, "settings"> | undefined,
  config: QueueConfig,
): KeyLimits {
  return row?.settings === undefined ? config.keys : { ...config.keys, ...row.settings };
}

/** Jobs of a key that have not ended. */
export const openJobsOf = ({ later, ready, running }: KeyRow): number => later + ready + running;

/** The order in which a key's next open job would stand. */
export function orderOf(row: KeyRow | undefined, config: QueueConfig): "fifo" | undefined {
  if (row !== undefined && openJobsOf(row) > 0) return row.order;
  return limitsOf(row, config).order === "fifo" ? "fifo" : undefined;
}

/** Whether all of a key's slots are taken. */
export function hasNoSlot(row: KeyRow, { concurrency }: KeyLimits): boolean {
  const most = row.order === "fifo" ? 1 : (concurrency ?? Number.POSITIVE_INFINITY);
  return row.running + row.lingering >= most;
}

/** When the next job of a key may be handed out, epoch ms: 0 or past where it may be now, infinite where no time will open it. */
export function keyOpensAt(row: KeyRow, all: KeyLimits): number {
  const isShut = row.paused !== undefined || row.holder !== undefined || hasNoSlot(row, all);
  if (isShut) return Number.POSITIVE_INFINITY;
  return Math.max(row.heldUntil ?? 0, rateOpensAt(row.usedUntil, all.rate));
}

/** When a key without jobs and settings is forgotten: once nothing of what it used is remembered for a reason. */
function forgottenAt(row: KeyRow): number | undefined {
  const isNeeded =
    openJobsOf(row) + row.lingering > 0 || row.settings !== undefined || row.paused !== undefined;
  return isNeeded ? undefined : Math.max(row.heldUntil ?? 0, row.usedUntil ?? 0);
}

/** When time next does something to a key: it opens, or is forgotten; at once, where that is past. */
export function keyDueAt(row: KeyRow, opensAt: number, at: number): number | undefined {
  const forgotten = forgottenAt(row);
  if (forgotten !== undefined) return Math.ceil(forgotten);
  return row.ready > 0 && opensAt > at && opensAt < Number.POSITIVE_INFINITY ? opensAt : undefined;
}

/** Whether a job of a key in strict order holds the others back while it waits to be tried again. */
export function blocksOnRetry(tables: Pick<Reads, "keys" | "queue">, job: JobRow): boolean {
  if (!job.ordered || job.key === undefined) return false;
  return limitsOf(tables.keys.get([job.key]), readQueue(tables).config).onRetry === "block";
}
