/**
 * Verifying flow keys, the turns of their lanes, and the timers: that a key counts its jobs, and has turns exactly while it is open.
 * Invariant: whether a key is open is judged as of the last entry, and only where no change of the defaults is being carried out.
 */
import type { KeyLimits } from "../contract/keys.ts";
import { limits } from "../contract/limits.ts";
import type { JobPointer, JobRow } from "../store/jobs.ts";
import type { KeyLane, KeyRow, RoundRow } from "../store/keys.ts";
import { PLAIN_LANE } from "../store/lanes.ts";
import type { Counters, QueueRow } from "../store/queue.ts";
import { isLess } from "../store/rounds.ts";
import type { TimerRow } from "../store/timers.ts";
import { add, type RowCheck, type RowKey, type VerifiedRow } from "./verify-state.ts";

/** In strict order a key has one lane for all of its jobs, which stands under no set. */
const MIXED = 0;

export function verifyKey(check: RowCheck, key: string, row: KeyRow): void {
  const { found, implied, counted } = check.state;
  const lanes = Object.entries(row.lanes);
  counted.keys += 1;
  if (row.settings !== undefined) counted.keys_set += 1;
  const order = row.order ?? "";
  for (const part of ["later", "ready", "running"] as const) {
    add(found.keys, [key, part, order], row[part]);
  }
  add(found.keys, [key, "lingering"], row.lingering);
  if (row.dueAt !== undefined) add(implied.timers, [row.dueAt, "key", key]);
  for (const [index, lane] of lanes) {
    add(found["lanes of keys"], [key, index, lane.lane, "open"], lane.open);
    add(found["lanes of keys"], [key, index, lane.lane, "ready"], lane.ready);
    if (lane.round === undefined) counted.limited += lane.ready;
    else counted.turns += 1;
    if (lane.round !== undefined) add(implied.turns, [...lane.round, lane.lane, key]);
  }
  const counts = [row.later, row.ready, row.running, row.lingering];
  check.expect(!counts.some((count) => count < 0), "I11", "a count is negative");
  check.expectPast({ "paused.at": row.paused?.at });
  checkOrder(check, key, row);
  checkNeed(check, row);
  const queue = check.find("queue", [0]) as QueueRow | undefined;
  if (queue?.config?.keys === undefined || isBeingResized(check)) return;
  checkTurns(check, row, { ...queue.config.keys, ...row.settings });
}

/** Keys that an operation has not looked at yet stand as the defaults before would have them. */
const isBeingResized = ({ find }: RowCheck): boolean =>
  ((find("counters", [0]) as Partial<Counters> | undefined)?.underway ?? 0) > 0;

const openJobsOf = ({ later, ready, running }: KeyRow): number => later + ready + running;

/** I5: in strict order one job runs at a time, and the one that holds the others back waits to be tried again. */
function checkOrder(check: RowCheck, key: string, row: KeyRow): void {
  const { order, holder } = row;
  check.expect(order === undefined || openJobsOf(row) > 0, "I5", "it has an order without jobs");
  check.expect(order !== "fifo" || row.running <= 1, "I5", `it runs ${row.running} jobs at once`);
  if (holder === undefined) return;
  check.expect(order === "fifo", "I5", "it is held, and not in strict order");
  const job = check.find("jobs", [holder]) as JobRow | undefined;
  const isWaiting = job?.state === "scheduled" && job.key === key;
  check.expect(isWaiting, "I5", `it is held by job ${holder}, which does not wait with it`);
}

const isNeeded = (row: KeyRow): boolean =>
  openJobsOf(row) + row.lingering > 0 || row.settings !== undefined || row.paused !== undefined;

/** A key that nothing needs is kept while what it used is remembered. */
function checkNeed(check: RowCheck, row: KeyRow): void {
  const { heldUntil = 0, usedUntil = 0, dueAt } = row;
  const told = `nothing needs it, and it is kept until ${dueAt}`;
  const isDue = dueAt === Math.ceil(Math.max(heldUntil, usedUntil));
  check.expect(isNeeded(row) || isDue, "I11", told);
}

/** From when on time leaves a key open; infinite where something else shuts it. Not to the millisecond: rates give fractions. */
function opensAt(row: KeyRow, { concurrency, rate }: KeyLimits): number {
  const most = row.order === "fifo" ? 1 : (concurrency ?? Infinity);
  const hasSlot = row.running + row.lingering < most;
  if (row.paused !== undefined || row.holder !== undefined || !hasSlot) return Infinity;
  const { heldUntil = 0, usedUntil } = row;
  if (rate === null || usedUntil === undefined) return heldUntil;
  const { limit, perMs, burst = limit } = rate;
  return Math.max(heldUntil, usedUntil - ((burst - 1) * perMs) / limit);
}

