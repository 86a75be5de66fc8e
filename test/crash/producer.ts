/**
 * A producer: enqueues jobs of every kind, one or many, and tries again what it was not told the outcome of.
 * Invariant: a request is sent again only under the key it has; content is sent again under a new one only with its id.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { JobAsk, Reply } from "./history.ts";
import type { Random } from "./random.ts";
import type { Named, Wire } from "./wire.ts";

/** So many jobs may wait; more would only make each round longer. */
const openMax = 300;
const batchMax = 12;
const triesMax = 20;

export async function produce(wire: Wire, random: Random): Promise<void> {
  const { scene } = wire;
  while (!scene.isOver) {
    await sleep(scene.open > openMax ? 20 : random.between(0, 8));
    if (scene.open <= openMax) await enqueue(wire, random);
  }
}

async function enqueue(wire: Wire, random: Random): Promise<void> {
  const size = random.chance(0.4) ? 1 : random.between(2, batchMax);
  const jobs = Array.from({ length: size }, () => newJob(wire, random));
  const request = requestOf(wire, random, jobs);
  const reply = await send(wire, random, request);
  if (reply === undefined) return;
  wire.scene.open += size;
  // A client that missed the answer asks again, and is to be told the same.
  if (canRepeat(request) && random.chance(0.05)) await wire.settled(request, triesMax);
  for (const job of jobs) if (job.id !== undefined) await sayAgain(wire, random, job);
}

function newJob({ scene }: Wire, random: Random): JobAsk {
  scene.marks += 1;
  const mark = scene.marks;
  return {
    mark,
    ...(random.chance(0.15) && { id: `chosen-${mark}` }),
    ...(random.chance(0.25) && { delayMs: random.between(1, 800) }),
    ...(random.chance(0.4) && { priority: random.pick([-5, 5, 5, 1000, -1000]) }),
    ...(random.chance(0.1) && { maxAttempts: random.between(1, 5) }),
    ...(random.chance(0.1) && { requires: ["gpu"] }),
    ...(random.chance(0.05) && { padding: random.between(4_000, 20_000) }),
  };
}

/** The key is of the request, or of each of its jobs, or there is none. */
function requestOf(wire: Wire, random: Random, jobs: readonly JobAsk[]): Named {
  const name = wire.name();
  const isKeyed = random.chance(0.65);
  if (isKeyed || random.chance(0.3)) return { name, ask: { kind: "enqueue", jobs }, isKeyed };
  const keyed = jobs.map((job, i) => ({ ...job, idempotencyKey: `${name}/${i}` }));
  return { name, ask: { kind: "enqueue", jobs: keyed }, isKeyed };
}

function canRepeat({ ask, isKeyed }: Named): boolean {
  return isKeyed || (ask.kind === "enqueue" && ask.jobs[0]?.idempotencyKey !== undefined);
}

function send(wire: Wire, random: Random, request: Named): Promise<Reply | undefined> {
  const isGivenUp = !canRepeat(request) || random.chance(0.1);
  return wire.settled(request, isGivenUp ? 1 : triesMax);
}

/** A job with an id of its own is enqueued again: the same one is there already, another one is refused. */
async function sayAgain(wire: Wire, random: Random, job: JobAsk): Promise<void> {
  const { idempotencyKey: _, ...same } = job;
  if (random.chance(0.3)) await send(wire, random, requestOf(wire, random, [same]));
  if (!random.chance(0.3)) return;
  const other = newJob(wire, random);
  wire.scene.marks += 1;
  const taken = { ...other, mark: wire.scene.marks, ...(job.id !== undefined && { id: job.id }) };
  const { id: __, ...fresh } = other;
  // In a batch, so that the refusal is of its item alone.
  const reply = await send(wire, random, requestOf(wire, random, [fresh, taken]));
  if (reply !== undefined) wire.scene.open += 1;
}
