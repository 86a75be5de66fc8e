/**
 * The life of a small queue, step by step, with the state of every job after each step.
 * Invariant: every kind of table gets rows on the way, and the same steps make the same entries, wherever they are taken.
 */
import type { CommandInputs, CommandName, CommandReplies } from "../../src/contract/commands.ts";
import { type Event, eventTexts } from "../../src/contract/events.ts";
import type { JobState } from "../../src/contract/fields.ts";
import type { CommandAnswer, IdempotencyKey } from "../../src/contract/rpc.ts";
import { type SluiceSchema, type SluiceTables, schema, writers } from "../../src/store/schema.ts";
import { catchUp } from "../../src/store/standing.ts";
import type { StoreConfig } from "../../src/store/store-config.ts";
import { only } from "./case.ts";

/** What a queue's ports are opened with. */
export const queueConfig: StoreConfig<SluiceSchema, Event> = {
  tables: schema,
  writers,
  texts: eventTexts,
  catchUp,
};

/** A queue that is given commands, and lets time pass. */
export interface QueueHand {
  answer<N extends CommandName>(
    name: N,
    input: CommandInputs[N],
    key?: IdempotencyKey,
  ): Promise<CommandAnswer>;
  advance(ms: number): Promise<void>;
}

/** The tokens of the jobs that were claimed. */
type Tokens = Map<string, string>;

/** A step, and in which state each job is after it. */
export interface QueueStep {
  readonly name: string;
  readonly take: (queue: QueueHand, tokens: Tokens) => Promise<unknown>;
  readonly states: Readonly<Record<string, JobState>>;
}

/** Runs a command; its reply. Throws when it is refused. */
export async function run<N extends CommandName>(
  queue: QueueHand,
  name: N,
  input: CommandInputs[N],
  key?: IdempotencyKey,
): Promise<CommandReplies[N]> {
  const answer = await queue.answer(name, input, key);
  if ("reply" in answer) return JSON.parse(answer.reply) as CommandReplies[N];
  throw new Error(`${name} was refused: ${answer.refusal.detail}`);
}

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

async function claim(queue: QueueHand, tokens: Tokens, input: CommandInputs["lease.claim"]) {
  const reply = await run(queue, "lease.claim", { worker: "w", max: 1, ...input });
  for (const { id, token } of reply.jobs) tokens.set(id, token);
}

async function settle(
  queue: QueueHand,
  tokens: Tokens,
  id: string,
  outcome: { op: "complete"; result: string } | { op: "fail"; error: string; retryable: boolean },
) {
  const item = { id, token: tokens.get(id) ?? "", ...outcome };
  const { items } = await run(queue, "lease.settle", { items: [item] });
  if (!only(items).ok) throw new Error(`${id} was not settled: ${JSON.stringify(items)}`);
}

const fresh = { plain: "ready", urgent: "ready", later: "scheduled" } as const;

export const queueSteps: readonly QueueStep[] = [
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

/** The state of every job, as the tables show it. */
export function statesOf(tables: SluiceTables): Record<string, JobState> {
  return Object.fromEntries([...tables.jobs.scan({})].map(([[id], { state }]) => [id, state]));
}

/** What the history has made in the end: what must be readable for ever of each job. */
export function essenceOf(tables: SluiceTables) {
  return [...tables.jobs.scan({})].map(([[id], job]) => {
    const { state, payload, result = null, priority, run: runs, failures } = job;
    return { id, state, payload, result, priority, run: runs, failures };
  });
}
