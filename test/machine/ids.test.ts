/** The ids that a queue makes: each is given once, whatever became of the job that had it. */
import { expect, test } from "vitest";
import { openEngine } from "../engine-harness.ts";

test("an id that was given to a job is never given again, also when that job was removed", async () => {
  const q = await openEngine();
  const given: string[] = [];
  for (let i = 0; i < 3; i++) {
    const id = await q.enqueue();
    given.push(id);
    await q.run("job.cancel", { id });
    await q.run("job.remove", { id });
    await q.run("queue.checkpoint", {});
  }
  expect(new Set(given).size).toBe(3);
  expect(given).toEqual(given.toSorted());
});

test("a token that was given to a claim is never given again, also when its jobs were removed", async () => {
  const q = await openEngine();
  const given: string[] = [];
  for (let i = 0; i < 3; i++) {
    await q.enqueue();
    const { id, token } = await q.claimOne();
    given.push(token);
    await q.run("lease.settle", { items: [{ op: "complete", id, token }] });
    await q.run("job.remove", { id });
    await q.run("queue.checkpoint", {});
  }
  expect(new Set(given).size).toBe(3);
  expect(given).toEqual(given.toSorted());
});
