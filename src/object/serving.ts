/**
 * What one group answers to Redis clients that wait: by the calls that make something for them, and before all others what was left.
 * Invariant: what is undone in the group is undone here, and whoever was answered by it waits as before.
 */
import type { RedisReply } from "../contract/redis.ts";
import type { BlockedCall, BlockedCalls } from "../machine/decide.ts";
import type { Blocked, BlockedClients } from "./blocked.ts";
import type { Telling } from "./line.ts";

/** Does some work in the group. Undefined: the entry has no room for what it does, which is undone. */
export type Attempt = (work: () => RedisReply) => RedisReply | undefined;

interface Answer {
  readonly client: Blocked;
  readonly reply: RedisReply;
}

export class Serving implements BlockedCalls {
  readonly #clients: BlockedClients;
  readonly #attempt: Attempt;
  readonly #answers: Answer[] = [];

  constructor(clients: BlockedClients, attempt: Attempt) {
    this.#clients = clients;
    this.#attempt = attempt;
  }

  isAwaited(name: string): boolean {
    return this.#clients.isAwaited(name);
  }

  waitingFor(name: string): Iterable<BlockedCall> {
    return this.#clients.waitingFor(name);
  }

  answer(waiting: BlockedCall, work: () => RedisReply): boolean {
    const client = waiting as Blocked;
    const reply = this.#attempt(work);
    if (reply === undefined) return false;
    client.isServed = true;
    client.blocker.isAnswered();
    this.#answers.push({ client, reply });
    return true;
  }

  defer(names: Iterable<string>): void {
    this.#clients.defer(names);
  }

  /** The names that were left to this group. */
  takeDue(): ReadonlySet<string> {
    return this.#clients.takeDue();
  }

  /** What those are to be told who were answered. */
  tellings(): Telling[] {
    return this.#answers.map(({ client, reply }) => ({
      tell: () => {
        // One that has left meanwhile is not there to be told.
        if (this.#clients.leave(client)) client.blocker.answer(reply);
      },
      undo: () => this.#clients.again(client),
    }));
  }

  /** How far it has come. */
  mark(): number {
    return this.#answers.length;
  }

  undo(mark: number): void {
    for (const { client } of this.#answers.splice(mark)) {
      client.isServed = false;
      client.blocker.isUnanswered();
    }
  }
}
