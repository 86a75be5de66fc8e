/**
 * Memberships: events of the log that say who takes part in its history.
 * Invariant: a membership counts from the entry that states it, and is undone with it.
 */
import type { EventType } from "../contract/events.ts";
import type { Entry, LogId } from "./chain.ts";
import { type EntryBody, EventCodec, type StoredEvent } from "./entry.ts";
import type { Journal, Undoable } from "./journal.ts";
import type { Position } from "./key-columns.ts";
import type { LogReader, Membership, StoredMembership } from "./raft.ts";

/** The event that states a membership: the one event that has no writer, since it changes no table. */
export const membershipEvent = "queue.membership" satisfies EventType;

/** Entries looked at together on the way back through a log. */
const pageEntries = 64;

const codec = new EventCodec<StoredEvent & Membership>({});

/** The membership that an entry states; the last one, if there are several. */
export function membershipIn(entry: Pick<EntryBody, "events" | "texts">): Membership | undefined {
  if (!entry.events.includes(membershipEvent)) return undefined;
  const stated = codec.decode(entry).findLast((event) => event.type === membershipEvent);
  return stated && { configs: stated.configs, nodes: stated.nodes };
}

/** The last two memberships that entries from an index on state, the older one first. Reads backwards, page by page. */
export function lastMembershipInLog(log: LogReader, since: number): StoredMembership[] {
  const found: StoredMembership[] = [];
  const { last } = log.logState();
  for (let to = last?.index ?? 0; to >= since && to > 0 && found.length < 2; to -= pageEntries) {
    const page = log.tryEntries({ from: Math.max(since, to - pageEntries + 1), to });
    if (page.length === 0) break;
    found.unshift(...page.flatMap(storedIn));
  }
  return found.slice(-2);
}

function storedIn(entry: Entry): StoredMembership[] {
  const stated = membershipIn(entry);
  return stated === undefined
    ? []
    : [{ logId: { term: entry.term, index: entry.index }, ...stated }];
}

/** The membership that a state machine shows. */
export class MembershipRegister implements Undoable {
  readonly #journal: Journal;
  #stored: StoredMembership;
  /** Stated by an event whose entry has no id yet. */
  #stated: Membership | undefined;

  constructor(journal: Journal, stored: StoredMembership) {
    this.#journal = journal;
    this.#stored = stored;
  }

  get stored(): StoredMembership {
    return this.#stored;
  }

  state({ configs, nodes }: Membership): void {
    this.#journal.record(this, [], this.#stated);
    this.#stated = { configs, nodes };
  }

  restore(_: Position, before: unknown): void {
    this.#stated = before as Membership | undefined;
  }

  /** The events so far are those of an entry. */
  settle({ term, index }: LogId): void {
    if (this.#stated === undefined) return;
    this.#stored = { logId: { term, index }, ...this.#stated };
    this.#stated = undefined;
  }
}
