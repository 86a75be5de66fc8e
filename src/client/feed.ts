/**
 * Watching a queue: every event in order, over server-sent events, or over pages where these do not come through.
 * Invariant: an event comes once and in its place, however often the connection is lost; what cannot be told any more is an error, never
 * a gap.
 */
import type { FeedEvent, FeedEventType, FeedPage } from "../contract/feed.ts";
import type { Problem } from "../contract/refusals.ts";
import { backoffMs } from "./clock.ts";
import { refusalOf, UnreachableError } from "./errors.ts";
import type { Transport } from "./transport.ts";

export type { FeedEvent, FeedEventType } from "../contract/feed.ts";

/** What to watch, and from where on. */
export interface WatchOptions<T extends FeedEventType = FeedEventType> {
  /**
   * The `cursor` of the last event that was had, or `now` for what happens from now on. Without it, watching begins with the
   * first event that is kept: of 24 hours, or of 256 MB.
   */
  readonly after?: string | undefined;
  /** Only events of these types. */
  readonly types?: readonly T[] | undefined;
  /** Also what users wrote: payloads, results, progress, plans, outputs of tasks. */
  readonly payloads?: boolean | undefined;
  /** Ends the watching: no event follows. */
  readonly signal?: AbortSignal | undefined;
  /** Told of every connection that was lost and is made anew. */
  readonly onRetry?: ((error: Error, delayMs: number) => void) | undefined;
}

/** The server says something every ten seconds. */
const SILENCE_MS = 35_000;
/** A stream begins at once, unless something between here and there keeps it back. */
const BEGIN_MS = 10_000;
const PAGE_WAIT_MS = 30_000;
const AGAIN_BASE_MS = 100;
const AGAIN_CAP_MS = 5_000;

/** What a stream brings: an event, or only how far it is. */
interface Part {
  readonly cursor: string;
  readonly event?: FeedEvent;
}

/** Watches the queue at an address. */
export class Watch {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #options: WatchOptions;
  #after: string | undefined;
  /** Streams do not come through. */
  #isPaged = false;

  constructor(transport: Transport, queuePath: string, options: WatchOptions) {
    this.#transport = transport;
    this.#path = `${queuePath}/feed`;
    this.#options = options;
    this.#after = options.after;
  }

  /** The events, until they are enough. Throws a `SluiceError` where they cannot go on, and an `UnreachableError` without an answer. */
  async *events(): AsyncGenerator<FeedEvent, void, undefined> {
    const { signal } = this.#options;
    for (let fruitless = 0; signal?.aborted !== true; fruitless += 1) {
      const lost = yield* this.#connection(() => {
        fruitless = 0;
      });
      if (lost === undefined || signal?.aborted) return;
      const { clock } = this.#transport;
      const delayMs = backoffMs(clock, fruitless, AGAIN_BASE_MS, AGAIN_CAP_MS);
      this.#options.onRetry?.(lost, delayMs);
      await clock.sleep(delayMs, signal);
    }
  }

  /** The events of one connection. Returns how it was lost; undefined where nobody watches any more. */
  async *#connection(onPart: () => void): AsyncGenerator<FeedEvent, Error | undefined, undefined> {
    try {
      for await (const { cursor, event } of this.#isPaged ? this.#pages() : this.#stream()) {
        onPart();
        this.#after = cursor;
        if (event !== undefined) yield event;
      }
      return new UnreachableError(this.#transport.url, "the feed broke off");
    } catch (error) {
      if (this.#options.signal?.aborted) return undefined;
      if (error instanceof Lost) return error.cause;
      throw error;
    }
  }

  get #query() {
    const { types, payloads } = this.#options;
    return {
      after: this.#after,
      types: types?.join(),
      include: payloads ? "payload" : undefined,
    };
  }

  async *#pages(): AsyncGenerator<Part, void, undefined> {
    const { signal, onRetry } = this.#options;
    for (;;) {
      const page = await this.#transport.read<FeedPage>(
        this.#path,
        { ...this.#query, waitMs: PAGE_WAIT_MS },
        { signal, onRetry, waitMs: PAGE_WAIT_MS },
      );
      for (const event of page.events) yield { cursor: event.cursor, event };
      yield { cursor: page.cursor };
    }
  }

  async *#stream(): AsyncGenerator<Part, void, undefined> {
    const { signal, onRetry } = this.#options;
    const options = { signal, onRetry, timeoutMs: BEGIN_MS };
    const response = await this.#transport.stream(this.#path, this.#query, options);
    if (response === undefined) throw this.#notThrough("no stream began in time");
    if (!response.headers.get("content-type")?.startsWith("text/event-stream")) {
      await response.body?.cancel();
      throw this.#notThrough("the answer is no stream of events");
    }
    const reader = response.body?.getReader();
    if (reader === undefined) throw this.#notThrough("the answer is empty");
    try {
      yield* this.#partsOf(reader);
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }

  async *#partsOf(reader: Reader): AsyncGenerator<Part, void, undefined> {
    const decoder = new TextDecoder();
    let text = "";
    let hasBegun = false;
    for (;;) {
      const bytes = await this.#chunk(reader, hasBegun ? SILENCE_MS : BEGIN_MS);
      if (bytes === undefined) return;
      if (bytes === silence) {
        throw hasBegun ? lostBy("nothing came", this.#transport) : this.#notThrough("nothing came");
      }
      hasBegun = true;
      const parts = (text + decoder.decode(bytes, { stream: true })).split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) {
        const known = this.#partIn(part);
        if (known !== undefined) yield known;
      }
    }
  }

  /** The next bytes; undefined at the end, and silence where none come in time. */
  async #chunk(reader: Reader, ms: number): Promise<Uint8Array | typeof silence | undefined> {
    const heard = new AbortController();
    const quiet = this.#transport.clock.sleep(ms, heard.signal).then((): typeof silence => silence);
    try {
      const chunk = await Promise.race([reader.read(), quiet]);
      return chunk === silence ? silence : chunk.value;
    } catch (cause) {
      throw lostBy(cause instanceof Error ? cause.message : String(cause), this.#transport);
    } finally {
      heard.abort();
    }
  }

  /** What stands between two empty lines. */
  #partIn(text: string): Part | undefined {
    let cursor: string | undefined;
    let type = "";
    const data: string[] = [];
    for (const line of text.split("\n")) {
      if (line.startsWith("id: ")) cursor = line.slice(4);
      else if (line.startsWith("event: ")) type = line.slice(7);
      else if (line.startsWith("data: ")) data.push(line.slice(6));
    }
    const value = data.length === 0 ? undefined : this.#transport.parse(data.join("\n"));
    if (type === "problem") throw this.#ended(value as Problem);
    if (cursor === undefined) return undefined;
    return value === undefined ? { cursor } : { cursor, event: value as FeedEvent };
  }

  /** A feed that the server ended: one that may go on later is a connection that was lost. */
  #ended(problem: Problem): Error {
    const error = refusalOf(problem.status, problem);
    return error.retryable ? new Lost(error) : error;
  }

  #notThrough(why: string): Lost {
    this.#isPaged = true;
    return lostBy(why, this.#transport);
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;
const silence = Symbol("silence");

/** A connection that was lost, and why: it is made anew. */
class Lost extends Error {
  override readonly cause: Error;

  constructor(cause: Error) {
    super(cause.message);
    this.cause = cause;
  }
}

const lostBy = (why: string, { url }: Transport): Lost => new Lost(new UnreachableError(url, why));
