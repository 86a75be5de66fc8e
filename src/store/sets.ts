/**
 * Where the members of sets are kept.
 * Invariant: as `names.ts` has it; members stand by hash, so that a scan goes on where it was by a number.
 */
import type { EventOf } from "../contract/events.ts";
import { hash52 } from "../contract/hash.ts";
import { declareTable } from "./declare.ts";
import { bytes, integer } from "./key-columns.ts";
import { collectionFor, putName } from "./names.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";

export const set_members = declareTable<object>()({
  name: "set_members",
  version: 1,
  key: [integer("gen"), integer("hash"), bytes("member")],
  valueBytesMax: 10,
});

function added(tables: SluiceTables, { name, members }: EventOf<"set.added">, at: number): void {
  const set = collectionFor(tables, name, "set", at);
  for (const member of members) tables.set_members.insert([set.gen, hash52(member), member], {});
  putName(tables, name, { ...set, size: set.size + members.length });
}

function removed(
  tables: SluiceTables,
  { name, members }: EventOf<"set.removed">,
  at: number,
): void {
  const set = collectionFor(tables, name, "set", at);
  for (const member of members) tables.set_members.remove([set.gen, hash52(member), member]);
  putName(tables, name, { ...set, size: set.size - members.length });
}

export const setWriters = {
  "set.added": added,
  "set.removed": removed,
} satisfies Partial<EventWriters>;
