/**
 * The state machine: what the entries have made of the tables, which one writer per event type changes.
 * Invariant: the tables are those of the last checkpoint plus every event evolved since; what is undone never happened.
 */
import type { Catalog } from "./catalog.ts";
import { readCatalog } from "./catalog.ts";
import type { Anchor, Entry } from "./chain.ts";
import { anchorOf, LogCorrupt } from "./chain.ts";
import type { Schema, Tables } from "./declare.ts";
import type { StoredEvent } from "./entry.ts";
import { EntryUnreadable, EventCodec } from "./entry.ts";
import { type CatchUp, Evolver } from "./evolve.ts";
import type { FrozenView } from "./frozen-view.ts";
import { type HardStateRow, storeFormat } from "./hard-state.ts";
import { Journal } from "./journal.ts";
import type { Key } from "./key-columns.ts";
import { MembershipRegister } from "./membership.ts";
import type { AppliedState, Settle, StateMachine } from "./raft.ts";
import { idOf, RaftRefusal } from "./raft.ts";
import type { BlocksCheck } from "./ranks.ts";
import type { Sql } from "./sql.ts";
import type { StoreConfig } from "./store-config.ts";
import { LayeredTable } from "./table.ts";

/** The tables of one queue. */
export class TableMachine<S extends Schema, E extends StoredEvent> implements StateMachine {
  readonly codec: EventCodec<E>;
  readonly #sql: Sql;
  readonly #state: HardStateRow;
  readonly #declarations: S;
  readonly #evolver: Evolver<S, E>;
  readonly #catchUp: (tables: Tables<S>) => CatchUp<S>;
  readonly #readAhead: NonNullable<StoreConfig<S, E>["readAhead"]>;
  readonly #journal = new Journal();
  #layers: readonly LayeredTable<Key, object>[] = [];
  /** Those of them that have texts. */
  #withTexts: readonly LayeredTable<Key, object>[] = [];
  #tables: Tables<S>;
  #applied: Anchor;
  #membership: MembershipRegister;
  #view: FrozenView | undefined;

  constructor(sql: Sql, state: HardStateRow, config: StoreConfig<S, E>, catalog: Catalog) {
    this.codec = new EventCodec(config.texts);
    this.#sql = sql;
    this.#state = state;
    this.#declarations = config.tables;
    this.#evolver = new Evolver(config.writers, (stated) => this.#membership.state(stated));
    this.#catchUp = config.catchUp ?? ((tables) => ({ tables, finish: () => undefined }));
    this.#readAhead = config.readAhead ?? (() => undefined);
    this.#tables = this.#open(catalog);
    this.#applied = state.checkpointed;
    this.#membership = this.#storedMembership();
  }

  /** Other objects after a `reload`. */
  get tables(): Tables<S> {
    return this.#tables;
  }

  /** The last entry whose events the tables show. */
  get last(): Anchor {
    return this.#applied;
  }

  applied(): AppliedState {
    return { lastApplied: idOf(this.#applied), membership: this.#membership.stored };
  }

  /** Whether every change belongs to an entry. */
  get isSettled(): boolean {
    return this.#journal.length === 0;
  }

  /** Applies an event to the tables. What a writer throws passes through; `undo` then takes its changes back. */
  evolve(event: E, at: number): void {
    this.#evolver.evolve(this.#tables, event, at);
  }

  /** A point that `undo` can come back to, until the next entry. */
  mark(): number {
    return this.#journal.mark();
  }

  /** Takes back every change since the mark. */
  undo(mark: number): void {
    this.#journal.undo(mark);
  }

  /** What was evolved since the last entry is the work of this one, and final. */
  settle(entry: Anchor): void {
    this.#journal.forget();
    this.#note(entry);
  }

  apply(entries: Iterable<Entry>): void {
    for (const entry of entries) {
      const mark = this.mark();
      try {
        this.#evolveAll(this.#tables, entry);
      } catch (fault) {
        this.undo(mark);
        throw fault;
      }
      this.settle(anchorOf(entry));
    }
  }

  /** Applies entries while the store opens, without a way back: after a fault the machine is not to be used. */
  recover(entries: Iterable<Entry>): void {
    const catchUp = this.#catchUp(this.#tables);
    this.#journal.without(() => {
      for (const step of this.#inSteps(entries)) {
        this.#lookAhead(step);
        for (const part of step) {
          this.#evolver.apply(catchUp.tables, part.entry, part.events);
          this.#note(part.entry);
        }
      }
      this.#evolver.finish(catchUp);
    });
    this.#applied = anchorOf(this.#applied);
  }

