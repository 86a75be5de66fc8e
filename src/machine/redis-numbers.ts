/**
 * Numbers in Redis's spelling: doubles with seventeen digits, and the extended precision in which it adds decimals.
 * Invariant: texts are those that Redis 7.0.15 writes on x86-64.
 */
import type { RedisReply } from "../contract/redis.ts";

/**
 * A double as `%.17g` writes it.
 * @example doubleText(3) // "3"
 * @example doubleText(0.1) // "0.10000000000000001"
 */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return "-0";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Number.isSafeInteger(value)) return String(value);
  const [decimal = "", exponent = "0"] = seventeenDigits(value).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 17) {
    const sign = power < 0 ? "-" : "+";
    return `${trimmed(decimal)}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const minus = value < 0 ? "-" : "";
  const digits = decimal.replace(/[-.]/g, "");
  const whole = power < 0 ? "0" : digits.slice(0, power + 1);
  const rest =
    power < 0 ? digits.padStart(digits.length - power - 1, "0") : digits.slice(power + 1);
  return minus + (rest === "" ? whole : trimmed(`${whole}.${rest}`));
}

/** A double with seventeen digits and its exponent. Halfway between two such numbers C takes the even one, and JavaScript the larger one. */
function seventeenDigits(value: number): string {
  const up = value.toExponential(16);
  const [more = "", exponent = ""] = value.toExponential(17).split("e");
  if (!more.endsWith("5")) return up;
  const even = more.slice(0, -1);
  // As many digits as JavaScript shows: whether anything follows the five.
  const isHalfway = value.toExponential(100).startsWith(`${more}${"0".repeat(100 - 17)}`);
  return isHalfway && /[02468]$/.test(even) ? `${even}e${exponent}` : up;
}

/** A double as a reply. */
export const doubleReply = (value: number): RedisReply => ({ double: doubleText(value) });

/** An integer as a reply. */
export const integerReply = (value: bigint): RedisReply =>
  Number.isSafeInteger(Number(value)) ? Number(value) : { integer: String(value) };

/** Without zeros behind the decimal point, and without a point that nothing follows. */
function trimmed(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}

/** A number of x87's extended precision: `mantissa` × 2^`exponent`, the mantissa below 2^64. */
interface Extended {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const MANTISSA_BITS = 64;
const EXPONENT_MAX = 16_383 - 63;
/** Decimal exponents past which a text is not read: they lie outside of the range. */
const POWER_MAX = 4950;

/**
 * The sum of two decimal texts in extended precision, as Redis writes it: with up to seventeen decimals.
 * @example sumText("0.1", "0.2") // "0.3"
 * @returns undefined where a text is no number, "infinite" where the sum is none
 */
export function sumText(a: string, b: string): string | "infinite" | undefined {
  const [x, y] = [extendedOf(a), extendedOf(b)];
  if (x === undefined || y === undefined) return undefined;
  if (x === "infinite" || y === "infinite") return "infinite";
  const exponent = Math.min(x.exponent, y.exponent);
  const sum =
    (x.mantissa << BigInt(x.exponent - exponent)) + (y.mantissa << BigInt(y.exponent - exponent));
  const rounded = normal(sum, 1n, exponent);
  return rounded.exponent > EXPONENT_MAX ? "infinite" : fixedText(rounded);
}

/** Whether a text is a number that can be added. */
export const isExtended = (text: string): boolean => extendedOf(text) !== undefined;

const decimalText = /^([+-]?)([0-9]*)\.?([0-9]*)(?:e([+-]?[0-9]+))?$/i;

/** The number of a text. */
function extendedOf(text: string): Extended | "infinite" | undefined {
  if (/^[+-]?inf(inity)?$/i.test(text)) return "infinite";
  const hex = hexOf(text);
  if (hex !== undefined) return extendedOfHex(hex);
  const parts = decimalText.exec(text);
  const digits = `${parts?.[2] ?? ""}${parts?.[3] ?? ""}`;
  if (parts === null || digits === "") return undefined;
  const power = Number(parts[4] ?? 0) - (parts[3] ?? "").length;
  const whole = BigInt(digits) * (parts[1] === "-" ? -1n : 1n);
  if (whole === 0n) return { mantissa: 0n, exponent: 0 };
  if (Math.abs(power) > POWER_MAX) return undefined;
  const scale = 10n ** BigInt(Math.abs(power));
  return power >= 0 ? normal(whole * scale, 1n, 0) : normal(whole, scale, 0);
}

/** A hexadecimal number, which has no rounding: `mantissa` × 2^`exponent`. */
interface Hex {
  readonly mantissa: bigint;
  readonly exponent: bigint;
}

const hexText = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([+-]?[0-9]+))?$/i;

/** The number of a text such as `-0x1.8p3`, as C reads it. */
function hexOf(text: string): Hex | undefined {
  const [, sign, whole = "", decimals = "", power = "0"] = hexText.exec(text) ?? [];
  if (whole + decimals === "") return undefined;
  const mantissa = BigInt(`0x${whole}${decimals}`) * (sign === "-" ? -1n : 1n);
  return { mantissa, exponent: BigInt(power) - 4n * BigInt(decimals.length) };
}

/** The power of two at which a number begins. */
const topOf = ({ mantissa, exponent }: Hex): bigint =>
  BigInt(bits(mantissa < 0n ? -mantissa : mantissa) - 1) + exponent;

function extendedOfHex(hex: Hex): Extended | undefined {
  if (hex.mantissa === 0n) return { mantissa: 0n, exponent: 0 };
  const top = topOf(hex);
  if (top > EXPONENT_MAX + MANTISSA_BITS - 1 || top < -16_445) return undefined;
  return normal(hex.mantissa, 1n, Number(hex.exponent));
}

/**
 * The double next to a hexadecimal number, which is infinite or zero where that lies outside of the range; undefined for other texts.
 * @example hexDouble("-0x1.8p1") // -3
 */
export function hexDouble(text: string): number | undefined {
  const hex = hexOf(text);
  if (hex === undefined) return undefined;
  const sign = text.startsWith("-") ? -1 : 1;
  const size = hex.mantissa < 0n ? -hex.mantissa : hex.mantissa;
  const top = size === 0n ? -2000n : topOf(hex);
  if (top > 1023n) return sign * Number.POSITIVE_INFINITY;
  if (top < -1075n) return sign * 0;
  // Doubles have 53 bits, and fewer below 2^-1022.
  const last = Math.max(Number(top) - 52, -1074);
  const shift = Number(hex.exponent) - last;
  const whole = shift >= 0 ? size << BigInt(shift) : nearest(size, 1n << BigInt(-shift));
  return sign * Number(whole) * 2 ** last;
}

/** A fraction × 2^`exponent`, rounded to the nearest, of two to the even one. */
function normal(numerator: bigint, denominator: bigint, exponent: number): Extended {
  if (numerator === 0n) return { mantissa: 0n, exponent: 0 };
  const isNegative = numerator < 0n;
  const size = isNegative ? -numerator : numerator;
  let shift = MANTISSA_BITS - (bits(size) - bits(denominator));
  let quotient = roundedQuotient(size, denominator, shift);
  if (bits(quotient) > MANTISSA_BITS) {
    shift -= 1;
    quotient = roundedQuotient(size, denominator, shift);
  }
  return { mantissa: isNegative ? -quotient : quotient, exponent: exponent - shift };
}

/** size × 2^shift / denominator, to the nearest. */
function roundedQuotient(size: bigint, denominator: bigint, shift: number): bigint {
  const over = shift >= 0 ? size << BigInt(shift) : size;
  const under = shift >= 0 ? denominator : denominator << BigInt(-shift);
  return nearest(over, under);
}

function nearest(over: bigint, under: bigint): bigint {
  const quotient = over / under;
  const twice = 2n * (over % under);
  return twice > under || (twice === under && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

const bits = (value: bigint): number => value.toString(2).length;

const DECIMALS = 17;

/** The number with up to seventeen decimals, of which zeros at the end are not written. */
function fixedText({ mantissa, exponent }: Extended): string {
  const isNegative = mantissa < 0n;
  const size = (isNegative ? -mantissa : mantissa) * 10n ** BigInt(DECIMALS);
  const scaled = exponent >= 0 ? size << BigInt(exponent) : nearest(size, 1n << BigInt(-exponent));
  const digits = scaled.toString().padStart(DECIMALS + 1, "0");
  const text = trimmed(`${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`);
  return isNegative && text !== "0" ? `-${text}` : text;
}
