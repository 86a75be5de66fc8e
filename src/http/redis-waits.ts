/**
 * Calls of a request of Upstash's protocol that need a Redis connection to the queue's object: those that wait, PUBLISH, PUBSUB and INFO.
 * Invariant: a request has one such connection, however many they are, and waits no longer than the limit, whatever its calls say; while it waits its caller is sent spaces, one that hangs up is noticed by
 * them, and nothing more is taken for it.
 */
import { limits } from "../contract/limits.ts";
import type { Waiting } from "../redis/conversation.ts";
import type { GateReply } from "../redis/frames.ts";
import type { Call } from "../redis/requests.ts";
import { probed, within } from "./pulses.ts";
import { RedisCaller } from "./redis-socket.ts";

/** How often a caller that waits is sent a space. What is taken for one that has gone is lost, where a job would come back: so it is often. */
const PULSE_MS = 1_000;

/** How a request reaches the queue, and who has asked. */
export interface WaitPorts {
  /** Opens a Redis connection to the queue's object. */
  connect(): Promise<WebSocket>;
  now(): number;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
  /** Whether the answer may begin with spaces. */
  readonly canWait: boolean;
}

/** The connection of one request, which the first call opens that needs it. */
export class RestWaits {
  readonly #ports: WaitPorts;
  readonly #until: number;
  readonly #gone = Promise.withResolvers<null>();
  #isGone = false;
  #caller: RedisCaller | undefined;

  constructor(ports: WaitPorts) {
    this.#ports = ports;
    this.#until = ports.now() + limits.waitMsMax;
    const { signal } = ports;
    signal.addEventListener("abort", () => this.leave());
    if (signal.aborted) this.leave();
  }

  /** The caller has gone. */
  leave(): void {
    this.#isGone = true;
    this.#gone.resolve(null);
    this.end();
  }

  /** Nothing more is asked for. */
  end(): void {
    this.#caller?.close();
    this.#caller = undefined;
  }

  /**
   * Spaces for the caller, and then the reply to a call that waits; nil where there was nothing in time. Throws where there is no
   * connection, or it is lost.
   */
  async *reply({ call, ms }: Waiting): AsyncGenerator<string, GateReply> {
    if (!this.#ports.canWait) return cannotWait;
    const left = this.#until - this.#ports.now();
    if (left <= 0) return null;
    const caller = await this.#connected();
    const reply = this.#ask(caller, withTimeout(call, ms === 0 ? left : Math.min(ms, left)));
    // It may be lost while nobody takes the next space: that is told when somebody does.
    reply.catch(() => undefined);
    // A response begins with something, or its caller would not hear of it before its first sign of life.
    for (;;) {
      yield " ";
      const told = await within(reply, PULSE_MS);
      if (told !== undefined) return told.come;
    }
  }

  /** Whether the caller has gone, which it is asked by spaces. */
  async *isAbandoned(): AsyncGenerator<string, boolean> {
    if (!this.#ports.canWait) return false;
    yield " ";
    return yield* probed(() => this.#isGone);
  }

  /** The reply to a call. Throws as `reply` does. */
  async perform(call: Call): Promise<GateReply> {
    return await this.#ask(await this.#connected(), call);
  }

  async #connected(): Promise<RedisCaller> {
    if (this.#caller === undefined || this.#caller.isLost) {
      this.#caller = new RedisCaller(await this.#ports.connect());
    }
    return this.#caller;
  }

  /** The reply to a call; nil where who asks for it goes before. */
  async #ask(caller: RedisCaller, call: Call): Promise<GateReply> {
    if (!this.#isGone) return await Promise.race([caller.ask(call), this.#gone.promise]);
    // It has gone while the connection was opened.
    this.end();
    return null;
  }
}

/** Whoever goes while it waits could not be noticed: nothing can be sent ahead of RESP, or where there is no body. */
const cannotWait: GateReply = {
  error: "ERR a call waits only where its answer is JSON: ask by GET or POST, and for no RESP2",
};

/** A call with another time to wait, which stands first where a number of names follows it, and else last. */
function withTimeout(call: Call, ms: number): Call {
  const at = /mpop$/i.test(call[0] ?? "") ? 1 : call.length - 1;
  return call.map((word, i) => (i === at ? String(ms / 1000) : word));
}
