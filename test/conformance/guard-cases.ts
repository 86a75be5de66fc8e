/**
 * G4, what may be appended and voted: every rule of Raft, broken by one call, is a typed error and changes nothing.
 */
import type { Case } from "./case.ts";
import { b, vote } from "./entries.ts";
import { append, noVerb, refusedBy, refusedByStore, replica, unguarded } from "./guarding.ts";
import { onStore } from "./subject.ts";

export const guardCases: readonly Case[] = [
  {
    id: "G4a",
    name: "guard_append_gap",
    shows: "an entry that does not follow the last one is refused",
    ports: refusedBy("append_order", ({ log }) => log.append([b(1, 12)])),
    engine: noVerb,
  },
  {
    id: "G4b",
    name: "guard_append_again",
    shows: "an entry at an index that the log has is refused",
    ports: refusedBy("append_order", ({ log }) => log.append([b(1, 11), b(1, 11)])),
    engine: noVerb,
  },
  {
    id: "G4c",
    name: "guard_append_term_back",
    shows: "an entry of an earlier term is refused",
    ports: refusedBy("append_term", ({ log }) => log.append([b(2, 11), b(1, 12)])),
    engine: refusedByStore("append_term", (store) => append(store, { term: 0 })),
  },
  {
    id: "G4d",
    name: "guard_append_term_unsaved",
    shows: "an entry of a term that was not saved before is refused",
    ports: unguarded,
    engine: refusedByStore("append_term", (store) => append(store, { term: 2 })),
  },
  {
    id: "G4e",
    name: "guard_append_time_back",
    shows: "an entry from before the last one is refused",
    ports: refusedBy("append_time", ({ log }) => log.append([{ ...b(1, 11), at: 1 }])),
    engine: refusedByStore("append_time", (store) => append(store, { at: 1 })),
  },
  {
    id: "G4f",
    name: "guard_append_over_uncommitted",
    shows: "nothing is evolved on tables that lack what the log has and nobody has committed",
    ports: unguarded,
    engine: refusedByStore("append_order", (store) => append(store), replica),
  },
  {
    id: "G4g",
    name: "guard_vote_back",
    shows: "a vote of an earlier term, or for another node of the term, is refused",
    ports: unguarded,
    engine: onStore((node) => {
      node.feed10();
      node.vote({ term: 5, node: 1, committed: false });
      // Two nodes may ask for votes in one term; which of them was granted decides.
      node.vote({ term: 5, node: 2, committed: true });
      for (const less of [
        vote(4),
        { term: 5, node: 2, committed: false },
        { term: 5, node: 3, committed: false },
        { term: 5, node: 3, committed: true },
      ]) {
        node.refuses("vote_order", (store) => store.saveVote(less));
      }
      node.vote({ term: 5, node: 2, committed: true });
    }),
  },
  {
    id: "G4h",
    name: "guard_term_back",
    shows: "a term that falls is refused",
    ports: unguarded,
    engine: refusedByStore("term_order", (store) => store.saveHard({ term: 0 })),
  },
];
