/**
 * G5: an install replaces the whole state, whatever there was before.
 */
import { deepEqual, equal } from "node:assert/strict";
import { limits } from "../../src/contract/limits.ts";
import { openStore, type SluiceStore, schema } from "../../src/store/schema.ts";
import type { Harness } from "../engine-harness.ts";
import { dumpOf } from "../invariants.ts";
import { planOf } from "../machine/plan-rig.ts";
import { dump, put } from "../store/support.ts";
import { type Case, only } from "./case.ts";
import { currentOf, type Sent } from "./current.ts";
import { b, e, id, m, stated } from "./entries.ts";
import { openCasePorts, type PortNode, viewOf } from "./port-node.ts";
import { run } from "./queue-hand.ts";
import { emptyTables, takeSteps } from "./queue-history.ts";
import { nameOthers } from "./queue-names.ts";
import type { EngineSubject, PortSubject } from "./subject.ts";
import { build, twoSnapshots } from "./transfer.ts";

/** A state of its own: notes, a membership, and a snapshot. */
function ownState(node: PortNode): void {
  node.apply(e(0, 0, put("mine", "x"), put("both", "yy")), m(0, 1, [9]));
  build(node);
  node.apply(e(0, 2, put("behind", "zzz")));
}

/** Nothing of what was there is left: tables, membership and snapshot are those that came. */
async function replacesAll(subject: PortSubject): Promise<void> {
  const { first, second } = await twoSnapshots(subject);
  await subject.fresh((node) => {
    ownState(node);
    for (const sent of [first, second, second]) {
      node.snapshots.installSnapshot(sent.meta, sent.chunks);
      deepEqual(currentOf(node.snapshots), sent);
      const { lastApplied, membership } = node.machine.applied();
      deepEqual(lastApplied?.index, sent.meta.last.index);
      deepEqual(membership, stated(1, 6, [1, 2]));
    }
    const ids = [["both"], ["later"]];
    deepEqual(
      node.view().tables.map((rows) => rows.map(([key]) => key)),
      [
        ids,
        [
          [1, "both"],
          [3, "later"],
        ],
        [["notes"]],
      ],
    );
    // What was installed is a state like any other: entries and snapshots go on from it.
    node.apply(b(1, 8));
    equal(build(node).last.index, id(1, 8).index);
  });
}

/** An install over a build that is under way: the build is gone, and so is all that it had kept. */
async function overBuild(subject: PortSubject): Promise<void> {
  const { first } = await twoSnapshots(subject);
  await subject.database((sql) => {
    const ports = openCasePorts(sql);
    ports.machine.apply([]);
    ports.log.append([e(0, 0, put("mine", "x"))]);
    ports.machine.apply(ports.log.entries({ from: 1 }));
    ports.snapshots.tryCreateSnapshotBuilder(true)?.step();
    ports.snapshots.installSnapshot(first.meta, first.chunks);
    equal(ports.snapshots.building, undefined);
    const again = openCasePorts(sql);
    deepEqual([again.snapshots.building, viewOf(again)], [undefined, viewOf(ports)]);
    deepEqual(
      Object.keys(dump(sql)).filter((name) => /^(before|staged)_/.test(name)),
      [],
    );
  });
}

/** A queue's state, as one node sends it to another. */
function sendable(store: SluiceStore): Sent {
  store.startSnapshot(0);
  store.snapshots.building?.buildSnapshot();
  return currentOf(store.snapshots);
}

function install(store: SluiceStore, { meta, chunks }: Sent): void {
  const incoming = store.snapshots.begin("case", meta);
  for (const [i, text] of chunks.entries()) incoming.add(i + 1, text);
  incoming.check();
  while (!incoming.step());
  store.install(meta.last, { term: meta.last.term });
}

