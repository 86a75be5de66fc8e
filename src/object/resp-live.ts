/**
 * The Redis connections that an instance has in memory, and what they hold between them.
 * Invariant: calls that are not whole or not performed take no more memory than a bound, however many connections they came on: the one that holds most is ended.
 */
import { limits } from "../contract/limits.ts";
import type { AgqConversation } from "../redis/agq/dialect.ts";
import type { Connection } from "../redis/connection.ts";
import type { Blocked } from "./blocked.ts";
import type { RespClaim } from "./resp-claims.ts";
import type { RespSocket } from "./resp-kept.ts";

/** A connection in memory. */
export interface Live {
  readonly connection: Connection;
  /** Its conversation, where it is in a dialect of AGQ. */
  readonly agq: AgqConversation | undefined;
  /** Its call that waits for a job, until its client was sent what came of it. */
  claim: RespClaim | undefined;
  /** What the attachment says. */
  kept: string;
  callOff: (() => void) | undefined;
  /** Its place in the line, if a call of it waits. */
  waiting: Blocked | undefined;
  /** It is answered, but not told so yet: another instance could not tell it. */
  isAnswered: boolean;
  /** Bytes that it held when it was weighed last. */
  heldBytes: number;
}

export class LiveConnections {
  readonly #all = new Map<RespSocket, Live>();
  #heldBytes = 0;

  get(socket: RespSocket): Live | undefined {
    return this.#all.get(socket);
  }

  set(socket: RespSocket, live: Live): void {
    this.#all.set(socket, live);
  }

  delete(socket: RespSocket): void {
    this.#heldBytes -= this.#all.get(socket)?.heldBytes ?? 0;
    this.#all.delete(socket);
  }

  values(): IterableIterator<Live> {
    return this.#all.values();
  }

  /** Notes what one of them holds by now, and ends those that hold most for as long as it is too much. */
  weigh(live: Live): void {
    const { heldBytes } = live.connection;
    this.#heldBytes += heldBytes - live.heldBytes;
    live.heldBytes = heldBytes;
    while (this.#heldBytes > limits.respHeldBytesMax) this.#greediest().connection.fail(HELD);
  }

  #greediest(): Live {
    return [...this.#all.values()].reduce((a, b) => (b.heldBytes > a.heldBytes ? b : a));
  }
}

const HELD = `ERR the clients of a queue may have at most ${limits.respHeldBytesMax} bytes of calls that are not performed, and this one has most of them`;
