/**
 * Whether a group waits for those who come together with its first command. Where many call at once, the first of them would
 * else be written alone, and the others behind it: two entries and two waits for the disk in place of one. And whether it lets others
 * have their turn: a long pipeline is a group behind the other, in which storage answers all at once.
 * Invariant: who calls alone is never kept waiting, but once behind a crowd, or behind a group that took long.
 */

import { letRequestsBy, type Pausing } from "./pauses.ts";

interface Gathered extends Pausing {
  /** Begins the group that waited. */
  begin(): void;
}

export class Gathering {
  readonly #ports: Gathered;
  #isDue = false;
  #isWaiting = false;

  constructor(ports: Gathered) {
    this.#ports = ports;
  }

  /** A group was written for so many commands: where they were several, the next is likely to be one of several too. `isLaden`: it took long. */
  wrote(commands: number, isLaden: boolean): void {
    this.#isDue = commands > 1 || isLaden;
  }

  /** Whether the next group is to wait. It begins once all that has come by then was heard. */
  holds(): boolean {
    if (!this.#isWaiting && this.#isDue) {
      this.#isWaiting = true;
      // However the wait ends, the group begins.
      letRequestsBy(this.#ports).then(this.#begin, this.#begin);
    }
    return this.#isWaiting;
  }

  readonly #begin = (): void => {
    this.#isWaiting = false;
    this.#isDue = false;
    this.#ports.begin();
  };
}
