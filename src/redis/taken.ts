/**
 * What the other end of a Redis connection's socket says of the bytes that it has taken: a WebSocket tells nobody what of it is still to be sent.
 * Invariant: it is said in text messages, for the messages of RESP are binary; no byte is said twice, and fewer are not said than the queue waits for.
 */
import { limits } from "../contract/limits.ts";

/** Why the queue closes a Redis connection, where no reply says so: its client has not taken what it was sent. */
export const untakenClose = { code: 4008, reason: "what was sent was not taken" } as const;

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
  #bytes = 0;

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  /** So many bytes more were taken. */
  take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < limits.respUnsaidBytesMax) return;
    this.#say(takenText(this.#bytes));
    this.#bytes = 0;
  }
}
