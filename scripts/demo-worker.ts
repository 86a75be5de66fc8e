/**
 * One worker process of the demo: digests the files that the queue hands to it.
 * Invariant: it ends with the demo. Once, at a job that the demo chose, it stands still with its jobs in hand until
 * it is told to go on, so that the demo can kill a worker that certainly holds some.
 * Usage (by demo.ts): fork("demo-worker.ts", [url, queue, name, jobsBeforePause]), with SLUICE_TOKEN
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker } from "../src/client/index.ts";
import { type Digest, digest } from "./demo-files.ts";

/** What a worker tells the demo: it stands still, with these jobs in its hands. */
export interface Holding {
  readonly holding: readonly string[];
}

const fillMs = 100;
const [url = "", queue = "", name = "", jobsBeforePause = "0"] = process.argv.slice(2);
/** Jobs that are begun and not done. */
const held = new Set<string>();
const goOn = Promise.withResolvers<void>();
let started = 0;

const files = new Queue<{ path: string }, Digest>({
  name: queue,
  url,
  token: process.env["SLUICE_TOKEN"],
});
const worker = new Worker(
  files,
  async (job) => {
    held.add(job.id);
    if (++started > Number(jobsBeforePause)) await standStill();
    const result = await digest(job.payload.path);
    held.delete(job.id);
    return result;
  },
  { worker: name, concurrency: 16, pollMs: 100 },
);

/** Waits a moment for the other hands to be full, tells what is in them, and stands until told to go on. */
async function standStill(): Promise<void> {
  await sleep(fillMs);
  process.send?.({ holding: [...held] } satisfies Holding);
  await goOn.promise;
}

process.once("message", () => goOn.resolve());
process.once("disconnect", () => process.exit());
process.once("SIGTERM", () => void worker.stop());
await worker.run();
process.disconnect();
