/**
 * A job as a new instance makes it from the checkpoint and the log's tail: wherever it stood, and whatever came of it since.
 * The harness compares every row of every table with what is recovered, after each step.
 */
import { expect, test } from "vitest";
import { type Harness, openEngine } from "../engine-harness.ts";

const id = "a";
/** Ways to where a job stands when a checkpoint is taken. */
const standings: readonly (readonly [string, (q: Harness) => Promise<unknown>])[] = [
  ["not there", async () => undefined],
  ["ready", (q) => q.enqueue({ id, ttlMs: 60_000 })],
  ["scheduled", (q) => q.enqueue({ id, delayMs: 5000 })],
  [
    "running",
    async (q) => {
      await q.enqueue({ id });
      await q.claimOne();
    },
  ],
  [
    "ended",
    async (q) => {
      await q.enqueue({ id });
      await q.run("job.cancel", { id });
    },
  ],
];

test.each(standings)("a job that was %s goes, comes again and goes", async (_, stand) => {
  const q = await openEngine({ config: { retention: { completed: { ageMs: 0 } } } });
  await q.enqueue({ id: "other" });
  await q.claimOne();
  await stand(q);
  await q.run("queue.checkpoint", {});
  if (!(await q.ids()).includes(id)) await q.enqueue({ id });
  await q.run("job.cancel", { id });
  await q.run("job.remove", { id });
  await q.enqueue({ id, ttlMs: 10_000 });
  const { token } = await q.claimOne();
  await q.reopen();
  await q.settle({ op: "complete", id, token });
  await q.enqueue({ id, delayMs: 1000 });
  await q.reopen();
  await q.advance(1000);
  expect((await q.claimOne()).id).toBe(id);
});

test("an id that a job without a key had, and one with a key has", async () => {
  const q = await openEngine();
  await q.enqueue({ id: "a" });
  await q.run("queue.checkpoint", {});
  await q.run("queue.purge", {});
  await q.enqueue({ id: "a", key: "k" });
  await q.reopen();
  await q.run("queue.purge", {});
  await q.enqueue({ id: "a" });
  await q.reopen();
});
