/**
 * When a worker sends its next request: at once while there is work, later and later while the
 * queue is empty or the server away.
 * Invariant: waiting costs at most one claim in `pollMs`, and a due job is claimed no later than
 * `pollMs` after its time.
 */
import { backoffMs, type Clock } from "./clock.ts";

const POLL_FIRST_MS = 10;
/** After a request that the client has given up: the operator may have to mend something. */
const AWAY_BASE_MS = 1_000;
const AWAY_CAP_MS = 30_000;

export class Pace {
  /** When to claim again if nothing else is to be said. */
  claimAt = 0;
  /** Before this nothing is sent. */
  resumeAt = 0;
  #emptyClaims = 0;
  #failures = 0;
  readonly #clock: Clock;
  readonly #pollMs: number;

  constructor(clock: Clock, pollMs: number) {
    this.#clock = clock;
    this.#pollMs = pollMs;
  }

  /** The server answered. */
  answered(): void {
    this.#failures = 0;
  }

  /** A claim brought jobs: there may be more. */
  found(): void {
    this.#emptyClaims = 0;
    this.claimAt = 0;
  }

  /** A claim brought none; the queue's next job comes due in `dueMs`, if that is known. */
  empty(dueMs: number): void {
    const waitMs = Math.min(this.#pollMs, POLL_FIRST_MS * 2 ** Math.min(this.#emptyClaims++, 20));
    this.claimAt = this.#clock.now() + (dueMs > 0 ? Math.min(waitMs, dueMs) : waitMs);
  }

  /** A request failed for good. */
  failed(): void {
    const waitMs = backoffMs(this.#clock, this.#failures++, AWAY_BASE_MS, AWAY_CAP_MS);
    this.resumeAt = this.#clock.now() + waitMs;
  }
}
