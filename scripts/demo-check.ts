/**
 * Judges the demo: compares what the queue has with what this process computes itself.
 * Invariant: a file is right only when its one job completed with the very digest computed here, and a job that a
 * worker took to its grave only when it was handed out again.
 */

import { isDeepStrictEqual } from "node:util";
import type { Job, Queue } from "../src/client/index.ts";
import { type Digest, digest } from "./demo-files.ts";

/** What the demo enqueues for each file. */
export interface FilePayload {
  readonly path: string;
}
export type FileJob = Job<FilePayload, Digest>;

const parallel = 8;

/** All jobs of the queue, by the path of their file; a path with two jobs has both. */
export async function jobsByPath(
  queue: Queue<FilePayload, Digest>,
): Promise<Map<string, FileJob[]>> {
  const byPath = new Map<string, FileJob[]>();
  for await (const job of queue.jobs({ include: "payload", limit: 1000 })) {
    const path = job.payload?.path ?? "";
    byPath.set(path, [...(byPath.get(path) ?? []), job]);
  }
  return byPath;
}

/**
 * What is wrong, in a sentence for each; empty when each file has exactly one result, which is right, and each job in
 * `lost` was done after another delivery.
 */
export async function check(
  files: readonly string[],
  byPath: ReadonlyMap<string, readonly FileJob[]>,
  lost: readonly string[],
): Promise<string[]> {
  const delivered = new Map([...byPath.values()].flat().map((job) => [job.id, job.deliveries]));
  const wrong = lost
    .filter((id) => (delivered.get(id) ?? 0) < 2)
    .map((id) => `${id}: was lost with its worker and not handed out again.`);
  const rest = files.values();
  const judge = async (): Promise<void> => {
    for (const path of rest) {
      const complaint = await complaintOf(path, byPath.get(path) ?? []);
      if (complaint !== undefined) wrong.push(`${path}: ${complaint}`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, judge));
  if (byPath.size > files.length) wrong.push("The queue has jobs of files that were not enqueued.");
  return wrong.sort();
}

async function complaintOf(path: string, jobs: readonly FileJob[]): Promise<string | undefined> {
  const [job] = jobs;
  if (job === undefined || jobs.length > 1) return `has ${jobs.length} jobs instead of one.`;
  if (job.state !== "completed") return `its job is ${job.state}: ${job.error ?? "no error"}.`;
  try {
    const truth = await digest(path);
    return isDeepStrictEqual(job.result, truth)
      ? undefined
      : `its result is wrong, or the file has changed meanwhile: ${JSON.stringify(job.result)}.`;
  } catch (error) {
    return `cannot be read any more: ${error}.`;
  }
}
