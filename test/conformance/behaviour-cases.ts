/**
 * B6–B16, what openraft tests of conflicts, and of work side by side, as far as it is about storage.
 */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import type { Entry } from "../../src/store/chain.ts";
import type { LogPurged } from "../../src/store/raft.ts";
import { put } from "../store/support.ts";
import { type Case, notAbout } from "./case.ts";
import { currentOf } from "./current.ts";
import {
  appendTo,
  b,
  blanks,
  e,
  feed10,
  id,
  ids,
  idsOf,
  m,
  membership,
  nothing,
  range,
  stated,
} from "./entries.ts";
import type { PortNode } from "./port-node.ts";
import { onNode, onStore } from "./subject.ts";
import { build, fromSender, snapshotOfTwo } from "./transfer.ts";

/** Enough rows that a build takes several turns. */
const manyNotes = Array.from({ length: 200 }, (_, i) => put(`n${1000 + i}`, `${i}`));

function buildBeside(node: PortNode, beside: (round: number) => void): void {
  node.apply(e(0, 0, ...manyNotes));
  node.reopen();
  const expected = build(node).digest;
  const builder = node.snapshots.tryCreateSnapshotBuilder(true);
  if (builder === undefined) throw new Error("the builder was refused");
  for (let round = 1; round <= 3; round += 1) {
    equal(builder.step(), false);
    beside(round);
  }
  const meta = builder.buildSnapshot();
  deepEqual([idsOf([meta.last]), meta.digest], [[id(0, 0)], expected]);
  ok(currentOf(node.snapshots).chunks.every((chunk) => !chunk.includes("beside")));
}

/** A purge does not wait for a stream that is being taken: that goes on with what it has read, or says what is gone. */
function purgeBeside({ log }: PortNode): void {
  feed10(log);
  const stream = log.stream(range(0, 11));
  const found = takeOne(stream);
  log.purge(id(1, 8));
  deepEqual(log.logState().lastPurged, id(1, 8));
  const isPurged = ({ name, first }: LogPurged) => name === "LogPurged" && first === id(1, 9).index;
  try {
    found.push(...stream);
    equal(found.length, 11);
  } catch (fault) {
    ok(isPurged(fault as LogPurged));
  }
  deepEqual(idsOf(found), [id(0, 0), ...ids(1, found.length - 1)]);
}

function takeOne(stream: Iterator<Entry>): Entry[] {
  const { value, done } = stream.next();
  return done ? [] : [value];
}

/** Another leader's vote ends a stream of the one before, though its entries were read already. */
function leaderBeside({ log }: PortNode): void {
  feed10(log);
  log.saveVote({ term: 1, node: 0, committed: true });
  const stream = log.leaderBoundedStream({ term: 1, node: 0 }, range(3, 9));
  deepEqual(idsOf(takeOne(stream)), ids(3, 3));
  log.saveVote({ term: 2, node: 1, committed: true });
  throws(() => stream.next(), { name: "LeaderChanged" });
  equal(stream.next().done, true);
}

/** A leader's entries replace a tail that conflicts with them. */
function conflicts({ log }: PortNode): void {
  appendTo(log, b(0, 0), ...blanks(1, 1, 5));
  log.truncateAfter(id(1, 2));
  log.append([b(2, 3), b(2, 4)]);
  deepEqual(idsOf(log.entries({ from: 1 })), [id(0, 0), id(1, 1), id(1, 2), id(2, 3), id(2, 4)]);
}

/** What a leader says comes before must be what the log has there. */
function inconsistent(node: PortNode): void {
  const { log } = node;
  appendTo(log, b(0, 0), ...blanks(1, 1, 3));
  const before = node.view();
  throws(() => log.truncateAfter(id(2, 2)), { name: "RaftRefusal", rule: "log_id_unknown" });
  throws(() => log.logId(id(1, 9).index), { name: "LogAbsent" });
  deepEqual(node.view(), before);
}

