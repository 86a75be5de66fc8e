/**
 * What a run of Redis commands should be answered, and what it should change: call after call.
 * Invariant: it is written from what Redis's documentation says of the commands that the simulation draws; a call that errs has
 * changed nothing.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import type { Answer } from "./answers.ts";
import type { Hint } from "./leases.ts";
import { standingOf } from "./names.ts";
import { Call, Erring, type Reply, type Shape } from "./redis-call.ts";
import { hashCalls } from "./redis-hashes.ts";
import { listCalls } from "./redis-lists.ts";
import { nameCalls } from "./redis-names.ts";
import { setCalls } from "./redis-sets.ts";
import { sortedSetCalls } from "./redis-sorted-sets.ts";
import { stringCalls } from "./redis-strings.ts";
import type { Turn } from "./turn.ts";

const calls: Readonly<Record<string, Shape>> = {
  ...{ ...nameCalls, ...stringCalls, ...listCalls },
  ...{ ...hashCalls, ...setCalls, ...sortedSetCalls },
};

/** A call, answered in its place. */
function perform(turn: Turn, words: readonly string[], drawn: unknown): Reply {
  const call = new Call(turn, words, drawn);
  const shape = calls[call.command];
  try {
    if (shape === undefined) return { error: unknown(words) };
    const { words: count, isOpen, grows, does } = shape;
    if (isOpen ? words.length < count : words.length !== count) {
      call.err(`ERR wrong number of arguments for '${call.command}' command`);
    }
    if (turn.isFull && grows) {
      call.err("OOM command not allowed when used memory > 'maxmemory'.");
    }
    return does(call);
  } catch (error) {
    if (!(error instanceof Erring)) throw error;
    return { error: error.message };
  }
}

/** Of a command that there is not. Words are told up to a zero byte, as C has them. */
function unknown([name, ...args]: readonly string[]): string {
  const told = args.map((each) => `'${each.split("\0", 1)[0]}' `).join("");
  return `ERR unknown command '${name}', with args beginning with: ${told}`;
}

export function runRedis(
  turn: Turn,
  { calls: all, watched = [] }: CommandInputs["redis.run"],
  hint: Hint,
): Answer {
  const { replies: drawn } = hint as { readonly replies?: readonly unknown[] | null };
  const isSame = ({ name, version }: { readonly name: string; readonly version: number }) =>
    turn.versions.standing(name, version) === standingOf(turn, name);
  if (!watched.every(isSame)) return { reply: { replies: null } };
  return { reply: { replies: all.map((words, i) => perform(turn, words, drawn?.[i])) } };
}
