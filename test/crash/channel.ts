/**
 * A worker's channel in a crash run: jobs come by credit, settlements go; it is cut by crashes and by chance, and resumes.
 * Invariant: each delivery and each frame of settlements is an exchange of the history; what may have been given back when the socket
 * closed is written down as a release of unknown outcome.
 */
import type { ClaimAsk, Claimed, Item, Outcome, Reply } from "./history.ts";
import type { Random } from "./random.ts";
import { outcomeOf, type Wire } from "./wire.ts";

type Lease = Pick<Item, "id" | "token">;

/** What a worker is told. */
interface Told {
  readonly type: string;
  readonly now: number;
  readonly delivery?: number;
  readonly frame?: number;
  readonly jobs?: readonly Claimed[];
  readonly resumed?: readonly Lease[];
  readonly problem?: { readonly status: number };
}

/** A delivery that the queue may not know to have arrived. */
interface Arrived {
  readonly number: number;
  readonly jobs: readonly Claimed[];
}

interface Sent {
  readonly name: string;
  readonly items: readonly Item[];
  readonly sentAt: number;
  readonly ack: number;
  readonly answered: (reply: Reply | undefined) => void;
}

export class CrashChannel {
  readonly #wire: Wire;
  readonly #random: Random;
  readonly #claim: Omit<ClaimAsk, "max">;
  readonly #session = crypto.randomUUID();
  readonly #onJobs: (jobs: readonly Claimed[]) => void;
  #socket: WebSocket | undefined;
  #isWelcome = false;
  #wasWelcome = false;
  #openedAt = 0;
  #heardAt = 0;
  #arrived: Arrived[] = [];
  #delivery = 0;
  #ack = 0;
  #credit = 0;
  /** Every credit that was said over this socket. */
  #said: { readonly ack: number; readonly credit: number }[] = [];
  readonly #sent = new Map<number, Sent>();
  #frames = 0;
  /** Leases that the session holds and the worker knows nothing of. */
  readonly strays: Lease[] = [];

  constructor(
    wire: Wire,
    random: Random,
    claim: Omit<ClaimAsk, "max">,
    onJobs: (jobs: readonly Claimed[]) => void,
  ) {
    this.#wire = wire;
    this.#random = random;
    this.#claim = claim;
    this.#onJobs = onJobs;
  }

  get isOpen(): boolean {
    return this.#isWelcome;
  }

