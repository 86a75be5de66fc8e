/**
 * What a run of Redis commands means: each call after the other, later ones seeing what earlier ones did.
 * Invariant: nobody else comes between the calls of a run but those who wait for what one of them made; one that errs changes nothing and is
 * answered in its place.
 */
import type { EventFacts, EventType } from "../contract/events.ts";
import { hash52 } from "../contract/hash.ts";
import { limits } from "../contract/limits.ts";
import { versionOfNothing } from "../contract/names.ts";
import type { RedisReply } from "../contract/redis.ts";
import {
  isLongName,
  LONG_NAME,
  namesOfCall,
  type RedisCommand,
  takesArguments,
  unknownCommand,
  wrongArity,
} from "../contract/redis-commands.ts";
import { commandOf, unknownCall } from "../contract/redis-subcommands.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import { readKeyspace, versionOfName, versionOfUnused } from "../store/names.ts";
import { noting, serveReady } from "./blocking.ts";
import type { Decide, Read, Transaction, View } from "./decide.ts";
import { hashCommands } from "./hashes.ts";
import { popCommands } from "./list-pops.ts";
import { listCommands } from "./lists.ts";
import { nameCommands } from "./names.ts";
import { readingAhead } from "./redis-ahead.ts";
import { Call, type Perform, RedisError, type Room, roomOfRun } from "./redis-call.ts";
import { setCommands } from "./sets.ts";
import { sortedSetCommands } from "./sorted-sets.ts";
import { stringCommands } from "./strings.ts";

const performs: ReadonlyMap<string, Perform> = new Map(
  Object.entries({
    ...hashCommands,
    ...listCommands,
    ...popCommands,
    ...nameCommands,
    ...setCommands,
    ...sortedSetCommands,
    ...stringCommands,
  }),
);

/**
 * The version of a name as of now. Where it counts from is another place for each history of a queue: an import, or a queue that is
 * made anew, counts the same numbers again for what is something else.
 */
function currentVersion({ tables, identity, at }: View, name: string): number {
  const { queueId, term } = identity;
  return hash52(`${queueId}.${term}`) + versionOfName(tables, name, at);
}

/** One that is refused, of which the first calls may have done something, leaves nothing of it. */
export const runRedis: Decide<"redis.run"> = (tx, input) => tx.whole(() => runCalls(tx, input));

const runCalls: Decide<"redis.run"> = (tx, input) => {
  const { calls, watched = [], atomic, blocks, enoughBytes = Infinity } = input;
  const room = roomOfRun();
  for (const { name, version } of watched) {
    if (hasChanged(tx, name, version)) return { replies: null };
  }
  const ready = new Set<string>();
  const watching = noting(tx, ready);
  const replies: RedisReply[] = [];
  const before = readingAhead(tx, calls);
  for (const [i, words] of calls.entries()) {
    before(i);
    const { reply, waitMs } = perform(watching, words, room);
    if (blocks && !atomic && waitMs !== undefined) return { replies, blocked: { ms: waitMs } };
    // A call for which the others left no room has done nothing, and begins the next run; what is one is then done not at all.
    if (atomic && isShort(room)) return tooMuchAtOnce(reply);
    const isSpent = room.bytes < 0 || isShort(room);
    if (!atomic && i > 0 && isSpent) return { replies };
    replies.push(reply);
    // Who waits comes before the next call. Where the entry has no room for that, the next call is one of the next entry.
    if (!atomic && !serveReady(tx, ready, performWaiting)) return { replies };
    const isEnough = isSpent || limits.redisReplyBytesMax - room.bytes >= enoughBytes;
    if (!atomic && (isEnough || tx.isLaden())) return { replies };
  }
  serveReady(tx, ready, performWaiting);
  return { replies };
};

const hasChanged = (view: View, name: string, version: number): boolean =>
  version === versionOfNothing
    ? versionOfName(view.tables, name, view.at) !== versionOfUnused
    : currentVersion(view, name) !== version;

/** Whether the calls have looked at more than they may, or have moved or found more. */
const isShort = ({ seen, moved, found, changed }: Room): boolean =>
  seen < 0 || moved < 0 || found < 0 || changed < 0;

/** The refusal of calls that are one, for the error of the one for which there was no room. */
function tooMuchAtOnce(reply: RedisReply): Refusal {
  const { error } = reply as { error: string };
  const detail = `With the calls before it ${error.replace(/^ERR /, "")}.`;
  return refuse("entry_too_large", detail);
}

/** Answers those who wait for names, as far as there is something under them. */
export function serveNames(tx: Transaction, names: Iterable<string>): void {
  serveReady(tx, new Set(names), performWaiting);
}

/** Performs a call that has waited, for which there is something to take. */
const performWaiting = (tx: Transaction, words: readonly string[]): RedisReply =>
  perform(tx, words, roomOfRun()).reply;

/** One by one, names with a time are counted of a keyspace in which that does not take long. */
export const redisKeyspace: Read<"redis.keyspace"> = ({ tables }) => {
  const { space, names } = readKeyspace(tables);
  if (names > limits.redisElementsSeenMax) return { names };
  return { names, expiring: tables.name_expiries.count({ prefix: [space] }) };
};

export const redisVersions: Read<"redis.versions"> = (view, { names }) => ({
  versions: names.map((name) => currentVersion(view, name)),
});

/** What became of a call: its reply, and how long it would wait for another one. */
interface Performed {
  readonly reply: RedisReply;
  readonly waitMs?: number | undefined;
}

/** Performs a call. */
function perform(tx: Transaction, words: readonly string[], room: Room): Performed {
  const command = commandOf(words);
  if (command === undefined) return { reply: { error: unknownCall(words) } };
  let emitted = 0;
  const emit = <T extends EventType>(type: T, facts: EventFacts[T]): void => {
    emitted += 1;
    tx.emit(type, facts);
  };
  try {
    checkWords(tx, command, words);
    const performer = performs.get(command.name);
    if (performer === undefined) throw new RedisError(unknownCommand(words));
    const call = new Call({ ...tx, emit }, words, room);
    const reply = performer(call);
    return { reply, waitMs: call.waitMs };
  } catch (error) {
    if (!(error instanceof RedisError)) throw error;
    if (emitted > 0)
      throw new Error(`${command.name} erred when it had done something`, { cause: error });
    return { reply: { error: error.message } };
  }
}

/** Checks what holds for every command. */
function checkWords(
  { isFull }: Transaction,
  command: RedisCommand,
  words: readonly string[],
): void {
  if (!takesArguments(command, words.length)) throw new RedisError(wrongArity(command.name));
  if (isFull && command.flags.includes("denyoom")) {
    throw new RedisError("OOM command not allowed when used memory > 'maxmemory'.");
  }
  if (namesOfCall(command, words).some(isLongName)) throw new RedisError(LONG_NAME);
  const { redisValueBytesMax } = limits;
  if (words.some((word) => word.length > redisValueBytesMax)) {
    throw new RedisError(`ERR an argument may have at most ${redisValueBytesMax} bytes`);
  }
}
