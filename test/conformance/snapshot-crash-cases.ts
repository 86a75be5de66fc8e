/**
 * G3, snapshots: a crash at every write of an install and of a build.
 */
import type { Sql } from "../../src/store/sql.ts";
import { put } from "../store/support.ts";
import type { Case } from "./case.ts";
import { crashEverywhere } from "./crashes.ts";
import { currentOf } from "./current.ts";
import { type CaseStore, commitTo, newCaseStore } from "./engine-node.ts";
import { b, e } from "./entries.ts";
import { openCasePorts, viewOf } from "./port-node.ts";
import type { EngineSubject, PortSubject } from "./subject.ts";
import { twoSnapshots } from "./transfer.ts";

async function crashInInstall(subject: PortSubject): Promise<void> {
  const { first } = await twoSnapshots(subject);
  await subject.database((sql) =>
    crashEverywhere(sql, {
      open: openCasePorts,
      view: viewOf,
      prepare: ({ log, machine, snapshots }) => {
        log.append([e(0, 0, put("mine", "x")), b(0, 1)]);
        machine.apply(log.entries({ from: 1 }));
        snapshots.tryCreateSnapshotBuilder(true)?.buildSnapshot();
      },
      call: ({ snapshots }) => snapshots.installSnapshot(first.meta, first.chunks),
    }),
  );
}

function crashInBuild(sql: Sql): void {
  crashEverywhere(sql, {
    open: openCasePorts,
    view: viewOf,
    prepare: ({ log, machine }) => {
      const notes = ["a", "b", "c"].map((name) => put(name, name.repeat(500_000)));
      log.append(notes.map((note, i) => e(0, i, note)));
      machine.apply(log.entries({ from: 1 }));
    },
    // A build that was cut off is gone on with, or begun anew: it ends all the same.
    call: ({ snapshots }) =>
      (snapshots.building ?? snapshots.tryCreateSnapshotBuilder(true))?.buildSnapshot(),
    isInTurns: true,
  });
}

function crashInStoreInstall({ database }: EngineSubject): void {
  const sent = database((sql) => {
    const store = fill(newCaseStore(sql), 5);
    store.startSnapshot(0);
    store.snapshots.building?.buildSnapshot();
    return currentOf(store.snapshots);
  });
  database((sql) =>
    crashEverywhere(sql, {
      open: newCaseStore,
      view: (store) => [
        store.hard,
        store.last,
        store.tables.notes.range({ limit: 99 }),
        store.snapshots.currentSnapshot()?.meta,
      ],
      prepare: (store) => {
        fill(store, 2);
        const incoming = store.snapshots.begin("case", sent.meta);
        for (const [i, text] of sent.chunks.entries()) incoming.add(i + 1, text);
      },
      call: (store) => {
        const { importing } = store.snapshots;
        importing?.snapshot.check();
        while (importing?.snapshot.step() === false);
        store.install(sent.meta.last, { term: 0 });
      },
      isInTurns: true,
    }),
  );
}

/** Commits so many notes. */
function fill(store: CaseStore, count: number): CaseStore {
  for (let i = 0; i < count; i += 1) commitTo(store, [put(`n${i}`, `${count}`)]);
  return store;
}

export const snapshotCrashCases: readonly Case[] = [
  {
    id: "G3m",
    name: "crash_in_install",
    shows: "a crash in an install leaves the old state and its snapshot, or the new ones",
    ports: crashInInstall,
    engine: crashInStoreInstall,
  },
  {
    id: "G3n",
    name: "crash_in_build",
    shows: "a crash in a build leaves the current snapshot, and the build comes to its end later",
    ports: ({ database }) => database(crashInBuild),
    engine: ({ stores }) =>
      stores((node) => {
        node.commit([put("a", "1")]);
        node.snapshot();
        node.commit([put("b", "2")]);
        node.snapshot(() => node.commit([put("c", "3")]));
      }),
  },
];
