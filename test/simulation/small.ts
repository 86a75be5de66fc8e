/**
 * The limits of a simulated queue: so low that a few dozen jobs reach every edge.
 * Invariant: they are lowered once, before an engine is made, and the auditor reads the same numbers.
 */
import { limits } from "../../src/contract/limits.ts";
import { edges, waits } from "../../src/store/flows.ts";
import { job_texts } from "../../src/store/job-texts.ts";
import { blocked, deadlines, jobs, ready, scheduled } from "../../src/store/jobs.ts";
import { keys, turns } from "../../src/store/keys.ts";
import { leases } from "../../src/store/leases.ts";
import { zset_scores } from "../../src/store/sorted-sets.ts";
import { Store } from "../../src/store/store.ts";
import { held } from "../../src/store/workers.ts";

/** What is lower than in production. */
export const small = {
  /** Distinct sets of requirements that may wait. */
  lanesMax: 3,
  parentsCountedInRowMax: 1,
  textInRowMax: 2,
  /** Keys that may have settings. */
  keysMax: 3,
  turnsAheadMin: 1,
  turnsAheadMax: 2,
  sweepMax: 3,
  sweepStepMax: 2,
  checkpointAlarmRows: 3,
  releasedMax: 3,
  operationStepMax: 4,
  operationsKeptMax: 4,
  attemptsKeptMax: 3,
  pendingCommandsMax: 5,
  pageScanMax: 9,
  entryBytesMax: 2600,
  logAgeMsMax: 3_600_000,
  snapshotChunkBytes: 8000,
  snapshotStepRows: 24,
  planVersionsMax: 4,
  lineageShownMax: 3,
  workersMax: 3,
  deadWorkerKeptMs: 20_000,
  schedulesMax: 3,
  catchUpSlotsMax: 4,
  feedPageBytes: 4000,
} as const satisfies Partial<Record<keyof typeof limits, number>>;

/** The contract's limits that a run raises and lowers. */
export const changing = limits as { -readonly [L in keyof typeof limits]: number };

/** A few entries make a checkpoint due, and a few checkpoints a sealed segment. */
const storeLimits = {
  tailBytesMax: 20_000,
  tailEntriesMax: 25,
  dirtyRowsMax: 120,
  segmentBytesMax: 9000,
  segmentKeysMax: 12,
};

const listed = [
  ...[blocked, deadlines, edges, held, job_texts, jobs, keys, leases, ready, scheduled],
  ...[turns, waits],
];
/** Changed rows of a table that a checkpoint leaves to a list: a run meets both fewer and more. */
const PENDING_MAX = 5;
/** A sorted set of more members is counted in blocks. */
const DIVIDED_OVER = 4;

const { logBytesMax } = limits;

/** In one run of three a log of a few segments is too long; in the others entries go by their age alone. */
export function boundLog(seed: number): void {
  changing.logBytesMax = seed % 3 === 0 ? 2 * storeLimits.segmentBytesMax : logBytesMax;
}

let isLowered = false;

/**
 * Lowers the limits of this process. The engine has no port for a store's limits, so they are added where it opens one.
 * `onOpen` is told of every store.
 */
export function lowerLimits(onOpen: (sql: object, store: unknown) => void): void {
  if (isLowered) throw new Error("the limits are lowered already");
  isLowered = true;
  Object.assign(changing, small);
  for (const table of listed) Object.assign(table, { pendingRowsMax: PENDING_MAX });
  Object.assign(zset_scores, { dividedOver: DIVIDED_OVER });
  const open = Store.open.bind(Store);
  Store.open = (sql, config) => {
    const store = open(sql, { ...config, limits: { ...config.limits, ...storeLimits } });
    onOpen(sql, store);
    return store;
  };
}
