/**
 * A token bucket kept in one number: the time up to which the hand-outs so far have used what the rate gives (the generic cell
 * rate algorithm, ITU-T I.371).
 * Invariant: in any span of time there are at most `burst` hand-outs more than the rate gives in it.
 */
import type { Rate } from "../contract/keys.ts";

/**
 * A token comes every so many parts of a ms. Where these are no finer, a double of this millennium tells them apart, though what an addition
 * rounds off is about a quarter of one.
 */
const PARTS_MAX = 1024;

const commonDivisor = (a: number, b: number): number => (b === 0 ? a : commonDivisor(b, a % b));

/** A time as whole parts: what is rounded off at each hand-out would add up, and a full bucket lack a token. */
function inWholeParts(time: number, { limit, perMs }: Rate): number {
  const parts = limit / commonDivisor(limit, perMs);
  return parts > PARTS_MAX ? time : Math.round(time * parts) / parts;
}

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

/** After a hand-out, `inParts` or, as in entries of before, not. */
export function take(
  usedUntil: number | undefined,
  rate: Rate,
  at: number,
  inParts?: boolean,
): number {
  const used = Math.max(usedUntil ?? 0, at) + costOf(rate);
  return inParts ? inWholeParts(used, rate) : used;
}

/**
 * After a hand-out that does not count was taken back, of what it took: nothing where there was no rate. Of a faster rate that
 * holds by now it is one token too, not the many that fit the time of a slower one. `inParts` is as it was taken.
 */
export function refund(
  usedUntil: number | undefined,
  rate: Rate,
  taken: number,
  inParts?: boolean,
): number | undefined {
  if (usedUntil === undefined) return undefined;
  const used = Math.max(0, usedUntil - Math.min(taken, costOf(rate)));
  return inParts ? inWholeParts(used, rate) : used;
}
