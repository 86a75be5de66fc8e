/**
 * What a client was sent and has not taken, as far as that is known.
 * Invariant: a client that says what it takes is sent no more replies than a window is wide, and one more; the window narrows as others leave more, but never
 * below what may not have been said. Of one that does not say so it is believed with each word of its own that it has taken all that it was sent.
 */
import { limits } from "../contract/limits.ts";
import type { ReplyBytes } from "../contract/redis.ts";
import type { AllUntaken, Client } from "./all-untaken.ts";

interface Told {
  /** Somebody begins to wait for room. */
  stall(): void;
  /** It is to be ended for what it has not taken. */
  drop(): void;
}

export class Untaken implements Client {
  readonly #all: AllUntaken;
  readonly #isSaid: boolean;
  readonly #told: Told;
  #bytes = 0;
  #tookAt: number;
  /** What the run under way may answer. */
  #promised = 0;
  #isOver = false;
  #isGone = false;
  #room: PromiseWithResolvers<void> | undefined;
  /** Calls off that it goes on though others leave no room. */
  #callOff: (() => void) | undefined;

  /** @param isSaid Whether the client says what it has taken. */
  constructor(all: AllUntaken, isSaid: boolean, told: Told) {
    this.#all = all;
    this.#isSaid = isSaid;
    this.#told = told;
    this.#tookAt = all.clock.now();
    all.enter(this);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get tookAt(): number {
    return this.#tookAt;
  }

  /** Whether something waits for room. */
  get isStalled(): boolean {
    return this.#room !== undefined;
  }

  sent(bytes: number): void {
    if (this.#isGone) return;
    if (this.#bytes <= limits.respUnsaidBytesMax) this.#tookAt = this.#all.clock.now();
    this.#bytes += bytes;
    this.#all.sent(bytes);
    // What is published waits for nobody.
    if (this.#bytes > limits.respUntakenBytesMax) this.drop();
  }

  /** The client says that it has taken so much more; by an instance before this one it may have been sent some of it. */
  taken(bytes: number): void {
    if (this.#isOver) return;
    const taken = Math.min(bytes, this.#bytes);
    this.#bytes -= taken;
    this.#tookAt = this.#all.clock.now();
    this.#all.taken(taken);
  }

  /** Something was heard of the client. */
  heard(): void {
    if (!this.#isSaid) this.taken(this.#bytes);
  }

  /** Resolves once there is room for another reply; undefined: there is. */
  room(): Promise<void> | undefined {
    if (this.#hasRoom(false)) return undefined;
    if (this.#room !== undefined) return this.#room.promise;
    const room = Promise.withResolvers<void>();
    this.#room = room;
    this.settle();
    this.#all.wait(this);
    this.lookAgain();
    // It may end the connection, and so the wait.
    this.#told.stall();
    return room.promise;
  }

  /** What the next run may answer; that much is kept free for it until another one is asked for, or all are answered. */
  promise(): ReplyBytes {
    this.settle();
    const has = this.#isSaid ? this.#bytes : 0;
    const share = this.#all.shareOf(has, limits.respWindowBytes - has);
    this.#promise(share.enough);
    return share;
  }

  /** What was promised is answered. */
  settle(): void {
    this.#promise(0);
  }

  lookAgain(): void {
    if (this.#room === undefined) return;
    if (this.#hasRoom(true)) {
      this.#release();
      // Whoever waits behind it looks at what is left.
      this.#promise(limits.redisValueBytesMax);
    } else if (this.#hasWindow)
      this.#callOff ??= this.#all.clock.after(limits.respRoomMsMax, this.#goOn);
  }

  drop(): void {
    if (this.#isOver) return;
    this.end();
    this.#told.drop();
  }

  /** The client is sent nothing more: nothing waits for it to take anything. */
  end(): void {
    if (this.#isOver) return;
    this.settle();
    this.#isOver = true;
    this.#all.leave(this);
    this.#release();
  }

  /** It has gone, with what it has not taken. */
  gone(): void {
    this.end();
    this.#isGone = true;
    this.#all.taken(this.#bytes);
    this.#bytes = 0;
  }

  /** It has waited long enough for others. */
  readonly #goOn = (): void => {
    this.#all.endIdle();
    this.#release();
  };

  #hasRoom(hasWaited: boolean): boolean {
    return this.#isOver || (this.#hasWindow && this.#all.hasRoom(this, hasWaited));
  }

  /** Whether it has taken enough itself. */
  get #hasWindow(): boolean {
    const { respWindowBytes, respUnsaidBytesMax } = limits;
    const window = Math.max(respUnsaidBytesMax, Math.min(respWindowBytes, this.#all.left));
    return !this.#isSaid || this.#bytes <= window;
  }

  #promise(bytes: number): void {
    if (this.#isOver) return;
    const before = this.#promised;
    this.#promised = bytes;
    this.#all.promise(before, bytes);
  }

  #release(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#all.waitNoMore(this);
    this.#room?.resolve();
    this.#room = undefined;
  }
}
