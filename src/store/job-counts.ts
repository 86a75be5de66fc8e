/**
 * What is counted of jobs: by state, in bytes, by lane, and against the queue's rate.
 * Invariant: every counter equals a recount over the rows of all jobs.
 */
import { type EndState, isEndState } from "../contract/fields.ts";
import { jobBytes } from "./job-texts.ts";
import type { JobRow } from "./jobs.ts";
import { type LaneRow, laneName, PLAIN_LANE, setOf } from "./lanes.ts";
import { type Counters, editCounters, readQueue } from "./queue.ts";
import { forgetRounds, pass, type Rules, usePlainTurn } from "./rounds.ts";
import type { SluiceTables } from "./schema.ts";
import { take } from "./token-bucket.ts";

/** Numbers that an event takes from their sequences. */
export type Sequences = Partial<Pick<Counters, "seq" | "grant">>;

/** Counts a job that moved, and what its event took from the sequences. */
export function recount(
  tables: SluiceTables,
  at: number,
  before: JobRow | undefined,
  after: JobRow | undefined,
  also: Sequences | undefined,
  rules: Rules,
): void {
  const isSameText = hasSameTexts(before, after);
  const isSameShelf = keptForOthers(before) === keptForOthers(after);
  if (also === undefined && isSameText && isSameShelf && before?.state === after?.state) return;
  const counters = editCounters(tables);
  if (before?.state === "ready" && after?.state === "running") {
    countHandOut(tables, counters, at, after, rules);
  }
  if (also?.seq !== undefined) counters.seq = also.seq;
  if (also?.grant !== undefined) counters.grant = also.grant;
  if (before !== undefined) counters[before.state] -= 1;
  if (after !== undefined) counters[after.state] += 1;
  const [was, is] = [keptForOthers(before), keptForOthers(after)];
  if (was !== undefined) counters[was] -= 1;
  if (is !== undefined) counters[is] += 1;
  if (!isSameText) {
    counters.bytes += (after ? jobBytes(after) : 0) - (before ? jobBytes(before) : 0);
  }
}

/** Whether a job's texts take what they took. */
const hasSameTexts = (before: JobRow | undefined, after: JobRow | undefined): boolean =>
  before?.payloadBytes === after?.payloadBytes &&
  before?.result === after?.result &&
  before?.resultBytes === after?.resultBytes;

/** The queue's rate, and the turn of the jobs without a key, of which one was handed out. */
function countHandOut(
  tables: SluiceTables,
  counters: Counters,
  at: number,
  job: JobRow,
  { turn }: Rules,
): void {
  const { key, inParts } = job;
  const { rate } = readQueue(tables).config;
  if (rate !== null) counters.used_until = take(counters.used_until, rate, at, inParts);
  if (key !== undefined || counters.turns === 0) return;
  if (turn) usePlainTurn(tables, [setOf(job), job.priority]);
  else counters.plain_passed = pass(tables, counters.plain_passed, 1);
}

/** The counter of the ended jobs that are kept for those that wait for them. */
function keptForOthers(job: JobRow | undefined): `parent_${EndState}` | undefined {
  if (job === undefined || !isEndState(job.state) || !job.dependents) return undefined;
  return job.action === undefined ? `parent_${job.state}` : undefined;
}

/** Keeps the lane's row while the lane has open jobs. The plain lane needs none. */
export function moveLane(
  tables: SluiceTables,
  before: JobRow | undefined,
  after: JobRow | undefined,
): void {
  const from = before !== undefined && !isEndState(before.state) ? before : undefined;
  const to = after !== undefined && !isEndState(after.state) ? after : undefined;
  if (from !== undefined && setOf(from) !== PLAIN_LANE) countInLane(tables, from, -1);
  if (to !== undefined && setOf(to) !== PLAIN_LANE) countInLane(tables, to, 1);
  if (from !== undefined && to === undefined) forgetSet(tables, setOf(from));
  if (to?.key === undefined || from !== undefined) return;
  const counters = editCounters(tables);
  counters.lane = Math.max(counters.lane, to.lane);
}

/** With its last open job goes what a set's rounds remember. */
function forgetSet(tables: SluiceTables, set: number): void {
  if (set !== PLAIN_LANE && tables.lanes.get([set]) === undefined) forgetRounds(tables, set);
}

function countInLane(tables: SluiceTables, job: JobRow, change: 1 | -1): void {
  const { kind = "payload", requires = [] } = job;
  const lane = setOf(job);
  const row: LaneRow = tables.lanes.get([lane]) ?? { kind, requires, open: 0, ready: 0 };
  const open = row.open + change;
  const ready = row.ready + (job.state === "ready" ? change : 0);
  const name = laneName(kind, requires);
  if (open === 0) {
    tables.lanes.remove([lane]);
    tables.lane_index.remove([name]);
  } else {
    tables.lanes.put([lane], { ...row, open, ready });
    if (row.open === 0) nameLane(tables, name, lane);
  }
}

function nameLane(tables: SluiceTables, name: string, lane: number): void {
  tables.lane_index.put([name], { lane });
  const counters = editCounters(tables);
  counters.lane = Math.max(counters.lane, lane);
}
