/**
 * Verifying the state tables of a snapshot by plain recounting: what every job implies against what index rows and counters say.
 * Invariant: it shares nothing with the writers it checks, and what it must remember between two steps is small.
 */
import type { EndStatus } from "../contract/actions.ts";
import {
  type EndState,
  endStates,
  isEndState,
  type JobState,
  jobStates,
  utf8Bytes,
} from "../contract/fields.ts";
import { hash52 } from "../contract/hash.ts";
import { limits } from "../contract/limits.ts";
import type { VerifyProblem } from "../contract/queue.ts";
import type { ActionRow } from "../store/actions.ts";
import type { JobRow } from "../store/jobs.ts";
import { type LaneRow, PLAIN_LANE } from "../store/lanes.ts";
import type { OperationRow } from "../store/operations.ts";
import type { PlanRow } from "../store/plans.ts";
import type { Counters } from "../store/queue.ts";
import type { ScheduleRow } from "../store/schedules.ts";
import type { WorkerRow } from "../store/workers.ts";

/** A row of a table, as a snapshot has it. */
export interface VerifiedRow {
  readonly table: string;
  readonly key: readonly (string | number)[];
  readonly value: object;
  readonly texts: readonly (string | null)[];
}

/**
 * Rows as a set: their number, and the sum of their hashes. Two sums that agree mean the same rows, but for a chance of one in
 * 10^15; which row is at fault they do not tell.
 */
interface RowSet {
  rows: number;
  sum: number;
}

/**
 * The tables that follow from others, and what lanes, plans, actions and workers (`holders`) count of jobs.
 */
const derived = [
  "actions",
  "deadlines",
  "ended_actions",
  "finished",
  "held",
  "holders",
  "lane_index",
  "leases",
  "open",
  "plans",
  "ready",
  "ready in lanes",
  "schedule_due",
  "scheduled",
  "schedules of plans",
  "worker_due",
] as const;
type Derived = (typeof derived)[number];

/** What a verification remembers. */
export interface VerifyState {
  readonly found: Record<Derived, RowSet>;
  readonly implied: Record<Derived, RowSet>;
  /** What the counters say. */
  counters?: Counters;
  readonly counted: Record<
    | JobState
    | `action_${EndState}`
    | `ended_${EndStatus}`
    | "action"
    | "workers"
    | "schedules"
    | "bytes"
    | "underway"
    | "seq"
    | "grant"
    | "lane"
    | "operation"
    | "latest",
    number
  >;
  queues: number;
}

const sets = (): Record<Derived, RowSet> =>
  Object.fromEntries(derived.map((name) => [name, { rows: 0, sum: 0 }])) as Record<Derived, RowSet>;

/** The beginning of a verification. */
export function beginVerify(): VerifyState {
  const states = Object.fromEntries(jobStates.map((state) => [state, 0])) as Record<
    JobState,
    number
  >;
  const ofActions = Object.fromEntries(endStates.map((state) => [`action_${state}`, 0])) as Record<
    `action_${EndState}`,
    number
  >;
  const sequences = { seq: 0, grant: 0, lane: 0, operation: 0 };
  const counted = {
    ...states,
    ...ofActions,
    ended_completed: 0,
    ended_failed: 0,
    ended_cancelled: 0,
    action: 0,
    workers: 0,
    schedules: 0,
    bytes: 0,
    underway: 0,
    ...sequences,
    latest: 0,
  };
  return { found: sets(), implied: sets(), counted, queues: 0 };
}

const SUM_MAX = 2 ** 52;

function add(set: RowSet, facts: readonly (string | number)[], times = 1): void {
  const hash = hash52(facts.join("\n"));
  const product = times === 1 ? hash : Number((BigInt(hash) * BigInt(times)) % BigInt(SUM_MAX));
  set.rows += times;
  set.sum = (set.sum + product) % SUM_MAX;
}

/** Takes a row in; what is wrong with it by itself is a problem, also that it has not the shape of a row of its table. */
export function verifyRow(state: VerifyState, row: VerifiedRow): VerifyProblem[] {
  try {
    return takeRow(state, row);
  } catch (fault) {
    const detail = `${row.table} ${row.key.join(" ")}: the row cannot be read (${fault}).`;
    return [{ invariant: "I11", detail }];
  }
}

