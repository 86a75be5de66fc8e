/**
 * What a queue should do, said as plainly as possible: one list of jobs, searched from end to end.
 * Invariant: it shares nothing with the machine but the words; every rule here stands in `docs/semantics.md`.
 */
export type State =
  | "scheduled"
  | "ready"
  | "running"
  | "completed"
  | "failed"
  | "cancelled"
  | "expired";

export interface ModelJob {
  id: string;
  state: State;
  seq: number;
  priority: number;
  requires: readonly string[];
  readyAt: number;
  runAt: number;
  /** When the claim's lease ends; also afterwards, as what a token stands for. */
  leaseUntil: number;
  token: number;
  outcome: "held" | "completed" | "failed" | "released" | "expired" | "cancelled" | "none";
  ttlMs: number | undefined;
  ttlUntil: number;
  expiresAt: number;
  hasStarted: boolean;
  run: number;
  failures: number;
  deliveries: number;
  maxAttempts: number;
}

export interface NewJob {
  readonly id: string;
  readonly delayMs?: number | undefined;
  readonly priority?: number | undefined;
  readonly requires?: readonly string[] | undefined;
  readonly ttlMs?: number | undefined;
  readonly expiresInMs?: number | undefined;
  readonly maxAttempts?: number | undefined;
}

const ended: readonly State[] = ["completed", "failed", "cancelled", "expired"];
/** Every job has this lease, this backoff and this limit of hand-outs. */
export const LEASE_MS = 10_000;
export const BACKOFF_MS = 3000;
export const DELIVERIES_MAX = 4;

export class Model {
  now: number;
  isPaused = false;
  jobs: ModelJob[] = [];
  /** The first answer under each idempotency key. */
  readonly kept = new Map<string, unknown>();
  #seq = 0;
  #token = 0;

  constructor(now: number) {
    this.now = now;
  }

  find(id: string): ModelJob | undefined {
    return this.jobs.find((job) => job.id === id);
  }

