/**
 * What the Redis commands of sorted sets should do.
 * Invariant: as `redis-call.ts` has it; members stand by their scores, and among equals by their bytes.
 */
import { change } from "./names.ts";
import { type Call, type Reply, type Shape, sliceOf } from "./redis-call.ts";

type Scores = ReadonlyMap<string, number>;
const setOf = (call: Call): Scores | undefined => call.typed(call.arg(0), "zset")?.items;

const put = (call: Call, event: string, items: Scores): void =>
  change(call.turn, event, call.arg(0), { type: "zset", items });

/** Only halves are drawn, which every spelling writes alike. */
function scoreOf(call: Call, text: string): number {
  const infinite = /^([+-]?)inf$/.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? -Infinity : Infinity;
  return /^-?[0-9]+(\.5)?$/.test(text) ? Number(text) : call.err("ERR value is not a valid float");
}

const scoreText = (score: number): string =>
  Math.abs(score) === Infinity ? `${score < 0 ? "-" : ""}inf` : String(score);

const doubleReply = (score: number | undefined): Reply =>
  score === undefined ? null : { double: scoreText(score) };

function inOrder(scores: Scores | undefined): [string, number][] {
  return [...(scores ?? [])].sort(([a, x], [b, y]) =>
    x === y ? (a < b ? -1 : 1) : x < y ? -1 : 1,
  );
}

const words = ["nx", "xx", "gt", "lt", "ch", "incr"];

function zadd(call: Call): Reply {
  const rest = call.args.slice(1);
  const from = rest.findIndex((word) => !words.includes(word.toLowerCase()));
  const options = rest.slice(0, Math.max(0, from)).map((word) => word.toLowerCase());
  const pairs = rest.slice(from);
  if (from < 0 || pairs.length % 2 !== 0) call.err("ERR syntax error");
  const has = (word: string) => options.includes(word);
  if (has("nx") && has("xx")) {
    call.err("ERR XX and NX options at the same time are not compatible");
  }
  if ([has("nx"), has("gt"), has("lt")].filter(Boolean).length > 1) {
    call.err("ERR GT, LT, and/or NX options at the same time are not compatible");
  }
  if (has("incr") && pairs.length > 2) {
    call.err("ERR INCR option supports a single increment-element pair");
  }
  return add(call, has, pairs);
}

function add(call: Call, has: (option: string) => boolean, pairs: readonly string[]): Reply {
  const said = pairs.flatMap((text, i) => (i % 2 === 0 ? [scoreOf(call, text)] : []));
  const old = setOf(call);
  const items = new Map(old);
  let last: number | undefined;
  let changed = 0;
  for (const [i, score] of said.entries()) {
    const member = pairs[2 * i + 1] ?? "";
    const before = items.get(member);
    last = scoreFor(call, has, before, score);
    if (last !== undefined && last !== before) {
      items.set(member, last);
      changed += 1;
    }
  }
  if (changed > 0) put(call, "zset.put", items);
  if (has("incr")) return doubleReply(last);
  return has("ch") ? changed : items.size - (old?.size ?? 0);
}

/** Which score a member is given; none where the options bar it. */
function scoreFor(
  call: Call,
  has: (option: string) => boolean,
  before: number | undefined,
  said: number,
): number | undefined {
  if (before === undefined) return has("xx") ? undefined : said;
  if (has("nx")) return undefined;
  const score = has("incr") ? before + said : said;
  if (Number.isNaN(score)) call.err("ERR resulting score is not a number (NaN)");
  const isBarred = (has("gt") && score <= before) || (has("lt") && score >= before);
  return isBarred ? undefined : score;
}

function zrem(call: Call): Reply {
  const old = setOf(call) ?? new Map<string, number>();
  const items = new Map(old);
  for (const member of call.args.slice(1)) items.delete(member);
  if (items.size < old.size) put(call, "zset.removed", items);
  return old.size - items.size;
}

/** By rank, and with their scores where that is said. */
function zrange(call: Call): Reply {
  const isWith = call.options(3).includes("withscores");
  const [start, stop] = [call.number(call.arg(1)), call.number(call.arg(2))];
  const found = sliceOf(inOrder(setOf(call)), start, stop);
  if (!isWith) return found.map(([member]) => member);
  return { pairs: found.map(([member, score]) => [member, doubleReply(score)]) };
}

function zpopmin(call: Call): Reply {
  const scores = setOf(call);
  const [first] = inOrder(scores);
  if (scores === undefined || first === undefined) return [];
  const items = new Map(scores);
  items.delete(first[0]);
  put(call, "zset.removed", items);
  return [first[0], doubleReply(first[1])];
}

export const sortedSetCalls: Readonly<Record<string, Shape>> = {
  zadd: { words: 4, isOpen: true, grows: true, does: zadd },
  zcard: { words: 2, does: (call) => setOf(call)?.size ?? 0 },
  zincrby: {
    ...{ words: 4, grows: true },
    does: (call) => add(call, (word) => word === "incr", call.args.slice(1)),
  },
  zpopmin: { words: 2, does: zpopmin },
  zrange: { words: 4, isOpen: true, does: zrange },
  zrem: { words: 3, isOpen: true, does: zrem },
  zscore: { words: 3, does: (call) => doubleReply(setOf(call)?.get(call.arg(1))) },
};
