/**
 * A hash for telling short texts apart, at a tenth of the cost of crossing into node:crypto.
 * Invariant: it proves nothing against somebody who looks for collisions; who does finds them for himself alone.
 */

/**
 * A 52-bit hash of a text, from two multiplicative hashes of 32 and 20 bits. Another seed gives an independent one.
 * @example hash52("order-17") === hash52("order-17") // true
 */
export function hash52(text: string, seed = 0): number {
  let a = 0x811c9dc5 ^ seed;
  let b = 0x9e3779b9 ^ seed;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b + unit, 0x85ebca6b);
    b ^= b >>> 15;
  }
  a ^= a >>> 16;
  a = Math.imul(a, 0xc2b2ae35);
  b ^= b >>> 13;
  return ((a ^ (a >>> 15)) >>> 0) * 2 ** 20 + ((Math.imul(b, 0x27d4eb2f) ^ a) >>> 12);
}
