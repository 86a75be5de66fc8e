/**
 * What the commands of lists mean. Those that wait say so where they find nothing.
 * Invariant: as `redis-call.ts` has it; what is done in the middle of a list looks at a bounded number of elements, and moves as few.
 */
import type { ListEnd } from "../contract/lists.ts";
import type { RedisReply } from "../contract/redis.ts";
import { wrongArity } from "../contract/redis-commands.ts";
import { packBytes, packValues, unpackBytes } from "../store/packed.ts";
import { atLeast, countedNames, integer, span, timeoutOf } from "./redis-arguments.ts";
import {
  type Call,
  type Collection,
  nilArray,
  noSuchName,
  OK,
  type Perform,
  RedisError,
  syntaxError,
} from "./redis-call.ts";

const listOf = (call: Call, name: string): Collection | undefined => call.collection(name, "list");

/** The elements of a list from an index on, or from it back. */
function* itemsOf(call: Call, list: Collection, from: number, isBack = false): Generator<string> {
  const position = (list.head ?? 0) + from;
  const bounds = isBack
    ? ({ prefix: [list.gen], to: [list.gen, position + 1], reverse: true } as const)
    : ({ prefix: [list.gen], from: [list.gen, position] } as const);
  for (const [, { content }] of call.tx.tables.list_items.scan(bounds as never))
    yield unpackBytes(content);
}

/** So many elements from an index on, as they are told. */
function take(call: Call, list: Collection, first: number, count: number): string[] {
  const taken: string[] = [];
  if (count === 0) return taken;
  for (const item of itemsOf(call, list, first)) {
    taken.push(call.told(item));
    if (taken.length === count) break;
  }
  return taken;
}

function itemAt(call: Call, { gen, head = 0 }: Collection, index: number): string {
  const row = call.tx.tables.list_items.get([gen, head + index]);
  if (row === undefined) throw new Error("a list has a gap");
  return unpackBytes(row.content);
}

/** The index that one stands for that may count from the end; undefined where there is no element. */
function indexIn({ size }: Collection, index: number): number | undefined {
  const at = index < 0 ? index + size : index;
  return at >= 0 && at < size ? at : undefined;
}

function push(call: Call, name: string, end: ListEnd, values: readonly string[]): number {
  call.bounded(values.length);
  const size = listOf(call, name)?.size ?? 0;
  call.tx.emit("list.pushed", {
    name,
    end,
    ...packValues(values.map((each) => call.fitting(each))),
  });
  return size + values.length;
}

const pushAt =
  (end: ListEnd, isThereOnly = false): Perform =>
  (call) => {
    const [name = "", ...values] = call.args;
    if (isThereOnly && listOf(call, name) === undefined) return 0;
    return push(call, name, end, values);
  };

/** Takes elements off an end, the outermost first. */
function pop(call: Call, name: string, list: Collection, end: ListEnd, most: number): string[] {
  const count = Math.min(most, list.size);
  call.bounded(count);
  if (count === 0) return [];
  const popped = take(call, list, end === "left" ? 0 : list.size - count, count);
  call.tx.emit("list.popped", { name, end, count });
  return end === "left" ? popped : popped.reverse();
}

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

const llen: Perform = (call) => listOf(call, call.arg(0))?.size ?? 0;

const lindex: Perform = (call) => {
  const list = listOf(call, call.arg(0));
  if (list === undefined) return null;
  const index = indexIn(list, integer(call.arg(1)));
  return index === undefined ? null : call.told(itemAt(call, list, index));
};

const lrange: Perform = (call) => {
  const [start, stop] = [integer(call.arg(1)), integer(call.arg(2))];
  const list = listOf(call, call.arg(0));
  if (list === undefined) return [];
  const { first, count } = span(start, stop, list.size);
  return take(call, list, first, count);
};

const lset: Perform = (call) => {
  const name = call.arg(0);
  const list = listOf(call, name);
  if (list === undefined) throw noSuchName();
  const index = indexIn(list, integer(call.arg(1)));
  if (index === undefined) throw new RedisError("ERR index out of range");
  call.tx.emit("list.set", { name, index, value: packBytes(call.fitting(call.arg(2))) });
  return OK;
};

const ltrim: Perform = (call) => {
  const name = call.arg(0);
  const [start, stop] = [integer(call.arg(1)), integer(call.arg(2))];
  const list = listOf(call, name);
  if (list === undefined) return OK;
  const { first, count } = span(start, stop, list.size);
  // Either what goes is removed, or what stays has another place.
  call.bounded(Math.min(count, list.size - count));
  if (count === 0) call.remove(name);
  else if (count < list.size) call.tx.emit("list.trimmed", { name, from: first, count });
  return OK;
};

