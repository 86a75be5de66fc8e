/**
 * The workers that are registered with one queue: who they are, what they can do, whether they live.
 * Invariant: a registration replaces the one before it whole.
 */
import type {
  RegisterInput,
  UnregisterReply,
  WorkerListInput,
  WorkerListReply,
  WorkerReply,
} from "../contract/workers.ts";
import { type RequestOptions, segment, type Transport } from "./transport.ts";

export type { WorkerRecord, WorkerState } from "../contract/workers.ts";

/** What a worker says of itself. `ttlMs` is in ms: after so much silence it is taken for dead. */
export type WorkerRegistration = Omit<RegisterInput, "id">;
/** A worker, and the ids of the jobs in its hands. */
export type WorkerDetail = Omit<WorkerReply, "now">;
export type WorkerFilter = WorkerListInput;
/** A page of workers; only an absent cursor means the end. */
export type WorkerPage = WorkerListReply;

/**
 * The workers of a queue. `Worker` registers itself with its option `register`.
 * @example for (const { name, state } of (await queue.workers.list()).workers) console.log(name, state);
 */
export class Workers {
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, queuePath: string) {
    this.#transport = transport;
    this.#path = `${queuePath}/workers`;
  }

  /** Registers a worker, or says anew what it can do. One that was draining is given jobs again. */
  async register(
    name: string,
    registration: WorkerRegistration = {},
    options?: RequestOptions,
  ): Promise<WorkerDetail> {
    const text = JSON.stringify(registration);
    const path = this.#of(name);
    return detailOf(await this.#transport.write<WorkerReply>("PUT", path, text, options));
  }

  async get(name: string): Promise<WorkerDetail> {
    return detailOf(await this.#transport.read<WorkerReply>(this.#of(name)));
  }

  /** One page of workers in the order of their names. */
  list(filter: WorkerFilter = {}): Promise<WorkerPage> {
    return this.#transport.read(this.#path, filter);
  }

  /** Tells that a worker lives. Claims and settlements tell it as well. */
  heartbeat(name: string, options?: RequestOptions): Promise<WorkerDetail> {
    return this.#tell(name, "heartbeat", options);
  }

  /** Has a worker given no more jobs; it keeps those it has. */
  drain(name: string, options?: RequestOptions): Promise<WorkerDetail> {
    return this.#tell(name, "drain", options);
  }

  /** Unregisters a worker. Its jobs go back to their place; resolves with their number. */
  async remove(name: string, options?: RequestOptions): Promise<number> {
    const path = this.#of(name);
    const reply = await this.#transport.write<UnregisterReply>("DELETE", path, undefined, options);
    return reply.released;
  }

  async #tell(
    name: string,
    verb: "heartbeat" | "drain",
    options?: RequestOptions,
  ): Promise<WorkerDetail> {
    const path = `${this.#of(name)}/${verb}`;
    return detailOf(await this.#transport.write<WorkerReply>("POST", path, undefined, options));
  }

  #of(name: string): string {
    return `${this.#path}/${segment(name)}`;
  }
}

const detailOf = ({ now: _, ...detail }: WorkerReply): WorkerDetail => detail;
