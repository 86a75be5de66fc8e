/**
 * One channel of a worker, from its hello to its end: jobs come over it as they become ready, and settlements go.
 * Invariant: the credit it gives never exceeds the worker's free slots; a batch is answered, or fails with the channel.
 */
import type { LostLease, PING, SUBPROTOCOL } from "../contract/channel.ts";
import type { HeldLease } from "../contract/leases.ts";
import type { Problem } from "../contract/refusals.ts";
import { withTasks } from "./claimed.ts";
import { refusalOf, UnreachableError } from "./errors.ts";
import { type Batch, jsonArray } from "./outbox.ts";
import type { Transport } from "./transport.ts";
import type { ClaimedJob, SettleAnswer } from "./types.ts";

const PROTOCOL: typeof SUBPROTOCOL = "sluice.v1";
const PING_FRAME: typeof PING = '{"type":"ping"}';
/** How often a channel that has nothing else to say says that it is there. */
const PING_EVERY_MS = 15_000;
/** What has arrived, and what may come, is said with what else there is to say, or after this time. */
const SAY_WITHIN_MS = 2;
/** Settlements under way: what ends meanwhile goes together with the next ones. */
const FRAMES_MAX = 4;
/** So many settlements do not wait for the answer to those before them. */
const ITEMS_AT_ONCE = 50;

/** What a worker says of itself; the same for all its channels. */
export interface Hello {
  readonly session: string;
  readonly worker: string;
  readonly leaseMs: number | undefined;
  readonly capabilities: readonly string[] | undefined;
  readonly kinds: readonly string[] | undefined;
}

/** Jobs that were pushed, with the server's time. */
export interface Pushed<Payload> {
  readonly now: number;
  readonly jobs: readonly ClaimedJob<Payload>[];
}

/** The answer to one frame of settlements. */
export interface SettledFrame {
  readonly now: number;
  readonly items: readonly SettleAnswer[];
}

/** Who hears what comes over a channel. */
export interface ChannelEvents<Payload> {
  resumed(leases: readonly HeldLease[], now: number): void;
  jobs(pushed: Pushed<Payload>): void;
  lost(items: readonly LostLease[]): void;
  /** Something came: the server is there. */
  heard(): void;
  /** It is over, once; `refused` where the server said why. */
  closed(error: Error, refused: boolean): void;
}

type Frame<Payload> =
  | { readonly type: "welcome"; readonly now: number; readonly resumed: readonly HeldLease[] }
  | ({ readonly type: "jobs"; readonly delivery: number } & Pushed<Payload>)
  | ({ readonly type: "settled"; readonly frame: number } & SettledFrame)
  | { readonly type: "settled"; readonly frame: number; readonly problem: Problem }
  | { readonly type: "cancel"; readonly items: readonly LostLease[] }
  | { readonly type: "problem"; readonly problem: Problem }
  | { readonly type: "pong" };

interface Sent {
  readonly sentAt: number;
  readonly resolve: (answer: SettledFrame) => void;
  readonly reject: (error: Error) => void;
}

export class Channel<Payload> {
  readonly #transport: Transport;
  readonly #events: ChannelEvents<Payload>;
  readonly #timeoutMs: number;
  readonly #socket: WebSocket;
  readonly #welcome = Promise.withResolvers<boolean>();
  readonly #sent = new Map<number, Sent>();
  #frames = 0;
  /** How many jobs may still come. */
  #granted = 0;
  /** Whether another delivery like the newest would use up what was allowed. */
  isUsedUp = false;
  /** The newest delivery, and when it is to be acknowledged at the latest. */
  #delivery = 0;
  #sayAt = Number.POSITIVE_INFINITY;
  #pingAt: number;
  #pongBy = Number.POSITIVE_INFINITY;
  #isOpen = false;
  #isOver = false;
  #refused: Error | undefined;

