/**
 * The ways to speak over a Redis connection: as to a plain Redis, or as to AGQ.
 * Invariant: the first is what is spoken where none is named.
 */

/** AGQ's workers are of generations: the first is handed a whole job, the second its id. */
export const dialects = ["redis", "agq-g1", "agq-g2"] as const;
export type Dialect = (typeof dialects)[number];
