/**
 * Words that become values, and values that become words.
 * Invariant: what is written is understood as it was meant, or not at all.
 */
import { describe, expect, test } from "vitest";
import { bytesText, durationText, fields, table, timeText } from "../../src/cli/text.ts";
import {
  duration,
  instant,
  integer,
  label,
  labelFilter,
  list,
  portNumber,
} from "../../src/cli/values.ts";

describe("a word", () => {
  test("is a duration with its unit", () => {
    const words = ["0", "500ms", "30s", "1.5m", "2h", "7d", "1h30m"];
    expect(words.map(duration)).toEqual([
      0, 500, 30_000, 90_000, 7_200_000, 604_800_000, 5_400_000,
    ]);
    for (const word of ["", "5", "5q", "-1s", "s", "1h 30m"]) {
      expect(() => duration(word)).toThrow("Write a duration");
    }
  });

  test("is a time in ISO 8601 or epoch milliseconds", () => {
    expect(instant("2026-01-31T12:00:00Z")).toBe(1_769_860_800_000);
    expect(instant("1769860800000")).toBe(1_769_860_800_000);
    expect(() => instant("tomorrow")).toThrow("Write a time");
  });

  test("is a whole number, a label or names", () => {
    expect(integer("-1000")).toBe(-1000);
    expect(() => integer("1.5")).toThrow("whole number");
    expect(["0", "65535"].map(portNumber)).toEqual([0, 65_535]);
    for (const word of ["-1", "65536"]) {
      expect(() => portNumber(word)).toThrow("A port is 0 to 65535.");
    }
    expect(label("b=2=3", label("a="))).toEqual({ a: "", b: "2=3" });
    expect(label("b:2=3", label("a:"))).toEqual({ a: "", b: "2=3" });
    for (const word of ["=x", ":x", "x", "", "a b=c"]) {
      expect(() => label(word)).toThrow("Write a label as name=value or name:value.");
    }
    expect(["a", "a=", "b:2=3", "b=2:3"].map(labelFilter)).toEqual(["a", "a:", "b:2=3", "b:2:3"]);
    for (const word of ["=x", "", "a b", "a/b=c"]) {
      expect(() => labelFilter(word)).toThrow("Write a label as name, name=value or name:value.");
    }
    expect(list("b,c", list("a"))).toEqual(["a", "b", "c"]);
  });
});

describe("a value", () => {
  test("is shown in units that people read", () => {
    expect([0, 999, 61_000, 5_400_000, 90_000_000].map(durationText)).toEqual([
      "0ms",
      "999ms",
      "1m1s",
      "1h30m",
      "1d1h",
    ]);
    expect([0, 1023, 2048, 4_000_000_000].map(bytesText)).toEqual([
      "0 B",
      "1023 B",
      "2.0 KiB",
      "3.7 GiB",
    ]);
    expect(timeText(0)).toBe("1970-01-01 00:00:00Z");
  });

  test("stands in columns, numbers at the right", () => {
    const rows = [
      ["a", 5],
      ["bb", 1000],
    ];
    expect(table(["ID", "N"], rows)).toBe("ID     N\na      5\nbb  1000");
    expect(fields({ a: 1, longer: "x", none: undefined })).toBe("a       1\nlonger  x");
  });
});
