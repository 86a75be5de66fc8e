/**
 * Where the fields of hashes are kept.
 * Invariant: as `names.ts` has it; fields stand by hash, so that a scan goes on where it was by a number.
 */
import type { EventOf } from "../contract/events.ts";
import { hash52 } from "../contract/hash.ts";
import { declareTable } from "./declare.ts";
import { bytes, integer } from "./key-columns.ts";
import { collectionFor, putName } from "./names.ts";
import { cutValues } from "./packed.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export interface HashField {
  /** Packed. */
  readonly content: string;
}

export const hash_fields = declareTable<HashField>()({
  name: "hash_fields",
  version: 1,
  key: [integer("gen"), integer("hash"), bytes("field")],
  texts: ["content"],
  valueBytesMax: 10,
});

function set(
  tables: SluiceTables,
  { name, fields, ...packed }: EventOf<"hash.set">,
  at: number,
): void {
  const hash = collectionFor(tables, name, "hash", at);
  const values = cutValues(packed);
  let { size } = hash;
  for (const [i, field] of fields.entries()) {
    const key = [hash.gen, hash52(field), field] as const;
    if (tables.hash_fields.get(key) === undefined) size += 1;
    tables.hash_fields.put(key, { content: values[i] ?? "" });
  }
  putName(tables, name, { ...hash, size });
}

function removed(
  tables: SluiceTables,
  { name, fields }: EventOf<"hash.removed">,
  at: number,
): void {
  const hash = collectionFor(tables, name, "hash", at);
  for (const field of fields) tables.hash_fields.remove([hash.gen, hash52(field), field]);
  putName(tables, name, { ...hash, size: hash.size - fields.length });
}

export const hashWriters = {
  "hash.removed": removed,
  "hash.set": set,
} satisfies Partial<EventWriters>;
