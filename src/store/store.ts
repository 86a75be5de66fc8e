/**
 * A queue's store: typed tables, the log that explains them, and the pointers that say how far each has come.
 * Invariant: purged ≤ checkpointed ≤ applied ≤ last, and the tables are the checkpoint plus every entry after it.
 */
import { limits } from "../contract/limits.ts";
import type { Anchor, Entry, LogId } from "./chain.ts";
import type { Schema, Tables } from "./declare.ts";
import type { EntryBody, EventTexts, StoredEvent } from "./entry.ts";
import { EntryBuilder, EventCodec } from "./entry.ts";
import type { CatchUp, Writers } from "./evolve.ts";
import { Evolver } from "./evolve.ts";
import type { HardState } from "./hard-state.ts";
import { createHardState, newHardState, writeHardState } from "./hard-state.ts";
import { Journal } from "./journal.ts";
import type { Key } from "./keys.ts";
import type { KeyHit, Log } from "./log.ts";
import type { Catalog } from "./recovery.ts";
import { checkCatalog, readCatalog, readStored, replay } from "./recovery.ts";
import { refusing, StoreRefusal } from "./refusal.ts";
import { createSegmentList } from "./segments.ts";
import type { Sql } from "./sql.ts";
import { LayeredTable } from "./table.ts";

export type { Anchor, Entry, LogId } from "./chain.ts";
export type { Writers } from "./evolve.ts";
export type { HardState, Json } from "./hard-state.ts";
export { EntryTooLarge, type KeyHit, LogPurged } from "./log.ts";
export { StoreRefusal } from "./refusal.ts";

/** When a checkpoint is due, and when it seals the open segment. */
export interface StoreLimits {
  /** Bytes of log after the checkpoint: they are read again when the object wakes. */
  readonly tailBytesMax: number;
  /** Only a cap; the bytes are meant to decide. */
  readonly tailEntriesMax: number;
  /** Rows that the checkpoint would write while the queue waits; one that it would delete counts half. */
  readonly dirtyRowsMax: number;
  /** UTF-16 units of texts that wait in memory for the checkpoint. */
  readonly textUnitsMax: number;
  readonly segmentBytesMax: number;
  /** Idempotency keys; their hashes must fit a stored blob. */
  readonly segmentKeysMax: number;
}

export const storeLimits: StoreLimits = {
  tailBytesMax: limits.checkpointTailBytes,
  tailEntriesMax: limits.checkpointTailEntries,
  dirtyRowsMax: limits.checkpointDirtyRows,
  textUnitsMax: limits.checkpointTextUnits,
  segmentBytesMax: limits.segmentBytes,
  segmentKeysMax: limits.segmentKeys,
};

/** What a store is opened with. */
export interface StoreConfig<S extends Schema, E extends StoredEvent> {
  readonly tables: S;
  readonly writers: Writers<S, E>;
  readonly texts: EventTexts<E>;
  /** Looks at the tables as of the checkpoint, before the tail: throws LogCorrupt where they contradict each other. */
  readonly check?: (tables: Tables<S>) => void;
  /** How the tail is applied. Default: straight to the tables. */
  readonly catchUp?: (tables: Tables<S>) => CatchUp<S>;
  readonly limits?: Partial<StoreLimits>;
}

/** What `append` takes: the content of an entry and who stamps it. */
export interface Append extends EntryBody {
  /** Default: the term of the hard state. */
  readonly term?: number;
  readonly incarnation: number;
  /** Epoch milliseconds, at least the last entry's. */
  readonly at: number;
}

/** Figures for statistics and for the decision to checkpoint. */
export interface StoreStats {
  /** Rows that differ from SQLite, and those of them that it still has to lose. */
  readonly dirtyRows: number;
  readonly tombstones: number;
  readonly textUnits: number;
  readonly tailBytes: number;
  readonly tailEntries: number;
  readonly segments: number;
  readonly logBytes: number;
  /** Time of the oldest retained entry, epoch ms; 0 while there is none. */
  readonly firstAt: number;
}

