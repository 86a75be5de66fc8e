/**
 * How figures are shown: a table for people, a file for programs.
 * Invariant: every number in the table is in the file, under the same name.
 */
import { writeFileSync } from "node:fs";
import { type Bound, type Figure, holds, type Measured } from "./figure.ts";

/** A figure and what it came to. */
export interface Result {
  readonly figure: Figure;
  readonly measured: Measured;
}

/** A number with three digits that mean something. */
export function number(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** The table: each figure with its bound and verdict, and beneath it what was seen beside. */
export function table(results: readonly Result[]): string[] {
  return results.flatMap(({ figure, measured: { value, beside = {} } }) => {
    const { name, unit, bound } = figure;
    const verdict = Number.isNaN(value) ? "FAILED" : holds(value, bound) ? "ok" : "MISSED";
    const own = row(name, number(value), unit, bound && bounded(bound), verdict);
    return [own, ...Object.entries(beside).map(([each, seen]) => row(`  ${each}`, number(seen)))];
  });
}

function row(name: string, value: string, unit = "", bound = "", verdict = ""): string {
  return `${name.padEnd(44)}${value.padStart(9)} ${unit.padEnd(6)}${bound.padEnd(9)}${verdict}`.trimEnd();
}

const bounded = (bound: Bound): string =>
  "atLeast" in bound ? `≥ ${bound.atLeast}` : `≤ ${bound.atMost}`;

/** Writes `{"figures": {"<name>": number}}`, without figures that failed. */
export function writeJson(file: string, results: readonly Result[]): void {
  const all = results.flatMap(({ figure, measured: { value, beside = {} } }) => [
    [figure.name, value] as const,
    ...Object.entries(beside),
  ]);
  const pairs = all.filter(([, value]) => !Number.isNaN(value));
  writeFileSync(file, `${JSON.stringify({ figures: Object.fromEntries(pairs) }, null, 2)}\n`);
}
