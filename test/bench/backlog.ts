/**
 * Figures of size: what a queue with a million waiting jobs does slower than one with few.
 * Invariant: big and small alternate, and differ in nothing but the number of jobs.
 */
import type { Bench, Figure, Measured } from "./figure.ts";
import { Crew, untilUnits } from "./load.ts";
import { BenchQueue } from "./queue.ts";
import { median, sum } from "./statistics.ts";
import type { Fill, TailKind } from "./worker/queue-object.ts";
import { drain } from "./workloads.ts";

export const MANY = 1_000_000;
/** Jobs of one request that fills a backlog: seconds of work. */
const FILL_STEP = 50_000;
/** The queue of a million jobs. */
export const BIG = "million";

/** What jobs of a backlog have in common. */
type Common = Omit<Fill, "jobs">;

/** A queue with exactly `jobs` ready jobs, checkpointed. One that a figure before has left is filled up, or what is too many is handed out. */
export async function backlog(
  bench: Bench,
  name: string,
  jobs: number,
  common: Common = {},
): Promise<BenchQueue> {
  const queue = await BenchQueue.create(bench.server, name, "none");
  const { ready } = (await queue.stats()).counts;
  for (let done = ready; done < jobs; done += FILL_STEP) {
    await queue.call("fill", { ...common, jobs: Math.min(FILL_STEP, jobs - done) });
    if (jobs === MANY) bench.detail(`${name}: ${Math.min(done + FILL_STEP, jobs)} jobs`);
  }
  for (let over = ready - jobs; over > 0; over -= CLAIMS_TIMED) {
    await queue.call("claims", Math.min(CLAIMS_TIMED, over));
  }
  await queue.checkpoint();
  const { counts } = await queue.stats();
  if (counts.ready !== jobs) throw new Error(`${name} has ${counts.ready} jobs, not ${jobs}.`);
  return queue;
}

const DRAINED = 100_000;
const DRAIN_ROUNDS = 5;
const DRAIN_CLIENTS = 32;
const DRAIN_BATCH = 100;

async function drainManyVsFew(bench: Bench): Promise<Measured> {
  const big = await drained(bench, BIG, MANY);
  const small = await drained(bench, "drain_100k", DRAINED);
  for (let round = 1; round <= DRAIN_ROUNDS; round += 1) {
    const completed = (DRAINED / DRAIN_ROUNDS) * round;
    await small.drainTo(completed);
    await big.drainTo(completed);
  }
  const few = (await small.conclude()).perSecond;
  const many = (await big.conclude()).perSecond;
  return { value: many / few, beside: { drain_1m_jobs_per_s: many, drain_100k_jobs_per_s: few } };
}

/** A backlog that is drained bit by bit. */
export async function drained(bench: Bench, name: string, jobs: number, common?: Common) {
  const queue = await backlog(bench, name, jobs, common);
  const tally = { enqueued: jobs, completed: 0 };
  const crew = new Crew(bench.server, DRAIN_CLIENTS, drain(name, DRAIN_BATCH, tally));
  const seconds: number[] = [];
  return {
    /** Goes on until so many are completed in all. */
    async drainTo(completed: number): Promise<void> {
      const slice = await crew.work(untilUnits(completed - tally.completed));
      seconds.push(slice.seconds);
      await queue.watch();
      bench.detail(`${name}: ${tally.completed} drained, ${slice.seconds.toFixed(2)} s`);
    },
    /** Jobs drained a second, and rows written for each that was enqueued. */
    async conclude() {
      const { completed } = tally;
      await crew.dismiss();
      const { storage } = await queue.conclude(tally);
      await queue.close();
      return { perSecond: completed / sum(seconds), rowsPerJob: storage.rowsWritten / jobs };
    },
  };
}

const CLAIMS_SKIPPED = 1_000;
const CLAIMS_TIMED = 1_000;
const FEW = 3_000;
/** The first are left out: they meet code that is not compiled yet. */
const CLAIM_ROUNDS = 12;
const CLAIM_ROUNDS_SKIPPED = 3;

