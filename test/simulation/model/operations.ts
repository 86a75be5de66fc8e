/**
 * What purge, redrive, discard, and what follows an import or new limits should do: bounded steps over many jobs, the first in the command itself.
 * Invariant: an operation touches only jobs that were there when it began.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { small } from "../small.ts";
import type { Answer } from "./answers.ts";
import { idOf, isNeeded, pad, runAgain } from "./jobs.ts";
import { haveHeard, ownParents, weightOf } from "./kin.ts";
import { isOfFilter } from "./reads.ts";
import { bounded, limitsOf, openOf, opensAt, touch } from "./rounds.ts";
import { countsOf, inOrder, isBefore, operationRecord, placeIn } from "./show.ts";
import { isEnded, type Job, type JobState, type Operation, type Place } from "./state.ts";
import type { Turn } from "./turn.ts";
import { free } from "./uniques.ts";

type Filter = Pick<
  Operation,
  "label" | "key" | "error" | "endedAfter" | "endedBefore" | "grantMax" | "fromBack"
>;

export function purge(turn: Turn, { states }: CommandInputs["queue.purge"]): Answer {
  const named = new Set<JobState>(states ?? ["scheduled", "ready", "blocked"]);
  // None goes on because another one was purged: those that wait go first, the last of them before those it waits for.
  const ended = ["completed", "failed", "cancelled", "expired"] as const;
  const order = ["blocked", "running", "scheduled", "ready", ...ended] as const;
  return start(
    turn,
    "purge",
    order.filter((state) => named.has(state)),
    { fromBack: true },
  );
}

export function redrive(turn: Turn, input: CommandInputs["job.redrive"]): Answer {
  return changeEnded(turn, "redrive", input);
}

export function discard(turn: Turn, input: CommandInputs["job.discard"]): Answer {
  return changeEnded(turn, "discard", input);
}

type Kind = "redrive" | "discard";

function changeEnded(turn: Turn, kind: Kind, input: CommandInputs["job.discard"]): Answer {
  if (input.ids !== undefined) return changeIds(turn, kind, input.ids);
  const { states = ["failed"], label, key, error, endedAfter, endedBefore } = input;
  return start(turn, kind, states, { label, key, error, endedAfter, endedBefore });
}

function begin(
  turn: Turn,
  facts: Pick<Operation, "kind" | "states" | "total"> & Filter,
): Operation {
  const { state } = turn;
  state.operation += 1;
  const [first] = facts.states;
  const operation: Operation = {
    ...{ ...facts, seq: state.operation, seqMax: state.seq, changed: 0, examined: 0 },
    id: idOf(turn.queue, `op${pad(state.operation, 4)}`),
    startedAt: turn.at,
    ...(first === undefined ? { endedAt: turn.at } : { state: first }),
  };
  turn.emit("operation.started");
  state.operations.push(operation);
  // Only the newest are kept, but none goes before it is done.
  const oldest = () => state.operations[0];
  const isOver = (each: Operation | undefined) =>
    each?.endedAt !== undefined && each.seq <= state.operation - small.operationsKeptMax;
  while (isOver(oldest())) state.operations.shift();
  return operation;
}

/** Records progress: `state` and `after` say where the next step begins, none of them that there is none. */
function move(
  turn: Turn,
  seq: number,
  done: { readonly changed: number; readonly examined: number },
  next?: Pick<Operation, "state" | "after" | "left">,
): void {
  turn.emit("operation.advanced");
  turn.state.operations = turn.state.operations.map((each) =>
    each.seq !== seq
      ? each
      : {
          ...each,
          changed: each.changed + done.changed,
          examined: each.examined + done.examined,
          state: next?.state,
          after: next?.after,
          left: next && (next.left ?? each.left),
          endedAt: next === undefined ? turn.at : undefined,
        },
  );
}

const bySeq = (turn: Turn, seq: number): Operation | undefined =>
  turn.state.operations.find((each) => each.seq === seq);

function show(turn: Turn, seq: number): Answer {
  const operation = bySeq(turn, seq);
  if (operation === undefined) throw new Error(`the model has lost operation ${seq}`);
  return { reply: { now: turn.at, operation: operationRecord(operation) } };
}

