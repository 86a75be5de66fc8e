/**
 * G3: a crash at every write of every method leaves the state before the call or the state after it.
 */
import { checkpoint } from "../../src/store/ports.ts";
import { put } from "../store/support.ts";
import { type Case, notAbout } from "./case.ts";
import { type Crashing, crashEverywhere } from "./crashes.ts";
import { type CaseStore, commitTo, newCaseStore } from "./engine-node.ts";
import { b, blanks, config, e, id, m, unlogged, vote } from "./entries.ts";
import { type CasePorts, openCasePorts, viewOf } from "./port-node.ts";
import type { EngineSubject, PortSubject } from "./subject.ts";

type OfPorts = Pick<Crashing<CasePorts>, "arrange" | "call"> & {
  readonly prepare?: (ports: CasePorts) => void;
};
type OfStore = Pick<Crashing<CaseStore>, "arrange" | "call"> & {
  readonly prepare?: (store: CaseStore) => void;
};

/** Eleven entries with notes and a membership, in segments of a few entries each. */
const history = [b(0, 0), m(1, 1, [1, 2]), ...Array.from({ length: 9 }, (_, i) => noteAt(i + 2))];

function noteAt(index: number) {
  return e(1, index, put(`n${index % 3}`, "x".repeat(index)));
}

/** All of it in the log, the first eight applied and checkpointed. */
function fill(ports: CasePorts): void {
  const { log, machine } = ports;
  for (const entry of history) {
    log.append([entry]);
    if (entry.index <= 8) machine.apply(log.entries({ from: entry.index, to: entry.index }));
    if (entry.index <= 8 && entry.index % 2 === 0) checkpoint(ports, config.limits);
  }
}

const onPorts =
  ({ prepare = fill, ...rest }: OfPorts) =>
  ({ database }: PortSubject) =>
    database((sql) =>
      crashEverywhere(sql, { open: openCasePorts, view: viewOf, prepare, ...rest }),
    );

/** All that a store shows. */
function viewOfStore(store: CaseStore) {
  const { hard, last, purged, committed, applied, membership, checkpointed, tables } = store;
  const { notes, bySize, counts } = tables;
  return {
    places: [last, purged, checkpointed, committed.index, applied.index],
    known: [hard?.term, hard?.vote, hard?.committed, membership],
    tables: [notes, bySize, counts].map((table) => [...table.scan({})]),
    log: store.entries({ from: purged.index + 1, maxBytes: 1e8 }),
  };
}

/** One of three notes changes. */
const commit = (store: CaseStore, index: number) =>
  commitTo(store, [put(`n${index % 3}`, "x".repeat(index))]);

/** Eleven entries, the first eight of them checkpointed. */
function fillStore(store: CaseStore): void {
  for (let index = 1; index <= 11; index += 1) {
    commit(store, index);
    if (index <= 8 && index % 2 === 0) store.checkpoint();
  }
}

/** The same on a replica, which knows of eight that they are committed. */
function fillReplica(store: CaseStore): void {
  for (let index = 1; index <= 8; index += 1) commit(store, index);
  store.saveCommitted(store.last);
  store.checkpoint();
  for (let index = 9; index <= 11; index += 1) commit(store, index);
}

const onStores =
  ({ prepare = fillStore, ...rest }: OfStore) =>
  ({ database }: EngineSubject) =>
    database((sql) =>
      crashEverywhere(sql, { open: newCaseStore, view: viewOfStore, prepare, ...rest }),
    );

const oneByOne = notAbout("a store appends one entry at a time, and is never emptied");

