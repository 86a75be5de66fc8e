/**
 * Verifying a queue: what is sound is found sound, and damage is found wherever it is.
 */
import { describe, expect, it } from "vitest";
import type { VerifyProblem } from "../../src/contract/queue.ts";
import type { Harness } from "../engine-harness.ts";
import { busyQueue, exported, reexported, verified } from "./snapshot-rig.ts";
import { damage, plannedQueue, problemsOf, set } from "./verify-rig.ts";

/** What a verification tells of a queue into whose storage something was written. */
async function problemsAfter(queue: Harness, written: string): Promise<VerifyProblem[]> {
  await damage(queue, [written]);
  return await problemsOf(queue);
}

describe("a verification", () => {
  it("finds nothing wrong with a sound queue of plans, actions, tasks and workers", async () => {
    const queue = await reexported(await plannedQueue());
    expect((await verified(queue)).problems).toEqual([]);
    await queue.run("worker.remove", { id: "v" });
    await queue.advance(135_000);
    await queue.run("action.retry", { id: "live" });
    expect((await queue.run("worker.get", { id: "w" })).worker.state).toBe("dead");
    expect((await verified(await reexported(queue))).problems).toEqual([]);
  });

  it("checks every entry and every row, and finds nothing wrong with a sound queue", async () => {
    const queue = await reexported(await busyQueue());
    const { problems, checked } = await verified(queue);
    expect(problems).toEqual([]);
    const { log } = await queue.run("queue.stats", {});
    expect(checked.entries).toBe(log.lastIndex);
    expect(checked.rows).toBe(checked.rowsTotal);
  });

  it.each([
    ["I11", "a lost index row", "DELETE FROM ready WHERE seq = (SELECT min(seq) FROM ready)"],
    [
      "I11",
      "another index row",
      "UPDATE ready SET priority = priority + 1 WHERE seq IN (SELECT max(seq) FROM ready)",
    ],
    ["I11", "a lost deadline", "DELETE FROM deadlines WHERE id IN (SELECT min(id) FROM deadlines)"],
    [
      "I15",
      "a job from after the last entry",
      "UPDATE jobs SET value = json_set(value, '$.createdAt', 9e12) WHERE id = 'job-9'",
    ],
    ["I11", "a wrong counter", "UPDATE counters SET value = json_set(value, '$.ready', 1)"],
    ["I11", "a wrong lane", "UPDATE lanes SET value = json_set(value, '$.open', 9)"],
    ["I11", "a job whose payload was changed", "UPDATE jobs SET payload = '1' WHERE id = 'job-9'"],
    [
      "I2",
      "a running job without a lease",
      "UPDATE jobs SET value = json_remove(value, '$.leaseUntil') WHERE value ->> 'state' = 'running'",
    ],
    ["I14", "a changed entry", "UPDATE raft_log_1 SET events = replace(events, 'job-9', 'job-8')"],
    ["I11", "a row of another shape", "UPDATE lanes SET value = '{\"open\":1.5}'"],
    [
      "I6",
      "a job in a lane that is not its own",
      "UPDATE jobs SET value = json_set(value, '$.lane', 1) WHERE value ->> 'requires' IS NOT NULL",
    ],
    [
      "I4",
      "a negative count",
      "UPDATE jobs SET value = json_set(value, '$.failures', -1) WHERE id = 'job-9'",
    ],
  ] as const)("finds %s: %s", async (invariant, _, written) => {
    const problems = await problemsAfter(await busyQueue(), written);
    expect(problems.map((each) => each.invariant)).toContain(invariant);
  });

  it("finds I14: an entry that was lost since the object woke, and ends with it", async () => {
    const queue = await busyQueue();
    await queue.crash();
    await exported(queue);
    queue.sql.run("DELETE FROM raft_log_1 WHERE log_index = 2");
    const { problems } = await verified(queue);
    expect(problems).toEqual([{ invariant: "I14", detail: "log entry 2 is missing" }]);
    expect(await queue.refused("queue.resume", {})).toMatchObject({
      refusalCode: "store_corrupt",
      facts: { index: 2 },
    });
  });

  it.each([
    ["labels of no form", set("jobs", "labels", 7, "id = 'single'"), "jobs single: value.labels"],
    ["a wrong count of an action", set("actions", "counts.ready", 9), "actions"],
    ["a lost action", "DELETE FROM actions WHERE id = 'live'", "actions"],
    ["a lost end of an action", "DELETE FROM ended_actions WHERE id = 'ended'", "ended_actions"],
    ["another end of an action", set("actions", "ended.at", 1, "id = 'ended'"), "ended_actions"],
    [
      "another status of an action",
      set("actions", "ended.status", "failed", "id = 'ended'"),
      "ended_",
    ],
    [
      "an action that has not ended with its last job",
      "UPDATE actions SET value = json_remove(value, '$.ended') WHERE id = 'ended'",
      "actions ended: it has no open job, and has not ended",
    ],
    [
      "another size of an ended action",
      set("actions", "total", 7, "id = 'ended'"),
      "ended_cancelled",
    ],
    [
      "a wrong counter of actions' jobs",
      set("counters", "action_cancelled", 1),
      "action_cancelled",
    ],
    ["a wrong counter of ended actions", set("counters", "ended_cancelled", 9), "ended_cancelled"],
    ["a lost number of actions", set("counters", "action", 0), "sequence action"],
    [
      "an action's ended job among those of none",
      "UPDATE finished SET state = 'cancelled' WHERE id = (SELECT max(id) FROM finished)",
      "finished",
    ],
    ["a wrong count of a plan's jobs", set("plans", "open", 9), "plans"],
    ["a lost plan", "DELETE FROM plans", "plans"],
    ["a version with another text", "UPDATE plan_versions SET body = '{}'", "bytes"],
    ["a task with another output", "UPDATE tasks SET stdout = 'longer'", "bytes"],
    ["a lost task", "DELETE FROM tasks", "bytes"],
    ["a lost row of what a worker holds", "DELETE FROM held", "held"],
    ["a job that another worker holds", "UPDATE held SET worker = 'v'", "held"],
    ["a wrong count of a worker's jobs", set("workers", "running", 9), "holders"],
    ["a lost due time of a worker", "DELETE FROM worker_due WHERE name = 'v'", "worker_due"],
    ["another due time of a worker", "UPDATE worker_due SET due_at = due_at + 1", "worker_due"],
    ["another last sign of a worker", set("workers", "seenAt", 1), "worker_due"],
    ["a lost worker", "DELETE FROM workers WHERE name = 'w'", "holders"],
  ] as const)("finds %s", async (_, written, told) => {
    const problems = await problemsAfter(await plannedQueue(), written);
    expect(problems.map(({ detail }) => detail).join("\n")).toContain(told);
  });

  it("is not even begun where the counters name more jobs of actions than there are jobs", async () => {
    const queue = await plannedQueue();
    await queue.run("queue.checkpoint", {});
    queue.sql.run(set("counters", "action_cancelled", 9));
    await queue.crash();
    expect(await queue.refused("queue.verify", {})).toMatchObject({ refusalCode: "store_corrupt" });
  });

  it("of a queue with a row that cannot be read says so instead of an older state", async () => {
    const queue = await busyQueue();
    await exported(queue);
    await queue.enqueue();
    await queue.run("queue.checkpoint", {});
    queue.sql.run("UPDATE jobs SET value = '{' WHERE id = 'job-9'");
    await queue.crash();
    await queue.answer("snapshot.build", {});
    await queue.fire();
    const status = await queue.run("snapshot.get", {});
    expect(status.building).toBeNull();
    expect(status.failed).toMatch(/jobs: a row's value is not JSON/);
  });

  it("refuses a cursor that it did not give", async () => {
    const queue = await reexported(await busyQueue());
    const { cursor = "" } = await queue.run("queue.verify", {});
    const bad = ["x", "", `${cursor}x`, cursor.slice(3)];
    for (const each of bad) {
      expect(await queue.refused("queue.verify", { cursor: each })).toMatchObject({
        refusalCode: "cursor_invalid",
      });
    }
    await queue.enqueue();
    await exported(queue);
    expect(await queue.refused("queue.verify", { cursor })).toMatchObject({
      refusalCode: "cursor_invalid",
    });
  });
});
