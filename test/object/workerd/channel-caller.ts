/**
 * A worker's end of a channel in tests: what it says, and what it hears.
 * Invariant: it does nothing by itself, not even acknowledge.
 */
import { exports } from "cloudflare:workers";
import { BEARER_SUBPROTOCOL, SUBPROTOCOL } from "../../../src/contract/channel.ts";
import type { ClaimedJob } from "../../../src/contract/leases.ts";
import type { Sent } from "../channel-frames.ts";

const { default: worker } = exports as unknown as { readonly default: Fetcher };

export const secretOf = (name: string): string => name.padEnd(32, "x");

/** Asks the gate for a channel. */
export const connect = (queue: string, headers: Record<string, string> = {}): Promise<Response> =>
  worker.fetch(`https://sluice.test/v1/queues/${queue}/connect`, {
    headers: {
      upgrade: "websocket",
      authorization: "Bearer test-token",
      "sec-websocket-protocol": SUBPROTOCOL,
      ...headers,
    },
  });

/** The subprotocol that carries a token. */
export const bearer = (token: string): string =>
  BEARER_SUBPROTOCOL + btoa(token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

export class ChannelCaller {
  readonly #socket: WebSocket;
  readonly #told: Sent[] = [];
  #heard = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<{ readonly code: number; readonly reason: string }>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#told.push(JSON.parse(String(data)) as Sent);
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
    });
    socket.addEventListener("close", ({ code, reason }) => this.#closed.resolve({ code, reason }));
    socket.accept();
  }

  /** Opens a channel and says nothing. */
  static async open(queue: string): Promise<ChannelCaller> {
    const { webSocket } = await connect(queue);
    if (webSocket === null) throw new Error("there is no socket");
    return new ChannelCaller(webSocket);
  }

  /** Opens a channel and says hello. Resolves once it is welcome. */
  static async hello(queue: string, name: string, said: object = {}): Promise<ChannelCaller> {
    const caller = await ChannelCaller.open(queue);
    caller.say({ type: "hello", session: secretOf(name), ...said });
    return caller;
  }

  say(frame: object | string): void {
    this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  sayBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  /** The next frame that it is sent. */
  async next(): Promise<Sent> {
    while (this.#told.length === 0) await this.#heard.promise;
    const told = this.#told.shift();
    if (told === undefined) throw new Error("nothing was told");
    return told;
  }

  /** The next frame, which is of this type. */
  async nextOf(type: string): Promise<Sent> {
    const told = await this.next();
    if (told.type !== type) throw new Error(`not ${type}: ${JSON.stringify(told)}`);
    return told;
  }

  /** The next delivery, which it acknowledges if that is said. */
  async jobs(said?: { readonly credit?: number }): Promise<readonly ClaimedJob[]> {
    const { jobs = [], delivery } = await this.nextOf("jobs");
    if (said !== undefined) this.say({ type: "credit", ack: delivery, ...said });
    return jobs;
  }

  get isSilent(): boolean {
    return this.#told.length === 0;
  }

  /** With what it was closed. */
  get closed(): Promise<{ readonly code: number; readonly reason: string }> {
    return this.#closed.promise;
  }

  hangUp(): void {
    this.#socket.close(1000, "gone");
  }
}
