/**
 * Snapshots on their way from one node to another.
 */
import { openPorts } from "../../src/store/ports.ts";
import type { SnapshotMeta } from "../../src/store/raft.ts";
import type { Sql } from "../../src/store/sql.ts";
import { put } from "../store/support.ts";
import { currentOf, type Sent } from "./current.ts";
import { e, m, membership } from "./entries.ts";
import type { PortNode } from "./port-node.ts";
import { queueConfig } from "./queue-history.ts";
import type { EngineSubject, PortSubject } from "./subject.ts";

/** A snapshot that must be made. */
export function build({ snapshots }: PortNode): SnapshotMeta {
  const builder = snapshots.tryCreateSnapshotBuilder(true);
  if (builder === undefined) throw new Error("the builder was refused");
  return builder.buildSnapshot();
}

/** A snapshot with two notes, of a later term. */
export const snapshotOfTwo = ({ fresh }: PortSubject) =>
  fresh((node) => {
    node.apply(e(2, 4, put("a", "1"), put("b", "2")), m(2, 5, [7]));
    build(node);
    return currentOf(node.snapshots);
  });

/** Two snapshots of one node, the second one later and without a note of the first. */
export const twoSnapshots = ({ fresh }: PortSubject): Promise<{ first: Sent; second: Sent }> =>
  fresh((node) => {
    node.apply(e(1, 5, put("theirs", "1"), put("both", "2")), m(1, 6, [1, 2]));
    build(node);
    const first = currentOf(node.snapshots);
    node.apply(e(1, 7, { type: "note.deleted", id: "theirs" }, put("later", "333")));
    build(node);
    return { first, second: currentOf(node.snapshots) };
  });

/** A sender whose last entry is (2,n), for installs. */
export const fromSender = (
  { stores }: EngineSubject,
  work: Parameters<EngineSubject["stores"]>[0],
) =>
  stores((sender) => {
    sender.raise(2);
    sender.commit([put("a", "1")], [membership(7)], [], [], [], [put("b", "2")]);
    work(sender);
  });

/** Ports of a queue whose log goes on behind a state, or begins with the queue: `from.meta.last` is the place that it follows. */
export function portsBehind(sql: Sql, from: Sent | undefined, queueId: string) {
  const ports = openPorts(sql, queueConfig);
  ports.state.create({ queueId, term: 1 });
  if (from === undefined) return ports;
  ports.snapshots.installSnapshot(from.meta, from.chunks);
  sql.transaction(() => ports.log.writeRestart(from.meta.last))();
  return ports;
}

/** A queue's state as bytes: rows as SQLite has them, but the fields of their values in the order of their names. */
export function snapshotOfQueue(sql: Sql) {
  const { snapshots } = openPorts(sql, queueConfig);
  snapshots.tryCreateSnapshotBuilder(true)?.buildSnapshot();
  return currentOf(snapshots);
}
