/**
 * Verifying what a queue has besides jobs and plans: its row, counters, lanes, workers and operations; and the recount at the end.
 * Invariant: a counter equals what was counted, a sequence has given at least every number that is in use.
 */
import { endStates, jobStates } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import type { VerifyProblem } from "../contract/queue.ts";
import type { LaneRow } from "../store/lanes.ts";
import type { OperationRow } from "../store/operations.ts";
import type { Counters, QueueRow } from "../store/queue.ts";
import type { WorkerRow } from "../store/workers.ts";
import { checkPassed } from "./verify-keys.ts";
import { endVerifyNames } from "./verify-names.ts";
import { add, derived, type RowCheck, type VerifyState } from "./verify-state.ts";

export function verifyQueue(check: RowCheck, { createdAt, paused }: QueueRow): void {
  check.state.queues += 1;
  check.expectPast({ createdAt, "paused.at": paused?.at });
}

export function verifyCounters(check: RowCheck, row: Counters): void {
  const { state } = check;
  checkPassed(check, row.plain_passed, row.passed);
  const names = Object.keys(state.counted) as (keyof Counters)[];
  state.counters = Object.fromEntries(names.map((name) => [name, Number(row[name] ?? 0)]));
}

export function verifyLane({ state }: RowCheck, lane: number, row: LaneRow): void {
  const { kind, requires, open, ready } = row;
  const { found, implied } = state;
  const name = [kind, ...requires].join();
  add(found.open, [lane, name], open);
  add(found["ready in lanes"], [lane, name], ready);
  add(implied.lane_index, [name, lane]);
}

export function verifyWorker(check: RowCheck, name: string, row: WorkerRow): void {
  const { found, implied, counted } = check.state;
  const { registeredAt, seenAt, drainingAt, diedAt, leftAt } = row;
  counted.workers += 1;
  add(found.holders, [name], row.running);
  add(implied.worker_due, [dueAt(row), name]);
  check.expectPast({ registeredAt, seenAt, drainingAt, diedAt, leftAt });
}

/** When time next does something to a worker. */
function dueAt({ seenAt, ttlMs, diedAt, leftAt, running }: WorkerRow): number {
  if (leftAt !== undefined) return leftAt;
  if (diedAt === undefined) return seenAt + Math.ceil(ttlMs * 1.5);
  return diedAt + (running > 0 ? 0 : limits.deadWorkerKeptMs);
}

export function verifyOperation(check: RowCheck, seq: number, row: OperationRow): void {
  const { counted } = check.state;
  const { id, state, states, after, left, changed, examined, startedAt, endedAt } = row;
  counted.operation = Math.max(counted.operation, seq);
  counted.seq = Math.max(counted.seq, row.seqMax);
  counted.grant = Math.max(counted.grant, row.grantMax ?? 0);
  if (endedAt === undefined) counted.underway += 1;
  const isOfNumber = id.endsWith(`-op${seq.toString(36).padStart(4, "0")}`);
  check.expect(isOfNumber, "I11", `its id ${id} is of another number`);
  const isInState = state !== undefined && states.includes(state);
  const hasPlace = isInState || (left !== undefined && after !== undefined);
  check.expect(
    hasPlace === (endedAt === undefined),
    "I11",
    "its end and the place where it goes on differ",
  );
  check.expect(after === undefined || hasPlace, "I11", "it goes on in no state");
  const isCounted = changed >= 0 && changed <= examined;
  check.expect(isCounted, "I11", `it changed ${changed} jobs of ${examined} that it saw`);
  check.expectPast({ startedAt, endedAt });
}

/** What the counters say beside the jobs by their states. */
const alsoCounted = [
  ...(["ended_completed", "ended_failed", "ended_cancelled"] as const),
  ...(["bytes", "underway", "workers", "schedules", "operation"] as const),
  ...(["keys", "keys_set", "lingering", "turns", "limited"] as const),
];

/** What does not agree once every row was taken in. */
export function endVerify(state: VerifyState): VerifyProblem[] {
  const { found, implied, counters, counted, queues } = state;
  const problems: VerifyProblem[] = endVerifyNames(state);
  const expect = (holds: boolean, invariant: string, detail: string): void => {
    if (!holds) problems.push({ invariant, detail });
  };
  for (const name of derived) {
    const [[rows, sum], [impliedRows, impliedSum]] = [found[name], implied[name]];
    const told = `${name}: ${rows} rows, and the rows they follow from imply ${impliedRows}`;
    const isSame = rows === impliedRows && sum === impliedSum;
    expect(isSame, "I11", `${told}${rows === impliedRows ? ", but others" : ""}.`);
  }
  expect(queues === 1, "I11", `The queue has ${queues} rows, not one.`);
  if (counters === undefined) return [...problems, { invariant: "I11", detail: "No counters." }];
  const ofActions = endStates.map((each) => `action_${each}` as const);
  const ofParents = endStates.map((each) => `parent_${each}` as const);
  for (const name of [...jobStates, ...ofActions, ...ofParents, ...alsoCounted] as const) {
    const told = `The counter ${name} is ${counters[name]}; a recount gives ${counted[name]}.`;
    expect(counters[name] === counted[name], "I11", told);
  }
  for (const name of ["seq", "grant", "lane", "action"] as const) {
    const told = `The sequence ${name} is ${counters[name]}, and ${counted[name]} was given.`;
    expect((counters[name] ?? 0) >= counted[name], name === "grant" ? "I2" : "I11", told);
  }
  return problems;
}
