/**
 * Trying again: exponential backoff with full jitter, within a budget of time.
 * Invariant: only what its attempt calls `again` is tried again; anything thrown is final.
 */
import { backoffMs, type Clock } from "./clock.ts";

/**
 * What came of one attempt: a value, or an error that does no harm to try again, after `afterMs` at
 * the earliest.
 */
export type Attempt<T> =
  | { readonly done: T }
  | { readonly again: Error; readonly afterMs?: number };

export interface RetryOptions {
  readonly clock: Clock;
  /** No attempt starts later than this after the first one. */
  readonly forMs: number;
  /** Ends the waiting: its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Told of every failed attempt that is followed by another one. */
  readonly onRetry?: ((error: Error, delayMs: number) => void) | undefined;
}

const BASE_MS = 100;
const CAP_MS = 5_000;

/** Makes attempts until one is done. Throws the last error when the time is over. */
export async function retry<T>(
  attempt: () => Promise<Attempt<T>>,
  { clock, forMs, signal, onRetry }: RetryOptions,
): Promise<T> {
  const endAt = clock.now() + forMs;
  for (let n = 0; ; n++) {
    const outcome = await attempt();
    if ("done" in outcome) return outcome.done;
    const delayMs = (outcome.afterMs ?? 0) + backoffMs(clock, n, BASE_MS, CAP_MS);
    if (clock.now() + delayMs > endAt) throw outcome.again;
    onRetry?.(outcome.again, delayMs);
    await clock.sleep(delayMs, signal);
    signal?.throwIfAborted();
  }
}
