/**
 * One group's turn at a state: the time, the events so far, what time does to a job, and what follows for its action.
 * Invariant: every change to a state passes here, so that an event is counted exactly when something changed.
 */
import { small } from "../small.ts";
import type { Answer } from "./answers.ts";
import { deathOf, lifeOf, ownDue } from "./due.ts";
import type { Given } from "./given.ts";
import { isParent, mayEnd, tellChildren } from "./kin.ts";
import { moved } from "./moves.ts";
import type { Plan } from "./nouns.ts";
import { isHeld, limitsOf, refunded, touch } from "./rounds.ts";
import { actionRecord, maxAttemptsOf, record } from "./show.ts";
import {
  type EndedState,
  type History,
  isEnded,
  type Job,
  letGo,
  type Queue,
  type State,
} from "./state.ts";
import { free } from "./uniques.ts";
import { seeOrBury } from "./workers.ts";

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
  readonly versions: Given["versions"];
  /** Whether a worker holds a channel, and lives. */
  readonly isThere: Given["isThere"];
  state: State;
  events: string[] = [];
  /** Jobs that changed. */
  readonly touched = new Set<string>();
  /** Jobs that ended, of which others have not heard. */
  #ended: string[] = [];
  #isTelling = false;
  #room: number = small.releasedMax;

  constructor(state: State, at: number, given: Given) {
    this.state = state;
    this.at = at;
    this.newQueueId = given.newQueueId;
    this.autoCreate = given.autoCreate;
    this.isFull = given.isFull;
    this.purged = given.purged;
    this.versions = given.versions;
    this.isThere = (worker) => given.isThere(worker);
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

  /** Replaces a job, by an event, and does what follows. */
  put(event: string, job: Job, changes: Partial<Job> = {}): Job {
    this.emit(event);
    const isNeeded = mayEnd.has(event) && isParent(this.state, job.id);
    const after = this.replace(job, changes);
    this.#follow(event, after, isNeeded);
    return after;
  }

  /** Replaces a job, and brings up to date what is kept of keys and others. */
  replace(job: Job, changes: Partial<Job> = {}): Job {
    const before = this.state.jobs.get(job.id);
    const after = { ...job, ...changes };
    this.state.jobs.set(job.id, after);
    this.touched.add(job.id);
    moved(this.state, this.at, before, after);
    return after;
  }

  /** What follows from an event: for its action, for its key, and for the jobs that wait for it. */
  #follow(event: string, job: Job, isNeeded: boolean): void {
    if (!mayEnd.has(event)) return;
    const { action, id, state, key, ordered } = job;
    if (action !== undefined) this.#followAction(action);
    const isFailure = event !== "job.retried" && state === "failed";
    const isParked = key !== undefined && ordered && isFailure;
    if (isParked && limitsOf(this.state, key).onFail === "park") {
      const { paused } = this.state.keys.get(key) ?? {};
      this.pauseKey(key, { reason: paused === undefined ? "parked" : paused.reason, job: id });
    }
    if (isNeeded) this.#ended.push(id);
    if (!this.#isTelling && this.#ended.length > 0) this.#tell();
  }

  pauseKey(
    key: string,
    why: { readonly reason?: string | undefined; readonly job?: string },
  ): void {
    this.emit("key.paused");
    touch(this.state, this.at, key, { paused: { at: this.at, ...why } });
  }

  /** A command, a step of a sweep or of an operation begins. */
  renew(): void {
    this.#room = small.releasedMax;
  }

  /** Jobs that wait hear that others have ended: so many in a piece of work, the rest by time. */
  #tell(): void {
    this.#isTelling = true;
    let id = this.#ended.shift();
    for (; id !== undefined && this.#room > 0; id = this.#ended.shift()) {
      this.#room -= tellChildren(this, id, this.#room);
    }
    this.#ended = [];
    this.#isTelling = false;
  }

  /** An action ends with its last open job, and begins again with the first that runs again. */
  #followAction(id: string): void {
    const action = this.state.actions.get(id);
    if (action === undefined) throw new Error(`the model has lost action ${id}`);
    const { counts } = actionRecord(this.state, id);
    const isOpen = counts.blocked + counts.scheduled + counts.ready + counts.running > 0;
    const { ended, ...rest } = action;
    if (isOpen && ended !== undefined) {
      this.emit("action.reopened");
      this.state.actions.set(id, { ...rest, round: rest.round + 1 });
    } else if (!isOpen && ended === undefined) {
      this.emit("action.ended");
      const isFailed = counts.failed + counts.expired > 0;
      const others = counts.cancelled > 0 ? "cancelled" : "completed";
      const status = isFailed ? "failed" : others;
      this.state.actions.set(id, { ...rest, ended: { at: this.at, status } });
    }
  }

  /** A plan was used once more. */
  use(id: string, used: Partial<Plan>): void {
    const plan = this.state.plans.get(id);
    if (plan === undefined) throw new Error(`the model has lost plan ${id}`);
    this.state.plans.set(id, { ...plan, ...used });
  }

  remove(id: string): void {
    this.emit("job.removed");
    const job = this.state.jobs.get(id);
    if (job?.state === "running") this.#linger(job);
    const { unique, state } = job ?? {};
    const holder = unique && this.state.uniques.get(unique.key);
    if (state !== undefined && !isEnded(state) && unique && holder?.id === id) {
      free(this.state, this.at, unique.key);
    }
    this.#drop(id);
  }

  #drop(id: string): void {
    const job = this.state.jobs.get(id);
    this.state.jobs.delete(id);
    this.touched.add(id);
    moved(this.state, this.at, job, undefined);
  }

  /** A job ends in the hands of a worker that does not know: its slots stay taken. */
  #linger({ id, key, grant = 0, leaseUntil = 0 }: Job): void {
    this.state.slots = [...this.state.slots, { id, grant, until: leaseUntil, key }];
    if (key !== undefined) touch(this.state, this.at, key);
  }

  /** A slot is let go. */
  endSlot(id: string, grant: number): void {
    this.emit("lingering.ended");
    const slot = this.state.slots.find((each) => each.id === id && each.grant === grant);
    if (slot === undefined) throw new Error(`the model has lost a slot of job ${id}`);
    this.state.slots = this.state.slots.filter((each) => each !== slot);
    if (slot.key !== undefined) touch(this.state, this.at, slot.key);
    const job = this.state.jobs.get(id);
    if (job === undefined || job.grant !== grant || job.lingersUntil !== slot.until) return;
    this.state.jobs.set(id, { ...job, lingersUntil: undefined });
    this.touched.add(id);
  }

  maxAttemptsOf(job: Job): number {
    return maxAttemptsOf(job, this.queue.config);
  }

  /** Ends a job: kept as its state's retention says, or not at all, unless its action keeps it. */
  end(event: string, job: Job, state: EndedState, changes: Partial<Job>): void {
    const { ageMs, count } = this.queue.config.retention[state];
    const isCut = job.state === "running" && (state === "cancelled" || state === "expired");
    const isNeeded = job.action !== undefined || isParent(this.state, job.id);
    if (isCut) this.#linger(job);
    if ((ageMs === 0 || count === 0) && !isNeeded) {
      this.emit(event);
      this.#drop(job.id);
      this.#follow(event, { ...job, state }, false);
      return;
    }
    this.put(event, job, {
      ...changes,
      state,
      endedAt: this.at,
      ...(job.state === "running" && { leaseEndedAt: changes.leaseEndedAt ?? this.at }),
      ...letGo,
      head: undefined,
      runAt: undefined,
      readyAt: undefined,
      ttlUntil: undefined,
      waits: undefined,
      ...(isCut && { lingersUntil: job.leaseUntil }),
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
    return this.put(event, job, this.asReady(job, readyAt));
  }

  asReady(job: Job, readyAt: number): Partial<Job> {
    const isFirst = job.startedAt === undefined && job.run === 1 && job.ttlUntil === undefined;
    const ttlUntil =
      isFirst && job.ttlMs !== undefined ? { ttlUntil: readyAt + job.ttlMs } : undefined;
    return { state: "ready", readyAt, runAt: undefined, ...ttlUntil };
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
    const death = deathOf(this.state, job);
    if (Math.min(life, own, death) > this.at) return false;
    if (death <= Math.min(life, own)) {
      this.endLeaseOf(job);
    } else if (life <= own) {
      const reason = life === job.ttlUntil ? "ttl" : "deadline";
      const attempts = job.state === "running" && this.attemptsWith(job, "expired", this.at);
      this.end("job.expired", job, "expired", { reason, ...(attempts && { attempts }) });
    } else if (job.state === "running") {
      if (this.#isBeingReleased(job)) this.giveBack(job);
      else this.#loseLease(job, "lease_expired", job.leaseUntil ?? 0);
    } else {
      this.becomeReady("job.promoted", job, job.readyAt ?? own);
    }
    return true;
  }

  /** A running job goes back to its place, uncounted: at once, or when it is due. Its key may be held for longer. */
  giveBack(job: Job, runAt?: number, holdUntil?: number): void {
    const { state, at } = this;
    const { rate } = this.queue.config;
    const { key, queueCost = 0, keyCost = 0 } = job;
    if (rate !== null) state.usedUntil = refunded(state.usedUntil, rate, queueCost);
    if (key !== undefined) {
      const { rate: own } = limitsOf(state, key);
      const { usedUntil } = state.keys.get(key) ?? {};
      const isRated = own !== null && usedUntil !== undefined;
      touch(state, at, key, isRated ? { usedUntil: refunded(usedUntil, own, keyCost) } : {});
    }
    if (key !== undefined && holdUntil !== undefined) {
      const { heldUntil = 0 } = state.keys.get(key) ?? {};
      touch(state, at, key, { heldUntil: Math.max(heldUntil, holdUntil) });
    }
    this.put("job.released", job, {
      ...{ ...letGo, leaseEndedAt: at, runAt, outcome: "released" },
      head: (runAt === undefined ? job.head : isHeld(state, job)) || undefined,
      state: runAt === undefined ? "ready" : "scheduled",
    });
  }

  /** Whether a lease is of an imported state, and its turn to be given back has not come yet. */
  #isBeingReleased({ grant = 0 }: Job): boolean {
    return this.state.operations.some(
      ({ kind, endedAt, grantMax = 0 }) =>
        kind === "release" && endedAt === undefined && grant <= grantMax,
    );
  }

  /** A lease ends early, because its worker died or left; not if that one lives on. */
  endLeaseOf(job: Job): void {
    const name = job.worker ?? "";
    seeOrBury(this, name);
    const { diedAt, leftAt } = this.state.workers.get(name) ?? {};
    if (diedAt === undefined && leftAt === undefined) return;
    const hasLeft = leftAt !== undefined;
    if (hasLeft || this.#isBeingReleased(job)) this.giveBack(job);
    else this.#loseLease(job, "worker_died", this.at);
  }

  /** By time it ended when it was to end, whenever that was noticed; with its worker it ends now. */
  #loseLease(job: Job, reason: "lease_expired" | "worker_died", leaseEndedAt: number): void {
    const changes = {
      outcome: "expired",
      failures: job.failures + 1,
      attempts: this.attemptsWith(job, reason, leaseEndedAt),
      reason,
      leaseEndedAt,
    } as const;
    if (job.failures + 1 >= this.maxAttemptsOf(job)) {
      this.end("job.lease_expired", job, "failed", changes);
      return;
    }
    this.put("job.lease_expired", job, { ...changes, ...letGo, state: "ready" });
  }

  /** Cancels an open job. */
  cancel(job: Job, reason: string | undefined): void {
    const attempts = job.state === "running" && this.attemptsWith(job, "cancelled", this.at);
    this.end("job.cancelled", job, "cancelled", { reason, ...(attempts && { attempts }) });
  }
}
