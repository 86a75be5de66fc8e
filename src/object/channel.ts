/**
 * One worker's channel: a claim that stands for as long as its socket does, and whose credit says how much it may bring.
 * Invariant: no more is sent than the credit allows; what was sent is the worker's once it has acknowledged it; all of it is kept with
 * the socket, so that it outlives this instance.
 */
import { type HelloFrame, jobsFrame, lastFrame } from "../contract/channel.ts";
import type { ClaimInput, HeldLease } from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandRequest } from "../contract/rpc.ts";
import type { Given } from "./give-back.ts";
import { type Claimant, demandOf, type Line, type Served, type Telling, telling } from "./line.ts";
import type { WaitSocket } from "./waiters.ts";

/** Jobs that were sent and are not acknowledged yet. Which ones they are, those tell that are held under its token. */
interface Delivery {
  readonly number: number;
  readonly token: string;
  readonly jobs: number;
}

/** What is kept of a channel. */
export interface KeptChannel {
  /** What it asks for, and for which session; undefined before its hello. */
  readonly claim?: ClaimInput | undefined;
  readonly credit: number;
  /** The number of the newest delivery. */
  readonly delivery: number;
  readonly unacknowledged: readonly Delivery[];
  /** When something was last heard of it. */
  readonly heardAt: number;
  /** It was closed from here: nothing that still comes over it is heard. */
  readonly isOver?: true;
}

/** A channel of which nothing was heard yet. */
export const newChannel = (heardAt: number): KeptChannel => ({
  credit: 0,
  delivery: 0,
  unacknowledged: [],
  heardAt,
});

interface ChannelPorts {
  now(): number;
  /** It has ended: nothing is heard of it any more, and nothing sent. */
  ended(channel: Channel): void;
  /** Jobs go back whose channel will not acknowledge them any more. */
  giveBack(given: readonly Given[]): void;
  /** It ends, and its worker was there until now. */
  parting(worker: string): void;
  /** The leases that a session holds. */
  heldBy(session: string): readonly HeldLease[];
}

export class Channel implements Claimant {
  readonly socket: WaitSocket;
  readonly isStanding = true;
  isKeyNew = false;
  request: CommandRequest<"lease.claim">;
  demand: string;
  readonly #ports: ChannelPorts;
  readonly #line: Line;
  #kept: KeptChannel;
  #order: number;
  #heardAt: number;
  /** Whether what is to be kept differs from what is. */
  #isToKeep = false;
  /** Jobs of an entry that is not durable yet. */
  #served: Given | undefined;

  constructor(
    ports: ChannelPorts,
    line: Line,
    socket: WaitSocket,
    kept: KeptChannel,
    order: number,
  ) {
    this.#ports = ports;
    this.#line = line;
    this.socket = socket;
    this.#kept = kept;
    this.#order = order;
    this.#heardAt = kept.heardAt;
    this.request = this.#ask();
    this.demand = demandOf(this.request.input);
    this.#stand();
  }

  get isServed(): boolean {
    return this.#served !== undefined;
  }

  /** Whose channel it is; undefined before its hello. */
  get session(): string | undefined {
    return this.#kept.claim?.session;
  }

  get worker(): string | undefined {
    return this.#kept.claim?.worker;
  }

  get isOver(): boolean {
    return this.#kept.isOver === true;
  }

