/**
 * Redis clients whose calls wait for something under a name, in the order in which they came.
 * Invariant: whoever is answered by an entry is answered by no other, unless that entry never came to be; what became ready and was not looked
 * at is looked at in the next group, before all else.
 */
import type { RedisReply } from "../contract/redis.ts";
import { awaitedBy } from "../machine/blocking.ts";
import type { BlockedCall } from "../machine/decide.ts";

/** A client that waits, as its connection knows it. */
export interface Blocker {
  readonly call: readonly string[];
  /** Until when, epoch ms; undefined: for ever. */
  readonly until: number | undefined;
  /** It waits for jobs, not for names: only its time is watched here, and its reply is found elsewhere. */
  readonly isForJobs?: boolean;
  /** Whether it is there still: nothing is taken for one that has gone. */
  isThere(): boolean;
  /** An entry answers it that is not durable yet. */
  isAnswered(): void;
  /** That entry never came to be: it waits as before. */
  isUnanswered(): void;
  /** Is told its reply. */
  answer(reply: RedisReply): void;
}

/** A client in the line. */
export interface Blocked extends BlockedCall {
  readonly blocker: Blocker;
  /** Its place: a greater number came later. */
  readonly order: number;
  readonly names: readonly string[];
  isServed: boolean;
}

interface BlockedPorts {
  now(): number;
  /** Has who came tried, and the alarm armed. */
  serve(): void;
  /** Sees to it that upkeep comes soon. */
  later(): void;
}

const NEVER = Number.POSITIVE_INFINITY;
/** What a client is told whose time is over. */
export const timedOut: RedisReply = { nilArray: true };
const nothing = { type: "list", names: [] } as const;

export class BlockedClients {
  readonly #ports: BlockedPorts;
  readonly #all = new Set<Blocked>();
  readonly #byName = new Map<string, Set<Blocked>>();
  /** Names that may have something for somebody, and that nobody has looked at. */
  #due = new Set<string>();
  /** Names of those whose answers were undone. */
  readonly #undone = new Set<string>();
  #lastOrder = 0;
  /** No earlier than this somebody's time is over. */
  #dueAt = NEVER;

  constructor(ports: BlockedPorts) {
    this.#ports = ports;
  }

  /** How many wait. */
  get size(): number {
    return this.#all.size;
  }

  /** Whether somebody may be served who has not been tried. */
  get isDue(): boolean {
    return this.#due.size > 0 && this.#all.size > 0;
  }

  /** When the alarm is needed for somebody's time. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /** The place behind all others. */
  nextOrder(): number {
    this.#lastOrder += 1;
    return this.#lastOrder;
  }

  /** Takes in a client, to be tried by the next group; in rising order. */
  enter(blocker: Blocker, order: number): Blocked {
    const { call, until = NEVER, isForJobs = false } = blocker;
    const awaited = isForJobs ? nothing : awaitedBy(call);
    const client: Blocked = { blocker, order, call, ...awaited, isServed: false };
    this.#lastOrder = Math.max(this.#lastOrder, order);
    this.#all.add(client);
    for (const name of client.names) {
      const others = this.#byName.get(name) ?? new Set();
      this.#byName.set(name, others.add(client));
      this.#due.add(name);
    }
    this.#dueAt = Math.min(this.#dueAt, until);
    return client;
  }

  /** Has those tried who came. */
  serve(): void {
    this.#ports.serve();
  }

  /** A client waits no longer. Returns whether it did. */
  leave(client: Blocked): boolean {
    if (!this.#all.delete(client)) return false;
    for (const name of client.names) {
      const others = this.#byName.get(name);
      others?.delete(client);
      if (others?.size === 0) this.#byName.delete(name);
    }
    if (this.#all.size === 0) this.#dueAt = NEVER;
    return true;
  }

  isAwaited(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Those that wait for a name and may be served, the first first. */
  *waitingFor(name: string): Generator<Blocked> {
    for (const client of this.#byName.get(name) ?? []) {
      if (!client.isServed && client.blocker.isThere()) yield client;
    }
  }

  /** Has names looked at by the next group. */
  defer(names: Iterable<string>): void {
    for (const name of names) this.#due.add(name);
  }

  /** The names to be looked at, which are taken to be looked at from now on. */
  takeDue(): ReadonlySet<string> {
    const due = this.#due;
    this.#due = new Set();
    return due;
  }

  /** Everything may have changed, otherwise than by calls. */
  wakeAll(): void {
    this.defer(this.#byName.keys());
  }

  /** What a client was answered never happened: it is tried again, but not at once, when that would fail again. */
  again({ names, blocker: { until = NEVER } }: Blocked): void {
    for (const name of names) this.#undone.add(name);
    this.#dueAt = Math.min(this.#dueAt, until);
    this.#ports.later();
  }

  /** Has tried again what was undone. */
  wake(): void {
    this.defer(this.#undone);
    this.#undone.clear();
  }

  /** Nothing can be waited for: all are told why who are not answered already. */
  refuse(reply: RedisReply): void {
    for (const client of [...this.#all]) {
      if (!client.isServed && this.leave(client)) client.blocker.answer(reply);
    }
  }

  /** Tells those whose time is over that there was nothing. */
  expire(): void {
    const now = this.#ports.now();
    if (now < this.#dueAt) return;
    const waiting = [...this.#all].filter(({ isServed }) => !isServed);
    const over = waiting.filter(({ blocker: { until = NEVER } }) => until <= now);
    for (const client of over) this.leave(client);
    const left = waiting.map(({ blocker: { until = NEVER } }) => until);
    this.#dueAt = left.reduce(
      (least, until) => (until > now ? Math.min(least, until) : least),
      NEVER,
    );
    for (const { blocker } of over) blocker.answer(timedOut);
  }
}