function takeRow(state: VerifyState, row: VerifiedRow): VerifyProblem[] {
  const { table, key, value, texts } = row;
  const { found, implied, counted } = state;
  const id = (value as { id?: string }).id ?? "";
  if (table === "jobs") return verifyJob(state, row);
  if (table === "ready" || table === "scheduled" || table === "leases") {
    add(found[table], [...key, id]);
  } else if (isKeyed(table)) {
    add(found[table], key);
  } else if (table === "lane_index") {
    add(found.lane_index, [...key, (value as { lane: number }).lane]);
  } else if (table === "lanes") {
    const { kind, requires, open, ready } = value as LaneRow;
    const name = [kind, ...requires].join();
    add(found.open, [...key, name], open);
    add(found["ready in lanes"], [...key, name], ready);
    add(implied.lane_index, [name, ...key]);
  } else if (table === "actions") {
    return verifyAction(state, String(key[0]), value as ActionRow);
  } else if (table === "plans") {
    add(found.plans, key, (value as PlanRow).open);
    add(found["schedules of plans"], key, (value as PlanRow).schedules);
  } else if (table === "schedules") {
    const { nextAt, definition } = value as ScheduleRow;
    counted.schedules += 1;
    const plan = definition.action?.plan ?? definition.job?.plan;
    if (nextAt !== undefined) add(implied.schedule_due, [nextAt, ...key]);
    if (plan !== undefined) add(implied["schedules of plans"], [plan]);
  } else if (table === "plan_versions" || table === "tasks") {
    for (const text of texts) counted.bytes += utf8Bytes(text ?? "");
  } else if (table === "workers") {
    const worker = value as WorkerRow;
    counted.workers += 1;
    add(found.holders, key, worker.running);
    add(implied.worker_due, [dueAt(worker), ...key]);
  } else if (table === "counters") {
    state.counters = value as Counters;
  } else if (table === "operations") {
    state.counted.operation = Math.max(state.counted.operation, Number(key[0]));
    if ((value as OperationRow).endedAt === undefined) state.counted.underway += 1;
  } else if (table === "queue") {
    state.queues += 1;
  }
  return [];
}

/** What the counters say beside the jobs by their states. */
const alsoCounted = [
  ...(["ended_completed", "ended_failed", "ended_cancelled"] as const),
  ...(["bytes", "underway", "workers", "schedules"] as const),
];

/** Tables whose rows say all in their keys. */
const keyed = [
  "deadlines",
  "ended_actions",
  "finished",
  "held",
  "schedule_due",
  "worker_due",
] as const;
const isKeyed = (table: string): table is (typeof keyed)[number] =>
  (keyed as readonly string[]).includes(table);

function verifyAction(
  { found, implied, counted }: VerifyState,
  id: string,
  row: ActionRow,
): VerifyProblem[] {
  counted.action += 1;
  for (const state of jobStates) {
    add(found.actions, [id, state], row.counts[state]);
    if (isEndState(state)) counted[`action_${state}`] += row.counts[state];
  }
  const { blocked, scheduled, ready, running } = row.counts;
  const isOpen = blocked + scheduled + ready + running > 0;
  if (row.ended !== undefined) {
    add(implied.ended_actions, [row.ended.status, row.ended.at, id]);
    counted[`ended_${row.ended.status}`] += row.total;
  }
  if (isOpen !== (row.ended !== undefined)) return [];
  const detail = `Action ${id} has ${isOpen ? "open jobs" : "none"}, by its end it has not.`;
  return [{ invariant: "I11", detail }];
}

/** When time next does something to a worker. */
function dueAt({ seenAt, ttlMs, diedAt, leftAt, running }: WorkerRow): number {
  if (leftAt !== undefined) return leftAt;
  if (diedAt === undefined) return seenAt + Math.ceil(ttlMs * 1.5);
  return diedAt + (running > 0 ? 0 : limits.deadWorkerKeptMs);
}

