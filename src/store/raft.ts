/**
 * The Raft storage contract: log storage and state machine as separate ports, with openraft's names and meaning.
 * Invariant: a port checks only its own data. What must hold between ports, and between them and a primary's history, is
 * guarded by the Store, which commits them together.
 */
import type { Anchor, Entry, LogId } from "./chain.ts";
import type { EntryBody } from "./entry.ts";

/** Who may append: accepted by a node when it is at least the node's own, and stored before any entry of its term. */
export interface Vote {
  readonly term: number;
  readonly node: number;
  /** Whether the node's term was granted, and not only asked for. */
  readonly committed: boolean;
}

/** Who takes part in a queue's history. Node ids are indexes of the log, so that none is ever used again. */
export interface Membership {
  /** One list of node ids, or two while the membership changes. */
  readonly configs: readonly (readonly number[])[];
  readonly nodes: Readonly<Record<string, { readonly role: "primary" | "replica" }>>;
}

/** A membership with the entry that stated it. */
export interface StoredMembership extends Membership {
  readonly logId: LogId | null;
}

/** The membership of a log that states none. */
export const noMembership: StoredMembership = { logId: null, configs: [], nodes: {} };

/** Where a log begins and ends; null where it has no such entry. */
export interface LogState {
  readonly lastPurged: LogId | null;
  /** The last entry there is, else the last one that was purged. */
  readonly last: LogId | null;
}

/** Indexes from `from` to `to`, both included. */
export interface IndexRange {
  readonly from: number;
  /** Default: the last entry. */
  readonly to?: number;
}

/** What is appended: an entry less its hashes. */
export interface Draft extends EntryBody {
  readonly term: number;
  /** To be the one behind the last entry, which is also the default. */
  readonly index?: number;
  readonly incarnation: number;
  /** Epoch milliseconds, at least the last entry's. */
  readonly at: number;
}

/** Reads of the log. A reader sees what is appended after it was taken. */
export interface LogReader {
  /** Never asks the state machine. */
  logState(): LogState;
  /** Every entry of a range that the log has: those purged or not yet appended are left out. Throws LogCorrupt for a hole. */
  tryEntries(range: IndexRange): Entry[];
  /** Every entry of a range. Throws LogPurged where it begins before the log does, and LogCorrupt for a hole. */
  entries(range: IndexRange): Entry[];
  /** The first entries of a range: as many as fit `maxBytes`, but one at least where there is one. Throws as `entries`. */
  limitedEntries(range: IndexRange & { readonly maxBytes: number }): Entry[];
  /** The entries of a range, read page by page as they are taken. Throws as `entries`. */
  stream(range: IndexRange): Generator<Entry>;
  /** The same while the stored vote is that leader's, and granted. Throws LeaderChanged as soon as it is not. */
  leaderBoundedStream(leader: Omit<Vote, "committed">, range: IndexRange): Generator<Entry>;
  /** The id of an entry. Throws LogPurged or LogAbsent. */
  logId(index: number): LogId;
  /** The last id of each term in a range of entries that exist, found by bisection. */
  keyLogIds(range: Required<IndexRange>): LogId[];
}

/** The log, the vote and the committed id. What a verb returns from is written: durable with the next `sync`. */
export interface LogStorage extends LogReader {
  saveVote(vote: Vote): void;
  readVote(): Vote | null;
  saveCommitted(committed: LogId | null): void;
  readCommitted(): LogId | null;
  /** Appends entries that follow one another, together or not at all. Throws RaftRefusal or EntryTooLarge. */
  append(drafts: readonly Draft[]): Entry[];
  /** Removes every entry behind a place that the log has, or all of them. Throws LogPurged or RaftRefusal. */
  truncateAfter(last: LogId | null): void;
  /** Forgets the entries up to a place, also one beyond the end, where the log then goes on. Throws RaftRefusal. */
  purge(upTo: LogId): void;
}

/** How far a state machine has come. */
export interface AppliedState {
  readonly lastApplied: LogId | null;
  readonly membership: StoredMembership;
}

