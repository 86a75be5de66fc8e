/**
 * How the cases of G4 break a rule: a node is brought where the rule holds, and one call is refused by it.
 * Invariant: whoever refuses has changed nothing, in memory or in the database.
 */
import { deepEqual, throws } from "node:assert/strict";
import type { RaftRule } from "../../src/store/raft.ts";
import { notAbout } from "./case.ts";
import type { CaseStore, EngineNode } from "./engine-node.ts";
import { b, bodyOf, feed10 } from "./entries.ts";
import type { PortNode } from "./port-node.ts";
import { onNode, onStore } from "./subject.ts";

/** After `feed10` a call of a port is refused. */
export const refusedBy = (rule: RaftRule, call: (node: PortNode) => void) =>
  onNode((node) => {
    feed10(node.log);
    node.apply(b(0, 0), b(1, 1));
    const before = node.view();
    throws(() => call(node), { name: "RaftRefusal", rule });
    deepEqual(node.view(), before);
    node.reopen();
    deepEqual(node.view(), before);
  });

/** After `prepare` a call of a store is refused: with eleven entries, unless another store is made. */
export const refusedByStore = (
  rule: RaftRule,
  call: (store: CaseStore) => void,
  prepare: (node: EngineNode) => void = (node) => node.feed10(),
) =>
  onStore((node) => {
    prepare(node);
    node.refuses(rule, call);
  });

/** A replica, which knows of eleven entries that five are committed. */
export function replica(node: EngineNode): void {
  node.commitTo({ term: 0, index: 0 });
  node.commit(...Array.from({ length: 11 }, () => []));
  node.commitTo({ term: 0, index: 5 });
}

export function checkpointed(node: EngineNode): void {
  node.feed10();
  node.checkpoint();
}

/** An entry of a store, of its own term unless another one is named. */
export const append = (store: CaseStore, changes: { term?: number; at?: number } = {}) =>
  store.append({ incarnation: 1, at: store.last.at, ...bodyOf([]), ...changes });

export const unguarded = notAbout("the rule holds between ports, and is guarded by the store");
export const noVerb = notAbout(
  "a store stamps index and link itself: it has no verb that could break it",
);
