/**
 * Cases 21, 28–32 and 40: the vote, and what the log and the state machine say of themselves.
 */
import { deepEqual, equal, throws } from "node:assert/strict";
import { noMembership } from "../../src/store/raft.ts";
import type { Case } from "./case.ts";
import { appendTo, b, feed10, id, ids, m, membership, range, stated, vote } from "./entries.ts";
import { onNode, onStore } from "./subject.ts";

export const logCases: readonly Case[] = [
  {
    id: "21",
    name: "save_vote",
    shows: "a vote is read as it was saved",
    ports: onNode(({ log }) => {
      log.saveVote(vote(100));
      deepEqual(log.readVote(), vote(100));
    }),
    engine: onStore((node) => node.vote(vote(100))),
  },
  {
    id: "28",
    name: "initial_logs",
    shows: "an empty log has no first entry",
    ports: onNode(({ log }) => deepEqual(log.tryEntries(range(0, 1)), [])),
    engine: onStore((node) => deepEqual(node.readOne(0), [])),
  },
  {
    id: "29",
    name: "get_log_state",
    shows: "the log says where it begins and ends, also when it was purged beyond its end",
    ports: onNode(({ log }) => {
      const state = () => log.logState();
      deepEqual(state(), { lastPurged: null, last: null });
      appendTo(log, b(0, 0), b(1, 1), b(1, 2));
      deepEqual(state(), { lastPurged: null, last: id(1, 2) });
      log.purge(id(0, 0));
      deepEqual(state(), { lastPurged: id(0, 0), last: id(1, 2) });
      log.purge(id(1, 2));
      deepEqual(state(), { lastPurged: id(1, 2), last: id(1, 2) });
      log.purge(id(2, 3));
      deepEqual(state(), { lastPurged: id(2, 3), last: id(2, 3) });
    }),
    engine: onStore((node) => {
      node.blanks(1);
      node.raise(1);
      node.blanks(2);
      node.purge(id(0, 0));
      node.purge(id(1, 1));
      // The store's last entry always stays: with it go time, chain and answers.
      node.checkpoint();
      node.refuses("purge_last", (store) => store.purge(id(1, 2)));
    }),
  },
  {
    id: "30",
    name: "get_log_id",
    shows: "the id of an entry is known while the log has it, and otherwise a typed error",
    ports: onNode(({ log }) => {
      feed10(log);
      log.purge(id(1, 3));
      for (const index of [0, 3]) {
        throws(() => log.logId(id(1, index).index), { name: "LogPurged", first: id(1, 4).index });
      }
      for (const index of [4, 10]) deepEqual(log.logId(id(1, index).index), id(1, index));
      throws(() => log.logId(id(1, 11).index), { name: "LogAbsent" });
    }),
    engine: onStore((node) => {
      node.feed10();
      node.purge(id(1, 3));
      throws(() => node.readOne(3), { name: "LogPurged", first: id(1, 4).index });
      deepEqual(
        [node.readOne(4), node.readOne(10), node.readOne(11)],
        [ids(4, 4), ids(10, 10), []],
      );
    }),
  },
  {
    id: "31",
    name: "last_id_in_log",
    shows: "the last id is the log's own, whatever was applied",
    ports: onNode((node) => {
      const last = () => node.log.logState().last;
      equal(last(), null);
      appendTo(node.log, b(0, 0), b(1, 1), b(1, 2));
      deepEqual(last(), id(1, 2));
      node.apply(b(1, 3));
      deepEqual(last(), id(1, 2));
      node.log.purge(id(1, 2));
      deepEqual(last(), id(1, 2));
    }),
    engine: onStore((node) => {
      node.blanks(1);
      node.commitTo(id(0, 0));
      node.commit([], []);
      node.purge({ term: 0, index: 0 });
    }),
  },
  {
    id: "32",
    name: "last_applied_state",
    shows: "the last entry applied, and the membership as of then",
    ports: onNode((node) => {
      const applied = () => node.machine.applied();
      deepEqual(applied(), { lastApplied: null, membership: noMembership });
      node.apply(m(1, 3, [1, 2]));
      deepEqual(applied(), { lastApplied: id(1, 3), membership: stated(1, 3, [1, 2]) });
      node.apply(b(1, 5));
      deepEqual(applied(), { lastApplied: id(1, 5), membership: stated(1, 3, [1, 2]) });
    }),
    engine: onStore((node) => {
      node.commit([membership(1, 2)]);
      node.blanks(2);
    }),
  },
];
export const appendCase: Case = {
  id: "40",
  name: "append_to_log",
  shows: "entries are appended behind what was purged, in a later term",
  ports: onNode(({ log }) => {
    feed10(log);
    log.purge(id(0, 0));
    log.append([b(2, 11)]);
    equal(log.tryEntries({ from: 1 }).length, 11);
    deepEqual(log.logState().last, id(2, 11));
  }),
  engine: onStore((node) => {
    node.feed10();
    node.purge(id(0, 0));
    node.raise(2);
    node.blanks(1);
    deepEqual(node.readOne(11), [id(2, 11)]);
  }),
};
