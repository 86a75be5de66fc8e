/**
 * Which workers are there by their channels, and what is to follow from it.
 * Invariant: it goes by what channels said and when, and by nothing that the queue keeps of them.
 */
import type { ClaimInput } from "../../src/contract/leases.ts";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import type { Auditor } from "./auditor.ts";
import type { ChannelEnd } from "./channel-end.ts";
import type { Coverage } from "./coverage.ts";
import { heldBy } from "./model/due.ts";
import { workerNames } from "./plans-drawn.ts";
import type { Random } from "./random.ts";
import { demand } from "./violation.ts";

/** The world as this needs it. */
interface Surroundings {
  readonly auditor: Auditor;
  readonly coverage: Coverage;
  /** Whether nothing is under way that could change something. */
  readonly isIdle: boolean;
  now(): number;
}

/** So long a worker is there behind the end of its channel. */
const partingMs = 5000;

export class Presence {
  readonly #world: Surroundings;
  readonly #ends: () => readonly ChannelEnd[];
  /** When a channel was last heard so that nothing could keep its worker dead, by the time of the log. */
  #heard = new WeakMap<ChannelEnd, number>();
  /** The same of those of which it may not have been noted yet. */
  readonly #saying = new Map<ChannelEnd, number>();
  /** When workers said hello, and when channels of workers ended that were there until then. */
  readonly #parted = new Map<string, number>();
  /** Workers in whose names something was said, perhaps over a channel that is gone since. */
  readonly #names = new Set<string>();

  constructor(world: Surroundings, ends: () => readonly ChannelEnd[]) {
    this.#world = world;
    this.#ends = ends;
  }

  /** Whether a worker whose time is over has a channel of which something was heard lately. */
  isThere(worker: string): boolean {
    const now = this.#world.now();
    const isParting = now - (this.#parted.get(worker) ?? Number.NEGATIVE_INFINITY) <= partingMs;
    const ends = isParting ? [] : this.#ends();
    const isThere = isParting || ends.some((end) => end.worker === worker && end.isThere(now));
    if (isThere) this.#world.coverage.fault("worker kept by its channel");
    return isThere;
  }

  /** Whether any worker is dead, and may come back. */
  get hasDead(): boolean {
    return [...this.#world.auditor.state.workers.keys()].some((name) => this.isDead(name));
  }

  /** Whether a worker that something is heard of may be noted to live. */
  isHeard({ name, input, key }: CommandRequest): boolean {
    if (name !== "worker.heartbeat" || key !== undefined) return false;
    const { id } = input as CommandRequest<"worker.heartbeat">["input"];
    if (this.isDead(id)) this.#world.coverage.fault("dead worker heard over its channel");
    return this.#names.has(id);
  }

  /** What a channel takes, and in whose name: of a registered worker's often, which need not say what it can do. */
  claim(random: Random): ClaimInput {
    const { workers } = this.#world.auditor.state;
    const registered = [...workers].filter(([, { leftAt }]) => leftAt === undefined);
    const dead = registered.filter(([name]) => this.isDead(name));
    const of = dead.length > 0 && random.chance(0.7) ? dead : registered;
    const [own] = (random.chance(0.5) ? random.pickFrom(of) : undefined) ?? [];
    const worker = own ?? (random.chance(0.2) ? random.pick(workerNames) : undefined);
    const kinds = random.pick<("payload" | "plan")[]>([["payload"], ["plan"], ["payload", "plan"]]);
    const capabilities = random.pick([[], ["gpu"], ["arm", "cp", "gpu", "ssd", "tar"]]);
    const says = own === undefined || random.chance(0.5);
    return {
      ...(worker !== undefined && { worker }),
      ...(says && { kinds, capabilities }),
      leaseMs: random.pick([1000, 60_000]),
    };
  }

  /** A channel says something: `work`. */
  async saying(end: ChannelEnd, work: () => Promise<void>): Promise<void> {
    const { auditor } = this.#world;
    const { worker } = end;
    if (worker !== undefined) this.#names.add(worker);
    const isFree = worker !== undefined && heldBy(auditor.state, worker).length === 0;
    const isSure = this.#world.isIdle && isFree;
    const at = auditor.at();
    await work();
    if (isSure) this.#saying.set(end, at);
  }

  /** Something went wrong: what was said may have been refused, or undone with its entry, and is noted with the next frame. */
  excused(): void {
    this.#saying.clear();
  }

  /** Whether a worker is registered and dead. */
  isDead(worker: string | undefined): boolean {
    const { diedAt, leftAt } = this.#world.auditor.state.workers.get(worker ?? "") ?? {};
    return diedAt !== undefined && leftAt === undefined;
  }

  /** A channel has ended: its worker, if it was there and is registered, was so until now. */
  lost(end: ChannelEnd): void {
    const { worker } = end;
    const { leftAt = 0 } = this.#world.auditor.state.workers.get(worker ?? "") ?? { leftAt: 1 };
    if (worker === undefined || leftAt > 0 || !end.isThere(this.#world.now())) return;
    this.#note(worker);
  }

  /** A worker says hello, over a channel that may soon be gone again. */
  coming(worker: string | undefined): void {
    if (worker !== undefined) this.#note(worker);
  }

  /** What is older is forgotten, and does not come back when the clock does. */
  #note(worker: string): void {
    const now = this.#world.now();
    for (const [name, at] of this.#parted) if (now - at > partingMs) this.#parted.delete(name);
    this.#parted.set(worker, now);
  }

  /** Another instance knows nothing of channels that have ended. */
  renewed(): void {
    this.#parted.clear();
  }

  /** The state was replaced by another one, whose workers may have been dead for long. */
  replaced(): void {
    this.#saying.clear();
    this.#heard = new WeakMap();
  }

  /** A dead worker lives again with the first frame that is heard of it. */
  check(): void {
    for (const [end, at] of this.#saying) this.#heard.set(end, at);
    this.#saying.clear();
    for (const end of this.#ends()) {
      const { diedAt } = this.#world.auditor.state.workers.get(end.worker ?? "") ?? {};
      if (!(end.isWelcome && this.isDead(end.worker)) || diedAt === undefined) continue;
      const heardAt = this.#heard.get(end) ?? Number.NEGATIVE_INFINITY;
      demand(heardAt < diedAt, "worker", "a worker that was heard is dead", end.worker, diedAt);
      this.#world.coverage.fault("worker dead under its channel");
    }
  }
}
