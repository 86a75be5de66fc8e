/**
 * What the commands of sorted sets mean that change or read members by name.
 * Invariant: as `redis-call.ts` has it.
 */
import type { RedisReply } from "../contract/redis.ts";
import { drawOne, drawOptions, drawSome, type Element, scanElements } from "./elements.ts";
import { atLeast, countBehind, countedNames, double, timeoutOf } from "./redis-arguments.ts";
import { type Call, nilArray, type Perform, RedisError, syntaxError } from "./redis-call.ts";
import { doubleReply } from "./redis-numbers.ts";
import { taken } from "./sorted-set-bounds.ts";
import { combinedSetCommands } from "./sorted-set-combinations.ts";
import {
  membersFrom,
  placesOf,
  putScores,
  removeMembers,
  type Scored,
  type SortedSet,
  scoreOfMember,
  setOf,
  toldPairs,
} from "./sorted-set-members.ts";
import { rangeCommands } from "./sorted-set-ranges.ts";

/** The options of ZADD. */
interface AddOptions {
  readonly words: ReadonlySet<string>;
  /** Where the scores and members begin. */
  readonly from: number;
}

const addWords = new Set(["nx", "xx", "gt", "lt", "ch", "incr"]);

function addOptions(call: Call, given: readonly string[]): AddOptions {
  const words = new Set(given);
  let from = 1;
  for (; addWords.has(call.word(from)); from += 1) words.add(call.word(from));
  const rest = call.args.length - from;
  if (rest % 2 !== 0 || rest === 0) throw syntaxError();
  if (words.has("nx") && words.has("xx")) {
    throw new RedisError("ERR XX and NX options at the same time are not compatible");
  }
  const both = Number(words.has("gt")) + Number(words.has("lt")) + Number(words.has("nx"));
  if (both > 1) {
    throw new RedisError("ERR GT, LT, and/or NX options at the same time are not compatible");
  }
  if (words.has("incr") && rest > 2) {
    throw new RedisError("ERR INCR option supports a single increment-element pair");
  }
  return { words, from };
}

/** Which score a member is given; undefined where the options forbid to give it one. */
function newScore(
  words: ReadonlySet<string>,
  old: number | undefined,
  said: number,
): number | undefined {
  if (old === undefined) return words.has("xx") ? undefined : said;
  if (words.has("nx")) return undefined;
  const score = words.has("incr") ? old + said : said;
  if (Number.isNaN(score)) throw new RedisError("ERR resulting score is not a number (NaN)");
  if (words.has("gt") && score <= old) return undefined;
  return words.has("lt") && score >= old ? undefined : score;
}

/** ZINCRBY, too, takes its words for options where they are some, as Redis does, and errs then. */
const adding =
  (...given: readonly string[]): Perform =>
  (call) => {
    const { words, from } = addOptions(call, given);
    return add(call, words, from);
  };

function add(call: Call, words: ReadonlySet<string>, from: number): RedisReply {
  const name = call.arg(0);
  const pairs: Scored[] = [];
  for (let i = from; i < call.args.length; i += 2) {
    pairs.push({ score: double(call.arg(i)), member: call.arg(i + 1) });
  }
  const of = setOf(call, name);
  const changes = new Map<string, number>();
  let added = 0;
  let updated = 0;
  let last: number | undefined;
  for (const { member, score: said } of pairs) {
    const old = changes.get(member) ?? scoreOfMember(call, of, member);
    last = newScore(words, old, said);
    if (last === undefined) continue;
    if (old === undefined) added += 1;
    else if (old !== last) updated += 1;
    if (old !== last) changes.set(member, last);
  }
  if (changes.size > 0) putScores(call, name, changes);
  if (words.has("incr")) return last === undefined ? null : doubleReply(last);
  return words.has("ch") ? added + updated : added;
}

const zrem: Perform = (call) => {
  const [name = "", ...words] = call.args;
  const of = setOf(call, name);
  const isThere = (member: string) => scoreOfMember(call, of, member) !== undefined;
  const members = [...new Set(words)].filter(isThere);
  removeMembers(call, name, members);
  return members.length;
};

