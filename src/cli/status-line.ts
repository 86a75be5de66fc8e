/**
 * One line on a terminal that tells how far work is, below the messages.
 * Invariant: where there is no terminal nothing but the messages is written.
 */

export class StatusLine {
  readonly #write: (text: string) => void;
  readonly #isTerminal: boolean;
  #line = "";

  constructor(write: (text: string) => void, isTerminal: boolean) {
    this.#write = write;
    this.#isTerminal = isTerminal;
  }

  /** Shows a line in place of the one before. */
  show(line: string): void {
    if (!this.#isTerminal) return;
    this.#write(`${ERASE}${line}`);
    this.#line = line;
  }

  /** Writes a message, which ends with a line end, above the line. */
  say(message: string): void {
    if (this.#line === "") this.#write(message);
    else this.#write(`${ERASE}${message}${this.#line}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#line !== "") this.#write(ERASE);
    this.#line = "";
  }
}

/** To the line's beginning, and all of it gone. */
const ERASE = "\r\x1b[2K";
