/**
 * What the clients of a queue that say what they take were sent and have not taken, between them.
 * Invariant: the nearer it comes to its bound, the less each of them is sent before it is waited for; nobody waits for others, or is ended for
 * what they do.
 */
import { limits } from "../contract/limits.ts";

export class AllUntaken {
  /** Beyond what each of them may have taken and not said. */
  #bytes = 0;
  /** What the runs under way may answer. */
  #promised = 0;

  /** How much more may be sent before all windows are as narrow as they come. */
  get left(): number {
    return Math.max(0, limits.respUntakenBytesMax - this.#bytes);
  }

  /** One of them has not taken so much more, or less. */
  change(bytes: number): void {
    this.#bytes += bytes;
  }

  /** A run may answer so much, in place of what was promised before. */
  promise(before: number, bytes: number): void {
    this.#promised += bytes - before;
  }

  /** What the run of one may answer that may be sent so much more: no more than it leaves to others, whose runs may begin at this moment. */
  shareOf(more: number): number {
    const share = Math.min(more, Math.floor((this.left - this.#promised) / 2));
    return Math.max(limits.respUnsaidBytesMax, share);
  }
}
