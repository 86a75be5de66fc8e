/**
 * Redis calls that wait: which names they wait for, and how they are answered once there is something under one of them.
 * Invariant: by name in the order in which the names were made, and for each by who came first; what an answer makes ready is looked at in its turn.
 */
import type { EventFacts, EventType } from "../contract/events.ts";
import type { NameType } from "../contract/names.ts";
import type { RedisReply } from "../contract/redis.ts";
import { namesOfCall, redisCommandTable } from "../contract/redis-commands.ts";
import { namedBy } from "../store/names.ts";
import type { Transaction } from "./decide.ts";

type Words = readonly string[];

/** What a call waits for that waits: names, each of them once, and what they are to name. */
export function awaitedBy(call: Words): { readonly type: NameType; readonly names: Words } {
  const command = redisCommandTable.get(call[0]?.toLowerCase() ?? "");
  if (!command?.flags.includes("blocking")) throw new Error("a call waits that does not block");
  const names = namesOfCall(command, call);
  const [source = ""] = names;
  const type = command.group === "list" ? "list" : "zset";
  return { type, names: isMove(command.name) ? [source] : [...new Set(names)] };
}

const isMove = (command: string): boolean => command === "blmove" || command === "brpoplpush";

/** A call as it would be for one of its names alone: what stands under the others does not matter to who has waited. */
function narrowedTo(name: string, call: Words): Words {
  const [command = "", timeout = "", count = ""] = call;
  const spoken = command.toLowerCase();
  if (isMove(spoken)) return call;
  if (!spoken.endsWith("mpop")) return [command, name, call.at(-1) ?? ""];
  return [command, timeout, "1", name, ...call.slice(3 + Number(count))];
}

/** A transaction that notes which names that somebody waits for have something from now on. */
export function noting(tx: Transaction, ready: Set<string>): Transaction {
  const { blocked } = tx;
  if (blocked === undefined) return tx;
  const emit: Transaction["emit"] = (type, facts) => {
    tx.emit(type, facts);
    const name = madeBy(type, facts);
    if (name !== undefined && blocked.isAwaited(name)) ready.add(name);
  };
  return { ...tx, emit };
}

/** The name under which an event may have put the first element. */
function madeBy<T extends EventType>(type: T, facts: EventFacts[T]): string | undefined {
  if (type === "list.pushed" || type === "zset.put") {
    return (facts as EventFacts["list.pushed"]).name;
  }
  if (type !== "name.renamed" && type !== "name.copied") return undefined;
  return (facts as EventFacts["name.renamed"]).to;
}

/**
 * Answers those who wait for names that are ready, and for those that this makes ready.
 * Returns false where the entry has no more room: the rest is left for the next one.
 */
export function serveReady(
  tx: Transaction,
  ready: Set<string>,
  perform: (tx: Transaction, call: Words) => RedisReply,
): boolean {
  const { blocked } = tx;
  const following = noting(tx, ready);
  // A name that is made ready meanwhile is at the end again.
  for (const name of ready) {
    ready.delete(name);
    for (const waiting of blocked?.waitingFor(name) ?? []) {
      const row = namedBy(tx.tables, name, tx.at);
      if (row === undefined) break;
      if (row.type !== waiting.type) continue;
      const work = () => perform(following, narrowedTo(name, waiting.call));
      if (blocked?.answer(waiting, work)) continue;
      blocked?.defer([name, ...ready]);
      ready.clear();
      return false;
    }
  }
  return true;
}
