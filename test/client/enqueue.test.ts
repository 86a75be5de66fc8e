/**
 * How enqueues share requests, each with an outcome of its own.
 * Invariant: nothing is enqueued twice or lost, whatever becomes of the others in its request.
 */
import { describe, expect, test } from "vitest";
import { SluiceError } from "../../src/client/index.ts";
import { cutAfter, type Seen } from "./flaky-proxy.ts";
import { rig } from "./rig.ts";
import { TestClock } from "./test-clock.ts";

const at = rig();
const jobsOf = ({ text }: Seen) => (JSON.parse(text) as { jobs: { payload: unknown }[] }).jobs;
const sizes = () => at.proxy.seen.map((seen) => jobsOf(seen).length);
const codeOf = (error: unknown) => (error instanceof SluiceError ? error.code : error);
const codeIn = (outcome: object) => ("error" in outcome ? codeOf(outcome.error) : undefined);

describe("enqueue", () => {
  test("calls of one turn travel in one request", async () => {
    const queue = at.queue<number>();
    const results = await Promise.all([1, 2, 3].map((n) => queue.enqueue(n)));
    expect(sizes()).toEqual([3]);
    const payloads = await Promise.all(results.map(({ id }) => queue.get(id)));
    expect(payloads.map(({ payload }) => payload)).toEqual([1, 2, 3]);
  });

  test("calls made while a request is under way travel together in the next one, in order", async () => {
    const queue = at.queue<number>();
    const letPass = at.proxy.holdNext();
    const first = queue.enqueue(0);
    await at.proxy.request();
    const others = [1, 2, 3, 4].map((n) => queue.enqueue(n));
    letPass();
    await Promise.all([first, ...others]);
    expect(sizes()).toEqual([1, 4]);
    const { jobs } = await queue.list({ state: "ready", include: "payload" });
    expect(jobs.map(({ payload }) => payload)).toEqual([0, 1, 2, 3, 4]);
  });

  test("a job whose id is taken is refused alone", async () => {
    const queue = at.queue<string>();
    await queue.enqueue("old", { id: "a" });
    const taken = queue.enqueue("new", { id: "a" }).catch(codeOf);
    const same = queue.enqueue("old", { id: "a" });
    const other = queue.enqueue("new", { id: "b" });
    expect(await taken).toBe("job_exists");
    expect(await same).toEqual({ id: "a", deduplicated: true });
    expect(await other).toEqual({ id: "b" });
  });

  test("a malformed job is refused alone, with a pointer into itself", async () => {
    const queue = at.queue<number>();
    const outcomes = await queue.enqueueMany([
      { payload: 0 },
      { payload: 1, priority: 5000 },
      { payload: 2 },
    ]);
    const [, bad] = outcomes;
    const error = bad !== undefined && "error" in bad ? bad.error : undefined;
    expect(error).toMatchObject({ code: "input_invalid", errors: [{ pointer: "/priority" }] });
    expect(outcomes.filter((outcome) => "id" in outcome)).toHaveLength(2);
    expect((await queue.stats()).counts.ready).toBe(2);
  });

  test("a job that is too large by itself is refused alone", async () => {
    const queue = at.queue<string>();
    const large = queue.enqueue("x".repeat(2_000_000)).catch(codeOf);
    const small = queue.enqueue("small");
    expect(await large).toMatch(/too_large/);
    await small;
    expect((await queue.stats()).counts.ready).toBe(1);
  });

  test("a request holds at most 1,000 jobs and one MiB", async () => {
    const queue = at.queue<string>();
    await queue.enqueueMany(Array.from({ length: 1500 }, () => ({ payload: "" })));
    expect(sizes()).toEqual([1000, 500]);
    const payload = "é".repeat(100_000);
    await queue.enqueueMany(Array.from({ length: 7 }, () => ({ payload })));
    expect(sizes().slice(2)).toEqual([5, 2]);
    const bytes = at.proxy.seen.map(({ text }) => Buffer.byteLength(text));
    expect(Math.max(...bytes)).toBeLessThanOrEqual(1024 * 1024);
  });

  test("a lost answer enqueues once: the same key and body go again", async () => {
    const queue = at.queue<number>(new TestClock({ skipMs: 5_000 }));
    at.proxy.next(cutAfter);
    await Promise.all([1, 2, 3].map((n) => queue.enqueue(n)));
    const [first, second] = at.proxy.seen;
    expect(second).toEqual(first);
    expect((await queue.stats()).counts.ready).toBe(3);
  });

  test("a full queue is tried again, and refuses for good after a minute", async () => {
    const clock = new TestClock({ skipMs: 5_000 });
    const queue = at.queue<number>(clock);
    await queue.configure({ maxJobs: 1 });
    await queue.enqueue(1);
    const tried = at.proxy.seen.length;
    expect(await queue.enqueue(2).catch(codeOf)).toBe("queue_full");
    expect(at.proxy.seen.length - tried).toBeGreaterThan(5);
    await queue.configure({ maxJobs: 2 });
    expect(await queue.enqueue(2)).toHaveProperty("id");
  });

  test("jobs that wait for one that is tried again are taken behind it, in whatever order they are given", async () => {
    const clock = new TestClock();
    const queue = at.queue<number>(clock);
    await queue.configure({ keys: { maxBacklog: 1 } });
    const { id } = await queue.enqueue(0, { key: "k" });
    const outcomes = queue.enqueueMany([
      { payload: 3, id: "grandchild", after: ["child"] },
      { payload: 2, id: "child", after: ["parent"] },
      { payload: 1, id: "parent", key: "k" },
    ]);
    await clock.asleep(1);
    await queue.cancel(id);
    clock.advance(1000);
    expect(await outcomes).toEqual([{ id: "grandchild" }, { id: "child" }, { id: "parent" }]);
    expect((await queue.stats()).counts).toMatchObject({ ready: 1, blocked: 2 });
  });

  test("jobs that wait for one that is given up are refused", async () => {
    const queue = at.queue<number>(new TestClock({ skipMs: 5_000 }));
    await queue.configure({ keys: { maxBacklog: 0 } });
    const outcomes = await queue.enqueueMany([
      { payload: 1, id: "parent", key: "k" },
      { payload: 2, id: "child", after: ["parent"] },
    ]);
    expect(outcomes.map(codeIn)).toEqual(["key_full", "parent_unknown"]);
  });

  test("a chain of 2,500 jobs, each after the next one, takes three requests, and its outcomes stand in the order of the call", async () => {
    const queue = at.queue<number>();
    const ids = Array.from({ length: 2500 }, (_, i) => `j${i}`);
    const last = ids.length - 1;
    const chain = ids.map((id, payload) => ({
      ...{ id, payload },
      ...(payload < last && { after: [`j${payload + 1}`] }),
    }));
    expect(await queue.enqueueMany(chain)).toEqual(ids.map((id) => ({ id })));
    expect(sizes()).toEqual([1000, 1000, 500]);
    expect((await queue.stats()).counts).toMatchObject({ ready: 1, blocked: last });
  });

  test("jobs that wait for later ones leave all others of several requests in their places", async () => {
    const queue = at.queue<string>();
    const payload = "x".repeat(250_000);
    await queue.enqueueMany([
      { payload, id: "child", after: ["parent"] },
      ...["1", "2", "3", "4"].map((id) => ({ payload, id })),
      { payload, id: "parent" },
    ]);
    expect(sizes()).toEqual([4, 2]);
    const { jobs } = await queue.list({ state: "ready" });
    expect(jobs.map(({ id }) => id)).toEqual(["parent", "1", "2", "3", "4"]);
  });

  test("a circle refuses its whole call before a request is sent, and no job of another call", async () => {
    const queue = at.queue<number>();
    const [circle, others] = await Promise.all([
      queue.enqueueMany([
        { payload: 1, id: "leaf", after: ["m"] },
        { payload: 2, id: "m", after: ["n", "root"] },
        { payload: 3, id: "n", after: ["m"] },
        { payload: 4, id: "root" },
      ]),
      queue.enqueueMany([{ payload: 5, id: "other" }]),
    ]);
    expect(circle.map(codeIn)).toEqual(Array.from({ length: 4 }, () => "flow_cycle"));
    expect(others).toEqual([{ id: "other" }]);
    expect(sizes()).toEqual([1]);
    expect((await queue.stats()).counts).toMatchObject({ ready: 1, blocked: 0 });
  });

  test("a circle over several calls refuses its own jobs, and leaves the others of its request", async () => {
    const queue = at.queue<number>();
    const [one, two] = await Promise.all([
      queue.enqueueMany([
        { payload: 1, id: "a", after: ["b"] },
        { payload: 2, id: "c" },
      ]),
      queue.enqueueMany([{ payload: 3, id: "b", after: ["a"] }]),
    ]);
    const codes = [...one, ...two].map(codeIn);
    expect(codes.map((code) => code === "flow_cycle" || code === "parent_unknown")).toEqual([
      true,
      false,
      true,
    ]);
    expect(one[1]).toEqual({ id: "c" });
  });

  test("a payload that is no JSON value stops all before the first is sent", async () => {
    const queue = at.queue<unknown>();
    await expect(queue.enqueueMany([{ payload: 1 }, { payload: 1n }])).rejects.toThrow(TypeError);
    expect(at.proxy.seen).toEqual([]);
  });
});
