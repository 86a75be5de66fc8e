/**
 * Works on a queue's jobs: gets as many as it has free slots, keeps leases, and settles what its
 * handler ended, over a channel, or in shared requests.
 * Invariant: one request at a time; an end of a handler stays in the outbox until the server has
 * answered it, whichever way it went.
 */
import { Ahead } from "./ahead.ts";
import type { Channel, ChannelEvents } from "./channel.ts";
import type { Clock } from "./clock.ts";
import { blamedItems, blamesBody, SluiceError, UnreachableError } from "./errors.ts";
import type { Handler } from "./hold.ts";
import { Holds } from "./holds.ts";
import { Link } from "./link.ts";
import { type Batch, Outbox } from "./outbox.ts";
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
  readonly #options: ReturnType<typeof withDefaults<Payload>>;
  readonly #clock: Clock;
  readonly #pace: Pace;
  readonly #outbox = new Outbox<SettleAnswer>();
  readonly #registration: Registration | undefined;
  readonly #ahead: Ahead;
  readonly #holds: Holds<Payload, Result>;
  readonly #link: Link<Payload>;
  /** Jobs that the request under way may bring. */
  #asked = 0;
  #wake = Promise.withResolvers<void>();
  #started = false;
  #stopping = false;
  /** Aborted when the last handler ends of a worker that stops. */
  readonly #idle = new AbortController();
  /** Aborted when `run` ends, and when it must end now. */
  readonly #ended = new AbortController();
  readonly #cut = new AbortController();
  /** The server has taken one of this worker's requests: its options are right. */
  #accepted = false;
  /**
   * A request was refused for what it says, and which part is not known: until a claim by itself is taken, settlements go without one, so
   * that no job is failed for what is wrong with a claim.
   */
  #apart = false;
  constructor(
    queue: Queue<Payload, Result>,
    handler: Handler<Payload, Result>,
    options: WorkerOptions<Payload> = {},
  ) {
    this.#queue = queue;
    this.#options = withDefaults(options);
    this.#clock = queue.transport.clock;
    this.#pace = new Pace(this.#clock, this.#options.pollMs);
    this.#ahead = new Ahead(this.#options.concurrency);
    this.#holds = new Holds({
      ahead: this.#ahead,
      queue,
      handler,
      options: this.#options,
      outbox: this.#outbox,
      now: () => this.#clock.now(),
      isStopping: () => this.#stopping,
      wakeUp: this.#wakeUp,
      report: this.#report,
      ended: () => {
        if (this.#stopping && this.#holds.running === 0) this.#idle.abort();
      },
    });
    this.#link = new Link(queue, this.#options, () => this.#credit, this.#events());
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
      while (!this.#cut.signal.aborted && !(this.#stopping && this.#holds.unsettled === 0)) {
        const waitMs = this.#dueAt() - this.#clock.now();
        if (waitMs > 0) await this.#nap(waitMs);
        else if (this.#tendsAt() <= this.#clock.now()) await this.#tend();
        else await this.#step();
      }
    } finally {
      this.#link.close();
      await this.#leave();
      signal?.removeEventListener("abort", stop);
      this.#ended.abort();
    }
    if (this.#holds.unsettled > 0) {
      const unsettled = `could not settle ${this.#holds.unsettled} of its jobs: their leases will end`;
      this.#report(new Error(`The worker ${unsettled}.`));
    }
  }

  /**
   * Claims no more, lets handlers finish for `drainMs`, tells the others to stop and gives their jobs
   * back when they have, or after `graceMs`; and ends `run`. Resolves when `run` has ended; a handler
   * that ignores its signal may still be running then.
   */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#holds.releaseWaiting();
      this.#wakeUp();
      if (this.#started) void this.#drain();
    }
    const { signal } = this.#ended;
    if (!this.#started || signal.aborted) return;
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }

  async #drain(): Promise<void> {
    await this.#clock.sleep(this.#options.drainMs, this.#ended.signal);
    this.#holds.stopAll(new Error("The worker stops."));
    // Until they end their jobs are still theirs, and are extended: nobody else is to begin with one.
    if (this.#holds.running > 0) await this.#clock.sleep(this.#options.graceMs, this.#idle.signal);
    this.#holds.releaseAll();
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
    return this.#room(0);
  }

  /** How many jobs a channel may bring: what a request has asked for meanwhile, it may bring too. */
  get #credit(): number {
    return Math.max(0, this.#room(this.#ahead.jobs) - this.#asked);
  }

  #room(ahead: number): number {
    if (this.#stopping) return 0;
    const free = this.#options.concurrency + ahead - this.#holds.taken;
    return Math.max(0, Math.min(free, JOBS_PER_CLAIM));
  }

  /** When something is to be done next. */
  #dueAt(): number {
    const { channel, dueAt } = this.#link;
    const claimAt = this.#freeSlots > 0 ? this.#pace.claimAt : Number.POSITIVE_INFINITY;
    let sayAt = this.#outbox.size > 0 ? 0 : this.#holds.dueAt;
    if (channel === undefined) sayAt = Math.min(sayAt, claimAt);
    const canSay = channel?.hasRoomFor(this.#outbox.size) ?? this.#options.transport !== "socket";
    const sooner = canSay ? Math.min(sayAt, dueAt) : dueAt;
    return Math.max(Math.min(sooner, this.#tendsAt()), this.#pace.resumeAt);
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

  /** Does what is due: opens a channel, says something over it, or makes a request where there is none. */
  async #step(): Promise<void> {
    if (this.#link.isToOpen) return await this.#open();
    const { channel } = this.#link;
    const isDue = this.#link.dueAt <= this.#clock.now();
    if (channel !== undefined) this.#say(channel);
    else if (isDue) this.#link.tend();
    else await this.#turn();
  }

  /** Opens a channel. Throws when the very first one is refused for good, and there is no other way. */
  async #open(): Promise<void> {
    const isOpen = await this.#link.open();
    if (isOpen || this.#accepted || this.#options.transport !== "socket") return;
    try {
      // A WebSocket does not tell why it could not be opened; a request is told.
      await this.#queue.transport.open("GET", `${this.#queue.path}/connect`);
    } catch (error) {
      const isFine = error instanceof SluiceError && error.code === "upgrade_required";
      if (!isFine) this.#failed([], error);
    }
  }

  /** What comes over channels. */
  #events(): ChannelEvents<Payload> {
    const heardNow = (now: number) => ({ now, sentAt: this.#clock.now() });
    return {
      heard: () => {
        this.#registration?.heard(this.#clock.now(), true, []);
        this.#wakeUp();
      },
      resumed: (leases, now) => {
        this.#accepted = true;
        this.#pace.answered();
        this.#holds.resume(leases, heardNow(now));
      },
      jobs: ({ jobs, now }) => this.#holds.take(jobs, heardNow(now), true),
      lost: (items) => this.#holds.lose(items),
      closed: (error, refused) => {
        const isTold = refused || this.#options.transport === "socket" || this.#accepted;
        if (isTold) this.#report(error);
        this.#wakeUp();
      },
    };
  }

  /** Settles what has ended and extends what is half over, and says how many jobs may come; without waiting for the answer. */
  #say(channel: Channel<Payload>): void {
    if (channel.hasRoomFor(this.#outbox.size)) this.#holds.speak(this.#clock.now());
    if (this.#outbox.size === 0 || !channel.hasRoomFor(this.#outbox.size)) this.#link.tend();
    else void this.#settleOver(channel, this.#outbox.take());
  }

  async #settleOver(channel: Channel<Payload>, batch: Batch<SettleAnswer>): Promise<void> {
    const sentAt = this.#clock.now();
    const { ended } = this.#ahead;
    try {
      const { now, items } = await channel.settle(batch, this.#credit);
      this.#ahead.turned(ended, channel.isUsedUp);
      this.#holds.answered({ now, sentAt });
      this.#pace.answered();
      this.#outbox.answer(batch, items);
    } catch (error) {
      // With its channel the answer is lost: the settlements go again, the next way there is.
      if (error instanceof UnreachableError) this.#outbox.putBack(batch);
      else this.#failed(batch, error);
    }
    this.#wakeUp();
  }

  /** One request: settles what has ended, extends what is half over, claims for the free slots. */
  async #turn(): Promise<void> {
    const sentAt = this.#clock.now();
    this.#holds.speak(sentAt);
    const batch = this.#outbox.take();
    const max = this.#apart && batch.length > 0 ? 0 : this.#freeSlots;
    // A job whose time is over was told so, which takes no request.
    if (batch.length === 0 && max === 0) return;
    this.#asked = max;
    try {
      const request = { signal: this.#cut.signal, onRetry: this.#report };
      const reply = await takeTurn(this.#queue, this.#options, { batch, max }, request);
      this.#holds.answered({ now: reply.now, sentAt });
      this.#accepted = true;
      this.#pace.answered();
      if (batch.length === 0) this.#apart = false;
      this.#outbox.answer(batch, reply.items ?? []);
      this.#registration?.heard(sentAt, max > 0 && reply.claim === undefined, reply.items ?? []);
      if (max > 0) this.#claimed(reply, sentAt);
    } catch (error) {
      const isApart = max === 0 || batch.length === 0 || !blamesBody(error);
      if (isApart || blamedItems(error).size > 0) this.#failed(batch, error);
      else {
        this.#apart = true;
        this.#outbox.putBack(batch);
      }
    } finally {
      this.#asked = 0;
    }
  }

  #claimed({ claim, jobs = [], now, nextDueAt }: TurnReply<Payload>, sentAt: number): void {
    if (claim !== undefined) this.#report(new SluiceError(claim));
    this.#holds.take(jobs, { now, sentAt }, false);
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

  #report = (error: unknown): void => this.#options.onError(error);
}
