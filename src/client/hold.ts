/**
 * One job in a worker's hands, from its claim until its settlement is answered.
 * Invariant: its signal is aborted once the job is lost, or when the worker stops; of a worker that
 * stops the job goes back behind the end of its handler, or once that has had its grace.
 */
import { SluiceError } from "./errors.ts";
import { outcomeText, releaseText } from "./outcome.ts";
import type { Queue } from "./queue.ts";
import type { ClaimedJob, Job, NotSettled, SettleAnswer, TaskReport } from "./types.ts";

/** What a handler gets besides its job. */
export interface JobContext {
  /**
   * Aborted when the job is no longer this worker's: cancelled, its lease lost, its `maxRunMs` over; or
   * when the worker stops, and then the job is given back when the handler has ended. Its reason is a
   * `SluiceError` unless the worker stops. Hand it on to whatever the handler
   * waits for.
   */
  readonly signal: AbortSignal;
  /** Shows how far the job is: any JSON value of up to 1 KiB. Sent soon; of several, the newest. */
  progress(value: unknown): void;
  /**
   * Reports what a task of the job's plan came to, up to 64 KiB of each output. Sent soon, and before
   * the job's end; one that the server refuses goes to `onError`.
   */
  task(report: TaskReport): void;
  /** The jobs that this one waited for, with their results, in the order in which it names them. */
  parents<ParentResult = unknown>(): Promise<Job<unknown, ParentResult>[]>;
}

/**
 * Works on one job; what it returns, a JSON value, is the job's result. What it throws fails the
 * attempt.
 */
export type Handler<Payload, Result> = (
  job: ClaimedJob<Payload>,
  context: JobContext,
) => Promise<Result> | Result;

/** After one of these the server takes no settlement of this job from this worker. */
const FINAL = new Set(["job_cancelled", "already_settled", "job_unknown", "queue_unknown"]);
/**
 * Part of a lease after which it is extended, and the part by which that may be early to share a
 * request.
 */
const EXTEND_AFTER = 1 / 2;
const EXTEND_EARLY = 1 / 8;

export class Hold<Payload> {
  readonly job: ClaimedJob<Payload>;
  /** It came over the channel of the worker's session, which holds its lease. */
  readonly isPushed: boolean;
  /** When to extend the lease, by the worker's clock. */
  extendAt = 0;
  /** Why the job was lost, once the server has said so. */
  lost: NotSettled | undefined;
  /** Whether its handler was told to stop by the worker. */
  isStopped = false;
  /** It was given back, whether or not its handler has ended or begun. */
  isReleased = false;
  #leaseMs = 0;
  #leaseEndsAt = 0;
  /** The server's refusal to extend the lease further than it goes: the job may run until then. */
  #bounded: NotSettled | undefined;
  #progress: string | undefined;
  #reports: string[] = [];
  readonly #abort = new AbortController();
  readonly #released = Promise.withResolvers<string>();

  /**
   * @param sentAt When the request that claimed the job was sent: the lease began then or later. Of one
   * that was pushed, when it arrived.
   */
  constructor(job: ClaimedJob<Payload>, now: number, sentAt: number, isPushed: boolean) {
    this.job = job;
    this.isPushed = isPushed;
    this.leased(job.leaseUntil - now, sentAt);
  }

  /**
   * Runs the handler. Resolves with the settlement, as JSON text: of its end, or of the release
   * that came first.
   */
  run<Result>(
    handler: Handler<Payload, Result>,
    { onNews, parents }: { onNews: () => void; parents: Queue["parents"] },
  ): Promise<string> {
    const context: JobContext = {
      signal: this.#abort.signal,
      progress: (value) => {
        this.#progress = JSON.stringify(value ?? null);
        onNews();
      },
      task: (report) => {
        this.#reports.push(JSON.stringify({ op: "task", ...report, ...this.held }));
        onNews();
      },
      // Most jobs waited for none: those need not ask.
      parents: async () =>
        this.job.parents === undefined ? [] : Array.fromAsync(parents(this.job.id)),
    };
    const end = outcomeText(this.held, () => handler(this.job, context));
    return Promise.race([end, this.#released.promise]);
  }

  get held(): { readonly id: string; readonly token: string } {
    return { id: this.job.id, token: this.job.token };
  }

  /** Tells the handler to stop: the job is given back when it has. */
  stop(reason: Error): void {
    this.isStopped = true;
    this.#abort.abort(reason);
  }

  /** Gives the job back whether or not its handler ends. */
  release(): void {
    this.isReleased = true;
    this.#released.resolve(releaseText(this.held));
  }

  /** The lease now lasts `leaseMs` from `sentAt`. */
  leased(leaseMs: number, sentAt: number): void {
    this.#bounded = undefined;
    this.#leaseMs = leaseMs;
    this.#leaseEndsAt = sentAt + leaseMs;
    this.extendAt = sentAt + leaseMs * EXTEND_AFTER;
  }

  /** Whether there is something to send of it before its end. */
  get hasNews(): boolean {
    return this.#progress !== undefined || this.#reports.length > 0;
  }

  /** The reports of tasks that are not sent yet, as settlements' JSON texts; they are taken. */
  takeReports(): readonly string[] {
    return this.#reports.splice(0);
  }

  /** The progress that is not sent yet, as a settlement's JSON text; it is taken. */
  takeProgress(): string | undefined {
    const text = this.#progress;
    if (text === undefined) return undefined;
    this.#progress = undefined;
    return `${JSON.stringify({ op: "progress", ...this.held }).slice(0, -1)},"progress":${text}}`;
  }

  /**
   * The extension of a lease that is (nearly) half over, as JSON text; taken once until its answer.
   * Where it cannot be extended further its end is the end of the job.
   */
  takeExtension(now: number, leaseMs: number | undefined): string | undefined {
    if (this.#bounded !== undefined) {
      if (now >= this.#leaseEndsAt) this.#lose(this.#bounded);
      return undefined;
    }
    if (this.lost !== undefined || now < this.extendAt - this.#leaseMs * EXTEND_EARLY)
      return undefined;
    this.extendAt = Number.POSITIVE_INFINITY;
    return JSON.stringify({ op: "extend", ...this.held, leaseMs });
  }

  /**
   * Notes what the server said of an extension, a progress or a report: a refusal tells the handler
   * to stop, but for one that leaves the lease as it is.
   */
  heard(answer: SettleAnswer): void {
    // A report of a task that the plan has not is wrong, but the job is still held.
    if (answer.ok || this.lost !== undefined || answer.problem.code === "task_unknown") return;
    if (answer.problem.code === "max_run_reached") {
      this.#bounded = answer;
      this.extendAt = this.#leaseEndsAt;
    } else this.#lose(answer);
  }

  #lose(answer: NotSettled): void {
    this.lost = answer;
    this.extendAt = Number.POSITIVE_INFINITY;
    this.#abort.abort(new SluiceError(answer.problem));
  }

  /** Whether the server would still take a settlement. */
  get canSettle(): boolean {
    return this.lost === undefined || !FINAL.has(this.lost.problem.code);
  }
}
