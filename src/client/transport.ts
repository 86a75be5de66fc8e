/**
 * One request of the API, tried again where that is safe.
 * Invariant: a write carries one Idempotency-Key and one body through all its attempts, so it takes
 * effect once.
 */
import { type Clock, systemClock } from "./clock.ts";
import { refusalOf, UnreachableError } from "./errors.ts";
import { type Attempt, retry } from "./retry.ts";
import { bearerSubprotocol, globalWebSocket, type OpenWebSocket } from "./web-socket.ts";

/** How to reach Sluice. */
export interface ConnectOptions {
  /** Where Sluice is served. Default: `http://127.0.0.1:8787`, where it runs locally. */
  readonly url?: string | undefined;
  /** The bearer token. */
  readonly token?: string | undefined;
  /**
   * Sends requests. Default: the global `fetch`. A service binding's is
   * `env.SLUICE.fetch.bind(env.SLUICE)`.
   */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /**
   * Opens WebSockets, over which workers are sent their jobs. Default: the global `WebSocket`, but none where `fetch` is given:
   * without one, workers go by requests.
   */
  readonly webSocket?: OpenWebSocket | undefined;
  /** How long one attempt may take, in ms. Default: 30,000. */
  readonly timeoutMs?: number | undefined;
  /**
   * For how long a request is tried again, in ms. Default: 60,000, which is also what the server is
   * made for. 0: never.
   */
  readonly retryForMs?: number | undefined;
  /** Reads the JSON of answers. Default: `JSON.parse`, which rounds integers beyond 2 ** 53. */
  readonly parse?: ((text: string) => unknown) | undefined;
  /** Time and chance, for tests. */
  readonly clock?: Clock | undefined;
}

/** What may be said of one request. */
export interface RequestOptions {
  /** Abandons the request; what a write did then remains unknown. */
  readonly signal?: AbortSignal | undefined;
  /** How long one attempt may take, in ms. */
  readonly timeoutMs?: number | undefined;
  /** How long the server may wait before it answers, in ms: the attempt may take so much longer. */
  readonly waitMs?: number | undefined;
  /** Told of every failed attempt that is followed by another one. */
  readonly onRetry?: ((error: Error, delayMs: number) => void) | undefined;
}

/** How long a read may wait for the end of what it reads, in ms. */
export interface WaitOptions {
  readonly waitMs?: number | undefined;
}

/** What stands behind the `?` of an address; what is undefined does not. */
export type Query = Readonly<Record<string, string | number | undefined>>;

export type WriteMethod = "POST" | "PUT" | "PATCH" | "DELETE";

const DEFAULT_URL = "http://127.0.0.1:8787";
const RETRY_FOR_MS = 60_000;
const TIMEOUT_MS = 30_000;

/**
 * A part of an address. Dots are resolved before a request leaves, so `..` would name something
 * else.
 */
export function segment(text: string): string {
  if (/^\.{0,2}$/.test(text)) throw new TypeError(`"${text}" cannot be a name or an id.`);
  return encodeURIComponent(text);
}

function addressOf(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return search.size === 0 ? path : `${path}?${search}`;
}

export class Transport {
  readonly clock: Clock;
  readonly url: string;
  readonly retryForMs: number;
  readonly #token: string | undefined;
  readonly #webSocket: OpenWebSocket | undefined;
  readonly #fetch: NonNullable<ConnectOptions["fetch"]>;
  readonly #parse: (text: string) => unknown;
  readonly #timeoutMs: number;