async function claimManyVsFew(bench: Bench): Promise<Measured> {
  const many: number[] = [];
  const few: number[] = [];
  for (let round = 0; round < CLAIM_ROUNDS; round += 1) {
    const small = await usPerClaim(bench, `claim_1k_${round}`, FEW);
    const big = await usPerClaim(bench, BIG, MANY);
    bench.detail(`claim: ${small} µs of ${FEW}, ${big} µs of ${MANY}`);
    if (round < CLAIM_ROUNDS_SKIPPED) continue;
    few.push(small);
    many.push(big);
  }
  const beside = { claim_1m_us: median(many), claim_1k_us: median(few) };
  return { value: beside.claim_1m_us / beside.claim_1k_us, beside };
}

/** Microseconds of one claim, after many since the last checkpoint, so that heads that are gone lie in its way. */
export async function usPerClaim(bench: Bench, name: string, jobs: number): Promise<number> {
  const queue = await backlog(bench, name, jobs);
  const before = (await queue.stats()).log.checkpointedIndex;
  await queue.call("claims", CLAIMS_SKIPPED);
  const us = await queue.call<number>("claims", CLAIMS_TIMED);
  const after = (await queue.stats()).log.checkpointedIndex;
  await queue.close();
  if (after === before) return us;
  throw new Error(`${name} took a checkpoint between the claims.`);
}

/** So long that no lease ends while others are measured. */
const LONG_CLAIM = JSON.stringify({ leaseMs: 3_600_000 });
const WAKE_ROUNDS = 7;
const tails: readonly TailKind[] = ["enqueues", "lifecycles"];

/** Milliseconds until a fresh instance has answered a read, and a write whose key it must look for. */
interface Wake {
  readonly read: number;
  readonly write: number;
}

async function wake(queue: BenchQueue): Promise<Wake> {
  await queue.call("evict", {});
  const read = await queue.timed("GET", "");
  await queue.call("evict", {});
  const write = await queue.timed("POST", "/claim", LONG_CLAIM);
  return { read, write };
}

async function wakeManyVsNone(bench: Bench): Promise<Measured> {
  const big = await backlog(bench, BIG, MANY);
  const empty = await backlog(bench, "wake_empty", 0);
  const extras: Record<string, number> = {};
  for (const tail of tails) {
    const entries = await big.call<number>("tail", tail);
    const before = (await big.stats()).log.checkpointedIndex;
    const many: Wake[] = [];
    const none: Wake[] = [];
    for (let round = 0; round < WAKE_ROUNDS; round += 1) {
      none.push(await wake(empty));
      many.push(await wake(big));
    }
    if ((await big.stats()).log.checkpointedIndex !== before) throw new Error("The tail is gone.");
    for (const request of ["read", "write"] as const) {
      const ms = (wakes: readonly Wake[]) => median(wakes.map((each) => each[request]));
      extras[`wake_1m_${tail}_${request}_extra_ms`] = ms(many) - ms(none);
      const times = `${ms(many).toFixed(1)} ms, empty ${ms(none).toFixed(1)} ms`;
      bench.detail(`wake by ${request}, tail of ${entries} entries (${tail}): ${times}`);
    }
  }
  await big.close();
  await empty.close();
  return { value: Math.max(...Object.values(extras)), beside: extras };
}

/** All use the same queue of a million jobs, which the first of them makes. */
export const sizeFigures: readonly Figure[] = [
  {
    name: "drain_1m_vs_100k",
    unit: "×",
    bound: { atLeast: 0.8 },
    seconds: 80,
    run: drainManyVsFew,
  },
  {
    name: "claim_1m_vs_1k",
    unit: "×",
    bound: { atMost: 1.5 },
    seconds: 15,
    run: claimManyVsFew,
  },
  {
    name: "wake_1m_extra_ms",
    unit: "ms",
    bound: { atMost: 150 },
    seconds: 15,
    run: wakeManyVsNone,
  },
];
