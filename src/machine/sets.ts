/**
 * What the commands of sets mean.
 * Invariant: as `redis-call.ts` has it; what several sets have in common is found among a bounded number of members.
 */
import { hash52 } from "../contract/hash.ts";
import type { RedisReply } from "../contract/redis.ts";
import { counter, different, lookUps, without } from "./combining.ts";
import {
  drawDifferent,
  drawOne,
  drawOptions,
  drawSome,
  type ElementsFrom,
  scanElements,
} from "./elements.ts";
import { atLeast, countedNames } from "./redis-arguments.ts";
import { type Call, type Collection, type Perform, syntaxError } from "./redis-call.ts";

const setOf = (call: Call, name: string): Collection | undefined => call.collection(name, "set");

export const membersFrom: ElementsFrom = function* (call, { gen }, from) {
  const rows = call.tx.tables.set_members.scan({ prefix: [gen], from: [gen, from] });
  for (const [[, hash, element]] of rows) {
    call.looked(element.length);
    yield { hash, element };
  }
};

/** Whether a set has a member. */
const has = (call: Call, of: Collection | undefined, member: string): boolean =>
  of !== undefined &&
  call.tx.tables.set_members.get([of.gen, hash52(member), member]) !== undefined;

/** Members as they are told: none is read behind the one for which a reply has no room. */
const toldMembers = (call: Call, members: Iterable<string>): string[] =>
  Array.from(members, (member) => call.told(member));

/** All members of a set. */
function* membersOf(call: Call, of: Collection | undefined): Generator<string> {
  if (of === undefined) return;
  for (const { element } of membersFrom(call, of, 0)) yield element;
}

const sadd: Perform = (call) => {
  const [name = "", ...words] = call.args;
  const of = setOf(call, name);
  const members = call.members([...new Set(words)].filter((each) => !has(call, of, each)));
  if (members.length > 0) call.tx.emit("set.added", { name, members });
  return members.length;
};

const srem: Perform = (call) => {
  const [name = "", ...words] = call.args;
  const of = setOf(call, name);
  const members = call.members([...new Set(words)].filter((each) => has(call, of, each)));
  if (members.length > 0) call.tx.emit("set.removed", { name, members });
  return members.length;
};

const sismember: Perform = (call) => (has(call, setOf(call, call.arg(0)), call.arg(1)) ? 1 : 0);

const smismember: Perform = (call) => {
  const [name = "", ...words] = call.args;
  const of = setOf(call, name);
  return words.map((word) => (has(call, of, word) ? 1 : 0));
};

const smembers: Perform = (call) => {
  const of = setOf(call, call.arg(0));
  if (of !== undefined) call.seen(of.size);
  return { set: toldMembers(call, membersOf(call, of)) };
};

const smove: Perform = (call) => {
  const [from, to, member] = [call.arg(0), call.arg(1), call.arg(2)];
  const source = setOf(call, from);
  if (source === undefined) return 0;
  const target = setOf(call, to);
  if (!has(call, source, member)) return 0;
  if (from === to) return 1;
  call.tx.emit("set.removed", { name: from, members: [member] });
  if (!has(call, target, member)) call.tx.emit("set.added", { name: to, members: [member] });
  return 1;
};

const spop: Perform = (call) => {
  const [name = "", most] = call.args;
  if (call.args.length > 2) throw syntaxError();
  const count = most === undefined ? undefined : atLeast(0, most);
  const of = setOf(call, name);
  if (of === undefined) return count === undefined ? null : { set: [] };
  call.bounded(Math.min(count ?? 1, of.size));
  const drawn = drawDifferent(call, of, count ?? 1, membersFrom);
  const members = Array.from(drawn, ({ element }) => call.told(element));
  if (members.length > 0) call.tx.emit("set.removed", { name, members });
  return count === undefined ? (members[0] ?? null) : { set: members };
};

const srandmember: Perform = (call) => {
  if (call.args.length > 2) throw syntaxError();
  const { count } = drawOptions(call, "");
  const of = setOf(call, call.arg(0));
  if (of === undefined) return count === undefined ? null : [];
  if (count === undefined) return call.told(drawOne(call, of, membersFrom));
  const drawn = drawSome(call, of, count, membersFrom);
  return Array.from(drawn, ({ element }) => call.told(element));
};

/** Several sets made one. */
type Combine = (call: Call, names: readonly string[]) => Iterable<string>;

const inter: Combine = function* (call, names) {
  const all = names.map((name) => setOf(call, name));
  if (all.includes(undefined)) return;
  const [least, ...others] = different(all).sort((a, b) => a.size - b.size);
  const [read, lookUp] = [counter(call), lookUps(call)];
  const isIn = (other: Collection, member: string): boolean => {
    lookUp(member);
    return has(call, other, member);
  };
  for (const member of membersOf(call, least)) {
    read();
    if (others.every((other) => isIn(other, member))) yield member;
  }
};

const union: Combine = function* (call, names) {
  const all = different(names.map((name) => setOf(call, name)));
  const told = new Set<string>();
  const read = counter(call);
  for (const each of all) {
    for (const member of membersOf(call, each)) {
      read();
      if (!told.has(member)) yield member;
      told.add(member);
    }
  }
};

const diff: Combine = (call, names) =>
  without(
    call,
    names.map((name) => setOf(call, name)),
    {
      itemsOf: (of) => membersOf(call, of),
      memberOf: (member) => member,
      has: (of, member) => has(call, of, member),
    },
  );

const combined =
  (combine: Combine): Perform =>
  (call) => ({ set: toldMembers(call, combine(call, call.args)) });

const stored =
  (combine: Combine): Perform =>
  (call): RedisReply => {
    const [name = "", ...names] = call.args;
    const members: string[] = [];
    for (const member of combine(call, names)) {
      members.push(call.found(member));
      call.bounded(members.length);
    }
    call.remove(name);
    if (members.length > 0) call.tx.emit("set.added", { name, members });
    return members.length;
  };

const sintercard: Perform = (call) => {
  const { names, next } = countedNames(call, 0, {
    few: "ERR numkeys should be greater than 0",
    many: "ERR Number of keys can't be greater than number of args",
  });
  const most = limitBehind(call, next);
  let count = 0;
  for (const _ of inter(call, names)) {
    count += 1;
    if (count === most) break;
  }
  return count;
};

/** LIMIT and a number at the end of a call, of which zero is no limit. */
export function limitBehind(call: Call, at: number): number {
  let limit = 0;
  for (let i = at; i < call.args.length; i += 2) {
    if (call.word(i) !== "limit" || i + 1 >= call.args.length) throw syntaxError();
    limit = atLeast(0, call.arg(i + 1), "ERR LIMIT can't be negative");
  }
  return limit;
}

const sscan: Perform = (call) => scanElements(call, setOf, membersFrom);

export const setCommands: Readonly<Record<string, Perform>> = {
  sadd,
  scard: (call) => setOf(call, call.arg(0))?.size ?? 0,
  sdiff: combined(diff),
  sdiffstore: stored(diff),
  sinter: combined(inter),
  sintercard,
  sinterstore: stored(inter),
  sismember,
  smembers,
  smismember,
  smove,
  spop,
  srandmember,
  srem,
  sscan,
  sunion: combined(union),
  sunionstore: stored(union),
};