function verifyJob({ implied, counted }: VerifyState, { key, value, texts }: VerifiedRow) {
  const id = String(key[0]);
  const job = value as Omit<JobRow, "payload" | "result">;
  const [payload, result] = texts;
  counted[job.state] += 1;
  counted.bytes += utf8Bytes(payload ?? "") + utf8Bytes(result ?? "");
  counted.seq = Math.max(counted.seq, job.seq);
  counted.grant = Math.max(counted.grant, job.grant ?? 0);
  counted.latest = Math.max(counted.latest, job.createdAt, job.startedAt ?? 0, job.endedAt ?? 0);
  const { lane, priority, readyAt = -1, runAt = -1, leaseUntil = -1, endedAt = -1, seq } = job;
  if (job.state === "ready") add(implied.ready, [lane, priority, readyAt, seq, id]);
  if (job.state === "scheduled") add(implied.scheduled, [runAt, seq, id]);
  if (job.state === "running") add(implied.leases, [leaseUntil, seq, id]);
  const { action, plan, worker = "" } = job;
  if (action !== undefined) add(implied.actions, [action, job.state]);
  if (job.state === "running" && job.tracked) {
    add(implied.held, [worker, id]);
    add(implied.holders, [worker]);
  }
  if (isEndState(job.state)) {
    const shelf = action === undefined ? job.state : `${job.state}/action`;
    add(implied.finished, [shelf, endedAt, id]);
  } else {
    if (plan !== undefined) add(implied.plans, [plan]);
    const ends = Math.min(job.ttlUntil ?? Infinity, job.expiresAt ?? Infinity);
    if (ends < Infinity) add(implied.deadlines, [ends, id]);
    const name = [job.kind ?? "payload", ...(job.requires ?? [])].join();
    counted.lane = Math.max(counted.lane, lane);
    if (lane !== PLAIN_LANE) add(implied.open, [lane, name]);
    if (lane !== PLAIN_LANE && job.state === "ready") {
      add(implied["ready in lanes"], [lane, name]);
    }
  }
  return jobProblems(id, job, payload ?? null);
}

/** What a job's row says against itself. */
function jobProblems(
  id: string,
  job: Omit<JobRow, "payload" | "result">,
  payload: string | null,
): VerifyProblem[] {
  const problems: VerifyProblem[] = [];
  const expect = (holds: boolean, invariant: string, what: string): void => {
    if (!holds) problems.push({ invariant, detail: `Job ${id}: ${what}.` });
  };
  const has = (isIn: boolean, time: number | undefined): boolean => isIn === (time !== undefined);
  expect(payload !== null, "I1", "it has no payload");
  expect(utf8Bytes(payload ?? "") === job.payloadBytes, "I11", "its payload has another size");
  expect(has(isEndState(job.state), job.endedAt), "I1", `it is ${job.state}, by its end it is not`);
  expect(has(job.state === "running", job.leaseUntil), "I2", `it is ${job.state}, its lease not`);
  expect(has(job.state === "scheduled", job.runAt), "I1", `it is ${job.state}, its due time not`);
  expect(job.state !== "ready" || job.readyAt !== undefined, "I1", "it is ready without a place");
  expect(job.state !== "running" || job.grant !== undefined, "I2", "it runs without a token");
  const isPlain = (job.kind ?? "payload") === "payload" && (job.requires ?? []).length === 0;
  const isInPlain = job.lane === PLAIN_LANE;
  expect(isPlain === isInPlain, "I6", "its lane is not that of its kind and requirements");
  expect(job.run >= 1 && job.failures >= 0 && job.deliveries >= 0, "I4", "a count is negative");
  const most = job.maxAttempts ?? limits.attemptsMax;
  expect(job.failures <= most, "I4", `it failed ${job.failures} times of ${most}`);
  return problems;
}

/** What does not agree once every row was taken in, of a state as of `at`. */
export function endVerify(state: VerifyState, at: number): VerifyProblem[] {
  const { found, implied, counters, counted, queues } = state;
  const problems: VerifyProblem[] = [];
  const expect = (holds: boolean, detail: string): void => {
    if (!holds) problems.push({ invariant: "I11", detail });
  };
  for (const name of derived) {
    const [is, must] = [found[name], implied[name]];
    const told = `${name}: ${is.rows} rows, and the jobs imply ${must.rows}`;
    expect(is.rows === must.rows && is.sum === must.sum, `${told}${sameNumber(is, must)}.`);
  }
  if (counted.latest > at) {
    const detail = `A job was created, started or ended at ${counted.latest}, behind the last entry of ${at}.`;
    problems.push({ invariant: "I15", detail });
  }
  expect(queues === 1, `The queue has ${queues} rows, not one.`);
  if (counters === undefined) return [...problems, { invariant: "I11", detail: "No counters." }];
  const ofActions = endStates.map((each) => `action_${each}` as const);
  for (const name of [...jobStates, ...ofActions, ...alsoCounted] as const) {
    const told = `The counter ${name} is ${counters[name]}; a recount gives ${counted[name]}.`;
    expect(counters[name] === counted[name], told);
  }
  for (const name of ["seq", "grant", "lane", "operation", "action"] as const) {
    const told = `The sequence ${name} is ${counters[name]}, and ${counted[name]} was given.`;
    expect(counters[name] >= counted[name], told);
  }
  return problems;
}

const sameNumber = (is: RowSet, must: RowSet): string =>
  is.rows === must.rows ? ", but others" : "";
