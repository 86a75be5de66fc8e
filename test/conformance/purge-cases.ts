/**
 * Cases 33–39: what purge and truncation leave of a log of eleven entries.
 */
import { deepEqual } from "node:assert/strict";
import type { LogId } from "../../src/store/chain.ts";
import type { Case } from "./case.ts";
import type { EngineNode } from "./engine-node.ts";
import { feed10, id, ids, idsOf } from "./entries.ts";
import type { StartLog } from "./port-node.ts";
import { onNode, onStore } from "./subject.ts";

const all = [id(0, 0), ...ids(1, 10)];

/** What is left, and what the log says of its ends. */
interface Left {
  readonly entries: readonly LogId[];
  readonly lastPurged: LogId | null;
  readonly last: LogId | null;
}

/** A case at the log port: after `feed10` and one call this is left. */
function leaves(call: (log: StartLog) => void, { entries, ...state }: Left) {
  return onNode(({ log }) => {
    feed10(log);
    call(log);
    deepEqual(idsOf(log.tryEntries({ from: 1, to: 101 })), entries);
    deepEqual(log.logState(), state);
  });
}

const purged = (upTo: LogId, from: number) =>
  leaves((log) => log.purge(upTo), {
    entries: all.slice(from),
    lastPurged: upTo,
    last: from < all.length ? id(1, 10) : upTo,
  });

const truncated = (after: LogId | null, count: number) =>
  leaves((log) => log.truncateAfter(after), {
    entries: all.slice(0, count),
    lastPurged: null,
    last: all[count - 1] ?? null,
  });

/** A case of a store: all eleven entries become durable together, and only the first `committed` of them are committed. */
const uncommitted = (committed: number, call: (node: EngineNode) => void) =>
  onStore((node) => {
    node.commitTo({ term: 0, index: 0 });
    node.commit(...all.map((_, i) => [{ type: "note.put", id: `n${i}`, body: "x" } as const]));
    if (committed > 0) node.commitTo({ term: 0, index: committed });
    call(node);
  });

export const purgeCases: readonly Case[] = [
  {
    id: "33",
    name: "purge_logs_upto_0",
    shows: "a purge of the first entry leaves ten",
    ports: purged(id(0, 0), 1),
    engine: onStore((node) => {
      node.feed10();
      node.purge(id(0, 0));
    }),
  },
  {
    id: "34",
    name: "purge_logs_upto_5",
    shows: "a purge up to the middle leaves what is behind",
    ports: purged(id(1, 5), 6),
    engine: onStore((node) => {
      node.feed10();
      node.purge(id(1, 5));
    }),
  },
  {
    id: "35",
    name: "purge_logs_upto_20",
    shows: "a log is purged beyond its end and goes on there; a store refuses that",
    ports: purged(id(1, 20), 11),
    engine: onStore((node) => {
      node.feed10();
      node.checkpoint();
      node.refuses("purge_checkpoint", (store) => store.purge(id(1, 20)));
    }),
  },
  {
    id: "36",
    name: "delete_logs_after_11",
    shows: "truncation behind an absent entry changes nothing",
    ports: truncated(id(1, 11), 11),
    engine: uncommitted(3, (node) => node.truncateAfter({ term: 0, index: 12 })),
  },
  {
    id: "37",
    name: "delete_logs_after_5",
    shows: "truncation keeps what lies before",
    ports: truncated(id(1, 5), 6),
    engine: uncommitted(3, (node) => {
      node.truncateAfter({ term: 0, index: 6 });
      node.truncateAfter({ term: 0, index: 3 });
      // What the instance itself has appended is cut off too, and undone in its tables.
      node.together(() => {
        node.commit([{ type: "note.put", id: "n0", body: "y" }], [], []);
        node.truncateAfter({ term: 0, index: 5 });
        node.truncateAfter({ term: 0, index: 3 });
      });
    }),
  },
  {
    id: "38",
    name: "delete_logs_after_0",
    shows: "truncation behind the first entry leaves it",
    ports: truncated(id(0, 0), 1),
    engine: uncommitted(1, (node) => node.truncateAfter(id(0, 0))),
  },
  {
    id: "39",
    name: "delete_logs_after_none",
    shows: "truncation behind nothing leaves an empty log",
    ports: truncated(null, 0),
    engine: uncommitted(0, (node) => {
      node.truncateAfter({ term: 0, index: 0 });
      node.commit([]);
    }),
  },
];
