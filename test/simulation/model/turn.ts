/**
 * One group's turn at a state: the time, the events so far, and what time by itself does to jobs.
 * Invariant: every change to a state passes here, so that an event is counted exactly when something changed.
 */
import { small } from "../small.ts";
import { isBefore, record } from "./show.ts";
import {
  type EndedState,
  endedStates,
  type History,
  isEnded,
  type Job,
  type Queue,
  type State,
} from "./state.ts";

/** What an answer is: the reply as an object, or the code of a refusal with its facts. */
export type Answer = { readonly reply: object } | { readonly refusal: Refused };
export interface Refused {
  readonly code: string;
  readonly [fact: string]: unknown;
}

export const refused = (code: string, facts: object = {}): { readonly refusal: Refused } => ({
  refusal: { code, ...facts },
});

/** What a turn finds beside the state. */
interface Given {
  readonly newQueueId: string;
  readonly autoCreate: boolean;
  readonly isFull: boolean;
  readonly purged: number;
}

interface Due {
  readonly at: number;
  readonly job: Job;
}

export class Turn {
  readonly at: number;
  /** A random id for a queue that is created. */
  readonly newQueueId: string;
  /** Whether an enqueue creates the queue. */
  readonly autoCreate: boolean;
  /** Whether the database is at its bound. */
  readonly isFull: boolean;
  /** The last entry that is gone from the log. */
  readonly purged: number;
  state: State;
  events: string[] = [];
  /** Jobs that changed. */
  readonly touched = new Set<string>();

  constructor(state: State, at: number, given: Given) {
    this.state = state;
    this.at = at;
    this.newQueueId = given.newQueueId;
    this.autoCreate = given.autoCreate;
    this.isFull = given.isFull;
    this.purged = given.purged;
  }

  get history(): History {
    return this.state.history;
  }

  /** The answer that shows a job. */
  show(job: Job): Answer {
    return { reply: { now: this.at, job: record(job, this.queue.config) } };
  }

  get queue(): Queue {
    if (this.state.queue === undefined) throw new Error("the model has no queue");
    return this.state.queue;
  }

  emit(event: string): void {
    this.events.push(event);
  }

  /** Replaces a job, by an event. */
  put(event: string, job: Job, changes: Partial<Job> = {}): Job {
    this.emit(event);
    const after = { ...job, ...changes };
    this.state.jobs.set(job.id, after);
    this.touched.add(job.id);
    return after;
  }

  remove(id: string): void {
    this.emit("job.removed");
    this.state.jobs.delete(id);
    this.touched.add(id);
  }

  maxAttemptsOf(job: Job): number {
    return job.maxAttempts ?? this.queue.config.maxAttempts;
  }

  /** Ends a job: kept as its state's retention says, or not at all. */
  end(event: string, job: Job, state: EndedState, changes: Partial<Job>): void {
    const { ageMs, count } = this.queue.config.retention[state];
    if (ageMs === 0 || count === 0) {
      this.emit(event);
      this.state.jobs.delete(job.id);
      this.touched.add(job.id);
      return;
    }
    this.put(event, job, {
      ...changes,
      state,
      endedAt: this.at,
      ...(job.state === "running" && { leaseEndedAt: changes.leaseEndedAt ?? this.at }),
      leaseUntil: undefined,
      runAt: undefined,
      readyAt: undefined,
      ttlUntil: undefined,
    });
  }

  /** A job's history with the attempt that ended now. */
  attemptsWith(job: Job, outcome: string, endedAt: number, error?: string): readonly object[] {
    const attempt = {
      run: job.run,
      attempt: job.failures + 1,
      outcome,
      startedAt: job.startedAt,
      endedAt,
      ...(job.worker !== undefined && { worker: job.worker }),
      ...(error !== undefined && { error }),
    };
    return [...(job.attempts ?? []), attempt].slice(-small.attemptsKeptMax);
  }

  /** A job becomes ready: its time to live begins, if this is the first time. */
  becomeReady(event: string, job: Job, readyAt: number): Job {
    const isFirst = job.startedAt === undefined && job.run === 1 && job.ttlUntil === undefined;
    const ttlUntil =
      isFirst && job.ttlMs !== undefined ? { ttlUntil: readyAt + job.ttlMs } : undefined;
    return this.put(event, job, { state: "ready", readyAt, runAt: undefined, ...ttlUntil });
  }

