/**
 * The invariants of a queue, checked from its tables by plain recounting, and from one step to the next.
 * Invariant: nothing here shares code with the writers it checks.
 */
import type { JobRow } from "../src/store/jobs.ts";
import type { QueueRow } from "../src/store/queue.ts";
import type { SluiceStore, SluiceTables } from "../src/store/schema.ts";
import { fail, isSame, same } from "./differences.ts";
import {
  checkFlowTables,
  checkHandOuts,
  countedOfFlow,
  earliestOfFlow,
} from "./invariants-flow.ts";
import { checkForms } from "./invariants-forms.ts";
import { checkNameTables, earliestOfNames, hasFewElements } from "./invariants-names.ts";
import { checkPlanTables, countedOfPlans, earliestOfPlans } from "./invariants-plans.ts";
import { checkTexts, withTexts } from "./invariants-texts.ts";

/** A queue as the checks need it. */
export interface Watched {
  readonly armedAt: number | null;
  readonly now: number;
  readonly store: SluiceStore;
  /** Whether each step is one command: then a limit that holds behind it held when a job was handed out. */
  readonly isSingle?: boolean;
  dump(): Record<string, unknown>;
  dumpRecovered(): Record<string, unknown>;
}

type Jobs = ReadonlyMap<string, JobRow>;

/** Up to so many jobs, and few elements, each step is followed by a recovery; with more, only a crash is. */
const recoverableJobsMax = 100;

/** I10: what a new engine would see is what this one sees. */
export function checkRecovery(queue: Watched): void {
  same("I10", "a new engine sees the same tables", queue.dumpRecovered(), queue.dump());
}

/** Every row of every table, in key order. */
export function dumpOf(tables: SluiceTables): Record<string, unknown> {
  const scans = Object.entries(tables).map(([name, table]) => [name, [...table.scan({})]] as const);
  return Object.fromEntries(scans);
}

const ended = ["completed", "failed", "cancelled", "expired"];
const isEnded = (job: JobRow): boolean => ended.includes(job.state);

/** Checks one queue after each step of its life. */
export class Watch {
  #queueId = "";
  #term = 0;
  #jobs: Jobs = new Map();
  #at = 0;
  #grant = 0;

  check(queue: Watched): void {
    const { store } = queue;
    checkLog(store);
    const row = store.tables.queue.get([0]);
    if (row === undefined) return;
    const jobs: Jobs = new Map([...store.tables.jobs.scan({})].map(([[id], job]) => [id, job]));
    const isSmall = jobs.size <= recoverableJobsMax && hasFewElements(store.tables);
    if (isSmall) checkRecovery(queue);
    if (isSmall) checkForms(store.tables);
    checkCounters(store.tables, jobs);
    checkIndexes(store.tables, jobs);
    checkLanes(store.tables, jobs);
    checkPlanTables(store.tables, jobs);
    checkFlowTables(store.tables, jobs, store.last.at);
    checkNameTables(store.tables);
    checkAlarm(queue, jobs);
    this.#follow(row);
    this.#checkStep(store, jobs, queue.isSingle ?? false);
  }

