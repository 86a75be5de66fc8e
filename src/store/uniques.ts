/**
 * Where it is kept which job is the only one of its unique key.
 * Invariant: a unique key has at most one holder, and at most one follow-up, which takes its place when the holder lets go.
 */
import type { EventOf } from "../contract/events.ts";
import { isEndState } from "../contract/fields.ts";
import type { Unique } from "../contract/uniques.ts";
import { declareTable } from "./declare.ts";
import type { JobRow } from "./jobs.ts";
import { text } from "./key-columns.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export interface UniqueRow {
  /** The job that has the key. */
  readonly id: string;
  /** A job that was enqueued while the holder ran. */
  readonly follow?: string | undefined;
  /** When the key comes free by time; only by what becomes of the holder where it is not set. */
  readonly until?: number | undefined;
}

export const uniques = declareTable<UniqueRow>()({
  name: "uniques",
  version: 1,
  key: [text("unique_key")],
  valueBytesMax: 300,
});

/** A job takes its unique key, or follows the holder. */
export function takeUnique(tables: SluiceTables, at: number, id: string, job: JobRow): void {
  if (job.unique === undefined) return;
  const { key, until } = job.unique;
  const holder = tables.uniques.get([key]);
  if (holder !== undefined) {
    tables.uniques.put([key], { ...holder, follow: id });
  } else if (typeof until === "object") {
    tables.uniques.put([key], { id, until: at + until.ms });
    tables.timers.insert([at + until.ms, "unique", key], {});
  } else {
    tables.uniques.put([key], { id });
  }
}

/** Frees the unique key of a job that has come to where it is no longer the only one. */
export function moveUnique(
  tables: SluiceTables,
  at: number,
  id: string,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  if (before?.unique === undefined || before.state === after?.state || isEndState(before.state))
    return;
  const { key, until = "done" } = before.unique;
  const row = tables.uniques.get([key]);
  if (row === undefined || !isLetGo(until, after)) return;
  if (row.follow === id) tables.uniques.put([key], { ...row, follow: undefined });
  // A time stands whatever becomes of the job; that of one that only follows has not begun.
  else if (row.id === id && typeof until !== "object") free(tables, at, key, row);
}

function isLetGo(until: NonNullable<Unique["until"]>, after: JobRow | undefined): boolean {
  if (after === undefined || isEndState(after.state)) return true;
  return until === "started" && after.state === "running";
}

/** A job that is removed before it has ended lets go of its key, also where that was to stand for a time. */
export function dropUnique(tables: SluiceTables, at: number, id: string, job: JobRow): void {
  const key = job.unique?.key;
  const row = key === undefined ? undefined : tables.uniques.get([key]);
  if (key !== undefined && row?.id === id) free(tables, at, key, row);
}

function free(tables: SluiceTables, at: number, key: string, { follow, until }: UniqueRow): void {
  if (until !== undefined) tables.timers.remove([until, "unique", key]);
  tables.uniques.remove([key]);
  const next = follow === undefined ? undefined : tables.jobs.get([follow]);
  const isOpen = next !== undefined && !isEndState(next.state);
  if (follow !== undefined && isOpen) takeUnique(tables, at, follow, next);
}

function expired(tables: SluiceTables, { key }: EventOf<"unique.expired">, at: number): void {
  const row = tables.uniques.get([key]);
  if (row === undefined) throw new Error(`unique key ${key} comes free, but nobody has it`);
  free(tables, at, key, row);
}

export const uniqueWriters = { "unique.expired": expired } satisfies Partial<EventWriters>;
