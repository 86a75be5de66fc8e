/**
 * G8: every record is read as it was written, and what newer code wrote is refused.
 */
import { deepEqual, throws } from "node:assert/strict";
import { snapshotManifest } from "../../src/contract/snapshots.ts";
import { decodeKeys, EntryBuilder } from "../../src/store/entry.ts";
import { storeFormat } from "../../src/store/hard-state.ts";
import { checkpoint, openPorts } from "../../src/store/ports.ts";
import type { Sql } from "../../src/store/sql.ts";
import { Store } from "../../src/store/store.ts";
import { deleted, dump, put, wipe, writers } from "../store/support.ts";
import type { Case } from "./case.ts";
import { currentOf } from "./current.ts";
import { type CaseStore, commitTo, newCaseStore, openCaseStore } from "./engine-node.ts";
import { appendTo, type CaseEvent, codec, config, e, id, m, membership, vote } from "./entries.ts";
import { openCasePorts, type PortNode } from "./port-node.ts";
import { onNode, onStore } from "./subject.ts";
import { build } from "./transfer.ts";

/** What is odd about texts, numbers and repetition, in one entry. */
const oddEvents: readonly CaseEvent[] = [
  put("a", 'quote " and \\, line\nend'),
  put("b", "é\u{10000}\u0000"),
  put("c", ""),
  put("c", "same type, other fields"),
  deleted("é"),
  membership(1, 2),
  membership(),
];

function roundTrips(node: PortNode): void {
  const { log } = node;
  const builder = new EntryBuilder<CaseEvent>(codec);
  for (const event of oddEvents) builder.add(event);
  builder.addKey("é", "hash", '{"a":"\\n"}');
  const body = builder.build();
  const draft = { ...e(1, 0), ...body, at: 1_795_000_000_000, incarnation: 9 };
  const [appended] = appendTo(log, draft);
  const [read] = log.entries({ from: 1 });
  deepEqual(read, appended);
  deepEqual({ ...read, prevHash: "", hash: "" }, { ...draft, prevHash: "", hash: "" });
  deepEqual(codec.decode(body), oddEvents);
  deepEqual(decodeKeys(body.keys), [["é", "hash", '{"a":"\\n"}']]);
  log.saveVote({ ...vote(7), committed: true });
  log.saveCommitted(id(1, 0));
  deepEqual([log.readVote(), log.readCommitted()], [{ ...vote(7), committed: true }, id(1, 0)]);
  node.machine.apply(log.entries({ from: 1 }));
  const view = node.view();
  build(node);
  node.reopen();
  deepEqual({ ...node.view(), snapshot: undefined }, view);
  const { meta } = currentOf(node.snapshots);
  const {
    sluice: _,
    format: __,
    seal: ___,
    ...manifest
  } = snapshotManifest.parse(
    JSON.parse(JSON.stringify({ sluice: "snapshot", format: 1, seal: "", ...meta })),
  );
  deepEqual(manifest, meta);
}

/** Each query makes a database that only newer code can read. */
const newer = [
  `UPDATE raft_state SET format = ${storeFormat + 2}`,
  "UPDATE counts SET version = 2",
  `UPDATE raft_log_1 SET events = '[{"type":"note.of_tomorrow"}]' WHERE log_index = 2`,
];

function refusesNewer(sql: Sql): void {
  for (const query of newer) {
    const ports = openCasePorts(sql);
    appendTo(ports.log, e(0, 0, put("a", "1")), m(0, 1, [1]));
    ports.machine.apply(ports.log.entries({ from: 1, to: 1 }));
    checkpoint(ports, { segmentBytesMax: 1e6, segmentKeysMax: 9 });
    sql.run(query);
    const before = dump(sql);
    throws(() => {
      const opened = openPorts(sql, config);
      opened.machine.apply(opened.log.entries({ from: 2 }));
    }, isNewer);
    deepEqual(dump(sql), before);
    wipe(sql);
  }
}

/** The ways to say that newer code wrote it. */
function isNewer(fault: unknown): boolean {
  const { code, isNewer: isRowNewer } = fault as { code?: string; isNewer?: boolean };
  return code === "store_newer" || isRowNewer === true;
}

/** A store with a row of the tables in a checkpoint, and an event in the tail. */
function fill(sql: Sql): void {
  wipe(sql);
  const store = newCaseStore(sql);
  for (const event of [put("a", "1"), deleted("a")]) {
    commitTo(store, [event]);
    if (event.type === "note.put") store.checkpoint();
  }
}

function storeRefusesNewer(sql: Sql): void {
  const expectRefusal = (open: () => CaseStore) => {
    const before = dump(sql);
    throws(open, { name: "StoreRefusal", code: "store_newer" });
    deepEqual(dump(sql), before);
  };
  for (const query of newer.slice(0, 2)) {
    fill(sql);
    sql.run(query);
    expectRefusal(() => openCaseStore(sql));
  }
  fill(sql);
  const { "note.deleted": _, ...older } = writers;
  expectRefusal(() => Store.open(sql, { ...config, writers: older as typeof writers }));
}

export const codecCases: readonly Case[] = [
  {
    id: "G8e",
    name: "round_trip_of_every_record",
    shows: "entry, keys, vote, committed, rows, membership and manifest are read as written",
    ports: onNode(roundTrips),
    engine: onStore((node) => {
      node.vote({ term: 7, node: 3, committed: true });
      node.commit(oddEvents);
      node.snapshot();
    }),
  },
  {
    id: "G8f",
    name: "unknown_version_refused",
    shows: "a format, a row and an event of newer code are refused, never passed over",
    ports: ({ database }) => database(refusesNewer),
    engine: ({ database }) => database(storeRefusesNewer),
  },
];
