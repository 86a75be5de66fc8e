/**
 * Where the elements of lists are kept, by position.
 * Invariant: the elements of a list stand at the positions from its head on, without gaps, so that an index leads to its row; what comes
 * or goes in the middle moves the shorter side.
 */
import type { EventOf } from "../contract/events.ts";
import { declareTable } from "./declare.ts";
import { integer, signed } from "./key-columns.ts";
import { collectionFor, type Named, nextGeneration, putName } from "./names.ts";
import { cutValues } from "./packed.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export interface ListItem {
  /** Packed. */
  readonly content: string;
}

export const list_items = declareTable<ListItem>()({
  name: "list_items",
  version: 1,
  key: [integer("gen"), signed("position", 2 ** 52)],
  texts: ["content"],
  valueBytesMax: 10,
});

/** A list as it is being changed. */
type List = Named & { readonly gen: number; readonly size: number };

const headOf = ({ head = 0 }: Named): number => head;

function pushed(
  tables: SluiceTables,
  { name, end, ...packed }: EventOf<"list.pushed">,
  at: number,
): void {
  const list = collectionFor(tables, name, "list", at);
  const values = cutValues(packed);
  let head = headOf(list);
  let tail = head + list.size;
  for (const value of values) {
    const position = end === "left" ? --head : tail++;
    tables.list_items.insert([list.gen, position], { content: value });
  }
  putName(tables, name, { ...list, head, size: list.size + values.length });
}

function popped(
  tables: SluiceTables,
  { name, end, count }: EventOf<"list.popped">,
  at: number,
): void {
  const list = collectionFor(tables, name, "list", at);
  const head = headOf(list);
  const first = end === "left" ? head : head + list.size - count;
  drop(tables, list.gen, first, count);
  const rest = end === "left" ? head + count : head;
  putName(tables, name, { ...list, head: rest, size: list.size - count });
}

function set(tables: SluiceTables, { name, index, value }: EventOf<"list.set">, at: number): void {
  const list = collectionFor(tables, name, "list", at);
  tables.list_items.put([list.gen, headOf(list) + index], { content: value });
  putName(tables, name, list);
}

function inserted(
  tables: SluiceTables,
  { name, index, value }: EventOf<"list.inserted">,
  at: number,
): void {
  const list = collectionFor(tables, name, "list", at);
  const size = list.size + 1;
  let head = headOf(list);
  if (index < list.size / 2) {
    for (let i = 0; i < index; i += 1) move(tables, list.gen, head + i, head + i - 1);
    head -= 1;
  } else {
    for (let i = list.size - 1; i >= index; i -= 1) move(tables, list.gen, head + i, head + i + 1);
  }
  tables.list_items.put([list.gen, head + index], { content: value });
  putName(tables, name, { ...list, head, size });
}

/** Of the elements before the first and behind the last that goes, the fewer move. */
function removed(
  tables: SluiceTables,
  { name, indexes }: EventOf<"list.removed">,
  at: number,
): void {
  const list = collectionFor(tables, name, "list", at);
  const [first = 0] = indexes;
  const last = indexes.at(-1) ?? 0;
  const size = list.size - indexes.length;
  let head = headOf(list);
  if (last < list.size - 1 - first) {
    closeUp(tables, list, last, -1, new Set(indexes));
    drop(tables, list.gen, head, indexes.length);
    head += indexes.length;
  } else {
    closeUp(tables, list, first, 1, new Set(indexes));
    drop(tables, list.gen, head + size, indexes.length);
  }
  putName(tables, name, { ...list, head, size });
}

/** Moves what stays over what goes, from an index on to the end (`step` 1) or to the beginning. */
function closeUp(
  tables: SluiceTables,
  list: List,
  from: number,
  step: 1 | -1,
  going: ReadonlySet<number>,
): void {
  const head = headOf(list);
  let to = from;
  for (let i = from; i >= 0 && i < list.size; i += step) {
    if (going.has(i)) continue;
    tables.list_items.put([list.gen, head + to], itemAt(tables, list.gen, head + i));
    to += step;
  }
}

/** What is left is kept where it is, or where that is less under a generation of its own. */
function trimmed(
  tables: SluiceTables,
  { name, from, count }: EventOf<"list.trimmed">,
  at: number,
): void {
  const list = collectionFor(tables, name, "list", at);
  const first = headOf(list) + from;
  if (count > list.size - count) {
    dropUnread(tables, list.gen, headOf(list), from);
    dropUnread(tables, list.gen, first + count, list.size - from - count);
    putName(tables, name, { ...list, head: first, size: count });
  } else {
    const gen = nextGeneration(tables);
    for (let i = 0; i < count; i += 1) {
      tables.list_items.insert([gen, i], itemAt(tables, list.gen, first + i));
    }
    putName(tables, name, { ...list, gen, head: 0, size: count });
  }
}

function itemAt(tables: SluiceTables, gen: number, position: number): ListItem {
  const row = tables.list_items.get([gen, position]);
  if (row === undefined) throw new Error("a list has a gap");
  return row;
}

function move(tables: SluiceTables, gen: number, from: number, to: number): void {
  tables.list_items.put([gen, to], itemAt(tables, gen, from));
  tables.list_items.remove([gen, from]);
}

function drop(tables: SluiceTables, gen: number, first: number, count: number): void {
  for (let i = 0; i < count; i += 1) tables.list_items.remove([gen, first + i]);
}

/** So few elements go without a look at how long they are, which would take longer than all else where a list is trimmed behind each push. */
const UNSEEN_MAX = 16;

/** The same of what nobody has read: how long it is says how much a checkpoint has to free. */
function dropUnread(tables: SluiceTables, gen: number, first: number, count: number): void {
  if (count <= UNSEEN_MAX) {
    drop(tables, gen, first, count);
    return;
  }
  const bounds = { from: [gen, first], to: [gen, first + count] } as const;
  for (const [key, { textLength }] of [...tables.list_items.outlines(bounds)]) {
    tables.list_items.remove(key, textLength);
  }
}

export const listWriters = {
  "list.inserted": inserted,
  "list.popped": popped,
  "list.pushed": pushed,
  "list.removed": removed,
  "list.set": set,
  "list.trimmed": trimmed,
} satisfies Partial<EventWriters>;
