/**
 * Cases 10–20: what a node finds out about itself when it starts, and what it refuses to start on.
 */
import { deepEqual, equal, throws } from "node:assert/strict";
import type { LogId } from "../../src/store/chain.ts";
import { checkpoint } from "../../src/store/ports.ts";
import { noMembership } from "../../src/store/raft.ts";
import type { Sql } from "../../src/store/sql.ts";
import { dump } from "../store/support.ts";
import { type Case, notAbout } from "./case.ts";
import { openCaseStore } from "./engine-node.ts";
import {
  appendTo,
  b,
  blanks,
  config,
  id,
  m,
  membership,
  stated,
  unlogged,
  vote,
} from "./entries.ts";
import { openCasePorts, type PortNode } from "./port-node.ts";
import { onNode, onStore } from "./subject.ts";

type Drafts = Parameters<typeof unlogged>[0];

const outside = notAbout("a store applies only what its log has, and keeps the log's last entry");

/** Expects the effective membership of a node that votes in term 1. */
function expectEffective(node: PortNode, expected: ReturnType<typeof stated>): void {
  const { vote: own, membership: found } = node.start();
  deepEqual([own, found.effective], [vote(1), expected]);
}

function expectInverted(node: PortNode, logged: Drafts, applied: Drafts): void {
  appendTo(node.log, ...logged);
  node.apply(...applied);
  const before = node.view();
  throws(() => node.start(), { name: "LogCorrupt", message: /inverted log order/ });
  deepEqual(node.view(), before);
}

/** A store whose log and whose checkpointed tables are not of one history is not opened, and is left as it is. */
function expectNotOpened(sql: Sql, logged: Drafts, applied: Drafts): void {
  const ports = openCasePorts(sql);
  appendTo(ports.log, ...logged);
  ports.machine.apply(unlogged(applied));
  checkpoint(ports, config.limits);
  const before = dump(sql);
  throws(() => openCaseStore(sql), { name: "StoreRefusal", code: "store_corrupt" });
  deepEqual(dump(sql), before);
}

