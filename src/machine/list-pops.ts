/**
 * What the commands mean that take elements off lists: for a client, or for another list. Those that wait say so where they find nothing.
 * Invariant: as `redis-call.ts` has it; an element that moves is never in no list, nor in two.
 */
import type { ListEnd } from "../contract/lists.ts";
import type { RedisReply } from "../contract/redis.ts";
import { wrongArity } from "../contract/redis-commands.ts";
import { packBytes } from "../store/packed.ts";
import { itemAt, listOf, pop, push } from "./list-items.ts";
import { atLeast, countBehind, countedNames, timeoutOf } from "./redis-arguments.ts";
import { type Call, nilArray, type Perform, RedisError, syntaxError } from "./redis-call.ts";

const popAt =
  (end: ListEnd): Perform =>
  (call) => {
    const [name = "", most] = call.args;
    if (call.args.length > 2) throw new RedisError(wrongArity(call.command));
    const count = most === undefined ? undefined : atLeast(0, most);
    const list = listOf(call, name);
    if (list === undefined) return count === undefined ? null : nilArray;
    if (count !== undefined) return pop(call, name, list, end, count);
    return pop(call, name, list, end, 1)[0] ?? null;
  };

function endOf(call: Call, at: number): ListEnd {
  const word = call.word(at);
  if (word !== "left" && word !== "right") throw syntaxError();
  return word;
}

/** Moves an element from an end of a list to an end of one. */
function moveItem(call: Call, ends: readonly [from: ListEnd, to: ListEnd]): RedisReply {
  const [from, to] = [call.arg(0), call.arg(1)];
  const list = listOf(call, from);
  if (list === undefined) return null;
  listOf(call, to);
  if (from === to && list.size === 1) {
    // Between its end and its end the list is never empty, and keeps its time.
    const only = call.told(itemAt(call, list, 0));
    call.tx.emit("list.set", { name: from, index: 0, value: packBytes(only) });
    return only;
  }
  const [item = ""] = pop(call, from, list, ends[0], 1);
  push(call, to, ends[1], [item]);
  return item;
}

const lmove: Perform = (call) => moveItem(call, [endOf(call, 2), endOf(call, 3)]);

const blmove: Perform = (call) => {
  const ends = [endOf(call, 2), endOf(call, 3)] as const;
  return awaitItem(call, ends, timeoutOf(call.arg(4)));
};

/** Moves an element as soon as there is one. */
function awaitItem(
  call: Call,
  ends: readonly [from: ListEnd, to: ListEnd],
  ms: number,
): RedisReply {
  return listOf(call, call.arg(0)) === undefined ? call.wait(ms, null) : moveItem(call, ends);
}

const rpoplpush: Perform = (call) => moveItem(call, ["right", "left"]);

const brpoplpush: Perform = (call) => awaitItem(call, ["right", "left"], timeoutOf(call.arg(2)));

const blockingPop =
  (end: ListEnd): Perform =>
  (call) => {
    const ms = timeoutOf(call.args.at(-1) ?? "");
    for (const name of call.args.slice(0, -1)) {
      const list = listOf(call, name);
      if (list !== undefined) return [call.told(name), ...pop(call, name, list, end, 1)];
    }
    return call.wait(ms, nilArray);
  };

/** Pops some elements of the first of the lists that is there. */
function popFirst(call: Call, at: number): RedisReply {
  const { names, next } = countedNames(call, at, {
    few: "ERR numkeys should be greater than 0",
  });
  const end = endOf(call, next);
  const count = countBehind(call, next + 1);
  // Of a command that waits, the time stands before the names, and is looked at behind all else.
  const ms = at > 0 ? timeoutOf(call.arg(0)) : undefined;
  for (const name of names) {
    const list = listOf(call, name);
    if (list !== undefined) return [call.told(name), pop(call, name, list, end, count)];
  }
  return ms === undefined ? nilArray : call.wait(ms, nilArray);
}

export const popCommands: Readonly<Record<string, Perform>> = {
  blmove,
  blmpop: (call) => popFirst(call, 1),
  blpop: blockingPop("left"),
  brpop: blockingPop("right"),
  brpoplpush,
  lmove,
  lmpop: (call) => popFirst(call, 0),
  lpop: popAt("left"),
  rpop: popAt("right"),
  rpoplpush,
};
