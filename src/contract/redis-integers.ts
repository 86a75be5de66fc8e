/**
 * Integers as Redis reads them, and what it answers to those that are none or lie outside of a range.
 * Invariant: only the one text that Redis would write for an integer is one.
 */

export const INT64_MAX = 2n ** 63n - 1n;
export const INT64_MIN = -(2n ** 63n);
export const INT32_MAX = 2n ** 31n - 1n;
export const INT32_MIN = -(2n ** 31n);

export const NOT_INTEGER = "ERR value is not an integer or out of range";

const integerText = /^(0|-?[1-9][0-9]{0,18})$/;

/** The 64-bit integer that a text is; undefined for any other. */
export function bigintOf(text: string): bigint | undefined {
  if (!integerText.test(text)) return undefined;
  const value = BigInt(text);
  return value >= INT64_MIN && value <= INT64_MAX ? value : undefined;
}

/** What Redis answers to an integer that is not between two others. */
export const notBetween = (min: bigint, max: bigint): string =>
  `ERR value is out of range, value must between ${min} and ${max}`;