/** The store of one queue. Open it with `Store.open`. */
export class Store<S extends Schema, E extends StoredEvent> {
  readonly tables: Tables<S>;
  readonly codec: EventCodec<E>;
  /** Whether the stored format is the next one: reads and export only. */
  readonly readOnly: boolean;
  readonly #sql: Sql;
  readonly #evolver: Evolver<S, E>;
  readonly #limits: StoreLimits;
  readonly #journal = new Journal();
  readonly #layers: readonly LayeredTable<Key, object>[];
  readonly #log: Log;
  #hard: HardState | undefined;
  #isStored: boolean;
  #tailBytes = 0;
  #databaseBytes: number;

  private constructor(sql: Sql, config: StoreConfig<S, E>, catalog: Catalog) {
    checkCatalog(catalog, config.tables);
    const { hard, log, readOnly } = readStored(sql, catalog);
    const layers = Object.entries(config.tables).map(([name, declaration]) => {
      const stored = catalog.get(declaration.name) ?? new Set<string>();
      return [name, new LayeredTable(declaration, sql, this.#journal, stored)] as const;
    });
    this.#sql = sql;
    this.#databaseBytes = sql.bytes;
    this.#evolver = new Evolver(config.writers);
    this.#limits = { ...storeLimits, ...config.limits };
    this.#layers = layers.map(([, table]) => table);
    this.#log = log;
    this.#hard = hard;
    this.#isStored = hard !== undefined;
    this.tables = Object.fromEntries<unknown>(layers) as Tables<S>;
    this.codec = new EventCodec(config.texts);
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
    return refusing(() => {
      const store = new Store(sql, config, readCatalog(sql));
      if (store.checkpointed.index > 0) config.check?.(store.tables);
      const direct = { tables: store.tables, finish: () => undefined };
      store.#catchUp(config.catchUp?.(store.tables) ?? direct);
      return store;
    });
  }

  /** Undefined while the queue was never created. */
  get hard(): HardState | undefined {
    return this.#hard;
  }

  /** The last entry. */
  get last(): Anchor {
    return this.#log.last;
  }

  /** The last entry whose events the tables show. */
  get applied(): LogId {
    return this.#log.last;
  }

  /** The last entry whose changes are in SQLite's tables. */
  get checkpointed(): Anchor {
    return this.#hard?.checkpointed ?? this.#log.purged;
  }

  /** The last entry that is gone from the log. */
  get purged(): LogId {
    return this.#log.purged;
  }

  /** Gives a new queue its identity, in memory: it is stored with the first entry. */
  create(queue: { queueId: string; term: number }): void {
    if (this.#hard !== undefined) throw new Error("the queue exists already");
    this.#hard = newHardState(queue.queueId, queue.term);
  }

  /** Changes hard state: one row written, and only if it differs. Before the first entry, in memory. */
  saveHard(
    changes: Partial<Pick<HardState, "role" | "term" | "vote" | "committed" | "snapshot">>,
  ): void {
    const before = this.#writable();
    const next = { ...before, ...changes };
    if (next.term < before.term) throw new RangeError(`term ${next.term} after ${before.term}`);
    if (JSON.stringify(next) === JSON.stringify(before)) return;
    if (this.#isStored) writeHardState(this.#sql, next);
    this.#hard = next;
  }

  /** A builder for the next entry. */
  builder(): EntryBuilder<E> {
    return new EntryBuilder(this.codec);
  }

  /** Applies an event to the tables. What a writer throws passes through; `undo` then takes its changes back. */
  evolve(event: E, at: number): void {
    this.#evolver.evolve(this.tables, event, at);
  }

  /** A point that `undo` can come back to, until the next append. */
  mark(): number {
    return this.#journal.mark();
  }

  /** Takes back every change to the tables since the mark. */
  undo(mark: number): void {
    this.#journal.undo(mark);
  }

  /**
   * Appends the entry whose events were evolved since the last append: one row. If it throws, nothing has changed; the events'
   * changes are then to be undone by the caller.
   */
  append({ term, ...draft }: Append): LogId {
    const hard = this.#writable();
    const first = () => {
      createHardState(this.#sql);
      createSegmentList(this.#sql);
      writeHardState(this.#sql, hard);
    };
    const before = this.#log.bytes;
    const full = { ...draft, term: term ?? hard.term };
    if (full.term > hard.term) throw new RangeError(`term ${full.term} is not the queue's`);
    const { index } = this.#log.append(full, this.#isStored ? undefined : first);
    this.#isStored = true;
    this.#tailBytes += this.#log.bytes - before;
    this.#journal.forget();
    return { term: full.term, index };
  }

  /** Whether the texts in memory ask for a checkpoint: no more is to be read or written before it. */
  get isHeavy(): boolean {
    return this.#sum("textUnits") >= this.#limits.textUnitsMax;
  }

  /** Whether the tail or the changed rows have reached a limit. */
  get checkpointDue(): boolean {
    const { tailBytes, tailEntries, dirtyRows, tombstones } = this.stats;
    const due = this.#limits;
    return (
      tailBytes >= due.tailBytesMax ||
      tailEntries >= due.tailEntriesMax ||
      dirtyRows - tombstones / 2 >= due.dirtyRowsMax ||
      this.isHeavy
    );
  }

  /** Writes the changed rows to SQLite's tables, with the place in the log that they show, in one transaction. */
  checkpoint(): void {
    if (this.#journal.length > 0) throw new Error("checkpoint of changes that are in no entry");
    const hard = this.#writable();
    const checkpointed = this.last;
    if (checkpointed.index === hard.checkpointed.index) return;
    const next = { ...hard, checkpointed };
    const settleLog = this.#sql.transaction(() => {
      for (const table of this.#layers) table.flush();
      writeHardState(this.#sql, next);
      return this.#log.writeFigures(this.#limits);
    });
    for (const table of this.#layers) table.settle();
    settleLog();
    this.#databaseBytes = this.#sql.bytes;
    this.#hard = next;
    this.#tailBytes = 0;
  }

  /** Size of the database in bytes, as of the last checkpoint: asked for each job, so it must cost nothing. */
  get databaseBytes(): number {
    return this.#databaseBytes;
  }

  get stats(): StoreStats {
    return {
      dirtyRows: this.#sum("dirtyRows"),
      tombstones: this.#sum("tombstones"),
      textUnits: this.#sum("textUnits"),
      tailBytes: this.#tailBytes,
      tailEntries: this.last.index - this.checkpointed.index,
      segments: this.#log.segments,
      logBytes: this.#log.bytes,
      firstAt: this.#log.firstAt,
    };
  }

  /** A figure of all tables together. */
  #sum(figure: "dirtyRows" | "tombstones" | "textUnits"): number {
    return this.#layers.reduce((sum, table) => sum + table[figure], 0);
  }

  /** Entries from an index on, as many as fit `maxBytes` but at least one if there is one. Throws LogPurged. */
  entries(range: { from: number; to?: number; maxBytes: number }): Entry[] {
    return this.#log.entries(range);
  }

  /** The answer kept under an idempotency key, if its entry is still in the log. */
  findKey(key: string): KeyHit | undefined {
    return this.#log.findKey(key);
  }

  /** Where `purge` could go, by age and size, without passing the checkpoint; undefined if nowhere. */
  purgeable(at: number, keep: { maxAgeMs: number; maxBytes: number }): LogId | undefined {
    const upTo = this.#log.purgeable(at, keep);
    return upTo === undefined || upTo.index > this.checkpointed.index ? undefined : upTo;
  }

  /** Forgets entries up to a place that is checkpointed. Throws RangeError for any other. */
  purge(upTo: LogId): void {
    const hard = this.#writable();
    if (upTo.index > hard.checkpointed.index) {
      throw new RangeError(
        `purge to ${upTo.index} passes the checkpoint ${hard.checkpointed.index}`,
      );
    }
    this.#log.purge(upTo, (purged) => writeHardState(this.#sql, { ...hard, purged }));
    this.#hard = { ...hard, purged: this.#log.purged };
  }

  #writable(): HardState {
    if (this.readOnly)
      throw new StoreRefusal("store_newer", "a store of the next format is not written");
    if (this.#hard === undefined) throw new Error("the queue was not created");
    return this.#hard;
  }

  /** Applies the log's tail while the store opens. */
  #catchUp(to: CatchUp<S>): void {
    const before = this.#log.bytes;
    this.#journal.without(() => {
      replay(this.#log, this.checkpointed, (entry) => {
        this.#log.recount(entry);
        this.#evolver.apply(to.tables, entry, this.codec.decode(entry));
      });
      this.#evolver.finish(to);
    });
    this.#tailBytes = this.#log.bytes - before;
  }
}
