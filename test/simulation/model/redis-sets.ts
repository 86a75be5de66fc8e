/**
 * What the Redis commands of sets should do.
 * Invariant: as `redis-call.ts` has it; members stand by hash, and of a draw it is believed which one it was, if that was there.
 */
import { byHash, change } from "./names.ts";
import type { Call, Reply, Shape } from "./redis-call.ts";

type Members = ReadonlySet<string>;
const setOf = (call: Call, name = call.arg(0)): Members | undefined =>
  call.typed(name, "set")?.items;

const put = (call: Call, event: string, name: string, items: Members): void =>
  change(call.turn, event, name, { type: "set", items });

function sadd(call: Call): Reply {
  const [name = "", ...members] = call.args;
  const old = setOf(call);
  const items = new Set([...(old ?? []), ...members]);
  const added = items.size - (old?.size ?? 0);
  if (added > 0) put(call, "set.added", name, items);
  return added;
}

/** Removes members. Returns how many of them were there. */
function removeAll(call: Call, name: string, members: readonly string[]): number {
  const old = setOf(call, name) ?? new Set<string>();
  const items = new Set([...old].filter((each) => !members.includes(each)));
  if (items.size < old.size) put(call, "set.removed", name, items);
  return old.size - items.size;
}

function smove(call: Call): Reply {
  const [from = "", to = "", member = ""] = call.args;
  const source = setOf(call, from);
  if (source === undefined) return 0;
  const target = setOf(call, to) ?? new Set<string>();
  if (!source.has(member)) return 0;
  if (from === to) return 1;
  removeAll(call, from, [member]);
  if (!target.has(member)) put(call, "set.added", to, new Set([...target, member]));
  return 1;
}

function spop(call: Call): Reply {
  const members = setOf(call);
  if (members === undefined) return null;
  const { drawn } = call;
  const member = typeof drawn === "string" && members.has(drawn) ? drawn : "a member";
  removeAll(call, call.arg(0), [member]);
  return member;
}

/** What all of the sets have. */
function sinter(call: Call): Reply {
  const all = call.args.map((name) => setOf(call, name) ?? new Set<string>());
  const [first = new Set<string>(), ...others] = all;
  const shared = [...first].filter((each) => others.every((other) => other.has(each)));
  return { set: byHash(shared) };
}

export const setCalls: Readonly<Record<string, Shape>> = {
  sadd: { words: 3, isOpen: true, grows: true, does: sadd },
  scard: { words: 2, does: (call) => setOf(call)?.size ?? 0 },
  sinter: { words: 2, isOpen: true, does: sinter },
  sismember: { words: 3, does: (call) => (setOf(call)?.has(call.arg(1)) ? 1 : 0) },
  smembers: { words: 2, does: (call) => ({ set: byHash(setOf(call) ?? []) }) },
  smove: { words: 4, does: smove },
  spop: { words: 2, does: spop },
  srem: {
    ...{ words: 3, isOpen: true },
    does: (call) => removeAll(call, call.arg(0), call.args.slice(1)),
  },
};