  /** Does what time does, one change after the other, up to now. */
  pass(): void {
    for (;;) {
      const due = this.jobs
        .flatMap((job) => this.#dueOf(job))
        .filter(({ at }) => at <= this.now)
        .sort((a, b) => a.at - b.at)[0];
      if (due === undefined) return;
      due.happen();
    }
  }

  #dueOf(job: ModelJob): { at: number; happen: () => void }[] {
    if (ended.includes(job.state)) return [];
    const life = Math.min(job.ttlUntil, job.expiresAt);
    const all = [{ at: life, happen: () => this.#end(job, "expired") }];
    if (job.state === "scheduled") all.push({ at: job.runAt, happen: () => this.#promote(job) });
    if (job.state === "running")
      all.push({ at: job.leaseUntil, happen: () => this.#loseLease(job) });
    return all;
  }

  #promote(job: ModelJob): void {
    // A released job has its place still.
    if (job.outcome !== "released" || Number.isNaN(job.readyAt)) job.readyAt = job.runAt;
    job.state = "ready";
    this.#live(job);
  }

  #live(job: ModelJob): void {
    const counts = job.ttlMs !== undefined && !job.hasStarted && job.run === 1;
    if (counts && job.ttlUntil === Infinity) job.ttlUntil = job.readyAt + (job.ttlMs ?? 0);
  }

  #loseLease(job: ModelJob): void {
    job.failures += 1;
    job.outcome = "expired";
    if (job.failures >= job.maxAttempts) this.#end(job, "failed");
    else job.state = "ready";
  }

  #end(job: ModelJob, state: State): void {
    if (job.outcome === "held") job.outcome = "cancelled";
    job.state = state;
    job.ttlUntil = Infinity;
  }

  enqueue(spec: NewJob): boolean {
    if (this.find(spec.id)) return false;
    const isLater = (spec.delayMs ?? 0) > 0;
    const job: ModelJob = {
      id: spec.id,
      state: isLater ? "scheduled" : "ready",
      seq: ++this.#seq,
      priority: spec.priority ?? 0,
      requires: spec.requires ?? [],
      readyAt: isLater ? Number.NaN : this.now,
      runAt: this.now + (spec.delayMs ?? 0),
      leaseUntil: 0,
      token: 0,
      outcome: "none",
      ttlMs: spec.ttlMs,
      ttlUntil: Infinity,
      expiresAt: spec.expiresInMs === undefined ? Infinity : this.now + spec.expiresInMs,
      hasStarted: false,
      run: 1,
      failures: 0,
      deliveries: 0,
      maxAttempts: spec.maxAttempts ?? 3,
    };
    if (!isLater) this.#live(job);
    this.jobs.push(job);
    return true;
  }

  /** Ready jobs as one would hand them out. */
  ready(): ModelJob[] {
    const all = this.jobs.filter((job) => job.state === "ready");
    return all.sort((a, b) => a.priority - b.priority || a.readyAt - b.readyAt || a.seq - b.seq);
  }

  claim(max: number, able: readonly string[]): ModelJob[] {
    if (this.isPaused) return [];
    const taken: ModelJob[] = [];
    for (const job of this.ready()) {
      if (taken.length === max) break;
      if (!job.requires.every((need) => able.includes(need))) continue;
      if (job.deliveries >= DELIVERIES_MAX) {
        this.#end(job, "failed");
        continue;
      }
      if (taken.length === 0) this.#token += 1;
      job.state = "running";
      job.token = this.#token;
      job.outcome = "held";
      job.deliveries += 1;
      job.hasStarted = true;
      job.ttlUntil = Infinity;
      job.leaseUntil = this.#wholeSecond(LEASE_MS);
      taken.push(job);
    }
    return taken;
  }

  #wholeSecond(ms: number): number {
    return Math.ceil((this.now + ms) / 1000) * 1000;
  }

  /** What a settlement is answered: a state, with what there is to say of it, or a refusal's code. */
  settle(op: "complete" | "fail" | "release" | "extend", id: string, token: number): string {
    const job = this.find(id);
    if (!job) return "job_unknown";
    const isLatest = job.token > 0 && job.token === token;
    if (isLatest && job.state === "running") return this.#settleHeld(op, job);
    const done = { complete: "completed", fail: "failed", release: "released", extend: "" }[op];
    if (isLatest && job.outcome === done) return `${job.state} repeated`;
    if (job.state === "cancelled") return "job_cancelled";
    if (ended.includes(job.state)) return "already_settled";
    if (isLatest && (job.outcome === "failed" || job.outcome === "released"))
      return "already_settled";
    if (!isLatest || job.outcome !== "expired" || op !== "complete") return "lease_stale";
    job.outcome = "completed";
    this.#end(job, "completed");
    return "completed late";
  }

  #settleHeld(op: "complete" | "fail" | "release" | "extend", job: ModelJob): string {
    if (op === "extend") {
      job.leaseUntil = this.#wholeSecond(LEASE_MS);
      return "running";
    }
    if (op === "release") {
      job.outcome = "released";
      job.state = "ready";
    } else if (op === "complete") {
      job.outcome = "completed";
      this.#end(job, "completed");
    } else {
      job.outcome = "failed";
      job.failures += 1;
      job.readyAt = Number.NaN;
      job.runAt = this.now + BACKOFF_MS;
      if (job.failures >= job.maxAttempts) this.#end(job, "failed");
      else job.state = "scheduled";
    }
    return job.state;
  }

  cancel(id: string): string {
    const job = this.find(id);
    if (!job) return "job_unknown";
    if (job.state === "cancelled") return "cancelled";
    if (ended.includes(job.state)) return "job_state";
    this.#end(job, "cancelled");
    return "cancelled";
  }

  retry(id: string): string {
    const job = this.find(id);
    if (!job) return "job_unknown";
    if (!ended.includes(job.state) || job.state === "completed") return "job_state";
    if (job.expiresAt <= this.now) return "job_state";
    job.state = "ready";
    job.run += 1;
    job.failures = 0;
    job.deliveries = 0;
    job.readyAt = this.now;
    job.seq = ++this.#seq;
    return "ready";
  }

  remove(id: string): string {
    const job = this.find(id);
    if (!job) return "job_unknown";
    if (!ended.includes(job.state)) return "job_state";
    this.jobs = this.jobs.filter((each) => each !== job);
    return "removed";
  }

  update(id: string, change: { priority?: number; delayMs?: number }): string {
    const job = this.find(id);
    if (!job) return "job_unknown";
    if (job.state !== "ready" && job.state !== "scheduled") return "job_state";
    if (change.priority !== undefined) job.priority = change.priority;
    if (change.delayMs === undefined) return job.state;
    if (change.delayMs > 0) {
      if (job.state === "scheduled" && job.runAt === this.now + change.delayMs) return job.state;
      job.state = "scheduled";
      job.runAt = this.now + change.delayMs;
      job.readyAt = Number.NaN;
    } else if (job.state === "scheduled") {
      job.state = "ready";
      job.readyAt = this.now;
      this.#live(job);
    }
    return job.state;
  }

  purge(states: readonly State[]): number {
    const before = this.jobs.length;
    this.jobs = this.jobs.filter((job) => !states.includes(job.state));
    return before - this.jobs.length;
  }
}
