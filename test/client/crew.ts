/**
 * A worker under observation.
 * Invariant: a test waits for what happens, never for time.
 */
import {
  type ClaimedJob,
  type Handler,
  type Queue,
  Worker,
  type WorkerOptions,
} from "../../src/client/index.ts";
import type { SettleAnswer } from "../../src/client/types.ts";
import type { Seen } from "./flaky-proxy.ts";

export interface Settled {
  readonly job: ClaimedJob<unknown>;
  readonly answer: SettleAnswer;
}

/** A worker that is running, and what it told. */
export interface Crew {
  readonly worker: Worker;
  readonly ended: Promise<void>;
  readonly settled: readonly Settled[];
  readonly errors: readonly unknown[];
  /** Resolves when the server has answered the ends of `count` jobs. */
  settledJobs(count: number): Promise<void>;
  /** Stops the worker and waits for its end. */
  stop(): Promise<void>;
}

/** Runs a worker. */
export function hire(
  queue: Queue,
  handler: Handler<unknown, unknown>,
  options: WorkerOptions<unknown> = {},
): Crew {
  const settled: Settled[] = [];
  const errors: unknown[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  const worker = new Worker(queue, handler, {
    transport: "http",
    onSettled: (job, answer) => {
      settled.push({ job, answer });
      for (const { count, resolve } of waiting) if (settled.length >= count) resolve();
    },
    onError: (error) => errors.push(error),
    ...options,
  });
  const ended = worker.run();
  return {
    worker,
    ended,
    settled,
    errors,
    settledJobs: async (count) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ count, resolve });
      if (settled.length >= count) resolve();
      await promise;
    },
    stop: async () => {
      await worker.stop();
      await ended;
    },
  };
}

interface Turn {
  readonly items?: readonly { readonly op: string; readonly id: string }[];
  readonly claim?: { readonly max: number };
}

/** What a worker's request says. */
export const turnOf = ({ text }: Seen): Turn => JSON.parse(text) as Turn;
/** Whether a request has an item of this kind. */
export const says =
  (op: string) =>
  (seen: Seen): boolean =>
    seen.path.endsWith("/settle") && (turnOf(seen).items ?? []).some((item) => item.op === op);
/** The ids of all items of this kind in a request. */
export const idsOf = (op: string, seen: Seen): string[] =>
  (turnOf(seen).items ?? []).filter((item) => item.op === op).map(({ id }) => id);

/** A gate that handlers wait at, until it is opened. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

/** Waits until a signal is aborted. Resolves with its reason. */
export async function aborted(signal: AbortSignal): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  await promise;
  return signal.reason;
}
