/**
 * Joins concurrent enqueues into requests: what is said in one turn, or while a request is under
 * way, travels together.
 * Invariant: one request at a time, so jobs reach the queue in the order in which they were given.
 */
import type { EnqueueReply, EnqueueResult } from "../contract/jobs.ts";
import { SluiceError } from "./errors.ts";
import { type Batch, jsonArray, Outbox } from "./outbox.ts";
import { type Attempt, retry } from "./retry.ts";
import type { Transport } from "./transport.ts";

type Answer = EnqueueReply["results"][number];

export class Enqueuer {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #outbox = new Outbox<Answer>();
  #sending = false;

  constructor(transport: Transport, path: string) {
    this.#transport = transport;
    this.#path = path;
  }

  /**
   * Enqueues one job, given as JSON text.
   * A job that was refused alone and may succeed later (the queue is full) is tried again, as whole
   * requests are.
   */
  enqueue(text: string): Promise<EnqueueResult> {
    const { clock, retryForMs } = this.#transport;
    const attempt = async (): Promise<Attempt<EnqueueResult>> => {
      const answer = await this.#post(text);
      if (!("problem" in answer)) return { done: answer };
      const error = new SluiceError(answer.problem);
      if (error.retryable) return { again: error };
      throw error;
    };
    return retry(attempt, { clock, forMs: retryForMs });
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
