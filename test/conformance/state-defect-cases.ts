/**
 * D3–D13, the state: a regression for each defect that was found in state machine, snapshots and answers.
 */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import type { Sql } from "../../src/store/sql.ts";
import { put } from "../store/support.ts";
import { type Case, notAbout } from "./case.ts";
import { currentOf } from "./current.ts";
import { e } from "./entries.ts";
import { openCasePorts } from "./port-node.ts";
import { run } from "./queue-hand.ts";
import { enqueueJobs, enqueueKey, takeSteps } from "./queue-history.ts";
import { timeless } from "./replay-cases.ts";
import type { EngineSubject, PortSubject } from "./subject.ts";
import { build } from "./transfer.ts";

const someSnapshot = ({ fresh }: PortSubject) =>
  fresh((node) => {
    node.apply(e(1, 3, put("theirs", "body of theirs")));
    build(node);
    return currentOf(node.snapshots);
  });

/** The digest travels with the snapshot: it is checked against itself, whatever the node has. */
async function digestTravels(subject: PortSubject): Promise<void> {
  const { meta, chunks } = await someSnapshot(subject);
  const forged = chunks.map((chunk) => chunk.replace("body of theirs", "body of others"));
  for (const hasOwn of [false, true]) {
    await subject.fresh((node) => {
      if (hasOwn) {
        node.apply(e(0, 0, put("mine", "x")));
        build(node);
      }
      const before = node.view();
      for (const wrong of [forged, chunks.slice(1), [...chunks, ...chunks]]) {
        throws(() => node.snapshots.installSnapshot(meta, wrong), { name: "SnapshotInvalid" });
        deepEqual(node.view(), before);
      }
      node.snapshots.installSnapshot(meta, chunks);
      deepEqual(currentOf(node.snapshots).meta, meta);
    });
  }
}

/** A build that meets a row it cannot read ends with an error, and the snapshot before stays the current one. */
function buildExactly(sql: Sql): void {
  const ports = openCasePorts(sql);
  ports.log.append([e(0, 0, put("a", "1"), put("b", "2"))]);
  ports.machine.apply(ports.log.entries({ from: 1 }));
  const meta = ports.snapshots.tryCreateSnapshotBuilder(true)?.buildSnapshot();
  deepEqual([meta?.tables["notes"], meta?.last.index], [{ version: 1, rows: 2 }, 1]);
  sql.run("UPDATE notes SET value = '{' WHERE id = 'a'");
  const again = openCasePorts(sql);
  throws(() => again.snapshots.tryCreateSnapshotBuilder(true)?.buildSnapshot(), {
    message: /notes/,
  });
  deepEqual(openCasePorts(sql).snapshots.currentSnapshot()?.meta, meta);
}

/** Everything that ended by itself is in the log, and no index row is left without its job. */
async function expiryIsLogged({ queue: open }: EngineSubject): Promise<void> {
  const queue = await open();
  await takeSteps(queue, undefined, 6);
  const { store } = queue;
  const events = store
    .entries({ from: 1, maxBytes: 1e9 })
    .flatMap((entry) => store.codec.decode(entry).map(({ type }) => type));
  for (const type of ["job.lease_expired", "job.expired", "job.promoted"] as const) {
    ok(events.includes(type), type);
  }
  deepEqual(store.tables.deadlines.range({ limit: 9 }), []);
  await queue.reopen();
}

/** Applying asks nobody for the time, for ids or for chance. */
async function applyIsPure({ queue: open }: EngineSubject): Promise<void> {
  const queue = await open();
  await takeSteps(queue);
  const rows = (dumped: unknown) => JSON.parse(JSON.stringify(dumped));
  deepEqual(
    timeless(() => rows(queue.dumpRecovered())),
    rows(queue.dump()),
  );
}

/** An answer is found in the log, over crashes; once its entry is purged it is not known, and none is made up. */
async function answerIsKept({ queue: open }: EngineSubject): Promise<void> {
  const queue = await open();
  const first = await enqueueJobs(queue);
  await queue.reopen();
  deepEqual(await enqueueJobs(queue), first);
  await run(queue, "queue.pause", {});
  await run(queue, "queue.checkpoint", {});
  const { store } = queue;
  store.purge({ term: store.hard?.term ?? 0, index: store.last.index - 1 });
  equal(store.findKey(enqueueKey.key), undefined);
  const { results } = await enqueueJobs(queue);
  ok(results.every((result) => "id" in result && result.deduplicated));
}

const ofSnapshots = notAbout("a store's snapshots are those of its ports");

export const stateDefectCases: readonly Case[] = [
  {
    id: "D3",
    name: "install_forgets_snapshot",
    shows: "an installed snapshot is the current one, and no row of before is left",
    ports: async (subject) => {
      const sent = await someSnapshot(subject);
      await subject.fresh((node) => {
        node.apply(e(0, 0, put("mine", "x")));
        build(node);
        node.snapshots.installSnapshot(sent.meta, sent.chunks);
        deepEqual(currentOf(node.snapshots), sent);
        deepEqual(node.notes, ["theirs"]);
      });
    },
    engine: ({ stores }) =>
      stores((sender) => {
        sender.commit([], [put("theirs", "x")]);
        const sent = sender.snapshot();
        stores((node) => {
          node.commit([put("mine", "x")]);
          node.snapshot();
          node.install(sent);
        });
      }),
  },
  {
    id: "D4",
    name: "digest_of_the_wrong_snapshot",
    shows: "a snapshot is checked by the digest that came with it, not by what the node has",
    ports: digestTravels,
    engine: ofSnapshots,
  },
  {
    id: "D5",
    name: "build_leaves_out_rows",
    shows: "a build has every row as of its place, and fails at one that it cannot read",
    ports: ({ database }) => database(buildExactly),
    engine: ofSnapshots,
  },
  {
    id: "D10",
    name: "apply_asks_the_clock",
    shows: "time and ids are in the entries: applying them asks nobody",
    ports: notAbout("the rule is about the writers of a queue's events"),
    engine: applyIsPure,
  },
  {
    id: "D11",
    name: "expiry_beside_the_log",
    shows: "a lease, a time to live and a delay end by an entry, and leave no index row",
    ports: notAbout("the rule is about who decides that something has expired"),
    engine: expiryIsLogged,
  },
  {
    id: "D13",
    name: "answer_only_in_memory",
    shows: "an answer is found again in the log; once purged it is unknown, and none is made up",
    ports: notAbout("answers are given by who decides, and kept in its entries"),
    engine: answerIsKept,
  },
];
