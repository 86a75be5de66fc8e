/**
 * What tests of snapshots share: a queue with something of everything, exports, imports and verifications as a caller does them.
 */
import type { Settlement } from "../../src/contract/leases.ts";
import type { SnapshotManifest } from "../../src/contract/snapshots.ts";
import { type Harness, openEngine } from "../engine-harness.ts";

export interface File {
  readonly manifest: SnapshotManifest;
  readonly chunks: readonly string[];
}

/** Builds a snapshot and reads it, as an export does. */
export async function exported(queue: Harness): Promise<File> {
  await queue.run("snapshot.build", {});
  await queue.advance(0);
  return await chunksOf(queue);
}

/** Reads the snapshot that was built last. */
export async function chunksOf(queue: Harness): Promise<File> {
  const { current, building } = await queue.run("snapshot.get", {});
  if (current === null || building !== null) throw new Error("the build has not ended");
  const chunks: string[] = [];
  for (let chunk = 1; chunk <= current.chunks; chunk += 1) {
    const answer = await queue.answer("snapshot.read", { chunk, digest: current.digest });
    if (!("reply" in answer)) throw new Error(answer.refusal.detail);
    chunks.push(answer.reply);
  }
  return { manifest: current, chunks };
}

/** Sends a file, and gives what the last step is answered. */
export async function imported(
  queue: Harness,
  { manifest, chunks }: File,
  over = false,
  upload = "u",
) {
  let answer = await queue.answer("snapshot.import", { upload, manifest, over });
  for (const [i, text] of chunks.entries()) {
    if ("refusal" in answer) return answer.refusal;
    answer = await queue.answer("snapshot.import", { upload, chunk: i + 1, text });
  }
  for (;;) {
    if ("refusal" in answer) return answer.refusal;
    answer = await queue.answer("snapshot.import", { upload, finish: true });
    if ("reply" in answer && JSON.parse(answer.reply).imported) return JSON.parse(answer.reply);
  }
}

/** Verifies from beginning to end. */
export async function verified(queue: Harness) {
  let reply = await queue.run("queue.verify", {});
  const problems = [...reply.problems];
  while (reply.cursor !== undefined) {
    reply = await queue.run("queue.verify", { cursor: reply.cursor });
    problems.push(...reply.problems);
  }
  return { problems, checked: reply.checked };
}

/** A queue with jobs in every state, of several lanes, with deadlines and histories. */
export async function busyQueue(): Promise<Harness> {
  const queue = await openEngine({ config: { maxAttempts: 2 } });
  const jobs = Array.from({ length: 30 }, (_, i) => ({
    payload: JSON.stringify({ i, text: 'é\n"' }),
    id: `job-${i}`,
    labels: { "10": "a", b: `${i}` },
    ...(i % 5 === 0 && { delayMs: 60_000 }),
    ...(i % 7 === 0 && { requires: ["gpu"] }),
    ...(i % 4 === 0 && { ttlMs: 900_000 }),
    priority: (i % 3) - 1,
  }));
  await queue.run("job.enqueue", { jobs });
  const held = await queue.claim({ max: 12, capabilities: ["gpu"] });
  const items = held.slice(4).map(({ id, token }, i): Settlement => {
    if (i % 4 === 1) return { op: "fail", id, token, error: "no" };
    if (i % 4 === 2) return { op: "release", id, token };
    return { op: "complete", id, token, result: '{"ok":true}' };
  });
  await queue.run("lease.settle", { items });
  await queue.run("job.cancel", { id: "job-1" }).catch(() => undefined);
  return queue;
}

/** A queue with a snapshot of what it is now. */
export async function reexported(queue: Harness): Promise<Harness> {
  await exported(queue);
  return queue;
}
