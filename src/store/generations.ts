/**
 * Where collections are kept that nothing names any more, until they are freed; and the rows of elements of any type.
 * Invariant: a generation has exactly as many rows of elements as the name or the row of `generations` that has it says.
 */
import type { NameType } from "../contract/names.ts";
import { declareTable } from "./declare.ts";
import { integer } from "./key-columns.ts";
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
export function leaveGeneration(
  tables: SluiceTables,
  { type, gen, size = 0 }: Partial<Named>,
): void {
  if (gen === undefined || size === 0 || type === undefined || type === "string") return;
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
  const range: { prefix: [number]; limit: number } = { prefix: [gen], limit: count };
  if (type === "list") {
    for (const [key, { textLength }] of tables.list_items.outlines(range))
      tables.list_items.remove(key, textLength);
  } else if (type === "hash") {
    for (const [key, { textLength }] of tables.hash_fields.outlines(range))
      tables.hash_fields.remove(key, textLength);
  } else if (type === "set") {
    for (const [key] of tables.set_members.outlines(range))
      tables.set_members.remove(key, key[2].length);
  } else {
    for (const [key, { score }] of tables.zset_members.range(range)) {
      tables.zset_members.remove(key, key[2].length);
      tables.zset_scores.remove([gen, placeOfScore(score), key[2]], key[2].length);
    }
  }
}

/** Writes all elements once more under another generation. */
export function copyElements(tables: SluiceTables, type: NameType, from: number, to: number): void {
  const bounds: { prefix: [number] } = { prefix: [from] };
  if (type === "list") {
    for (const [[, position], row] of [...tables.list_items.scan(bounds)])
      tables.list_items.insert([to, position], row);
  } else if (type === "hash") {
    for (const [[, hash, field], row] of [...tables.hash_fields.scan(bounds)])
      tables.hash_fields.insert([to, hash, field], row);
  } else if (type === "set") {
    for (const [[, hash, member], row] of [...tables.set_members.scan(bounds)])
      tables.set_members.insert([to, hash, member], row);
  } else {
    for (const [[, hash, member], row] of [...tables.zset_members.scan(bounds)]) {
      tables.zset_members.insert([to, hash, member], row);
      tables.zset_scores.insert([to, placeOfScore(row.score), member], {});
    }
  }
}
