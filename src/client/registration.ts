/**
 * A worker's own registration with its queue: made at the start, kept alive while it is silent, made again where it was lost, and
 * taken back at the end.
 * Invariant: it never throws a refusal away that the worker's operator could mend, and asks at most once in a third of its time to
 * live.
 */
import { SluiceError } from "./errors.ts";
import type { Queue } from "./queue.ts";
import type { RequestOptions } from "./transport.ts";
import type { SettleAnswer } from "./types.ts";
import type { WorkerDetail, WorkerRegistration } from "./workers.ts";

/** How a worker registers; its name, kinds and capabilities are those that it claims with. */
export interface SelfRegistration {
  /** After so much silence, in ms, the server takes it for dead and gives its jobs to others. Default: the queue's. */
  readonly ttlMs?: WorkerRegistration["ttlMs"];
  /** How many jobs it works on at once, for people to see. Default: its concurrency. */
  readonly slots?: WorkerRegistration["slots"];
  /** What else people may want to know of it: a version, a host. */
  readonly info?: WorkerRegistration["info"];
}

/** A worker that was silent for this part of its time to live says that it lives. */
const SILENT_PART = 1 / 3;

export class Registration {
  readonly #workers: Queue["workers"];
  readonly #name: string;
  readonly #facts: WorkerRegistration;
  readonly #now: () => number;
  #state: "none" | "registered" | "draining" = "none";
  #ttlMs = 0;
  /** When the server last heard of it, by the worker's clock. */
  #heardAt = 0;
  /** When it last asked whether it is registered. */
  #askedAt = 0;

  constructor(
    { workers, transport }: Pick<Queue, "workers" | "transport">,
    name: string,
    facts: WorkerRegistration,
  ) {
    this.#workers = workers;
    this.#name = name;
    this.#facts = facts;
    this.#now = () => transport.clock.now();
  }

  /**
   * When to `tend` it next. Claims are as good as a heartbeat, but one of a name that is not registered is served all the same:
   * only a heartbeat tells that the registration was lost, so there is one in each time to live.
   */
  dueAt(isStopping: boolean): number {
    if (this.#state === "none") return isStopping ? Number.POSITIVE_INFINITY : 0;
    if (isStopping && this.#state === "registered") return 0;
    return Math.min(this.#heardAt + this.#ttlMs * SILENT_PART, this.#askedAt + this.#ttlMs);
  }

  /** Registers, says that it lives, or that it will take no more jobs: what is due. */
  async tend(isStopping: boolean, options: RequestOptions): Promise<void> {
    const sentAt = this.#now();
    try {
      const { worker } = await this.#ask(isStopping, options);
      this.#ttlMs = worker.ttlMs;
      this.#heardAt = sentAt;
    } catch (error) {
      const code = error instanceof SluiceError ? error.code : undefined;
      // Without its queue there is nothing to be registered with, until somebody makes the queue anew.
      if (this.#state === "none" || (code !== "worker_unknown" && code !== "queue_unknown")) {
        throw error;
      }
      if (code === "worker_unknown") this.#state = "none";
      else this.#heardAt = sentAt;
    }
    this.#askedAt = sentAt;
  }

  async #ask(isStopping: boolean, options: RequestOptions): Promise<WorkerDetail> {
    if (this.#state === "none") {
      const detail = await this.#workers.register(this.#name, this.#facts, options);
      this.#state = "registered";
      return detail;
    }
    if (!isStopping || this.#state === "draining") {
      return this.#workers.heartbeat(this.#name, options);
    }
    const detail = await this.#workers.drain(this.#name, options);
    this.#state = "draining";
    return detail;
  }

  /** Notes a request that the server answered: a claim, or a settlement that held, is a sign of life. */
  heard(sentAt: number, hasClaim: boolean, answers: readonly SettleAnswer[]): void {
    if (hasClaim || answers.some(({ ok }) => ok)) this.#heardAt = sentAt;
  }

  /** Unregisters, if it is registered: what it still holds goes back at once. */
  async end(options: RequestOptions): Promise<void> {
    if (this.#state === "none") return;
    this.#state = "none";
    try {
      await this.#workers.remove(this.#name, options);
    } catch (error) {
      const code = error instanceof SluiceError ? error.code : undefined;
      if (code !== "worker_unknown" && code !== "queue_unknown") throw error;
    }
  }
}