  /** Opens a channel to a queue. `credit` is asked for when it is open. */
  constructor(
    transport: Transport,
    {
      path,
      hello,
      resume,
    }: { readonly path: string; readonly hello: Hello; readonly resume: boolean },
    timeoutMs: number,
    credit: () => number,
    events: ChannelEvents<Payload>,
  ) {
    this.#transport = transport;
    this.#events = events;
    this.#timeoutMs = timeoutMs;
    this.#pingAt = transport.clock.now() + PING_EVERY_MS;
    this.#pongBy = transport.clock.now() + timeoutMs;
    this.#socket = transport.connect(`${path}/connect`, PROTOCOL);
    this.#socket.addEventListener("open", () => {
      this.#granted = credit();
      const said = { ...hello, credit: this.#granted, ...(resume && { resume }) };
      this.#socket.send(JSON.stringify({ type: "hello", ...said }));
    });
    this.#socket.addEventListener("message", ({ data }) => this.#hear(String(data)));
    this.#socket.addEventListener("close", ({ code, reason }) => {
      this.#lose(`its channel was closed (${code}${reason === "" ? "" : `, ${reason}`})`);
    });
    this.#socket.addEventListener("error", () => this.#lose("its channel broke"));
  }

  /** Whether it has come to be welcome; false where it never will. */
  get welcome(): Promise<boolean> {
    return this.#welcome.promise;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether so many settlements may be sent now: few of them wait for the others of their time, as in Nagle's algorithm. */
  hasRoomFor(items: number): boolean {
    const { size } = this.#sent;
    return size === 0 || (size < FRAMES_MAX && items >= ITEMS_AT_ONCE);
  }

  /** When something is due on it by itself, with so many free slots. */
  dueAt(freeSlots: number): number {
    if (!this.#isOpen) return this.#pongBy;
    const [oldest] = this.#sent.values();
    const answerBy =
      oldest === undefined ? Number.POSITIVE_INFINITY : oldest.sentAt + this.#timeoutMs;
    return Math.min(answerBy, this.#creditAt(freeSlots), this.#pingAt, this.#pongBy);
  }

  /** When it is to be said what has arrived, and how much may come: at once where that is nothing, or the queue knows of nothing. */
  #creditAt(freeSlots: number): number {
    if (freeSlots === this.#granted) return this.#sayAt;
    if (freeSlots === 0 || this.#granted <= 0) return 0;
    this.#sayAt = Math.min(this.#sayAt, this.#transport.clock.now() + SAY_WITHIN_MS);
    return this.#sayAt;
  }

  /** Says what is due by itself: that jobs have arrived, how many more may come, that it is there. */
  tend(freeSlots: number): void {
    const now = this.#transport.clock.now();
    const [oldest] = this.#sent.values();
    if (this.#pongBy <= now || (oldest !== undefined && oldest.sentAt + this.#timeoutMs <= now)) {
      this.#lose(`no answer within ${this.#timeoutMs} ms`);
    } else if (this.#isOpen && this.#creditAt(freeSlots) <= now) {
      this.#send(`{"type":"credit"${this.#said(freeSlots)}}`);
    } else if (this.#isOpen && this.#pingAt <= now) {
      this.#pongBy = now + this.#timeoutMs;
      this.#send(PING_FRAME);
    }
  }

  /** Sends settlements, and says how many jobs may come. Resolves with their answers. */
  settle(batch: Batch<SettleAnswer>, freeSlots: number): Promise<SettledFrame> {
    const { promise, resolve, reject } = Promise.withResolvers<SettledFrame>();
    this.#frames += 1;
    this.#sent.set(this.#frames, { sentAt: this.#transport.clock.now(), resolve, reject });
    const head = `{"type":"settle","frame":${this.#frames}${this.#said(freeSlots)}`;
    this.#send(`${head},"items":${jsonArray(batch)}}`);
    return promise;
  }

  /** Closes it, which no event tells: what has not arrived goes back at once. */
  close(): void {
    this.#end("the worker has closed its channel");
  }

  #said(freeSlots: number): string {
    this.#granted = freeSlots;
    this.#sayAt = Number.POSITIVE_INFINITY;
    return `,"ack":${this.#delivery},"credit":${freeSlots}`;
  }

  #send(text: string): void {
    this.#pingAt = this.#transport.clock.now() + PING_EVERY_MS;
    try {
      this.#socket.send(text);
    } catch (error) {
      // Its end has not been told yet.
      this.#lose(String(error));
    }
  }

  #hear(text: string): void {
    if (this.#isOver) return;
    this.#pongBy = Number.POSITIVE_INFINITY;
    const frame = this.#transport.parse(text) as Frame<Payload>;
    this.#events.heard();
    switch (frame.type) {
      case "welcome":
        this.#isOpen = true;
        this.#events.resumed(frame.resumed, frame.now);
        this.#welcome.resolve(true);
        break;
      case "jobs":
        this.#delivery = frame.delivery;
        this.#granted -= frame.jobs.length;
        this.isUsedUp = this.#granted <= frame.jobs.length;
        this.#sayAt = this.#transport.clock.now() + SAY_WITHIN_MS;
        this.#events.jobs(withTasks<Payload, Pushed<Payload>>(frame));
        break;
      case "settled":
        this.#answered(frame);
        break;
      case "cancel":
        this.#events.lost(frame.items);
        break;
      case "problem":
        this.#refused = refusalOf(frame.problem.status, frame.problem);
    }
  }

  #answered(frame: Extract<Frame<Payload>, { readonly type: "settled" }>): void {
    const sent = this.#sent.get(frame.frame);
    this.#sent.delete(frame.frame);
    if ("problem" in frame) sent?.reject(refusalOf(frame.problem.status, frame.problem));
    else sent?.resolve(frame);
  }

  /** It was lost, or closed by the queue. */
  #lose(why: string): void {
    if (this.#isOver) return;
    this.#end(why);
    const error = this.#refused ?? new UnreachableError(this.#transport.url, why);
    this.#events.closed(error, this.#refused !== undefined);
  }

  #end(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isOpen = false;
    for (const { reject } of this.#sent.values()) {
      reject(new UnreachableError(this.#transport.url, why));
    }
    this.#sent.clear();
    this.#socket.close();
    this.#welcome.resolve(false);
  }
}
