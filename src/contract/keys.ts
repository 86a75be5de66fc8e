/**
 * What may be said about flow keys: their limits, order, turns and pause, and those of the queue as a whole.
 * Invariant: what a key does not say for itself, the queue's defaults say; nothing that runs is taken back by a change.
 */
import * as z from "zod";
import { flowKey, integer, reason } from "./fields.ts";
import { limits } from "./limits.ts";

/** A token bucket: `limit` hand-outs per `perMs`, and at most `burst` at once (`limit`, unless it says otherwise). */
export const rate = z
  .strictObject({
    limit: integer(1, limits.rateMax),
    perMs: integer(1, limits.ratePerMsMax),
    burst: integer(1, limits.rateMax).optional(),
  })
  .refine(({ limit, perMs, burst = limit }) => burst * (perMs / limit) <= limits.rateFillMsMax, {
    message: "a burst of at most what the rate gives in ten years",
    path: ["burst"],
  });
export type Rate = z.output<typeof rate>;

/** Jobs that run at once; null: as many as there are. */
export const concurrency = integer(1, limits.concurrencyMax).nullable();

export const keyOrders = ["priority", "fifo"] as const;
/** How the jobs of a key are ordered: by priority, then place; or strictly by place, one at a time. */
export type KeyOrder = (typeof keyOrders)[number];

/** What may be said of a key, and of all keys as the queue's default. */
export const keyLimits = {
  concurrency: concurrency.optional(),
  rate: rate.nullable().optional(),
  /** Jobs that the key is given in one turn. */
  weight: integer(1, limits.weightMax).optional(),
  /** Jobs of the key that may wait: more are refused with `key_full`. */
  maxBacklog: integer(0, 1_000_000_000).nullable().optional(),
  order: z.enum(keyOrders).optional(),
  /** Of a key in strict order: whether a job that is tried again holds the key until it has ended, or takes a new place. */
  onRetry: z.enum(["block", "rejoin"]).optional(),
  /** Of a key in strict order: whether the next job follows one that failed, or the key is paused. */
  onFail: z.enum(["next", "park"]).optional(),
};

/** What holds for a key. */
export interface KeyLimits {
  readonly concurrency: number | null;
  readonly rate: Rate | null;
  readonly weight: number;
  readonly maxBacklog: number | null;
  readonly order: KeyOrder;
  readonly onRetry: "block" | "rejoin";
  readonly onFail: "next" | "park";
}

/** A change of a key: null, or of a word `"default"`, means the queue's default again; what is left out stays. */
export const keyPut = z
  .strictObject({
    concurrency: keyLimits.concurrency,
    rate: keyLimits.rate,
    weight: keyLimits.weight.unwrap().nullable().optional(),
    maxBacklog: keyLimits.maxBacklog,
    order: keyLimits.order.unwrap().nullable().optional(),
    onRetry: keyLimits.onRetry.unwrap().nullable().optional(),
    onFail: keyLimits.onFail.unwrap().nullable().optional(),
    /** Whether it hands out nothing; `false` also ends the time for which a release holds it. */
    paused: z.boolean().optional(),
    /** Why it is paused. */
    reason: reason.optional(),
  })
  .refine((said) => said.reason === undefined || said.paused === true, {
    message: "a reason is given with paused: true",
    path: ["reason"],
  });
export type PutKeyInput = z.output<typeof keyPut> & KeyReference;

/** What a key says for itself. */
export type KeySettings = Partial<KeyLimits>;

export interface KeyReference {
  readonly key: string;
}
export const keyReference = z.strictObject({ key: flowKey });

/** A page of keys, in the order of their names: those that have jobs, settings, or a pause. */
export const keyList = z.strictObject({
  /** Only keys that are held back by a limit, or that are paused. */
  state: z.enum(["limited", "paused"]).optional(),
  limit: integer(1, limits.pageJobsMax).optional(),
  cursor: z.string().max(2048).optional(),
});
export type KeyListInput = z.output<typeof keyList>;

/** Why the ready jobs of a key are not handed out. */
export type LimitedBy = "paused" | "concurrency" | "rate" | "held" | "retry";

/** A key as the API shows it. */
export interface KeyRecord {
  readonly key: string;
  /** Jobs that have not started: blocked, scheduled and ready ones. */
  readonly waiting: number;
  readonly ready: number;
  readonly running: number;
  /** Jobs that were cancelled or expired while they ran, and whose workers have not heard of it: they still count as running. */
  readonly lingering: number;
  readonly paused: boolean;
  readonly pausedReason?: string;
  /** The job that failed and so paused the key. */
  readonly parkedBy?: string;
  /** What keeps its ready jobs back; absent where nothing does. */
  readonly limitedBy?: LimitedBy;
  /** When that ends by time. */
  readonly limitedUntil?: number;
  /** What was said of this key. */
  readonly settings: KeySettings;
  /** What holds for it, with the queue's defaults. */
  readonly limits: KeyLimits;
}
export interface KeyReply {
  readonly now: number;
  readonly key: KeyRecord;
}
export interface KeyListReply {
  readonly now: number;
  readonly keys: readonly KeyRecord[];
  readonly cursor?: string;
}
