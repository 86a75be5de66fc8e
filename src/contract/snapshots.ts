/**
 * What may be said about snapshots: a queue's whole state as lines of JSON, gathered into chunks, under a manifest.
 * Invariant: equal states give equal chunks, wherever and whenever they are built, and so one digest.
 *
 * A file is the manifest's line, then each chunk: a line `{"chunk":1}`, and a line for each of its rows. It may be sent in
 * parts, cut before any chunk.
 */
import * as z from "zod";
import { instant, integer } from "./fields.ts";
import { limits } from "./limits.ts";

/** The format of the file that this code writes, and the newest that it reads. */
export const snapshotFormat = 1;

/** A number from which a queue can go on counting. */
const count = integer(0, limits.sequenceMax);
const logId = z.object({ term: count, index: count });
const anchor = logId.extend({ incarnation: count, at: instant, hash: z.string().max(64) });
const member = z.object({ role: z.enum(["primary", "replica"]) });

/** Who takes part in a queue's history, and the entry that says so. */
export const storedMembership = z.object({
  logId: logId.nullable(),
  configs: z.array(z.array(count).readonly()).readonly(),
  nodes: z.record(z.string().regex(/^\d{1,16}$/), member),
});

/** The first line of a snapshot's file. Fields that a later minor version adds are passed over. */
export const snapshotManifest = z.object({
  sluice: z.literal("snapshot"),
  format: integer(1, limits.sequenceMax),
  /** The queue whose state it is. */
  queueId: z.string().min(1).max(64),
  /** The last entry whose effects it has. */
  last: anchor,
  membership: storedMembership,
  /** Of each table: the version of its rows, and how many there are. */
  tables: z.record(z.string(), z.object({ version: count, rows: count })),
  chunks: count,
  /** UTF-8 bytes of the chunks. */
  bytes: count,
  /** The chain of SHA-256 over the chunks: of the state alone. */
  digest: z.string(),
  /** SHA-256 of the manifest without it: the digest says nothing of the line that it stands in. */
  seal: z.string(),
});
export type SnapshotManifest = z.output<typeof snapshotManifest>;

/** The line before a chunk. @example chunkLine(1) // '{"chunk":1}' */
export const chunkLine = (chunk: number): string => JSON.stringify({ chunk });

/** The chunk that a line begins, of which the first is 1; undefined for any other line. */
export function chunkIn(line: string): number | undefined {
  const [, chunk] = /^\{"chunk":([1-9]\d{0,8})\}$/.exec(line) ?? [];
  return chunk === undefined ? undefined : Number(chunk);
}

/** How far a build or an import is. */
export interface SnapshotProgress {
  readonly rows: number;
  readonly rowsTotal: number;
}

/** How far a build is, and of what: the entry that it shows the state as of. */
export interface BuildProgress extends SnapshotProgress {
  readonly last: { readonly term: number; readonly index: number };
}

/** The snapshots of a queue. */
export interface SnapshotStatus {
  readonly now: number;
  /** The one that `GET …/snapshot` gives. */
  readonly current: SnapshotManifest | null;
  readonly building: BuildProgress | null;
  /** Why the last build of this instance came to nothing. */
  readonly failed: string | null;
  /** An import under way: how many chunks have come, and what was made of them. */
  readonly importing:
    | (SnapshotProgress & { readonly upload: string; readonly chunks: number })
    | null;
}

/** One chunk of the current snapshot is asked for by its number, and by the digest that it must still have. */
export interface SnapshotRead {
  readonly chunk: number;
  readonly digest: string;
}

/** A step of an import, in this order: the manifest, each chunk, and `finish` until it is done. */
export type ImportStep =
  | { readonly upload: string; readonly manifest: SnapshotManifest; readonly over: boolean }
  | { readonly upload: string; readonly chunk: number; readonly text: string }
  | { readonly upload: string; readonly finish: true };

/** What a step came to. */
export interface ImportReply {
  readonly now: number;
  /** Chunks that have come. */
  readonly chunks: number;
  readonly rows: number;
  readonly rowsTotal: number;
  /** There once the import is done: the queue's history goes on in this term. */
  readonly imported?: { readonly term: number; readonly digest: string };
}

export const snapshotUpload = z.strictObject({
  /** Names an upload that comes in several requests, of which all but the last say `more`. */
  upload: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .optional(),
  more: z.enum(["true", "false"]).optional(),
  /** Replaces a queue that keeps jobs. */
  over: z.enum(["true", "false"]).optional(),
});
export type SnapshotUpload = z.output<typeof snapshotUpload>;
