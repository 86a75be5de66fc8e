/**
 * What the other end of a Redis connection's socket says of the bytes that it has taken: a WebSocket tells nobody what of it is still to be sent.
 * Invariant: it is said in text messages, for the messages of RESP are binary; no byte is said twice.
 */

/** Bytes of which it is worth a message that they were taken: it wakes an object that sleeps. */
export const TAKEN_BYTES_LEAST = 1024 * 1024;
/** Fewer are worth one where the last is so old: who takes replies slowly is waited for as long as that is said. */
const SLOWLY_BYTES_LEAST = 64 * 1024;
const SLOWLY_MS = 20_000;

/** Says that so many bytes more were taken. @example takenText(1048576) // "taken 1048576" */
const takenText = (bytes: number): string => `taken ${bytes}`;

/** How many bytes more were taken, as a text message says it; undefined for what does not say so. */
export function takenIn(text: string): number | undefined {
  const [, digits] = /^taken (\d{1,15})$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Says of one socket what was taken, whenever that is enough. */
export class Takings {
  readonly #say: (text: string) => void;
  readonly #now: () => number;
  #bytes = 0;
  #saidAt: number;

  /** @param now The time, ms. */
  constructor(say: (text: string) => void, now: () => number = Date.now) {
    this.#say = say;
    this.#now = now;
    this.#saidAt = now();
  }

  /** So many bytes more were taken. */
  take(bytes: number): void {
    this.#bytes += bytes;
    const isLongAgo = this.#bytes >= SLOWLY_BYTES_LEAST && this.#now() - this.#saidAt >= SLOWLY_MS;
    if (this.#bytes < TAKEN_BYTES_LEAST && !isLongAgo) return;
    this.#say(takenText(this.#bytes));
    this.#bytes = 0;
    this.#saidAt = this.#now();
  }
}
