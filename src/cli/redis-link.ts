/**
 * The bridge's socket to a queue: opened with the token, for as long as it takes.
 * Invariant: it is heard only by who has it, in order; whoever has it is told once when it closes.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Takings, untakenClose } from "../redis/taken.ts";

const AGAIN_MS = 250;
const NORMAL = 1000;

/** The `WebSocket` of Node, which also takes headers. */
type Connect = new (
  url: string,
  options: { readonly headers: Readonly<Record<string, string>> },
) => WebSocket;
const NodeWebSocket = WebSocket as unknown as Connect;

/** Who has a link. */
export interface LinkListener {
  hear(bytes: Uint8Array): void;
  /** It has closed; `untaken`: the queue has closed it for what was not taken. */
  lost(untaken: boolean): void;
}

/** A way to a queue for one client: bytes there and back. */
export interface Link {
  listen(listener: LinkListener): void;
  send(bytes: Uint8Array): void;
  /** So many bytes more of what was heard have been taken. */
  taken(bytes: number): void;
  close(): void;
}

export class RedisLink implements Link {
  readonly #socket: WebSocket;
  readonly #takings = new Takings((text) => this.#socket.send(text));

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Opens one, and tries again for a while. Rejects with the last reason. */
  static async open(
    url: string,
    token: string | undefined,
    retryForMs: number,
  ): Promise<RedisLink> {
    const until = performance.now() + retryForMs;
    for (;;) {
      try {
        return await RedisLink.#try(url, token);
      } catch (error) {
        if (performance.now() + AGAIN_MS > until) throw error;
      }
      await sleep(AGAIN_MS);
    }
  }

  static async #try(url: string, token: string | undefined): Promise<RedisLink> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const socket = new NodeWebSocket(url, { headers });
    socket.binaryType = "arraybuffer";
    const opened = Promise.withResolvers<void>();
    const fail = (): void => opened.reject(new Error("the queue did not take the connection"));
    socket.addEventListener("open", () => opened.resolve());
    socket.addEventListener("error", fail);
    socket.addEventListener("close", fail);
    await opened.promise;
    return new RedisLink(socket);
  }

  listen(listener: LinkListener): void {
    this.#socket.addEventListener("message", ({ data }) => {
      listener.hear(new Uint8Array(data as ArrayBuffer));
    });
    this.#socket.addEventListener("close", ({ code }) => listener.lost(code === untakenClose.code));
    // It may have closed before anybody listened.
    if (this.#socket.readyState > WebSocket.OPEN) queueMicrotask(() => listener.lost(false));
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  taken(bytes: number): void {
    this.#takings.take(bytes);
  }

  close(): void {
    this.#socket.close(NORMAL, "done");
  }
}
