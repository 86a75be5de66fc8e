/**
 * A store as production commits it, which loses its memory after every step.
 * Invariant: before and after each loss the store shows what a plain model of its history shows; opening writes nothing.
 */
import { deepEqual, equal, throws } from "node:assert/strict";
import type { LogId } from "../../src/store/chain.ts";
import type { RaftRule, Vote } from "../../src/store/raft.ts";
import type { Sql } from "../../src/store/sql.ts";
import { Store, type StoreLimits } from "../../src/store/store.ts";
import { dump, type schema } from "../store/support.ts";
import { currentOf, type Sent } from "./current.ts";
import { Model, type ModelState } from "./engine-model.ts";
import { bodyOf, type CaseEvent, config, idsOf, range } from "./entries.ts";

export type CaseStore = Store<typeof schema, CaseEvent>;

/** After how many steps the tables are checkpointed; 0 for never. */
export type Rhythm = number;
export const rhythms: readonly Rhythm[] = [0, 1, 2, 3];

/** Opens a store of the cases' schema as it is. */
export const openCaseStore = (sql: Sql, limits: Partial<StoreLimits> = config.limits): CaseStore =>
  Store.open(sql, { ...config, limits });

/** The same, with an identity where nothing was ever stored. */
export function newCaseStore(sql: Sql, limits?: Partial<StoreLimits>): CaseStore {
  const store = openCaseStore(sql, limits);
  if (store.hard === undefined) store.create({ queueId: "q", term: 0 });
  return store;
}

/** Commits events as one entry; what fails is undone. */
export function commitTo(store: CaseStore, events: readonly CaseEvent[], at = store.last.at): void {
  const mark = store.mark();
  try {
    for (const event of events) store.evolve(event, at);
    store.append({ incarnation: 1, at, ...bodyOf(events) });
  } catch (fault) {
    store.undo(mark);
    throw fault;
  }
}

/** A snapshot on its way from one store to another. */
export interface SentState extends Sent {
  /** What is in it, by the model. */
  readonly state: ModelState;
}

/** Entries that become durable together: groups of events, each one entry. */
type Groups = readonly (readonly CaseEvent[])[];

export class EngineNode {
  readonly sql: Sql;
  readonly model = new Model();
  readonly #rhythm: Rhythm;
  #steps = 0;
  #isHeld = false;
  #store: CaseStore;

  constructor(sql: Sql, rhythm: Rhythm) {
    this.sql = sql;
    this.#rhythm = rhythm;
    this.#store = newCaseStore(sql);
  }

  /** Another one after each step. */
  get store(): CaseStore {
    return this.#store;
  }

