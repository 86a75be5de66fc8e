/**
 * How a worker may be set up.
 * Invariant: the defaults suit a worker of short jobs; each can be changed.
 */
import type { SelfRegistration } from "./registration.ts";
import type { ClaimedJob, ClaimOptions, SettleAnswer } from "./types.ts";

export interface WorkerOptions<Payload> {
  /** Jobs worked on at once. Default: 10. */
  readonly concurrency?: number;
  /**
   * How long the server waits for a sign of life of a job, in ms. Default: the job's or the
   * queue's.
   */
  readonly leaseMs?: number;
  /** A name to be seen in job records. Default: a random one. */
  readonly worker?: string;
  /** What this worker can do: it gets only jobs whose `requires` this covers. */
  readonly capabilities?: ClaimOptions["capabilities"];
  /** Whose jobs it works on: `payload` (the default), `plan`, or both. */
  readonly kinds?: ClaimOptions["kinds"];
  /**
   * Registers the worker, so that it is seen in `queue.workers`, and its death is noticed by its
   * silence and not only by the ends of its leases. Its name may then have A–Z a–z 0–9 _ . : @ -.
   */
  readonly register?: SelfRegistration | true;
  /**
   * How it reaches the queue: over a WebSocket, by requests, or by requests where it cannot have the other. Default: `auto`.
   */
  readonly transport?: "auto" | "socket" | "http";
  /** Stops the worker, as `stop()` does. */
  readonly signal?: AbortSignal;
  /** The longest pause between two looks at an empty queue, in ms. Default: 1,000. */
  readonly pollMs?: number;
  /**
   * How long `stop()` lets handlers finish before it aborts their signals, in ms. Default: 10,000.
   */
  readonly drainMs?: number;
  /**
   * How long handlers may then take to end before their jobs are given back all the same, in ms; until
   * then their leases are extended. Default: 5,000.
   */
  readonly graceMs?: number;
  /** A job begins. */
  readonly onJob?: (job: ClaimedJob<Payload>) => void;
  /** The server has answered the end of a job. */
  readonly onSettled?: (job: ClaimedJob<Payload>, answer: SettleAnswer) => void;
  /** Something failed; the worker goes on. Default: `console.error`. */
  readonly onError?: (error: unknown) => void;
}

/** Fills in the defaults. */
export function withDefaults<Payload>(options: WorkerOptions<Payload>) {
  return {
    concurrency: 10,
    worker: `worker-${crypto.randomUUID().slice(0, 8)}`,
    transport: "auto" as const,
    pollMs: 1_000,
    drainMs: 10_000,
    graceMs: 5_000,
    onError: (error: unknown): void => console.error(error),
    ...options,
  };
}
