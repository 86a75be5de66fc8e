/**
 * A clock that a test moves.
 * Invariant: time stands still but for `advance`, and for sleeps of up to `skipMs`, which pass at
 * once.
 */
import type { Clock } from "../../src/client/index.ts";

interface Sleeper {
  readonly ms: number;
  readonly at: number;
  readonly wake: () => void;
}

export class TestClock implements Clock {
  /** Every sleep that was skipped, in ms. */
  readonly skipped: number[] = [];
  skipMs: number;
  #now = 1_000;
  readonly #sleepers = new Set<Sleeper>();
  readonly #awaited = new Set<{
    readonly isIt: (ms: number) => boolean;
    readonly resolve: () => void;
  }>();

  constructor({ skipMs = -1 } = {}) {
    this.skipMs = skipMs;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return 0.5;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    if (ms <= this.skipMs) {
      this.skipped.push(ms);
      this.advance(ms);
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const sleeper = { ms, at: this.#now + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    for (const awaited of this.#awaited) if (awaited.isIt(ms)) awaited.resolve();
    signal?.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    this.#sleepers.delete(sleeper);
  }

  /** Waits until somebody sleeps for about this long: servers round leases up to whole seconds. */
  async asleep(aboutMs: number): Promise<void> {
    const isIt = (ms: number) => ms >= aboutMs && ms <= aboutMs + 1_000;
    if ([...this.#sleepers].some(({ ms }) => isIt(ms))) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const awaited = { isIt, resolve };
    this.#awaited.add(awaited);
    await promise;
    this.#awaited.delete(awaited);
  }

  /** Moves time on and wakes who slept until then. */
  advance(ms: number): void {
    this.#now += ms;
    for (const { at, wake } of this.#sleepers) if (at <= this.#now) wake();
  }
}