  /** Commits entries, one for each group of events, before any is known to be durable. */
  commit(...groups: Groups): void {
    const { model } = this;
    for (const events of groups) {
      const place = { term: this.model.term, index: model.last.index + 1 };
      commitTo(this.#store, events, place.index);
      model.append({ ...place, events });
      this.#check(model.last.index);
    }
    this.#end();
  }

  /** Takes several steps as one: the instance is lost only after the last of them. */
  together(steps: () => void): void {
    this.#isHeld = true;
    steps();
    this.#isHeld = false;
    this.#end();
  }

  /** Commits entries without events. */
  blanks(count: number): void {
    this.commit(...Array.from({ length: count }, () => []));
  }

  vote(vote: Vote): void {
    this.#store.saveVote(vote);
    this.model.vote = vote;
    this.model.term = vote.term;
    this.#end();
  }

  /** Lets a node of a term ask for votes. */
  raise(term: number): void {
    this.vote({ term, node: 0, committed: false });
  }

  commitTo(place: LogId): void {
    this.#store.saveCommitted(place);
    this.model.committed = { term: place.term, index: place.index };
    this.#end();
  }

  truncateAfter(place: LogId): void {
    const before = this.#store.applied.index;
    this.#store.truncateAfter(place);
    this.model.truncateAfter(place);
    // Tables that showed more than what is left are as of what was committed.
    if (before > this.model.last.index) this.#check(this.#store.committed.index);
    this.#end();
  }

  checkpoint(): void {
    this.#store.checkpoint();
    this.#end();
  }

  /** Purges up to a place; what is in the tables is checkpointed before. */
  purge(place: LogId): void {
    this.checkpoint();
    this.#store.purge(place);
    this.model.purged = place;
    this.#end();
  }

  /** The ids of a range of openraft's, from an index to before another one. */
  read(from: number, to: number, maxBytes = 1e6): LogId[] {
    return idsOf(this.#store.entries({ ...range(from, to), maxBytes }));
  }

  /** An entry by itself, or none. */
  readOne(index: number): LogId[] {
    return this.read(index, index + 1);
  }

  /** Expects a call to be refused by a rule, and that nothing has changed. */
  refuses(rule: RaftRule, call: (store: CaseStore) => void): void {
    const before = dump(this.sql);
    throws(() => call(this.#store), { name: "RaftRefusal", rule });
    deepEqual(dump(this.sql), before);
    this.#check(this.#store.applied.index);
    this.#end();
  }

  /** Fills the log as `feed10` does: (0,0), (1,1) … (1,10). */
  feed10(): void {
    this.blanks(1);
    this.raise(1);
    this.blanks(10);
  }

  /**
   * Builds a snapshot. Between its first turns steps are taken, and with each the instance is lost: another one goes on with
   * what was stored of the build.
   */
  snapshot(...between: readonly (() => void)[]): SentState {
    const { model } = this;
    const state = model.stateAt(this.#store.applied.index);
    this.#store.startSnapshot(0);
    this.#end();
    for (const step of between) {
      equal(this.#store.snapshots.building?.step(), false);
      step();
    }
    const built = this.#store.snapshots.building?.buildSnapshot();
    const current = currentOf(this.#store.snapshots);
    deepEqual(current.meta, built);
    model.snapshot = current.meta;
    const sent = { ...current, state };
    this.#end();
    return sent;
  }

  /** Takes over another history; each chunk comes to another instance. */
  install(
    { meta, chunks, state }: SentState,
    term = Math.max(meta.last.term, this.model.term),
  ): void {
    this.#store.snapshots.begin("case", meta);
    this.#end();
    for (const [i, text] of chunks.entries()) {
      this.#store.snapshots.importing?.snapshot.add(i + 1, text);
      this.#end();
    }
    this.#store.snapshots.importing?.snapshot.check();
    // What is staged is counted in memory only: the turns of one instance are taken together.
    while (this.#store.snapshots.importing?.snapshot.step() === false);
    this.#store.install(meta.last, { term });
    this.model.install(meta.last, state);
    this.model.term = term;
    this.model.snapshot = meta;
    this.#end();
  }

  /** A step ends: sometimes with a checkpoint, always with the loss of all memory. */
  #end(): void {
    if (this.#isHeld) {
      this.#check(this.#store.applied.index);
      return;
    }
    this.#steps += 1;
    const isDue = this.#rhythm > 0 && this.#steps % this.#rhythm === 0;
    const { applied, committed, hard } = this.#store;
    if (isDue && hard !== undefined && applied.index <= committed.index) this.#store.checkpoint();
    const written = dump(this.sql);
    this.#store = newCaseStore(this.sql);
    deepEqual(dump(this.sql), written);
    this.#check((this.model.committed ?? this.model.last).index);
  }

  /** Compares the store with the model, up to the entry whose events the tables are to show. */
  #check(applied: number): void {
    const { model } = this;
    const { last, committed, purged, hard, membership, tables } = this.#store;
    deepEqual(idsOf([last, committed, purged]), [
      model.last,
      model.committed ?? model.last,
      model.purged,
    ]);
    deepEqual([hard?.vote, hard?.term], [model.vote, model.term]);
    equal(this.#store.applied.index, applied);
    const state = model.stateAt(applied);
    const { configs, nodes } = membership;
    deepEqual({ configs, nodes }, state.membership);
    const notes = [...tables.notes.scan({})].map(([[id], { body }]) => [id, body] as const);
    deepEqual(new Map(notes), state.notes);
    equal(tables.counts.get(["notes"])?.n ?? 0, state.notes.size);
    deepEqual(this.#entries(), model.entries);
    deepEqual(this.#store.snapshots.currentSnapshot()?.meta, model.snapshot);
  }

  #entries() {
    const { purged, codec } = this.#store;
    return this.#store
      .entries({ from: purged.index + 1, maxBytes: 1e8 })
      .map((entry) => ({ term: entry.term, index: entry.index, events: codec.decode(entry) }));
  }
}
