/**
 * The elements of one list: how they are read, found, added and taken.
 * Invariant: what is told or looked at is bounded, as `redis-call.ts` has it; each element that comes or goes is in an event.
 */
import type { ListEnd } from "../contract/lists.ts";
import { packValues, unpackBytes } from "../store/packed.ts";
import type { Call, Collection } from "./redis-call.ts";

/** The list of a name; undefined where there is none. Throws where the name has another type. */
export const listOf = (call: Call, name: string): Collection | undefined =>
  call.collection(name, "list");

/** The elements of a list from an index on, or from it back. */
export function* itemsOf(
  call: Call,
  list: Collection,
  from: number,
  isBack = false,
): Generator<string> {
  const position = (list.head ?? 0) + from;
  const bounds = isBack
    ? ({ prefix: [list.gen], to: [list.gen, position + 1], reverse: true } as const)
    : ({ prefix: [list.gen], from: [list.gen, position] } as const);
  for (const [, { content }] of call.tx.tables.list_items.scan(bounds as never)) {
    const item = unpackBytes(content);
    call.looked(item.length);
    yield item;
  }
}

/** Takes so many elements from an index on, which are to have other places unless they go, off what a run may move. */
export function move(
  call: Call,
  list: Collection,
  first: number,
  count: number,
  going: ReadonlySet<number> = new Set(),
): void {
  call.bounded(count);
  if (count === 0) return;
  let index = first;
  for (const item of itemsOf(call, list, first)) {
    if (!going.has(index)) call.moved(item.length);
    index += 1;
    if (index === first + count) return;
  }
}

/** So many elements from an index on, as they are told. */
export function take(call: Call, list: Collection, first: number, count: number): string[] {
  const taken: string[] = [];
  if (count === 0) return taken;
  for (const item of itemsOf(call, list, first)) {
    taken.push(call.told(item));
    if (taken.length === count) break;
  }
  return taken;
}

export function itemAt(call: Call, { gen, head = 0 }: Collection, index: number): string {
  const row = call.tx.tables.list_items.get([gen, head + index]);
  if (row === undefined) throw new Error("a list has a gap");
  return unpackBytes(row.content);
}

/** The index that one stands for that may count from the end; undefined where there is no element. */
export function indexIn({ size }: Collection, index: number): number | undefined {
  const at = index < 0 ? index + size : index;
  return at >= 0 && at < size ? at : undefined;
}

export function push(call: Call, name: string, end: ListEnd, values: readonly string[]): number {
  call.bounded(values.length);
  const size = listOf(call, name)?.size ?? 0;
  call.tx.emit("list.pushed", {
    name,
    end,
    ...packValues(values.map((each) => call.fitting(each))),
  });
  return size + values.length;
}

/** Takes elements off an end, the outermost first. */
export function pop(
  call: Call,
  name: string,
  list: Collection,
  end: ListEnd,
  most: number,
): string[] {
  const count = Math.min(most, list.size);
  call.bounded(count);
  if (count === 0) return [];
  const popped = take(call, list, end === "left" ? 0 : list.size - count, count);
  call.tx.emit("list.popped", { name, end, count });
  return end === "left" ? popped : popped.reverse();
}

/** The first indexes of a value from an end on: at most so many of them, behind some that are left out, among so many elements. */
export function findAll(
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
