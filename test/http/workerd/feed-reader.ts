/**
 * A reader of the feed on a socket, in tests.
 * Invariant: it acknowledges nothing by itself.
 */
import { exports } from "cloudflare:workers";
import { expect } from "vitest";
import type { FeedPage } from "../../../src/contract/feed.ts";

const { default: worker } = exports as unknown as { readonly default: Fetcher };

/** A socket to the feed. */
export class FeedReader {
  readonly socket: WebSocket;
  readonly closed = Promise.withResolvers<{ code: number; reason: string }>();
  readonly #texts: string[] = [];
  #heard = Promise.withResolvers<void>();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#texts.push(String(data));
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
    });
    socket.addEventListener("close", ({ code, reason }) => this.closed.resolve({ code, reason }));
    socket.accept();
  }

  static async open(queue: string, query = ""): Promise<FeedReader> {
    const url = `https://sluice.test/v1/queues/${queue}/feed${query}`;
    const headers = { authorization: "Bearer test-token", upgrade: "websocket" };
    const { status, webSocket } = await worker.fetch(url, { headers });
    expect(status).toBe(101);
    if (webSocket === null) throw new Error("there is no socket");
    return new FeedReader(webSocket);
  }

  /** The next frame, which is not acknowledged. */
  async frame(): Promise<FeedPage> {
    while (this.#texts.length === 0) await this.#heard.promise;
    return JSON.parse(this.#texts.shift() ?? "") as FeedPage;
  }

  get frames(): number {
    return this.#texts.length;
  }
}
