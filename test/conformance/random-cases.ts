/**
 * G2, at random: whatever is called in whatever order, ports and stores show what a plain list of entries would.
 * Invariant: a call is made only where the contract allows it; what it must refuse is another case's business.
 */
import { deepEqual } from "node:assert/strict";
import fc from "fast-check";
import type { LogId } from "../../src/store/chain.ts";
import type { Vote } from "../../src/store/raft.ts";
import { deleted, put } from "../store/support.ts";
import type { Case } from "./case.ts";
import type { EngineNode } from "./engine-node.ts";
import { e, idsOf, membership, nothing } from "./entries.ts";
import type { PortNode } from "./port-node.ts";
import type { EngineSubject, PortSubject } from "./subject.ts";

/** One call. `n` chooses among what is possible. */
interface Call {
  readonly do:
    | "append"
    | "apply"
    | "commit"
    | "purge"
    | "reopen"
    | "snapshot"
    | "truncate"
    | "vote";
  readonly n: number;
}

const call = (weights: Partial<Record<Call["do"], number>>): fc.Arbitrary<Call> =>
  fc.record({
    do: fc.oneof(
      ...Object.entries(weights).map(([name, weight]) => ({
        weight,
        arbitrary: fc.constant(name as Call["do"]),
      })),
    ),
    n: fc.nat(1_000),
  });

const portCalls = fc.array(
  call({ append: 6, apply: 2, commit: 2, purge: 2, reopen: 1, truncate: 2, vote: 1 }),
  { maxLength: 25, size: "max" },
);

/** The ports as plain values. */
class Plain {
  entries: LogId[] = [];
  purged: LogId | null = null;
  applied: LogId | null = null;
  committed: LogId | null = null;
  vote: Vote | null = null;

  get last(): LogId {
    return this.entries.at(-1) ?? this.purged ?? nothing;
  }
}

/** Makes a call on ports, and on the plain values. */
function callPorts(node: PortNode, plain: Plain, { do: name, n }: Call): void {
  const { log, machine } = node;
  const { last, entries } = plain;
  const chosen = entries[n % Math.max(1, entries.length)];
  if (name === "append") {
    const term = last.term + (n % 3 === 0 ? 1 : 0);
    const drafts = Array.from({ length: 1 + (n % 4) }, (_, i) =>
      e(term, last.index + i, put(`n${n % 5}`, "x".repeat(n % 50))),
    );
    log.append(drafts);
    plain.entries = [...entries, ...idsOf(drafts)];
  } else if (name === "apply" && chosen !== undefined) {
    const from = Math.max(plain.applied?.index ?? 0, plain.purged?.index ?? 0) + 1;
    if (chosen.index < from) return;
    machine.apply(log.entries({ from, to: chosen.index }));
    plain.applied = chosen;
  } else if (name === "commit" && chosen !== undefined) {
    log.saveCommitted(chosen);
    plain.committed = chosen;
  } else if (name === "purge") {
    const upTo = chosen ?? { term: last.term, index: last.index + 1 + (n % 9) };
    log.purge(upTo);
    plain.purged = upTo;
    plain.entries = entries.filter(({ index }) => index > upTo.index);
  } else if (name === "truncate") {
    log.truncateAfter(chosen ?? null);
    plain.entries = entries.filter(({ index }) => index <= (chosen?.index ?? 0));
  } else if (name === "vote") {
    plain.vote = { term: n, node: n % 7, committed: n % 2 === 0 };
    log.saveVote(plain.vote);
  } else {
    node.reopen();
  }
}

function checkPorts({ log, machine }: PortNode, plain: Plain): void {
  const last = plain.last.index === 0 ? null : plain.last;
  deepEqual(log.logState(), { lastPurged: plain.purged, last });
  deepEqual(idsOf(log.tryEntries({ from: 1 })), plain.entries);
  deepEqual([log.readVote(), log.readCommitted()], [plain.vote, plain.committed]);
  deepEqual(machine.applied().lastApplied, plain.applied);
}

const randomPorts = ({ fresh, runs }: PortSubject): Promise<void> =>
  fc.assert(
    fc.asyncProperty(portCalls, (calls) =>
      fresh((node) => {
        const plain = new Plain();
        for (const each of calls) {
          callPorts(node, plain, each);
          checkPorts(node, plain);
        }
      }),
    ),
    { numRuns: runs },
  );

/** The events of an entry that becomes durable with others. */
const eventsOf = (n: number) =>
  [[put(`n${n % 5}`, `${n}`)], [deleted(`n${n % 3}`)], [membership(n % 3)], []][n % 4] ?? [];

const storeCalls = fc.array(
  call({ append: 6, apply: 1, commit: 3, purge: 2, snapshot: 1, truncate: 2, vote: 1 }),
  { maxLength: 20, size: "max" },
);

/** Makes a call on a store, which compares itself with its model. The first number says whether it is a replica. */
function callStore(node: EngineNode, isReplica: boolean, { do: name, n }: Call): void {
  const { store, model } = node;
  const uncommitted = store.last.index - store.committed.index;
  const chosen = { index: store.committed.index + (n % (uncommitted + 1)) };
  const place = idsOf(store.entries({ from: store.purged.index + 1, maxBytes: 1e6 })).find(
    ({ index }) => index === chosen.index,
  );
  if (name === "append" && uncommitted === 0) {
    node.together(() => {
      const { committed } = store;
      node.commit(...Array.from({ length: 1 + (n % 3) }, (_, i) => eventsOf(n + i)));
      if (isReplica && n % 4 === 0) node.truncateAfter(committed);
    });
  } else if (name === "commit" && isReplica && place !== undefined) {
    node.commitTo(place);
  } else if (name === "truncate" && isReplica && place !== undefined) {
    node.truncateAfter(place);
  } else if (name === "purge" && store.checkpointed.index > store.purged.index + 1) {
    const [upTo] = store.entries({ from: store.checkpointed.index - 1, maxBytes: 1 });
    if (upTo !== undefined) node.purge(...(idsOf([upTo]) as [LogId]));
  } else if (name === "snapshot" && store.applied.index > 0) {
    node.snapshot();
  } else if (name === "vote") {
    node.raise(model.term + 1);
  } else if (store.applied.index > 0) {
    node.checkpoint();
  }
}

function randomStores({ stores }: EngineSubject): void {
  fc.assert(
    fc.property(storeCalls, fc.boolean(), (calls, isReplica) =>
      stores((node) => {
        if (isReplica) node.commitTo(nothing);
        for (const each of calls) callStore(node, isReplica, each);
      }),
    ),
    { numRuns: 25 },
  );
}

export const randomCases: readonly Case[] = [
  {
    id: "G2b",
    name: "calls_at_random",
    shows: "after any calls, reopened in between, all that is shown is what a plain model shows",
    ports: randomPorts,
    engine: randomStores,
  },
];
