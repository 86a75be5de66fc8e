/**
 * Joins concurrent enqueues into requests: what is said in one turn, or while a request is under
 * way, travels together.
 * Invariant: one request at a time, so jobs reach the queue in the order in which they were given, those of one call behind those of it that
 * they wait for; one that is tried again goes behind those it waits for, as far as these are tried again too.
 */
import type { EnqueueReply, EnqueueResult } from "../contract/jobs.ts";
import { SluiceError, UnreachableError } from "./errors.ts";
import { flowOrder } from "./flow-order.ts";
import { type Batch, jsonArray, Outbox } from "./outbox.ts";
import { type Attempt, retry } from "./retry.ts";
import type { Transport } from "./transport.ts";
import type { EnqueueOutcome, JobInput } from "./types.ts";

type Answer = EnqueueReply["results"][number];

/** A job under way that has an id. */
interface Pending {
  /** Whether it was taken; never rejects. */
  readonly isTaken: Promise<boolean>;
  /** The one behind which it is tried again. */
  behind?: Pending | undefined;
}

export class Enqueuer {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #outbox = new Outbox<Answer>();
  readonly #pending = new Map<string, Pending>();
  #sending = false;

  constructor(transport: Transport, path: string) {
    this.#transport = transport;
    this.#path = path;
  }

  /**
   * Enqueues one job, given as JSON text, with the id that it has there.
   * A job that was refused alone and may succeed later (the queue is full) is tried again, as whole
   * requests are; so is one that was refused since the job it waits for was not taken yet.
   */
  async enqueue(text: string, id?: string): Promise<EnqueueResult> {
    const { clock, retryForMs } = this.#transport;
    const own = Promise.withResolvers<boolean>();
    const pending: Pending = { isTaken: own.promise };
    const isFirst = id !== undefined && !this.#pending.has(id);
    if (isFirst) this.#pending.set(id, pending);
    const attempt = () => this.#attempt(text, pending);
    try {
      const result = await retry(attempt, { clock, forMs: retryForMs });
      own.resolve(true);
      return result;
    } finally {
      own.resolve(false);
      if (isFirst) this.#pending.delete(id);
    }
  }

  /** Enqueues the jobs of one call, each with an outcome of its own, in their order. */
  async enqueueMany(jobs: readonly JobInput<unknown>[]): Promise<EnqueueOutcome[]> {
    // All are encoded before the first is sent: one that is no JSON value stops them all.
    const texts = jobs.map((job) => JSON.stringify(job));
    const order = flowOrder(jobs);
    if (order instanceof SluiceError) return jobs.map(() => ({ error: order }));
    const outcomes = new Array<Promise<EnqueueOutcome>>(jobs.length);
    for (const place of order) outcomes[place] = this.#outcome(texts[place] ?? "", jobs[place]?.id);
    return Promise.all(outcomes);
  }

  async #outcome(text: string, id?: string): Promise<EnqueueOutcome> {
    try {
      return await this.enqueue(text, id);
    } catch (error) {
      if (error instanceof SluiceError || error instanceof UnreachableError) return { error };
      throw error;
    }
  }

  async #attempt(text: string, pending: Pending): Promise<Attempt<EnqueueResult>> {
    for (;;) {
      const answer = await this.#post(text);
      if (!("problem" in answer)) return { done: answer };
      const error = new SluiceError(answer.problem);
      if (error.retryable) return { again: error };
      if (error.code !== "parent_unknown" || !(await this.#comes(error, pending))) throw error;
    }
  }

  /** Waits for the job that another one could not wait for: whether it is under way, and is taken in the end. */
  async #comes({ facts }: SluiceError, pending: Pending): Promise<boolean> {
    const parent = this.#pending.get(String(facts["parent"]));
    // Jobs that wait for one another in a circle would never be tried again.
    for (let next = parent; next !== undefined; next = next.behind) {
      if (next === pending) return false;
    }
    if (parent === undefined) return false;
    pending.behind = parent;
    const isTaken = await parent.isTaken;
    pending.behind = undefined;
    return isTaken;
  }

  #post(text: string): Promise<Answer> {
    const answer = this.#outbox.add(text);
    if (!this.#sending) void this.#sendAll();
    return answer;
  }

  /** Never rejects: whatever goes wrong becomes the answer of the items concerned. */
  async #sendAll(): Promise<void> {
    this.#sending = true;
    // Calls of the same turn still join.
    await Promise.resolve();
    while (this.#outbox.size > 0) await this.#send(this.#outbox.take());
    this.#sending = false;
  }

  async #send(batch: Batch<Answer>): Promise<void> {
    try {
      const body = `{"jobs":${jsonArray(batch)}}`;
      const reply = await this.#transport.write<EnqueueReply>("POST", this.#path, body);
      this.#outbox.answer(batch, reply.results);
    } catch (error) {
      this.#outbox.refuse(batch, error);
    }
  }
}