export function start(
  turn: Turn,
  kind: Operation["kind"],
  named: readonly JobState[],
  filter: Filter,
): Answer {
  const states = [...new Set(named)];
  const { counts } = countsOf(turn.state);
  const jobs = states.reduce((sum, state) => sum + counts[state], 0);
  const total = kind === "resize" ? turn.state.keys.size : jobs;
  const { seq } = begin(turn, { kind, states, total, ...filter });
  advance(turn, seq);
  return show(turn, seq);
}

function changeIds(turn: Turn, kind: Kind, ids: readonly string[]): Answer {
  const operation = begin(turn, { kind, states: [], total: ids.length });
  stepOfIds(turn, operation, ids, small.operationStepMax);
  return show(turn, operation.seq);
}

/** One step over ids: those are looked at that it has room for, in the order in which they were named. */
function stepOfIds(turn: Turn, operation: Operation, ids: readonly string[], most: number): number {
  const { seq, kind, total } = operation;
  const first = Number(operation.after?.[0] ?? 0);
  let [next, left] = [first, most];
  const jobs: Job[] = [];
  for (; next < ids.length && left > 0; next += 1) {
    const job = turn.asOfNow(ids[next] ?? "");
    left -= job === undefined ? 1 : weightOf(job);
    if (job !== undefined) jobs.push(job);
  }
  const isOf = (job: Job) => ids.includes(job.id) && isEnded(job.state) && isMeant(operation, job);
  const { changed, isCut } =
    kind === "redrive"
      ? runAllAgain(turn, asEnqueued(jobs), isOf, most)
      : changeAll(turn, operation, asEnqueued(jobs), isOf);
  if (isCut) next = first;
  const examined = Math.max(changed, total - (ids.length - next) - operation.examined);
  if (next === ids.length) {
    move(turn, seq, { changed, examined });
    return left > 0 ? most - left : most;
  }
  const isFirst = operation.left === undefined;
  const place = isFirst ? { after: [0], left: ids.slice(next) } : { after: [next] };
  move(turn, seq, { changed, examined }, { ...place });
  return most;
}

/** The oldest operation that is not done. */
export const underway = (turn: Turn): number | undefined =>
  turn.state.operations.find((each) => each.endedAt === undefined)?.seq;

/** Goes on with an operation: it looks at a bounded number of jobs, over as many states as that allows. */
export function advance(turn: Turn, seq: number): void {
  let room: number = small.operationStepMax;
  while (room > 0) {
    const operation = bySeq(turn, seq);
    if (operation === undefined || operation.endedAt !== undefined) return;
    const { kind, state, left } = operation;
    if (kind === "resize") room -= lookAtKeys(turn, operation, room);
    else if (state !== undefined) room -= step(turn, operation, state, room);
    else room -= stepOfIds(turn, operation, left ?? [], room);
  }
}

function step(turn: Turn, operation: Operation, state: JobState, most: number): number {
  const { kind, seq, states, after } = operation;
  const isBackwards = operation.fromBack && state === "blocked";
  const all = isBackwards ? behindFromBack(turn, after) : inOrder(turn.state, state, after);
  let left = most;
  // One counts for all that it names.
  const jobs = all.filter((job) => {
    if (left <= 0) return false;
    left -= weightOf(job);
    return true;
  });
  const last = jobs.at(-1);
  const place = last === undefined ? undefined : placeIn(state, last);
  // What became of one of them may have ended another, which waited for it.
  const isOfState = (job: Job) => job.state === state && isMeant(operation, job);
  const isOfAny = (job: Job) => states.includes(job.state) && isMeant(operation, job);
  const { changed, others, isCut } =
    kind === "redrive"
      ? runAllAgain(turn, asEnqueued(jobs), isOfAny, most)
      : changeAll(turn, operation, isBackwards ? jobs : asEnqueued(jobs), isOfState);
  if (isCut) {
    move(turn, seq, { changed, examined: changed }, { state, ...(after && { after }) });
    return most;
  }
  const done = { changed, examined: jobs.length + others };
  if (left <= 0 && place !== undefined) {
    move(turn, seq, done, { state, after: place });
    return most;
  }
  const next = states[states.indexOf(state) + 1];
  move(turn, seq, done, next === undefined ? undefined : { state: next });
  return most - left;
}

function behindFromBack({ state }: Turn, after: Place | undefined): Job[] {
  const all = inOrder(state, "blocked").toReversed();
  return all.filter((job) => after === undefined || isBefore(placeIn("blocked", job), after));
}