  /** Reads at once what some events will change. A fault in that is met again by the event whose it is, which tells it better. */
  #lookAhead(step: readonly Part<E>[]): void {
    const events = step.flatMap((part) => part.events);
    try {
      this.#readAhead(this.#tables, events);
    } catch {
      return;
    }
  }

  /** From now on a view of the tables is told of rows before they are written; undefined: no longer. */
  watch(view: FrozenView | undefined): void {
    this.#view = view;
  }

  /** Whether some rows that are checkpointed are not in SQLite's tables, but in a list beside them. */
  get isPending(): boolean {
    return this.#layers.some(({ checkpoint }) => checkpoint.isPending);
  }

  /**
   * Writes the changed rows to SQLite, `most` of each table as `TableCheckpoint.flush` has it, and the place that they show. To be called
   * in a transaction.
   */
  flush(most?: number): Settle {
    const layers = this.#layers.map(({ checkpoint }) => checkpoint);
    for (const each of layers) each.flush(this.#view, most);
    const settle = this.#state.write({
      format: storeFormat,
      checkpointed: this.#applied,
      membership: this.#membership.stored,
    });
    return () => {
      for (const each of layers) each.settle();
      settle();
    };
  }

  /** Forgets what is in memory: the tables are those that SQLite has. */
  reload(): void {
    this.#journal.forget();
    this.#tables = this.#open(readCatalog(this.#sql));
    this.#applied = this.#state.checkpointed;
    this.#membership = this.#storedMembership();
  }

  /** A figure of all tables together. */
  sum(figure: "changed" | "dirtyRows" | "tombstones" | "textUnits"): number {
    // That of texts is asked for behind each of many calls.
    const layers = figure === "textUnits" ? this.#withTexts : this.#layers;
    return layers.reduce((sum, { checkpoint }) => sum + checkpoint[figure], 0);
  }

  /** Length of the texts that the tables have read from SQLite since they were opened, in UTF-16 units. */
  get unitsRead(): number {
    return this.#withTexts.reduce((sum, { unitsRead }) => sum + unitsRead, 0);
  }

  /** Checks stored blocks of counted rows, behind so many others of all tables, against SQLite's rows. */
  checkBlocks(from: number, most: number): BlocksCheck {
    let skip = from;
    for (const { ranks } of this.#layers) {
      const { stored } = ranks;
      if (skip < stored) return ranks.check(skip, most);
      skip -= stored;
    }
    return { checked: 0, faults: [] };
  }

  #open(catalog: Catalog): Tables<S> {
    const layers = Object.entries(this.#declarations).map(([name, declaration]) => {
      const stored = catalog.get(declaration.name) ?? new Set<string>();
      return [name, new LayeredTable(declaration, this.#sql, this.#journal, stored)] as const;
    });
    this.#layers = layers.map(([, table]) => table);
    this.#withTexts = this.#layers.filter(({ hasTexts }) => hasTexts);
    return Object.fromEntries<unknown>(layers) as Tables<S>;
  }

  #storedMembership(): MembershipRegister {
    return new MembershipRegister(this.#journal, this.#state.membership);
  }

  #evolveAll(tables: Tables<S>, entry: Entry): void {
    checkOrder(this.#applied, entry);
    this.#evolver.apply(tables, entry, this.eventsOf(entry));
  }

  /** Parts of entries, so many together that what they change is worth reading at once. */
  *#inSteps(entries: Iterable<Entry>): Generator<Part<E>[]> {
    let before = this.#applied;
    let step: Part<E>[] = [];
    let room = stepEvents;
    for (const entry of entries) {
      checkOrder(before, entry);
      const events = this.eventsOf(entry);
      let from = 0;
      do {
        const part = events.slice(from, from + room);
        step.push({ entry, events: part });
        from += part.length;
        room -= part.length;
        if (room > 0) continue;
        yield step;
        step = [];
        room = stepEvents;
      } while (from < events.length);
      before = entry;
    }
    if (step.length > 0) yield step;
  }

  /** The events of an entry of the log. Throws LogCorrupt where they cannot be read. */
  eventsOf(entry: Entry): E[] {
    try {
      return this.codec.decode(entry);
    } catch (cause) {
      if (!(cause instanceof EntryUnreadable)) throw cause;
      const { index } = entry;
      throw new LogCorrupt(`log entry ${index}: ${cause.message}`, { cause, index });
    }
  }

  #note(entry: Anchor): void {
    this.#applied = entry;
    this.#membership.settle(entry);
  }
}

/** Some of an entry's events, in order. */
interface Part<E> {
  readonly entry: Entry;
  readonly events: readonly E[];
}

/** Events that are applied after one look ahead: of few, the rows fit one query. */
const stepEvents = 32;

function checkOrder(before: Anchor, { index }: Anchor): void {
  if (index > before.index) return;
  throw new RaftRefusal("apply_order", `entry ${index} after ${before.index}`);
}
