/**
 * What all clients of a queue were sent and have not taken, between them.
 * Invariant: it has a bound, behind which calls wait until somebody takes something. Nobody waits long for others: who has taken nothing for that time is ended. What
 * one was sent that was ended counts until its socket is gone, for so long the platform keeps it.
 */
import { limits } from "../contract/limits.ts";
import type { ReplyBytes } from "../contract/redis.ts";

/** A client, as the others know it. */
export interface Client {
  readonly bytes: number;
  /** When it last took something, or had nothing to take. */
  readonly tookAt: number;
  /** There may be room for it. */
  lookAgain(): void;
  /** It is sent nothing more. */
  drop(): void;
}

interface Clock {
  now(): number;
  /** Does something later. Returns what calls it off. */
  after(ms: number, work: () => void): () => void;
}

const { respUntakenBytesMax, respUnsaidBytesMax, redisReplyBytesMax } = limits;

/** Whether it will be known of a client that it takes something, if it does. */
const isAwaited = ({ bytes }: Client): boolean => bytes > respUnsaidBytesMax;

export class AllUntaken {
  readonly clock: Clock;
  readonly #clients = new Set<Client>();
  /** Those whose calls wait for room, in the order in which they came. */
  readonly #waiting = new Set<Client>();
  /** What was sent to all that are there, and to those that were ended. */
  #bytes = 0;
  /** What the runs under way may answer. */
  #promised = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** How much more may be sent. */
  get left(): number {
    return respUntakenBytesMax - this.#bytes;
  }

  enter(client: Client): void {
    this.#clients.add(client);
  }

  leave(client: Client): void {
    this.#clients.delete(client);
  }

  wait(client: Client): void {
    this.#waiting.add(client);
  }

  waitNoMore(client: Client): void {
    this.#waiting.delete(client);
  }

  sent(bytes: number): void {
    this.#bytes += bytes;
  }

  taken(bytes: number): void {
    this.#bytes -= bytes;
    this.#tellRoom();
  }

  /** A run may answer so much, in place of what was promised before. */
  promise(before: number, bytes: number): void {
    this.#promised += bytes - before;
    if (bytes < before) this.#tellRoom();
  }

  /** Whether a call of a client may be performed; of one that has waited, beside all that others were promised. */
  hasRoom(client: Client, hasWaited: boolean): boolean {
    const promised = hasWaited ? this.#promised : 0;
    if (this.left > promised) return true;
    // There may be nobody who could take anything, and no run that could be answered less.
    return promised === 0 && ![...this.#clients].some((each) => each !== client && isAwaited(each));
  }

  /** What a run may answer one that has not taken so much, and may have so much more: no more than it leaves to others. */
  shareOf(has: number, more: number): ReplyBytes {
    const share = Math.min(more, Math.floor((this.left - this.#promised - has) / 2));
    // Any reply fits behind the bound, unless those that were ended do not go.
    const most = Math.min(redisReplyBytesMax, this.left + redisReplyBytesMax);
    const least = respUnsaidBytesMax;
    return { enough: Math.max(least, share), most: Math.max(least, most) };
  }

  /** Somebody has waited long for others: it is for those that take nothing. */
  endIdle(): void {
    const since = this.clock.now() - limits.respRoomMsMax;
    for (const client of [...this.#clients]) {
      if (isAwaited(client) && client.tookAt <= since) client.drop();
    }
  }

  #tellRoom(): void {
    for (const client of this.#waiting) client.lookAgain();
  }
}
