/**
 * openraft's notation: blank entries, memberships, log ids and ranges, as its suite writes them down.
 * Invariant: openraft counts indexes from 0 and Sluice from 1, where {term: 0, index: 0} is nothing: one is added here, and
 * nowhere else. Terms are the same in both.
 */
import { type Entry, hashOf, type LogId } from "../../src/store/chain.ts";
import { type EntryBody, EntryBuilder, EventCodec } from "../../src/store/entry.ts";
import { membershipEvent } from "../../src/store/membership.ts";
import type {
  Draft,
  IndexRange,
  Membership,
  StoredMembership,
  Vote,
} from "../../src/store/raft.ts";
import type { StoreConfig } from "../../src/store/store-config.ts";
import { type NoteEvent, schema, writers } from "../store/support.ts";
import type { StartLog } from "./port-node.ts";

/** Events of the cases: notes, which change tables, and memberships, which do not. */
export type CaseEvent = NoteEvent | ({ readonly type: typeof membershipEvent } & Membership);

/** What the cases' stores are opened with: segments so small that a checkpoint mostly begins another one. */
export const config: StoreConfig<typeof schema, CaseEvent> & {
  readonly limits: { readonly segmentBytesMax: number; readonly segmentKeysMax: number };
} = {
  tables: schema,
  writers,
  texts: { "note.put": ["body"] },
  limits: { segmentBytesMax: 20, segmentKeysMax: 2 },
};

/** A log id. */
export const id = (term: number, index: number): LogId => ({ term, index: index + 1 });

/** The place before the first entry. */
export const nothing: LogId = { term: 0, index: 0 };

/** The entries from an index to before another one. */
export const range = (from: number, to: number): Required<IndexRange> => ({ from: from + 1, to });

/** A vote of node 0 that was asked for. */
export const vote = (term: number): Vote => ({ term, node: 0, committed: false });

/** A membership of some nodes. */
export function members(...nodes: readonly number[]): Membership {
  const role = { role: "replica" } as const;
  return { configs: [nodes], nodes: Object.fromEntries(nodes.map((node) => [node, role])) };
}

/** A membership as an entry states it. */
export const stated = (
  term: number,
  index: number,
  nodes: readonly number[],
): StoredMembership => ({ logId: id(term, index), ...members(...nodes) });

export const membership = (...nodes: readonly number[]): CaseEvent => ({
  type: membershipEvent,
  ...members(...nodes),
});

export const codec = new EventCodec<CaseEvent>(config.texts);

/** What an entry with these events holds. */
export function bodyOf(events: readonly CaseEvent[]): EntryBody {
  const builder = new EntryBuilder(codec);
  for (const event of events) builder.add(event);
  return builder.build();
}

/** An entry with events, to be appended. */
export function e(term: number, index: number, ...events: readonly CaseEvent[]): Draft & LogId {
  const place = id(term, index);
  return { ...place, incarnation: 1, at: place.index, ...bodyOf(events) };
}

/** A blank entry. */
export const b = (term: number, index: number): Draft & LogId => e(term, index);

/** An entry that states a membership. */
export const m = (term: number, index: number, nodes: readonly number[]): Draft & LogId =>
  e(term, index, membership(...nodes));

/** Blank entries of one term, from an index to another one, both included. */
export const blanks = (term: number, from: number, to: number): (Draft & LogId)[] =>
  Array.from({ length: to - from + 1 }, (_, i) => b(term, from + i));

/** Entries as a log would hand them out, for a state machine whose log never had them. */
export function unlogged(drafts: readonly (Draft & LogId)[]): Entry[] {
  let prevHash = "";
  return drafts.map((draft) => {
    const unsigned = { ...draft, prevHash };
    prevHash = hashOf(unsigned);
    return { ...unsigned, hash: prevHash };
  });
}

/** The ids of entries, less what else is in them. */
export const idsOf = (entries: Iterable<LogId>): LogId[] =>
  [...entries].map(({ term, index }) => ({ term, index }));

/** Appends entries, to an empty log also from the middle on: what lies before was then purged. */
export function appendTo(log: StartLog, ...drafts: readonly (Draft & LogId)[]): Entry[] {
  const [first] = drafts;
  if (first === undefined) return [];
  if (log.logState().last === null && first.index > 1) {
    log.purge({ term: first.term, index: first.index - 1 });
  }
  return log.append(drafts);
}

/** The ids of entries of term 1, as `feed10` appends them. */
export const ids = (from: number, to: number): LogId[] => idsOf(blanks(1, from, to));

/** The log that most cases begin with: (0,0), (1,1) … (1,10), and a vote of term 1. */
export function feed10(log: StartLog): void {
  appendTo(log, b(0, 0), ...blanks(1, 1, 10));
  log.saveVote(vote(1));
}
