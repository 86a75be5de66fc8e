/**
 * Where lanes are kept: one for each set of kind and requirements that open jobs have. Jobs with a key are counted in it, and
 * wait in a lane of their key's own.
 * Invariant: a lane but the plain one has a row exactly while it has open jobs; its number is never used again.
 */
import type { JobKind } from "../contract/fields.ts";
import { declareTable } from "./declare.ts";
import type { JobRow } from "./jobs.ts";
import { ascii, integer } from "./key-columns.ts";

/** The lane of jobs without requirements. It needs no row. */
export const PLAIN_LANE = 1;

export interface LaneRow {
  readonly kind: JobKind;
  readonly requires: readonly string[];
  /** Jobs that have not ended. */
  readonly open: number;
  readonly ready: number;
}

export const lanes = declareTable<LaneRow>()({
  name: "lanes",
  version: 1,
  key: [integer("lane")],
  resident: true,
});
/** Finds a lane by its name. */
export const lane_index = declareTable<{ readonly lane: number }>()({
  name: "lane_index",
  version: 1,
  key: [ascii("name")],
  resident: true,
});

/** The lane of a job's kind and requirements, whether it waits there or in one of its key's. */
export const setOf = ({ key, lane, set }: Pick<JobRow, "key" | "lane" | "set">): number =>
  key === undefined ? lane : (set ?? PLAIN_LANE);

/** What a job of a plan requires: the plan's commands, and what was said beside; sorted, each once. */
export function requirements(
  commands: readonly string[],
  also: readonly string[] | undefined,
): readonly string[] {
  return also === undefined ? commands : [...new Set([...commands, ...also])].sort();
}

/** The text that names a lane's kind and requirements, which are sorted and hold no comma. */
export function laneName(kind: JobKind, requires: readonly string[]): string {
  return [kind, ...requires].join(",");
}
