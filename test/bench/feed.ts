/**
 * The figure of the feed: how far behind a reader is after half a minute of batches of 100 jobs, enqueued alone, and enqueued, claimed
 * and completed.
 * Invariant: a reader is measured only if it was told of every event once: as many jobs were enqueued and completed as the server has
 * acknowledged.
 */
import { type FeedEvent, Queue } from "../../src/client/index.ts";
import type { Bench, Group, Measured } from "./figure.ts";
import { Crew, forMs } from "./load.ts";
import { BenchQueue } from "./queue.ts";
import { enqueue, lifecycle, type Tally, type Workload } from "./workloads.ts";

const CLIENTS = 8;
const BATCH = 100;
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

interface Lag {
  /** From the answer to the last request until the reader has been told of all there was. */
  readonly ms: number;
  readonly jobsPerSecond: number;
  readonly jobsBehind: number;
}

/** Has one reader follow a load of its own. */
async function lagBehind(
  { server, detail }: Bench,
  name: string,
  workload: (tally: Tally) => Workload,
): Promise<Lag> {
  const queue = await BenchQueue.create(server, name, "none");
  const reader = new Reader(new Queue({ name, url: server.url, token: server.token }));
  const tally = { enqueued: 0, completed: 0 };
  const crew = new Crew(server, CLIENTS, workload(tally));
  const slice = await crew.work(forMs(LOAD_MS));
  const answeredAt = performance.now();
  const jobsBehind = tally.enqueued - reader.enqueued + tally.completed - reader.completed;
  await reader.reaches(tally.enqueued, tally.completed);
  const ms = performance.now() - answeredAt;
  await crew.dismiss();
  await reader.reaches(tally.enqueued, tally.completed);
  await reader.end();
  if (reader.enqueued !== tally.enqueued || reader.completed !== tally.completed) {
    throw new Error(`The reader was told of ${reader.enqueued} jobs, not of ${tally.enqueued}.`);
  }
  await queue.close();
  const jobsPerSecond = slice.units / slice.seconds;
  detail(`${name}: ${jobsPerSecond.toFixed(0)} jobs/s, ${jobsBehind} jobs behind`);
  return { ms, jobsPerSecond, jobsBehind };
}

async function lag(bench: Bench): Promise<Measured> {
  const whole = await lagBehind(bench, "feed", (tally) => lifecycle("feed", BATCH, tally));
  const enqueued = await lagBehind(bench, "feed_enqueued", (tally) =>
    enqueue("feed_enqueued", BATCH, tally),
  );
  const beside = {
    feed_jobs_per_s: whole.jobsPerSecond,
    feed_jobs_behind: whole.jobsBehind,
    feed_enqueued_per_s: enqueued.jobsPerSecond,
    feed_enqueued_behind: enqueued.jobsBehind,
  };
  return { value: Math.max(whole.ms, enqueued.ms), beside };
}

export const feed: Group = {
  name: "feed",
  figures: [{ name: "feed_lag_ms", unit: "ms", bound: { atMost: 1_000 }, seconds: 65, run: lag }],
};
