/**
 * Cases 41–45: what the state machine has applied, and snapshots of it.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { LogId } from "../../src/store/chain.ts";
import { noMembership, type SnapshotMeta, type StoredMembership } from "../../src/store/raft.ts";
import type { Case } from "./case.ts";
import { currentOf } from "./current.ts";
import { b, id, idsOf, m, membership, stated } from "./entries.ts";
import type { PortNode } from "./port-node.ts";
import { onNode, onStore } from "./subject.ts";
import { build } from "./transfer.ts";

function expectMeta(meta: SnapshotMeta, last: LogId, membershipOf: StoredMembership): void {
  deepEqual(idsOf([meta.last]), [last]);
  deepEqual(meta.membership, membershipOf);
}

/** What the two cases of `apply` come to. */
function expectApplied({ machine }: PortNode, last: LogId, membershipOf: StoredMembership): void {
  deepEqual(machine.applied(), { lastApplied: last, membership: membershipOf });
}

export const snapshotCases: readonly Case[] = [
  {
    id: "41",
    name: "snapshot_meta",
    shows: "a snapshot names the last entry applied, and the membership as of then",
    ports: onNode((node) => {
      node.apply(m(0, 0, [1, 2]));
      expectMeta(build(node), id(0, 0), stated(0, 0, [1, 2]));
      node.apply(b(1, 1), m(2, 2, [3, 4]));
      expectMeta(build(node), id(2, 2), stated(2, 2, [3, 4]));
    }),
    engine: onStore((node) => {
      node.commit([membership(1, 2)]);
      expectMeta(node.snapshot().meta, id(0, 0), stated(0, 0, [1, 2]));
      node.raise(2);
      node.commit([], [membership(3, 4)]);
      expectMeta(node.snapshot().meta, id(2, 2), stated(2, 2, [3, 4]));
    }),
  },
  {
    id: "42",
    name: "snapshot_meta_optional",
    shows: "a builder that is not forced may be refused, and never fails",
    ports: onNode((node) => {
      node.apply(m(0, 0, [1, 2]));
      const meta = node.snapshots.tryCreateSnapshotBuilder(false)?.buildSnapshot();
      if (meta !== undefined) expectMeta(meta, id(0, 0), stated(0, 0, [1, 2]));
      node.reopen();
      const later = node.snapshots.tryCreateSnapshotBuilder(false)?.buildSnapshot();
      ok(later !== undefined, "tables that SQLite has as they are cost nothing to freeze");
    }),
    engine: onStore((node) => {
      node.commit([membership(1, 2)]);
      node.store.snapshots.tryCreateSnapshotBuilder(false);
      node.blanks(1);
    }),
  },
  {
    id: "43",
    name: "apply_single",
    shows: "entries are applied one by one",
    ports: onNode((node) => {
      deepEqual(node.machine.applied(), { lastApplied: null, membership: noMembership });
      node.apply(b(0, 0));
      expectApplied(node, id(0, 0), noMembership);
      node.apply(m(1, 1, [1, 2]));
      expectApplied(node, id(1, 1), stated(1, 1, [1, 2]));
    }),
    engine: onStore((node) => {
      node.blanks(1);
      node.raise(1);
      node.commit([membership(1, 2)]);
    }),
  },
  {
    id: "44",
    name: "apply_multiple",
    shows: "entries are applied several at once",
    ports: onNode((node) => {
      node.apply(b(0, 0), m(1, 1, [1, 2]));
      expectApplied(node, id(1, 1), stated(1, 1, [1, 2]));
    }),
    engine: onStore((node) => {
      node.commitTo({ term: 0, index: 0 });
      node.commit([], [membership(1, 2)], []);
      node.commitTo({ term: 0, index: 2 });
    }),
  },
  {
    id: "45",
    name: "transfer_snapshot",
    shows: "a snapshot built by one node is, once installed, the state and the snapshot of another",
    ports: async ({ fresh }) => {
      const sent = await fresh((node) => {
        equal(node.snapshots.currentSnapshot(), undefined);
        node.apply(m(1, 2, [1, 2, 3]), b(3, 3));
        const meta = build(node);
        expectMeta(meta, id(3, 3), stated(1, 2, [1, 2, 3]));
        deepEqual(currentOf(node.snapshots).meta, meta);
        return currentOf(node.snapshots);
      });
      await fresh((node) => {
        equal(node.snapshots.currentSnapshot(), undefined);
        node.snapshots.installSnapshot(sent.meta, sent.chunks);
        deepEqual(currentOf(node.snapshots), sent);
        expectApplied(node, id(3, 3), stated(1, 2, [1, 2, 3]));
      });
    },
    engine: ({ stores }) =>
      stores((sender) => {
        sender.raise(1);
        sender.commit([], [], [membership(1, 2, 3)]);
        sender.raise(3);
        sender.commit([{ type: "note.put", id: "a", body: "1" }]);
        const sent = sender.snapshot();
        stores((receiver) => {
          receiver.install(sent);
          receiver.blanks(2);
          receiver.purge({ term: 3, index: 5 });
        });
      }),
  },
];
