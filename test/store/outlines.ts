/**
 * What outlines are to be, beside the rows that they are of.
 */
import { expect } from "vitest";
import type { Outline } from "../../src/store/base.ts";
import type { Key } from "../../src/store/key-columns.ts";
import type { Bounds } from "../../src/store/ranges.ts";

/** Bounds of which outlines may be asked for. */
export type Forward = Omit<Bounds<Key>, "reverse" | "skip">;

/** They are of these rows, whatever they say of texts that stand in memory, and say how long the texts are. */
export function expectOutlines<V extends object>(
  outlines: readonly [Key, Outline<V>][],
  rows: readonly (readonly [Key, V])[],
  texts: readonly string[],
): void {
  const none = Object.fromEntries(texts.map((name) => [name, undefined]));
  expect(outlines.map(([key, { value }]) => [key, { ...value, ...none }])).toEqual(
    rows.map(([key, value]) => [key, { ...value, ...none }]),
  );
  for (const [i, [, { textLength }]] of outlines.entries()) {
    const value: Readonly<Record<string, unknown>> = { ...rows[i]?.[1] };
    const units = texts.reduce((sum, name) => sum + String(value[name] ?? "").length, 0);
    expect(textLength).toBeGreaterThanOrEqual(units);
    // A unit takes up to three bytes.
    expect(textLength).toBeLessThanOrEqual(3 * units);
  }
}
