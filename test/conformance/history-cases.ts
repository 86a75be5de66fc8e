/**
 * G1, G2 and G11: normal entries, whole histories over reopening, and who waits.
 */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { openStore } from "../../src/store/schema.ts";
import { command, enqueue, idsOf as jobIdsOf } from "../object/commands.ts";
import { deleted, put } from "../store/support.ts";
import { type Case, notAbout } from "./case.ts";
import { appendTo, b, blanks, e, feed10, id, m, vote } from "./entries.ts";
import type { PortNode } from "./port-node.ts";
import { run } from "./queue-hand.ts";
import {
  emptyTables,
  enqueueJobs,
  enqueueKey,
  eventTypes,
  statesOf,
  takeSteps,
} from "./queue-history.ts";
import { type EngineSubject, onNode, type PortSubject } from "./subject.ts";
import { snapshotOfQueue } from "./transfer.ts";

const notes = [
  e(0, 0, put("a", "1"), put("b", "22")),
  e(0, 1, deleted("a")),
  e(0, 2, put("b", "3")),
];

function applyNotes(node: PortNode): void {
  appendTo(node.log, ...notes);
  node.machine.apply(node.log.entries({ from: 1 }));
  const [kept, bySize] = node.view().tables;
  deepEqual(kept, [[["b"], { size: 1, body: "3" }]]);
  deepEqual(bySize, [[[1, "b"], { id: "b" }]]);
  const before = node.view();
  const again = () => node.machine.apply(node.log.entries({ from: 1 }));
  throws(again, { name: "RaftRefusal", rule: "apply_order" });
  deepEqual(node.view(), before);
}

/** A command has its answer and its effect; said again, after a crash too, it has the same answer and no other effect. */
async function answerAgain({ queue: open }: EngineSubject): Promise<void> {
  const queue = await open();
  const first = await enqueueJobs(queue);
  const { index } = queue.store.last;
  const states = statesOf(queue.store.tables);
  equal(states["plain"], "ready");
  for (const live of [() => queue.reopen(), () => run(queue, "queue.checkpoint", {})]) {
    await live();
    deepEqual(await enqueueJobs(queue), first);
    equal(queue.store.last.index, index);
    deepEqual(statesOf(queue.store.tables), states);
  }
}

/** Calls of every kind, in an order that no one store would make. */
const calls: readonly ((node: PortNode) => void)[] = [
  ({ log }) => feed10(log),
  (node) => node.apply(...notes),
  ({ log }) => log.truncateAfter(id(1, 7)),
  ({ log }) => log.append([m(2, 8, [1]), ...blanks(2, 9, 12)]),
  ({ log }) => log.saveCommitted(id(2, 9)),
  ({ log }) => log.purge(id(1, 4)),
  ({ machine, log }) => machine.apply(log.entries({ from: 8, to: 10 })),
  ({ log }) => log.saveVote({ ...vote(5), committed: true }),
  ({ log }) => log.truncateAfter(id(2, 10)),
  ({ log }) => log.append([e(5, 11, put("c", "é"))]),
  (node) => node.start(),
  ({ snapshots }) => snapshots.tryCreateSnapshotBuilder(true)?.buildSnapshot(),
  ({ log }) => log.purge(id(6, 30)),
  ({ log }) => appendTo(log, b(7, 31)),
];

/** A node shows the same after each call, whether it was opened again in between or not. */
async function sameReopened({ fresh }: PortSubject): Promise<void> {
  const views = (isReopened: boolean) =>
    fresh((node) =>
      calls.map((call) => {
        call(node);
        if (isReopened) node.reopen();
        return node.view();
      }),
    );
  deepEqual(await views(true), await views(false));
}

/** A queue that loses its memory after each step is what its history says; checkpoints come in any rhythm. */
async function queueReopened({ queue: open }: EngineSubject): Promise<void> {
  const ends: unknown[] = [];
  for (const rhythm of [0, 1, 2, 3]) {
    const queue = await open();
    await takeSteps(queue, async ({ states }, i) => {
      if (rhythm > 0 && i % rhythm === 0) await run(queue, "queue.checkpoint", {});
      await queue.reopen();
      deepEqual(statesOf(queue.store.tables), states);
    });
    const group = ["x", "y", "z"].map(
      (each) => ["job.enqueue", { jobs: [{ id: each, payload: "0" }] }] as const,
    );
    await queue.together(group);
    await queue.reopen();
    await run(queue, "queue.checkpoint", {});
    ends.push(snapshotOfQueue(queue.sql));
  }
  for (const end of ends) deepEqual(end, ends[0]);
}

/** Every event happens in the history, and every table has rows in its end: what is added to Sluice is added to it. */
async function leavesNothingOut({ queue: open }: EngineSubject): Promise<void> {
  const queue = await open();
  const types = new Set<string>();
  let seen = 0;
  await takeSteps(queue, () => {
    const { store } = queue;
    // An import empties the log, and goes on at a greater index.
    const from = Math.max(seen, store.purged.index) + 1;
    for (const entry of store.entries({ from, maxBytes: 1e9 })) {
      for (const { type } of store.codec.decode(entry)) types.add(type);
    }
    seen = store.last.index;
  });
  deepEqual([...types].sort(), eventTypes);
  deepEqual(emptyTables(queue.store.tables), []);
}

/** Commands in flight are answered, also when their entry is purged before they are. */
async function answeredThoughPurged({ committer }: EngineSubject): Promise<void> {
  const rig = committer();
  rig.sql.isHeld = true;
  const first = rig.committer.submit(enqueue([{ id: "first" }]));
  // A slow group lets the next one begin behind it.
  rig.now += 10;
  const second = rig.committer.submit(enqueue([{ id: "second" }]));
  equal(rig.sql.waiting, 2);
  rig.store.checkpoint();
  rig.store.purge({ term: 1, index: rig.store.last.index - 1 });
  await rig.sql.settle();
  await rig.sql.settle();
  deepEqual([jobIdsOf(await first), jobIdsOf(await second)], [["first"], ["second"]]);
  equal(rig.store.purged.index, 1);
  ok(rig.isFaithful);
  // Nobody can be told again what was purged: the retry is another command.
  rig.sql.isHeld = false;
  const stats = await rig.committer.submit(command("queue.resume", {}, enqueueKey));
  ok("reply" in stats);
  deepEqual(Object.keys(statesOf(openStore(rig.sql).tables)).sort(), ["first", "second"]);
}

export const historyCases: readonly Case[] = [
  {
    id: "G1",
    name: "normal_entries",
    shows: "an entry has its answer and its effect once, however often it is said",
    ports: onNode(applyNotes),
    engine: answerAgain,
  },
  {
    id: "G2a",
    name: "reopened_after_every_operation",
    shows: "a history is the same whether all memory is lost after each of its steps or not",
    ports: sameReopened,
    engine: queueReopened,
  },
  {
    id: "G2c",
    name: "history_leaves_nothing_out",
    shows: "the history of G2a has every event that there is, and ends with rows in every table",
    ports: notAbout("the events of ports are notes: those of queues happen in an engine"),
    engine: leavesNothingOut,
  },
  {
    id: "G11",
    name: "purge_resolves_waiters",
    shows: "a command in flight is answered although its entry was purged meanwhile",
    ports: notAbout("nobody waits at a port: who waits, waits for storage to be durable"),
    engine: answeredThoughPurged,
  },
];
