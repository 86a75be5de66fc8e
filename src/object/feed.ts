/**
 * Who reads the feed on a socket: each is sent what the log has behind its place, as fast as it says that it has it.
 * Invariant: nothing is sent before it is durable; the log is the only buffer, so that a slow reader costs no memory, misses nothing, and
 * is told why when the log does not go back to its place any more.
 */
import {
  ACK,
  closeCodeOf,
  cursorText,
  encodeFeed,
  type FeedForm,
  type FeedInput,
  type FeedOpening,
  feedAsSse,
  problemAsSse,
} from "../contract/feed.ts";
import { limits } from "../contract/limits.ts";
import { isRefusal, problemOf, type Refusal, refuse } from "../contract/refusals.ts";
import type { HardState } from "../store/hard-state.ts";
import type { SluiceStore } from "../store/schema.ts";
import {
  type FeedFilter,
  type FeedPlace,
  type FeedStretch,
  filterOf,
  isBehind,
  placeOf,
  stretchOf,
  whyLost,
} from "./feed-pages.ts";
import type { Telling } from "./line.ts";
import { queueUnknown, refusalOfFault } from "./refusals.ts";

/** What is kept with a socket while the object sleeps. */
export interface FeedReader {
  readonly place: FeedPlace;
  readonly filter: FeedFilter;
  readonly form: FeedForm;
  /** Frames that it was sent and has not acknowledged. */
  readonly unread: number;
  /** Entries that were passed over since the last frame. */
  readonly silent: number;
}

/** A socket, as far as a reader needs it. */
export interface FeedSocket {
  kept(): FeedReader | undefined;
  keep(reader: FeedReader): void;
  /** Throws once the other side has closed it. */
  send(text: string): void;
  close(code: number, reason: string): void;
}

interface FeedPorts {
  readonly name: string;
  store(): SluiceStore;
  at(): number;
  report(error: unknown, what: string): void;
}

/** Stretches that were read in one turn, since readers at one place that want the same are sent the same. */
type Shared = Map<string, FeedStretch>;

export class Feed {
  readonly #ports: FeedPorts;
  readonly #readers = new Map<FeedSocket, FeedReader>();
  /** The last entry that is known to be durable. */
  #durable = 0;
  /** The bookkeeping of the log against which a reader's place was last checked. */
  readonly #checked = new WeakMap<FeedSocket, HardState>();

  constructor(ports: FeedPorts, sockets: Iterable<FeedSocket>) {
    this.#ports = ports;
    for (const socket of sockets) {
      const kept = socket.kept();
      if (kept !== undefined) this.#readers.set(socket, kept);
    }
  }

  /** One page, up to the last entry: to be told once that is durable. */
  page(input: FeedInput) {
    const store = this.#ports.store();
    const from = placeOf(store, input.after);
    if (isRefusal(from)) return from;
    const stretch = stretchOf(store, from, store.last.index, filterOf(input));
    return this.#pageOf(stretch, store.last.index);
  }