/** What tells snapshots apart and makes one checkable wherever it goes. */
export interface SnapshotMeta {
  /** The last entry whose effects it has. */
  readonly last: Anchor;
  readonly membership: StoredMembership;
  readonly queueId: string;
  /** Of each table: the version of its rows, and how many there are. */
  readonly tables: Readonly<Record<string, { readonly version: number; readonly rows: number }>>;
  readonly chunks: number;
  /** UTF-8 bytes of the chunks. */
  readonly bytes: number;
  /** The chain of SHA-256 over the chunks of the state tables, in canonical form: it travels with the snapshot. */
  readonly digest: string;
}

/** A stored snapshot: its manifest and its chunks, read one at a time. */
export interface Snapshot {
  readonly meta: SnapshotMeta;
  chunks(): Iterable<string>;
}

/** A build over a frozen view: what is written later is not in it, and it holds nothing up. */
export interface SnapshotBuilder {
  /** Does one bounded turn. True once the snapshot is complete and current. */
  step(): boolean;
  /** Does all that is left. */
  buildSnapshot(): SnapshotMeta;
}

/** The state machine: what the entries have made of the tables. */
export interface StateMachine {
  applied(): AppliedState;
  /** Applies entries in the order of their indexes, each wholly or not at all. Throws RaftRefusal for one applied before. */
  apply(entries: Iterable<Entry>): void;
}

/** The snapshots of a state machine. */
export interface SnapshotStorage {
  /** A builder over all that is applied; undefined only without `force`, when it is better done later. */
  tryCreateSnapshotBuilder(force: boolean): SnapshotBuilder | undefined;
  /** Replaces the whole state; the snapshot is then the current one, and the only one. Throws, and nothing has changed. */
  installSnapshot(meta: SnapshotMeta, chunks: Iterable<string>): void;
  currentSnapshot(): Snapshot | undefined;
}

/** What is to be called when a transaction has succeeded, so that memory never knows more than SQLite. */
export type Settle = () => void;

/** The rules of Raft that a call can break. */
export type RaftRule =
  | "append_order"
  | "append_term"
  | "append_time"
  | "apply_order"
  | "checkpoint_committed"
  | "committed_order"
  | "install_committed"
  | "log_id_unknown"
  | "purge_checkpoint"
  | "purge_last"
  | "term_order"
  | "truncate_committed"
  | "vote_order";

/** A call that would break a rule of Raft: nothing has changed. */
export class RaftRefusal extends RangeError {
  override readonly name = "RaftRefusal";
  readonly rule: RaftRule;

  constructor(rule: RaftRule, reason: string) {
    super(`${rule}: ${reason}`);
    this.rule = rule;
  }
}

/** Reading at or below the purged index: those entries are gone. */
export class LogPurged extends Error {
  override readonly name = "LogPurged";
  /** First index that can be read. */
  readonly first: number;

  constructor(first: number) {
    super(`the log begins at entry ${first}`);
    this.first = first;
  }
}

/** Asking for the id of an entry that was not appended yet. */
export class LogAbsent extends Error {
  override readonly name = "LogAbsent";

  constructor(index: number, last: number) {
    super(`there is no entry ${index}: the last one is ${last}`);
  }
}

/** The stored vote is not, or no longer, that of the leader whose entries were read. */
export class LeaderChanged extends Error {
  override readonly name = "LeaderChanged";
}

/** Whether a vote may be saved over another: the order of votes is partial, and two nodes of one term are not in it. */
export function isVoteAtLeast(vote: Vote, own: Vote | null): boolean {
  if (own === null || vote.term !== own.term) return own === null || vote.term > own.term;
  if (vote.node === own.node) return vote.committed || !own.committed;
  return vote.committed && !own.committed;
}

/** A place of the log as others name it: null before the first entry. */
export function idOf({ term, index }: LogId): LogId | null {
  return index === 0 ? null : { term, index };
}