export const startupCases: readonly Case[] = [
  {
    id: "10",
    name: "get_initial_state_without_init",
    shows: "a node on which nothing was ever stored starts from nothing",
    ports: onNode((node) =>
      deepEqual(node.start(), {
        vote: vote(0),
        lastPurged: null,
        last: null,
        committed: null,
        applied: null,
        membership: { committed: noMembership, effective: noMembership },
        keyLogIds: [],
      }),
    ),
    engine: ({ database }) =>
      database((sql) => {
        const store = openCaseStore(sql);
        const nothing = { term: 0, index: 0, incarnation: 0, at: 0, hash: "" };
        deepEqual([store.hard, store.last, store.applied], [undefined, nothing, nothing]);
        deepEqual(dump(sql), {});
      }),
  },
  {
    id: "11",
    name: "get_initial_state_membership_from_empty_log_and_sm",
    shows: "with an empty log the state machine's membership is in effect",
    ports: onNode((node) => {
      node.log.saveVote(vote(1));
      node.apply(b(1, 1), m(1, 2, [3, 4, 5]));
      expectEffective(node, stated(1, 2, [3, 4, 5]));
    }),
    engine: outside,
  },
  {
    id: "12",
    name: "get_initial_state_membership_from_sm_inlog_is_smaller",
    shows: "an older membership in the log does not count",
    ports: onNode((node) => {
      node.log.saveVote(vote(1));
      node.apply(b(1, 1), m(1, 2, [3, 4, 5]));
      appendTo(node.log, m(1, 1, [1, 2, 3]));
      expectEffective(node, stated(1, 2, [3, 4, 5]));
    }),
    engine: outside,
  },
  {
    id: "13",
    name: "get_initial_state_membership_from_log_insm_is_smaller",
    shows: "a newer membership in the log is in effect",
    ports: onNode((node) => {
      node.log.saveVote(vote(1));
      node.apply(b(1, 1), m(1, 2, [3, 4, 5]));
      node.log.purge(id(1, 2));
      appendTo(node.log, m(1, 3, [1, 2, 3]));
      expectEffective(node, stated(1, 3, [1, 2, 3]));
    }),
    engine: onStore((node) => {
      node.raise(1);
      node.commit([], [membership(3, 4, 5)], [membership(1, 2, 3)]);
      node.purge({ term: 1, index: 2 });
    }),
  },
  {
    id: "14",
    name: "get_initial_state_with_state",
    shows: "vote, last and committed are found as they were, also where they differ",
    ports: onNode((node) => {
      node.log.saveVote(vote(1));
      appendTo(node.log, b(0, 0), b(1, 1), b(3, 2));
      node.apply(b(3, 1));
      const { last, committed, vote: own } = node.start();
      deepEqual({ last, committed, own }, { last: id(3, 2), committed: id(3, 1), own: vote(1) });
    }),
    engine: onStore((node) => {
      node.blanks(1);
      node.raise(1);
      node.commitTo(id(0, 0));
      node.commit([], []);
      node.commitTo(id(1, 1));
      node.raise(3);
    }),
  },
  {
    id: "15",
    name: "get_initial_state_last_log_gt_sm",
    shows: "a log whose last entry is of a later term than the last one applied stays as it is",
    ports: onNode((node) => {
      appendTo(node.log, b(0, 0), b(2, 1));
      node.apply(b(1, 1), b(1, 2));
      const { last, applied } = node.start();
      deepEqual({ last, applied }, { last: id(2, 1), applied: id(1, 2) });
    }),
    engine: outside,
  },
  {
    id: "16",
    name: "get_initial_state_last_log_lt_sm",
    shows: "a log that ends before what was applied goes on behind it",
    ports: onNode((node) => {
      appendTo(node.log, b(1, 2));
      node.apply(b(3, 3));
      const { last, lastPurged } = node.start();
      deepEqual({ last, lastPurged }, { last: id(3, 3), lastPurged: id(3, 3) });
      deepEqual(node.log.tryEntries({ from: 1 }), []);
      appendTo(node.log, b(3, 4));
      deepEqual(node.start().last, id(3, 4));
    }),
    engine: ({ database }) => database((sql) => expectNotOpened(sql, [b(1, 2)], [b(3, 3)])),
  },
  {
    id: "17",
    name: "get_initial_state_inverted_log_order",
    shows: "an applied entry of a later term, but at an index that the log has, is refused",
    ports: onNode((node) => expectInverted(node, [b(1, 2)], [b(3, 1)])),
    engine: ({ database }) => database((sql) => expectNotOpened(sql, [b(1, 2)], [b(3, 1)])),
  },
  {
    id: "18",
    name: "get_initial_state_conflict_at_same_index",
    shows: "another entry at the index of the last one applied is refused",
    ports: onNode((node) => expectInverted(node, [b(1, 2)], [b(3, 2)])),
    engine: ({ database }) => database((sql) => expectNotOpened(sql, [b(1, 2)], [b(3, 2)])),
  },
  {
    id: "19",
    name: "get_initial_state_log_ids",
    shows: "the last log id of each term is found, over appends, truncation and purges",
    ports: onNode(keyLogIds),
    engine: notAbout("who ships entries reads key log ids from the log port; a store has no verb"),
  },
  {
    id: "20",
    name: "get_initial_state_re_apply_committed",
    shows: "what is committed and not yet applied is applied when the node starts",
    ports: onNode((node) => {
      node.log.saveVote(vote(1));
      appendTo(node.log, ...blanks(1, 2, 5));
      node.log.purge(id(1, 1));
      node.apply(b(1, 2));
      node.log.saveCommitted(id(1, 4));
      deepEqual(node.log.readCommitted(), id(1, 4));
      equal(node.start().applied?.index, id(1, 4).index);
      deepEqual(node.machine.applied().lastApplied, id(1, 4));
    }),
    engine: onStore((node) => {
      node.raise(1);
      node.commitTo({ term: 0, index: 0 });
      node.commit([membership(1)], [{ type: "note.put", id: "a", body: "1" }], []);
      node.commitTo({ term: 1, index: 2 });
      node.commitTo({ term: 1, index: 3 });
    }),
  },
];

/** Case 19: a list of key log ids, followed through the life of a log. */
function keyLogIds(node: PortNode): void {
  const { log } = node;
  const expect = (...ids: readonly LogId[]) => deepEqual(node.start().keyLogIds, ids);
  expect();
  appendTo(log, b(0, 0));
  expect(id(0, 0));
  appendTo(log, b(0, 1), b(0, 2));
  expect(id(0, 2));
  log.truncateAfter(id(0, 0));
  appendTo(log, b(1, 1), b(1, 2), b(2, 3));
  expect(id(0, 0), id(1, 2), id(2, 3));
  appendTo(log, b(2, 4), b(3, 5), b(3, 6));
  const whole = [id(0, 0), id(1, 2), id(2, 4), id(3, 6)];
  expect(...whole);
  for (const upTo of [id(0, 0), id(1, 1), id(1, 2), id(2, 3), id(2, 4), id(3, 5), id(3, 6)]) {
    log.purge(upTo);
    deepEqual(node.start().lastPurged, upTo);
    expect(...whole.filter(({ index }) => index > upTo.index));
  }
  appendTo(log, b(3, 7), b(3, 8));
  expect(id(3, 8));
  appendTo(log, ...blanks(4, 9, 13));
  expect(id(3, 8), id(4, 13));
  log.purge(id(4, 13));
  appendTo(log, ...blanks(5, 14, 16), ...blanks(6, 17, 18));
  expect(id(5, 16), id(6, 18));
  for (const [term, from, to] of [
    [7, 19, 28],
    [8, 29, 33],
  ] as const) {
    log.purge(id(term - 1, from - 1));
    appendTo(log, ...blanks(term, from, to));
    expect(id(term, to));
  }
}
