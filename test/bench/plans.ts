/**
 * Figures of plans, schedules and routing: what an action costs beside a batch, how fast schedules fire, and what jobs in the way
 * of a claim cost.
 * Invariant: what is compared alternates, and differs in nothing but what the figure is about.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { usPerClaim } from "./backlog.ts";
import { Client } from "./client.ts";
import type { Bench, Figure, Group, Measured } from "./figure.ts";
import { BenchQueue } from "./queue.ts";
import { median, percentile, sum } from "./statistics.ts";

const JOBS = 1_000;
const ROUNDS = 30;
/** The first are left out: they meet code that is not compiled yet. */
const ROUNDS_SKIPPED = 6;
const plan = JSON.stringify({
  tasks: [
    { task_number: 1, command: "sort", args: ["{{input.path}}"] },
    { task_number: 2, command: "uniq", args: ["-c"], input_from_task: 1 },
    { task_number: 3, command: "wc", args: ["-l"], input_from_task: 2 },
  ],
});

/** Milliseconds of an action of 1,000 inputs, to those of 1,000 plain jobs with the same payloads; checkpoints counted in. */
async function actionVsBatch({ server, detail }: Bench): Promise<Measured> {
  const inputs = Array.from({ length: JOBS }, (_, i) => ({ path: `/data/files/part-${i}.txt` }));
  const jobs = JSON.stringify({ jobs: inputs.map((payload) => ({ payload })) });
  const action = JSON.stringify({ inputs });
  const [ofActions, ofBatches] = [
    await BenchQueue.create(server, "actions", "default"),
    await BenchQueue.create(server, "batches", "default"),
  ];
  const client = new Client(server);
  await client.put("/v1/queues/actions/plans/count", plan);
  await client.close();
  const actionMs: number[] = [];
  const batchMs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const asAction = await ofActions.timed("POST", "/plans/count/actions", action);
    const asBatch = await ofBatches.timed("POST", "/jobs", jobs);
    detail(`an action ${asAction.toFixed(1)} ms, a batch ${asBatch.toFixed(1)} ms`);
    if (round < ROUNDS_SKIPPED) continue;
    actionMs.push(asAction);
    batchMs.push(asBatch);
  }
  actionMs.push(1000 * (await ofActions.checkpoint()));
  batchMs.push(1000 * (await ofBatches.checkpoint()));
  const [taken, plain] = [(await ofActions.stats()).counts, (await ofBatches.stats()).counts];
  if (taken.ready !== ROUNDS * JOBS || plain.ready !== taken.ready)
    throw new Error("Jobs are missing.");
  await ofActions.close();
  await ofBatches.close();
  const beside = { action_1k_ms: median(actionMs), batch_1k_ms: median(batchMs) };
  return { value: sum(actionMs) / sum(batchMs), beside };
}

const SCHEDULES = 10_000;
/** Long enough to make them all before they are due. */
const AHEAD_MS = 30_000;
const LOOK_MS = 5;

/** Milliseconds from the instant at which 10,000 schedules are due until each has made its job. */
async function schedulesFire({ server, detail }: Bench, distinct: boolean): Promise<Measured> {
  const name = distinct ? "schedules_distinct" : "schedules";
  const queue = await BenchQueue.create(server, name, "default");
  const at = Math.ceil((Date.now() + AHEAD_MS) / 1000) * 1000;
  await queue.call("schedules", { count: SCHEDULES, at, distinct });
  await queue.checkpoint();
  detail(
    `${SCHEDULES} schedules made ${((at - Date.now()) / 1000).toFixed(1)} s before their slot`,
  );
  if (Date.now() >= at) throw new Error("They were due before all were made.");
  await sleep(at - Date.now() - 1000);
  const looks: number[] = [];
  let ready = 0;
  let endedAt = 0;
  // Each look waits for the turn that is under way: the longest one is the longest that a command was held up.
  while (ready < SCHEDULES) {
    looks.push(await queue.timed("GET", ""));
    const askedAt = performance.now();
    ready = (await queue.stats()).counts.ready;
    looks.push(performance.now() - askedAt);
    endedAt = Date.now();
    await sleep(LOOK_MS);
  }
  const { now, counts } = await queue.stats();
  if (counts.ready !== SCHEDULES)
    throw new Error(`${counts.ready} jobs of ${SCHEDULES} at ${now}.`);
  await queue.close();
  const beside = {
    [`${name}_10k_longest_look_ms`]: Math.max(...looks),
    [`${name}_10k_p50_look_ms`]: percentile(looks, 0.5),
  };
  return { value: endedAt - at, beside };
}

const UNMATCHED = 1_000_000;
const MATCHED = 3_000;
const SETS = 64;
const CLAIM_ROUNDS = 12;
const CLAIM_ROUNDS_SKIPPED = 3;

/** Microseconds of a claim in a queue with a million jobs of 64 sets that the worker cannot do, to one without them. */
async function claimPastUnmatched(bench: Bench): Promise<Measured> {
  const past = await BenchQueue.create(bench.server, "unmatched", "none");
  for (let set = 0; set < SETS; set += 1) {
    const jobs = Math.floor(UNMATCHED / SETS);
    await past.call("fill", { jobs, requires: [`tool-${set}`] });
    if (set % 16 === 15) bench.detail(`${(set + 1) * jobs} jobs that do not match`);
  }
  const many: number[] = [];
  const few: number[] = [];
  for (let round = 0; round < CLAIM_ROUNDS; round += 1) {
    const alone = `matched_${round}`;
    const small = await BenchQueue.create(bench.server, alone, "none");
    for (const queue of [small, past]) {
      await queue.call("fill", { jobs: MATCHED });
      await queue.checkpoint();
    }
    const head = await usPerClaim(bench, alone, MATCHED);
    const behind = await claimsOf(past);
    bench.detail(
      `claim: ${head.toFixed(0)} µs at the head, ${behind.toFixed(0)} µs past a million`,
    );
    await small.close();
    if (round < CLAIM_ROUNDS_SKIPPED) continue;
    few.push(head);
    many.push(behind);
  }
  await past.close();
  const beside = { claim_past_us: median(many), claim_head_us: median(few) };
  return { value: beside.claim_past_us / beside.claim_head_us, beside };
}

/** As `usPerClaim` does it, of a queue that keeps other jobs too. */
async function claimsOf(queue: BenchQueue): Promise<number> {
  await queue.call("claims", 1_000);
  const us = await queue.call<number>("claims", 1_000);
  await queue.call("claims", MATCHED - 2_000);
  return us;
}

const figures: readonly Figure[] = [
  {
    name: "action_1k_vs_batch",
    unit: "×",
    bound: { atMost: 1.5 },
    seconds: 10,
    run: actionVsBatch,
  },
  {
    name: "schedules_10k_ms",
    unit: "ms",
    bound: { atMost: 2000 },
    seconds: 40,
    run: (bench) => schedulesFire(bench, false),
  },
  {
    name: "schedules_distinct_10k_ms",
    unit: "ms",
    bound: { atMost: 2000 },
    seconds: 40,
    run: (bench) => schedulesFire(bench, true),
  },
  {
    name: "claim_past_unmatched",
    unit: "×",
    bound: { atMost: 1.5 },
    seconds: 90,
    run: claimPastUnmatched,
  },
];

export const plans: Group = { name: "plans", figures };
