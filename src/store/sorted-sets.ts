/**
 * Where the members of sorted sets are kept: by hash with their scores, and once more in the order of their scores.
 * Invariant: as `names.ts` has it; each row of `zset_members` has exactly one of `zset_scores`.
 */
import type { EventOf } from "../contract/events.ts";
import { hash52 } from "../contract/hash.ts";
import type { Score } from "../contract/sorted-sets.ts";
import { declareTable } from "./declare.ts";
import { ascii, bytes, integer } from "./key-columns.ts";
import { collectionFor, putName } from "./names.ts";
import type { EventWriters, SluiceTables } from "./schema.ts";
import { placeOfScore } from "./scores.ts";

export interface SortedSetMember {
  readonly score: Score;
}

export const zset_members = declareTable<SortedSetMember>()({
  name: "zset_members",
  version: 1,
  key: [integer("gen"), integer("hash"), bytes("member")],
  valueBytesMax: 60,
});

export const zset_scores = declareTable<object>()({
  name: "zset_scores",
  version: 1,
  key: [integer("gen"), ascii("place"), bytes("member")],
  valueBytesMax: 10,
  dividedOver: 1024,
});

function put(
  tables: SluiceTables,
  { name, members, scores }: EventOf<"zset.put">,
  at: number,
): void {
  const zset = collectionFor(tables, name, "zset", at);
  let { size } = zset;
  for (const [i, member] of members.entries()) {
    const key = [zset.gen, hash52(member), member] as const;
    const score = scores[i] ?? 0;
    const before = tables.zset_members.get(key)?.score;
    if (before === undefined) size += 1;
    else tables.zset_scores.remove([zset.gen, placeOfScore(before), member]);
    tables.zset_members.put(key, { score });
    tables.zset_scores.insert([zset.gen, placeOfScore(score), member], {});
  }
  putName(tables, name, { ...zset, size });
  tables.zset_scores.divide(zset.gen, size);
}

function removed(
  tables: SluiceTables,
  { name, members }: EventOf<"zset.removed">,
  at: number,
): void {
  const zset = collectionFor(tables, name, "zset", at);
  for (const member of members) {
    const key = [zset.gen, hash52(member), member] as const;
    const score = tables.zset_members.get(key)?.score;
    if (score === undefined) throw new Error("a member is removed that is not there");
    tables.zset_members.remove(key);
    tables.zset_scores.remove([zset.gen, placeOfScore(score), member]);
  }
  putName(tables, name, { ...zset, size: zset.size - members.length });
}

export const sortedSetWriters = {
  "zset.put": put,
  "zset.removed": removed,
} satisfies Partial<EventWriters>;
