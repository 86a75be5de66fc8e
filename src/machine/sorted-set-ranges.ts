/**
 * Ranges of sorted sets: by rank, by score and by member, read, counted, stored and removed.
 * Invariant: a range by score goes to its place at once; one by rank is reached from the nearer end, past a bounded number of members.
 */
import type { RedisReply } from "../contract/redis.ts";
import { placeOf } from "../store/scores.ts";
import { boundOf, integer, span } from "./redis-arguments.ts";
import { type Call, type Perform, RedisError, syntaxError } from "./redis-call.ts";
import {
  type Bounds,
  placesOf,
  putScores,
  removeMembers,
  type Scored,
  type SortedSet,
  scoreOfMember,
  setOf,
  toldPairs,
} from "./sorted-set-members.ts";

type RangeKind = "rank" | "score" | "lex";

/** Members in order, from wherever they are to be read; `offset`: so many of the first are only passed over. */
type Range = (call: Call, of: SortedSet, isReverse: boolean, offset: number) => Iterable<Scored>;

/** Members from one rank to another. */
function rankRange(start: string, stop: string): Range {
  const [from, to] = [integer(start), integer(stop)];
  return (call, of, isReverse) => {
    const { first, count } = span(from, to, of.size);
    return byRank(call, of, isReverse ? of.size - first - count : first, count, isReverse);
  };
}

