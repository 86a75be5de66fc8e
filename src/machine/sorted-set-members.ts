/**
 * Members of sorted sets: by name, by hash and in the order of their scores.
 * Invariant: what is read in order has its score at hand, and looks nothing else up.
 */
import { hash52 } from "../contract/hash.ts";
import type { RedisReply } from "../contract/redis.ts";
import type { Bounds } from "../store/ranges.ts";
import { numberAt, numberOf, scoreOf } from "../store/scores.ts";
import type { ElementsFrom } from "./elements.ts";
import type { Call, Collection } from "./redis-call.ts";
import { doubleReply, doubleText } from "./redis-numbers.ts";

export type SortedSet = Collection;

/** A member and its score. */
export interface Scored {
  readonly member: string;
  readonly score: number;
}

export const setOf = (call: Call, name: string): SortedSet | undefined =>
  call.collection(name, "zset");

/** The score of a member; undefined where it is not there. */
export function scoreOfMember(
  call: Call,
  of: SortedSet | undefined,
  member: string,
): number | undefined {
  const row = of && call.tx.tables.zset_members.get([of.gen, hash52(member), member]);
  return row && numberOf(row.score);
}

/** Members from a hash on, with their scores as texts. */
export const membersFrom: ElementsFrom = function* (call, { gen }, from) {
  const rows = call.tx.tables.zset_members.scan({ prefix: [gen], from: [gen, from] });
  for (const [[, hash, element], { score }] of rows) {
    const told = doubleText(numberOf(score));
    call.looked(element.length);
    call.looked(told.length);
    yield { hash, element, told };
  }
};

/** Where among the places of scores a reading begins or ends. */
export interface Places {
  readonly from?: readonly [place: string] | readonly [place: string, member: string];
  readonly to?: readonly [place: string] | readonly [place: string, member: string];
}

const boundsOf = (
  gen: number,
  { from, to }: Places,
): Bounds<readonly [number, string, string]> => ({
  prefix: [gen],
  ...(from && { from: [gen, ...from] }),
  ...(to && { to: [gen, ...to] }),
});

/** From which end members are read, and how many are passed over. */
interface Reading extends Places {
  readonly isReverse: boolean;
  readonly skip?: number;
}

/** Members in the order of their scores, or the other way round. */
export function* placesOf(
  call: Call,
  { gen }: SortedSet,
  { isReverse, skip = 0, ...places }: Reading,
): Generator<Scored> {
  const bounds = { ...boundsOf(gen, places), reverse: isReverse, skip };
  for (const [[, place, member]] of call.tx.tables.zset_scores.scan(bounds)) {
    call.looked(member.length);
    yield { member, score: numberAt(place) };
  }
}

/** How many members there are between two places. */
export const countOf = (call: Call, { gen }: SortedSet, places: Places): number =>
  call.tx.tables.zset_scores.count(boundsOf(gen, places));

/** Members have these scores from now on. */
export function putScores(call: Call, name: string, scores: ReadonlyMap<string, number>): void {
  const members = call.members([...scores.keys()]);
  call.tx.emit("zset.put", { name, members, scores: [...scores.values()].map(scoreOf) });
}

/** Members that are there are gone from now on. */
export function removeMembers(call: Call, name: string, members: readonly string[]): void {
  call.bounded(members.length);
  if (members.length > 0) call.tx.emit("zset.removed", { name, members });
}

/** Members and scores as a reply has them. */
export const toldPairs = (call: Call, all: Iterable<Scored>): [string, RedisReply][] =>
  Array.from(all, ({ member, score }) => [call.told(member), doubleReply(score)]);
