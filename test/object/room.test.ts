/**
 * Room: what the texts of jobs may take in memory between two checkpoints, and what a queue does when its database is full.
 */
import { describe, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { jobs as jobTable } from "../../src/store/jobs.ts";
import { claim, codeOf, command, complete, enqueue, jobsOf, replyOf, settle } from "./commands.ts";
import { CommitRig } from "./rig.ts";

// Texts that a checkpoint may leave to a list do not count: here it leaves none.
Object.assign(jobTable, { pendingRowsMax: 0 });

const payload = (bytes: number): string => `"${"x".repeat(bytes - 2)}"`;

describe("texts that wait in memory for a checkpoint", () => {
  /** A rig in which 1,000 units of texts ask for a checkpoint, and 120 jobs of 100 are due at once. */
  async function heavy(): Promise<CommitRig> {
    const rig = new CommitRig({ textUnitsMax: 1000 });
    rig.afterAppend = () => {
      if (rig.store.checkpointDue) rig.store.checkpoint();
    };
    const jobs = Array.from({ length: 120 }, () => ({ payload: payload(100), delayMs: 1000 }));
    await rig.committer.submit(enqueue(jobs));
    rig.now += 1000;
    return rig;
  }
  const ready = ({ store }: CommitRig) => store.tables.counters.get([0])?.ready;

  test("end a sweep, which goes on behind the checkpoint", async () => {
    const rig = await heavy();
    for (const count of [50, 100, 120]) {
      await rig.committer.submit(command("queue.resume", {}));
      expect(ready(rig)).toBe(count);
    }
    expect(rig.isFaithful).toBe(true);
  });

  test("close a group, however small its entry", async () => {
    const rig = await heavy();
    for (let i = 0; i < 3; i++) await rig.committer.submit(command("queue.resume", {}));
    const before = rig.store.last.index;
    rig.sql.isHeld = true;
    const answers = Promise.all(Array.from({ length: 5 }, () => rig.committer.submit(claim(10))));
    rig.sql.isHeld = false;
    while (rig.sql.waiting > 0) await rig.sql.settle();
    expect((await answers).flatMap(jobsOf)).toHaveLength(50);
    expect(rig.store.last.index - before).toBe(5);
    expect(rig.isFaithful).toBe(true);
  });
});

test("a full database takes no more jobs, and lets those that are there be finished and repeated", async () => {
  const rig = new CommitRig();
  const first = enqueue([{ id: "a" }], { key: "k" });
  await rig.committer.submit(first);
  vi.spyOn(rig.sql, "bytes", "get").mockReturnValue(limits.databaseBytesMax);
  rig.store.checkpoint();
  const { results } = replyOf("job.enqueue", await rig.committer.submit(enqueue([{ id: "b" }])));
  expect(results).toMatchObject([{ problem: { code: "queue_full", status: 507 } }]);
  expect(codeOf(await rig.committer.submit(first))).toBeUndefined();
  const jobs = jobsOf(await rig.committer.submit(claim()));
  expect(codeOf(await rig.committer.submit(settle(jobs.map(complete))))).toBeUndefined();
  expect(codeOf(await rig.committer.submit(command("queue.purge", {})))).toBeUndefined();
});
