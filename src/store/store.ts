/**
 * A queue's store: log and state machine committed together, and the rules that hold between them.
 * Invariant: purged ≤ checkpointed ≤ committed ≤ last, and the tables are the checkpoint plus every entry applied after it.
 */
import type { QueueIdentity } from "../contract/ids.ts";
import { type Anchor, checkLink, type Entry, LogCorrupt, type LogId } from "./chain.ts";
import type { Schema, Tables } from "./declare.ts";
import type { EntryBody, StoredEvent } from "./entry.ts";
import { EntryBuilder, type EventCodec } from "./entry.ts";
import { isCheckpointDue, type StoreStats, statsOf } from "./figures.ts";
import * as guards from "./guards.ts";
import type { HardState } from "./hard-state.ts";
import type { Log } from "./log.ts";
import { answersOf, type KeyHit } from "./log-keys.ts";
import type { EntryFacts } from "./log-rows.ts";
import { checkpoint, type Ports } from "./ports.ts";
import type { Membership, Vote } from "./raft.ts";
import type { BlocksCheck } from "./ranks.ts";
import { recover } from "./recovery.ts";
import { refusalFor, refusing, StoreRefusal } from "./refusal.ts";
import type { SnapshotStore } from "./snapshots.ts";
import type { Sql } from "./sql.ts";
import { type StoreConfig, type StoreLimits, storeLimits } from "./store-config.ts";

export type { Anchor, Entry, LogId } from "./chain.ts";
export type { Writers } from "./evolve.ts";
export { StoreRefusal } from "./refusal.ts";
export type { StoreConfig, StoreLimits } from "./store-config.ts";

/** Blocks of counted rows that one step of a verification looks at: 200,000 rows in a set of a million. */
const BLOCKS_CHECKED = 250;

/** What `append` takes: the content of an entry and who stamps it. */
export interface Append extends EntryBody {
  /** Default: the term of the hard state. */
  readonly term?: number;
  readonly incarnation: number;
  /** Epoch milliseconds, at least the last entry's. */
  readonly at: number;
}

/** The store of one queue. Open it with `Store.open`. */
export class Store<S extends Schema, E extends StoredEvent> {
  readonly codec: EventCodec<E>;
  /** Whether the stored format is the next one: reads and export only. */
  readonly readOnly: boolean;
  readonly #ports: Ports<S, E>;
  readonly #limits: StoreLimits;
  #databaseBytes: number;

  private constructor(sql: Sql, config: StoreConfig<S, E>) {
    const { readOnly, ...ports } = recover(sql, config);
    this.#ports = ports;
    this.#limits = { ...storeLimits, ...config.limits };
    this.#databaseBytes = sql.bytes;
    this.codec = ports.machine.codec;
    this.readOnly = readOnly;
  }

  /**
   * Opens the store in a database, or an empty one where there is none: reads the checkpoint and applies the log's tail.
   * Writes nothing. Throws StoreRefusal for a store that contradicts itself or is newer than the code.
   */
  static open<S1 extends Schema, E1 extends StoredEvent>(
    sql: Sql,
    config: StoreConfig<S1, E1>,
  ): Store<S1, E1> {
    return refusing(() => new Store(sql, config));
  }

  /** The tables: other objects after a truncation. */
  get tables(): Tables<S> {
    return this.#ports.machine.tables;
  }

  /** Undefined while the queue was never created. */
  get hard(): HardState | undefined {
    return this.#ports.state.known;
  }

  /** The current snapshot, a build, an import. A build begins with `startSnapshot`, an import ends with `install`. */
  get snapshots(): SnapshotStore {
    return this.#ports.snapshots;
  }

  /** The last entry. */
  get last(): Anchor {
    return this.#ports.log.last;
  }

