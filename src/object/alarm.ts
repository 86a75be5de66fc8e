/**
 * The one alarm of a queue, at its earliest deadline.
 * Invariant: the armed time is never later than the earliest deadline; it is moved only earlier, since each move is a
 * billed row and a move to earlier a remote call.
 */

/** The platform's alarm. */
export interface AlarmPort {
  get(): Promise<number | null>;
  set(at: number): void;
}

export class Alarm {
  readonly #port: AlarmPort;
  #armedAt = Number.POSITIVE_INFINITY;
  /** Rows that setting the alarm wrote. */
  rowsWritten = 0;

  constructor(port: AlarmPort) {
    this.#port = port;
  }

  /** Learns what is armed already, once, when the object wakes. */
  async recover(): Promise<void> {
    this.#armedAt = (await this.#port.get()) ?? Number.POSITIVE_INFINITY;
  }

  /** Sees to it that the alarm fires at `dueAt` or before. */
  arm(dueAt: number | undefined): void {
    if (dueAt === undefined || dueAt >= this.#armedAt) return;
    this.#port.set(dueAt);
    this.rowsWritten += 1;
    this.#armedAt = dueAt;
  }

  /** The alarm has fired: none is armed now. */
  fired(): void {
    this.#armedAt = Number.POSITIVE_INFINITY;
  }
}
