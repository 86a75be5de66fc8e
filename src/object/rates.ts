/**
 * How fast a queue works: what happened in the last whole minute that this instance saw.
 * Invariant: memory only; nothing here decides anything.
 */
import type { EventType } from "../contract/events.ts";
import type { QueueStats } from "../contract/queue.ts";

type PerMinute = QueueStats["perMinute"];
type Tally = { -readonly [Name in keyof PerMinute]: number };

const MINUTE_MS = 60_000;
const none = (): Tally => ({ enqueued: 0, claimed: 0, completed: 0, failed: 0 });
const countedAs: Partial<Record<EventType, keyof PerMinute>> = {
  "job.claimed": "claimed",
  "job.completed": "completed",
  "job.enqueued": "enqueued",
  "job.failed": "failed",
  "job.lease_expired": "failed",
};

export class Rates {
  #minute = 0;
  #current = none();
  #last = none();

  /** Counts the events of an entry. */
  count(events: readonly EventType[], at: number): void {
    this.#turn(at);
    for (const event of events) {
      const name = countedAs[event];
      if (name !== undefined) this.#current[name] += 1;
    }
  }

  /** The tally of the minute before the one of `at`. */
  perMinute(at: number): PerMinute {
    this.#turn(at);
    return this.#last;
  }

  #turn(at: number): void {
    const minute = Math.floor(at / MINUTE_MS);
    if (minute === this.#minute) return;
    this.#last = minute === this.#minute + 1 ? this.#current : none();
    this.#current = none();
    this.#minute = minute;
  }
}