/** I6: lanes with ready jobs have turns while their key is open, and a key that time will open has a timer. */
function checkTurns(check: RowCheck, row: KeyRow, all: KeyLimits): void {
  const { at } = check.state;
  const opens = opensAt(row, all);
  const isAboutNow = Math.abs(opens - at) <= 1;
  const isOpen = opens <= at;
  const isPending = row.dueAt !== undefined && row.dueAt <= at;
  for (const lane of Object.values(row.lanes)) {
    const hasTurn = lane.round !== undefined;
    check.expect(lane.ready > 0 || !hasTurn, "I6", `lane ${lane.lane} has a turn, and no job`);
    if (lane.ready === 0 || hasTurn === isOpen || isAboutNow || (isOpen && isPending)) continue;
    const told = isOpen ? "it is open, and has no turn" : "it is shut, and has a turn";
    check.expect(false, "I6", `in lane ${lane.lane} ${told}`);
  }
  if (!isNeeded(row) || isAboutNow || isPending) return;
  const isTimed = row.ready > 0 && !isOpen && opens < Infinity;
  const isRight = isTimed ? Math.abs((row.dueAt ?? 0) - opens) <= 1 : row.dueAt === undefined;
  check.expect(isRight, "I9", `it opens at ${opens}, and its timer is at ${row.dueAt ?? "none"}`);
}

/** A place among the ready jobs: the first one of a key's lane says in which round the lane has its turns. */
export function verifyReady(check: RowCheck, { key: place, value }: VerifiedRow): void {
  const { id } = value as JobPointer;
  add(check.state.found.ready, [...place, id]);
  const [number = 0] = place;
  const isFirst = check.before?.table !== "ready" || check.before.key[0] !== number;
  if (!isFirst) return;
  const job = check.find("jobs", [id]) as JobRow | undefined;
  if (job?.key === undefined) return;
  const row = check.find("keys", [job.key]) as KeyRow | undefined;
  const set = job.set ?? 1;
  const lane: KeyLane | undefined = row?.lanes[job.ordered ? MIXED : set];
  if (lane === undefined) return;
  const { round, atTop, top } = lane;
  const isInRound = round === undefined || (round[0] === set && round[1] === job.priority);
  const told = `it is the first of lane ${number}, of set ${set} and priority ${job.priority}`;
  check.expect(isInRound, "I6", `${told}, and the lane has turns in round ${round?.join()}`);
  const isTop = atTop === 0 || (atTop <= lane.ready && top === job.priority);
  check.expect(isTop, "I6", `${told}, and its key says ${atTop} of priority ${top}`);
}

export function verifyTurn(
  { state }: RowCheck,
  [set = 0, priority = 0, lane = 0]: RowKey,
  key: string,
) {
  add(state.found.turns, [set, priority, lane, key]);
  add(state.implied.rounds, [set, priority]);
}

/** A round counts its lanes; one of none is kept for the turns that it remembers, as long as its set has jobs. */
export function verifyRound(check: RowCheck, place: RowKey, row: RoundRow): void {
  const [set = 0] = place;
  const { began, before = 0, used, plain } = row;
  add(check.state.found.rounds, place, row.lanes);
  const isOfSet = set === PLAIN_LANE || check.find("lanes", [set]) !== undefined;
  const isKept = isOfSet && (began ?? plain) !== undefined;
  check.expect(row.lanes >= 1 || isKept, "I11", `it is of ${row.lanes} lanes`);
  const isLeft = row.left >= 0 && row.left < limits.weightMax;
  check.expect(isLeft, "I6", `${row.left} jobs are left in its turn`);
  const counters = check.find("counters", [0]) as Partial<Counters> | undefined;
  const isKnown = (row.end ?? 0) <= (counters?.lane ?? 0);
  check.expect(isKnown, "I6", `it ends with lane ${row.end}, past ${counters?.lane}`);
  const turns = [before, began ?? before, Math.max(began ?? 0, plain ?? 0), counters?.lane ?? 0];
  const isInOrder = turns.every((turn, i) => turn >= (turns[i - 1] ?? 0));
  check.expect(isInOrder, "I6", `its turns are not in order: ${turns.join(", ")}`);
  const isBegun = (began === undefined) === (used === undefined);
  check.expect(isBegun, "I6", `it began with turn ${began}, and ${used} lanes had theirs`);
  checkPassed(check, row.passed, counters?.passed);
}

/** In entries of before turns were numbered no round went further than one ahead of the others. */
export function checkPassed(check: RowCheck, passed = 0, all = 0): void {
  check.expect(!isLess(all + 1, passed), "I6", `it is at ${passed}, more than one past ${all}`);
}

/** A timer follows from another row, except that of a slot, of which nothing else is said. */
export function verifyTimer(
  check: RowCheck,
  [dueAt = 0, kind = "", name = ""]: RowKey,
  row: TimerRow,
): void {
  const { state } = check;
  if (kind !== "lingering") {
    add(state.found.timers, [dueAt, kind, name]);
    return;
  }
  state.counted.lingering += 1;
  if (row.key !== undefined) add(state.implied.keys, [row.key, "lingering"]);
  const isNamed = /^\d+ [A-Za-z0-9_-]+$/.test(String(name));
  check.expect(isNamed, "I11", "it is of no job's slot");
}
