/**
 * The figure of the worker's channel: whole jobs through one `Worker` of the client with a hundred slots, in one process with those who
 * enqueue them, as a ratio to the no-op.
 * Invariant: a job counts once its worker was told that its completion is written down.
 */
import { Queue, Worker } from "../../src/client/index.ts";
import { Client } from "./client.ts";
import type { Bench, Group } from "./figure.ts";
import { type GoesOn, type Shift, type Slice, timed } from "./load.ts";
import { ratioToNoop } from "./throughput.ts";
import { enqueue, type Tally } from "./workloads.ts";

const CONCURRENCY = 100;
const SLICE_MS = 1_000;
const PRODUCERS = 4;
const BATCH = 100;
/** Producers stop while so many jobs wait: more would only make the tables larger. */
const AHEAD_MAX = 1_000;

/** Those who enqueue in batches, and the worker, which goes on over all slices. */
class Channelled implements Shift {
  readonly #server: Bench["server"];
  readonly #tally: Tally;
  readonly #clients: readonly Client[];
  readonly #produce: readonly (() => Promise<number>)[];
  readonly #latenciesMs: number[] = [];
  readonly #worker: Worker;
  readonly #running: Promise<void>;
  #news = Promise.withResolvers<void>();
  #fault: unknown;

  constructor(server: Bench["server"], name: string, tally: Tally) {
    this.#server = server;
    this.#tally = tally;
    this.#clients = Array.from({ length: PRODUCERS }, () => new Client(server, this.#latenciesMs));
    this.#produce = this.#clients.map((client) => enqueue(name, BATCH, tally)(client).turn);
    const queue = new Queue({ name, url: server.url, token: server.token });
    this.#worker = new Worker(queue, () => undefined, {
      concurrency: CONCURRENCY,
      transport: "socket",
      onSettled: (_job, answer) => {
        if (!answer.ok) this.#fault = new Error(`A completion was refused: ${answer.problem.code}`);
        tally.completed += 1;
        this.#news.resolve();
      },
      onError: (error) => {
        this.#fault = error;
        this.#news.resolve();
      },
    });
    this.#running = this.#worker.run();
  }

  work(goesOn: GoesOn): Promise<Slice> {
    return timed(this.#server, this.#latenciesMs, () => this.#work(goesOn));
  }

  async #work(goesOn: GoesOn): Promise<number> {
    const before = this.#tally.completed;
    const units = (): number => this.#tally.completed - before;
    const produce = async (turn: () => Promise<number>): Promise<void> => {
      while (goesOn(units())) {
        if (this.#ahead < AHEAD_MAX) await turn();
        else await this.#hear();
      }
    };
    await Promise.all(this.#produce.map(produce));
    while (this.#ahead > 0) await this.#hear();
    return units();
  }

  async dismiss(): Promise<void> {
    await this.#worker.stop();
    await this.#running;
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /** How many jobs are not completed yet. */
  get #ahead(): number {
    return this.#tally.enqueued - this.#tally.completed;
  }

  /** Resolves when another completion was told. */
  async #hear(): Promise<void> {
    await this.#news.promise;
    this.#news = Promise.withResolvers();
    if (this.#fault !== undefined) throw this.#fault;
  }
}

const load = {
  sliceMs: SLICE_MS,
  begin: (server: Bench["server"], queue: string, tally: Tally) =>
    new Channelled(server, queue, tally),
};

export const channel: Group = {
  name: "channel",
  figures: [ratioToNoop("worker_channel", load, { atLeast: 4 })],
};
