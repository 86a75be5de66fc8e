/**
 * The object as a whole, in workerd: groups, rows written, bounds, and what creates a queue.
 * Invariant: what storage holds after a test is what the replies said.
 */
import { runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, test } from "vitest";
import { limits } from "../../../src/contract/limits.ts";
import { claim, codeOf, command, enqueue, idsOf, jobsOf } from "../commands.ts";
import { Queue, stopClock } from "./queues.ts";

beforeEach(stopClock);

const EMPTY = "[]";

describe("a queue that does not exist", () => {
  test("is not created by a read, a poll, a refusal or a checkpoint", async () => {
    const queue = new Queue();
    const { stub } = queue;
    expect(codeOf(await stub.read(command("queue.get", {})))).toBe("queue_unknown");
    expect(codeOf(await stub.read(command("queue.stats", {})))).toBe("queue_unknown");
    expect(jobsOf(await queue.submit(claim()))).toEqual([]);
    expect(codeOf(await queue.submit(command("job.cancel", { id: "a" })))).toBe("queue_unknown");
    expect(codeOf(await queue.submit(command("queue.checkpoint", {})))).toBe("queue_unknown");
    expect(codeOf(await queue.submit(command("queue.delete", {})))).toBe("queue_unknown");
    expect(await queue.database()).toBe(EMPTY);
    expect(await queue.armed()).toBe(null);
  });

  test("is not created by an enqueue of which nothing was taken", async () => {
    const queue = new Queue();
    await queue.submit(command("queue.configure", { maxJobs: 0 }));
    await queue.submit(command("queue.delete", {}));
    await queue.fire();
    expect(await queue.database()).toBe(EMPTY);
    expect(
      codeOf(await queue.submit(enqueue(Array(7).fill({ payload: `"${"x".repeat(250_000)}"` })))),
    ).toBe("entry_too_large");
    expect(await queue.database()).toBe(EMPTY);
  });
});

describe("concurrent commands", () => {
  test("form groups: fewer entries than commands, and every one is answered", async () => {
    const queue = new Queue();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, i) => queue.submit(enqueue([{ id: `job-${i}` }]))),
    );
    expect(new Set(answers.flatMap(idsOf)).size).toBe(200);
    const { counts, log } = await queue.stats();
    expect(counts.ready).toBe(200);
    expect(log.lastIndex).toBeLessThan(100);
  });

  test("of two queues do not touch each other", async () => {
    const [one, two] = [new Queue(), new Queue()];
    await Promise.all([
      ...Array.from({ length: 20 }, () => one.submit(enqueue([{}]))),
      ...Array.from({ length: 30 }, () => two.submit(enqueue([{}]))),
    ]);
    await one.submit(command("queue.purge", {}));
    await one.evict();
    expect((await one.stats()).counts.ready).toBe(0);
    expect((await two.stats()).counts.ready).toBe(30);
  });

  test("are durable when they are answered", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{}]));
    const before = await queue.sql("SELECT max(log_index) AS last FROM raft_log_1");
    await queue.submit(enqueue([{}]));
    await queue.evict();
    const after = await queue.sql("SELECT max(log_index) AS last FROM raft_log_1");
    expect([before, after]).toEqual([[{ last: 1 }], [{ last: 2 }]]);
  });

  test("are refused with `busy` beyond the bound on waiting bytes", async () => {
    const queue = new Queue();
    const bytes = limits.bodyBytesMax;
    const room = limits.pendingBytesMax / bytes;
    const answers = await queue.submitAtOnce(Array(room + 3).fill(enqueue([{}], { bytes })));
    // The first one is in flight, and does not count among those that wait.
    expect(answers.map(codeOf).filter((code) => code === "busy")).toHaveLength(2);
    expect((await queue.stats()).counts.ready).toBe(room + 1);
  });
});

describe("rows written", () => {
  const written = async (queue: Queue) => (await queue.stats()).storage.rowsWritten;

  test("are none for an empty poll, however often", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{}]));
    await queue.submit(claim());
    const before = await written(queue);
    for (let i = 0; i < 10; i++) expect(jobsOf(await queue.submit(claim()))).toEqual([]);
    expect(await written(queue)).toBe(before);
  });

  test("are one for a group of commands", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{}]));
    const before = await written(queue);
    await queue.submitAtOnce(Array(51).fill(enqueue(Array(10).fill({}))));
    expect((await written(queue)) - before).toBe(2);
    expect((await queue.stats()).counts.ready).toBe(511);
  });

  test("are one more for a lease that ends before everything else, by its alarm", async () => {
    const queue = new Queue();
    await queue.submit(enqueue(Array(3).fill({})));
    await queue.fire();
    const before = await written(queue);
    for (let i = 0; i < 3; i++) await queue.submit(claim());
    expect((await written(queue)) - before).toBe(4);
  });
});

