/**
 * How readers of the feed come, are heard, and go.
 * Invariant: no reader is told anything that is not durable, nor anything of a store that must not be used.
 */
import type { FeedOpening } from "../contract/feed.ts";
import type { Refusal } from "../contract/refusals.ts";
import type { View } from "../machine/decide.ts";
import type { SluiceStore } from "../store/schema.ts";
import type { Sql } from "../store/sql.ts";
import type { Committer } from "./commit.ts";
import { Feed, type FeedReader, type FeedSocket } from "./feed.ts";
import { queueUnknown } from "./refusals.ts";

interface DoorPorts {
  readonly name: string;
  readonly sql: Pick<Sql, "rows" | "sync">;
  readonly committer: Pick<Committer, "at" | "tell">;
  /** The sockets of readers that outlived the instance before. */
  feeds(): readonly FeedSocket[];
  store(): SluiceStore;
  /** Why the store must not be used. */
  closed(): Refusal | undefined;
  /** Undefined where there is no queue. */
  view(): View | undefined;
  report(error: unknown, what: string): void;
}

export class FeedDoor {
  readonly feed: Feed;
  readonly #ports: DoorPorts;

  constructor(ports: DoorPorts) {
    this.#ports = ports;
    const { name, committer, store, report } = ports;
    this.feed = new Feed({ name, store, at: () => committer.at(), report }, ports.feeds());
  }

  /** Where a reader would begin, or why it cannot. */
  async begin(opening: FeedOpening): Promise<FeedReader | Refusal> {
    const reader = this.#readerOf(opening);
    await this.#ports.sql.sync();
    return reader;
  }

  #readerOf(opening: FeedOpening): FeedReader | Refusal {
    const { closed, name, sql, view } = this.#ports;
    const refusal = closed();
    if (refusal !== undefined) return refusal;
    // As for any read, a superseded instance fails here.
    sql.rows("SELECT 1");
    return view() === undefined ? queueUnknown(name) : this.feed.begin(opening);
  }

  /** Takes a reader, from where it begins. */
  async follow(socket: FeedSocket, reader: FeedReader): Promise<void> {
    await this.#ports.committer.tell(this.feed.follow(socket, reader));
  }

  /** Hears a reader, who has what it was sent. */
  async hear(socket: FeedSocket, text: string): Promise<void> {
    const refusal = this.#ports.closed();
    if (refusal !== undefined) return socket.close(1011, refusal.refusalCode);
    await this.#ports.committer.tell(this.feed.hear(socket, text));
  }

  /** A reader has gone. */
  leave(socket: FeedSocket): void {
    this.feed.leave(socket);
  }
}
