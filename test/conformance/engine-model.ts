/**
 * A queue's history as simple as it can be: a list of entries and a few numbers.
 * Invariant: it shares no code with the store, and knows what a store shows after it was opened again.
 */
import type { LogId } from "../../src/store/chain.ts";
import type { Membership, SnapshotMeta, Vote } from "../../src/store/raft.ts";
import type { CaseEvent } from "./entries.ts";

/** What there is of an entry. */
export interface ModelEntry extends LogId {
  readonly events: readonly CaseEvent[];
}

/** What the tables hold. */
export interface ModelState {
  readonly notes: ReadonlyMap<string, string>;
  readonly membership: Membership;
}

const nothing: LogId = { term: 0, index: 0 };
const nobody: Membership = { configs: [], nodes: {} };

export class Model {
  /** Entries behind `base`, also those that were purged. */
  readonly #entries: ModelEntry[] = [];
  /** Where the history began, or was installed. */
  #base: { readonly place: LogId; readonly state: ModelState } = {
    place: nothing,
    state: { notes: new Map(), membership: nobody },
  };
  purged: LogId = nothing;
  /** Null for a primary, whose last entry is committed. */
  committed: LogId | null = null;
  vote: Vote | null = null;
  term = 0;
  /** What the current snapshot is. */
  snapshot: SnapshotMeta | undefined;

  get last(): LogId {
    const { term, index } = this.#entries.at(-1) ?? this.#base.place;
    return { term, index };
  }

  append(entry: ModelEntry): void {
    this.#entries.push(entry);
  }

  truncateAfter({ index }: LogId): void {
    while (this.last.index > index) this.#entries.pop();
  }

  /** Another history takes over: its state as of a place. */
  install({ term, index }: LogId, state: ModelState): void {
    const place = { term, index };
    this.#entries.length = 0;
    this.#base = { place, state };
    this.purged = place;
    if (this.committed !== null) this.committed = place;
  }

  /** The entries that can be read. */
  get entries(): readonly ModelEntry[] {
    return this.#entries.filter((each) => each.index > this.purged.index);
  }

  /** What the entries up to an index have made. */
  stateAt(index: number): ModelState {
    const notes = new Map(this.#base.state.notes);
    let { membership } = this.#base.state;
    for (const entry of this.#entries) {
      if (entry.index > index) break;
      for (const event of entry.events) {
        if (event.type === "note.put") notes.set(event.id, event.body);
        else if (event.type === "note.deleted") notes.delete(event.id);
        else membership = { configs: event.configs, nodes: event.nodes };
      }
    }
    return { notes, membership };
  }
}
