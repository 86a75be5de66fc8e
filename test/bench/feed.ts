/**
 * The figure of the feed: how far behind a reader is after half a minute of batches of 100 jobs, enqueued, claimed and completed.
 * Invariant: a reader is measured only if it was told of every event once: as many jobs were enqueued and completed as the server has
 * acknowledged.
 */
import { type FeedEvent, Queue } from "../../src/client/index.ts";
import type { Bench, Group, Measured } from "./figure.ts";
import { Crew, forMs } from "./load.ts";
import { BenchQueue } from "./queue.ts";
import { lifecycle } from "./workloads.ts";

const CLIENTS = 8;
const LOAD_MS = 30_000;
const types = ["job.enqueued", "job.completed"] as const;

/** Reads on until it is told to end, and counts. */
class Reader {
  enqueued = 0;
  completed = 0;
  readonly #abort = new AbortController();
  readonly #events: AsyncGenerator<FeedEvent<(typeof types)[number]>>;
  readonly ended: Promise<void>;
  #news = Promise.withResolvers<void>();

  constructor(queue: Queue) {
    this.#events = queue.watch({ types, signal: this.#abort.signal });
    this.ended = this.#read();
  }

  async #read(): Promise<void> {
    for await (const { type } of this.#events) {
      if (type === "job.enqueued") this.enqueued += 1;
      else this.completed += 1;
      this.#news.resolve();
    }
  }

  /** Resolves once it has counted so many. */
  async reaches(enqueued: number, completed: number): Promise<void> {
    while (this.enqueued < enqueued || this.completed < completed) {
      this.#news = Promise.withResolvers();
      await Promise.race([this.#news.promise, this.ended]);
    }
  }

  end(): Promise<void> {
    this.#abort.abort();
    return this.ended;
  }
}

/** Milliseconds from the answer to the last request until the reader has been told of all there was. */
async function lag({ server, detail }: Bench): Promise<Measured> {
  const name = "feed";
  const queue = await BenchQueue.create(server, name, "none");
  const reader = new Reader(new Queue({ name, url: server.url, token: server.token }));
  const tally = { enqueued: 0, completed: 0 };
  const crew = new Crew(server, CLIENTS, lifecycle(name, 100, tally));
  const slice = await crew.work(forMs(LOAD_MS));
  const answeredAt = performance.now();
  const behind = tally.completed - reader.completed;
  await reader.reaches(tally.enqueued, tally.completed);
  const value = performance.now() - answeredAt;
  await crew.dismiss();
  await reader.reaches(tally.enqueued, tally.completed);
  await reader.end();
  if (reader.enqueued !== tally.enqueued || reader.completed !== tally.completed) {
    throw new Error(`The reader was told of ${reader.enqueued} jobs, not of ${tally.enqueued}.`);
  }
  await queue.close();
  const perSecond = slice.units / slice.seconds;
  detail(`${perSecond.toFixed(0)} jobs/s, ${behind} jobs behind`);
  return { value, beside: { feed_jobs_per_s: perSecond, feed_jobs_behind: behind } };
}

export const feed: Group = {
  name: "feed",
  figures: [{ name: "feed_lag_ms", unit: "ms", bound: { atMost: 1_000 }, seconds: 35, run: lag }],
};
