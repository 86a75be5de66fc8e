/**
 * A queue under measurement: made for it, watched while it works, and verified afterwards.
 * Invariant: a figure stands only if nothing was lost, the instance was never replaced, and enough checkpoints happened.
 */
import type { QueueStats } from "../../src/contract/queue.ts";
import { Client, type Target } from "./client.ts";
import type { Tally } from "./workloads.ts";

/** A figure that saw fewer would leave out what a checkpoint costs. */
export const CHECKPOINTS_MIN = 3;

/** How long completed jobs are kept. */
export type Retention = "none" | "default";

export class BenchQueue {
  readonly name: string;
  readonly #client: Client;
  readonly #retention: Retention;
  #checkpointedIndex = 0;
  #rowsWritten = 0;
  /** Checkpoints seen by `watch`: at least so many happened. */
  checkpoints = 0;

  private constructor(client: Client, name: string, retention: Retention) {
    this.#client = client;
    this.name = name;
    this.#retention = retention;
  }

  /** Creates a queue. */
  static async create(target: Target, name: string, retention: Retention): Promise<BenchQueue> {
    const queue = new BenchQueue(new Client(target), name, retention);
    const config = retention === "none" ? { retention: { completed: { ageMs: 0 } } } : {};
    await queue.#client.put(`/v1/queues/${name}`, JSON.stringify(config));
    return queue;
  }

  async stats(): Promise<QueueStats> {
    return JSON.parse(await this.#client.get(`/v1/queues/${this.name}/stats`)) as QueueStats;
  }

  /** Reads the statistics, and notes whether a checkpoint has happened since the last time. */
  async watch(): Promise<QueueStats> {
    const stats = await this.stats();
    const { checkpointedIndex } = stats.log;
    if (checkpointedIndex > this.#checkpointedIndex) this.checkpoints += 1;
    this.#checkpointedIndex = checkpointedIndex;
    if (stats.storage.rowsWritten < this.#rowsWritten) {
      throw new Error(`${this.name}: the object was replaced, so its counts of rows began anew.`);
    }
    this.#rowsWritten = stats.storage.rowsWritten;
    return stats;
  }

  /**
   * Takes a checkpoint of what was made beforehand, which is left out of the counts, as are the lives of the object until then.
   * Resolves with the rows that this life has written.
   */
  async begin(): Promise<number> {
    await this.checkpoint();
    this.#rowsWritten = 0;
    const { storage } = await this.watch();
    this.checkpoints = 0;
    return storage.rowsWritten;
  }

  /** Ends a run: takes the last checkpoint, and verifies that every acknowledged job is where it must be. */
  async conclude(
    { enqueued, completed }: Tally,
    checkpointsMin = CHECKPOINTS_MIN,
  ): Promise<QueueStats> {
    if (this.checkpoints < checkpointsMin) {
      throw new Error(`${this.name}: only ${this.checkpoints} checkpoints were seen.`);
    }
    await this.checkpoint();
    const stats = await this.watch();
    const { counts } = stats;
    const kept = this.#retention === "none" ? 0 : completed;
    const isRight =
      counts.ready === enqueued - completed && counts.running === 0 && counts.completed === kept;
    if (isRight) return stats;
    const told = `${enqueued} enqueued, ${completed} completed`;
    throw new Error(`${this.name}: ${told}, but the queue has ${JSON.stringify(counts)}.`);
  }

  /** Takes a checkpoint now. Resolves with the seconds it took. */
  async checkpoint(): Promise<number> {
    return (await this.timed("POST", "/checkpoint")) / 1000;
  }

  /** Calls one of the methods that only the bench's object has; see worker/queue-object.ts. */
  async call<T>(method: string, argument: unknown): Promise<T> {
    const path = `/bench/${method}/${this.name}`;
    return JSON.parse(await this.#client.post(path, JSON.stringify(argument))) as T;
  }

  /** Asks the queue, and resolves with the answer's text. */
  ask(method: "GET" | "POST", path: string, body?: string): Promise<string> {
    const url = `/v1/queues/${this.name}${path}`;
    return method === "GET" ? this.#client.get(url) : this.#client.post(url, body);
  }

  /** The milliseconds until a request is answered. */
  async timed(method: "GET" | "POST", path: string, body?: string): Promise<number> {
    const sentAt = performance.now();
    await this.ask(method, path, body);
    return performance.now() - sentAt;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
