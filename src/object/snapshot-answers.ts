/**
 * What is said of snapshots: the manifest and its seal, progress, the place behind two histories, and why something is refused.
 * Invariant: pure; nothing here touches a queue.
 */
import { hash } from "node:crypto";
import { encodeReply } from "../contract/commands.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandAnswer } from "../contract/rpc.ts";
import {
  type ImportReply,
  type SnapshotManifest,
  snapshotFormat,
  snapshotManifest,
} from "../contract/snapshots.ts";
import type { SnapshotMeta } from "../store/raft.ts";
import { RowUnreadable } from "../store/row.ts";
import type { SnapshotBuild } from "../store/snapshot-build.ts";
import { type SnapshotImport, SnapshotInvalid } from "../store/snapshot-import.ts";
import { canonical } from "../store/snapshot-rows.ts";
import type { Anchor } from "../store/store.ts";

export const manifestOf = (meta: SnapshotMeta): SnapshotManifest => ({
  sluice: "snapshot",
  format: snapshotFormat,
  ...meta,
  seal: sealOf(meta),
});

/** What tells that a manifest is as it was written. */
export const sealOf = (meta: SnapshotMeta): string => hash("sha256", canonical(meta));

export const buildProgress = ({ rows, rowsTotal, last: { term, index } }: SnapshotBuild) => ({
  rows,
  rowsTotal,
  last: { term, index },
});

export const progressOf = ({ chunks, rows, rowsTotal }: SnapshotImport) => ({
  chunks,
  rows,
  rowsTotal,
});

export const imported = (reply: ImportReply): CommandAnswer => ({
  reply: encodeReply("snapshot.import", reply),
});

/** A place behind both histories, so that no index and no time is given twice. */
export function placeFor(own: Anchor, theirs: Anchor, term: number, digest: string): Anchor {
  const index = Math.max(own.index, theirs.index) + 1;
  const at = Math.max(own.at, theirs.at);
  const chained = hash("sha256", [own.hash, theirs.hash, index, term, at, digest].join("\n"));
  return { term, index, incarnation: own.incarnation, at, hash: chained };
}

export function refusalOf(fault: unknown): Refusal | undefined {
  if (fault instanceof SnapshotInvalid) {
    return refuse("snapshot_invalid", `Nothing was changed: ${fault.message}.`);
  }
  if (fault instanceof RowUnreadable && fault.isNewer) return snapshotNewer(fault.message);
  return undefined;
}

export const snapshotNewer = (what: string): Refusal =>
  refuse("snapshot_newer", `Nothing was changed: newer code made the snapshot (${what}).`);

export const altered = refuse(
  "snapshot_invalid",
  "Nothing was changed: the manifest is not as it was exported.",
);

/** Why a history that a manifest names cannot be gone on with; undefined where it can. */
export function manifestFault(manifest: SnapshotManifest, now: number): Refusal | undefined {
  const { error } = snapshotManifest.safeParse(manifest);
  const [issue] = error?.issues ?? [];
  if (issue !== undefined) return invalidManifest(`${issue.path.join(".")}: ${issue.message}`);
  const { last, membership } = manifest;
  if (Math.max(last.index, last.term) > limits.importedSequenceMax) {
    return invalidManifest(`last: no queue comes to entry ${last.index} of term ${last.term}`);
  }
  if (last.at > now + limits.importAheadMsMax) {
    return invalidManifest(`last.at: ${last.at} is more than a day ahead of the clock, ${now}`);
  }
  const { index = 0, term = 0 } = membership.logId ?? {};
  return index > last.index || term > last.term
    ? invalidManifest(`membership: entry ${index} of term ${term} lies behind the last one`)
    : undefined;
}

const invalidManifest = (fault: string): Refusal =>
  refuse("snapshot_invalid", `Nothing was changed: the manifest is none to go on from: ${fault}.`);

export const notOfAQueue = refuse(
  "snapshot_invalid",
  "The snapshot is not of a queue: it names none.",
);

export const snapshotUnknown = (queue: string): Refusal =>
  refuse("snapshot_unknown", `Queue ${queue} has no such snapshot: POST …/snapshot builds one.`);

export const noRoom = (bytes: number): Refusal =>
  refuse("snapshot_no_room", `There is no room for ${bytes} bytes more.`, {
    bytes,
    databaseBytesMax: limits.databaseBytesMax,
  });

export const importUnknown = (upload: string, chunks?: number): Refusal =>
  chunks === undefined
    ? refuse("import_unknown", `Upload ${upload} is not under way: begin with the manifest.`)
    : refuse("import_unknown", `Upload ${upload} goes on with chunk ${chunks + 1}.`, { chunks });

/** Why leases have ended with an import. */
export const replaced: Refusal = refuse(
  "lease_stale",
  "The queue's jobs were replaced by those of a snapshot, and all leases have ended: drop the work.",
);
