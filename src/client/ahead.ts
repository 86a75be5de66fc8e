/**
 * How many jobs a worker has brought beyond its free slots, so that it has what to do while the ends of others travel.
 * Invariant: no more than short ones ended during the last round trip: none where handlers take long, soon none where the queue has no
 * more.
 */

/** How many times its slots a worker may hold. */
const SLOTS_TIMES_MAX = 4;
/** How long a job that came ahead may wait for its turn in this worker, while others may be free, in milliseconds. */
export const WAIT_MS_MAX = 100;
/** How long a handler may take behind which another job is asked for: its turn comes in time even if one that has just begun runs first. */
const SHORT_MS_MAX = WAIT_MS_MAX / 2;

export class Ahead {
  readonly #most: number;
  #ended = 0;
  /** How many may come beyond the free slots. */
  jobs = 0;

  constructor(concurrency: number) {
    this.#most = (SLOTS_TIMES_MAX - 1) * concurrency;
  }

  /** How many short handlers have ended by now. */
  get ended(): number {
    return this.#ended;
  }

  /** A handler has ended, which took so many milliseconds. */
  end(tookMs: number): void {
    if (tookMs <= SHORT_MS_MAX) this.#ended += 1;
  }

  /** A round trip is over, before which so many short ones had ended. `isUsedUp`: all came that was allowed. */
  turned(endedBefore: number, isUsedUp: boolean): void {
    const ended = isUsedUp ? Math.min(this.#ended - endedBefore, this.#most) : 0;
    // It falls slowly, so that not every answer has another credit said.
    this.jobs = Math.max(ended, Math.floor(this.jobs / 2));
  }

  /** One that came ahead has waited too long for its turn. */
  waitedLong(): void {
    this.jobs = 0;
  }
}
