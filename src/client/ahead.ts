/**
 * How many jobs a worker has brought beyond its free slots, so that it has what to do while the ends of others travel.
 * Invariant: no more than ended during the last round trip: soon none where jobs take longer than that, or the queue has no more.
 */

/** How many times its slots a worker may hold. */
const SLOTS_TIMES_MAX = 4;

export class Ahead {
  readonly #most: number;
  #ended = 0;
  /** How many may come beyond the free slots. */
  jobs = 0;

  constructor(concurrency: number) {
    this.#most = (SLOTS_TIMES_MAX - 1) * concurrency;
  }

  /** How many handlers have ended by now. */
  get ended(): number {
    return this.#ended;
  }

  /** A handler has ended. */
  end(): void {
    this.#ended += 1;
  }

  /** A round trip is over, before which so many had ended. `isUsedUp`: all came that was allowed. */
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
