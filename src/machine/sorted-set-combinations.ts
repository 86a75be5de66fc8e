/**
 * Unions, intersections and differences of sorted sets, and of sets, whose members have the score 1.
 * Invariant: as `redis-call.ts` has it, and as `combining.ts`; scores are those that Redis 7.0.15 comes to, also beside infinite ones.
 */
import { hash52 } from "../contract/hash.ts";
import { counter, different, lookUps, without } from "./combining.ts";
import { atLeast, double, integer } from "./redis-arguments.ts";
import { type Call, type Collection, type Perform, RedisError, syntaxError } from "./redis-call.ts";
import { membersFrom } from "./sets.ts";
import { placesOf, type Scored, scoreOfMember, toldPairs } from "./sorted-set-members.ts";
import { store } from "./sorted-set-ranges.ts";

type Operation = "union" | "inter" | "diff";
type Aggregate = (a: number, b: number) => number;

/** A number, or zero where infinities took each other away. */
const orZero = (value: number): number => (Number.isNaN(value) ? 0 : value);

/** Whether the first stays for Redis without a look at which is more: of zeros that differ in their signs, and beside what is no number. */
const isKept = (a: number, b: number): boolean => a === b || Number.isNaN(b);

const aggregates = new Map<string, Aggregate>(
  Object.entries({
    sum: (a, b) => orZero(a + b),
    min: (a, b) => (isKept(a, b) ? a : Math.min(a, b)),
    max: (a, b) => (isKept(a, b) ? a : Math.max(a, b)),
  } satisfies Record<string, Aggregate>),
);

/** One of the sets, and by what its scores are multiplied. */
interface Source {
  readonly of: Collection | undefined;
  readonly weight: number;
}

interface Combination {
  readonly sources: readonly Source[];
  readonly aggregate: Aggregate;
  readonly isWith: boolean;
  readonly limit: number;
}

/** Whom a combination is for: it decides which options there are. */
interface Form {
  readonly operation: Operation;
  readonly at: number;
  readonly options: ReadonlySet<string>;
}

function combination(call: Call, { at, options }: Form): Combination {
  const count = integer(call.arg(at));
  if (count < 1) {
    throw new RedisError(`ERR at least 1 input key is needed for '${call.command}' command`);
  }
  const names = call.args.slice(at + 1, at + 1 + count);
  if (names.length < count) throw syntaxError();
  const all = names.map((name) => call.collection(name, "zset", "set"));
  let weights: readonly number[] = [];
  let aggregate: Aggregate = (a, b) => orZero(a + b);
  let isWith = false;
  let limit = 0;
  for (let i = at + 1 + count; i < call.args.length; i += 1) {
    const word = call.word(i);
    const left = call.args.length - i;
    if (!options.has(word)) throw syntaxError();
    if (word === "withscores") isWith = true;
    else if (word === "weights" && left > count) {
      const texts = call.args.slice(i + 1, i + 1 + count);
      weights = texts.map((text) => double(text, "ERR weight value is not a float"));
      i += count;
    } else if (word === "aggregate" && left > 1) {
      const said = aggregates.get(call.word(i + 1));
      if (said === undefined) throw syntaxError();
      aggregate = said;
      i += 1;
    } else if (word === "limit" && left > 1) {
      limit = atLeast(0, call.arg(i + 1), "ERR LIMIT can't be negative");
      i += 1;
    } else throw syntaxError();
  }
  const sources = all.map((of, i) => ({ of, weight: weights[i] ?? 1 }));
  return { sources, aggregate, isWith, limit };
}

/** The members of a source with their scores. */
function* membersOf(call: Call, { of, weight }: Source): Generator<Scored> {
  if (of === undefined) return;
  if (of.type === "zset") {
    for (const { member, score } of placesOf(call, of, { isReverse: false }))
      yield { member, score: orZero(score * weight) };
  } else {
    for (const { element } of membersFrom(call, of, 0))
      yield { member: element, score: orZero(weight) };
  }
}

