/**
 * Figures of flow control: what keys cost a claim and a row, how fair the turns of keys are, and what a graph of jobs costs.
 * Invariant: what is compared alternates, and differs in nothing but what the figure is about.
 */
import { drained } from "./backlog.ts";
import { fairRounds } from "./fairness.ts";
import type { Bench, Figure, Group, Measured } from "./figure.ts";
import { BenchQueue } from "./queue.ts";
import { batch10, count } from "./rows.ts";
import { median, sum } from "./statistics.ts";
import { lifecycle, type Tally, type Workload } from "./workloads.ts";

const KEYS = 10_000;
const DRAINED = 100_000;
/** So short that an object is not evicted while the other one works. */
const DRAIN_ROUNDS = 20;
const FLOOR_ROUNDS = 3;

/** Microseconds that SQLite alone takes to read and delete the rows of a job of so many keys: of several times the least. */
async function claimFloorUs({ server, detail }: Bench, keys: number): Promise<number> {
  const floor = await BenchQueue.create(server, `floor_${keys}`, "none");
  const times: number[] = [];
  for (let round = 0; round < FLOOR_ROUNDS; round += 1) {
    times.push(await floor.call<number>("claimsFloor", { jobs: DRAINED, keys }));
    detail(`SQLite of ${keys} keys: ${times.at(-1)?.toFixed(1)} µs a job`);
  }
  await floor.close();
  return Math.min(...times);
}

/**
 * Jobs a second that are claimed and completed of 10,000 keys, to those without a key. Beside it stands the most that this could be, if
 * keys cost nothing but that their jobs' rows stand apart.
 */
async function claimsOfKeys(bench: Bench): Promise<Measured> {
  const keys = { count: KEYS, by: "lot", name: "tenant-" } as const;
  const keyed = await drained(bench, "drain_keys", DRAINED, { keys });
  const plain = await drained(bench, "drain_no_keys", DRAINED);
  for (let round = 1; round <= DRAIN_ROUNDS; round += 1) {
    const completed = (DRAINED / DRAIN_ROUNDS) * round;
    // Whatever comes second meets a warmer machine.
    const both = round % 2 === 0 ? [keyed, plain] : [plain, keyed];
    for (const each of both) await each.drainTo(completed);
  }
  const [ofKeys, ofNone] = [await keyed.conclude(), await plain.conclude()];
  const [keysUs, noneUs] = [await claimFloorUs(bench, KEYS), await claimFloorUs(bench, 1)];
  const us = 1_000_000 / ofNone.perSecond;
  return {
    value: ofKeys.perSecond / ofNone.perSecond,
    beside: {
      claim_10k_keys_jobs_per_s: ofKeys.perSecond,
      claim_no_keys_jobs_per_s: ofNone.perSecond,
      claim_10k_keys_sqlite_us: keysUs,
      claim_no_keys_sqlite_us: noneUs,
      claim_10k_keys_ratio_most: us / (us + keysUs - noneUs),
    },
  };
}

/** Rows per job that waits with so many others that each of its steps is behind a checkpoint. */
async function rowsOfBacklog(bench: Bench, name: string, keyCount?: number): Promise<number> {
  const keys = keyCount && { count: keyCount, by: "lot" as const, name: "tenant-" };
  const queue = await drained(bench, name, DRAINED, { ...(keys && { keys }) });
  for (let round = 1; round <= DRAIN_ROUNDS; round += 1) {
    await queue.drainTo((DRAINED / DRAIN_ROUNDS) * round);
  }
  return (await queue.conclude()).rowsPerJob;
}

/** Rows per job of a queue in which jobs come and go, a few at a time. */
async function rowsOfLives(bench: Bench, name: string, keyCount?: number): Promise<number> {
  const workload = (queue: string, tally: Tally): Workload =>
    lifecycle(queue, 10, tally, 0, keyCount);
  return (await count(bench, { ...batch10, name, workload })).value;
}

