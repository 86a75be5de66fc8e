/**
 * What may be said in Redis's terms: calls, replies, and the versions of names for WATCH.
 * Invariant: names, values and arguments are binary strings, in which each character U+0000–U+00FF is one byte; only the gate knows
 * of bytes.
 */
import * as z from "zod";
import { row } from "./command-row.ts";
import { limits } from "./limits.ts";

/** A reply in RESP's terms; over RESP2 the gate turns maps, sets, doubles and nulls into what RESP2 has. */
export type RedisReply =
  /** A simple string. */
  | { readonly ok: string }
  /** An error as Redis spells it, without the dash. */
  | { readonly error: string }
  /** An integer, as far as a double holds it exactly. */
  | number
  /** An integer beyond 2^53, in decimal. */
  | { readonly integer: string }
  /** A bulk string. */
  | string
  /** `$-1` in RESP2, `_` in RESP3. */
  | null
  /** `*-1` in RESP2, `_` in RESP3. */
  | { readonly nilArray: true }
  | readonly RedisReply[]
  /** A flat array in RESP2. */
  | { readonly map: readonly (readonly [RedisReply, RedisReply])[] }
  /** A flat array in RESP2, an array of arrays in RESP3. */
  | { readonly pairs: readonly (readonly [RedisReply, RedisReply])[] }
  /** An array in RESP2. */
  | { readonly set: readonly RedisReply[] }
  /** In Redis's own spelling; a bulk string in RESP2. */
  | { readonly double: string };

/** What is said in place of replies that are too large. */
export const repliesTooLarge = `the replies would be over ${limits.redisReplyBytesMax} bytes: ask for less at once, or in steps with a cursor`;

const binary = z.string().regex(/^[\0-\xff]*$/, "characters U+0000–U+00FF, one for each byte");

export const redisRun = z.strictObject({
  /** Whole commands, each with its name first. */
  calls: z.array(z.array(binary).min(1)).max(limits.redisCallsMax),
  /** All of them as one, between which nobody else comes: MULTI and EXEC. */
  atomic: z.boolean().optional(),
  /** Names that must not have changed since their versions were read; only of an atomic run. */
  watched: z
    .array(z.strictObject({ name: binary, version: z.number() }))
    .max(limits.redisWatchedMax)
    .optional(),
  /** Whether a call that finds nothing to take may wait; without it, and in an atomic run, it answers nil. */
  blocks: z.boolean().optional(),
  /** Once the replies have so many bytes no more calls are performed, unless all are one. */
  enoughBytes: z.int().min(0).optional(),
});
export type RedisRunInput = z.output<typeof redisRun>;

export interface RedisRunReply {
  /**
   * One for each call; null where a watched name has changed, and nothing was done. Fewer than there were calls: the others were
   * not performed, and are to be sent again.
   */
  readonly replies: readonly RedisReply[] | null;
  /** The call behind the replies found nothing to take, and waits for so long; 0: for ever. */
  readonly blocked?: { readonly ms: number } | undefined;
}

export const redisVersions = z.strictObject({
  names: z.array(binary).max(limits.redisWatchedMax),
});
export type RedisVersionsInput = z.output<typeof redisVersions>;

export interface RedisVersionsReply {
  /** A number for each name, which changes whenever the name does. */
  readonly versions: readonly number[];
}

export interface RedisKeyspaceReply {
  readonly names: number;
  /** How many of them have a time; left out where the names are too many to look at all that have one. */
  readonly expiring?: number | undefined;
}

export const redisCommands = {
  "redis.run": row("write", "Run Redis commands", redisRun, "queue_unknown"),
  "redis.keyspace": row("read", "Count names", z.strictObject({}), "queue_unknown"),
  "redis.versions": row("read", "Read versions of names", redisVersions, "queue_unknown"),
} as const;

/** Whether a reply is an error. */
export function isRedisError(reply: RedisReply): reply is { readonly error: string } {
  return typeof reply === "object" && reply !== null && "error" in reply;
}