/** A queue with rows in every table, and one that has others in them: its engine is not used again. */
async function twoQueues({ queue }: EngineSubject): Promise<[sender: Harness, receiver: Harness]> {
  const [sender, receiver] = [await queue(), await queue()];
  await takeSteps(sender);
  const jobs = ["a", "b", "c"].map((each) => ({
    id: each,
    payload: "0",
    requires: [each],
    ttlMs: 9e6,
  }));
  await run(receiver, "job.enqueue", {
    jobs: [...jobs, { id: "d", payload: "1", delayMs: 9e6 }],
  });
  await run(receiver, "lease.claim", { max: 1, capabilities: ["a"] });
  await run(receiver, "job.cancel", { id: "b" });
  await run(receiver, "job.redrive", { states: ["cancelled"] });
  await fillWithOthers(receiver);
  const held = { priority: 9, requires: ["nobody"], payload: "0" };
  const many = Array.from({ length: 17 }, (_, i) => ({ id: `other-${i}` }));
  await run(receiver, "key.put", { key: "other", rate: { limit: 1, perMs: 9_000 } });
  await run(receiver, "job.enqueue", {
    jobs: [
      { id: "keyed", key: "other", ...held },
      { id: "parent", unique: { key: "other", until: { ms: 9_000_000 } }, ...held },
      { id: "child", after: [{ id: "parent" }], ...held },
      ...many.map((each) => ({ ...each, ...held })),
      { id: "fan", after: many, ...held },
      { id: "long", ...held, payload: JSON.stringify("9".repeat(limits.textInRowMax)) },
    ],
  });
  await nameOthers(receiver);
  for (const { store } of [sender, receiver]) deepEqual(emptyTables(store.tables), []);
  return [sender, receiver];
}

/** Plans, actions, tasks, a worker and a schedule that no sender has. */
async function fillWithOthers(receiver: Harness): Promise<void> {
  await run(receiver, "plan.submit", planOf("other"));
  const worker = { worker: "other", kinds: ["plan" as const], capabilities: ["curl"] };
  await run(receiver, "worker.register", { id: "other" });
  const act = (action: string) =>
    run(receiver, "action.submit", { id: "other", action, inputs: ["1"] });
  await act("other-ended");
  await run(receiver, "action.cancel", { id: "other-ended" });
  await act("other-open");
  const { jobs } = await run(receiver, "lease.claim", { max: 1, ...worker });
  const claimed = only(jobs);
  await run(receiver, "lease.settle", {
    items: [{ op: "task", id: claimed.id, token: claimed.token, task: 1, exitCode: 0 }],
  });
  const definition = { timing: { everyMs: 9e6 }, job: { payload: "1" } } as const;
  const rest = { catchUp: "one", overlap: "allow" } as const;
  await run(receiver, "schedule.put", { id: "other", definition: { ...definition, ...rest } });
}

/** Every row as it is stored, less what says whose it is: that does not travel. */
function rowsOf({ tables }: SluiceStore) {
  const { queue, ...others } = JSON.parse(JSON.stringify(dumpOf(tables)));
  const [, row] = only<[key: unknown, row: Record<string, unknown>]>(queue);
  const fields = Object.entries(row);
  const travelling = fields.filter(([name]) => !schema.queue.identity.includes(name));
  return { ...others, queue: Object.fromEntries(travelling) };
}

/** Every table of a queue is replaced, twice in a row, over a queue that has a snapshot of its own. */
async function replacesQueue(subject: EngineSubject): Promise<void> {
  const [sender, receiver] = await twoQueues(subject);
  sendable(openStore(receiver.sql));
  for (let round = 0; round < 2; round += 1) {
    const sent = sendable(sender.store);
    install(openStore(receiver.sql), sent);
    const opened = openStore(receiver.sql);
    deepEqual(rowsOf(opened), rowsOf(sender.store));
    deepEqual(opened.snapshots.currentSnapshot()?.meta, sent.meta);
    deepEqual([opened.last, opened.purged.index], [sent.meta.last, sent.meta.last.index]);
    await run(sender, "job.enqueue", { jobs: [{ id: `round${round}`, payload: "1" }] });
  }
}

export const installCases: readonly Case[] = [
  {
    id: "G5a",
    name: "install_replaces_every_table",
    shows: "an install, and one more, leave nothing of what was there: rows, snapshot, membership",
    ports: replacesAll,
    engine: replacesQueue,
  },
  {
    id: "G5b",
    name: "install_over_a_build",
    shows: "an install ends a build that is under way, and drops all that it had kept",
    ports: overBuild,
    engine: ({ stores }) =>
      stores((sender) => {
        sender.commit([put("a", "1")], [put("b", "2")], [put("c", "3")]);
        const sent = sender.snapshot();
        stores((receiver) => {
          receiver.commit([put("mine", "x")]);
          receiver.snapshot();
          receiver.store.startSnapshot(0);
          receiver.install(sent);
          equal(receiver.store.snapshots.building, undefined);
        });
      }),
  },
];
