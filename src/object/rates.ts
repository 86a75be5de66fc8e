/**
 * How fast a queue works: what happened in the last minute, as far as this instance saw it.
 * Invariant: memory only; nothing here decides anything.
 */
import type { EventType } from "../contract/events.ts";
import type { QueueStats } from "../contract/queue.ts";

type Name = keyof QueueStats["perMinute"];
type Tally = Record<Name, number>;

const SECONDS = 60;
const countedAs: Partial<Record<EventType, Name>> = {
  "job.claimed": "claimed",
  "job.completed": "completed",
  "job.enqueued": "enqueued",
  "job.failed": "failed",
  "job.lease_expired": "failed",
};

interface Second extends Tally {
  second: number;
}

export class Rates {
  /** One tally for each of the last sixty seconds, at its second modulo sixty. */
  readonly #seconds: Second[] = [];

  /** Counts the events of an entry. */
  count(events: readonly EventType[], at: number): void {
    const second = Math.floor(at / 1000);
    let tally = this.#seconds[second % SECONDS];
    if (tally?.second !== second) {
      tally = { second, enqueued: 0, claimed: 0, completed: 0, failed: 0 };
      this.#seconds[second % SECONDS] = tally;
    }
    for (const event of events) {
      const name = countedAs[event];
      if (name !== undefined) tally[name] += 1;
    }
  }

  /** What happened in the sixty seconds up to `at`. */
  lastMinute(at: number): Tally {
    const oldest = Math.floor(at / 1000) - SECONDS;
    const sum: Tally = { enqueued: 0, claimed: 0, completed: 0, failed: 0 };
    for (const tally of this.#seconds) {
      if (tally === undefined || tally.second <= oldest) continue;
      sum.enqueued += tally.enqueued;
      sum.claimed += tally.claimed;
      sum.completed += tally.completed;
      sum.failed += tally.failed;
    }
    return sum;
  }
}
