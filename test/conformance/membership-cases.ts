/**
 * Cases 1–9: which memberships a log states, and which of them count for a node that starts.
 */
import { deepEqual } from "node:assert/strict";
import { lastMembershipInLog } from "../../src/store/membership.ts";
import { noMembership, type StoredMembership } from "../../src/store/raft.ts";
import { type Case, notAbout } from "./case.ts";
import { appendTo, b, blanks, id, m, membership, stated } from "./entries.ts";
import type { PortNode } from "./port-node.ts";
import { onNode, onStore } from "./subject.ts";

/** What the log states from an index of openraft on. */
const since = ({ log }: PortNode, index: number): StoredMembership[] =>
  lastMembershipInLog(log, index + 1);

function expectMembership(
  node: PortNode,
  committed: StoredMembership,
  effective: StoredMembership = committed,
): void {
  deepEqual(node.start().membership, { committed, effective });
}

/** A state machine that has seen (1,1) and a membership of 3, 4, 5 at (1,2), without any log. */
function applyMembership(node: PortNode): StoredMembership {
  node.apply(b(1, 1), m(1, 2, [3, 4, 5]));
  return stated(1, 2, [3, 4, 5]);
}

const sameHistory = notAbout("a store applies only what its log has: the two cannot differ");

export const membershipCases: readonly Case[] = [
  {
    id: "1",
    name: "last_membership_in_log_initial",
    shows: "an empty log states no membership",
    ports: onNode((node) => deepEqual(since(node, 0), [])),
    engine: onStore((node) => node.raise(1)),
  },
  {
    id: "2",
    name: "last_membership_in_log",
    shows: "the last two memberships of the log are found, and only those behind an index",
    ports: onNode((node) => {
      applyMembership(node);
      deepEqual(since(node, 0), []);
      const first = stated(1, 1, [1, 2, 3]);
      appendTo(node.log, m(1, 1, [1, 2, 3]));
      deepEqual(
        [0, 1, 2].map((from) => since(node, from)),
        [[first], [first], []],
      );
      appendTo(node.log, b(1, 2), m(1, 3, [7, 8, 9]), b(1, 4));
      const second = stated(1, 3, [7, 8, 9]);
      deepEqual(
        [0, 4].map((from) => since(node, from)),
        [[first, second], []],
      );
      appendTo(node.log, m(1, 5, [10, 11]));
      deepEqual(since(node, 0), [second, stated(1, 5, [10, 11])]);
    }),
    engine: onStore((node) => {
      node.commit([membership(1, 2, 3)]);
      node.commit([], [membership(7, 8, 9)], []);
      node.commit([membership(10, 11)]);
    }),
  },
  {
    id: "3",
    name: "last_membership_in_log_multi_step",
    shows: "the way back through a long log is taken page by page",
    ports: onNode((node) => {
      const early = [m(1, 1, [1, 2, 3]), m(1, 2, [3, 4, 5])];
      appendTo(node.log, b(0, 0), ...early, ...blanks(1, 3, 99), m(1, 100, [5, 6, 7]));
      deepEqual(since(node, 0), [stated(1, 2, [3, 4, 5]), stated(1, 100, [5, 6, 7])]);
    }),
    engine: onStore((node) => {
      node.commit([], [membership(1, 2, 3)], [membership(3, 4, 5)]);
      node.blanks(97);
      node.commit([membership(5, 6, 7)]);
    }),
  },
  {
    id: "4",
    name: "get_membership_initial",
    shows: "a new node has no membership, committed or in effect",
    ports: onNode((node) => expectMembership(node, noMembership)),
    engine: onStore((node) => node.blanks(1)),
  },
  {
    id: "5",
    name: "get_membership_from_log_and_empty_sm",
    shows: "a membership that only the log has is in effect, and not known to be committed",
    ports: onNode((node) => {
      appendTo(node.log, m(1, 1, [1, 2, 3]));
      expectMembership(node, noMembership, stated(1, 1, [1, 2, 3]));
    }),
    engine: onStore((node) => {
      // A replica: what it has appended counts only once it is told that it is committed.
      node.commitTo({ term: 0, index: 0 });
      node.commit([membership(1, 2, 3)]);
      node.commitTo(node.store.last);
    }),
  },
  {
    id: "6",
    name: "get_membership_from_empty_log_and_sm",
    shows: "a membership that only the state machine has is committed and in effect",
    ports: onNode((node) => expectMembership(node, applyMembership(node))),
    engine: onStore((node) => {
      node.commit([], [membership(3, 4, 5)], []);
      node.purge({ term: 0, index: 2 });
    }),
  },
  {
    id: "7",
    name: "get_membership_from_log_le_sm_last_applied",
    shows: "what the log states up to the last entry applied does not count",
    ports: onNode((node) => {
      const applied = applyMembership(node);
      node.apply(b(1, 3), b(1, 4));
      appendTo(node.log, b(1, 1), b(1, 2), m(1, 3, [1, 2, 3]));
      expectMembership(node, applied);
    }),
    engine: sameHistory,
  },
  {
    id: "8",
    name: "get_membership_from_log_gt_sm_last_applied_1",
    shows: "one membership behind what was applied is in effect, the applied one committed",
    ports: onNode((node) => {
      const applied = applyMembership(node);
      appendTo(node.log, m(1, 1, [1, 2, 3]), b(1, 2), m(1, 3, [7, 8, 9]));
      expectMembership(node, applied, stated(1, 3, [7, 8, 9]));
    }),
    engine: onStore((node) => {
      node.commit([], [membership(3, 4, 5)]);
      node.checkpoint();
      node.commit([membership(7, 8, 9)]);
    }),
  },
  {
    id: "9",
    name: "get_membership_from_log_gt_sm_last_applied_2",
    shows: "of two behind what was applied the last one is in effect, and the other committed",
    ports: onNode((node) => {
      applyMembership(node);
      const early = [m(1, 1, [1, 2, 3]), b(1, 2), m(1, 3, [7, 8, 9])];
      appendTo(node.log, ...early, b(1, 4), m(1, 5, [10, 11]));
      expectMembership(node, stated(1, 3, [7, 8, 9]), stated(1, 5, [10, 11]));
      deepEqual(node.log.logState().last, id(1, 5));
    }),
    engine: onStore((node) => {
      node.commit([], [membership(3, 4, 5)]);
      node.checkpoint();
      node.commit([membership(7, 8, 9)], [], [membership(10, 11)]);
    }),
  },
];
