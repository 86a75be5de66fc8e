/**
 * What one step of an operation does: which jobs or keys it looks at, and how it changes them.
 * Invariant: it takes a bounded number of jobs with those that they name, and begins where the last one stopped; it touches only jobs that were
 * there when its operation began, as they are now.
 */
import { isEndState, type JobState } from "../contract/fields.ts";
import { limits } from "../contract/limits.ts";
import { jobBytes } from "../store/job-texts.ts";
import type { JobRow } from "../store/jobs.ts";
import { keyDueAt, keyOpensAt, limitsOf } from "../store/keys.ts";
import type { OperationRow } from "../store/operations.ts";
import { bounded } from "../store/token-bucket.ts";
import { queueOf, type Transaction } from "./decide.ts";
import { settleDue } from "./due.ts";
import { behindParents, haveHeard, namesOf } from "./flows.ts";
import { neededBy, runAgain } from "./jobs.ts";
import { isOfFilter } from "./jobs-read.ts";
import { type IndexKey, placesOf } from "./places.ts";
import { giveBack } from "./returns.ts";

/** One step: at most `most` jobs of one state and those that they name, and of their texts. Returns how much of `most` it took. */
export function step(
  tx: Transaction,
  seq: number,
  operation: OperationRow,
  state: JobState,
  most: number,
): number {
  const { kind, fromBack, after } = operation;
  const { met, examined, last, taken } = lookAt(tx, operation, state, most);
  // What became of one of this step may have ended another, which waited for it.
  const isMeant: IsMeant = (_, job) => job.state === state && isOfOperation(operation, job);
  const isAlsoMeant: IsMeant = (_, job) =>
    operation.states.includes(job.state) && isOfOperation(operation, job);
  const { changed, besides, isCut }: Changed =
    kind === "redrive"
      ? runAllAgain(tx, asEnqueued(met), isAlsoMeant, most)
      : changeAll(tx, kind, fromBack && state === "blocked" ? met : asEnqueued(met), isMeant);
  if (isCut) {
    // It begins again where it began: those that run again are no longer there.
    tx.emit("operation.advanced", {
      seq,
      changed,
      examined: changed,
      state,
      ...(after && { after }),
    });
    return most;
  }
  const done = { seq, changed, examined: examined + besides };
  if (last !== undefined) {
    tx.emit("operation.advanced", { ...done, state, after: last });
    return most;
  }
  const next = operation.states[operation.states.indexOf(state) + 1];
  tx.emit("operation.advanced", next === undefined ? done : { ...done, state: next });
  return taken;
}

/**
 * One step over jobs that were named: it looks at them in the order in which they were, as many as one over a state would. The first is told of
 * all, those behind it of what that left. Returns how much of `most` it took.
 */
export function stepOfIds(
  tx: Transaction,
  seq: number,
  operation: OperationRow,
  ids: readonly string[],
  most: number,
): number {
  const { kind, left: isNoted, after: [from = 0] = [] } = operation;
  const room = new Room(most);
  const met: Met[] = [];
  let next = Number(from);
  for (; next < ids.length && !room.isFull; next += 1) {
    const id = ids[next] ?? "";
    settleDue(tx, id);
    const job = tx.tables.jobs.get([id]);
    room.take(job);
    if (job !== undefined) met.push([job.seq, id]);
  }
  const named = new Set(ids);
  const isMeant: IsMeant = (id, job) =>
    named.has(id) && isEndState(job.state) && isOfOperation(operation, job);
  const { changed, isCut } =
    kind === "redrive"
      ? runAllAgain(tx, asEnqueued(met), isMeant, most)
      : changeAll(tx, kind, asEnqueued(met), isMeant);
  // It begins again where it began: those that run again are meant no longer.
  if (isCut) next = Number(from);
  // A parent that ran again before its turn to be looked at counts from then on.
  const looked = operation.total - (ids.length - next);
  const examined = Math.max(changed, looked - operation.examined);
  if (next === ids.length) {
    tx.emit("operation.advanced", { seq, changed, examined });
    return room.taken;
  }
  const rest = isNoted === undefined ? { after: [0], left: ids.slice(next) } : { after: [next] };
  tx.emit("operation.advanced", { seq, changed, examined, ...rest });
  return most;
}

/** A job that a step is to look at. */
type Met = readonly [seq: number, id: string];

/** What a step may still look at: so many jobs, each of which counts for those that it names, and so much of their texts. */
class Room {
  readonly #most: number;
  #left: number;
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
    this.#left = most;
  }

  take(job: JobRow | undefined): void {
    this.#left -= namesOf(job);
    this.#bytes += job === undefined ? 0 : jobBytes(job);
  }

  get isFull(): boolean {
    return this.#left <= 0 || this.#bytes >= limits.operationStepTextBytes;
  }

  /** How much of what it might take it took; all, where no more fits. */
  get taken(): number {
    return this.isFull ? this.#most : this.#most - this.#left;
  }
}

/** What a step looks at: how many that are, and behind which place it stopped, where there are more. */
interface Looked {
  readonly met: readonly Met[];
  readonly examined: number;
  readonly last?: IndexKey;
  readonly taken: number;
}

