/**
 * What the Redis commands of lists should do.
 * Invariant: as `redis-call.ts` has it.
 */
import { change, remove, replace } from "./names.ts";
import { type Call, OK, type Reply, type Shape, sliceOf } from "./redis-call.ts";

const listOf = (call: Call, name: string): readonly string[] | undefined =>
  call.typed(name, "list")?.items;

const put = (call: Call, event: string, name: string, items: readonly string[]): void =>
  change(call.turn, event, name, { type: "list", items });

type End = "left" | "right";

function push(call: Call, name: string, end: End, values: readonly string[]): number {
  const old = listOf(call, name) ?? [];
  const items = end === "left" ? [...values.toReversed(), ...old] : [...old, ...values];
  put(call, "list.pushed", name, items);
  return items.length;
}

const pushAt =
  (end: End, isThere: boolean) =>
  (call: Call): Reply => {
    const [name = "", ...values] = call.args;
    if (isThere && listOf(call, name) === undefined) return 0;
    return push(call, name, end, values);
  };

/** Takes so many off an end, the outermost first. */
function pop(call: Call, name: string, end: End, most: number): string[] {
  const old = listOf(call, name) ?? [];
  const count = Math.min(most, old.length);
  if (count === 0) return [];
  const isLeft = end === "left";
  put(call, "list.popped", name, isLeft ? old.slice(count) : old.slice(0, old.length - count));
  return isLeft ? old.slice(0, count) : old.slice(old.length - count).toReversed();
}

const popAt =
  (end: End) =>
  (call: Call): Reply => {
    const [name = "", said] = call.args;
    const count = said === undefined ? undefined : call.count(said);
    if (listOf(call, name) === undefined) return count === undefined ? null : { nilArray: true };
    return count === undefined ? (pop(call, name, end, 1)[0] ?? null) : pop(call, name, end, count);
  };

/** The index that one stands for which may count from the end. */
const indexIn = (items: readonly string[], index: number): number =>
  index < 0 ? index + items.length : index;

function lrange(call: Call): Reply {
  const [start, stop] = [call.number(call.arg(1)), call.number(call.arg(2))];
  return sliceOf(listOf(call, call.arg(0)) ?? [], start, stop);
}

function lset(call: Call): Reply {
  const items = listOf(call, call.arg(0)) ?? call.err("ERR no such key");
  const index = indexIn(items, call.number(call.arg(1)));
  if (items[index] === undefined) call.err("ERR index out of range");
  put(call, "list.set", call.arg(0), items.with(index, call.arg(2)));
  return OK;
}

/** Where less stays than goes, what stays is moved, and the rest is left behind. */
function ltrim(call: Call): Reply {
  const name = call.arg(0);
  const [start, stop] = [call.number(call.arg(1)), call.number(call.arg(2))];
  const items = listOf(call, name) ?? [];
  const kept = sliceOf(items, start, stop);
  if (kept.length === items.length) return OK;
  const { until } = call.named(name) ?? {};
  if (kept.length === 0) remove(call.turn, name);
  else if (2 * kept.length > items.length) put(call, "list.trimmed", name, kept);
  else replace(call.turn, "list.trimmed", name, { type: "list", items: kept }, until);
  return OK;
}

/** So many of a value: from the end where the number is negative, all where it is zero. */
function lrem(call: Call): Reply {
  const count = call.number(call.arg(1));
  const items = listOf(call, call.arg(0)) ?? [];
  const indexes = [...items.keys()].filter((i) => items[i] === call.arg(2));
  if (count < 0) indexes.reverse();
  const going = new Set(count === 0 ? indexes : indexes.slice(0, Math.abs(count)));
  if (going.size === 0) return 0;
  const rest = items.filter((_, i) => !going.has(i));
  put(call, "list.removed", call.arg(0), rest);
  return going.size;
}

function linsert(call: Call): Reply {
  const [name = "", place = "", pivot = "", value = ""] = call.args;
  const items = listOf(call, name);
  if (items === undefined) return 0;
  const at = items.indexOf(pivot);
  if (at < 0) return -1;
  const index = place.toLowerCase() === "before" ? at : at + 1;
  put(call, "list.inserted", name, items.toSpliced(index, 0, value));
  return items.length + 1;
}

function lmove(call: Call): Reply {
  const [from = "", to = ""] = call.args;
  const [take, give] = call.options(2) as [End, End];
  const items = listOf(call, from);
  if (items === undefined) return null;
  listOf(call, to);
  const only = items.length === 1 ? items[0] : undefined;
  if (from === to && only !== undefined) {
    put(call, "list.set", from, items);
    return only;
  }
  const [item = ""] = pop(call, from, take, 1);
  push(call, to, give, [item]);
  return item;
}

function lindex(call: Call): Reply {
  const items = listOf(call, call.arg(0));
  return items?.[indexIn(items, call.number(call.arg(1)))] ?? null;
}

export const listCalls: Readonly<Record<string, Shape>> = {
  lindex: { words: 3, does: lindex },
  linsert: { words: 5, grows: true, does: linsert },
  llen: { words: 2, does: (call) => listOf(call, call.arg(0))?.length ?? 0 },
  lmove: { words: 5, grows: true, does: lmove },
  lpop: { words: 2, isOpen: true, does: popAt("left") },
  lpush: { words: 3, isOpen: true, grows: true, does: pushAt("left", false) },
  lrange: { words: 4, does: lrange },
  lrem: { words: 4, does: lrem },
  lset: { words: 4, grows: true, does: lset },
  ltrim: { words: 4, does: ltrim },
  rpop: { words: 2, isOpen: true, does: popAt("right") },
  rpush: { words: 3, isOpen: true, grows: true, does: pushAt("right", false) },
  rpushx: { words: 3, isOpen: true, grows: true, does: pushAt("right", true) },
};