/** So many members from a rank on, in either order. */
function byRank(
  call: Call,
  of: SortedSet,
  first: number,
  count: number,
  isReverse: boolean,
): Scored[] {
  if (count === 0) return [];
  const behind = of.size - first - count;
  const isFromEnd = behind < first;
  let skip = isFromEnd ? behind : first;
  call.seen(skip + count);
  const found: Scored[] = [];
  for (const each of placesOf(call, of, { isReverse: isFromEnd })) {
    skip -= 1;
    if (skip < 0) found.push(each);
    if (found.length === count) break;
  }
  return isFromEnd === isReverse ? found : found.reverse();
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

function scoreRange(min: string, max: string): Range {
  const [low, high] = [scoreBound(min), scoreBound(max)];
  return (call, of, isReverse) =>
    placesOf(call, of, {
      from: low.isOpen ? behind(low.value) : [placeOf(low.value)],
      to: high.isOpen ? [placeOf(high.value)] : behind(high.value),
      isReverse,
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
function lexRange(min: string, max: string): Range {
  const [low, high] = [lexBound(min), lexBound(max)];
  return (call, of, isReverse, offset) => lexMembers(call, of, low, high, { isReverse, offset });
}

function* lexMembers(
  call: Call,
  of: SortedSet,
  low: LexBound,
  high: LexBound,
  { isReverse, offset }: { readonly isReverse: boolean; readonly offset: number },
): Generator<Scored> {
  const ends = [false, true].map((isBack) => byRank(call, of, isBack ? of.size - 1 : 0, 1, false));
  const [first, last] = [ends[0]?.[0], ends[1]?.[0]];
  if (first === undefined || last === undefined) return;
  if (!isAtLeast(last.member, low) || !isAtMost(first.member, high)) return;
  if (isEmptyLex(low, high)) return;
  const bounds = first.score === last.score ? lexBounds(first.score, low, high) : {};
  let seen = 0;
  let inside = 0;
  for (const each of placesOf(call, of, { ...bounds, isReverse })) {
    if (inside > 0 || (isReverse ? isAtMost(each.member, high) : isAtLeast(each.member, low))) {
      const isIn = isReverse ? isAtLeast(each.member, low) : isAtMost(each.member, high);
      // Where scores differ, Redis passes over members without a look at the end of the range, but for the first.
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

/** Where members of one score begin and end. */
function lexBounds(score: number, low: LexBound, high: LexBound): Omit<Bounds, "isReverse"> {
  const place = placeOf(score);
  const from = typeof low === "string" ? undefined : ([place, low.member] as const);
  const to = typeof high === "string" ? undefined : ([place, `${high.member}\0`] as const);
  return { ...(from && { from }), ...(to && { to }) };
}

const rangeOf = (kind: RangeKind, min: string, max: string): Range => {
  if (kind === "rank") return rankRange(min, max);
  return kind === "score" ? scoreRange(min, max) : lexRange(min, max);
};

/** What a range is asked for with. */
interface RangeOptions {
  readonly kind: RangeKind;
  readonly isReverse: boolean;
  readonly isWith: boolean;
  readonly limit?: readonly [offset: number, count: number];
}

/** What of it a command's own name says. */
interface RangeForm {
  readonly kind?: RangeKind;
  readonly isReverse?: boolean;
  readonly isStored?: boolean;
}

function rangeOptions(call: Call, at: number, form: RangeForm): RangeOptions {
  let { kind, isReverse } = form;
  let isWith = false;
  let limit: readonly [number, number] | undefined;
  for (let i = at; i < call.args.length; i += 1) {
    const word = call.word(i);
    if (word === "withscores" && !form.isStored) isWith = true;
    else if (word === "limit" && i + 2 < call.args.length) {
      limit = [integer(call.arg(i + 1)), integer(call.arg(i + 2))];
      i += 2;
    } else if (word === "rev" && isReverse === undefined) isReverse = true;
    else if (word === "bylex" && kind === undefined) kind = "lex";
    else if (word === "byscore" && kind === undefined) kind = "score";
    else throw syntaxError();
  }
  const options = { kind: kind ?? "rank", isReverse: isReverse ?? false, isWith };
  // From the beginning and without an end is no limit.
  const isLimited = limit !== undefined && limit[1] !== -1;
  if (isLimited && options.kind === "rank") {
    throw new RedisError(
      "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
    );
  }
  if (isWith && options.kind === "lex") {
    throw new RedisError("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
  }
  // Of ranks, Redis takes no part of a limit, not even where one begins.
  return limit === undefined || options.kind === "rank" ? options : { ...options, limit };
}

/** The members of a range that a limit lets through. */
function* limited(
  call: Call,
  all: Iterable<Scored>,
  [offset, count]: readonly [number, number] = [0, -1],
): Generator<Scored> {
  let [skip, left] = [offset, count];
  let seen = 0;
  if (offset < 0) return;
  for (const each of all) {
    if (skip > 0) {
      skip -= 1;
      seen += 1;
      call.seen(seen);
      continue;
    }
    if (left === 0) return;
    left -= 1;
    yield each;
  }
}

/** Reads a range, whose bounds stand the other way round where it is read from the end. */
function read(call: Call, at: number, form: RangeForm): Iterable<Scored> & { isWith: boolean } {
  const options = rangeOptions(call, at + 3, form);
  const isTurned = options.isReverse && options.kind !== "rank";
  const [min, max] = [call.arg(at + (isTurned ? 2 : 1)), call.arg(at + (isTurned ? 1 : 2))];
  const range = rangeOf(options.kind, min, max);
  const of = setOf(call, call.arg(at));
  const [offset] = options.limit ?? [0];
  const all = of === undefined ? [] : range(call, of, options.isReverse, offset);
  return Object.assign(limited(call, all, options.limit), { isWith: options.isWith });
}

const ranged =
  (form: RangeForm): Perform =>
  (call): RedisReply => {
    const found = read(call, 0, form);
    const all = [...found];
    if (found.isWith) return { pairs: toldPairs(call, all) };
    return all.map(({ member }) => call.told(member));
  };

const zrangestore: Perform = (call) => {
  const name = call.arg(0);
  const found = new Map<string, number>();
  for (const { member, score } of read(call, 1, { isStored: true })) {
    found.set(member, score);
    call.bounded(found.size);
  }
  return store(call, name, found);
};

/** A name has these members and no others from now on; how many they are. */
export function store(call: Call, name: string, found: ReadonlyMap<string, number>): number {
  call.bounded(found.size);
  call.remove(name);
  if (found.size > 0) putScores(call, name, found);
  return found.size;
}

const counted =
  (kind: RangeKind): Perform =>
  (call) => {
    const range = rangeOf(kind, call.arg(1), call.arg(2));
    const of = setOf(call, call.arg(0));
    let count = 0;
    if (of === undefined) return count;
    for (const _ of range(call, of, false, 0)) {
      count += 1;
      call.seen(count);
    }
    return count;
  };

const removed =
  (kind: RangeKind): Perform =>
  (call) => {
    const name = call.arg(0);
    const range = rangeOf(kind, call.arg(1), call.arg(2));
    const of = setOf(call, name);
    const members: string[] = [];
    if (of === undefined) return 0;
    for (const { member } of range(call, of, false, 0)) {
      members.push(member);
      // All of them go with their name, however many there are.
      if (members.length > of.size / 2) call.seen(members.length);
      else call.bounded(members.length);
    }
    if (members.length === of.size) call.remove(name);
    else removeMembers(call, name, members);
    return members.length;
  };

/** The rank of a member, found from both ends at once. */
const rank =
  (isReverse: boolean): Perform =>
  (call) => {
    const [name, member] = [call.arg(0), call.arg(1)];
    const of = setOf(call, name);
    if (of === undefined || scoreOfMember(call, of, member) === undefined) return null;
    const front = placesOf(call, of, { isReverse: false });
    const back = placesOf(call, of, { isReverse: true });
    for (let at = 0; ; at += 1) {
      call.seen(at);
      if (front.next().value?.member === member) return isReverse ? of.size - 1 - at : at;
      if (back.next().value?.member === member) return isReverse ? at : of.size - 1 - at;
    }
  };

export const rangeCommands: Readonly<Record<string, Perform>> = {
  zcount: counted("score"),
  zlexcount: counted("lex"),
  zrange: ranged({}),
  zrangebylex: ranged({ kind: "lex", isReverse: false }),
  zrangebyscore: ranged({ kind: "score", isReverse: false }),
  zrangestore,
  zrank: rank(false),
  zremrangebylex: removed("lex"),
  zremrangebyrank: removed("rank"),
  zremrangebyscore: removed("score"),
  zrevrange: ranged({ kind: "rank", isReverse: true }),
  zrevrangebylex: ranged({ kind: "lex", isReverse: true }),
  zrevrangebyscore: ranged({ kind: "score", isReverse: true }),
  zrevrank: rank(true),
};
