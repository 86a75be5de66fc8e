/**
 * The flags that say how jobs are run: the same for one job and for all jobs of an action.
 * Invariant: what is left out is left to the queue's own defaults.
 */
import type { Command } from "commander";
import type { EnqueueOptions } from "../client/index.ts";
import { duration, instant, integer, jsonObject, label, list } from "./values.ts";

export interface JobFlags {
  readonly delay?: number;
  readonly runAt?: number;
  readonly priority?: number;
  readonly ttl?: number;
  readonly expiresAt?: number;
  readonly lease?: number;
  readonly maxRun?: number;
  readonly attempts?: number;
  readonly backoff?: NonNullable<EnqueueOptions["backoff"]>;
  readonly label?: Record<string, string>;
  readonly requires?: string[];
  readonly key?: string;
}

/** Adds the flags to a command. */
export function addJobFlags(command: Command): Command {
  return command
    .option("--delay <duration>", "run it after this time", duration)
    .option("--run-at <time>", "run it at this time", instant)
    .option("--priority <n>", "-1000 to 1000, lower runs first", integer)
    .option(
      "--ttl <duration>",
      "expire it if it has not begun this long after its due time",
      duration,
    )
    .option("--expires-at <time>", "expire it if it has not ended by then", instant)
    .option("--lease <duration>", "how long a worker may be silent about it", duration)
    .option("--max-run <duration>", "how long leases may be extended in all", duration)
    .option("--attempts <n>", "how often to try", integer)
    .option("--backoff <json>", `as {"kind":"fixed","delayMs":5000}`, jsonObject)
    .option("--label <name=value>", "to find it by; may be repeated", label)
    .option("--requires <names>", "what a worker must be capable of", list)
    .option("--key <key>", "the flow key, whose limits, order and turns hold for it");
}

/** What the flags mean. */
export function jobOptions(flags: JobFlags) {
  const { delay, ttl, lease, maxRun, attempts, label: labels, ...same } = flags;
  return {
    ...same,
    delayMs: delay,
    ttlMs: ttl,
    leaseMs: lease,
    maxRunMs: maxRun,
    maxAttempts: attempts,
    labels,
  };
}
