/**
 * A real HTTP proxy before a server, which loses, delays or refuses what it is told to, and
 * remembers what passed.
 * Invariant: without a fault planned for it, a request and its answer pass unchanged.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly text: string;
}

/** What happens to one request. `passed` sends it on and resolves with the server's answer. */
export type Fault = (
  request: Seen,
  response: ServerResponse,
  passed: () => Promise<Answer>,
) => unknown;
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Nothing happens to it: to plan a fault for a later one. */
export const pass: Fault = async (_, response, passed) => send(response, await passed());
/** The request never reaches the server. */
export const cutBefore: Fault = (_, response) => response.destroy();
/** The server does it, but its answer is lost. */
export const cutAfter: Fault = async (_, response, passed) => {
  await passed();
  response.destroy();
};
/** No answer ever comes. */
export const hang: Fault = () => undefined;
/** An answer that is not the server's. */
export const answer =
  (status: number, text: string, headers: Record<string, string> = {}): Fault =>
  (_, response) =>
    response.writeHead(status, headers).end(text);
/** A problem as Sluice tells it. */
export const problem = (status: number, code: string, retryable: boolean, retryAfter?: number) =>
  answer(
    status,
    JSON.stringify({ type: "", title: code, status, code, detail: `It is ${code}.`, retryable }),
    {
      "content-type": "application/problem+json",
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    },
  );

export class FlakyProxy {
  readonly seen: Seen[] = [];
  /** Of every request that no fault was planned for; undefined lets it pass. */
  always: Fault | undefined;
  #faults: Fault[] = [];
  #waiting: { readonly isIt: (seen: Seen) => boolean; readonly found: (seen: Seen) => void }[] = [];
  readonly #target: string;
  readonly #server = createServer((request, response) => {
    // A server that answers before it has read all closes its connection: so does the proxy then.
    this.#handle(request, response).catch(() => response.destroy());
  });

  constructor(target: string) {
    this.#target = target;
  }

  async start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, "127.0.0.1", resolve);
    await promise;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Plans what happens to the next requests, in order. */
  next(...faults: readonly Fault[]): void {
    this.#faults.push(...faults);
  }

  /** Holds the next request back until the function that this returns is called. */
  holdNext(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.next(async (_, response, passed) => {
      await promise;
      send(response, await passed());
    });
    return resolve;
  }

  /** The next request that `isIt` accepts, when it has arrived. */
  request(isIt: (seen: Seen) => boolean = () => true): Promise<Seen> {
    const { promise, resolve } = Promise.withResolvers<Seen>();
    this.#waiting.push({ isIt, found: resolve });
    return promise;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = (await buffer(request)).toString();
    const { method = "", url: path = "", headers } = request;
    const key = headers["idempotency-key"]?.toString();
    const seen = { method, path, key, text };
    const { host: _, connection: __, "content-length": ___, ...kept } = headers;
    const passed = async (): Promise<Answer> => {
      const body = method === "GET" ? {} : { body: text };
      const init = { method, headers: kept as Record<string, string>, ...body };
      const reply = await fetch(this.#target + path, init);
      const type = reply.headers.get("content-type") ?? "";
      return { status: reply.status, type, text: await reply.text() };
    };
    this.seen.push(seen);
    const fault = this.#faults.shift() ?? this.always ?? pass;
    const meant = this.#waiting.filter(({ isIt }) => isIt(seen));
    this.#waiting = this.#waiting.filter((waiting) => !meant.includes(waiting));
    for (const { found } of meant) found(seen);
    await fault(seen, response, passed);
  }
}

function send(response: ServerResponse, { status, type, text }: Answer): void {
  response.writeHead(status, { "content-type": type }).end(text);
}
