/**
 * Flow control through the client, against a real server: keys, unique keys, flows, dead letters.
 * Invariant: a key comes back as it was named, whatever characters it has.
 */
import { describe, expect, test } from "vitest";
import { JobNotCompletedError, ReleaseJob } from "../../src/client/index.ts";
import { hire } from "./crew.ts";
import { rig } from "./rig.ts";

const at = rig();

describe("a key", () => {
  test("is limited, read, listed, paused, resumed and left to the defaults again", async () => {
    const queue = at.queue();
    const { keys } = queue;
    await queue.configure({ concurrency: 50, keys: { concurrency: 5 } });
    const put = await keys.put("acme", { concurrency: 2, rate: { limit: 100, perMs: 1_000 } });
    expect(put).toMatchObject({
      key: "acme",
      paused: false,
      settings: { concurrency: 2, rate: { limit: 100, perMs: 1_000 } },
      limits: { concurrency: 2, order: "priority", weight: 1 },
    });
    expect(await keys.put("acme", { rate: null })).toMatchObject({ settings: { concurrency: 2 } });
    expect(await keys.pause("acme", "unpaid")).toMatchObject({
      paused: true,
      pausedReason: "unpaid",
      limitedBy: "paused",
    });
    expect((await keys.list({ state: "paused" })).keys.map(({ key }) => key)).toEqual(["acme"]);
    expect(await keys.resume("acme")).toMatchObject({ paused: false });
    expect(await keys.remove("acme")).toMatchObject({ settings: {}, limits: { concurrency: 5 } });
    expect((await keys.list()).keys).toEqual([]);
  });

  test.each(["a/b", "a.b", "100%", "%2F", "日本語 👩‍🚀", "a?b#c", "a\\b"])(
    "%j is the same in a job and in an address",
    async (key) => {
      const queue = at.queue();
      const { id } = await queue.enqueue(1, { key });
      expect(await queue.keys.get(key)).toMatchObject({ key, waiting: 1, ready: 1 });
      expect((await queue.keys.list()).keys.map((each) => each.key)).toEqual([key]);
      expect((await queue.list({ key })).jobs.map((job) => job.id)).toEqual([id]);
      expect((await queue.claim()).jobs[0]).toMatchObject({ id, key });
      expect(await queue.keys.get(key)).toMatchObject({ ready: 0, running: 1 });
    },
  );

  test.each(["", ".", ".."])("%j is refused before a request is sent", async (key) => {
    const queue = at.queue();
    await expect(queue.keys.get(key)).rejects.toThrow("cannot be a name");
    await expect(queue.keys.pause(key)).rejects.toThrow("cannot be a name");
    expect(at.proxy.seen).toEqual([]);
  });

  test("that is at its limit holds its other jobs back, and an empty claim counts them", async () => {
    const queue = at.queue();
    await queue.configure();
    await queue.keys.put("one", { concurrency: 1 });
    await queue.enqueueMany([1, 2].map((payload) => ({ payload, key: "one" })));
    expect((await queue.claim({ max: 5 })).jobs).toHaveLength(1);
    expect(await queue.claim()).toMatchObject({ jobs: [], limited: 1 });
    expect(await queue.keys.get("one")).toMatchObject({ limitedBy: "concurrency" });
  });

  test("shows the order that its open jobs have, and that strict order is one at a time", async () => {
    const queue = at.queue();
    await queue.enqueue(1, { key: "before" });
    await queue.configure({ keys: { order: "fifo", concurrency: 5 } });
    const { limits: kept } = await queue.keys.get("before");
    expect(kept).toMatchObject({ order: "priority", concurrency: 5 });
    const { limits: strict } = await queue.keys.get("new");
    expect(strict).toMatchObject({ order: "fifo", concurrency: 1 });
  });

  test("whose order cannot change says so", async () => {
    const queue = at.queue();
    await queue.enqueue(1, { key: "busy" });
    const change = queue.keys.put("busy", { order: "fifo" });
    await expect(change).rejects.toMatchObject({ code: "key_in_use", status: 409 });
  });

  test("is held back by a handler that was asked for time", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1, { key: "api" });
    const crew = hire(queue, () => Promise.reject(new ReleaseJob({ holdKeyMs: 3_600_000 })));
    await crew.settledJobs(1);
    await crew.stop();
    expect(await queue.get(id)).toMatchObject({ state: "ready", attempt: 1 });
    expect(await queue.keys.get("api")).toMatchObject({ limitedBy: "held" });
  });
});

describe("a unique key", () => {
  test("is answered with the job that has it, or gives that one a new payload, or refuses", async () => {
    const queue = at.queue<number>();
    const { id } = await queue.enqueue(1, { unique: { key: "u" } });
    expect(await queue.enqueue(2, { unique: { key: "u" } })).toEqual({ id, deduplicated: true });
    const replace = { key: "u", onConflict: "replace" } as const;
    expect(await queue.enqueue(3, { unique: replace })).toEqual({ id, replaced: true });
    expect(await queue.get(id)).toMatchObject({ payload: 3, unique: { key: "u" } });
    const reject = queue.enqueue(4, { unique: { key: "u", onConflict: "reject" } });
    await expect(reject).rejects.toMatchObject({ code: "unique_conflict", facts: { id } });
    expect((await queue.stats()).counts.ready).toBe(1);
  });
});

