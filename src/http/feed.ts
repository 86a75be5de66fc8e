/**
 * The feed through the gate: pages of JSON, server-sent events, or a socket that goes through to the queue's object.
 * Invariant: the gate holds no more of a feed than the frames that its reader has not taken yet, and acknowledges each once it was taken.
 */

import { isRejected } from "../contract/checked.ts";
import {
  ACK,
  encodeFeed,
  type FeedOpening,
  type FeedPage,
  type FeedQuery,
  feedQuery,
} from "../contract/feed.ts";
import { unpackAnswer } from "../contract/packing.ts";
import type { Problem, Refusal } from "../contract/refusals.ts";
import { socketPaths } from "../contract/sockets.ts";
import { inputRefusal } from "../contract/validate.ts";
import { jsonResponse } from "./answers.ts";
import { fromQuery } from "./inputs.ts";
import { problemResponse, refusalResponse } from "./problems.ts";
import type { Serve, Streaming } from "./snapshots.ts";
import { streamed } from "./streaming.ts";

/** How often who reads server-sent events is sent a comment: either side learns whether the other is there. */
const PULSE_MS = 10_000;
/** How soon a reader that lost its connection is asked to come again. */
const AGAIN_MS = 1000;

/** Gives the feed in the form that is asked for. */
export const readFeed: Serve = async (call) => {
  const { headers, url, method } = call.request;
  const query = fromQuery(feedQuery, url, ["limit", "waitMs"]);
  if (isRejected(query)) return refusalResponse(query.refusal);
  const isSocket = headers.get("upgrade")?.toLowerCase() === "websocket";
  const isStream = headers.get("accept")?.includes("text/event-stream") === true;
  // A HEAD has no body that would ever be read to its end.
  if (method === "HEAD" || !(isSocket || isStream)) return await page(call, query.value);
  const { waitMs, ...input } = query.value;
  if (waitMs !== undefined) return refusalResponse(endless);
  // Whoever comes again has this header, and the address with which it came the first time.
  const after = headers.get("last-event-id") || input.after;
  const opening = { input: after === undefined ? input : { ...input, after } };
  if (isSocket) return await through(call, { ...opening, form: "json" });
  return await events(call, { ...opening, form: "sse" });
};

const endless = inputRefusal([
  { pointer: "/waitMs", code: "input_invalid", detail: "A stream has no end to wait for." },
]);

/** A page; where there is no event yet, as soon as there is one. */
async function page(call: Streaming, { waitMs = 0, ...input }: FeedQuery): Promise<Response> {
  const answer = await call.ask("feed.read", input);
  if ("refusal" in answer) return refusalResponse(answer.refusal);
  const { now, events: found, cursor, more } = JSON.parse(answer.reply) as FeedPage;
  if (waitMs === 0 || more || found.length > 0) return jsonResponse(answer.reply);
  const frames = await Frames.open(call, { input: { ...input, after: cursor }, form: "json" });
  if (!(frames instanceof Frames)) return refusalResponse(frames);
  const frame = await frames.next(waitMs);
  frames.close();
  if (typeof frame !== "string") {
    const later = Math.max(now, Date.now());
    return jsonResponse(encodeFeed({ now: later, events: [], cursor, more }));
  }
  const { problem } = JSON.parse(frame) as { readonly problem?: Problem };
  return problem === undefined ? jsonResponse(frame) : problemResponse(problem);
}

/** The caller's socket is the object's: nothing of it stays here. */
async function through(call: Streaming, opening: FeedOpening): Promise<Response> {
  const response = await opened(call, opening);
  return response instanceof Response ? response : refusalResponse(response);
}

/** Server-sent events, a frame at a time, as their reader takes them. */
async function events(call: Streaming, opening: FeedOpening): Promise<Response> {
  const frames = await Frames.open(call, opening);
  if (!(frames instanceof Frames)) return refusalResponse(frames);
  const headers = { "content-type": "text/event-stream" };
  return streamed(textsOf(frames), headers, () => frames.close());
}

async function* textsOf(frames: Frames): AsyncGenerator<string> {
  yield `retry: ${AGAIN_MS}\n\n`;
  for (;;) {
    const frame = await frames.next(PULSE_MS);
    if (frame === undefined) return;
    if (frame === silence) {
      yield ":\n\n";
    } else {
      yield frame;
      // What comes behind is asked for once this was taken.
      frames.taken();
    }
  }
}

/** The object's answer to who would read: a response with a socket, or a refusal. */
async function opened(call: Streaming, opening: FeedOpening): Promise<Response | Refusal> {
  const response = await call.connect(
    `${socketPaths.feed}?${encodeURIComponent(JSON.stringify(opening))}`,
  );
  if (response.webSocket !== null) return response;
  const answer = unpackAnswer(await response.text());
  if ("refusal" in answer) return answer.refusal;
  throw new Error("the queue's object gave no socket");
}

const silence = Symbol("silence");

/** The frames that a socket to the object brings. */
class Frames {
  readonly #socket: WebSocket;
  readonly #frames: string[] = [];
  #isOver = false;
  #news = Promise.withResolvers<void>();

  private constructor(socket: WebSocket, signal: AbortSignal) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#frames.push(String(data));
      this.#tell();
    });
    socket.addEventListener("close", () => this.#end());
    socket.addEventListener("error", () => this.#end());
    signal.addEventListener("abort", () => this.close());
    socket.accept();
    if (signal.aborted) this.close();
  }

  /** Opens a socket, or says why the object does not. */
  static async open(call: Streaming, opening: FeedOpening): Promise<Frames | Refusal> {
    const response = await opened(call, opening);
    if (!(response instanceof Response)) return response;
    if (response.webSocket === null) throw new Error("the queue's object gave no socket");
    return new Frames(response.webSocket, call.request.signal);
  }

  /** The next frame; undefined behind the last one, and silence where none came in time. */
  async next(ms: number): Promise<string | typeof silence | undefined> {
    if (this.#frames.length === 0 && !this.#isOver) {
      const timer = setTimeout(() => this.#tell(), ms);
      await this.#news.promise;
      clearTimeout(timer);
    }
    const frame = this.#frames.shift();
    if (frame !== undefined) return frame;
    return this.#isOver ? undefined : silence;
  }

  /** The reader has a frame. */
  taken(): void {
    if (!this.#isOver) this.#socket.send(ACK);
  }

  close(): void {
    if (!this.#isOver) this.#socket.close(1000, "done");
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#tell();
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}
