/**
 * A thread of the farm: runs the seeds it is sent.
 * Invariant: runs in one thread follow one another; nothing of one is left for the next.
 */
import { parentPort } from "node:worker_threads";
import type { Done, Task } from "./farm.ts";
import { run } from "./run.ts";

parentPort?.on("message", (task: Task) => {
  void run(task).then(({ digest, coverage, failure }) => {
    const isBroken = failure !== undefined;
    const done: Done = { seed: task.seed, digest, isBroken, coverage: coverage.toJson() };
    parentPort?.postMessage(done);
  });
});
