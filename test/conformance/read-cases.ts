/**
 * Cases 22–27: what reads of the log give.
 */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { type Case, notAbout } from "./case.ts";
import { appendTo, b, feed10, id, ids, idsOf, range } from "./entries.ts";
import type { StartLog } from "./port-node.ts";
import { onNode, onStore } from "./subject.ts";

/** All that a stream gives, and how often it was an error. */
function drain(stream: Iterable<{ term: number; index: number }>) {
  const found: { term: number; index: number }[] = [];
  try {
    for (const entry of stream) found.push(entry);
  } catch (fault) {
    return { found: idsOf(found), fault: (fault as Error).name };
  }
  return { found: idsOf(found), fault: undefined };
}

function leaderBounded(log: StartLog): void {
  feed10(log);
  log.saveVote({ term: 1, node: 0, committed: true });
  const leader = { term: 1, node: 0 };
  const found = (from: number, to: number) =>
    drain(log.leaderBoundedStream(leader, range(from, to)));
  deepEqual(found(3, 7), { found: ids(3, 6), fault: undefined });
  deepEqual(found(0, 3), { found: [id(0, 0), ...ids(1, 2)], fault: undefined });
  deepEqual(found(8, 100), { found: ids(8, 10), fault: undefined });
  for (const other of [
    { term: 1, node: 99 },
    { term: 2, node: 0 },
  ]) {
    const stream = drain(log.leaderBoundedStream(other, range(3, 7)));
    deepEqual(stream, { found: [], fault: "LeaderChanged" });
  }
}

export const readCases: readonly Case[] = [
  {
    id: "22",
    name: "get_log_entries",
    shows: "a range gives exactly the entries in it, an empty one none",
    ports: onNode(({ log }) => {
      feed10(log);
      deepEqual(log.tryEntries(range(3, 3)), []);
      deepEqual(idsOf(log.tryEntries(range(5, 7))), ids(5, 6));
      deepEqual(idsOf(log.entries(range(5, 7))), ids(5, 6));
    }),
    engine: onStore((node) => {
      node.feed10();
      deepEqual([node.read(3, 3), node.read(5, 7)], [[], ids(5, 6)]);
    }),
  },
  {
    id: "23",
    name: "limited_get_log_entries",
    shows: "a limited read gives the beginning of a range, one entry at least",
    ports: onNode(({ log }) => {
      feed10(log);
      for (const maxBytes of [0, 1, 5, 1e6]) {
        deepEqual(log.limitedEntries({ ...range(3, 3), maxBytes }), []);
        const found = idsOf(log.limitedEntries({ ...range(5, 7), maxBytes }));
        ok(found.length > 0);
        deepEqual(found, ids(5, 6).slice(0, found.length));
      }
    }),
    engine: onStore((node) => {
      node.feed10();
      deepEqual([node.read(3, 3, 1), node.read(5, 7, 1)], [[], ids(5, 5)]);
    }),
  },
  {
    id: "24",
    name: "leader_bounded_stream",
    shows: "a stream under a leader's vote ends, with one error, where the vote is another's",
    ports: onNode(({ log }) => leaderBounded(log)),
    engine: notAbout("who ships entries streams them from the log port; a store has no verb"),
  },
  {
    id: "25",
    name: "entries_stream",
    shows: "a stream gives every entry of its range",
    ports: onNode(({ log }) => {
      feed10(log);
      const found = (from: number, to: number) => idsOf(log.stream(range(from, to)));
      deepEqual(found(3, 7), ids(3, 6));
      deepEqual(found(0, 3), [id(0, 0), ...ids(1, 2)]);
      deepEqual(found(8, 100), ids(8, 10));
      deepEqual(found(5, 5), []);
      deepEqual(found(0, 11), [id(0, 0), ...ids(1, 10)]);
    }),
    engine: onStore((node) => {
      node.feed10();
      const found = Array.from({ length: 11 }, (_, index) => node.read(index, 100, 1));
      deepEqual(found.flat(), node.read(0, 11));
    }),
  },
  {
    id: "26",
    name: "try_get_log_entry",
    shows: "one entry is found, or is not there: purged and not yet appended alike",
    ports: onNode(({ log }) => {
      feed10(log);
      log.purge(id(0, 0));
      const found = [3, 0, 11].map((index) => idsOf(log.tryEntries(range(index, index + 1))));
      deepEqual(found, [ids(3, 3), [], []]);
    }),
    engine: onStore((node) => {
      node.feed10();
      node.purge(id(0, 0));
      deepEqual([node.readOne(3), node.readOne(11)], [ids(3, 3), []]);
      throws(() => node.readOne(0), { name: "LogPurged", first: 2 });
    }),
  },
  {
    id: "27",
    name: "log_reader_reads_new_entries",
    shows: "a reader sees what is appended after it was taken",
    ports: onNode(({ log }) => {
      appendTo(log, b(0, 0), b(1, 1));
      const reader = { entries: log.entries };
      deepEqual(idsOf(reader.entries(range(0, 2))), [id(0, 0), id(1, 1)]);
      appendTo(log, b(1, 2), b(1, 3), b(2, 4));
      deepEqual(idsOf(reader.entries(range(2, 5))), [id(1, 2), id(1, 3), id(2, 4)]);
      equal(reader.entries(range(0, 5)).length, 5);
    }),
    engine: onStore((node) => {
      node.blanks(2);
      equal(node.read(0, 5).length, 2);
      node.blanks(3);
      equal(node.read(0, 5).length, 5);
    }),
  },
];
