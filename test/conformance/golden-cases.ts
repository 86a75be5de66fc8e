/**
 * G8, the golden files: what each format has written is read as it was meant, and the last is written so today.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { checkLink, genesis, hashOf } from "../../src/store/chain.ts";
import { checkpoint, openPorts } from "../../src/store/ports.ts";
import { schema } from "../../src/store/schema.ts";
import type { Sql } from "../../src/store/sql.ts";
import { type Case, notAbout } from "./case.ts";
import { openCaseStore } from "./engine-node.ts";
import { config, members } from "./entries.ts";
import { type GoldenLog, type GoldenStore, goldenQueues, goldenStores } from "./golden/index.ts";
import { makeGoldenStore, restore, textOf } from "./golden/store-history.ts";
import { essenceOf, eventTypes } from "./queue-history.ts";
import type { PortSubject } from "./subject.ts";
import { portsBehind, snapshotOfQueue } from "./transfer.ts";

/** What the golden database says, through the ports. */
function readGoldenStore(sql: Sql, golden: GoldenStore): void {
  restore(sql, golden);
  const { log, machine, state } = openPorts(sql, config);
  const entries = log.entries({ from: 3 });
  deepEqual([log.purged.index, log.last.index, state.checkpointed.index], [2, 8, 6]);
  deepEqual(log.readVote(), { term: 2, node: 1, committed: true });
  for (const [i, entry] of entries.entries()) checkLink(entries[i - 1] ?? log.purged, entry);
  deepEqual(log.findKey("key7")?.answer, '{"answer":"é"}');
  machine.recover(log.stream({ from: 7 }));
  expectGoldenTables(machine.tables.notes.range({ limit: 99 }));
  deepEqual(machine.applied().membership, { logId: { term: 2, index: 6 }, ...members(1, 6) });
}

function expectGoldenTables(notes: readonly unknown[]): void {
  deepEqual(notes, [
    [["plain"], { size: 300, body: "x".repeat(300) }],
    [["tail"], { size: 17, body: "not in the tables" }],
    [["unicode"], { size: 4, body: "é\u{10000}\u0001" }],
  ]);
}

/** The golden logs of queues: their links, their events, and what they make. */
async function readGoldenLogs({ database }: PortSubject): Promise<void> {
  for (const { log, snapshots } of goldenQueues) {
    const { meta, chunks } = await database((sql) => stateFrom(sql, log));
    deepEqual({ meta, chunks }, snapshots.at(-1));
  }
}

/** The state that a log makes, whose links and jobs are looked at on the way. */
function stateFrom(sql: Sql, { from, entries, jobs }: GoldenLog) {
  const ports = portsBehind(sql, from, "golden");
  const first = from?.meta.last ?? { ...genesis, term: 1 };
  let before = first;
  for (const entry of entries) {
    equal(hashOf(entry), entry.hash);
    checkLink(before, entry);
    before = entry;
  }
  ports.log.append(entries);
  equal(ports.log.last.hash, before.hash);
  ports.machine.apply(ports.log.stream({ from: first.index + 1 }));
  deepEqual(essenceOf(ports.machine.tables), jobs);
  checkpoint(ports, config.limits);
  return snapshotOfQueue(sql);
}

/** The golden snapshots: what is in them, and that each makes the one that today's version writes. */
async function readGoldenSnapshots({ database }: PortSubject): Promise<void> {
  for (const { log, snapshots } of goldenQueues) {
    for (const { meta, chunks } of snapshots) {
      await database((sql) => {
        const ports = portsBehind(sql, undefined, "golden");
        ports.snapshots.installSnapshot(meta, chunks);
        deepEqual(essenceOf(ports.machine.tables), log.jobs);
        deepEqual(snapshotOfQueue(sql), snapshots.at(-1));
      });
    }
  }
}

/** Every event stands in some golden log, and the newest snapshot has rows of every table, as this version writes them. */
function leaveNothingOut(): void {
  const entries = goldenQueues.flatMap(({ log }) => log.entries);
  const types = entries.flatMap(({ events }) =>
    (JSON.parse(events) as { type?: string }[]).flatMap(({ type }) => type ?? []),
  );
  deepEqual([...new Set(types)].sort(), eventTypes);
  const tables = goldenQueues.at(-1)?.snapshots.at(-1)?.meta.tables ?? {};
  for (const { name, version } of Object.values(schema)) {
    equal(tables[name]?.version, version, name);
    ok((tables[name]?.rows ?? 0) > 0, name);
  }
}

/** The golden database, opened as a store: the tail is applied, and the log goes on. */
function openGoldenStore(sql: Sql, golden: GoldenStore): void {
  restore(sql, golden);
  const store = openCaseStore(sql);
  deepEqual([store.purged.index, store.last.index, store.applied.index], [2, 8, 8]);
  expectGoldenTables(store.tables.notes.range({ limit: 99 }));
  equal(store.findKey("key3")?.answer, '{"answer":"é"}');
  store.append({ incarnation: 4, at: store.last.at, keys: "[]", events: "[]", texts: "" });
  equal(openCaseStore(sql).last.index, 9);
}

const byPorts = notAbout("it is read by the ports, whoever commits them together");

export const goldenCases: readonly Case[] = [
  {
    id: "G8a",
    name: "golden_database",
    shows: "a database of each format opens and shows what it held when it was written",
    ports: async ({ database }) => {
      for (const golden of goldenStores) await database((sql) => readGoldenStore(sql, golden));
    },
    engine: async ({ database }) => {
      for (const golden of goldenStores) await database((sql) => openGoldenStore(sql, golden));
    },
  },
  {
    id: "G8b",
    name: "golden_bytes",
    shows: "the history of that database makes the same bytes today, in every kind of database",
    ports: ({ database }) =>
      database((sql) => {
        makeGoldenStore(sql);
        deepEqual(textOf(sql), goldenStores.at(-1));
      }),
    engine: ({ database }) =>
      database((sql) => {
        makeGoldenStore(sql);
        openCaseStore(sql);
        deepEqual(textOf(sql), goldenStores.at(-1));
      }),
  },
  {
    id: "G8c",
    name: "golden_log",
    shows: "the entries of a queue's log keep their hashes, their events and their effects",
    ports: readGoldenLogs,
    engine: byPorts,
  },
  {
    id: "G8d",
    name: "golden_snapshot",
    shows: "a snapshot of any version can be installed, and its state makes the one of today's",
    ports: readGoldenSnapshots,
    engine: byPorts,
  },
  {
    id: "G8g",
    name: "golden_leaves_nothing_out",
    shows: "the golden files have every event that there is, and rows of every table",
    ports: leaveNothingOut,
    engine: byPorts,
  },
];