/** The score of a member in a source, which is no number where zero was multiplied by infinity; undefined where it is not there. */
function scoreIn(call: Call, { of, weight }: Source, member: string): number | undefined {
  if (of === undefined) return undefined;
  if (of.type === "zset") {
    const score = scoreOfMember(call, of, member);
    return score === undefined ? undefined : score * weight;
  }
  const isThere = call.tx.tables.set_members.get([of.gen, hash52(member), member]) !== undefined;
  return isThere ? weight : undefined;
}

/** The smallest first: in this order Redis adds scores up. */
const bySize = (sources: readonly Source[]): Source[] =>
  [...sources].sort((a, b) => (a.of?.size ?? 0) - (b.of?.size ?? 0));

function union(call: Call, { sources, aggregate }: Combination): Map<string, number> {
  const found = new Map<string, number>();
  const read = counter(call);
  for (const source of bySize(sources)) {
    for (const { member, score } of membersOf(call, source)) {
      read();
      const before = found.get(member);
      found.set(member, before === undefined ? score : aggregate(before, score));
    }
  }
  return found;
}

function inter(call: Call, { sources, aggregate, limit }: Combination): Map<string, number> {
  const found = new Map<string, number>();
  const [least, ...others] = bySize(sources);
  if (least === undefined) return found;
  const [read, lookUp] = [counter(call), lookUps(call)];
  // As in Redis, what is no number becomes zero in the first of the sets, and in sums: the others' goes into their aggregate as it is.
  const shared = ({ member, score }: Scored): number | undefined => {
    let all = score;
    for (const other of others) {
      lookUp(member);
      const own = scoreIn(call, other, member);
      if (own === undefined) return undefined;
      all = aggregate(all, own);
    }
    return all;
  };
  for (const each of membersOf(call, least)) {
    read();
    const score = shared(each);
    if (score === undefined) continue;
    found.set(each.member, score);
    if (found.size === limit) break;
  }
  return found;
}

function diff(call: Call, { sources }: Combination): Map<string, number> {
  const left = without(
    call,
    sources.map(({ of }) => of),
    {
      itemsOf: (of) => membersOf(call, { of, weight: 1 }),
      memberOf: ({ member }) => member,
      has: (of, member) => scoreIn(call, { of, weight: 1 }, member) !== undefined,
    },
  );
  return new Map([...left].map(({ member, score }) => [member, score]));
}

const operations = { union, inter, diff } as const;

/** Members in the order of their scores, then of themselves. */
function inOrder(found: ReadonlyMap<string, number>): Scored[] {
  const all = [...found].map(([member, score]) => ({ member, score }));
  return all.sort((a, b) => {
    if (a.score !== b.score) return a.score < b.score ? -1 : 1;
    return a.member < b.member ? -1 : 1;
  });
}

const optionsOf = (operation: Operation, ...more: readonly string[]): ReadonlySet<string> =>
  new Set(operation === "diff" ? more : ["weights", "aggregate", ...more]);

const read =
  (operation: Operation): Perform =>
  (call) => {
    const form = { operation, at: 0, options: optionsOf(operation, "withscores") };
    const combined = combination(call, form);
    const all = inOrder(operations[operation](call, combined));
    if (combined.isWith) return { pairs: toldPairs(call, all) };
    return all.map(({ member }) => call.told(member));
  };

const stored =
  (operation: Operation): Perform =>
  (call) => {
    const combined = combination(call, { operation, at: 1, options: optionsOf(operation) });
    const found = operations[operation](call, combined);
    for (const member of found.keys()) call.found(member);
    return store(call, call.arg(0), found);
  };

const zintercard: Perform = (call) => {
  const form = { operation: "inter", at: 0, options: new Set(["limit"]) } as const;
  const combined = combination(call, form);
  const isThere = combined.sources.every(({ of }) => of !== undefined);
  // Scores do not matter: a set that is named again has the same members.
  const sources = different(combined.sources.map(({ of }) => of)).map((of) => ({ of, weight: 1 }));
  return isThere ? inter(call, { ...combined, sources }).size : 0;
};

export const combinedSetCommands: Readonly<Record<string, Perform>> = {
  zdiff: read("diff"),
  zdiffstore: stored("diff"),
  zinter: read("inter"),
  zintercard,
  zinterstore: stored("inter"),
  zunion: read("union"),
  zunionstore: stored("union"),
};