  /** Sees to it that there is a socket, and that the queue knows how much may come; now and then it is cut. */
  async tend(credit: number, knows: (lease: Lease) => boolean): Promise<void> {
    if (this.#socket === undefined) await this.#open(credit, knows);
    else if (this.#random.chance(0.004)) this.close();
    else if (this.#isWelcome && (credit !== this.#credit || this.#ack < this.#delivery)) {
      // Some workers are slow to say what has arrived.
      if (this.#random.chance(0.7)) this.#say({ type: "credit" }, credit);
    }
  }

  /** Settles. Resolves with the answer, or with nothing where none came. */
  settle(name: string, items: readonly Item[]): Promise<Reply | undefined> {
    const { promise, resolve } = Promise.withResolvers<Reply | undefined>();
    const frame = ++this.#frames;
    const sentAt = performance.now();
    this.#sent.set(frame, { name, items, sentAt, ack: this.#delivery, answered: resolve });
    this.#say({ type: "settle", frame, items }, this.#credit);
    return promise;
  }

  close(): void {
    this.#socket?.close();
    this.#lose();
  }

  async #open(credit: number, knows: (lease: Lease) => boolean): Promise<void> {
    const { site, queue } = this.#wire.scene;
    const url = `${(await site.url()).replace(/^http/, "ws")}/v1/queues/${queue}/connect`;
    const bearer = `sluice.bearer.${Buffer.from(site.token).toString("base64url")}`;
    const socket = new WebSocket(url, ["sluice.v1", bearer]);
    this.#socket = socket;
    this.#delivery = 0;
    this.#ack = 0;
    this.#said = [];
    socket.addEventListener("open", () => {
      this.#openedAt = performance.now();
      const resume = this.#wasWelcome ? { resume: true } : {};
      const hello = { type: "hello", session: this.#session, ...this.#claim, ...resume };
      this.#credit = credit;
      this.#said.push({ ack: 0, credit });
      socket.send(JSON.stringify({ ...hello, credit }));
    });
    const isCurrent = () => this.#socket === socket;
    socket.addEventListener("message", ({ data }) => {
      if (isCurrent()) this.#hear(JSON.parse(String(data)) as Told, knows);
    });
    for (const end of ["close", "error"] as const) {
      socket.addEventListener(end, () => {
        if (isCurrent()) this.#lose();
      });
    }
  }

  #say(frame: object, credit: number): void {
    this.#credit = credit;
    this.#ack = this.#delivery;
    this.#said.push({ ack: this.#ack, credit });
    this.#socket?.send(JSON.stringify({ ...frame, ack: this.#ack, credit }));
  }

  #hear(told: Told, knows: (lease: Lease) => boolean): void {
    this.#heardAt = performance.now();
    if (told.type === "welcome") {
      this.#isWelcome = true;
      this.#wasWelcome = true;
      this.strays.push(...(told.resumed ?? []).filter((lease) => !knows(lease)));
    } else if (told.type === "jobs") this.#take(told);
    else if (told.type === "settled") this.#answer(told);
  }

  /** A delivery is as the answer to a claim that was asked when the socket opened, and took as many jobs as it brought. */
  #take({ now, delivery = 0, jobs = [] }: Told): void {
    this.#arrived.push({ number: delivery, jobs });
    const isNext = delivery === this.#delivery + 1;
    this.#delivery = delivery;
    const behind = (ack: number) =>
      this.#arrived.reduce((sum, each) => sum + (each.number > ack ? each.jobs.length : 0), 0);
    const isAllowed = this.#said.some(({ ack, credit }) => behind(ack) <= credit);
    const claim = { ...this.#claim, max: jobs.length };
    const named = { name: this.#wire.name() };
    const reply = outcomeOf(200, { now, jobs });
    const ask = { kind: "push", claim, isNext, isAllowed } as const;
    this.#wire.note({ ...named, ask }, this.#openedAt, reply);
    this.#onJobs(jobs);
  }

  #answer({ frame = 0, type: _, problem, ...rest }: Told): void {
    const sent = this.#sent.get(frame);
    if (sent === undefined) return;
    this.#sent.delete(frame);
    // What was acknowledged with it has been heard: it is the session's now.
    this.#arrived = this.#arrived.filter(({ number }) => number > sent.ack);
    this.#said = this.#said.filter(({ ack }) => ack >= sent.ack);
    this.#conclude(
      sent,
      problem === undefined ? outcomeOf(200, rest) : outcomeOf(problem.status, problem),
    );
  }

  #conclude({ name, items, sentAt, answered }: Sent, outcome: Outcome): void {
    this.#wire.note({ name, ask: { kind: "settle", items } }, sentAt, outcome);
    answered(outcome.kind === "answered" ? outcome.reply : undefined);
  }

  #lose(): void {
    this.#socket = undefined;
    this.#isWelcome = false;
    const why = { kind: "unknown", why: "the channel was lost" } as const;
    for (const sent of this.#sent.values()) this.#conclude(sent, why);
    this.#sent.clear();
    const items = this.#arrived.flatMap(({ jobs }) =>
      jobs.map(({ id, token }) => ({ op: "release", id, token }) as const),
    );
    this.#arrived = [];
    if (items.length === 0) return;
    const named = { name: this.#wire.name() };
    this.#wire.note({ ...named, ask: { kind: "settle", items } }, this.#heardAt, why);
  }
}
