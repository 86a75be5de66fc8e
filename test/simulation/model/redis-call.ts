/**
 * One call of a Redis command, as the model sees it: its words, what its names name, and how it errs.
 * Invariant: a call errs before it has changed anything.
 */
import type { Name, ValueOf, ValueType } from "./name-records.ts";
import { named } from "./names.ts";
import type { Turn } from "./turn.ts";

/** A reply as the contract has it. */
export type Reply =
  | string
  | number
  | null
  | { readonly [kind: string]: unknown }
  | readonly Reply[];

/** How many words a command takes, with its own name: exactly so many, or that many at least; and whether it may take memory. */
export interface Shape {
  readonly words: number;
  readonly isOpen?: true;
  readonly grows?: true;
  readonly does: (call: Call) => Reply;
}

/** Thrown by a call that errs. */
export class Erring extends Error {}

export const OK: Reply = { ok: "OK" };

export class Call {
  readonly turn: Turn;
  readonly command: string;
  readonly args: readonly string[];
  /** What was really answered, of which chance is believed. */
  readonly drawn: unknown;

  constructor(turn: Turn, [command = "", ...args]: readonly string[], drawn: unknown) {
    this.turn = turn;
    this.command = command.toLowerCase();
    this.args = args;
    this.drawn = drawn;
  }

  /** An argument that is there. */
  arg(at: number): string {
    return this.args[at] ?? "";
  }

  /** The options behind so many arguments, in small letters. */
  options(from: number): string[] {
    return this.args.slice(from).map((each) => each.toLowerCase());
  }

  named(name: string): Name | undefined {
    return named(this.turn, name);
  }

  /** What a name names, if it is of this type. */
  typed<T extends ValueType>(name: string, type: T): ValueOf<T> | undefined {
    const { value } = this.named(name) ?? {};
    if (value !== undefined && value.type !== type) {
      this.err("WRONGTYPE Operation against a key holding the wrong kind of value");
    }
    return value as ValueOf<T> | undefined;
  }

  err(text: string): never {
    throw new Erring(text);
  }

  integer(text: string): bigint {
    const value = integerOf(text);
    return value ?? this.err("ERR value is not an integer or out of range");
  }

  /** An index or a count. */
  number(text: string): number {
    return Number(this.integer(text));
  }

  /** A count of what is to be popped. */
  count(text: string): number {
    const value = integerOf(text) ?? -1n;
    return value < 0n ? this.err("ERR value is out of range, must be positive") : Number(value);
  }

  /** A time in milliseconds from now, as a time; of what sets a value it must lie ahead. */
  until(text: string, isAhead: boolean): number {
    const ms = this.integer(text);
    const isPast = isAhead && ms <= 0n;
    const until = ms + BigInt(this.turn.at);
    if (isPast || until > INTEGER_MAX)
      this.err(`ERR invalid expire time in '${this.command}' command`);
    return Number(until);
  }
}

const INTEGER_MAX = 2n ** 63n - 1n;

/** The 64-bit integer that a text is in its one spelling. */
export function integerOf(text: string): bigint | undefined {
  if (!/^-?[0-9]+$/.test(text) || String(BigInt(text)) !== text) return undefined;
  const value = BigInt(text);
  return value > INTEGER_MAX || value < -INTEGER_MAX - 1n ? undefined : value;
}

/** The sum of two integers as a text. */
export function sumOf(call: Call, a: bigint, b: bigint): string {
  const sum = String(a + b);
  return integerOf(sum) === undefined ? call.err("ERR increment or decrement would overflow") : sum;
}

/** An integer as a reply. */
export const integerReply = (text: string): Reply =>
  Number.isSafeInteger(Number(text)) ? Number(text) : { integer: text };

/** The elements from one index to another, both with themselves; negative ones count from the end. */
export function sliceOf<T>(all: readonly T[], start: number, stop: number): T[] {
  const from = start < 0 ? Math.max(0, start + all.length) : start;
  const to = stop < 0 ? stop + all.length : stop;
  return to < from ? [] : all.slice(from, to + 1);
}