interface Changed {
  readonly changed: number;
  readonly others: number;
  readonly isCut: boolean;
}

function changeAll(
  turn: Turn,
  operation: Pick<Operation, "kind">,
  jobs: readonly Job[],
  isOf: (job: Job) => boolean,
): Changed {
  const { length: changed } = jobs.filter(({ id }) => {
    const job = turn.state.jobs.get(id);
    return job !== undefined && isOf(job) && change(turn, operation, job);
  });
  return { changed, others: 0, isCut: false };
}

/** Runs jobs again, those first that they name and that are to run again too: so many others than `jobs`. */
function runAllAgain(
  turn: Turn,
  jobs: readonly Job[],
  isOf: (job: Job) => boolean,
  most: number,
): Changed {
  const tried = new Set<string>();
  let [changed, others, left, isCut] = [0, 0, most, false];
  const run = (id: string): void => {
    const child = turn.state.jobs.get(id);
    if (child === undefined || tried.has(id) || !isOf(child)) return;
    tried.add(id);
    for (const parent of ownParents(turn.state, child)) if (!isCut) run(parent.id);
    const job = turn.state.jobs.get(id);
    if (isCut || job === undefined) return;
    const isOther = jobs.every((each) => each.id !== id);
    const isLate = !haveHeard(turn, job);
    if (isLate || (isOther && left <= 0)) {
      isCut = true;
    } else if (runAgain(turn, job) === undefined) {
      changed += 1;
      if (isOther) others += 1;
      if (isOther) left -= weightOf(job);
    }
  };
  for (const { id } of jobs) if (!isCut) run(id);
  return { changed, others, isCut };
}

const asEnqueued = (jobs: readonly Job[]): Job[] => jobs.toSorted((a, b) => a.seq - b.seq);

function isMeant(operation: Operation, job: Job): boolean {
  const { seqMax, grantMax = Infinity, startedAt, ...filter } = operation;
  // One that has ended since it began was not there as such.
  const wasThere = !isEnded(job.state) || (job.endedAt ?? 0) <= startedAt;
  const isOf = (job.grant ?? 0) <= grantMax && job.seq <= seqMax && wasThere;
  return isOf && isOfFilter(job, filter);
}

function change(turn: Turn, { kind }: Pick<Operation, "kind">, job: Job): boolean {
  if (kind === "release") turn.giveBack(job);
  else if (!isNeeded(turn.state, job)) turn.remove(job.id);
  else if (isEnded(job.state)) return false;
  // Its action or its children keep it, and have to hear what became of it.
  else purgeKept(turn, job);
  return true;
}

/** One that is kept lets go of its unique key, also where it was to have it for a time. */
function purgeKept(turn: Turn, job: Job): void {
  turn.cancel(job, "purged");
  const { key = "" } = job.unique ?? {};
  if (turn.state.uniques.get(key)?.id !== job.id) return;
  turn.emit("unique.expired");
  free(turn.state, turn.at, key);
}

/** Keys that the new defaults open or shut are brought up to date. Returns how many were looked at. */
function lookAtKeys(turn: Turn, { seq, after }: Operation, most: number): number {
  const { state, at } = turn;
  const behind = after === undefined ? "" : String(after[0]);
  const names = [...state.keys.keys()].filter((name) => name > behind).toSorted();
  const looked = names.slice(0, most);
  let changed = 0;
  for (const name of looked) {
    const isReady = openOf(state, name).some((job) => job.state === "ready");
    const hasTurn = [...state.turns.values()].some(({ key }) => key === name);
    const { usedUntil } = state.keys.get(name) ?? {};
    const isBounded = bounded(usedUntil, limitsOf(state, name).rate, at) === usedUntil;
    const opens = opensAt(state, name);
    // A key that stays shut may open at another time than its timer has.
    const timer = opens > at && opens < Infinity ? opens : undefined;
    const isTimed = state.keys.get(name)?.dueAt === timer;
    if (isBounded && (!isReady || (opens <= at === hasTurn && isTimed))) continue;
    turn.emit("key.refreshed");
    touch(state, at, name);
    changed += 1;
  }
  const done = { changed, examined: looked.length };
  const last = looked.at(-1);
  const isMore = last !== undefined && looked.length === most;
  move(turn, seq, done, isMore ? { state: "ready", after: [last] } : undefined);
  return looked.length;
}
