/**
 * A worker's end of one channel: what it said, what it was sent, and what it believes to hold.
 * Invariant: it complains as soon as it is sent more than it allowed, and not by throwing: to the queue that is a socket that is gone.
 */
import type { ClaimInput } from "../../src/contract/leases.ts";
import { limits } from "../../src/contract/limits.ts";
import { newChannel } from "../../src/object/channel.ts";
import type { WaitSocket } from "../../src/object/waiters.ts";
import { demand } from "./violation.ts";
import { type Lease, nameOfItems } from "./wait-audit.ts";

type Kept = NonNullable<ReturnType<WaitSocket["kept"]>>;

interface Arrived {
  readonly number: number;
  readonly leases: readonly Lease[];
}

interface Told {
  readonly type: string;
  readonly frame?: number;
  readonly problem?: object;
  readonly delivery?: number;
  readonly jobs?: readonly Lease[];
  readonly resumed?: readonly Lease[];
  readonly items?: readonly {
    readonly id: string;
    readonly token?: string;
    readonly ok: boolean;
    readonly state?: string;
  }[];
}

interface Ears {
  /** Jobs have come. */
  told(leases: readonly Lease[]): void;
  /** Settlements of this text were answered. */
  settled(text: string): void;
  /** It came again, and was told that it holds these; `missing` it believed to hold, and was not told of. */
  resumed(leases: readonly Lease[], missing: readonly Lease[]): void;
  /** It says settlements of this text. */
  said(text: string): void;
  /** How many jobs are on their way to it. */
  underway(): number;
  /** Does some work, and notes what is wrong in it. */
  watch(work: () => void): void;
  /** The queue has closed it. */
  over(end: ChannelEnd): void;
}

const isOf = (a: Lease) => (b: Lease) => a.id === b.id && a.token === b.token;

export class ChannelEnd implements WaitSocket {
  readonly secret: string;
  readonly #ears: Ears;
  readonly #frames = new Map<
    number,
    { readonly text: string; readonly items: readonly (Lease & { readonly op: string })[] }
  >();
  #kept: string;
  #held: Lease[] = [];
  /** What became of these its session has said, over whatever channel, and was not answered. */
  readonly #settling: Lease[];
  #arrived: Arrived[] = [];
  #delivery = 0;
  #allowed = 0;
  /** By whose name it says hello. */
  worker: string | undefined;
  /** When something was last heard of it, or a ping of it answered. */
  #heardAt: number;
  #pingedAt = 0;
  isWelcome = false;
  #isClosed = false;
  /** The next channel of its session takes over what it did not acknowledge. */
  isTakenOver = false;

  constructor(secret: string, now: number, settling: Lease[], ears: Ears) {
    this.secret = secret;
    this.#settling = settling;
    this.#ears = ears;
    this.#heardAt = now;
    this.#kept = JSON.stringify({ order: 0, channel: newChannel(now) });
  }

  /** What it believes to hold. */
  get held(): readonly Lease[] {
    return this.#held;
  }

  /** Whether it has jobs of which the queue does not know that they have arrived. */
  get isUnsure(): boolean {
    return this.#unacknowledged > 0;
  }

