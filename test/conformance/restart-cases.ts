/**
 * B1–B5, B11 and B12: what openraft tests of restarts, of nodes that come late, and of storage that fails.
 */
import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import type { Sql } from "../../src/store/sql.ts";
import { Store } from "../../src/store/store.ts";
import { enqueue } from "../object/commands.ts";
import { put, writers } from "../store/support.ts";
import { type Case, notAbout } from "./case.ts";
import { commitTo, newCaseStore, openCaseStore } from "./engine-node.ts";
import { appendTo, b, blanks, config, e, feed10, id, nothing, stated } from "./entries.ts";
import type { PortNode } from "./port-node.ts";
import { run } from "./queue-hand.ts";
import { enqueueJobs } from "./queue-history.ts";
import { type EngineSubject, onNode, onStore, type PortSubject } from "./subject.ts";
import { build, fromSender, snapshotOfTwo } from "./transfer.ts";

const idOf = (node: PortNode) => node.machine.applied().lastApplied;

/** Three notes in the log and committed, none of them in the tables. */
function committedOnly(node: PortNode): void {
  appendTo(node.log, e(0, 0, put("a", "1")), e(0, 1, put("b", "2")), e(0, 2, put("c", "3")));
  node.log.saveCommitted(id(0, 1));
  node.crash();
  equal(idOf(node), null);
  node.start();
  deepEqual([idOf(node), node.notes], [id(0, 1), ["a", "b"]]);
}

/** The place is written before its entries are applied: a crash between loses nothing. */
function committedFirst(sql: Sql): void {
  const store = newCaseStore(sql);
  store.saveCommitted(nothing);
  for (const name of ["a", "b"]) commitTo(store, [put(name, "1")]);
  const crash = () => {
    throw new Error("a crash while it is applied");
  };
  const crashing = Store.open(sql, { ...config, writers: { ...writers, "note.put": crash } });
  throws(() => crashing.saveCommitted({ term: 0, index: 2 }), { message: /crash|note.put/ });
  const again = openCaseStore(sql);
  deepEqual([again.committed.index, again.applied.index], [2, 2]);
  equal(again.tables.notes.range({ limit: 9 }).length, 2);
}

/** An installed state and the log behind it are gone on with after a restart. */
async function installedThenLogged(subject: PortSubject): Promise<void> {
  const { meta, chunks } = await snapshotOfTwo(subject);
  await subject.fresh((node) => {
    appendTo(node.log, ...blanks(1, 0, 2));
    node.snapshots.installSnapshot(meta, chunks);
    equal(node.start().last?.index, id(2, 5).index);
    appendTo(node.log, e(2, 6, put("c", "3")), b(2, 7));
    node.log.saveCommitted(id(2, 6));
    node.crash();
    node.start();
    deepEqual([idOf(node), node.notes], [id(2, 6), ["a", "b", "c"]]);
    deepEqual(node.machine.applied().membership, stated(2, 5, [7]));
  });
}

/** When durability cannot be known nobody is told that it is, and nothing more is taken. */
async function storageError({ committer }: EngineSubject): Promise<void> {
  const rig = committer();
  rig.sql.isHeld = true;
  const first = rig.committer.submit(enqueue([{ id: "a" }]));
  const second = rig.committer.submit(enqueue([{ id: "b" }]));
  const error = new Error("the disk is gone");
  const told = [rejects(first, error), rejects(second, error)];
  await rig.sql.settle(error);
  await Promise.all(told);
  deepEqual(rig.aborts, [error]);
  await rejects(rig.committer.submit(enqueue([{ id: "c" }])), error);
}

export const restartCases: readonly Case[] = [
  {
    id: "B1",
    name: "save_committed",
    shows: "what is committed is written before it is applied",
    ports: onNode(committedOnly),
    engine: ({ database }) => database(committedFirst),
  },
  {
    id: "B2",
    name: "transient_state_machine",
    shows:
      "a state that was installed, and what was committed behind it, come back after a restart",
    ports: installedThenLogged,
    engine: (subject) =>
      fromSender(subject, (sender) => {
        const sent = sender.snapshot();
        subject.stores((node) => {
          node.install(sent);
          node.commitTo(node.store.last);
          node.commit([put("c", "3")], []);
          node.commitTo({ term: 2, index: 7 });
        });
      }),
  },
  {
    id: "B3",
    name: "single_leader_restart_re_apply_logs",
    shows: "the one primary of a queue applies its whole tail again",
    ports: onNode((node) => {
      appendTo(node.log, e(0, 0, put("a", "1")), e(0, 1, put("a", "2")));
      node.machine.apply(node.log.entries({ from: 1 }));
      node.log.saveCommitted(id(0, 1));
      node.crash();
      node.start();
      deepEqual([idOf(node), node.notes], [id(0, 1), ["a"]]);
    }),
    engine: onStore((node) => node.commit([put("a", "1")], [put("a", "2")], [put("b", "3")])),
  },
  {
    id: "B4",
    name: "wait_for_recovery",
    shows: "the first read of a new instance sees all that was committed",
    ports: notAbout("a port does not read on its own: it shows what was applied"),
    engine: async ({ queue: open }) => {
      const queue = await open();
      await enqueueJobs(queue);
      await queue.reopen();
      equal((await run(queue, "job.get", { id: "plain" })).job.state, "ready");
    },
  },
  {
    id: "B5",
    name: "purge_in_snapshot_logs",
    shows: "a primary keeps what is not too old, a replica purges all that its snapshot has",
    ports: onNode((node) => {
      feed10(node.log);
      node.machine.apply(node.log.entries({ from: 1 }));
      node.log.purge(build(node).last);
      deepEqual(node.log.logState(), { lastPurged: id(1, 10), last: id(1, 10) });
      appendTo(node.log, b(1, 11));
      equal(node.start().committed?.index, id(1, 10).index);
    }),
    engine: onStore((node) => {
      for (let round = 0; round < 3; round += 1) {
        node.blanks(6);
        node.checkpoint();
      }
      const keep = { maxAgeMs: 1e9, maxBytes: 30 };
      const upTo = node.store.purgeable(node.store.last.at, keep);
      ok(upTo !== undefined && upTo.index < node.store.last.index);
      node.purge(upTo);
      ok(node.store.stats.logBytes <= keep.maxBytes);
    }),
  },
  {
    id: "B11",
    name: "follower_clear_restart_recover",
    shows: "a node that has lost everything is seeded by a snapshot and goes on with the log",
    ports: async (subject) => {
      const { meta, chunks } = await snapshotOfTwo(subject);
      await subject.fresh((node) => {
        node.snapshots.installSnapshot(meta, chunks);
        node.start();
        appendTo(node.log, e(2, 6, put("c", "3")));
        node.machine.apply(node.log.entries({ from: id(2, 6).index }));
        deepEqual(node.notes, ["a", "b", "c"]);
      });
    },
    engine: (subject) =>
      fromSender(subject, (sender) => {
        const sent = sender.snapshot();
        sender.commit([put("c", "3")]);
        subject.stores((node) => {
          node.install(sent);
          node.commit([put("c", "3")]);
          const { notes: table } = node.store.tables;
          deepEqual(table.range({ limit: 9 }), sender.store.tables.notes.range({ limit: 9 }));
        });
      }),
  },
  {
    id: "B12",
    name: "storage_error_stops_replication",
    shows: "when storage fails nobody is told that anything is durable, then or later",
    ports: notAbout("what a port returns from is written; that it is durable is awaited elsewhere"),
    engine: storageError,
  },
];
