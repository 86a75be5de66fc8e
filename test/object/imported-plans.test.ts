/**
 * What becomes of the workers and actions of an imported state.
 * Invariant: what was running goes back uncounted, whatever became of its worker; an action has the jobs that name it.
 */
import { expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";
import { exported, imported } from "./snapshot-rig.ts";

test("a worker that died before an import counts no attempt, however many jobs it held", async () => {
  const queue = await openEngine({ config: { maxAttempts: 1 } });
  await queue.run("worker.register", { id: "w", ttlMs: 1000 });
  for (let i = 0; i < 3; i += 1) {
    const jobs = Array.from({ length: 500 }, () => ({ payload: "1" }));
    await queue.run("job.enqueue", { jobs });
    await queue.claim({ worker: "w", max: 500 });
  }
  const file = await exported(queue);
  queue.now += 10_000;
  await imported(queue, file, true);
  await queue.advance(1000);
  const { counts, workers } = await queue.run("queue.stats", {});
  expect(counts).toMatchObject({ ready: 1500, running: 0, failed: 0 });
  expect(workers).toEqual({ alive: 0, draining: 0, dead: 1 });
});

test("a job whose chosen id stands among those of an imported action is none of its jobs", async () => {
  const queue = await openEngine();
  const body = JSON.stringify({ plan_id: "p", tasks: [{ task_number: 1, command: "true" }] });
  await queue.run("plan.submit", { id: "p", body, tasks: 1, commands: ["true"], fields: [] });
  const { jobs } = await queue.run("action.submit", { id: "p", action: "a", inputs: ["1", "2"] });
  const file = await exported(queue);
  await queue.run("queue.delete", { force: "true" });
  // The queue has another id now, so that ids like those of the old one may be chosen.
  await imported(queue, file);
  const id = `${jobs[0]}x`;
  await queue.enqueue({ id });
  expect(await queue.run("action.cancel", { id: "a" })).toMatchObject({ changed: 2 });
  expect(await queue.job(id)).toMatchObject({ state: "ready" });
});
