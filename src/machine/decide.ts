/**
 * What a decision may use: the tables to read, the time, and a way to say what happened.
 * Invariant: a decision depends on nothing else; time, ids and randomness come from outside, so that the same
 * commands always give the same events.
 */
import type { CommandInputs, CommandName, CommandReplies } from "../contract/commands.ts";
import type { EventFacts, EventOf, EventType } from "../contract/events.ts";
import type { QueueIdentity } from "../contract/ids.ts";
import type { NameType } from "../contract/names.ts";
import type { RedisReply } from "../contract/redis.ts";
import type { Refusal } from "../contract/refusals.ts";
import type { Counters, QueueRow } from "../store/queue.ts";
import type { Reads } from "../store/schema.ts";

/** What a read may use. */
export interface View {
  readonly tables: Reads;
  /** The time as of which everything is judged, epoch ms. */
  readonly at: number;
  readonly identity: QueueIdentity;
}

/** The first answer that was given under an idempotency key. */
export interface KeptAnswer {
  readonly bodyHash: string;
  readonly answer: string;
}

/** A Redis call that waits for something to take. */
export interface BlockedCall {
  readonly call: readonly string[];
  /** What it takes from. */
  readonly type: NameType;
}

/** Redis calls that wait, as those meet them who make something of what they wait for. */
export interface BlockedCalls {
  isAwaited(name: string): boolean;
  /** Those that wait for a name, the first first, less those that are answered meanwhile. */
  waitingFor(name: string): Iterable<BlockedCall>;
  /** Answers one of them with what `work` makes. Returns false where that has no room in this entry, and it is not done. */
  answer(waiting: BlockedCall, work: () => RedisReply): boolean;
  /** Has names looked at in the next entry, before all else. */
  defer(names: Iterable<string>): void;
}

/** One command in its turn: what it emits, the next one sees. */
export interface Transaction extends View {
  /** Redis calls that wait; undefined where there are none. */
  readonly blocked?: BlockedCalls | undefined;
  /** Whether the database has no room for more jobs; what is left is for finishing those that are there. */
  readonly isFull: boolean;
  /** Whether a worker is known to live, since it waits for jobs or holds a channel. */
  isThere(worker: string): boolean;
  /** Records a fact; the tables show it at once. */
  emit<T extends EventType>(type: T, facts: EventFacts[T]): void;
  /** The answer kept under a job's own idempotency key. */
  recall(key: string): KeptAnswer | undefined;
  keep(key: string, bodyHash: string, answer: string): void;
  /** Whether so much text was read, or waits to be written or freed, that what may be left to the next entry is. */
  isLaden(): boolean;
  /** So many elements of collections are changed, which weigh on the entry as texts do. */
  changes(elements: number): void;
  /** Does work of several parts, of which the first may have emitted something by the time that a later one is refused: that is taken back. */
  whole<T>(work: () => T | Refusal): T | Refusal;
}

/** A command's meaning: its reply, or why not. A refused command has emitted nothing but what was due, which stands. */
export type Decide<N extends CommandName> = (
  tx: Transaction,
  input: CommandInputs[N],
) => CommandReplies[N] | Refusal;

/** A read's meaning. */
export type Read<N extends CommandName> = (
  view: View,
  input: CommandInputs[N],
) => CommandReplies[N] | Refusal;

/** The event of a type and its facts. */
export function eventOf<T extends EventType>(type: T, facts: EventFacts[T]): EventOf<T> {
  return { type, v: 1, ...facts } as EventOf<T>;
}

/** The queue's row; a command gets to its decision only when the queue exists. */
export function queueOf(view: View): QueueRow {
  const row = view.tables.queue.get([0]);
  if (row === undefined) throw new Error("a command was decided for a queue that does not exist");
  return row;
}

/** The queue's counters. */
export function countersOf(view: View): Readonly<Counters> {
  const row = view.tables.counters.get([0]);
  if (row === undefined) throw new Error("a command was decided for a queue without counters");
  return row;
}