  /** A worker that went without closing its socket pings no more. */
  isThere(): boolean {
    const heardAt = Math.max(this.#heardAt, this.socket.pingedAt());
    return !this.isOver && this.#ports.now() - heardAt <= limits.channelSilentMsMax;
  }

  /** Something came over it. */
  heard(): void {
    this.#heardAt = this.#ports.now();
    // Also where it changes nothing else: it is still heard of when the object wakes from its sleep.
    this.#keep({});
  }

  /** Begins for a session. Returns why not. */
  begin(frame: HelloFrame, session: string): Refusal | undefined {
    const { type: _type, session: _secret, resume: _resume, credit = 0, ...said } = frame;
    // What it does not say is not there: a registered worker's registration says it.
    const claim = { ...said, session };
    if (JSON.stringify(claim).length > limits.waitBytesMax) return tooLarge;
    this.#order = this.#line.nextOrder();
    this.#keep({ claim, credit });
    this.demand = demandOf(claim);
    this.#stand();
    return undefined;
  }

  /** Notes what has arrived, and how much may come behind that. Returns why not. */
  note(ack: number | undefined, credit: number | undefined): Refusal | undefined {
    const { delivery, unacknowledged } = this.#kept;
    if (ack !== undefined && ack > delivery) return unsent(ack, delivery);
    if (ack === undefined && credit === undefined) return undefined;
    const left = unacknowledged.filter(({ number }) => number > (ack ?? 0));
    let underway = this.#served?.ids.length ?? 0;
    for (const { jobs } of left) underway += jobs;
    // What is on its way was sent on credit that the worker has not seen used.
    const said = credit === undefined ? {} : { credit: Math.max(0, credit - underway) };
    this.#keep({ unacknowledged: left, ...said });
    this.#stand();
    return undefined;
  }

  /** Takes what it is served: told once it is durable, as one delivery. */
  take({ answer, token, ids }: Served): Telling {
    this.#served = { token, ids };
    this.#keep({ credit: Math.max(0, this.#kept.credit - ids.length) });
    return {
      tell: () => {
        this.#served = undefined;
        // It has gone meanwhile: they went back with it, or are another channel's.
        if (this.isOver || "refusal" in answer) return;
        const delivery = this.#kept.delivery + 1;
        const sent = { number: delivery, token, jobs: ids.length };
        const unacknowledged = [...this.#kept.unacknowledged, sent];
        // Whoever else takes the same comes first the next time.
        this.#order = this.#line.nextOrder();
        this.#keep({ delivery, unacknowledged });
        this.#line.leave(this);
        this.send(jobsFrame(delivery, answer.reply));
        this.#stand();
      },
      undo: () => {
        this.#served = undefined;
        this.#keep({ credit: this.#kept.credit + ids.length });
        this.#line.again();
      },
    };
  }

  /** Sends a frame. A socket that takes nothing any more is that of a worker that has gone. */
  send(text: string): void {
    try {
      this.socket.send(text);
    } catch {
      this.#end();
    }
  }

  lapse(): Telling {
    return telling(() => this.close(silent));
  }

  /** Closes it, with why; what the worker has not acknowledged is given back. */
  close(refusal: Refusal): void {
    if (this.isOver) return;
    const { text, code, reason } = lastFrame(refusal);
    this.send(text);
    const isOpen = !this.isOver;
    this.#end();
    if (isOpen) this.socket.close(code, reason);
  }

  /** Its socket has closed. */
  leave(): void {
    this.#end();
  }

  /** What it has not acknowledged is another channel's care now. */
  yieldAll(): void {
    this.#served = undefined;
    this.#keep({ unacknowledged: [] });
  }

  /** Ends it, once: what was given back is not kept, so that it is not given back again. */
  #end(): void {
    if (this.isOver) return;
    const { unacknowledged } = this.#kept;
    const there = this.isThere() ? this.worker : undefined;
    this.#keep({ isOver: true, credit: 0, unacknowledged: [] });
    this.#line.leave(this);
    this.#ports.ended(this);
    const sent = unacknowledged.length > 0 ? this.#heldOf(unacknowledged) : [];
    const given = this.#served === undefined ? sent : [...sent, this.#served];
    // Before its jobs go back, or it may die of their entry, and they would count as failures.
    if (there !== undefined) this.#ports.parting(there);
    if (given.length > 0) this.#ports.giveBack(given);
  }

  /** The jobs of deliveries, as far as they are still held. */
  #heldOf(deliveries: readonly Delivery[]): Given[] {
    const held = Map.groupBy(this.#ports.heldBy(this.session ?? ""), ({ token }) => token);
    return deliveries.map(({ token }) => {
      return { token, ids: held.get(token)?.map(({ id }) => id) ?? [] };
    });
  }

  #keep(changes: Partial<KeptChannel>): void {
    this.#kept = { ...this.#kept, ...changes, heardAt: this.#heardAt };
    if (this.#isToKeep) return;
    this.#isToKeep = true;
    // Once for all that a turn changes: an object sleeps between turns.
    queueMicrotask(() => {
      this.#isToKeep = false;
      this.socket.keep({ order: this.#order, channel: this.#kept });
    });
  }

  #ask(): CommandRequest<"lease.claim"> {
    const max = this.#room();
    return { v: 1, name: "lease.claim", input: { ...this.#kept.claim, max }, bytes: 0 };
  }

  /** How many jobs it may be sent at once. */
  #room(): number {
    const { credit, unacknowledged } = this.#kept;
    if (unacknowledged.length >= limits.deliveriesMax) return 0;
    return Math.min(credit, limits.jobsPerWaitMax);
  }

  /** Stands in the line exactly while it may be sent jobs. */
  #stand(): void {
    if (this.session === undefined || this.isOver) return;
    this.request = this.#ask();
    if (this.#room() > 0) this.#line.enter(this, this.#order);
    else this.#line.leave(this);
  }
}

const unsent = (ack: number, delivery: number): Refusal =>
  refuse("input_invalid", `There was no delivery ${ack} yet: the newest is ${delivery}.`);

const tooLarge: Refusal = refuse(
  "wait_too_large",
  `A hello may name capabilities of ${limits.waitBytesMax} bytes between them. A worker that is registered need not name any.`,
);

const silent: Refusal = refuse(
  "channel_silent",
  `Nothing was heard for ${limits.channelSilentMsMax} ms, not even a ping: say hello again.`,
);
