/**
 * Works on a queue's jobs: claims for free slots, keeps leases, and settles what its handler ended,
 * all in shared requests.
 * Invariant: one request at a time; an end of a handler stays in the outbox until the server has
 * answered it.
 */
import type { Clock } from "./clock.ts";
import { blamesBody, SluiceError, UnreachableError } from "./errors.ts";
import { type Handler, Hold } from "./hold.ts";
import { type Batch, Outbox } from "./outbox.ts";
import { refusedText, releaseText } from "./outcome.ts";
import { Pace } from "./pace.ts";
import type { Queue } from "./queue.ts";
import { Registration } from "./registration.ts";
import { JOBS_PER_CLAIM, type TurnReply, takeTurn, turnTimeoutMs } from "./turn.ts";
import type { SettleAnswer } from "./types.ts";
import { type WorkerOptions, withDefaults } from "./worker-options.ts";

/** After the drain: how long giving back the rest may take. */
const CLOSE_MS = 5_000;

/**
 * A worker of one queue. It outlives an absent server: it waits and tries again.
 * @example
 * const worker = new Worker(mail, async (job, { signal }) => send(job.payload, { signal }), {
 * concurrency: 50 });
 * process.once("SIGTERM", () => worker.stop());
 * await worker.run();
 */
export class Worker<Payload = unknown, Result = unknown> {
  readonly #queue: Queue<Payload, Result>;
  readonly #handler: Handler<Payload, Result>;
  readonly #options: ReturnType<typeof withDefaults<Payload>>;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #outbox = new Outbox<SettleAnswer>();
  readonly #registration: Registration | undefined;
  /** Jobs whose handler runs; each takes a slot. */
  readonly #running = new Set<Hold<Payload>>();
  /** Jobs whose end the server has not answered yet. */
  #unsettled = 0;
  #wake = Promise.withResolvers<void>();
  #started = false;
  #stopping = false;
  /** Aborted when `run` ends, and when it must end now. */
  readonly #ended = new AbortController();
  readonly #cut = new AbortController();
  /** The server has taken one of this worker's requests: its options are right. */
  #accepted = false;
  /** Of the newest answer: the server's time, and when its request was sent. */
  #heard = { now: 0, sentAt: 0 };

  constructor(
    queue: Queue<Payload, Result>,
    handler: Handler<Payload, Result>,
    options: WorkerOptions<Payload> = {},
  ) {
    this.#queue = queue;
    this.#handler = handler;
    this.#options = withDefaults(options);
    this.#clock = queue.transport.clock;
    this.#pace = new Pace(this.#clock, this.#options.pollMs);
    const { register, worker, concurrency, kinds, capabilities } = this.#options;
    if (register === undefined) return;
    const facts = {
      slots: Math.min(concurrency, JOBS_PER_CLAIM),
      ...(register === true ? {} : register),
    };
    this.#registration = new Registration(queue, worker, { kinds, capabilities, ...facts });
  }