describe("a flow", () => {
  test("gives a handler the results of the jobs that it waited for, in its own order", async () => {
    const queue = at.queue();
    await queue.enqueueMany([
      { id: "sum", payload: null, after: ["b", { id: "a", onFail: "continue" }] },
      { id: "a", payload: 1 },
      { id: "b", payload: 2 },
    ]);
    expect(await queue.get("sum")).toMatchObject({ state: "blocked", pending: 2 });
    const counts: (number | undefined)[] = [];
    const crew = hire(queue, async (job, context) => {
      counts.push(job.parents);
      const parents = await context.parents<number>();
      return parents.length === 0 ? job.payload : parents.map(({ id, result }) => [id, result]);
    });
    await crew.settledJobs(3);
    await crew.stop();
    const sum = [
      ["b", 2],
      ["a", 1],
    ];
    expect(counts).toEqual([undefined, undefined, 2]);
    expect(await queue.result("sum")).toEqual(sum);
    const pages = await Array.fromAsync(queue.parents<number>("sum", { limit: 1 }));
    expect(pages.map(({ id, result }) => [id, result])).toEqual(sum);
    expect(crew.errors).toEqual([]);
  });

  test("with an unknown job is refused for the job that names it, and one with a circle as a whole", async () => {
    const queue = at.queue();
    const [wrong, right] = await queue.enqueueMany([
      { id: "w", payload: 1, after: ["nobody"] },
      { id: "r", payload: 2 },
    ]);
    expect(wrong).toMatchObject({ error: { code: "parent_unknown", facts: { parent: "nobody" } } });
    expect(right).toEqual({ id: "r" });
    const circle = await queue.enqueueMany([
      { id: "x", payload: 1, after: ["y"] },
      { id: "y", payload: 2, after: ["x"] },
      { id: "z", payload: 3 },
    ]);
    for (const outcome of circle) expect(outcome).toMatchObject({ error: { code: "flow_cycle" } });
    await expect(queue.get("z")).rejects.toMatchObject({ code: "job_unknown" });
  });
});

describe("a result", () => {
  test("is undefined before the job's end, then its value, or null where it has none", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1);
    const { id: bare } = await queue.enqueue(2);
    expect(await queue.result(id)).toBeUndefined();
    const { jobs } = await queue.claim({ max: 2 });
    expect(await queue.result(id)).toBeUndefined();
    const [first, second] = jobs.map(({ token }) => token);
    await queue.settle([
      { op: "complete", id, token: first ?? "", result: { n: 1 } },
      { op: "complete", id: bare, token: second ?? "" },
    ]);
    expect(await queue.result(id)).toEqual({ n: 1 });
    expect(await queue.result(bare)).toBeNull();
  });

  test("of a job that failed or was cancelled is an error that says why", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1);
    const { id: other } = await queue.enqueue(2);
    const [job] = (await queue.claim()).jobs;
    const token = job?.token ?? "";
    await queue.settle([{ op: "fail", id, token, error: "no such address", retryable: false }]);
    await queue.cancel(other, "late");
    await expect(queue.result(id)).rejects.toBeInstanceOf(JobNotCompletedError);
    await expect(queue.result(id)).rejects.toMatchObject({
      state: "failed",
      error: "no such address",
      message: `Job ${id} is failed: no such address`,
    });
    await expect(queue.result(other)).rejects.toMatchObject({ state: "cancelled", reason: "late" });
    await expect(queue.result("nobody")).rejects.toMatchObject({ code: "job_unknown" });
  });
});

describe("dead letters", () => {
  test("are listed, run again and discarded by key, error and the time of their end", async () => {
    const queue = at.queue();
    const specs = [
      { id: "a", key: "k", error: "timeout at dawn" },
      { id: "b", key: "k", error: "no such address" },
      { id: "c", key: "l", error: "timeout at dusk" },
    ];
    await queue.enqueueMany(specs.map(({ id, key }) => ({ id, key, payload: null })));
    const { jobs } = await queue.claim({ max: 3 });
    await queue.settle(
      jobs.map(({ id, token }) => {
        const error = specs.find((spec) => spec.id === id)?.error ?? "";
        return { op: "fail", id, token, error, retryable: false };
      }),
    );
    const ids = async (filter: object) => {
      const page = await queue.list({ state: "failed", ...filter });
      return page.jobs.map(({ id }) => id).sort();
    };
    const { endedAt = 0 } = await queue.get("a");
    expect(await ids({ error: "timeout" })).toEqual(["a", "c"]);
    expect(await ids({ error: "timeout", key: "k" })).toEqual(["a"]);
    expect(await ids({ endedAfter: endedAt })).toEqual(["a", "b", "c"]);
    expect(await ids({ endedBefore: endedAt })).toEqual([]);
    expect(await queue.redrive({ key: "l", endedAfter: endedAt })).toMatchObject({ changed: 1 });
    expect(await queue.discard({ error: "address" })).toMatchObject({
      kind: "discard",
      status: "done",
      changed: 1,
    });
    await expect(queue.get("b")).rejects.toMatchObject({ code: "job_unknown" });
    expect(await queue.discard({ ids: ["a", "c"] })).toMatchObject({ changed: 1 });
    expect((await queue.stats()).counts).toMatchObject({ failed: 0, ready: 1 });
  });
});
