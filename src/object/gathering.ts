/**
 * Whether a group waits for those who come together with its first command. Where many call at once, the first of them would
 * else be written alone, and the others behind it: two entries and two waits for the disk in place of one.
 * Invariant: who calls alone is never kept waiting, but once behind a crowd.
 */

import { letRequestsBy, type Pausing } from "./pauses.ts";

interface Gathered extends Pausing {
  /** Begins the group that waited. */
  begin(): void;
}

export class Gathering {
  readonly #ports: Gathered;
  #isCrowd = false;
  #isWaiting = false;

  constructor(ports: Gathered) {
    this.#ports = ports;
  }

  /** A group was written for so many commands: where they were several, the next is likely to be one of several too. */
  wrote(commands: number): void {
    this.#isCrowd = commands > 1;
  }

  /** Whether the next group is to wait. It begins once all that has come by then was heard. */
  holds(): boolean {
    if (!this.#isWaiting && this.#isCrowd) {
      this.#isWaiting = true;
      // However the wait ends, the group begins.
      letRequestsBy(this.#ports).then(this.#begin, this.#begin);
    }
    return this.#isWaiting;
  }

  readonly #begin = (): void => {
    this.#isWaiting = false;
    this.#isCrowd = false;
    this.#ports.begin();
  };
}
