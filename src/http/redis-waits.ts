/**
 * Calls of a request of Upstash's protocol that need a Redis connection to the queue's object: those that wait, PUBLISH and PUBSUB.
 * Invariant: a request waits no longer than the limit, whatever its calls say; a caller that hangs up closes the connection, and nothing more is taken
 * for it.
 */
import { limits } from "../contract/limits.ts";
import type { Waiting } from "../redis/conversation.ts";
import type { GateReply } from "../redis/frames.ts";
import type { Call } from "../redis/requests.ts";
import { say } from "./redis-socket.ts";

/** How a request reaches the queue, and who has asked. */
export interface WaitPorts {
  /** Opens a Redis connection to the queue's object. */
  connect(): Promise<WebSocket>;
  now(): number;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

/** The connections of one request. */
export class RestWaits {
  readonly #ports: WaitPorts;
  readonly #until: number;

  constructor(ports: WaitPorts) {
    this.#ports = ports;
    this.#until = ports.now() + limits.waitMsMax;
  }

  /** Whether the caller has gone. */
  get isAbandoned(): boolean {
    return this.#ports.signal.aborted;
  }

  /** The reply to a call that waits; nil where there was nothing in time. Rejects where the connection is lost. */
  async reply({ call, ms }: Waiting): Promise<GateReply> {
    const left = this.#until - this.#ports.now();
    if (left <= 0) return null;
    return await this.perform(withTimeout(call, ms === 0 ? left : Math.min(ms, left)));
  }

  /** The reply to a call on a connection of its own. Rejects where that is lost. */
  async perform(call: Call): Promise<GateReply> {
    const socket = await this.#ports.connect();
    const { promise, resolve, reject } = Promise.withResolvers<GateReply>();
    const { signal } = this.#ports;
    const gone = (): void => resolve(null);
    signal.addEventListener("abort", gone);
    if (signal.aborted) gone();
    try {
      say(socket, call, {
        tell: resolve,
        lost: () => reject(new Error("the connection of a call was lost")),
      });
      return await promise;
    } finally {
      signal.removeEventListener("abort", gone);
      socket.close(1000, "done");
    }
  }
}

/** A call with another time to wait, which stands first where a number of names follows it, and else last. */
function withTimeout(call: Call, ms: number): Call {
  const at = /mpop$/i.test(call[0] ?? "") ? 1 : call.length - 1;
  return call.map((word, i) => (i === at ? String(ms / 1000) : word));
}
