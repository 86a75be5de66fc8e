/**
 * The life of a small queue, step by step, with the state of every job after each step.
 * Invariant: every event happens on the way, every table has rows in the end (G2c looks), and the same steps make the same
 * entries, wherever they are taken.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import { type Event, eventTexts } from "../../src/contract/events.ts";
import type { JobState } from "../../src/contract/fields.ts";
import type { IdempotencyKey } from "../../src/contract/rpc.ts";
import { payloadOf, resultOf } from "../../src/store/job-texts.ts";
import type { JobRow } from "../../src/store/jobs.ts";
import { membershipEvent } from "../../src/store/membership.ts";
import { type SluiceSchema, type SluiceTables, schema, writers } from "../../src/store/schema.ts";
import { catchUp } from "../../src/store/standing.ts";
import type { StoreConfig } from "../../src/store/store-config.ts";
import { claim, type QueueHand, type QueueStep, run, settle } from "./queue-hand.ts";
import { planSteps } from "./queue-plans.ts";

/** What a queue's ports are opened with. */
export const queueConfig: StoreConfig<SluiceSchema, Event> = {
  tables: schema,
  writers,
  texts: eventTexts,
  catchUp,
};

const backoff = { kind: "fixed", delayMs: 5_000, jitter: "none" } as const;
const jobs: CommandInputs["job.enqueue"]["jobs"] = [
  { id: "plain", payload: '{"é":"\u{10000}"}', fingerprint: "f1" },
  { id: "urgent", payload: "1", priority: -5, labels: { team: "a" }, fingerprint: "f2" },
  { id: "later", payload: "2", delayMs: 60_000, fingerprint: "f3" },
  { id: "picky", payload: "3", requires: ["gpu"], backoff, fingerprint: "f4" },
  { id: "mortal", payload: "4", priority: 9, ttlMs: 90_000, fingerprint: "f5" },
];

/** An idempotency key that the history's enqueue goes under. */
export const enqueueKey: IdempotencyKey = { key: "enqueue", bodyHash: "jobs" };
export const enqueueJobs = (queue: QueueHand) => run(queue, "job.enqueue", { jobs }, enqueueKey);

const fresh = { plain: "ready", urgent: "ready", later: "scheduled" } as const;

/** What becomes of jobs alone. */
const jobSteps: readonly QueueStep[] = [
  {
    name: "the queue is configured",
    take: (queue) => run(queue, "queue.configure", { leaseMs: 30_000 }),
    states: {},
  },
  {
    name: "jobs are enqueued",
    take: enqueueJobs,
    states: { ...fresh, picky: "ready", mortal: "ready" },
  },
  {
    name: "two jobs are claimed",
    take: async (queue, tokens) => {
      await claim(queue, tokens, {});
      await claim(queue, tokens, { capabilities: ["gpu"], max: 2 });
    },
    states: { ...fresh, plain: "running", urgent: "running", picky: "running", mortal: "ready" },
  },
  {
    name: "one is completed, one fails and waits",
    take: async (queue, tokens) => {
      await settle(queue, tokens, "urgent", { op: "complete", result: '{"ok":true}' });
      await settle(queue, tokens, "picky", { op: "fail", error: "no", retryable: true });
    },
    states: {
      plain: "running",
      urgent: "completed",
      later: "scheduled",
      picky: "scheduled",
      mortal: "ready",
    },
  },
  {
    name: "a lease ends",
    take: (queue) => queue.advance(35_000),
    states: {
      plain: "ready",
      urgent: "completed",
      later: "scheduled",
      picky: "ready",
      mortal: "ready",
    },
  },
  {
    name: "a time to live ends, and a delay",
    take: (queue) => queue.advance(60_000),
    states: {
      plain: "ready",
      urgent: "completed",
      later: "ready",
      picky: "ready",
      mortal: "expired",
    },
  },
  {
    name: "a job fails for good, another one is cancelled",
    take: async (queue, tokens) => {
      await claim(queue, tokens, {});
      await settle(queue, tokens, "plain", { op: "fail", error: "never", retryable: false });
      await run(queue, "job.cancel", { id: "later", reason: "too late" });
    },
    states: {
      plain: "failed",
      urgent: "completed",
      later: "cancelled",
      picky: "ready",
      mortal: "expired",
    },
  },
  {
    name: "what failed is redriven while the queue is paused",
    take: async (queue) => {
      await run(queue, "queue.pause", { reason: "by hand" });
      await run(queue, "job.redrive", { states: ["failed"] });
      await queue.advance(1_000);
    },
    states: {
      plain: "ready",
      urgent: "completed",
      later: "cancelled",
      picky: "ready",
      mortal: "expired",
    },
  },
  {
    name: "the queue goes on",
    take: async (queue, tokens) => {
      await run(queue, "queue.resume", {});
      await claim(queue, tokens, { capabilities: ["gpu"] });
    },
    states: {
      plain: "ready",
      urgent: "completed",
      later: "cancelled",
      picky: "running",
      mortal: "expired",
    },
  },
];

/** What becomes of plans, actions, workers and schedules stands behind it, and happens to the same queue. */
export const queueSteps: readonly QueueStep[] = [
  ...jobSteps,
  ...planSteps(jobSteps.at(-1)?.states ?? {}),
];

/** Takes the steps of the history, or the first of them, and does whatever else is to be done after each. */
export async function takeSteps(
  queue: QueueHand,
  afterStep: (step: QueueStep, number: number) => unknown = () => undefined,
  steps = queueSteps.length,
): Promise<void> {
  const tokens = new Map<string, string>();
  for (const [i, step] of queueSteps.slice(0, steps).entries()) {
    await step.take(queue, tokens);
    await afterStep(step, i);
  }
}

/** The state of every job, as the tables show it. Jobs whose ids the queue made are named by what made them. */
export function statesOf(tables: SluiceTables): Record<string, JobState> {
  const made = new Map<string, number>();
  const nameOf = (id: string, { schedule, action, inputIndex }: JobRow): string => {
    if (schedule === undefined) return action === undefined ? id : `${action}/${inputIndex}`;
    const count = made.get(schedule) ?? 0;
    made.set(schedule, count + 1);
    return `${schedule}/${count}`;
  };
  return Object.fromEntries(
    [...tables.jobs.scan({})].map(([[id], job]) => [nameOf(id, job), job.state]),
  );
}

/** Every type of event, by name. */
export const eventTypes = [...Object.keys(writers), membershipEvent].sort();

/** The tables that have no row. */
export const emptyTables = (tables: SluiceTables): string[] =>
  Object.entries(tables).flatMap(([name, table]) =>
    (table as SluiceTables["jobs"]).range({ limit: 1 }).length === 0 ? [name] : [],
  );

/** What the history has made in the end: what must be readable for ever of each job. */
export function essenceOf(tables: SluiceTables) {
  return [...tables.jobs.scan({})].map(([[id], job]) => {
    const { state, priority, run: runs, failures } = job;
    const [payload, result = null] = [payloadOf(tables, job), resultOf(tables, job)];
    return { id, state, payload, result, priority, run: runs, failures };
  });
}
