/**
 * Where collections are kept that nothing names any more, until they are freed; and the rows of elements of any type.
 * Invariant: a generation has exactly as many rows of elements as the name or the row of `generations` that has it says.
 */
import type { NameType } from "../contract/names.ts";
import { declareTable, type Table } from "./declare.ts";
import { integer, type KeyPart, type Leading } from "./key-columns.ts";
import type { Named } from "./names.ts";
import type { SluiceTables } from "./schema.ts";
import { placeOfScore } from "./scores.ts";

export interface GenerationRow {
  /** What its rows are: elements of a collection, or the names of a keyspace that was flushed. */
  readonly type: Exclude<NameType, "string"> | "names";
  /** How many are left. */
  readonly size: number;
}

export const generations = declareTable<GenerationRow>()({
  name: "generations",
  version: 1,
  key: [integer("gen")],
  valueBytesMax: 80,
});

/** So few elements are freed with their name: it spares the alarm that frees more. */
const FREED_AT_ONCE = 16;

/** What was named is left to be freed. */
export function leaveGeneration(tables: SluiceTables, { type, gen, size = 0 }: Named): void {
  if (gen === undefined || size === 0 || type === "string") return;
  if (size <= FREED_AT_ONCE) freeElements(tables, type, gen, size);
  else tables.generations.insert([gen], { type, size });
}

/** Removes the first `count` elements. Of their values nothing is read. */
export function freeElements(
  tables: SluiceTables,
  type: NameType,
  gen: number,
  count: number,
): void {
  const prefix: [number] = [gen];
  if (type === "list") {
    const items = [...tables.list_items.outlines({ prefix }).take(count)];
    for (const [key, { textLength }] of items) tables.list_items.remove(key, textLength);
  } else if (type === "hash") {
    const fields = [...tables.hash_fields.outlines({ prefix }).take(count)];
    for (const [key, { textLength }] of fields) tables.hash_fields.remove(key, textLength);
  } else if (type === "set") {
    const rest = restOf(tables.set_members, gen);
    for (const [key] of tables.set_members.range({ ...rest, limit: count }))
      tables.set_members.remove(key);
  } else {
    const rest = restOf(tables.zset_members, gen);
    for (const [key, { score }] of tables.zset_members.range({ ...rest, limit: count })) {
      tables.zset_members.remove(key);
      tables.zset_scores.remove([gen, placeOfScore(score), key[2]]);
    }
  }
}

/**
 * What is left of a generation whose rows have no texts: the first of them is read. The rows before it are gone, and are not looked at, however many
 * a checkpoint has still to delete.
 */
function restOf<K extends readonly [number, ...KeyPart[]], V extends object>(
  table: Pick<Table<K, V>, "first">,
  gen: number,
): { readonly prefix: Leading<K>; readonly from?: Leading<K> } {
  const prefix = [gen] as unknown as Leading<K>;
  const head = table.first(prefix);
  return head === undefined ? { prefix } : { prefix, from: head[0] as unknown as Leading<K> };
}

/** Rows that are read at once to be copied. */
const COPIED_AT_ONCE = 128;

/** The rows of a generation, some at a time: while they are taken the table may be changed. */
function* rowsOf<K extends readonly [number, ...KeyPart[]], V extends object>(
  table: Pick<Table<K, V>, "range">,
  gen: number,
): Generator<[K, V]> {
  const prefix = [gen] as unknown as Leading<K>;
  for (let page = table.range({ prefix, limit: COPIED_AT_ONCE }); ; ) {
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < COPIED_AT_ONCE) return;
    page = table.range({ prefix, after: last[0] as unknown as Leading<K>, limit: COPIED_AT_ONCE });
  }
}

/** Writes all elements once more under another generation. */
export function copyElements(tables: SluiceTables, type: NameType, from: number, to: number): void {
  if (type === "list") {
    for (const [[, position], row] of rowsOf(tables.list_items, from))
      tables.list_items.insert([to, position], row);
  } else if (type === "hash") {
    for (const [[, hash, field], row] of rowsOf(tables.hash_fields, from))
      tables.hash_fields.insert([to, hash, field], row);
  } else if (type === "set") {
    for (const [[, hash, member], row] of rowsOf(tables.set_members, from))
      tables.set_members.insert([to, hash, member], row);
  } else {
    for (const [[, hash, member], row] of rowsOf(tables.zset_members, from)) {
      tables.zset_members.insert([to, hash, member], row);
      tables.zset_scores.insert([to, placeOfScore(row.score), member], {});
    }
  }
}
