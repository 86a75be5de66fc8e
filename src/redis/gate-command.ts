/**
 * What a command of the gate is, and what it works with.
 * Invariant: a command changes nothing but the session and the transaction that it is given.
 */
import type { RedisRunInput, RedisRunReply } from "../contract/redis.ts";
import type { Refusal } from "../contract/refusals.ts";
import type { GateReply } from "./frames.ts";
import type { Followed } from "./pubsub.ts";
import type { Call } from "./requests.ts";
import type { Session } from "./session.ts";
import type { Transaction } from "./transaction.ts";

interface Refused {
  readonly refusal: Refusal;
}

/** Where all connections of a queue are known: who follows what, and who waits. */
export interface Hub {
  /** Has this connection told of what is published. */
  follow(what: Followed, name: string): void;
  unfollow(what: Followed, name: string): void;
  /** Performs PUBLISH, PUBSUB, INFO, CLIENT LIST or CLIENT UNBLOCK. */
  perform(call: Call): GateReply | Promise<GateReply>;
}

/** A queue, as a conversation needs it. */
export interface RedisPorts {
  readonly queue: string;
  run(input: RedisRunInput): Promise<RedisRunReply | Refused>;
  versions(names: readonly string[]): Promise<{ readonly versions: readonly number[] } | Refused>;
  /** Whether this is the token that callers have to have. */
  isToken(password: string): boolean;
  now(): number;
  readonly hub: Hub;
}

export interface GateContext {
  readonly session: Session;
  readonly ports: RedisPorts;
  readonly transaction: Transaction;
}

/** Performs a command of the gate. Its arguments are as many as the table says. */
export type GateCommand = (context: GateContext, call: Call) => GateReply | Promise<GateReply>;
