/**
 * The figure of fairness: how many rounds a key with a waiting job has to wait, beside ten keys with a hundred thousand jobs each.
 * Invariant: a wait is counted from the order in which the server handed jobs out: it is as many rounds as another key was served
 * meanwhile.
 */
import { Client } from "./client.ts";
import type { Bench, Measured } from "./figure.ts";
import { BenchQueue } from "./queue.ts";

const HOT = 10;
const HOT_JOBS = 100_000;
const COLD = 99_990;
/** Cold keys that come later, while the hot ones have the queue for themselves, so many at a time. */
const LATE = 10_000;
const LATE_BATCH = 1_000;
/** Jobs claimed at once. */
const CLAIMED = 500;
/** Hand-outs between batches of late keys: the hot keys have had many turns by then. */
const BETWEEN = 5_000;
const FILL_STEP = 50_000;
const coldKey = (number: number): string => `cold-${number}`;
const hotKey = (number: number): string => `hot-${number}`;

/**
 * What each key waits for, in rounds: as many as some other key was served while it waited. Only a hot key is served more than twice
 * in all, so that it is enough to look at these.
 */
class Waits {
  /** Waiting keys: their jobs, and how often each hot key had been served when their wait began. */
  readonly #waiting = new Map<string, { jobs: number; since: readonly number[] }>();
  readonly #hot: readonly string[];
  #served: readonly number[];
  longest = 0;

  constructor(hot: readonly string[]) {
    this.#hot = hot;
    this.#served = hot.map(() => 0);
  }

  get keys(): number {
    return this.#waiting.size;
  }

  /** A key without a waiting job has some. */
  came(key: string, jobs: number): void {
    this.#waiting.set(key, { jobs, since: this.#served });
  }

  served(key: string): void {
    const wait = this.#waiting.get(key);
    if (wait === undefined) throw new Error(`A job of ${key} was handed out, but none waits.`);
    this.#look(key, wait.since);
    const number = this.#hot.indexOf(key);
    if (number >= 0) this.#served = this.#served.with(number, (this.#served[number] ?? 0) + 1);
    if (wait.jobs === 1) this.#waiting.delete(key);
    else this.came(key, wait.jobs - 1);
  }

  /** Counts the waits that are not over, so that a key that is never served is seen. */
  conclude(): number {
    for (const [key, { since }] of this.#waiting) this.#look(key, since);
    return this.longest;
  }

  #look(key: string, since: readonly number[]): void {
    for (const [i, count] of this.#served.entries()) {
      // Its own turn is what it waited for.
      if (this.#hot[i] !== key) this.longest = Math.max(this.longest, count - (since[i] ?? 0));
    }
  }
}

interface Held {
  readonly id: string;
  readonly token: string;
  readonly key: string;
}

/** Claims, completes and tells whose jobs were handed out, in order. */
class Taker {
  readonly #client: Client;
  readonly #path: string;
  #held: readonly Held[] = [];

  constructor(client: Client, queue: string) {
    this.#client = client;
    this.#path = `/v1/queues/${queue}`;
  }

  async take(): Promise<string[]> {
    const items = this.#held.map(({ id, token }) => ({ op: "complete", id, token }));
    const claim = { max: CLAIMED, worker: "fair" };
    const path = items.length === 0 ? "/claim" : "/settle";
    const body = items.length === 0 ? claim : { items, claim };
    const reply = JSON.parse(await this.#client.post(this.#path + path, JSON.stringify(body)));
    const { refused = 0, jobs } = reply as { refused?: number; jobs: Held[] };
    if (refused > 0) throw new Error(`${refused} completions were refused.`);
    this.#held = jobs;
    return jobs.map(({ key }) => key);
  }
}

async function build({ detail }: Bench, queue: BenchQueue): Promise<void> {
  const hot = { count: HOT, by: "turns", name: "hot-" } as const;
  for (let done = 0; done < HOT * HOT_JOBS; done += FILL_STEP) {
    await queue.call("fill", { jobs: FILL_STEP, keys: hot });
    detail(`${done + FILL_STEP} jobs of ${HOT} hot keys`);
  }
  await queue.call("fill", { jobs: COLD, keys: { count: COLD, by: "turns", name: "cold-" } });
  detail(`${COLD} cold keys`);
  await queue.checkpoint();
  const { counts } = await queue.stats();
  if (counts.ready !== HOT * HOT_JOBS + COLD) throw new Error(`${counts.ready} jobs are ready.`);
}

/** A key for each number. */
const keysOf = (count: number, nameOf: (number: number) => string): string[] =>
  Array.from({ length: count }, (_, number) => nameOf(number));

/** The most rounds that any key with a waiting job waited for its next one to be handed out. */
export async function fairRounds(bench: Bench): Promise<Measured> {
  const queue = await BenchQueue.create(bench.server, "fair", "none");
  await build(bench, queue);
  const waits = new Waits(keysOf(HOT, hotKey));
  for (const key of keysOf(HOT, hotKey)) waits.came(key, HOT_JOBS);
  for (const key of keysOf(COLD, coldKey)) waits.came(key, 1);
  const client = new Client(bench.server);
  const taker = new Taker(client, queue.name);
  let handOuts = 0;
  const takeTo = async (most: number): Promise<void> => {
    while (handOuts < most) {
      const keys = await taker.take();
      if (keys.length === 0) throw new Error("Nothing was handed out, though jobs wait.");
      for (const key of keys) waits.served(key);
      handOuts += keys.length;
    }
  };
  const startedAt = performance.now();
  await takeTo(2 * (HOT + COLD));
  const early = waits.longest;
  bench.detail(`${handOuts} hand-outs: ${waits.keys} keys wait, the longest wait ${early} rounds`);
  for (let late = 0; late < LATE; late += LATE_BATCH) {
    const keys = keysOf(LATE_BATCH, (number) => coldKey(late + number));
    const jobs = keys.map((key) => ({ key, payload: {} }));
    await client.post(`/v1/queues/${queue.name}/jobs`, JSON.stringify({ jobs }));
    for (const key of keys) waits.came(key, 1);
    await takeTo(handOuts + BETWEEN);
  }
  const perSecond = handOuts / ((performance.now() - startedAt) / 1000);
  bench.detail(`${handOuts} hand-outs: ${waits.keys} keys wait`);
  await client.close();
  await queue.close();
  const beside = { fair_first_rounds: early, fair_jobs_per_s: perSecond };
  return { value: waits.conclude(), beside };
}