const scoreReply = (score: number | undefined): RedisReply =>
  score === undefined ? null : doubleReply(score);

const zscore: Perform = (call) =>
  scoreReply(scoreOfMember(call, setOf(call, call.arg(0)), call.arg(1)));

const zmscore: Perform = (call) => {
  const [name = "", ...members] = call.args;
  const of = setOf(call, name);
  return members.map((member) => scoreReply(scoreOfMember(call, of, member)));
};

/** Takes members off an end; they and their scores, as they are told. */
function pop(
  call: Call,
  name: string,
  of: SortedSet,
  isMax: boolean,
  most: number,
): [string, RedisReply][] {
  const count = Math.min(most, of.size);
  call.bounded(count);
  const popped = taken(placesOf(call, of, { isReverse: isMax }), count);
  const pairs = toldPairs(call, popped);
  const members = pairs.map(([member]) => member);
  removeMembers(call, name, members);
  return pairs;
}

const popAt =
  (isMax: boolean): Perform =>
  (call) => {
    const [name = "", most] = call.args;
    if (call.args.length > 2) throw syntaxError();
    const count = most === undefined ? undefined : atLeast(0, most);
    const of = setOf(call, name);
    if (of === undefined) return [];
    const pairs = pop(call, name, of, isMax, count ?? 1);
    return count === undefined ? pairs.flat() : { pairs };
  };

const blockingPop =
  (isMax: boolean): Perform =>
  (call) => {
    const ms = timeoutOf(call.args.at(-1) ?? "");
    for (const name of call.args.slice(0, -1)) {
      const of = setOf(call, name);
      if (of === undefined) continue;
      call.told(name);
      return [name, ...pop(call, name, of, isMax, 1).flat()];
    }
    return call.wait(ms, nilArray);
  };

/** Pops some members of the first of the sorted sets that is there. */
function popFirst(call: Call, at: number): RedisReply {
  const { names, next } = countedNames(call, at, { few: "ERR numkeys should be greater than 0" });
  const end = call.word(next);
  if (end !== "min" && end !== "max") throw syntaxError();
  const count = countBehind(call, next + 1);
  // Of a command that waits, the time stands before the names, and is looked at behind all else.
  const ms = at > 0 ? timeoutOf(call.arg(0)) : undefined;
  for (const name of names) {
    const of = setOf(call, name);
    if (of === undefined) continue;
    call.told(name);
    const pairs = pop(call, name, of, end === "max", count);
    return [name, pairs.map((pair) => [...pair])];
  }
  return ms === undefined ? nilArray : call.wait(ms, nilArray);
}

const zrandmember: Perform = (call) => {
  const { count, isWith } = drawOptions(call, "withscores");
  const of = setOf(call, call.arg(0));
  if (of === undefined) return count === undefined ? null : [];
  if (count === undefined) return call.told(drawOne(call, of, membersFrom));
  const drawn = drawSome(call, of, count, membersFrom);
  if (!isWith) return Array.from(drawn, ({ element }) => call.told(element));
  const pairOf = ({ element, told = "" }: Element) =>
    [call.told(element), { double: told }] as const;
  return { pairs: Array.from(drawn, pairOf) };
};

const zscan: Perform = (call) => scanElements(call, setOf, membersFrom);

export const sortedSetCommands: Readonly<Record<string, Perform>> = {
  ...rangeCommands,
  ...combinedSetCommands,
  bzmpop: (call) => popFirst(call, 1),
  bzpopmax: blockingPop(true),
  bzpopmin: blockingPop(false),
  zadd: adding(),
  zcard: (call) => setOf(call, call.arg(0))?.size ?? 0,
  zincrby: adding("incr"),
  zmpop: (call) => popFirst(call, 0),
  zmscore,
  zpopmax: popAt(true),
  zpopmin: popAt(false),
  zrandmember,
  zrem,
  zscan,
  zscore,
};
