/**
 * A queue with a few commands on strings, for tests of the gate alone.
 * Invariant: a run answers every call, in order; what reaches it is recorded.
 */
import type { RedisReply, RedisRunInput } from "../../src/contract/redis.ts";
import { type Refusal, refuse } from "../../src/contract/refusals.ts";
import type { RedisPorts } from "../../src/redis/gate-command.ts";
import { infoOf, type ServerFacts } from "../../src/redis/info.ts";

export const TOKEN = "s3cret";

export class FakeQueue implements RedisPorts {
  readonly queue = "mail";
  /** What it was asked to run, in order. */
  readonly runs: RedisRunInput[] = [];
  /** Why it runs nothing. */
  refusal: Refusal | undefined;
  /** What it throws, if it does. */
  fault: Error | undefined;
  /** Calls that it answers of one run. */
  answersMax = Number.POSITIVE_INFINITY;
  /** Calls above which a run is too large for an entry. */
  largest = Number.POSITIVE_INFINITY;
  readonly #values = new Map<string, string>();
  readonly #versions = new Map<string, number>();
  /** Runs wait for this. */
  gate: Promise<void> = Promise.resolve();

  run: RedisPorts["run"] = async (input) => {
    this.runs.push(input);
    await this.gate;
    if (this.fault !== undefined) throw this.fault;
    if (this.refusal !== undefined) return { refusal: this.refusal };
    const { calls, watched = [] } = input;
    if (calls.length > this.largest) return { refusal: refuse("entry_too_large", "too large") };
    const isChanged = watched.some(({ name, version }) => this.#version(name) !== version);
    if (isChanged) return { replies: null };
    // It has nothing for who waits.
    const waiting = calls.findIndex(([name = ""]) => name.toLowerCase() === "blpop");
    const answered = waiting === -1 ? calls.slice(0, this.answersMax) : calls.slice(0, waiting);
    const replies = answered.map((call) => this.#perform(call));
    return waiting === -1 ? { replies } : { replies, blocked: { ms: 0 } };
  };

  versions: RedisPorts["versions"] = async (names) =>
    this.refusal === undefined
      ? { versions: names.map((name) => this.#version(name)) }
      : { refusal: this.refusal };

  /** What it was told of channels, in order. */
  readonly published: string[] = [];
  readonly hub: RedisPorts["hub"] = {
    follow: (what, name) => this.published.push(`follow ${what} ${name}`),
    unfollow: (what, name) => this.published.push(`unfollow ${what} ${name}`),
    perform: (call) => {
      if (/^info$/i.test(call[0] ?? "")) return infoOf(call, this.#facts);
      this.published.push(call.join(" "));
      return 0;
    },
  };

  /** What it tells by INFO: nobody is connected to it. */
  get #facts(): ServerFacts {
    const keyspace = { names: this.#values.size, expiring: 0 };
    return {
      ...{ queue: this.queue, now: this.now(), since: this.now() - 90_000_000 },
      ...{ clients: 0, blocked: 0, followers: 0, channels: 0, patterns: 0 },
      ...{ connections: 1, calls: 2, callsPerSecond: 0, databaseBytes: 941_632 },
      keyspace: () => Promise.resolve(this.refusal === undefined ? keyspace : undefined),
    };
  }

  isToken(password: string): boolean {
    return password === TOKEN;
  }

  now(): number {
    return 1_700_000_000_123;
  }

  /** Changes a value as somebody else would. */
  set(name: string, value: string): void {
    this.#values.set(name, value);
    this.#versions.set(name, this.#version(name) + 1);
  }

  #version(name: string): number {
    return this.#versions.get(name) ?? 0;
  }

  #perform([name = "", first = "", second = ""]: readonly string[]): RedisReply {
    switch (name.toLowerCase()) {
      case "set":
        this.set(first, second);
        return { ok: "OK" };
      case "get":
        return this.#values.get(first) ?? null;
      case "incr": {
        const next = Number(this.#values.get(first) ?? "0") + 1;
        if (Number.isNaN(next)) return { error: "ERR value is not an integer or out of range" };
        this.set(first, String(next));
        return next;
      }
      case "flushall":
        this.#values.clear();
        return { ok: "OK" };
      case "dbsize":
        return this.#values.size;
      default:
        return `performed ${name}`;
    }
  }
}
