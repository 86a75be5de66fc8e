/**
 * Where ranges of sorted sets begin and end: by rank, by score and by member.
 * Invariant: a range begins where it begins, and is counted, without a look at the members before or between, but for those by member of
 * sets whose scores differ.
 */
import { placeOf } from "../store/scores.ts";
import { boundOf, integer, span } from "./redis-arguments.ts";
import { type Call, RedisError } from "./redis-call.ts";
import {
  countOf,
  type Places,
  placesOf,
  type Scored,
  type SortedSet,
} from "./sorted-set-members.ts";

export type RangeKind = "rank" | "score" | "lex";

/** Members of a set in order. */
export interface Range {
  /** From either end, behind so many of the first. */
  read(isReverse: boolean, offset: number): Iterable<Scored>;
  count(): number;
}

export type RangeOf = (call: Call, of: SortedSet) => Range;

/** Members between two places. */
const between = (call: Call, of: SortedSet, places: Places): Range => ({
  read: (isReverse, skip) =>
    skip < of.size ? placesOf(call, of, { ...places, isReverse, skip }) : [],
  count: () => countOf(call, of, places),
});

/** Members from one rank to another, which are counted from where they are read. */
function rankRange(start: string, stop: string): RangeOf {
  const [from, to] = [integer(start), integer(stop)];
  return (call, of) => {
    const { first, count } = span(from, to, of.size);
    const all = between(call, of, {});
    return {
      read: (isReverse, offset) => {
        call.seen(count);
        return taken(all.read(isReverse, first + offset), count - offset);
      },
      count: () => count,
    };
  };
}

/** At most so many of the first members. */
export function* taken(all: Iterable<Scored>, count: number): Generator<Scored> {
  let left = count;
  if (left <= 0) return;
  for (const each of all) {
    yield each;
    left -= 1;
    if (left === 0) return;
  }
}

/** A bound of scores, with itself or without. */
interface ScoreBound {
  readonly value: number;
  readonly isOpen: boolean;
}

function scoreBound(text: string): ScoreBound {
  const isOpen = text.startsWith("(");
  const value = boundOf(isOpen ? text.slice(1) : text);
  if (value === undefined) throw new RedisError("ERR min or max is not a float");
  return { value, isOpen };
}

/** Behind every member of a place. */
const behind = (value: number): [string] => [`${placeOf(value)}~`];

function scoreRange(min: string, max: string): RangeOf {
  const [low, high] = [scoreBound(min), scoreBound(max)];
  return (call, of) =>
    between(call, of, {
      from: low.isOpen ? behind(low.value) : [placeOf(low.value)],
      to: high.isOpen ? [placeOf(high.value)] : behind(high.value),
    });
}

/** A bound of members: a member with itself or without, or an end. */
type LexBound = "min" | "max" | { readonly member: string; readonly isOpen: boolean };

function lexBound(text: string): LexBound {
  if (text === "-") return "min";
  if (text === "+") return "max";
  const kind = text[0];
  if (kind !== "[" && kind !== "(") {
    throw new RedisError("ERR min or max not valid string range item");
  }
  return { member: text.slice(1), isOpen: kind === "(" };
}

const isAtLeast = (member: string, low: LexBound): boolean =>
  typeof low === "string" ? low === "min" : low.isOpen ? member > low.member : member >= low.member;
const isAtMost = (member: string, high: LexBound): boolean =>
  typeof high === "string"
    ? high === "max"
    : high.isOpen
      ? member < high.member
      : member <= high.member;

/** Members from one to another; of sets with one score, which is what Redis has it for. */
function lexRange(min: string, max: string): RangeOf {
  const [low, high] = [lexBound(min), lexBound(max)];
  return (call, of) => {
    const [first] = placesOf(call, of, { isReverse: false });
    const [last] = placesOf(call, of, { isReverse: true });
    if (first === undefined || last === undefined) throw new Error("a set has no members");
    if (first.score === last.score) return between(call, of, lexPlaces(first.score, low, high));
    const isAny = isAtLeast(last.member, low) && isAtMost(first.member, high);
    return lexWalk(call, of, isAny && !isEmptyLex(low, high) ? [low, high] : undefined);
  };
}

/** Where members of one score begin and end. */
function lexPlaces(score: number, low: LexBound, high: LexBound): Places {
  const place = placeOf(score);
  const at = (bound: LexBound, isBehind: boolean): [string] | [string, string] => {
    if (typeof bound === "string") return bound === "min" ? [place] : behind(score);
    // No member is between another one and that one with a zero byte behind it.
    return [place, isBehind ? `${bound.member}\0` : bound.member];
  };
  const isOpen = (bound: LexBound): boolean => typeof bound !== "string" && bound.isOpen;
  return { from: at(low, isOpen(low)), to: at(high, !isOpen(high)) };
}

/** The same where scores differ: members are looked at one by one. */
function lexWalk(
  call: Call,
  of: SortedSet,
  bounds: readonly [LexBound, LexBound] | undefined,
): Range {
  const all = (isReverse: boolean, offset: number): Iterable<Scored> =>
    bounds === undefined ? [] : lexMembers(call, of, bounds, { isReverse, offset });
  return {
    read: (isReverse, offset) => passed(call, all(isReverse, offset), offset),
    count: () => {
      let count = 0;
      for (const _ of all(false, 0)) {
        count += 1;
        call.seen(count);
      }
      return count;
    },
  };
}

/** What is behind so many members, which are counted as looked at. */
function* passed(call: Call, all: Iterable<Scored>, offset: number): Generator<Scored> {
  let seen = 0;
  for (const each of all) {
    seen += 1;
    if (seen > offset) yield each;
    else call.seen(seen);
  }
}

function* lexMembers(
  call: Call,
  of: SortedSet,
  [low, high]: readonly [LexBound, LexBound],
  { isReverse, offset }: { readonly isReverse: boolean; readonly offset: number },
): Generator<Scored> {
  let seen = 0;
  let inside = 0;
  for (const each of placesOf(call, of, { isReverse })) {
    if (inside > 0 || (isReverse ? isAtMost(each.member, high) : isAtLeast(each.member, low))) {
      const isIn = isReverse ? isAtLeast(each.member, low) : isAtMost(each.member, high);
      // Redis passes over members without a look at the end of the range, but for the first.
      if (!isIn && (inside === 0 || inside >= offset)) return;
      inside += 1;
      yield each;
    } else {
      seen += 1;
      call.seen(seen);
    }
  }
}

function isEmptyLex(low: LexBound, high: LexBound): boolean {
  if (low === "max" || high === "min") return true;
  if (typeof low === "string" || typeof high === "string") return false;
  return low.member > high.member || (low.member === high.member && (low.isOpen || high.isOpen));
}

export const rangeOf = (kind: RangeKind, min: string, max: string): RangeOf => {
  if (kind === "rank") return rankRange(min, max);
  return kind === "score" ? scoreRange(min, max) : lexRange(min, max);
};
