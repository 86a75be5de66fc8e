/**
 * Verifying the rows of a snapshot, whether it was built or is coming in: a bounded step at a time.
 * Invariant: a step reads a bounded number of rows of one chunk, and a bounded number of other chunks to look up what these name; it
 * may end within the chunk.
 */
import type { VerifyProblem } from "../contract/queue.ts";
import { verifyRow } from "../machine/verify.ts";
import { endVerify } from "../machine/verify-queue.ts";
import { beginVerify, type VerifyState } from "../machine/verify-state.ts";
import type { SnapshotLookup } from "../store/snapshot-lookup.ts";
import { parseLine, type SnapshotRow } from "../store/snapshot-rows.ts";

/** Where a verification of rows goes on. */
export interface RowsPlace {
  /** The chunk to verify next, and how many of its lines are verified. */
  readonly chunk: number;
  readonly line: number;
  readonly rows: number;
  readonly state: VerifyState;
}

/** What one step found, and where the next one begins. */
export interface RowsStep {
  readonly place: RowsPlace;
  readonly problems: readonly VerifyProblem[];
  readonly isDone: boolean;
}

/** Chunks that one step reads to look rows up; the last row may need some more. */
const READS_MAX = 16;
/** Rows that one step verifies: a chunk may have twenty thousand, and each names a few others. */
const ROWS_MAX = 2000;

/** The beginning, of a snapshot as of `at`, the time of its last entry. */
export const firstRow = (at: number): RowsPlace => ({
  chunk: 1,
  line: 0,
  rows: 0,
  state: beginVerify(at),
});

/** Whether a row has the form of its table: what is wrong, or nothing. */
type FaultOf = (row: SnapshotRow) => string | undefined;

/**
 * One step. It tells at most `problemsMax` problems of rows: the counts at the end tell of the rest. `faultOf` looks at the form of each
 * row, where nothing has before.
 */
export function verifyRows(
  snapshot: SnapshotLookup,
  { chunk, line: from, rows, state }: RowsPlace,
  problemsMax: number,
  faultOf: FaultOf = () => undefined,
): RowsStep {
  if (chunk > snapshot.chunks) {
    return { place: { chunk, line: from, rows, state }, problems: endVerify(state), isDone: true };
  }
  const problems: VerifyProblem[] = [];
  const lines = snapshot.lines(chunk);
  let line = from;
  const end = Math.min(lines.length, from + ROWS_MAX);
  for (; line < end && snapshot.reads < READS_MAX; line += 1) {
    const row = parseLine(lines[line] ?? "");
    const fault = faultOf(row);
    const found = verifyRow(state, row, (table, key) => snapshot.find(table, key));
    if (fault !== undefined) found.unshift(illFormed(row, fault));
    if (problems.length < problemsMax) problems.push(...found);
  }
  const isWhole = line === lines.length;
  const next = isWhole ? { chunk: chunk + 1, line: 0 } : { chunk, line };
  return { place: { ...next, rows: rows + line - from, state }, problems, isDone: false };
}

const illFormed = ({ table, key }: SnapshotRow, fault: string): VerifyProblem => ({
  invariant: "I11",
  detail: `${table} ${key.join(" ")}: ${fault}.`,
});
