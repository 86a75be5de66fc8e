/**
 * The one alarm of a queue, at its earliest deadline.
 * Invariant: the armed time is never later than the earliest deadline; it is moved only earlier, since each move is a
 * billed row and a move to earlier a remote call. Only one that was lost, or was to fire at once by a clock that has gone back, is armed anew.
 */
import { limits } from "../contract/limits.ts";

/** The platform's alarm. */
export interface AlarmPort {
  get(): Promise<number | null>;
  set(at: number): void;
}

/**
 * An alarm this late will not come. Storage still shows one that the platform has forgotten: workerd when it reloads
 * (workerd#3566), or on a copy of the objects without `metadata.sqlite`. Taking a slow one for lost costs a row.
 */
const LOST_AFTER_MS = 2_000;
const NEVER = Number.POSITIVE_INFINITY;

export class Alarm {
  readonly #port: AlarmPort;
  readonly #now: () => number;
  #armedAt = NEVER;
  /** Whether what it is for was due as it was set. */
  #isAtOnce = false;
  /** Rows that setting the alarm wrote. */
  rowsWritten = 0;

  constructor(port: AlarmPort, now: () => number) {
    this.#port = port;
    this.#now = now;
  }

  /** Learns what is armed already, once, when the object wakes. */
  async recover(): Promise<void> {
    this.#armedAt = (await this.#port.get()) ?? NEVER;
  }

  /** Whether an alarm is set that can no longer be expected to fire, or not at once as it was to: the clock has gone back since. */
  get isLate(): boolean {
    const now = this.#now();
    return now >= this.#armedAt + LOST_AFTER_MS || (this.#isAtOnce && now < this.#armedAt);
  }

  /** Whether an alarm is set for then or before. */
  isArmedBy(at: number): boolean {
    return this.#armedAt <= this.#possible(at);
  }

  /** Sees to it that the alarm fires at `dueAt` or before; never, when that is infinite. */
  arm(dueAt: number): void {
    if (this.isLate) this.#forget();
    const at = dueAt === NEVER ? NEVER : this.#possible(dueAt);
    if (at >= this.#armedAt) return;
    this.#port.set(at);
    this.rowsWritten += 1;
    this.#armedAt = at;
    this.#isAtOnce = dueAt <= this.#now();
  }

  /** When the alarm can be set to fire for what is due then: what is overdue is for now, or it would be taken for one that was lost. */
  #possible(dueAt: number): number {
    const now = this.#now();
    return Math.max(now, Math.min(dueAt, now + limits.alarmAheadMsMax));
  }

  /** The alarm has fired: none is armed now. */
  fired(): void {
    this.#forget();
  }

  #forget(): void {
    this.#armedAt = NEVER;
    this.#isAtOnce = false;
  }
}
