/**
 * What holds where nothing is said, each with its unit in its name.
 * Invariant: a queue is created with these, and keeps what it was created with.
 */

const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;

/** What a queue is created with; each may be changed with `PUT /v1/queues/{queue}`. */
export const defaults = {
  leaseMs: 30 * SECOND_MS,
  maxAttempts: 3,
  /** A plan's commands may have done half of their work: they are not run again unless that is said. */
  planMaxAttempts: 1,
  workerTtlMs: 90 * SECOND_MS,
  /** A job is handed out at most this many times for each attempt it may have. */
  deliveriesPerAttempt: 10,
  /** Most targets answer within seconds; what takes longer is better claimed. */
  delivery: { concurrency: 6, timeoutMs: 30 * SECOND_MS, retryRefused: false, capabilities: [] },
  backoff: { kind: "exponential", delayMs: SECOND_MS, factor: 2, capMs: HOUR_MS, jitter: "full" },
  keys: {
    concurrency: null,
    rate: null,
    weight: 1,
    maxBacklog: null,
    order: "priority",
    onRetry: "block",
    onFail: "next",
  },
  maxBytes: 4_000_000_000,
  maxJobs: 100_000_000,
  retention: {
    completed: { ageMs: DAY_MS, count: 100_000 },
    failed: { ageMs: 14 * DAY_MS, count: 10_000_000 },
    cancelled: { ageMs: DAY_MS, count: 100_000 },
    expired: { ageMs: DAY_MS, count: 100_000 },
  },
} as const;
