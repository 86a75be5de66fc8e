/**
 * What a row of a table of methods of `@upstash/redis` is: a few calls, one after the other in an empty keyspace, and what each gives.
 * Invariant: what is expected is written out, and holds of a real Redis as well.
 */
import type { Redis } from "@upstash/redis";

export type MethodRow = readonly [
  method: string,
  perform: (redis: Redis) => Promise<readonly unknown[]>,
  expected: readonly unknown[],
];

/** An instant that is far off, in seconds. */
export const FAR = 4_102_444_800;
