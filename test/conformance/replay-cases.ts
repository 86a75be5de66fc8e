/**
 * G7 and G10: the same entries make the same state, from any place on, and every entry is chained to the one before.
 */
import { deepEqual, equal } from "node:assert/strict";
import { checkLink, type Entry } from "../../src/store/chain.ts";
import { checkpoint, openPorts } from "../../src/store/ports.ts";
import type { Sql } from "../../src/store/sql.ts";
import { deleted, put } from "../store/support.ts";
import { type Case, notAbout } from "./case.ts";
import { blanks, config, feed10, id } from "./entries.ts";
import { type GoldenLog, goldenQueues } from "./golden/index.ts";
import type { PortNode } from "./port-node.ts";
import { queueConfig } from "./queue-history.ts";
import { onNode, onStore, type PortSubject } from "./subject.ts";
import { portsBehind, snapshotOfQueue } from "./transfer.ts";

/** While `work` is done nobody learns the time, and nothing is random. */
export function timeless<T>(work: () => T): T {
  const real = { now: Date.now, random: Math.random };
  const fail = () => {
    throw new Error("a state machine has no clock and no dice");
  };
  Date.now = fail;
  Math.random = fail;
  try {
    return work();
  } finally {
    Date.now = real.now;
    Math.random = real.random;
  }
}

/** Applies entries to a queue's tables, with a checkpoint and new ports after every few. */
function applyInSteps(sql: Sql, entries: readonly Entry[], every: number): void {
  for (let from = 0; from < entries.length; from += every) {
    const ports = openPorts(sql, queueConfig);
    ports.machine.apply(entries.slice(from, from + every));
    checkpoint(ports, config.limits);
  }
}

/** Gives `work` an empty database in which a golden queue's log may begin. */
const beginning = <T>({ database }: PortSubject, { from }: GoldenLog, work: (sql: Sql) => T) =>
  database((sql) => {
    checkpoint(portsBehind(sql, from, "q"), config.limits);
    return work(sql);
  });

/** Calls `work` with each golden log. */
const ofEachLog =
  (work: (subject: PortSubject, log: GoldenLog) => Promise<void>) =>
  async (subject: PortSubject): Promise<void> => {
    for (const { log } of goldenQueues) await work(subject, log);
  };

async function deterministic(subject: PortSubject, log: GoldenLog): Promise<void> {
  const found = [];
  for (const every of [1, 3, log.entries.length]) {
    found.push(
      await beginning(subject, log, (sql) => {
        timeless(() => applyInSteps(sql, log.entries, every));
        return snapshotOfQueue(sql);
      }),
    );
  }
  for (const each of found) deepEqual(each, found[0]);
}

/** State = snapshot + later entries, wherever the snapshot was taken. */
async function snapshotAndLog(subject: PortSubject, log: GoldenLog): Promise<void> {
  const { entries } = log;
  const whole = await beginning(subject, log, (sql) => {
    applyInSteps(sql, entries, entries.length);
    return snapshotOfQueue(sql).meta;
  });
  for (const cut of [1, Math.floor(entries.length / 2), entries.length - 1]) {
    const { meta, chunks } = await beginning(subject, log, (sql) => {
      applyInSteps(sql, entries.slice(0, cut), 2);
      return snapshotOfQueue(sql);
    });
    const again = await subject.database((sql) => {
      portsBehind(sql, undefined, "q").snapshots.installSnapshot(meta, chunks);
      applyInSteps(sql, entries.slice(cut), 2);
      return snapshotOfQueue(sql).meta;
    });
    deepEqual(again, whole);
  }
}

/** Every entry continues the one before, from the purged one on. */
function checkChain({ log }: PortNode): void {
  const first = (log.logState().lastPurged?.index ?? 0) + 1;
  let before = log.anchor(first - 1);
  for (const entry of log.entries({ from: first })) {
    checkLink(before, entry);
    before = entry;
  }
  equal(before.hash, log.anchor(log.logState().last?.index ?? 0).hash);
}

function chainHolds(node: PortNode): void {
  const { log } = node;
  for (const change of [
    () => feed10(log),
    () => log.truncateAfter(id(1, 6)),
    () => log.append(blanks(2, 7, 12)),
    () => log.purge(id(1, 5)),
    () => log.truncateAfter(id(1, 5)),
    () => log.append(blanks(3, 6, 9)),
    () => log.purge(id(3, 9)),
    () => log.append(blanks(3, 10, 12)),
    () => log.purge(id(4, 20)),
    () => log.append(blanks(4, 21, 23)),
  ]) {
    change();
    checkChain(node);
    node.reopen();
    checkChain(node);
  }
}

export const replayCases: readonly Case[] = [
  {
    id: "G7a",
    name: "deterministic_apply",
    shows: "the same entries make the same bytes, whenever they are applied and checkpointed",
    ports: ofEachLog(deterministic),
    engine: notAbout(
      "G2a shows it of whole queues, which end equal in every rhythm of checkpoints",
    ),
  },
  {
    id: "G7b",
    name: "snapshot_and_later_log",
    shows: "a snapshot and the entries behind it make the state that all entries make",
    ports: ofEachLog(snapshotAndLog),
    engine: ({ stores }) =>
      stores((sender) => {
        sender.commit([put("a", "1")], [put("b", "2")]);
        const sent = sender.snapshot();
        stores((receiver) => {
          receiver.install(sent);
          receiver.commit([deleted("a")], [put("c", "3")]);
        });
      }),
  },
  {
    id: "G10",
    name: "hash_chain",
    shows: "every entry continues the chain, over truncations, purges and reopening",
    ports: onNode(chainHolds),
    engine: onStore((node) => {
      node.feed10();
      node.purge(id(1, 4));
      node.raise(2);
      node.blanks(3);
      const { purged } = node.store;
      const entries = node.store.entries({ from: purged.index + 1, maxBytes: 1e6 });
      for (const [i, entry] of entries.entries()) {
        const before = entries[i - 1];
        if (before !== undefined) checkLink(before, entry);
      }
      equal(entries.at(-1)?.hash, node.store.last.hash);
    }),
  },
];