/** The first indexes of a value from an end on: at most so many of them, behind some that are left out, among so many elements. */
function findAll(
  call: Call,
  list: Collection,
  value: string,
  { isBack, most, skip = 0, among = list.size }: Search,
): number[] {
  const found: number[] = [];
  let seen = 0;
  let left = skip;
  for (const item of itemsOf(call, list, isBack ? list.size - 1 : 0, isBack)) {
    if (seen === among) break;
    seen += 1;
    call.seen(seen);
    if (item !== value) continue;
    if (left > 0) left -= 1;
    else found.push(isBack ? list.size - seen : seen - 1);
    if (found.length === most) break;
  }
  return found;
}

interface Search {
  readonly isBack: boolean;
  readonly most: number;
  readonly skip?: number;
  readonly among?: number;
}

const linsert: Perform = (call) => {
  const [name, value] = [call.arg(0), call.arg(3)];
  const place = call.word(1);
  if (place !== "before" && place !== "after") throw syntaxError();
  const list = listOf(call, name);
  if (list === undefined) return 0;
  const [pivot] = findAll(call, list, call.arg(2), { isBack: false, most: 1 });
  if (pivot === undefined) return -1;
  const index = place === "before" ? pivot : pivot + 1;
  call.bounded(Math.min(index, list.size - index));
  call.tx.emit("list.inserted", { name, index, value: packBytes(call.fitting(value)) });
  return list.size + 1;
};

const lrem: Perform = (call) => {
  const name = call.arg(0);
  const count = integer(call.arg(1));
  const list = listOf(call, name);
  if (list === undefined) return 0;
  const search = { isBack: count < 0, most: count === 0 ? list.size : Math.abs(count) };
  const indexes = findAll(call, list, call.arg(2), search).sort((a, b) => a - b);
  if (indexes.length === 0) return 0;
  const [first = 0] = indexes;
  const last = indexes.at(-1) ?? 0;
  call.bounded(Math.min(last + 1, list.size - first));
  call.tx.emit("list.removed", { name, indexes });
  return indexes.length;
};

const RANK_ZERO =
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";

const lpos: Perform = (call) => {
  let rank = 1;
  let count: number | undefined;
  let among = 0;
  for (let i = 2; i < call.args.length; i += 2) {
    const value = call.args[i + 1];
    if (value === undefined) throw syntaxError();
    if (call.word(i) === "rank") {
      rank = integer(value);
      if (rank === 0) throw new RedisError(RANK_ZERO);
    } else if (call.word(i) === "count") {
      count = atLeast(0, value, "ERR COUNT can't be negative");
    } else if (call.word(i) === "maxlen") {
      among = atLeast(0, value, "ERR MAXLEN can't be negative");
    } else throw syntaxError();
  }
  const list = listOf(call, call.arg(0));
  if (list === undefined) return count === undefined ? null : [];
  const found = findAll(call, list, call.arg(1), {
    isBack: rank < 0,
    most: count === 0 ? list.size : (count ?? 1),
    skip: Math.abs(rank) - 1,
    among: among === 0 ? list.size : among,
  });
  return count === undefined ? (found[0] ?? null) : found;
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

/** COUNT and a number at the end of a call; one where they are not there. */
export function countBehind(call: Call, at: number): number {
  if (call.args.length === at) return 1;
  if (call.word(at) !== "count" || call.args.length < at + 2) throw syntaxError();
  const count = atLeast(1, call.arg(at + 1), "ERR count should be greater than 0");
  if (call.args.length > at + 2) throw syntaxError();
  return count;
}

export const listCommands: Readonly<Record<string, Perform>> = {
  blmove,
  blmpop: (call) => popFirst(call, 1),
  blpop: blockingPop("left"),
  brpop: blockingPop("right"),
  brpoplpush,
  lindex,
  linsert,
  llen,
  lmove,
  lmpop: (call) => popFirst(call, 0),
  lpop: popAt("left"),
  lpos,
  lpush: pushAt("left"),
  lpushx: pushAt("left", true),
  lrange,
  lrem,
  lset,
  ltrim,
  rpop: popAt("right"),
  rpoplpush,
  rpush: pushAt("right"),
  rpushx: pushAt("right", true),
};
