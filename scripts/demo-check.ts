/**
 * Judges the demo: compares what the queue has with what this process computes itself.
 * Invariant: a file is right only when its one job completed with the very figures computed here, and a job that a worker took
 * to its grave only when it was handed out again.
 */
import { isDeepStrictEqual } from "node:util";
import type { Job, Queue } from "../src/client/index.ts";
import { type Measure, measure } from "./demo-files.ts";

/** The input of each job. */
export interface FileInput {
  readonly path: string;
}
/** A job, and what its tasks wrote. */
export interface FileJob extends Job<FileInput, unknown> {
  readonly measured: Measure | undefined;
}

const parallel = 8;

/** All jobs of the actions, with what they found out, by the path of their file; a path with two jobs has both. */
export async function jobsByPath(
  queue: Queue<FileInput, unknown>,
  actions: readonly string[],
): Promise<Map<string, FileJob[]>> {
  const byPath = new Map<string, FileJob[]>();
  for (const action of actions) {
    const jobs: Job<FileInput, unknown>[] = [];
    for await (const job of queue.jobs({ action, include: "payload", limit: 1000 })) jobs.push(job);
    const rest = jobs.values();
    const read = async (): Promise<void> => {
      for (const job of rest) {
        const path = job.payload?.path ?? "";
        const measured = await measuredBy(queue, job.id);
        byPath.set(path, [...(byPath.get(path) ?? []), { ...job, measured }]);
      }
    };
    await Promise.all(Array.from({ length: parallel }, read));
  }
  return byPath;
}

/** What the tasks of a job wrote, as figures. */
async function measuredBy(queue: Queue<FileInput, unknown>, id: string) {
  const { tasks } = await queue.tasks(id);
  const [, cut = "", wc = ""] = tasks.map(({ stdout }) => stdout);
  return figuresIn(cut, wc);
}

/** The figures in what `cut` and `wc` wrote; the file's name, which may have a line feed, stands behind them. */
export function figuresIn(cut: string, wc: string): Measure | undefined {
  // Some versions of `cksum` mark a name that it had to escape with a backslash before all.
  const [, checksum, bytes] = /^\\?(\d+) (\d+)\n/.exec(cut) ?? [];
  const [, lines] = /^\s*(\d+)\s/.exec(wc) ?? [];
  if (checksum === undefined || bytes === undefined || lines === undefined) return undefined;
  return { checksum: Number(checksum), bytes: Number(bytes), lines: Number(lines) };
}

/**
 * What is wrong, in a sentence for each; empty when each file has exactly one result, which is right, and each job in `lost` was
 * done after another delivery.
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
  if (job.state !== "completed") return `its job is ${job.state}: ${job.error ?? job.reason}.`;
  try {
    const truth = await measure(path);
    return isDeepStrictEqual(job.measured, truth)
      ? undefined
      : `its result is wrong, or the file has changed meanwhile: ${JSON.stringify(job.measured)}.`;
  } catch (error) {
    return `cannot be read any more: ${error}.`;
  }
}
