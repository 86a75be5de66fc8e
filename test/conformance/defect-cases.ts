/**
 * D1–D12, the log: a regression for each defect that was found in the log which this one succeeds.
 */
import { deepEqual, equal, throws } from "node:assert/strict";
import { checkLink } from "../../src/store/chain.ts";
import { checkpoint } from "../../src/store/ports.ts";
import { deleted, dump, put } from "../store/support.ts";
import type { Case } from "./case.ts";
import { crashEverywhere } from "./crashes.ts";
import { commitTo, newCaseStore, openCaseStore } from "./engine-node.ts";
import { appendTo, b, blanks, config, e, feed10, id, idsOf } from "./entries.ts";
import { openCasePorts, type PortNode } from "./port-node.ts";
import { onNode, onStore, type PortSubject } from "./subject.ts";

/** However a purge ends, the log begins behind what it says was purged. */
function purgeAtOnce({ database }: PortSubject) {
  return database((sql) =>
    crashEverywhere(sql, {
      open: openCasePorts,
      view: ({ log }) => {
        const { lastPurged } = log.logState();
        const entries = idsOf(log.tryEntries({ from: 1 }));
        equal(entries[0]?.index, (lastPurged?.index ?? 0) + 1, "the log has a hole");
        return [lastPurged, entries];
      },
      prepare: (ports) => {
        for (const entry of [b(0, 0), ...blanks(1, 1, 19)]) {
          ports.log.append([entry]);
          checkpoint(ports, config.limits);
        }
      },
      call: ({ log }) => log.purge(id(1, 13)),
    }),
  );
}

function truncateKeepsChain(node: PortNode): void {
  const { log } = node;
  feed10(log);
  log.truncateAfter(id(1, 5));
  node.reopen();
  equal(log.anchor(id(1, 5).index).hash, log.entries({ from: id(1, 5).index })[0]?.hash);
  const [next] = log.append([b(2, 6)]);
  if (next === undefined) throw new Error("nothing was appended");
  checkLink(log.anchor(id(1, 5).index), next);
}

/** The first kept entry can be verified, by the hash that the purge has kept. */
function anchorIsKept(node: PortNode): void {
  const { log } = node;
  feed10(log);
  log.purge(id(1, 4));
  node.reopen();
  const verified = [];
  let before = log.anchor(id(1, 4).index);
  for (const entry of log.entries({ from: id(1, 5).index })) {
    checkLink(before, entry);
    verified.push(entry);
    before = entry;
  }
  equal(verified.length, 6);
}

export const defectCases: readonly Case[] = [
  {
    id: "D1",
    name: "effect_before_commit",
    shows: "what is only appended changes no stored table, and is gone with its entry",
    ports: onNode((node) => {
      appendTo(node.log, e(0, 0, put("a", "1")));
      deepEqual([node.notes, node.machine.applied().lastApplied], [[], null]);
      node.log.truncateAfter(null);
      node.start();
      deepEqual(node.notes, []);
    }),
    engine: onStore((node) => {
      node.commitTo({ term: 0, index: 0 });
      node.commit([put("a", "1")], [put("b", "2")], [deleted("a")]);
      equal(dump(node.sql)["notes"], undefined);
      node.commitTo({ term: 0, index: 3 });
      node.together(() => {
        node.commit([put("b", "3")]);
        node.truncateAfter({ term: 0, index: 3 });
      });
    }),
  },
  {
    id: "D6",
    name: "purge_in_two_transactions",
    shows: "a purge and its mark are written together: a crash leaves no hole",
    ports: purgeAtOnce,
    engine: onStore((node) => {
      node.feed10();
      for (let index = 0; index < 9; index += 1) node.purge(id(index === 0 ? 0 : 1, index));
    }),
  },
  {
    id: "D7",
    name: "truncate_keeps_stale_tip",
    shows: "after a truncation and a restart the chain goes on from what is left",
    ports: onNode(truncateKeepsChain),
    engine: onStore((node) => {
      node.commitTo({ term: 0, index: 0 });
      node.commit([], [], []);
      node.truncateAfter({ term: 0, index: 1 });
      const tip = node.store.last;
      node.commitTo({ term: 0, index: 1 });
      node.commit([]);
      const [next] = node.store.entries({ from: 2, maxBytes: 1 });
      equal(next?.prevHash, tip.hash);
    }),
  },
  {
    id: "D8",
    name: "purge_drops_the_anchor",
    shows: "the hash of the last purged entry is kept, so that every kept one can be verified",
    ports: onNode(anchorIsKept),
    engine: ({ database }) =>
      database((sql) => {
        const store = newCaseStore(sql);
        for (let at = 0; at < 5; at += 1) commitTo(store, [], at);
        store.checkpoint();
        store.purge({ term: 0, index: 4 });
        // Another entry in its place does not continue the chain, and is found out when the store opens.
        commitTo(store, []);
        sql.run("UPDATE raft_log_2 SET incarnation = 2");
        throws(() => openCaseStore(sql), { name: "StoreRefusal", code: "store_corrupt" });
      }),
  },
  {
    id: "D9",
    name: "large_read_panics",
    shows: "a read may be larger than any page",
    ports: onNode(({ log }) => {
      appendTo(log, ...blanks(0, 0, 2_500));
      equal(log.tryEntries({ from: 1 }).length, 2_501);
    }),
    engine: ({ database }) =>
      database((sql) => {
        const store = newCaseStore(sql);
        for (let i = 0; i < 2_500; i += 1) commitTo(store, []);
        equal(openCaseStore(sql).entries({ from: 1, maxBytes: 1e9 }).length, 2_500);
      }),
  },
  {
    id: "D12",
    name: "silent_gap_for_a_reader",
    shows: "reading what was purged is a typed error that names the first entry there is",
    ports: onNode(({ log }) => {
      feed10(log);
      log.purge(id(1, 4));
      const expected = { name: "LogPurged", first: id(1, 5).index };
      for (const read of [
        () => log.entries({ from: 1 }),
        () => log.limitedEntries({ from: id(1, 4).index, maxBytes: 1 }),
        () => [...log.stream({ from: 2 })],
        () => log.logId(3),
      ]) {
        throws(read, expected);
      }
      equal(log.entries({ from: expected.first }).length, 6);
    }),
    engine: onStore((node) => {
      node.feed10();
      node.purge(id(1, 4));
      const read = (from: number) => node.store.entries({ from, maxBytes: 1e6 });
      throws(() => read(id(1, 4).index), { name: "LogPurged", first: id(1, 5).index });
      equal(read(id(1, 5).index).length, 6);
    }),
  },
];
