/**
 * G4, places: what may be committed, cut off, purged, checkpointed, installed and applied.
 */
import { deepEqual, throws } from "node:assert/strict";
import type { Anchor } from "../../src/store/chain.ts";
import { dump } from "../store/support.ts";
import { type Case, notAbout } from "./case.ts";
import { newCaseStore, openCaseStore } from "./engine-node.ts";
import { blanks, id, unlogged } from "./entries.ts";
import {
  append,
  checkpointed,
  noVerb,
  refusedBy,
  refusedByStore,
  replica,
  unguarded,
} from "./guarding.ts";
import { type EngineSubject, onStore } from "./subject.ts";

const place = (term: number, index: number): Anchor => {
  return { term, index, incarnation: 1, at: index, hash: "" };
};

/** A store with a hole in what it has to apply is not opened. */
function holeInTail({ database }: EngineSubject): void {
  database((sql) => {
    const store = newCaseStore(sql);
    for (let i = 0; i < 5; i += 1) append(store);
    sql.run("DELETE FROM raft_log_1 WHERE log_index = 3");
    const before = dump(sql);
    throws(() => openCaseStore(sql), { name: "StoreRefusal", code: "store_corrupt" });
    deepEqual(dump(sql), before);
  });
}

export const placeGuardCases: readonly Case[] = [
  {
    id: "G4i",
    name: "guard_committed_back",
    shows: "what was committed stays so",
    ports: unguarded,
    engine: refusedByStore(
      "committed_order",
      (store) => store.saveCommitted({ term: 0, index: 4 }),
      replica,
    ),
  },
  {
    id: "G4j",
    name: "guard_committed_unknown",
    shows: "only what the log has is committed",
    ports: unguarded,
    engine: refusedByStore(
      "log_id_unknown",
      (store) => store.saveCommitted({ term: 3, index: 7 }),
      replica,
    ),
  },
  {
    id: "G4k",
    name: "guard_truncate_committed",
    shows: "what was committed is never cut off",
    ports: unguarded,
    engine: refusedByStore(
      "truncate_committed",
      (store) => store.truncateAfter({ term: 0, index: 4 }),
      replica,
    ),
  },
  {
    id: "G4l",
    name: "guard_truncate_unknown",
    shows: "truncation behind an entry that the log has of another term is refused",
    ports: refusedBy("log_id_unknown", ({ log }) => log.truncateAfter(id(2, 5))),
    engine: refusedByStore(
      "log_id_unknown",
      (store) => store.truncateAfter({ term: 3, index: 7 }),
      replica,
    ),
  },
  {
    id: "G4m",
    name: "guard_purge_unknown",
    shows: "a purge up to an entry that the log has of another term is refused",
    ports: refusedBy("log_id_unknown", ({ log }) => log.purge(id(2, 5))),
    engine: refusedByStore(
      "log_id_unknown",
      (store) => store.purge({ term: 3, index: 7 }),
      checkpointed,
    ),
  },
  {
    id: "G4n",
    name: "guard_purge_beyond_term_back",
    shows: "a purge beyond the end, to an earlier term, is refused",
    ports: refusedBy("log_id_unknown", ({ log }) => log.purge(id(0, 20))),
    engine: noVerb,
  },
  {
    id: "G4o",
    name: "guard_purge_past_checkpoint",
    shows: "what the tables need to recover is not purged",
    ports: unguarded,
    engine: ({ database }) =>
      database((sql) => {
        const store = newCaseStore(sql);
        append(store);
        store.checkpoint();
        append(store);
        append(store);
        const before = dump(sql);
        const purge = () => store.purge({ term: 0, index: 2 });
        throws(purge, { name: "RaftRefusal", rule: "purge_checkpoint" });
        deepEqual(dump(sql), before);
      }),
  },
  {
    id: "G4p",
    name: "guard_purge_last",
    shows: "a store's last entry is not purged",
    ports: unguarded,
    engine: refusedByStore("purge_last", (store) => store.purge(store.last), checkpointed),
  },
  {
    id: "G4q",
    name: "guard_checkpoint_uncommitted",
    shows: "tables that show what is not committed are not written",
    ports: unguarded,
    engine: ({ database }) =>
      database((sql) => {
        const store = newCaseStore(sql);
        store.saveCommitted({ term: 0, index: 0 });
        append(store);
        const before = dump(sql);
        throws(() => store.checkpoint(), { name: "RaftRefusal", rule: "checkpoint_committed" });
        deepEqual(dump(sql), before);
      }),
  },
  {
    id: "G4r",
    name: "guard_install_committed",
    shows: "a state from elsewhere that does not lie behind what is committed is refused",
    ports: unguarded,
    engine: refusedByStore("install_committed", (store) =>
      store.install(place(1, 11), { term: 1 }),
    ),
  },
  {
    id: "G4s",
    name: "guard_install_term",
    shows: "a state from elsewhere of a later term than the one it is to go on in is refused",
    ports: unguarded,
    engine: onStore((node) => {
      node.feed10();
      node.refuses("term_order", (store) => store.install(place(2, 20), { term: 1 }));
      node.refuses("term_order", (store) => store.install(place(0, 20), { term: 0 }));
    }),
  },
  {
    id: "G4t",
    name: "guard_apply_again",
    shows: "an entry is applied once",
    ports: refusedBy("apply_order", ({ machine }) => machine.apply(unlogged(blanks(1, 1, 3)))),
    engine: noVerb,
  },
  {
    id: "G4u",
    name: "guard_apply_gap",
    shows: "a store that would have to leave out an entry is not opened",
    ports: notAbout("a state machine alone takes whatever lies behind: the suite makes use of it"),
    engine: holeInTail,
  },
];
