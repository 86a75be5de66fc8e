/**
 * What a figure is: one row of the benchmark, with a name that never changes its meaning and a bound it must keep.
 * Invariant: a figure that was measured is a number, and its bound alone decides whether it holds.
 */
import type { BenchServer } from "./server.ts";

export type Bound = { readonly atLeast: number } | { readonly atMost: number };

/** What a figure came to: its own value, and others that were seen on the way, by name. */
export interface Measured {
  readonly value: number;
  readonly beside?: Readonly<Record<string, number>>;
}

/** What a figure may use. */
export interface Bench {
  /** One server for each group of figures. */
  readonly server: Pick<BenchServer, "url" | "token" | "cpuUs" | "rssBytes">;
  /** Shows a detail, if details are wanted. */
  detail(line: string): void;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly bound?: Bound;
  /** About how long it takes. */
  readonly seconds: number;
  run(bench: Bench): Promise<Measured>;
  /** Its load alone, for `ms` milliseconds: what a profile of it covers. */
  load?(bench: Bench, ms: number): Promise<void>;
}

/** Figures that are measured on one server, one after the other. */
export interface Group {
  readonly name: string;
  readonly figures: readonly Figure[];
  /** Whether they may be measured at the same time, since no figure of them depends on speed. */
  readonly isParallel?: boolean;
}

/** Whether a value keeps a bound; the value of a figure that failed, NaN, keeps none. */
export function holds(value: number, bound: Bound | undefined): boolean {
  if (bound === undefined) return !Number.isNaN(value);
  return "atLeast" in bound ? value >= bound.atLeast : value <= bound.atMost;
}
