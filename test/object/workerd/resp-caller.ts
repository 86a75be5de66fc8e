/**
 * A Redis client's end of a connection in tests: bytes out, bytes in.
 * Invariant: it says and hears nothing by itself.
 */
import { exports } from "cloudflare:workers";
import { expect } from "vitest";
import type { Queue } from "./queues.ts";

const { default: worker } = exports as unknown as { readonly default: Fetcher };

/** The response to who asks for a connection. */
export const ask = (queue: Queue, query = "", headers: HeadersInit = { upgrade: "websocket" }) =>
  worker.fetch(`https://sluice.test/v1/queues/${queue.name}/resp${query}`, {
    headers: { authorization: "Bearer test-token", ...headers },
  });

export class RespClient {
  readonly #socket: WebSocket;
  #heard = "";
  #isClosed = false;
  #news = Promise.withResolvers<void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    const news = (): void => {
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    };
    socket.addEventListener("message", ({ data }) => {
      this.#heard += new TextDecoder().decode(data as ArrayBuffer);
      news();
    });
    socket.addEventListener("close", () => {
      this.#isClosed = true;
      news();
    });
    socket.accept();
  }

  static async of(queue: Queue, query = ""): Promise<RespClient> {
    const { status, webSocket } = await ask(queue, query);
    if (webSocket === null) throw new Error(`there is no socket, but ${status}`);
    return new RespClient(webSocket);
  }

  say(text: string): void {
    this.#socket.send(new TextEncoder().encode(text));
  }

  /** Says what it has taken, on a connection on which it does. */
  takes(bytes: number): void {
    this.#socket.send(`taken ${bytes}`);
  }

  /** What it hears until there are so many characters. */
  async hears(expected: string): Promise<void> {
    while (this.#heard.length < expected.length && !this.#isClosed) await this.#news.promise;
    const heard = this.#heard.slice(0, expected.length);
    this.#heard = this.#heard.slice(expected.length);
    expect(heard).toBe(expected);
  }

  /** It goes, and is told that its going was heard. */
  async leaves(): Promise<void> {
    this.#socket.close(1000, "bye");
    while (!this.#isClosed) await this.#news.promise;
  }

  /** The next line that it hears. */
  async line(): Promise<string> {
    while (!this.#heard.includes("\r\n")) await this.#news.promise;
    const [line = "", ...rest] = this.#heard.split("\r\n");
    this.#heard = rest.join("\r\n");
    return line;
  }

  /** All that it hears until it is closed. */
  async last(): Promise<string> {
    while (!this.#isClosed) await this.#news.promise;
    return this.#heard;
  }
}
