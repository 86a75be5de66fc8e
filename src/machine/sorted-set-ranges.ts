/**
 * The commands about ranges of sorted sets: read, counted, stored and removed, and the ranks of members.
 * Invariant: as `redis-call.ts` has it; what is only counted or removed as a whole is not looked at.
 */
import type { RedisReply } from "../contract/redis.ts";
import { placeOf } from "../store/scores.ts";
import { integer } from "./redis-arguments.ts";
import { type Call, type Perform, RedisError, syntaxError } from "./redis-call.ts";
import { type RangeKind, rangeOf, taken } from "./sorted-set-bounds.ts";
import {
  countOf,
  putScores,
  removeMembers,
  type Scored,
  scoreOfMember,
  setOf,
  toldPairs,
} from "./sorted-set-members.ts";

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

/** Reads a range, whose bounds stand the other way round where it is read from the end. */
function read(call: Call, at: number, form: RangeForm): Iterable<Scored> & { isWith: boolean } {
  const options = rangeOptions(call, at + 3, form);
  const { kind, isReverse, isWith } = options;
  const isTurned = isReverse && kind !== "rank";
  const [min, max] = [call.arg(at + (isTurned ? 2 : 1)), call.arg(at + (isTurned ? 1 : 2))];
  const range = rangeOf(kind, min, max);
  const of = setOf(call, call.arg(at));
  const [offset, count] = options.limit ?? [0, -1];
  const isNone = of === undefined || offset < 0 || count === 0;
  const all = isNone ? [] : range(call, of).read(isReverse, offset);
  return Object.assign(taken(all, count < 0 ? Number.POSITIVE_INFINITY : count), { isWith });
}

const ranged =
  (form: RangeForm): Perform =>
  (call): RedisReply => {
    const found = read(call, 0, form);
    if (found.isWith) return { pairs: toldPairs(call, found) };
    return Array.from(found, ({ member }) => call.told(member));
  };

const zrangestore: Perform = (call) => {
  const name = call.arg(0);
  const found = new Map<string, number>();
  for (const { member, score } of read(call, 1, { isStored: true })) {
    found.set(call.found(member), score);
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
    return of === undefined ? 0 : range(call, of).count();
  };

const removed =
  (kind: RangeKind): Perform =>
  (call) => {
    const name = call.arg(0);
    const range = rangeOf(kind, call.arg(1), call.arg(2));
    const of = setOf(call, name);
    if (of === undefined) return 0;
    const all = range(call, of);
    const count = all.count();
    // All of them go with their name, however many there are.
    if (count === of.size) call.remove(name);
    else {
      call.bounded(count);
      removeMembers(
        call,
        name,
        Array.from(all.read(false, 0), ({ member }) => call.found(member)),
      );
    }
    return count;
  };

/** The rank of a member: how many stand before it. */
const rank =
  (isReverse: boolean): Perform =>
  (call) => {
    const [name, member] = [call.arg(0), call.arg(1)];
    const of = setOf(call, name);
    const score = scoreOfMember(call, of, member);
    if (of === undefined || score === undefined) return null;
    const before = countOf(call, of, { to: [placeOf(score), member] });
    return isReverse ? of.size - 1 - before : before;
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