  /** A job, after all that time has done to it. */
  asOfNow(id: string): Job | undefined {
    for (;;) {
      const job = this.state.jobs.get(id);
      if (job === undefined || !this.#applyDue(job)) return job;
    }
  }

  #applyDue(job: Job): boolean {
    if (isEnded(job.state)) return false;
    const life = lifeOf(job);
    const own = ownDue(job);
    if (Math.min(life, own) > this.at) return false;
    if (life <= own) {
      const reason = life === job.ttlUntil ? "ttl" : "deadline";
      const attempts = job.state === "running" && this.attemptsWith(job, "expired", this.at);
      this.end("job.expired", job, "expired", { reason, ...(attempts && { attempts }) });
    } else if (job.state === "running") {
      if (this.#isBeingReleased(job)) this.giveBack(job);
      else this.#loseLease(job);
    } else {
      this.becomeReady("job.promoted", job, job.readyAt ?? own);
    }
    return true;
  }

  /** A running job goes back to its place, uncounted. */
  giveBack(job: Job): void {
    const over = { leaseUntil: undefined, leaseEndedAt: this.at, runAt: undefined };
    this.put("job.released", job, { ...over, state: "ready", outcome: "released" });
  }

  /** Whether a lease is of an imported state, and its turn to be given back has not come yet. */
  #isBeingReleased({ grant = 0 }: Job): boolean {
    return this.state.operations.some(
      ({ kind, endedAt, grantMax = 0 }) =>
        kind === "release" && endedAt === undefined && grant <= grantMax,
    );
  }

  #loseLease(job: Job): void {
    const changes = {
      outcome: "expired",
      failures: job.failures + 1,
      attempts: this.attemptsWith(job, "lease_expired", job.leaseUntil ?? 0),
      reason: "lease_expired",
      // It ended by time, whenever that was noticed.
      leaseEndedAt: job.leaseUntil,
    } as const;
    if (job.failures + 1 >= this.maxAttemptsOf(job)) {
      this.end("job.lease_expired", job, "failed", changes);
      return;
    }
    this.put("job.lease_expired", job, { ...changes, leaseUntil: undefined, state: "ready" });
  }

  /** Does what is due, at most so many changes. Returns how many. */
  sweep(most: number): number {
    let changes = 0;
    while (changes < most) {
      const due = nextDue(this.state);
      if (due === undefined || due.at > this.at) break;
      this.asOfNow(due.job.id);
      changes += 1;
    }
    while (changes < most) {
      const over = nextRemoval(this.state, this.at);
      if (over === undefined || over.at > this.at) break;
      this.remove(over.job.id);
      changes += 1;
    }
    return changes;
  }
}

/** When a job ends by itself. */
const lifeOf = (job: Job): number => Math.min(job.ttlUntil ?? Infinity, job.expiresAt ?? Infinity);

/** When a job's delay or lease is over. */
function ownDue(job: Job): number {
  if (job.state === "running") return job.leaseUntil ?? Infinity;
  return job.state === "scheduled" ? (job.runAt ?? Infinity) : Infinity;
}

/** Of several due at one time lives come first, by id; then leases, then delays, as they were enqueued. */
const rankOf = (job: Job, isLife: boolean): readonly [number, number | string] => {
  if (isLife) return [0, job.id];
  return [job.state === "running" ? 1 : 2, job.seq];
};

/** The job to which time does something next. */
function nextDue(state: State): Due | undefined {
  let best: (Due & { readonly isLife: boolean }) | undefined;
  for (const job of state.jobs.values()) {
    if (isEnded(job.state)) continue;
    const life = lifeOf(job);
    const own = ownDue(job);
    const at = Math.min(life, own);
    if (at === Infinity || (best !== undefined && at > best.at)) continue;
    const isLife = life <= own;
    const isTied = best !== undefined && at === best.at;
    if (isTied && best !== undefined) {
      if (!isBefore(rankOf(job, isLife), rankOf(best.job, best.isLife))) continue;
    }
    best = { at, job, isLife };
  }
  return best;
}

/** The next record to be forgotten. */
function nextRemoval(state: State, at: number): Due | undefined {
  const retention = state.queue?.config.retention;
  if (retention === undefined) return undefined;
  const kept = { completed: 0, failed: 0, cancelled: 0, expired: 0 };
  const oldest: { [S in EndedState]?: Job } = {};
  for (const job of state.jobs.values()) {
    if (!isEnded(job.state)) continue;
    kept[job.state] += 1;
    const first = oldest[job.state];
    if (first === undefined || endsBefore(job, first)) oldest[job.state] = job;
  }
  let best: Due | undefined;
  for (const ended of endedStates) {
    const job = oldest[ended];
    if (job === undefined) continue;
    const { ageMs, count } = retention[ended];
    const over = kept[ended] > count ? at : (job.endedAt ?? 0) + ageMs;
    if (best === undefined || over < best.at) best = { at: over, job };
  }
  return best;
}

function endsBefore(a: Job, b: Job): boolean {
  return isBefore([a.endedAt ?? 0, a.id], [b.endedAt ?? 0, b.id]);
}

/** When time next does something to an open job, or null. */
export const nextJobDueAt = (state: State): number | null => nextDue(state)?.at ?? null;

/** When time next does anything, or null. */
export function nextDueAt(state: State, at: number): number | null {
  const next = Math.min(nextDue(state)?.at ?? Infinity, nextRemoval(state, at)?.at ?? Infinity);
  return next === Infinity ? null : next;
}
