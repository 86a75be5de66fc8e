/**
 * What the commands of lists mean that read them, add to them, and change what is in them.
 * Invariant: as `redis-call.ts` has it; what is done in the middle of a list looks at a bounded number of elements, and moves as few.
 */
import { limits } from "../contract/limits.ts";
import type { ListEnd } from "../contract/lists.ts";
import { packBytes } from "../store/packed.ts";
import { findAll, indexIn, itemAt, listOf, move, push, take } from "./list-items.ts";
import { atLeast, integer, span } from "./redis-arguments.ts";
import {
  type Call,
  type Collection,
  noSuchName,
  OK,
  type Perform,
  RedisError,
  syntaxError,
} from "./redis-call.ts";

const pushAt =
  (end: ListEnd, isThereOnly = false): Perform =>
  (call) => {
    const [name = "", ...values] = call.args;
    if (isThereOnly && listOf(call, name) === undefined) return 0;
    return push(call, name, end, values);
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

/** Checks what goes before an index, and behind so many elements from it on: how many these are, and how long. */
function freed(call: Call, list: Collection, first: number, count: number): void {
  const { gen, size, head = 0 } = list;
  call.bounded(size - count);
  // So few are not longer than they may be, whatever they are.
  if ((size - count) * limits.redisValueBytesMax <= limits.redisBytesFreedMax) return;
  const ends = [
    { from: [gen, head], to: [gen, head + first] },
    { from: [gen, head + first + count], to: [gen, head + size] },
  ] as const;
  let bytes = 0;
  for (const { from, to } of ends) {
    for (const [, { textLength }] of call.tx.tables.list_items.outlines({ from, to })) {
      bytes += textLength;
      call.freed(bytes);
    }
  }
}

const ltrim: Perform = (call) => {
  const name = call.arg(0);
  const [start, stop] = [integer(call.arg(1)), integer(call.arg(2))];
  const list = listOf(call, name);
  if (list === undefined) return OK;
  const { first, count } = span(start, stop, list.size);
  // Either what goes is removed, or what stays has another place.
  const gone = list.size - count;
  if (count > gone) freed(call, list, first, count);
  else move(call, list, first, count);
  if (count === 0) call.remove(name);
  else if (count < list.size) call.tx.emit("list.trimmed", { name, from: first, count });
  return OK;
};

const linsert: Perform = (call) => {
  const [name, value] = [call.arg(0), call.arg(3)];
  const place = call.word(1);
  if (place !== "before" && place !== "after") throw syntaxError();
  const list = listOf(call, name);
  if (list === undefined) return 0;
  const [pivot] = findAll(call, list, call.arg(2), { isBack: false, most: 1 });
  if (pivot === undefined) return -1;
  const index = place === "before" ? pivot : pivot + 1;
  const behind = list.size - index;
  if (index < behind) move(call, list, 0, index);
  else move(call, list, index, behind);
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
  // Of what stands before the last that goes and behind the first, the fewer move.
  const behind = list.size - first;
  const going = new Set(indexes);
  if (last + 1 < behind) move(call, list, 0, last + 1, going);
  else move(call, list, first, behind, going);
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

export const listCommands: Readonly<Record<string, Perform>> = {
  lindex,
  linsert,
  llen,
  lpos,
  lpush: pushAt("left"),
  lpushx: pushAt("left", true),
  lrange,
  lrem,
  lset,
  ltrim,
  rpush: pushAt("right"),
  rpushx: pushAt("right", true),
};
