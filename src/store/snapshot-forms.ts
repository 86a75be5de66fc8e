/**
 * What the rows of the list of snapshots must be: what a snapshot is, what a build is of, and what an import is to be.
 * Invariant: a row that has its form can be gone on with, and is handed on as it was stored.
 */
import * as z from "zod";
import { snapshotManifest } from "../contract/snapshots.ts";
import { LogCorrupt } from "./chain.ts";
import type { SnapshotMeta } from "./raft.ts";
import type { BuildOf } from "./snapshot-build.ts";

/** What is stored of an import: who sends it, and what it is to be. */
export interface ImportOf {
  readonly upload: string;
  readonly meta: SnapshotMeta;
  /** Whether it may replace jobs that are there. */
  readonly over: boolean;
}

const meta = snapshotManifest.omit({ sluice: true, format: true, seal: true });
const { last, membership, queueId, chunks: count } = meta.shape;

const forms = {
  current: meta,
  building: z.object({ last, membership, queueId, rowsTotal: count }),
  importing: z.object({ upload: z.string(), meta, over: z.boolean() }),
};

/** What is stored for each role. */
export interface AboutOf {
  readonly current: SnapshotMeta;
  readonly building: BuildOf;
  readonly importing: ImportOf;
}

/** What a row of the list says. Throws LogCorrupt where it is not what its role needs. */
export function aboutIn<R extends keyof AboutOf>(role: R, text: string): AboutOf[R] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new LogCorrupt(`snapshots: the ${role} one is not JSON`, { cause });
  }
  const [issue] = forms[role].safeParse(value).error?.issues ?? [];
  // As it was stored: a field that is passed over here is still part of what a seal was made of.
  if (issue === undefined) return value as AboutOf[R];
  const where = issue.path.join(".");
  throw new LogCorrupt(
    `snapshots: ${where} of the ${role} one is not what it must be: ${issue.message}`,
  );
}
