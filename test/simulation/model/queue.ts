/**
 * What creating, configuring and pausing a queue should do.
 * Invariant: a configuration is complete; what a change leaves out keeps its value.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import type { Answer } from "./answers.ts";
import { start } from "./operations.ts";
import { bounded } from "./rounds.ts";
import { queueRecord } from "./show.ts";
import { type Config, defined, endedStates, type Queue } from "./state.ts";
import type { Turn } from "./turn.ts";

const DAY_MS = 86_400_000;

/** As docs/semantics.md has it. */
const defaults: Config = {
  leaseMs: 30_000,
  maxAttempts: 3,
  planMaxAttempts: 1,
  workerTtlMs: 90_000,
  maxDeliveries: null,
  backoff: { kind: "exponential", delayMs: 1000, factor: 2, capMs: 3_600_000, jitter: "full" },
  concurrency: null,
  rate: null,
  keys: {
    ...{ concurrency: null, rate: null, weight: 1, maxBacklog: null },
    ...{ order: "priority", onRetry: "block", onFail: "next" },
  },
  maxBytes: 4_000_000_000,
  maxJobs: 100_000_000,
  retention: {
    completed: { ageMs: DAY_MS, count: 100_000 },
    failed: { ageMs: 14 * DAY_MS, count: 10_000_000 },
    cancelled: { ageMs: DAY_MS, count: 100_000 },
    expired: { ageMs: DAY_MS, count: 100_000 },
  },
};

/** A queue begins: two events, its identity and its one node. */
export function create(turn: Turn, name: string): void {
  const { newQueueId: queueId, at } = turn;
  turn.state.queue = {
    name,
    queueId,
    term: 1,
    createdAt: at,
    config: defaults,
    isRegistered: false,
  };
  turn.emit("queue.created");
  turn.emit("queue.membership");
}

const show = (turn: Turn): Answer => ({ reply: { now: turn.at, queue: queueRecord(turn.state) } });

function change(turn: Turn, event: string, queue: Queue): void {
  turn.state.queue = queue;
  turn.emit(event);
}

/** As text, whatever the order of its fields. */
const told = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => {
    const isRecord = typeof part === "object" && part !== null && !Array.isArray(part);
    if (!isRecord) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });

export function configure(turn: Turn, input: CommandInputs["queue.configure"]): Answer {
  const { queue } = turn;
  const { retention: kept } = queue.config;
  const { retention = {}, keys = {}, ...rest } = input;
  const config = { ...queue.config } as Record<string, unknown>;
  for (const [name, value] of Object.entries(rest)) if (value !== undefined) config[name] = value;
  config["keys"] = { ...queue.config.keys, ...defined(keys) };
  config["retention"] = Object.fromEntries(
    endedStates.map((state) => [state, { ...kept[state], ...retention[state] }]),
  );
  if (told(config) !== told(queue.config)) {
    const next = config as unknown as Config;
    change(turn, "queue.configured", { ...queue, config: next });
    turn.state.usedUntil = bounded(turn.state.usedUntil, next.rate, turn.at);
  }
  if (told(config["keys"]) !== told(queue.config.keys) && turn.state.keys.size > 0) {
    start(turn, "resize", ["ready"], {});
  }
  return show(turn);
}

export function pause(turn: Turn, { reason }: CommandInputs["queue.pause"]): Answer {
  const { queue } = turn;
  if (queue.paused === undefined || queue.paused.reason !== reason) {
    const paused = { at: turn.at, ...(reason !== undefined && { reason }) };
    change(turn, "queue.paused", { ...queue, paused });
  }
  return show(turn);
}

export function resume(turn: Turn): Answer {
  const { paused, ...queue } = turn.queue;
  if (paused !== undefined) change(turn, "queue.resumed", queue);
  return show(turn);
}

export function register(turn: Turn): void {
  change(turn, "queue.registered", { ...turn.queue, isRegistered: true });
}