  /**
   * Works until stopped, once. Rejects only when the server refuses the very first claim for good,
   * because the token, the name or an option is wrong; later failures go to `onError`.
   */
  async run(): Promise<void> {
    if (this.#started) throw new Error("A worker runs once; make a new one.");
    this.#started = true;
    const stop = () => void this.stop();
    const { signal } = this.#options;
    signal?.addEventListener("abort", stop);
    if (signal?.aborted === true) stop();
    try {
      while (!this.#cut.signal.aborted && !(this.#stopping && this.#unsettled === 0)) {
        const waitMs = this.#dueAt() - this.#clock.now();
        if (waitMs > 0) await this.#nap(waitMs);
        else if (this.#tendsAt() <= this.#clock.now()) await this.#tend();
        else await this.#turn();
      }
    } finally {
      await this.#leave();
      signal?.removeEventListener("abort", stop);
      this.#ended.abort();
    }
    if (this.#unsettled > 0) {
      const unsettled = `could not settle ${this.#unsettled} of its jobs: their leases will end`;
      this.#report(new Error(`The worker ${unsettled}.`));
    }
  }

  /**
   * Claims no more, lets handlers finish for `drainMs`, gives the other jobs back, and ends `run`.
   * Resolves when `run` has ended; a handler that ignores its signal may still be running then.
   */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#wakeUp();
      if (this.#started) void this.#drain();
    }
    const { signal } = this.#ended;
    if (!this.#started || signal.aborted) return;
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  async #drain(): Promise<void> {
    await this.#clock.sleep(this.#options.drainMs, this.#ended.signal);
    for (const hold of this.#running) hold.release(new Error("The worker stops."));
    await this.#clock.sleep(CLOSE_MS, this.#ended.signal);
    this.#cut.abort(new Error("The worker has stopped."));
    this.#wakeUp();
  }

  #wakeUp = (): void => this.#wake.resolve();

  async #nap(ms: number): Promise<void> {
    const woken = new AbortController();
    await Promise.race([this.#wake.promise, this.#clock.sleep(ms, woken.signal)]);
    woken.abort();
    this.#wake = Promise.withResolvers();
  }

  get #freeSlots(): number {
    if (this.#stopping) return 0;
    return Math.min(this.#options.concurrency - this.#running.size, JOBS_PER_CLAIM);
  }

  /** When the next request is due. */
  #dueAt(): number {
    let dueAt = this.#freeSlots > 0 ? this.#pace.claimAt : Number.POSITIVE_INFINITY;
    if (this.#outbox.size > 0) dueAt = 0;
    for (const hold of this.#running) dueAt = Math.min(dueAt, hold.hasNews ? 0 : hold.extendAt);
    return Math.max(Math.min(dueAt, this.#tendsAt()), this.#pace.resumeAt);
  }

  /** When the worker's registration is due. */
  #tendsAt(): number {
    return this.#registration?.dueAt(this.#stopping) ?? Number.POSITIVE_INFINITY;
  }

  async #tend(): Promise<void> {
    const timeoutMs = turnTimeoutMs(this.#options.leaseMs);
    const request = { signal: this.#cut.signal, onRetry: this.#report, timeoutMs };
    try {
      await this.#registration?.tend(this.#stopping, request);
    } catch (error) {
      this.#failed([], error);
    }
  }

  /** Takes the registration back, in bounded time: without it the worker is soon taken for dead. */
  async #leave(): Promise<void> {
    const late = new AbortController();
    const left = new AbortController();
    const why = new Error("The worker could not unregister: it is taken for dead soon.");
    void this.#clock.sleep(CLOSE_MS, left.signal).then(() => late.abort(why));
    try {
      await this.#registration?.end({ signal: late.signal, onRetry: this.#report });
    } catch (error) {
      this.#report(error);
    } finally {
      left.abort();
    }
  }

  /** One request: settles what has ended, extends what is half over, claims for the free slots. */
  async #turn(): Promise<void> {
    const sentAt = this.#clock.now();
    for (const hold of this.#running) this.#keep(hold, sentAt);
    const batch = this.#outbox.take();
    const max = this.#freeSlots;
    try {
      const request = { signal: this.#cut.signal, onRetry: this.#report };
      const reply = await takeTurn(this.#queue, this.#options, { batch, max }, request);
      this.#heard = { now: reply.now, sentAt };
      this.#accepted = true;
      this.#pace.answered();
      this.#outbox.answer(batch, reply.items ?? []);
      this.#registration?.heard(sentAt, max > 0 && reply.claim === undefined, reply.items ?? []);
      if (max > 0) this.#claimed(reply);
    } catch (error) {
      this.#failed(batch, error);
    }
  }

  #claimed({ claim, jobs = [], now, nextDueAt }: TurnReply<Payload>): void {
    if (claim !== undefined) this.#report(new SluiceError(claim));
    for (const job of jobs) void this.#work(new Hold(job, now, this.#heard.sentAt));
    if (jobs.length > 0) this.#pace.found();
    else this.#pace.empty((nextDueAt ?? now) - now);
  }

  #failed(batch: Batch<SettleAnswer>, error: unknown): void {
    if (blamesBody(error) && batch.length > 0) {
      this.#outbox.refuse(batch, error);
      return;
    }
    this.#outbox.putBack(batch);
    if (this.#cut.signal.aborted) return;
    const refused = error instanceof SluiceError;
    if (!refused && !(error instanceof UnreachableError)) throw error;
    // The answer to a lost claim has gone by: the next claim is another one.
    if (refused && error.code === "answer_gone") return;
    if (refused && !error.retryable && !this.#accepted) throw error;
    this.#report(error);
    this.#pace.failed();
  }

  /** Works on one job until the server has answered its end. Never rejects. */
  async #work(hold: Hold<Payload>): Promise<void> {
    this.#unsettled++;
    try {
      const text = this.#stopping ? releaseText(hold.held) : await this.#handle(hold);
      const answer = hold.canSettle ? await this.#settle(hold, text) : hold.lost;
      if (answer !== undefined) this.#tell(() => this.#options.onSettled?.(hold.job, answer));
    } catch (error) {
      this.#report(error);
    } finally {
      this.#unsettled--;
      this.#wakeUp();
    }
  }

  async #handle(hold: Hold<Payload>): Promise<string> {
    this.#running.add(hold);
    try {
      this.#tell(() => this.#options.onJob?.(hold.job));
      const parents: Queue["parents"] = (id) => this.#queue.parents(id);
      return await hold.run(this.#handler, { onNews: this.#wakeUp, parents });
    } finally {
      this.#running.delete(hold);
    }
  }

  /**
   * A settlement that the server cannot take, as when the result is too large, fails the job
   * instead.
   */
  async #settle(hold: Hold<Payload>, text: string): Promise<SettleAnswer> {
    this.#sendNews(hold);
    try {
      return await this.#post(text);
    } catch (error) {
      if (!blamesBody(error)) throw error;
      this.#report(error);
      return await this.#post(refusedText(hold.held, error.detail));
    }
  }

  #post(text: string): Promise<SettleAnswer> {
    const answer = this.#outbox.add(text);
    this.#wakeUp();
    return answer;
  }

  /**
   * Puts a running job's news, and the extension of its lease when due, among the items to send.
   */
  #keep(hold: Hold<Payload>, now: number): void {
    this.#sendNews(hold);
    const extension = hold.takeExtension(now, this.#options.leaseMs);
    if (extension === undefined) return;
    const extended = (answer: SettleAnswer): void => {
      hold.heard(answer);
      if (!answer.ok || answer.leaseUntil === undefined) return;
      hold.leased(answer.leaseUntil - this.#heard.now, this.#heard.sentAt);
    };
    void this.#outbox.add(extension).then(extended).catch(this.#report);
  }

  /** Puts a job's reports and its progress among the items to send. */
  #sendNews(hold: Hold<Payload>): void {
    const heard = (answer: SettleAnswer): void => {
      hold.heard(answer);
      const isWrong = !answer.ok && answer.problem.code === "task_unknown";
      if (isWrong) this.#report(new SluiceError(answer.problem));
    };
    const progress = hold.takeProgress();
    const texts = [...hold.takeReports(), ...(progress === undefined ? [] : [progress])];
    for (const text of texts) void this.#outbox.add(text).then(heard).catch(this.#report);
  }

  /** An observer that throws harms no job. */
  #tell(observe: () => void): void {
    try {
      observe();
    } catch (error) {
      this.#report(error);
    }
  }

  #report = (error: unknown): void => this.#options.onError(error);
}