  /** The last entry that will never be truncated. */
  get committed(): LogId {
    return guards.committedOf(this.#ports);
  }

  /** The last entry whose events the tables show. */
  get applied(): LogId {
    return this.#ports.machine.last;
  }

  /** The last entry whose changes are in SQLite's tables. */
  get checkpointed(): Anchor {
    return this.#ports.state.checkpointed;
  }

  /** The last entry that is gone from the log. */
  get purged(): LogId {
    return this.#ports.log.purged;
  }

  /** Who takes part in the queue's history, as of the last entry applied. */
  get membership(): Membership {
    return this.#ports.machine.applied().membership;
  }

  /** Gives a new queue its identity, in memory: it is stored with the first entry. */
  create(queue: QueueIdentity): void {
    this.#ports.state.create(queue);
  }

  /** Changes hard state: one row written, and only if it differs. */
  saveHard(changes: Partial<Pick<HardState, "role" | "term">>): void {
    guards.checkTerm(this.#writable(), changes.term);
    this.#ports.state.save(changes);
  }

  /** Saves a vote, and with it its term. Throws RaftRefusal for one that is less than the vote before. */
  saveVote(vote: Vote): void {
    guards.checkVote(this.#writable(), vote);
    this.#ports.state.save({ vote, term: vote.term });
  }

  /** Moves the committed place up to an entry that the log has, and applies what that commits. */
  saveCommitted(id: LogId): void {
    this.#writable();
    guards.checkCommitted(this.#ports, id);
    const { log, machine } = this.#ports;
    log.saveCommitted({ term: id.term, index: id.index });
    if (id.index > machine.last.index) {
      machine.apply(log.entries({ from: machine.last.index + 1, to: id.index }));
    }
  }

  /** A builder for the next entry. */
  builder(): EntryBuilder<E> {
    return new EntryBuilder(this.codec);
  }

  /** Applies an event to the tables. What a writer throws passes through; `undo` then takes its changes back. */
  evolve(event: E, at: number): void {
    this.#ports.machine.evolve(event, at);
  }

  /** A point that `undo` can come back to, until the next append. */
  mark(): number {
    return this.#ports.machine.mark();
  }

  /** Takes back every change to the tables since the mark. */
  undo(mark: number): void {
    this.#ports.machine.undo(mark);
  }

  /**
   * Appends the entry whose events were evolved since the last append: one row. If it throws, nothing has changed; the events'
   * changes are then to be undone by the caller.
   */
  append({ term, ...draft }: Append): LogId {
    const hard = this.#writable();
    const { log, machine } = this.#ports;
    const full = { ...draft, term: term ?? hard.term };
    guards.checkAppend(this.#ports, full);
    log.append([full]);
    machine.settle(log.last);
    return { term: full.term, index: log.last.index };
  }

  /**
   * Removes the entries behind a place, none of which may be committed. The tables are then the checkpoint and what was
   * committed after it.
   */
  truncateAfter(last: LogId): void {
    this.#writable();
    guards.checkTruncate(this.#ports, last);
    const { log, machine } = this.#ports;
    log.truncateAfter(last);
    if (machine.last.index <= log.last.index) return;
    machine.reload();
    machine.recover(log.stream({ from: machine.last.index + 1, to: this.committed.index }));
  }

  /** Whether the texts in memory, or those that go, ask for a checkpoint: no more is to be read, written or freed before it. */
  get isHeavy(): boolean {
    return this.#ports.machine.sum("textUnits") >= this.#limits.textUnitsMax;
  }

  /** Length of the texts that were read from the tables so far, in UTF-16 units: the difference of two says what some work has read. */
  get unitsRead(): number {
    return this.#ports.machine.unitsRead;
  }

  /** Whether the tail or the changed rows have reached a limit. */
  get checkpointDue(): boolean {
    return isCheckpointDue(this.stats, this.#limits);
  }

  /**
   * Writes the changed rows to SQLite, with the place in the log that they show, in one transaction: to their tables, or those of some to
   * lists. Of such a table `most` are written to the table, all of them where that is infinite; where nothing is said, as many as must.
   */
  checkpoint(most?: number): void {
    const { machine, sql } = this.#ports;
    if (!machine.isSettled) throw new Error("checkpoint of changes that are in no entry");
    const hard = this.#writable();
    guards.checkCheckpoint(this.#ports);
    const isLeft = most === Number.POSITIVE_INFINITY && machine.isPending;
    if (machine.last.index === hard.checkpointed.index && !isLeft) return;
    checkpoint(this.#ports, this.#limits, most);
    this.#databaseBytes = sql.bytes;
  }

  /** Freezes the state as of the last entry, for a build that `snapshots.building` then goes on with. */
  startSnapshot(rowsTotal: number): void {
    if (!this.#ports.machine.isSettled) throw new Error("a snapshot of changes in no entry");
    this.#writable();
    guards.checkCheckpoint(this.#ports);
    this.#ports.snapshots.tryCreateSnapshotBuilder(true, rowsTotal);
  }

  /** Size of the database in bytes, as of the last checkpoint: asked for each job, so it must cost nothing. */
  get databaseBytes(): number {
    return this.#databaseBytes;
  }

  get stats(): StoreStats {
    return statsOf(this.#ports);
  }

  /** Entries from an index on, as many as fit `maxBytes` but at least one if there is one. Throws LogPurged. */
  entries(range: { from: number; to?: number; maxBytes: number }): Entry[] {
    return this.#ports.log.limitedEntries(range);
  }

  /** The same of what happened in them alone, without their texts where these are not asked for. */
  facts(range: { from: number; to: number; maxBytes: number }, texts: boolean): EntryFacts[] {
    return this.#ports.log.limitedFacts(range, texts);
  }

  /** The term of an entry. Throws LogPurged or LogAbsent. */
  termOf(index: number): number {
    return this.#ports.log.logId(index).term;
  }

  /**
   * Verifies entries of a range, as many as fit `maxBytes`: that they follow one another and are what was appended. Returns
   * where the next page begins, or the first fault.
   */
  verifyLog(range: { from: number; to: number; maxBytes: number }): {
    readonly next: number;
    readonly fault?: StoreRefusal;
  } {
    const { log, machine } = this.#ports;
    let { from: next } = range;
    try {
      let before = log.anchor(next - 1);
      for (const entry of log.limitedEntries(range)) {
        checkLink(before, entry);
        machine.eventsOf(entry);
        checkKeys(log, entry);
        before = entry;
        next += 1;
      }
      return { next };
    } catch (fault) {
      const refusal = refusalFor(fault);
      if (refusal === undefined) throw fault;
      return { next, fault: refusal };
    }
  }

  /** Checks some stored counts of rows, behind so many others, against the rows: how many were checked, and what is wrong. */
  verifyBlocks(from: number): BlocksCheck {
    return this.#ports.machine.checkBlocks(from, BLOCKS_CHECKED);
  }

  /** The answer kept under an idempotency key, if its entry is still in the log. */
  findKey(key: string): KeyHit | undefined {
    return this.#ports.log.findKey(key);
  }

  /** Where `purge` could go, by age and size, without passing the checkpoint; undefined if nowhere. */
  purgeable(at: number, keep: { maxAgeMs: number; maxBytes: number }): LogId | undefined {
    const upTo = this.#ports.log.purgeable(at, keep);
    return upTo === undefined || upTo.index > this.checkpointed.index ? undefined : upTo;
  }

  /** When the oldest segment that may go will be too old; undefined while there is none. */
  purgeDueAt(maxAgeMs: number): number | undefined {
    const at = this.#ports.log.oldestGoneAt;
    return at === undefined ? undefined : at + maxAgeMs + 1;
  }

  /** Forgets entries up to a place that is checkpointed; the last entry always stays. Throws RaftRefusal for any other. */
  purge(upTo: LogId): void {
    this.#writable();
    guards.checkPurge(this.#ports, upTo);
    this.#ports.log.purge(upTo);
  }

  /**
   * Takes over the state that was imported, as of a place: the log goes on behind it. All in one transaction. Throws
   * RaftRefusal for a place that does not lie behind what is committed here, or a term that falls.
   */
  install(place: Anchor, { term }: { readonly term: number }): void {
    const { sql, log, machine, snapshots } = this.#ports;
    const before = this.#writable();
    guards.checkTerm(before, term);
    guards.checkInstall(this.#ports, place, term);
    const committed = before.committed && { term: place.term, index: place.index };
    const { membership } = snapshots.imported;
    const changes = { term, membership, checkpointed: place, committed };
    const settle = sql.transaction(() => [
      snapshots.writeInstall(),
      log.writeRestart(place, changes),
    ]);
    for (const each of settle) each();
    machine.reload();
  }

  #writable(): HardState {
    if (this.readOnly)
      throw new StoreRefusal("store_newer", "a store of the next format is not written");
    return this.#ports.state.current;
  }
}

/** Every idempotency key of an entry is found: in it, or in a later one that has it too. */
function checkKeys(log: Log, entry: Entry): void {
  const atHand = answersOf(entry);
  const { index } = atHand;
  for (const key of atHand.answers.keys()) {
    const found = log.findKey(key, atHand);
    if (found !== undefined && found.index >= index) continue;
    throw new LogCorrupt(`log entry ${index}: its idempotency key is not found`, { index });
  }
}