  /** How many jobs it has of which the queue does not know that they have arrived. */
  get #unacknowledged(): number {
    return this.#arrived.reduce((sum, { leases }) => sum + leases.length, 0);
  }

  kept(): Kept {
    return JSON.parse(this.#kept) as Kept;
  }

  keep(kept: Kept): void {
    this.#kept = JSON.stringify(kept);
  }

  pingedAt(): number {
    return this.#pingedAt;
  }

  /** The platform answers a ping, of which the queue hears nothing. */
  ping(now: number): void {
    this.#pingedAt = now;
  }

  /** The queue hears it. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** Whether it was silent for no longer than it may be. */
  isThere(now: number): boolean {
    return now - Math.max(this.#heardAt, this.#pingedAt) <= limits.channelSilentMsMax;
  }

  close(): void {
    this.#ears.over(this);
  }

  /** What it believes to hold, and has said nothing of that is not answered. */
  get sure(): readonly Lease[] {
    return this.#held.filter((lease) => !this.#settling.some(isOf(lease)));
  }

  /** It is of the session of another one. */
  follow(before: ChannelEnd): void {
    this.#held = [...before.#held];
  }

  /** Nothing that it believes is sure any more. */
  forget(): void {
    this.#held = [];
  }

  /** The socket is gone: of what was not acknowledged it knows nothing more, and will be told. Returns that. */
  lose(): readonly Lease[] {
    this.isWelcome = false;
    this.#isClosed = true;
    const lost = this.#arrived.flatMap(({ leases }) => leases);
    this.#drop(lost);
    this.#arrived = [];
    return lost;
  }

  hello(claim: ClaimInput, credit: number, resume: boolean): string {
    this.#allowed = credit;
    this.worker = claim.worker;
    const again = resume ? { resume } : {};
    return JSON.stringify({ type: "hello", session: this.secret, ...claim, credit, ...again });
  }

  credit(credit: number, acks: boolean): string {
    return JSON.stringify({ type: "credit", ...this.#allow(credit, acks) });
  }

  /** Without credit it acknowledges nothing either. */
  settle(items: readonly (Lease & { readonly op: string })[], credit: number | undefined): string {
    const frame = this.#frames.size + 1;
    const text = nameOfItems(items);
    this.#ears.said(text);
    this.#settling.push(...items);
    this.#frames.set(frame, { text, items });
    const more = credit === undefined ? {} : this.#allow(credit, true);
    return JSON.stringify({ type: "settle", frame, items, ...more });
  }

  #allow(credit: number, acks: boolean): object {
    if (acks) this.#arrived = [];
    // What was handed out on the credit before comes all the same: it counts as if it were there.
    this.#allowed = Math.max(credit, this.#unacknowledged + this.#ears.underway());
    return acks ? { ack: this.#delivery, credit } : { credit };
  }

  send(text: string): void {
    if (this.#isClosed) throw new TypeError("Can't call WebSocket send() after close().");
    this.#ears.watch(() => this.#hear(text));
  }

  #hear(text: string): void {
    const told = JSON.parse(text) as Told;
    if (told.type === "welcome") this.#welcome(told.resumed ?? []);
    else if (told.type === "jobs") this.#take(told);
    else if (told.type === "settled") this.#answered(told);
    else if (told.type === "cancel") {
      this.#drop((told.items ?? []).map(({ id, token = "" }) => ({ id, token })));
    }
  }

  /** What it holds no more is not there; what it knows nothing of is its too, until it gives that back. */
  #welcome(resumed: readonly Lease[]): void {
    this.isWelcome = true;
    const missing = this.#held.filter((lease) => !resumed.some(isOf(lease)));
    this.#held = resumed.map(({ id, token }) => ({ id, token }));
    this.#ears.resumed(this.#held, missing);
  }

  #take({ delivery = 0, jobs = [] }: Told): void {
    const leases = jobs.map(({ id, token }) => ({ id, token }));
    demand(delivery === this.#delivery + 1, "I12", "a delivery is out of turn", delivery);
    this.#delivery = delivery;
    this.#arrived.push({ number: delivery, leases });
    this.#held.push(...leases);
    const sent = this.#unacknowledged;
    demand(sent <= this.#allowed, "I12", "a channel was sent more than its credit", sent);
    this.#ears.told(leases);
  }

  #answered({ frame = 0, items = [], problem }: Told): void {
    const said = this.#frames.get(frame);
    // What was refused as a whole has changed nothing.
    if (said === undefined) return;
    for (const lease of said.items) {
      const at = this.#settling.findIndex(isOf(lease));
      if (at >= 0) this.#settling.splice(at, 1);
    }
    if (problem !== undefined) return;
    this.#ears.settled(said.text);
    // What is still running was extended; whatever else was said of it, it is not this worker's any more.
    this.#drop(said.items.filter((_, i) => items[i]?.state !== "running"));
  }

  #drop(leases: readonly Lease[]): void {
    for (const lease of leases) this.#held = this.#held.filter((each) => !isOf(lease)(each));
  }
}
