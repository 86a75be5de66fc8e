/** Texts of numbers as C reads them for Redis: doubles at the ends of their range and as they are written, and sums in extended precision. */
import { describe, expect, test } from "vitest";
import { boundOf, doubleOf, timeoutOf } from "../../src/machine/redis-arguments.ts";
import { doubleText, hexDouble, sumText } from "../../src/machine/redis-numbers.ts";

describe("a hexadecimal number", () => {
  test.each([
    ["0x10", 16],
    ["-0X1.8p1", -3],
    ["+0x.8", 0.5],
    ["0x1.", 1],
    ["0x1p+4", 16],
    ["0x1p-1074", 5e-324],
    ["0x1.8p-1074", 1e-323],
    ["0x1.fffffffffffff7p1023", Number.MAX_VALUE],
    ["0x1.0000000000000800000001", 1.0000000000000002],
    ["0x1.00000000000008", 1],
    ["0x10000000000000800", 2 ** 64],
    ["0x10000000000001800", 2 ** 64 + 8192],
    ["0x0p99999999999", 0],
  ])("%s is the double next to it", (text, value) => {
    expect(doubleOf(text)).toBe(value);
  });

  test.each(["0x", "0x.", "0x.p1", "0x1p", "0x1p+", "0x1g", "0x1 ", "x1", "0x1.2.3"])(
    "%j is none",
    (text) => {
      expect(doubleOf(text)).toBeUndefined();
      expect(hexDouble(text)).toBeUndefined();
      expect(sumText("0", text)).toBeUndefined();
    },
  );

  test("past the range is no score, but a bound, as it is to Redis", () => {
    expect([doubleOf("0x1p1024"), boundOf("0x1p1024")]).toEqual([undefined, Infinity]);
    expect([doubleOf("-0x1p-1076"), boundOf("0x1p-1076")]).toEqual([undefined, 0]);
  });

  test("is added in extended precision", () => {
    expect(sumText("0x10000000000000001", "-0x10000000000000000")).toBe("0");
    expect(sumText("0x8000000000000001", "1")).toBe("9223372036854775810");
    expect(sumText("0x1p-1", "0.25")).toBe("0.75");
    expect(sumText("0x1p16384", "0")).toBeUndefined();
    expect(sumText("0x1p-16446", "0")).toBeUndefined();
  });

  test("is a time to wait, too", () => {
    expect(timeoutOf("0x0.8")).toBe(500);
  });
});

describe("a double", () => {
  test.each([
    ["1700000000.00390625", "1700000000.0039062"],
    ["1700000000.01171875", "1700000000.0117188"],
    ["1.00000762939453125", "1.0000076293945312"],
    ["-123456.000244140625", "-123456.00024414062"],
    ["2.98023223876953125e-08", "2.9802322387695312e-08"],
    ["0.00011444091796875", "0.00011444091796875"],
    ["0.0001", "0.0001"],
    ["1e17", "1e+17"],
    ["36028797018963970", "36028797018963968"],
    ["0.1", "0.10000000000000001"],
    ["-0.5", "-0.5"],
  ])("%s is written as C writes it, the even one where it lies between two", (text, written) => {
    expect(doubleText(Number(text))).toBe(written);
  });
});
