/**
 * Time and chance, as the client needs them; a program under test may bring its own.
 * Invariant: only differences of `now()` have a meaning, so the machine's clock may be wrong.
 */

export interface Clock {
  /** Milliseconds since some moment; never goes backwards. */
  now(): number;
  /** Resolves after `ms` milliseconds, or at once when the signal is aborted. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
}

/** A longer timer would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, Math.min(ms, TIMER_MS_MAX));
      signal?.addEventListener("abort", end);
    }),
  random: () => Math.random(),
};

/** The `n`-th delay (from 0) of an exponential backoff with full jitter, in ms. */
export function backoffMs(clock: Clock, n: number, baseMs: number, capMs: number): number {
  return clock.random() * Math.min(capMs, baseMs * 2 ** Math.min(n, 30));
}