/** Rows written per job with a key to those without, of jobs that come and go, and of a backlog: the worse of the two. */
async function rowsOfKeys(bench: Bench): Promise<Measured> {
  const lives = await rowsOfLives(bench, "rows_no_keys");
  const keyedLives = await rowsOfLives(bench, "rows_keys", KEYS);
  const waiting = await rowsOfBacklog(bench, "rows_waiting_no_keys");
  const keyedWaiting = await rowsOfBacklog(bench, "rows_waiting_keys", KEYS);
  return {
    value: Math.max(keyedLives / lives, keyedWaiting / waiting),
    beside: {
      rows_key_batch10: keyedLives,
      rows_no_key_batch10: lives,
      rows_key_backlog: keyedWaiting,
      rows_no_key_backlog: waiting,
    },
  };
}

const JOBS = 1_000;
const ROUNDS = 30;
/** The first are left out: they meet code that is not compiled yet. */
const ROUNDS_SKIPPED = 6;
const payload = { to: "someone@example.com", template: "order-shipped", order: 12_345_678 };
const batch = JSON.stringify({ jobs: Array.from({ length: JOBS }, () => ({ payload })) });

/** Milliseconds of one graph: a job and a thousand that wait for it are enqueued, it is completed, and all are ready. */
async function graphMs(queue: BenchQueue, round: number): Promise<number> {
  const parent = `parent-${round}`;
  const child = { payload, after: [parent] };
  const graph = JSON.stringify({ jobs: Array.from({ length: JOBS }, () => child) });
  // It is the first to be claimed, however many children are ready.
  const root = JSON.stringify({ payload, id: parent, priority: -1 });
  const startedAt = performance.now();
  await queue.ask("POST", "/jobs", root);
  await queue.ask("POST", "/jobs", graph);
  const claimed = JSON.parse(await queue.ask("POST", "/claim", '{"max":1}')) as {
    jobs: { id: string; token: string }[];
  };
  const items = claimed.jobs.map(({ id, token }) => ({ op: "complete", id, token }));
  if (items[0]?.id !== parent) throw new Error(`${items[0]?.id} was claimed, not ${parent}.`);
  await queue.ask("POST", "/settle", JSON.stringify({ items }));
  while ((await queue.stats()).counts.blocked > 0);
  return performance.now() - startedAt;
}

/** Milliseconds of a graph of 1,000 children from its enqueue to the release of the last, to those of a batch of 1,000. */
async function graphVsBatch({ server, detail }: Bench): Promise<Measured> {
  const graphs = await BenchQueue.create(server, "graphs", "default");
  const batches = await BenchQueue.create(server, "graph_batches", "default");
  const [graph, plain]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    const asGraph = await graphMs(graphs, round);
    const asBatch = await batches.timed("POST", "/jobs", batch);
    detail(`a graph ${asGraph.toFixed(1)} ms, a batch ${asBatch.toFixed(1)} ms`);
    if (round < ROUNDS_SKIPPED) continue;
    graph.push(asGraph);
    plain.push(asBatch);
  }
  graph.push(1000 * (await graphs.checkpoint()));
  plain.push(1000 * (await batches.checkpoint()));
  for (const queue of [graphs, batches]) {
    const { ready } = (await queue.stats()).counts;
    if (ready !== ROUNDS * JOBS) throw new Error(`${queue.name} has ${ready} ready jobs.`);
    await queue.close();
  }
  const beside = { flow_1k_ms: median(graph), flow_batch_1k_ms: median(plain) };
  return { value: sum(graph) / sum(plain), beside };
}

const figures: readonly Figure[] = [
  {
    name: "claim_10k_keys_ratio",
    unit: "×",
    bound: { atLeast: 0.8 },
    seconds: 50,
    run: claimsOfKeys,
  },
  { name: "rows_key_ratio", unit: "×", bound: { atMost: 1.2 }, seconds: 80, run: rowsOfKeys },
  { name: "fair_rounds", unit: "rounds", bound: { atMost: 2 }, seconds: 180, run: fairRounds },
  { name: "flow_1k_vs_batch", unit: "×", bound: { atMost: 2 }, seconds: 10, run: graphVsBatch },
];

export const flow: Group = { name: "flow", figures };