  /** Where a reader would begin, or why it cannot. */
  begin({ input, form }: FeedOpening): FeedReader | Refusal {
    try {
      const place = placeOf(this.#ports.store(), input.after);
      if (isRefusal(place)) return place;
      const filter = filterOf({ limit: limits.feedEventsMax, ...input });
      return { place, filter, form, unread: 0, silent: 0 };
    } catch (fault) {
      this.#ports.report(fault, "feed");
      return refusalOfFault(fault);
    }
  }

  /** Takes a reader, which is told at once what there is; one that begins with what happens from now on, first where that is. */
  follow(socket: FeedSocket, reader: FeedReader): Telling[] {
    this.#keep(socket, reader);
    const isFromNow = reader.place.isWhole;
    const greet = () => {
      const known = this.#readers.get(socket);
      if (known !== undefined) this.#tell(socket, known, { events: [], place: known.place });
    };
    const greeting = { tell: greet, undo: () => undefined };
    return isFromNow ? [greeting, ...this.appended()] : this.appended();
  }

  /** What readers are to be told of all that is written so far, once it is durable. */
  appended(): Telling[] {
    if (this.#readers.size === 0) return [];
    const { index } = this.#ports.store().last;
    return [{ tell: () => this.#reach(index), undo: () => undefined }];
  }

  /** Hears a reader, who has a frame. Returns what it is to be told. */
  hear(socket: FeedSocket, text: string): Telling[] {
    const reader = this.#readers.get(socket);
    if (reader === undefined) return [];
    if (text !== ACK) {
      this.#end(socket, reader, notUnderstood);
      return [];
    }
    this.#keep(socket, { ...reader, unread: Math.max(0, reader.unread - 1) });
    // An instance that has just begun knows of nothing that is durable.
    if (this.#durable === 0) return this.appended();
    this.#serve(socket, new Map());
    return [];
  }

  /** Nothing more is read: all are told why. */
  refuse(why: Refusal): void {
    for (const [socket, reader] of [...this.#readers]) this.#end(socket, reader, why);
  }

  leave(socket: FeedSocket): void {
    this.#readers.delete(socket);
  }

  /** The queue was deleted: the numbers of entries begin anew. */
  forgetQueue(): void {
    this.#durable = 0;
  }

  #reach(index: number): void {
    this.#durable = Math.max(this.#durable, index);
    const shared: Shared = new Map();
    for (const socket of this.#readers.keys()) this.#serve(socket, shared);
  }

  /** Sends a reader what is there for it, as much as it may be sent. A fault ends this reader, and no other. */
  #serve(socket: FeedSocket, shared: Shared): void {
    try {
      let reader = this.#readers.get(socket);
      while (reader !== undefined) reader = this.#serveOne(socket, reader, shared);
    } catch (fault) {
      this.#ports.report(fault, "feed");
      const reader = this.#readers.get(socket);
      if (reader !== undefined) this.#end(socket, reader, refusalOfFault(fault));
    }
  }

  /** One stretch of the log for a reader. Returns the reader where there may be more for it. */
  #serveOne(socket: FeedSocket, reader: FeedReader, shared: Shared): FeedReader | undefined {
    const lost = this.#whyLost(socket, reader.place);
    if (lost !== undefined) {
      this.#end(socket, reader, lost);
      return undefined;
    }
    if (reader.unread >= limits.feedFramesMax) return undefined;
    if (!isBehind(reader.place, this.#durable)) return undefined;
    const stretch = this.#stretchFor(reader, shared);
    const silent = reader.silent + stretch.place.index - reader.place.index;
    // Where a filter passes over much, each stretch waits for its acknowledgement like any other, or one turn could read a whole log.
    const isAtEnd = !isBehind(stretch.place, this.#durable);
    const isQuiet = isAtEnd && stretch.events.length === 0 && silent < limits.feedSilentEntries;
    if (isQuiet) this.#keep(socket, { ...reader, place: stretch.place, silent });
    else this.#tell(socket, reader, stretch);
    return this.#readers.get(socket);
  }

  /** Sends a reader a frame, which is to be acknowledged. */
  #tell(socket: FeedSocket, reader: FeedReader, stretch: FeedStretch): void {
    this.#keep(socket, { ...reader, place: stretch.place, unread: reader.unread + 1, silent: 0 });
    const page = this.#pageOf(stretch, this.#durable);
    this.#send(
      socket,
      reader.form === "sse" ? feedAsSse(page, reader.filter.texts) : encodeFeed(page),
    );
  }

  #stretchFor({ place, filter }: FeedReader, shared: Shared): FeedStretch {
    const { types = [], texts, limit } = filter;
    const name = `${cursorText(place)} ${place.isWhole} ${texts} ${limit} ${types.join()}`;
    const known = shared.get(name);
    if (known !== undefined) return known;
    const stretch = stretchOf(this.#ports.store(), place, this.#durable, filter);
    shared.set(name, stretch);
    return stretch;
  }

  /** Whether the log still has a place is asked again only when its bookkeeping has changed. */
  #whyLost(socket: FeedSocket, place: FeedPlace): Refusal | undefined {
    const store = this.#ports.store();
    if (store.hard === undefined) return queueUnknown(this.#ports.name);
    if (this.#checked.get(socket) === store.hard) return undefined;
    this.#checked.set(socket, store.hard);
    return whyLost(store, place);
  }

  #pageOf({ events, place }: FeedStretch, upTo: number) {
    const more = isBehind(place, upTo);
    return { now: this.#ports.at(), events, cursor: cursorText(place), more };
  }

  #keep(socket: FeedSocket, reader: FeedReader): void {
    this.#readers.set(socket, reader);
    socket.keep(reader);
  }

  /** The last that a reader is told. */
  #end(socket: FeedSocket, { form }: FeedReader, refusal: Refusal): void {
    const problem = problemOf(refusal);
    const json = JSON.stringify(problem);
    this.#send(socket, form === "sse" ? problemAsSse(json) : `{"problem":${json}}`);
    const isThere = this.#readers.delete(socket);
    if (isThere) socket.close(closeCodeOf(problem.status), problem.code);
  }

  /** A socket that takes nothing any more is that of a reader who has gone. */
  #send(socket: FeedSocket, text: string): void {
    try {
      socket.send(text);
    } catch {
      this.leave(socket);
    }
  }
}

const notUnderstood = refuse(
  "input_invalid",
  `A reader of the feed says "${ACK}" once for each frame, and nothing else.`,
);
