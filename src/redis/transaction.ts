/**
 * What stands between MULTI and EXEC, and the names that are watched.
 * Invariant: one error while calls are queued discards all of them at EXEC; what is queued is bounded; EXEC, DISCARD and RESET forget every watched name.
 */
import { limits } from "../contract/limits.ts";
import type { RedisReply } from "../contract/redis.ts";
import type { RedisCommand } from "../contract/redis-commands.ts";
import { namesToFollow } from "./pubsub.ts";
import { bytesOf, type Call } from "./requests.ts";

/** A call whose turn comes at EXEC. */
export interface Queued {
  readonly command: RedisCommand;
  readonly call: Call;
}

export interface Watched {
  readonly name: string;
  readonly version: number;
}

/** What EXEC finds. */
interface Ended {
  readonly queued: readonly Queued[];
  readonly watched: readonly Watched[];
  readonly isAborted: boolean;
}

export class Transaction {
  #queued: Queued[] | undefined;
  #bytes = 0;
  #isAborted = false;
  readonly #watched = new Map<string, number>();

  /** Whether calls are queued. */
  get isOpen(): boolean {
    return this.#queued !== undefined;
  }

  /** Of the calls that are queued. */
  get bytes(): number {
    return this.#queued?.length ? this.#bytes : 0;
  }

  get isHeld(): boolean {
    return this.isOpen || this.#watched.size > 0;
  }

  open(): void {
    this.#queued = [];
    this.#bytes = 0;
    this.#isAborted = false;
  }

  /** A call could not be queued. */
  abort(): void {
    if (this.isOpen) this.#isAborted = true;
  }

  /** How many names the calls that are queued want to follow. */
  get toFollow(): number {
    const names = this.#queued?.map(({ call }) => namesToFollow(call).length);
    return names?.reduce((sum, count) => sum + count, 0) ?? 0;
  }

  queue(next: Queued): RedisReply {
    const queued = this.#queued ?? [];
    const bytes = this.#bytes + bytesOf(next.call);
    if (queued.length >= limits.redisCallsMax || bytes > limits.respCallBytesMax) {
      this.#isAborted = true;
      // What can never be performed is not kept.
      this.#queued = [];
      return {
        error: `ERR a transaction has at most ${limits.redisCallsMax} calls, of ${limits.respCallBytesMax} bytes between them`,
      };
    }
    if (this.#isAborted) return { ok: "QUEUED" };
    queued.push(next);
    this.#bytes = bytes;
    return { ok: "QUEUED" };
  }

  /** The names of these that are not watched yet. */
  unwatched(names: readonly string[]): string[] {
    return [...new Set(names)].filter((name) => !this.#watched.has(name));
  }

  /** Watches one name more. */
  watch({ name, version }: Watched): void {
    this.#watched.set(name, version);
  }

  /** How many names are watched. */
  get watching(): number {
    return this.#watched.size;
  }

  unwatch(): void {
    this.#watched.clear();
  }

  /** Ends it: forgets what it had, which is returned. */
  end(): Ended {
    const watched = [...this.#watched].map(([name, version]) => ({ name, version }));
    const ended = { queued: this.#queued ?? [], watched, isAborted: this.#isAborted };
    this.#queued = undefined;
    this.#isAborted = false;
    this.#watched.clear();
    return ended;
  }
}