  /** With another term begins another history of jobs and tokens, but not of time. */
  #follow({ queueId, term }: Pick<QueueRow, "queueId" | "term">): void {
    if (queueId !== this.#queueId) this.#at = 0;
    else if (term === this.#term) return;
    this.#queueId = queueId;
    this.#term = term;
    this.#jobs = new Map();
    this.#grant = 0;
  }

  #checkStep(store: SluiceStore, jobs: Jobs, isSingle: boolean): void {
    const grant = store.tables.counters.get([0])?.grant ?? 0;
    if (store.last.at < this.#at) fail("I15", "the log's time went back", store.last.at, this.#at);
    if (grant < this.#grant) fail("I2", "the last token went back", grant, this.#grant);
    for (const [id, row] of jobs) {
      const job = withTexts(store.tables, row);
      checkJob(id, job, this.#jobs.get(id), grant, this.#grant);
    }
    if (isSingle) checkHandOuts(store.tables, this.#jobs, jobs);
    this.#jobs = new Map([...jobs].map(([id, job]) => [id, withTexts(store.tables, job)]));
    this.#at = store.last.at;
    this.#grant = grant;
  }
}

/** One job from one step to the next. `last` is the last grant now, `lastBefore` that of the step before. */
function checkJob(
  id: string,
  job: JobRow,
  before: JobRow | undefined,
  last: number,
  lastBefore: number,
): void {
  const isHeld = job.state === "running";
  if (isHeld !== (job.leaseUntil !== undefined))
    fail("I2", `job ${id}: lease and state differ`, job);
  if ((job.grant ?? 0) > last) fail("I2", `job ${id} has a token of the future`, job.grant, last);
  if (job.failures > (job.maxAttempts ?? 32)) fail("I4", `job ${id} has failed too often`, job);
  if (before === undefined || before.createdAt !== job.createdAt || before.run > job.run) return;
  if ((job.grant ?? 0) < (before.grant ?? 0)) fail("I2", `job ${id}: tokens fell`, before, job);
  if (job.grant !== before.grant && (job.grant ?? 0) <= lastBefore) {
    fail("I2", `job ${id} was given an old token`, job.grant, lastBefore);
  }
  if (before.run !== job.run) return;
  if (job.failures < before.failures) fail("I4", `job ${id}: attempts fell`, before, job);
  if (job.deliveries < before.deliveries) fail("I4", `job ${id}: deliveries fell`, before, job);
  // What others make of its record is no change of it.
  const seen = ({ dependents: _, shelvedAt: __, lingersUntil: ___, ...row }: JobRow) => row;
  const isRevived = isEnded(before) && !isSame(seen(before), seen(job));
  if (isRevived) fail("I1", `job ${id} changed after its end`, before, job);
}

function checkLog(store: SluiceStore): void {
  const { purged, checkpointed, applied, last, hard } = store;
  const places = [purged, checkpointed, applied, last].map((place) => place.index);
  const sorted = [...places].sort((a, b) => a - b);
  same("I14", "purged ≤ checkpointed ≤ applied ≤ last", places, sorted);
  if (hard === undefined) return;
  let index = Math.max(purged.index, last.index - 20);
  let term = purged.term;
  const range = { from: index + 1, maxBytes: 100_000_000 };
  for (const entry of index < last.index ? store.entries(range) : []) {
    if (entry.index !== ++index) fail("I14", "the log has a gap", entry.index, index);
    if (entry.term < term) fail("I14", "the log's term fell", entry.term, term);
    term = entry.term;
  }
  same("I14", "the log ends with its last entry", index, last.index);
}

function checkCounters(tables: SluiceTables, jobs: Jobs): void {
  const { counters } = tables;
  const row = counters.get([0]);
  if (row === undefined) fail("I11", "there are no counters");
  const { seq, grant, lane, operation, underway, action, ...rest } = row;
  const { passed, plain_passed, used_until: _, ...counted } = rest;
  if (plain_passed > passed + 1) fail("I6", "a round is ahead", plain_passed, passed);
  const recount = { ...counted };
  for (const name in recount) recount[name as keyof typeof recount] = 0;
  recount.bytes = checkTexts(tables, jobs);
  for (const job of jobs.values()) {
    recount[job.state] += 1;
    if (job.seq > seq) fail("I11", "a job's seq was not counted", job.seq, seq);
    if ((job.grant ?? 0) > grant) fail("I11", "a grant was not counted", job.grant, grant);
    if (job.lane > lane && !isEnded(job)) fail("I11", "a lane was not counted", job.lane, lane);
  }
  for (const [name, count] of Object.entries(countedOfPlans(tables, jobs))) {
    recount[name as keyof typeof recount] += count;
  }
  for (const [name, count] of Object.entries(countedOfFlow(tables, jobs))) {
    recount[name as keyof typeof recount] += count;
  }
  same("I11", "counters equal a recount", counted, recount);
  const actions = [...tables.actions.scan({})].length;
  if (actions > action) fail("I11", "an action was not counted", actions, action);
  const operations = [...tables.operations.scan({})];
  same("I11", "the last operation is counted", operation, operations.at(-1)?.[0][0] ?? 0);
  const running = operations.filter(([, each]) => each.endedAt === undefined);
  same("I11", "the operations that are not done are counted", underway, running.length);
}

function checkIndexes(tables: SluiceTables, jobs: Jobs): void {
  const expected: Record<
    "blocked" | "ready" | "scheduled" | "leases" | "finished" | "deadlines",
    unknown[]
  > = { blocked: [], ready: [], scheduled: [], leases: [], finished: [], deadlines: [] };
  for (const [id, job] of jobs) {
    const { lane, priority, readyAt, seq, runAt, leaseUntil, endedAt, ttlUntil, expiresAt } = job;
    if (job.state === "blocked") expected.blocked.push([[seq], { id }]);
    const rank = job.ordered ? (job.head ? -1 : 0) : priority;
    if (job.state === "ready") expected.ready.push([[lane, rank, readyAt, seq], { id }]);
    if (job.state === "scheduled") expected.scheduled.push([[runAt, seq], { id }]);
    if (job.state === "running") expected.leases.push([[leaseUntil, job.seq], { id }]);
    const kept = (job.dependents ?? 0) > 0 ? `${job.state}/parent` : job.state;
    const shelf = job.action === undefined ? kept : `${job.state}/action`;
    if (isEnded(job)) expected.finished.push([[shelf, job.shelvedAt ?? endedAt, id], {}]);
    const deadline = Math.min(ttlUntil ?? Infinity, expiresAt ?? Infinity);
    if (!isEnded(job) && deadline < Infinity) expected.deadlines.push([[deadline, id], {}]);
  }
  for (const name of Object.keys(expected) as (keyof typeof expected)[]) {
    const rows = [...tables[name].scan({})];
    const texts = (all: readonly unknown[]) => all.map((each) => JSON.stringify(each)).sort();
    same("I11", `${name} is what the jobs imply`, texts(rows), texts(expected[name]));
  }
}

function checkLanes(tables: SluiceTables, jobs: Jobs): void {
  const expected = new Map<
    number,
    { kind: string; requires: readonly string[]; open: number; ready: number }
  >();
  for (const job of jobs.values()) {
    const { kind = "payload", requires = [], state } = job;
    const lane = job.key === undefined ? job.lane : (job.set ?? 1);
    if (isEnded(job)) continue;
    const isPlain = kind === "payload" && requires.length === 0;
    if (isPlain !== (lane === 1)) fail("I11", "a job waits in the wrong lane", job);
    if (isPlain) continue;
    const row = expected.get(lane) ?? { kind, requires, open: 0, ready: 0 };
    same("I11", "a lane has one set", [kind, requires], [row.kind, row.requires]);
    row.open += 1;
    if (state === "ready") row.ready += 1;
    expected.set(lane, row);
  }
  const rows = [...tables.lanes.scan({})].map(([[lane], row]) => [lane, row] as const);
  const sorted = [...expected].sort(([a], [b]) => a - b);
  same("I11", "lanes equal a recount", Object.fromEntries(rows), Object.fromEntries(sorted));
  const named = [...tables.lane_index.scan({})].map(([[name], { lane }]) => [name, lane]);
  const names = sorted.map(([lane, row]) => [[row.kind, ...row.requires].join(","), lane]);
  same("I11", "every lane has its name", named.sort(), names.sort());
}

/** I9: the alarm stands at the earliest thing to do, or before. */
function checkAlarm({ store, armedAt, now }: Watched, jobs: Jobs): void {
  const { queue, operations, counters } = store.tables;
  const row = queue.get([0]);
  const config = row?.config;
  if (config === undefined) fail("I9", "the queue has no configuration");
  let earliest = Infinity;
  for (const job of jobs.values()) {
    const { state, runAt, leaseUntil, ttlUntil, expiresAt, endedAt } = job;
    if (
      state === "completed" ||
      state === "failed" ||
      state === "cancelled" ||
      state === "expired"
    ) {
      // The jobs of an action go with it, and parents are kept for their children.
      if (job.action !== undefined || (job.dependents ?? 0) > 0) continue;
      const { ageMs, count } = config.retention[state];
      const counts = counters.get([0]);
      const isOver =
        (counts?.[state] ?? 0) -
          (counts?.[`action_${state}`] ?? 0) -
          (counts?.[`parent_${state}`] ?? 0) >
        count;
      const keptFrom = job.shelvedAt ?? endedAt ?? 0;
      earliest = Math.min(earliest, isOver ? store.last.at : keptFrom + ageMs);
      continue;
    }
    earliest = Math.min(earliest, ttlUntil ?? Infinity, expiresAt ?? Infinity);
    if (state === "scheduled") earliest = Math.min(earliest, runAt ?? 0);
    if (state === "running") earliest = Math.min(earliest, leaseUntil ?? 0);
  }
  earliest = Math.min(earliest, earliestOfPlans(store.tables, store.last.at));
  earliest = Math.min(earliest, earliestOfFlow(store.tables));
  earliest = Math.min(earliest, earliestOfNames(store.tables, store.last.at));
  const isRunning = [...operations.scan({})].some(([, each]) => each.endedAt === undefined);
  if (isRunning || row?.registered !== true) earliest = Math.min(earliest, store.last.at);
  // An alarm that is due fires at once.
  const latest = Math.max(earliest, now);
  if ((armedAt ?? Infinity) > latest) fail("I9", "the alarm is late", armedAt, earliest);
}