export const behaviourCases: readonly Case[] = [
  {
    id: "B6",
    name: "snapshot_delete_conflict_logs",
    shows: "an install removes every uncommitted entry, also those behind its place",
    ports: notAbout("the install of a port is that of the state machine; the store joins the log"),
    engine: (subject) =>
      fromSender(subject, (sender) => {
        const sent = sender.snapshot();
        subject.stores((node) => {
          node.commitTo(nothing);
          node.commit([put("mine", "x")], [membership(1)], [], [], [], [], [], [], [], []);
          node.commitTo({ term: 0, index: 2 });
          node.install(sent);
          node.blanks(1);
        });
      }),
  },
  {
    id: "B7",
    name: "snapshot_overrides_membership",
    shows: "the membership of a snapshot replaces the one that was in effect",
    ports: async (subject) => {
      const { meta, chunks } = await snapshotOfTwo(subject);
      await subject.fresh((node) => {
        node.apply(m(0, 0, [1, 2, 3]));
        node.snapshots.installSnapshot(meta, chunks);
        const { committed, effective } = node.start().membership;
        deepEqual([committed, effective], [stated(2, 5, [7]), stated(2, 5, [7])]);
      });
    },
    engine: (subject) =>
      fromSender(subject, (sender) => {
        const sent = sender.snapshot();
        subject.stores((node) => {
          node.commit([membership(1, 2, 3)]);
          node.install(sent);
        });
      }),
  },
  {
    id: "B8",
    name: "replication_does_not_block_purge",
    shows: "a purge does not wait for a reader, who is told where the log begins",
    ports: onNode(purgeBeside),
    engine: onStore((node) => {
      node.feed10();
      const read = (from: number) => node.store.entries({ from, maxBytes: 1 });
      equal(read(1).length, 1);
      node.purge(id(1, 8));
      throws(() => read(2), { name: "LogPurged", first: id(1, 9).index });
    }),
  },
  {
    id: "B9",
    name: "building_snapshot_does_not_block_append",
    shows: "entries are appended while a snapshot is built, and are not in it",
    ports: onNode((node) =>
      buildBeside(node, (round) => appendTo(node.log, e(0, round, put("beside", "x")))),
    ),
    engine: onStore((node) => {
      node.commit(manyNotes);
      const append = () => node.blanks(1);
      node.snapshot(append, append, append);
    }),
  },
  {
    id: "B10",
    name: "building_snapshot_does_not_block_apply",
    shows: "entries are applied and checkpointed while a snapshot is built, and are not in it",
    ports: onNode((node) =>
      buildBeside(node, (round) => {
        node.apply(e(0, round, put("beside", "x"), put(`n${1000 + round}`, "beside")));
        node.reopen();
      }),
    ),
    engine: onStore((node) => {
      node.commit(manyNotes);
      const change = (i: number) => () => {
        node.commit([put(`n${1000 + i}`, "beside"), { type: "note.deleted", id: `n${1100 + i}` }]);
        node.checkpoint();
      };
      const { chunks } = node.snapshot(change(1), change(150), change(99));
      ok(chunks.every((chunk) => !chunk.includes("beside")));
    }),
  },
  {
    id: "B13",
    name: "append_conflicts",
    shows: "a conflicting tail is cut off, and other entries take its place",
    ports: onNode(conflicts),
    engine: onStore((node) => {
      node.commitTo(nothing);
      node.commit([put("a", "1")], [put("a", "2")], [put("b", "3")]);
      node.commitTo({ term: 0, index: 1 });
      node.truncateAfter({ term: 0, index: 1 });
      node.raise(2);
      node.commit([put("c", "4")], []);
      node.commitTo({ term: 2, index: 3 });
    }),
  },
  {
    id: "B14",
    name: "append_inconsistent_log",
    shows: "entries that are to follow one that the log has not are refused",
    ports: onNode(inconsistent),
    engine: onStore((node) => {
      node.commitTo(nothing);
      node.commit([], []);
      node.refuses("log_id_unknown", (store) => store.truncateAfter({ term: 9, index: 1 }));
    }),
  },
  {
    id: "B15",
    name: "install_at_a_greater_index",
    shows: "a snapshot is installed only at an index greater than what is committed",
    ports: notAbout("what is committed is the store's to guard"),
    engine: (subject) =>
      fromSender(subject, (sender) => {
        const sent = sender.snapshot();
        subject.stores((node) => {
          node.raise(1);
          node.blanks(6);
          node.refuses("install_committed", (store) => store.install(sent.meta.last, { term: 2 }));
        });
        subject.stores((node) => {
          node.raise(1);
          node.blanks(5);
          node.install(sent);
        });
      }),
  },
  {
    id: "B16",
    name: "leader_changed_in_mid_stream",
    shows: "a stream under a leader's vote ends where the vote changes, whatever it has read",
    ports: onNode(leaderBeside),
    engine: notAbout("who ships entries streams them from the log port; a store has no verb"),
  },
];
