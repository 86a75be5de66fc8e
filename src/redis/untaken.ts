/**
 * What a client was sent and has not taken, as far as that is known.
 * Invariant: a client that says what it takes is sent no more replies than a window is wide, and those of one run, which ends once it has enough; the window
 * narrows as others leave more, but never below what may not have been said. Of one that does not say so it is believed with each word of its own that it has
 * taken all that it was sent.
 */
import { limits } from "../contract/limits.ts";
import type { AllUntaken } from "./all-untaken.ts";

interface Told {
  /** Somebody begins to wait for room. */
  stall(): void;
  /** It is to be ended for what it has not taken. */
  drop(): void;
}

export class Untaken {
  readonly #all: AllUntaken;
  readonly #isSaid: boolean;
  readonly #told: Told;
  #bytes = 0;
  /** What the run under way may answer. */
  #promised = 0;
  #isOver = false;
  #isGone = false;
  #room: PromiseWithResolvers<void> | undefined;

  /** @param isSaid Whether the client says what it has taken. */
  constructor(all: AllUntaken, isSaid: boolean, told: Told) {
    this.#all = all;
    this.#isSaid = isSaid;
    this.#told = told;
  }

  /** Whether something waits for room. */
  get isStalled(): boolean {
    return this.#room !== undefined;
  }

  sent(bytes: number): void {
    if (this.#isGone) return;
    this.#count(this.#bytes + bytes);
    // What is published waits for nobody.
    if (this.#bytes <= limits.respUntakenBytesMax || this.#isOver) return;
    this.end();
    this.#told.drop();
  }

  /** The client says that it has taken so much more; by an instance before this one it may have been sent some of it. */
  taken(bytes: number): void {
    if (this.#isGone) return;
    this.#count(Math.max(0, this.#bytes - bytes));
    if (this.#hasRoom) this.#release();
  }

  /** Something was heard of the client. */
  heard(): void {
    if (!this.#isSaid) this.#count(0);
  }

  /** Resolves once there is room for another reply; undefined: there is. */
  room(): Promise<void> | undefined {
    if (this.#hasRoom) return undefined;
    if (this.#room !== undefined) return this.#room.promise;
    const room = Promise.withResolvers<void>();
    this.#room = room;
    // It may end the connection, and so the wait.
    this.#told.stall();
    return room.promise;
  }

  /** Behind how many bytes the next run has answered enough; they are kept free until another one is asked for, or all are answered. */
  promise(): number | undefined {
    this.settle();
    if (!this.#isSaid || this.#isOver) return undefined;
    this.#promised = this.#all.shareOf(this.#window - this.#bytes);
    this.#all.promise(0, this.#promised);
    return this.#promised;
  }

  /** What was promised is answered. */
  settle(): void {
    this.#all.promise(this.#promised, 0);
    this.#promised = 0;
  }

  /** The client is sent nothing more: nothing waits for it to take anything. */
  end(): void {
    this.settle();
    this.#isOver = true;
    this.#release();
  }

  /** It has gone, with what it has not taken. */
  gone(): void {
    this.end();
    this.#count(0);
    this.#isGone = true;
  }

  /** Whether it has taken enough. */
  get #hasRoom(): boolean {
    return this.#isOver || !this.#isSaid || this.#bytes <= this.#window;
  }

  get #window(): number {
    const { respWindowBytes, respUnsaidBytesMax } = limits;
    return Math.max(respUnsaidBytesMax, Math.min(respWindowBytes, this.#all.left));
  }

  #count(bytes: number): void {
    if (this.#isSaid) this.#all.change(notSaid(bytes) - notSaid(this.#bytes));
    this.#bytes = bytes;
  }

  #release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** What of it the client would have said, had it taken it. */
const notSaid = (bytes: number): number => Math.max(0, bytes - limits.respUnsaidBytesMax);
