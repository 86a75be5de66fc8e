/**
 * Verifying a queue: what is sound is found sound, and damage is found wherever it is.
 */
import { describe, expect, it } from "vitest";
import { busyQueue, exported, reexported, verified } from "./snapshot-rig.ts";

describe("a verification", () => {
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
    ["I14", "a lost entry", "DELETE FROM raft_log_1 WHERE log_index = 2"],
  ] as const)("finds %s: %s", async (invariant, _, damage) => {
    const queue = await busyQueue();
    await queue.run("queue.checkpoint", {});
    queue.sql.run(damage);
    await queue.crash();
    await queue.answer("snapshot.build", {});
    await queue.fire();
    let reply = await queue.answer("queue.verify", {});
    const problems: { invariant: string }[] = [];
    for (;;) {
      if ("refusal" in reply) throw new Error(reply.refusal.detail);
      const step = JSON.parse(reply.reply);
      problems.push(...step.problems);
      if (step.cursor === undefined) break;
      reply = await queue.answer("queue.verify", { cursor: step.cursor });
    }
    expect(problems.map((each) => each.invariant)).toContain(invariant);
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
