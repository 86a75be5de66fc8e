/**
 * A worker's way to its queue by channels: opened, and opened again whenever it was lost, under one session.
 * Invariant: at most one channel at a time; where none can be had, the worker is told so and goes by requests.
 */
import { Channel, type ChannelEvents, type Hello } from "./channel.ts";
import { backoffMs } from "./clock.ts";
import type { Queue } from "./queue.ts";
import { turnTimeoutMs } from "./turn.ts";
import type { WorkerOptions } from "./worker-options.ts";

/** How long a worker that may go by requests waits for a channel before it does. */
const PATIENCE_MS = 1_000;
const AGAIN_BASE_MS = 500;
const AGAIN_CAP_MS = 30_000;

/** 192 random bits: who knows them may take the session's leases over. */
function newSession(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Link<Payload> {
  readonly #queue: Pick<Queue, "path" | "transport">;
  readonly #events: ChannelEvents<Payload>;
  readonly #freeSlots: () => number;
  readonly #hello: Hello;
  readonly #timeoutMs: number;
  #channel: Channel<Payload> | undefined;
  #wasWelcome = false;
  #failures = 0;
  #openAt: number;

  constructor(
    queue: Pick<Queue, "path" | "transport">,
    options: Pick<WorkerOptions<Payload>, "capabilities" | "kinds" | "leaseMs" | "transport"> & {
      readonly worker: string;
    },
    freeSlots: () => number,
    events: ChannelEvents<Payload>,
  ) {
    const { worker, leaseMs, capabilities, kinds, transport } = options;
    this.#queue = queue;
    this.#freeSlots = freeSlots;
    this.#events = events;
    this.#hello = { session: newSession(), worker, leaseMs, capabilities, kinds };
    this.#timeoutMs = turnTimeoutMs(leaseMs);
    const isWanted = transport === "socket" || queue.transport.canConnect;
    this.#openAt = transport !== "http" && isWanted ? 0 : Number.POSITIVE_INFINITY;
  }

  /** The channel, while it is open. */
  get channel(): Channel<Payload> | undefined {
    return this.#channel?.isOpen ? this.#channel : undefined;
  }

  /** Whether it is time to open one. */
  get isToOpen(): boolean {
    return this.#channel === undefined && this.#openAt <= this.#queue.transport.clock.now();
  }

  /** When something is due on it by itself. */
  get dueAt(): number {
    return this.#channel?.dueAt(this.#freeSlots()) ?? this.#openAt;
  }

  /** Does what is due on its channel. */
  tend(): void {
    this.#channel?.tend(this.#freeSlots());
  }

  /** Opens a channel. Resolves with whether it is open, after a while at the latest: it may be open later. */
  async open(): Promise<boolean> {
    const { clock } = this.#queue.transport;
    const given = { path: this.#queue.path, hello: this.#hello, resume: this.#wasWelcome };
    const channel: Channel<Payload> = new Channel(
      this.#queue.transport,
      given,
      this.#timeoutMs,
      this.#freeSlots,
      {
        ...this.#events,
        closed: (error, refused) => {
          if (this.#channel === channel) this.#channel = undefined;
          this.#openAt =
            clock.now() + backoffMs(clock, this.#failures++, AGAIN_BASE_MS, AGAIN_CAP_MS);
          this.#events.closed(error, refused);
        },
        resumed: (leases, now) => {
          this.#wasWelcome = true;
          this.#failures = 0;
          this.#events.resumed(leases, now);
        },
      },
    );
    this.#channel = channel;
    const done = new AbortController();
    const patience = clock.sleep(PATIENCE_MS, done.signal).then(() => false);
    const isOpen = await Promise.race([channel.welcome, patience]);
    done.abort();
    return isOpen;
  }

  /** Opens no more. */
  close(): void {
    this.#channel?.close();
    this.#openAt = Number.POSITIVE_INFINITY;
  }
}
