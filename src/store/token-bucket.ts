/**
 * A token bucket kept in one number: the time up to which the hand-outs so far have used what the rate gives (the generic cell
 * rate algorithm, ITU-T I.371).
 * Invariant: in any span of time there are at most `burst` hand-outs more than the rate gives in it.
 */
import type { Rate } from "../contract/keys.ts";

/** The time that one hand-out uses, in ms; not whole. */
export const costOf = ({ limit, perMs }: Rate): number => perMs / limit;

const burstOf = ({ limit, burst = limit }: Rate): number => burst;

/** When the next hand-out may be, epoch ms; 0 where it may be at once, whatever the time. */
export function opensAt(usedUntil: number | undefined, rate: Rate | null): number {
  if (rate === null || usedUntil === undefined) return 0;
  return Math.ceil(usedUntil - (burstOf(rate) - 1) * costOf(rate));
}

/** What is used of a rate: no more than a full bucket, though a slower rate may have been used for longer. */
export function bounded<T extends number | undefined>(
  usedUntil: T,
  rate: Rate | null,
  at: number,
): T | number {
  if (rate === null || usedUntil === undefined) return usedUntil;
  return Math.min(usedUntil, at + burstOf(rate) * costOf(rate));
}

/** After a hand-out. */
export function take(usedUntil: number | undefined, rate: Rate, at: number): number {
  return Math.max(usedUntil ?? 0, at) + costOf(rate);
}

/**
 * After a hand-out that does not count was taken back, of what it took: nothing where there was no rate. Of a faster rate that
 * holds by now it is one token too, not the many that fit the time of a slower one.
 */
export function refund(
  usedUntil: number | undefined,
  rate: Rate,
  taken: number,
): number | undefined {
  if (usedUntil === undefined) return undefined;
  return Math.max(0, usedUntil - Math.min(taken, costOf(rate)));
}