function lookAt(
  tx: Transaction,
  { fromBack, after }: OperationRow,
  state: JobState,
  most: number,
): Looked {
  const met: Met[] = [];
  let examined = 0;
  const room = new Room(most);
  for (const [last, id] of placesOf(tx, state, after, fromBack && state === "blocked")) {
    const job = tx.tables.jobs.get([id]);
    examined += 1;
    room.take(job);
    if (job !== undefined) met.push([job.seq, id]);
    if (room.isFull) return { met, examined, last, taken: most };
  }
  return { met, examined, taken: room.taken };
}

/** In the order in which they were enqueued: so those that run again stand in it as before. */
const asEnqueued = (met: readonly Met[]): readonly Met[] => met.toSorted(([a], [b]) => a - b);

/** Whether a job is to be changed, as it is now. */
type IsMeant = (id: string, job: JobRow) => boolean;

/** How many jobs were changed, how many of them are none of those that were met, and whether some of these are still to be looked at. */
interface Changed {
  readonly changed: number;
  readonly besides: number;
  readonly isCut: boolean;
}

function changeAll(
  tx: Transaction,
  kind: OperationRow["kind"],
  met: readonly Met[],
  isMeant: IsMeant,
): Changed {
  let changed = 0;
  for (const [, id] of met) {
    const job = tx.tables.jobs.get([id]);
    if (job !== undefined && isMeant(id, job) && changeOne(tx, kind, id, job)) changed += 1;
  }
  return { changed, besides: 0, isCut: false };
}

/**
 * Runs jobs again, each behind those it names that are to run again too, of which `room` may be others than those that were met. Where that is not
 * enough, or one has more to tell of its last run than fits, it stops: not without having done something.
 */
function runAllAgain(
  tx: Transaction,
  met: readonly Met[],
  isMeant: IsMeant,
  room: number,
): Changed {
  const own = new Set(met.map(([, id]) => id));
  const tried = new Set<string>();
  let [changed, besides, left] = [0, 0, room];
  for (const first of own) {
    for (const id of behindParents(tx, first, isMeant, tried)) {
      const job = tx.tables.jobs.get([id]);
      if (job === undefined) continue;
      const isOther = !own.has(id);
      const isLate = !haveHeard(tx, id, job);
      if (isLate || (isOther && left <= 0)) return { changed, besides, isCut: true };
      if (runAgain(tx, id, job) !== undefined) continue;
      changed += 1;
      if (!isOther) continue;
      besides += 1;
      left -= namesOf(job);
    }
  }
  return { changed, besides, isCut: false };
}

/** Whether a job was there when an operation began, as it is now, and is one that it means. */
function isOfOperation(operation: OperationRow, job: JobRow): boolean {
  const { seqMax, grantMax = Infinity, startedAt } = operation;
  if ((job.grant ?? 0) > grantMax || job.seq > seqMax) return false;
  if (isEndState(job.state) && (job.endedAt ?? 0) > startedAt) return false;
  return isOfFilter(job, operation);
}

function changeOne(tx: Transaction, kind: OperationRow["kind"], id: string, job: JobRow): boolean {
  if (kind === "release") {
    giveBack(tx, job, { id });
  } else if (neededBy(tx, job) === undefined) {
    tx.emit("job.removed", { id });
  } else if (isEndState(job.state)) {
    return false;
  } else {
    // Its action or its children keep it, and have to hear what became of it.
    tx.emit("job.cancelled", { id, reason: "purged" });
    freeUnique(tx, id, job);
  }
  return true;
}

/** A purged job lets go of its unique key, also where it was to have that for a time. */
function freeUnique(tx: Transaction, id: string, { unique }: JobRow): void {
  if (unique === undefined || tx.tables.uniques.get([unique.key])?.id !== id) return;
  tx.emit("unique.expired", { key: unique.key });
}

/** One step of looking at keys: those that the new defaults open or shut are brought up to date. */
export function resizeStep(
  tx: Transaction,
  seq: number,
  { after }: OperationRow,
  most: number,
): number {
  const from = after === undefined ? {} : { after: after as readonly [string] };
  const rows = tx.tables.keys.range({ ...from, limit: most });
  const { config } = queueOf(tx);
  let changed = 0;
  for (const [[key], row] of rows) {
    const all = limitsOf(row, config);
    const usedUntil = bounded(row.usedUntil, all.rate, tx.at);
    const opensAt = keyOpensAt({ ...row, usedUntil }, all);
    const hasTurn = Object.values(row.lanes).some(({ round }) => round !== undefined);
    // Also one that stays shut may open at another time than before, and needs a timer for it.
    const isTimed = keyDueAt(row, opensAt, tx.at) === row.dueAt;
    const isPlaced = row.ready === 0 || (opensAt <= tx.at === hasTurn && isTimed);
    if (isPlaced && usedUntil === row.usedUntil) continue;
    tx.emit("key.refreshed", { key });
    changed += 1;
  }
  const done = { seq, changed, examined: rows.length };
  const last = rows.at(-1);
  const isMore = rows.length === most && last !== undefined;
  tx.emit("operation.advanced", isMore ? { ...done, state: "ready", after: last[0] } : done);
  return rows.length;
}
