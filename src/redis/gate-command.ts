/**
 * What a command of the gate is, and what it works with.
 * Invariant: a command changes nothing but the session and the transaction that it is given.
 */
import type { RedisReply, RedisRunInput } from "../contract/redis.ts";
import type { Refusal } from "../contract/refusals.ts";
import type { GateReply } from "./frames.ts";
import type { Call } from "./requests.ts";
import type { Session } from "./session.ts";
import type { Transaction } from "./transaction.ts";

interface Refused {
  readonly refusal: Refusal;
}

/** A queue, as a conversation needs it. */
export interface RedisPorts {
  readonly queue: string;
  run(input: RedisRunInput): Promise<{ readonly replies: readonly RedisReply[] | null } | Refused>;
  versions(names: readonly string[]): Promise<{ readonly versions: readonly number[] } | Refused>;
  /** Whether this is the token that callers have to have. */
  isToken(password: string): boolean;
  now(): number;
}

export interface GateContext {
  readonly session: Session;
  readonly ports: RedisPorts;
  readonly transaction: Transaction;
}

/** Performs a command of the gate. Its arguments are as many as the table says. */
export type GateCommand = (context: GateContext, call: Call) => GateReply | Promise<GateReply>;

/** Subcommands by their names in small letters, each with how many words it takes, as Redis counts them. */
export type Subcommands = Readonly<Record<string, readonly [arity: number, perform: GateCommand]>>;