export const crashCases: readonly Case[] = [
  {
    id: "G3a",
    name: "crash_in_first_append",
    shows: "a crash in the very first append leaves nothing, or the entry",
    ports: onPorts({ prepare: () => undefined, call: ({ log }) => log.append([b(0, 0)]) }),
    engine: onStores({ prepare: () => undefined, call: (store) => commit(store, 1) }),
  },
  {
    id: "G3b",
    name: "crash_in_append",
    shows: "a crash in an append leaves no entry, or the entry",
    ports: onPorts({ call: ({ log }) => log.append([b(1, 11)]) }),
    engine: onStores({ call: (store) => commit(store, 12) }),
  },
  {
    id: "G3c",
    name: "crash_in_append_of_many",
    shows: "a crash in an append of several entries leaves none of them, or all",
    ports: onPorts({ call: ({ log }) => log.append(blanks(2, 11, 15)) }),
    engine: oneByOne,
  },
  {
    id: "G3d",
    name: "crash_in_append_of_segment",
    shows: "a crash in an append that begins a segment leaves neither, or both",
    ports: onPorts({
      prepare: (ports) => {
        fill(ports);
        checkpoint(ports, { segmentBytesMax: 1, segmentKeysMax: 1 });
      },
      call: ({ log }) => log.append([b(1, 11)]),
    }),
    engine: onStores({
      prepare: (store) => {
        fillStore(store);
        store.checkpoint();
      },
      call: (store) => commit(store, 12),
    }),
  },
  {
    id: "G3e",
    name: "crash_in_purge",
    shows:
      "a crash in a purge leaves all entries and the old mark, or what is left and the new one",
    ports: onPorts({ call: ({ log }) => log.purge(id(1, 6)) }),
    engine: onStores({ call: (store) => store.purge({ term: 0, index: 7 }) }),
  },
  {
    id: "G3f",
    name: "crash_in_purge_beyond_end",
    shows: "a crash in a purge of everything leaves everything, or a log that goes on behind",
    ports: onPorts({ call: ({ log }) => log.purge(id(2, 20)) }),
    engine: oneByOne,
  },
  {
    id: "G3g",
    name: "crash_in_truncate_after",
    shows: "a crash in a truncation within a segment leaves all entries, or those before",
    ports: onPorts({ call: ({ log }) => log.truncateAfter(id(1, 9)) }),
    engine: onStores({
      prepare: fillReplica,
      call: (store) => store.truncateAfter({ term: 0, index: 10 }),
    }),
  },
  {
    id: "G3h",
    name: "crash_in_truncate_after_segments",
    shows: "a crash in a truncation over segments leaves all entries, or those before",
    ports: onPorts({ call: ({ log }) => log.truncateAfter(id(1, 2)) }),
    engine: onStores({
      prepare: fillReplica,
      call: (store) => store.truncateAfter({ term: 0, index: 8 }),
    }),
  },
  {
    id: "G3i",
    name: "crash_in_truncate_after_none",
    shows: "a crash in a truncation of everything leaves everything, or nothing",
    ports: onPorts({ call: ({ log }) => log.truncateAfter(null) }),
    engine: oneByOne,
  },
  {
    id: "G3j",
    name: "crash_in_save_vote",
    shows: "a crash in saving a vote leaves the old one, or the new one",
    ports: onPorts({ call: ({ log }) => log.saveVote(vote(7)) }),
    engine: onStores({ call: (store) => store.saveVote(vote(7)) }),
  },
  {
    id: "G3k",
    name: "crash_in_save_committed",
    shows: "a crash in saving what is committed leaves the old place, or the new one",
    ports: onPorts({ call: ({ log }) => log.saveCommitted(id(1, 9)) }),
    engine: onStores({
      prepare: fillReplica,
      call: (store) => store.saveCommitted({ term: 0, index: 10 }),
    }),
  },
  {
    id: "G3l",
    name: "crash_in_checkpoint",
    shows: "a crash in a checkpoint leaves the tables as they were, or the rows and their place",
    ports: onPorts({
      arrange: ({ machine }) => machine.apply(unlogged(history.slice(8))),
      call: (ports) => checkpoint(ports, config.limits),
    }),
    engine: onStores({ call: (store) => store.checkpoint() }),
  },
];
