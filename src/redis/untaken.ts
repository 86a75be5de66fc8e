/**
 * What a client was sent and has not taken, as far as that is known.
 * Invariant: a client that says what it takes is sent no more replies than a window is wide, and those of one run; of one that does not say so it is
 * believed with each word of its own that it has taken all that it was sent.
 */
import { limits } from "../contract/limits.ts";

export class Untaken {
  readonly #isSaid: boolean;
  /** Told when somebody begins to wait for room. */
  readonly #onStall: () => void;
  #bytes = 0;
  #isOver = false;
  #room: PromiseWithResolvers<void> | undefined;

  /** @param isSaid Whether the client says what it has taken. */
  constructor(isSaid: boolean, onStall: () => void) {
    this.#isSaid = isSaid;
    this.#onStall = onStall;
  }

  /** Whether something waits for room. */
  get isStalled(): boolean {
    return this.#room !== undefined;
  }

  /** Whether it is more than is held for any client. */
  get isTooMuch(): boolean {
    return this.#bytes > limits.respUntakenBytesMax;
  }

  sent(bytes: number): void {
    this.#bytes += bytes;
  }

  /** The client says that it has taken so much more; by an instance before this one it may have been sent some of it. */
  taken(bytes: number): void {
    this.#bytes = Math.max(0, this.#bytes - bytes);
    if (this.#bytes <= limits.respWindowBytes) this.#release();
  }

  /** Something was heard of the client. */
  heard(): void {
    if (!this.#isSaid) this.#bytes = 0;
  }

  /** Resolves once there is room for another reply; undefined: there is. */
  room(): Promise<void> | undefined {
    if (!this.#isSaid || this.#isOver || this.#bytes <= limits.respWindowBytes) return undefined;
    if (this.#room !== undefined) return this.#room.promise;
    const room = Promise.withResolvers<void>();
    this.#room = room;
    // It may end the connection, and so the wait.
    this.#onStall();
    return room.promise;
  }

  /** There is nobody to take anything: nothing waits for that. */
  end(): void {
    this.#isOver = true;
    this.#release();
  }

  #release(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
