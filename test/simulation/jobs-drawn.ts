/**
 * Jobs and configurations drawn by chance: every option of the contract, with values that meet at the edges.
 * Invariant: what is drawn would pass the gate; equal jobs have equal fingerprints.
 */
import { hash } from "node:crypto";
import type { CommandInputs } from "../../src/contract/commands.ts";
import { jobIds as ids, someFlowConfig, someTies } from "./keys-drawn.ts";
import { allStates, type Backoff, defined } from "./model/state.ts";
import { maybe, planIds, someInput } from "./plans-drawn.ts";
import type { Random } from "./random.ts";

type Spec = CommandInputs["job.enqueue"]["jobs"][number];
type Change = CommandInputs["queue.configure"];

const itemKeys = ["i1", "i2", "i3", "i4", "i5"] as const;
const needs = ["gpu", "arm", "ssd"] as const;
const texts = ["null", "12345678901234567890", '{"to":"é"}', '"x"', "[1,2.50,3]"] as const;

/** What tells equal contents: as long as what a gate makes. */
export const hashOf = (text: string): string => hash("sha256", text).slice(0, 32);

/** Some time: often none, often one that others have too. */
export const someMs = (random: Random): number =>
  random.pick([0, 1, 400, 1000, 1500, 3000, 10_000, 60_000]);

/** A set of names, sorted and without repeats. */
export const someNeeds = (random: Random): string[] =>
  needs.filter(() => random.chance(0.4)).toSorted();

function someBackoff(random: Random): Backoff {
  const jitter = maybe(random, 0.7, () => random.pick(["none", "full", "none"] as const));
  const delayMs = someMs(random);
  const capMs = maybe(random, 0.5, () => random.pick([1000, 5000]));
  return random.pick<Backoff>([
    defined({ kind: "fixed" as const, delayMs, jitter }),
    defined({ kind: "linear" as const, delayMs, capMs, jitter }),
    defined({
      kind: "exponential" as const,
      delayMs,
      factor: random.pick([1.5, 2]),
      capMs,
      jitter,
    }),
    defined({ kind: "list" as const, delaysMs: [0, delayMs, 2000], jitter }),
  ]);
}

function somePayload(random: Random): string {
  if (random.chance(0.07)) return `"${"y".repeat(random.pick([500, 1000, 1800, 4500]))}"`;
  return random.pick(texts);
}

/** One job in so many is of a plan. */
function ofPlan(random: Random): object {
  if (random.chance(0.75)) return { kind: maybe(random, 0.2, () => "payload" as const) };
  return {
    payload: someInput(random),
    plan: random.pick(planIds),
    planVersion: maybe(random, 0.3, () => random.between(1, 3)),
    kind: maybe(random, 0.5, () => "plan" as const),
  };
}

/** A job: mostly plain, sometimes with a chosen id or a key of its own, which others have chosen too. */
export function someJob(random: Random, now: number): Spec {
  const isPlain = random.chance(0.3);
  const often = isPlain ? 0 : 0.25;
  const due = random.below(10);
  const job = defined({
    payload: somePayload(random),
    id: maybe(random, isPlain ? 0.05 : 0.3, () => random.pick(ids)),
    idempotencyKey: maybe(random, 0.1, () => random.pick(itemKeys)),
    delayMs: due < 3 && !isPlain ? someMs(random) : undefined,
    runAt: due === 3 && !isPlain ? now + random.between(-2000, 4000) : undefined,
    priority: maybe(random, often, () => random.between(-2, 2)),
    ttlMs: maybe(random, often / 2, () => someMs(random)),
    expiresAt: maybe(random, often / 2, () => now + random.between(-500, 20_000)),
    leaseMs: maybe(random, often, () => random.pick([1000, 2000, 5000])),
    maxRunMs: maybe(random, 3 * often, () => random.pick([1, 1500, 4000])),
    maxAttempts: maybe(random, often, () => random.between(1, 3)),
    backoff: maybe(random, often, () => someBackoff(random)),
    labels: maybe(random, often, () => ({ team: random.pick(["red", "blue"]), "a.b": "1" })),
    requires: maybe(random, often, () => someNeeds(random)),
    ...ofPlan(random),
    ...(isPlain ? {} : someTies(random)),
  }) as Spec;
  const isNamed = job.id !== undefined || job.idempotencyKey !== undefined;
  return isNamed ? { ...job, fingerprint: hashOf(JSON.stringify(job)) } : job;
}

const someRetention = (random: Random) =>
  defined({
    ageMs: maybe(random, 0.5, () => random.pick([0, 2000, 20_000, 100_000])),
    count: maybe(random, 0.6, () => random.pick([0, 1, 3, 6])),
  });

/** A change of configuration that keeps the queue small. */
export function someConfig(random: Random): Change {
  return defined({
    leaseMs: maybe(random, 0.7, () => random.pick([1000, 3000, 10_000])),
    maxAttempts: maybe(random, 0.5, () => random.between(1, 4)),
    planMaxAttempts: maybe(random, 0.7, () => random.between(1, 4)),
    workerTtlMs: maybe(random, 0.4, () => random.pick([1000, 5000, 20_000])),
    maxDeliveries: maybe(random, 0.5, () => random.pick([null, 1, 2, 3, 5])),
    backoff: maybe(random, 0.5, () => someBackoff(random)),
    maxBytes: maybe(random, 0.4, () => random.pick([2000, 20_000, 100_000, 4_000_000, 4_000_000])),
    maxJobs: random.pick([10, 20, 30, 45, 60]),
    ...someFlowConfig(random),
    retention: maybe(random, 0.8, () =>
      defined({
        completed: maybe(random, 0.6, () => someRetention(random)),
        failed: maybe(random, 0.4, () => someRetention(random)),
        cancelled: maybe(random, 0.6, () => someRetention(random)),
        expired: maybe(random, 0.6, () => someRetention(random)),
      }),
    ),
  }) as Change;
}

export const somePause = (random: Random): CommandInputs["queue.pause"] =>
  random.chance(0.5) ? { reason: "lunch" } : {};

/** Of which states all are removed. */
export function somePurge(random: Random): CommandInputs["queue.purge"] {
  const states = allStates.filter(() => random.chance(0.4));
  return states.length > 0 && random.chance(0.7) ? { states } : {};
}