describe("large commands", () => {
  test("many payloads of 256 KiB are kept byte for byte, over checkpoints and evictions", async () => {
    const queue = new Queue();
    // Four bytes, five for each "é✓", and two quotes.
    const rest = "é✓".repeat((limits.payloadBytesMax - 6) / 5);
    const payload = (i: number) => `"${String(i).padStart(4, "0")}${rest}"`;
    const batches = Array.from({ length: 16 }, (_, batch) =>
      enqueue(
        [0, 1, 2].map((i) => ({ id: `job-${batch * 3 + i}`, payload: payload(batch * 3 + i) })),
      ),
    );
    const answers = await Promise.all(batches.map((batch) => queue.submit(batch)));
    expect(answers.map(codeOf)).toEqual(Array(16).fill(undefined));
    await queue.evict();
    for (const i of [0, 17, 47]) {
      expect((await queue.read("job.get", { id: `job-${i}` })).job.payload).toBe(
        JSON.parse(payload(i)),
      );
    }
    await queue.submit(command("queue.checkpoint", {}));
    await queue.evict();
    expect((await queue.read("job.get", { id: "job-33" })).job.payload).toBe(
      JSON.parse(payload(33)),
    );
  });

  test("a thousand jobs in one command, claimed in one command", async () => {
    const queue = new Queue();
    expect(idsOf(await queue.submit(enqueue(Array(1000).fill({}))))).toHaveLength(1000);
    expect((await queue.stats()).log.lastIndex).toBe(1);
    const jobs = jobsOf(await queue.submit(claim(1000)));
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1000);
  });

  test("a checkpoint comes by itself, and the next instance begins from it", async () => {
    const queue = new Queue();
    const jobs = Array(4).fill({ payload: `"${"x".repeat(250_000)}"` });
    for (let i = 0; i < 10; i++) await queue.submit(enqueue(jobs));
    const { checkpointedIndex, lastIndex } = (await queue.stats()).log;
    expect(checkpointedIndex).toBeGreaterThan(0);
    expect(checkpointedIndex).toBeLessThan(lastIndex);
    await queue.evict();
    expect((await queue.stats()).counts.ready).toBe(40);
    expect(jobsOf(await queue.submit(claim(10)))).toHaveLength(10);
  });
});

describe("deleting a queue", () => {
  test("leaves the commands that wait to the new, empty queue of its name", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "old" }]));
    const before = (await queue.read("queue.get", {})).queue.queueId;
    const answers = await queue.submitAtOnce([
      enqueue([{ id: "a" }]),
      command("queue.delete", { force: "true" }),
      enqueue([{ id: "a" }]),
      command("job.cancel", { id: "old" }),
    ]);
    expect(answers.map(codeOf)).toEqual([undefined, undefined, undefined, "job_unknown"]);
    expect((await queue.stats()).counts.ready).toBe(1);
    const after = (await queue.read("queue.get", {})).queue.queueId;
    expect(after).not.toBe(before);
  });

  test("makes tokens of the old queue stale", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a" }]));
    const [old] = jobsOf(await queue.submit(claim()));
    await queue.submit(command("queue.delete", { force: "true" }));
    await queue.submit(enqueue([{ id: "a" }]));
    await queue.submit(claim());
    const items = [{ op: "complete", id: "a", token: old?.token ?? "" }] as const;
    const answer = await queue.submit(command("lease.settle", { items }));
    expect("reply" in answer && JSON.parse(answer.reply)).toMatchObject({ refused: 1 });
    expect(await queue.stateOf("a")).toBe("running");
  });
});

test("an instance that is only looked at writes nothing", async () => {
  const queue = new Queue();
  await runInDurableObject(queue.stub, (object) => expect(object).toBeDefined());
  await queue.evict();
  expect(await queue.database()).toBe(EMPTY);
  expect(await queue.armed()).toBe(null);
});
