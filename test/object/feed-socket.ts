/**
 * A socket on which somebody reads the feed, for tests: what it was sent, how it was closed, and what it keeps.
 * Invariant: what is kept is a copy within the platform's bound, so that nothing outlives an instance that really would not.
 */
import type { FeedEvent, FeedPage } from "../../src/contract/feed.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Problem } from "../../src/contract/refusals.ts";
import type { FeedReader, FeedSocket } from "../../src/object/feed.ts";

export class FeedTestSocket implements FeedSocket {
  /** What was sent, in order. */
  readonly sent: string[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  #kept: string | undefined;

  kept(): FeedReader | undefined {
    return this.#kept === undefined ? undefined : (JSON.parse(this.#kept) as FeedReader);
  }

  keep(reader: FeedReader): void {
    const text = JSON.stringify(reader);
    if (text.length > limits.attachmentBytesMax) throw new Error("too much to keep with a socket");
    this.#kept = text;
  }

  send(text: string): void {
    if (this.closed !== undefined)
      throw new TypeError("Can't call WebSocket send() after close().");
    this.sent.push(text);
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }

  get frames(): readonly (FeedPage | { readonly problem: Problem })[] {
    return this.sent.map((text) => JSON.parse(text) as FeedPage);
  }

  /** All events that it was sent. */
  get events(): readonly FeedEvent[] {
    return this.frames.flatMap((frame) => ("events" in frame ? frame.events : []));
  }

  /** The problem that it was told, if any. */
  get problem(): Problem | undefined {
    const last = this.frames.at(-1);
    return last !== undefined && "problem" in last ? last.problem : undefined;
  }
}
