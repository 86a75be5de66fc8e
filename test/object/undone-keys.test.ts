/**
 * Idempotency keys of a command that was undone: nobody in its group, or behind it, is told that it was done.
 */
import { afterEach, expect, test, vi } from "vitest";
import { decisions } from "../../src/machine/index.ts";
import { codeOf, enqueue, replyOf } from "./commands.ts";
import { CommitRig, turns } from "./rig.ts";

afterEach(() => vi.restoreAllMocks());

test("the same job behind an undone command of its group is taken, and not called a repeat", async () => {
  const rig = new CommitRig();
  rig.sql.isHeld = true;
  void rig.committer.submit(enqueue([{ id: "first" }]));
  await turns();
  const decide = decisions["job.enqueue"];
  vi.spyOn(decisions, "job.enqueue").mockImplementationOnce((tx, input) => {
    decide(tx, input);
    throw new Error("poison");
  });
  const jobs = [{ idempotencyKey: "k", fingerprint: "same" }];
  const answers = Promise.all([1, 2].map(() => rig.committer.submit(enqueue(jobs))));
  await rig.sql.settle();
  await rig.sql.settle();
  const [undone, done] = await answers;
  expect(undone && codeOf(undone)).toBe("internal");
  const [result] = replyOf("job.enqueue", done ?? { reply: "{}" }).results;
  expect(result).not.toHaveProperty("deduplicated");
  const { id } = result as { readonly id: string };
  expect(rig.store.tables.jobs.get([id])?.state).toBe("ready");
  expect(rig.isFaithful).toBe(true);
});