  constructor(options: ConnectOptions) {
    this.clock = options.clock ?? systemClock;
    this.url = new URL(options.url ?? DEFAULT_URL).href.replace(/\/+$/, "");
    this.retryForMs = options.retryForMs ?? RETRY_FOR_MS;
    this.#token = options.token;
    // Browsers and Workers want their `fetch` called without another `this`.
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init));
    this.#webSocket =
      options.webSocket ?? (options.fetch === undefined ? globalWebSocket() : undefined);
    this.#parse = options.parse ?? JSON.parse;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  /** Whether there are WebSockets. */
  get canConnect(): boolean {
    return this.#webSocket !== undefined;
  }

  /** Opens a WebSocket that speaks a subprotocol. */
  connect(path: string, protocol: string): WebSocket {
    if (this.#webSocket === undefined) {
      throw new Error(
        "There is no WebSocket here: give the queue one, or let the worker go by http.",
      );
    }
    const bearer = this.#token === undefined ? [] : [bearerSubprotocol(this.#token)];
    return this.#webSocket(this.url.replace(/^http/, "ws") + path, [protocol, ...bearer]);
  }

  /** GET: tried again on a lost connection and on retryable refusals. */
  read<T>(path: string, query: Query = {}, options: RequestOptions = {}): Promise<T> {
    return this.#send(addressOf(path, query), { method: "GET", headers: this.#headers() }, options);
  }

  /**
   * GET of server-sent events, whose answer is read as it comes: tried again until it begins, and not behind that. Undefined where
   * none has begun in time: something on the way may keep it back until its end.
   */
  stream(path: string, query: Query, options: RequestOptions): Promise<Response | undefined> {
    const headers = this.#headers();
    headers.set("accept", "text/event-stream");
    const address = addressOf(path, query);
    return this.#retrying(() => this.#begin(address, { headers }, options), options);
  }

  /** A write with a body of JSON text: tried again with the same Idempotency-Key. */
  write<T>(
    method: WriteMethod,
    path: string,
    body?: string,
    options: RequestOptions = {},
  ): Promise<T> {
    return this.#send(path, this.#writing(method, body), options);
  }

  /** A write that cannot be told from its repeat: one attempt only. */
  async writeOnce<T>(method: WriteMethod, path: string): Promise<T> {
    const outcome = await this.#attempt<T>(path, this.#writing(method, undefined), {});
    if ("done" in outcome) return outcome.done;
    throw outcome.again;
  }

  /** A request whose answer is read as it comes: one attempt only, without a limit of time. */
  async open(method: "GET", path: string): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(this.url + path, { method, headers: this.#headers() });
    } catch (cause) {
      throw new UnreachableError(this.url, reasonOf(cause), { cause });
    }
    if (response.ok) return response;
    throw refusalOf(response.status, this.parse(await response.text()));
  }

  /** The JSON value of a text; undefined, which is no JSON value, when the text is not JSON. */
  parse(text: string): unknown {
    try {
      return this.#parse(text);
    } catch {
      return undefined;
    }
  }

  async #begin(
    path: string,
    init: RequestInit,
    { signal, timeoutMs = this.#timeoutMs }: RequestOptions,
  ): Promise<Attempt<Response | undefined>> {
    signal?.throwIfAborted();
    const limit = this.#timeLimit(timeoutMs, signal);
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.url + path, { ...init, signal: limit.signal });
      if (response.ok) return { done: response };
      text = await response.text();
    } catch (cause) {
      signal?.throwIfAborted();
      if (limit.signal.aborted) return { done: undefined };
      return { again: new UnreachableError(this.url, reasonOf(cause), { cause }) };
    } finally {
      limit.end();
    }
    return refused(response.status, this.parse(text), response.headers.get("retry-after"));
  }

  #headers(): Headers {
    const headers = new Headers({ accept: "application/json" });
    if (this.#token !== undefined) headers.set("authorization", `Bearer ${this.#token}`);
    return headers;
  }

  #writing(method: WriteMethod, body: string | undefined): RequestInit {
    const headers = this.#headers();
    headers.set("idempotency-key", crypto.randomUUID());
    if (body === undefined) return { method, headers };
    headers.set("content-type", "application/json");
    return { method, headers, body };
  }

  #send<T>(path: string, init: RequestInit, options: RequestOptions): Promise<T> {
    return this.#retrying(() => this.#attempt<T>(path, init, options), options);
  }

  #retrying<T>(attempt: () => Promise<Attempt<T>>, { signal, onRetry }: RequestOptions) {
    return retry(attempt, { clock: this.clock, forMs: this.retryForMs, signal, onRetry });
  }

  async #attempt<T>(path: string, init: RequestInit, options: RequestOptions): Promise<Attempt<T>> {
    const { signal, waitMs = 0 } = options;
    const timeoutMs = (options.timeoutMs ?? this.#timeoutMs) + waitMs;
    signal?.throwIfAborted();
    let status: number;
    let retryAfter: string | null;
    let body: unknown;
    const limit = this.#timeLimit(timeoutMs, signal);
    try {
      const response = await this.#fetch(this.url + path, { ...init, signal: limit.signal });
      const text = await response.text();
      ({ status } = response);
      retryAfter = response.headers.get("retry-after");
      body = this.parse(text);
    } catch (cause) {
      signal?.throwIfAborted();
      const why = limit.signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(cause);
      return { again: new UnreachableError(this.url, why, { cause }) };
    } finally {
      limit.end();
    }
    if (status < 200 || status > 299) return refused(status, body, retryAfter);
    const late = lateProblem(body);
    if (late !== undefined) return refused(late.status, late, null);
    if (typeof body === "object" && body !== null) return { done: body as T };
    return { again: new UnreachableError(this.url, `its answer (${status}) is not JSON`) };
  }

  /** A signal that aborts with the caller's, or when the time for one attempt is over. */
  #timeLimit(ms: number, signal: AbortSignal | undefined) {
    const timeout = new AbortController();
    const ended = new AbortController();
    void this.clock.sleep(ms, ended.signal).then(() => {
      if (!ended.signal.aborted) timeout.abort();
    });
    const either =
      signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]);
    return { signal: either, end: () => ended.abort() };
  }
}

/** The problem of a request that was refused after its response had begun. */
function lateProblem(body: unknown): { readonly status: number } | undefined {
  if (typeof body !== "object" || body === null || !("problem" in body)) return undefined;
  return body.problem as { readonly status: number };
}

function refused(status: number, body: unknown, retryAfter: string | null): Attempt<never> {
  const error = refusalOf(status, body);
  if (!error.retryable) throw error;
  const seconds = Number(retryAfter ?? 0);
  return { again: error, afterMs: seconds > 0 ? seconds * 1000 : 0 };
}

/** Why a connection failed: Node's `fetch` hides the reason in causes. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.cause !== undefined) return reasonOf(cause.cause);
  const { code } = cause as { code?: unknown };
  return cause.message !== "" ? cause.message : typeof code === "string" ? code : cause.name;
}
