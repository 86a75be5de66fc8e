/**
 * What a worker does that registers itself, and how it reports the tasks of jobs.
 * Invariant: it is registered while it runs, whoever takes that away, and no longer.
 */
import { describe, expect, test } from "vitest";
import type { Queue } from "../../src/client/index.ts";
import { gate, hire, says, turnOf } from "./crew.ts";
import { cutBefore, problem, type Seen } from "./flaky-proxy.ts";
import { rig } from "./rig.ts";
import { TestClock } from "./test-clock.ts";

const at = rig();

const plan = {
  plan_id: "p",
  tasks: [
    { task_number: 1, command: "echo", args: ["{{input.n}}"] },
    { task_number: 2, command: "cat", input_from_task: 1 },
  ],
};
const worker = "w:1@host";
const address = encodeURIComponent(worker);
const asks =
  (method: string, path: string) =>
  (seen: Seen): boolean =>
    seen.method === method && seen.path.endsWith(`/workers/${address}${path}`);
const registers = asks("PUT", "");
const heartbeats = asks("POST", "/heartbeat");
const drains = asks("POST", "/drain");
const leaves = asks("DELETE", "");
const count = (isIt: (seen: Seen) => boolean): number => at.proxy.seen.filter(isIt).length;

/** A worker that is busy with one job and says nothing of it for an hour. */
async function busy(queue: Queue, ttlMs = 60_000) {
  const direct = at.direct(queue);
  await direct.enqueue(1, { id: "job" });
  const hold = gate();
  const options = { leaseMs: 3_600_000, concurrency: 1, worker, register: { ttlMs } };
  const crew = hire(queue, () => hold.passed, options);
  return { crew, direct, open: hold.open };
}

describe("a worker that registers", () => {
  test("is seen while it runs, claims what it said, and leaves when it is stopped", async () => {
    const queue = at.queue();
    await queue.plans.submit(plan);
    const { id } = await queue.enqueue({ n: 1 }, { plan: "p" });
    await queue.enqueue("not for it");
    const hold = gate();
    const begun = gate();
    const crew = hire(
      queue,
      async () => {
        begun.open();
        await hold.passed;
      },
      {
        worker,
        kinds: ["plan"],
        capabilities: ["echo", "cat"],
        concurrency: 3,
        register: { ttlMs: 60_000, info: "v1" },
      },
    );
    await begun.passed;
    expect(await at.direct(queue).workers.get(worker)).toMatchObject({
      jobs: [id],
      worker: {
        state: "alive",
        kinds: ["plan"],
        capabilities: ["cat", "echo"],
        slots: 3,
        ttlMs: 60_000,
        info: "v1",
        running: 1,
      },
    });
    const stopped = crew.stop();
    while ((await at.direct(queue).workers.get(worker)).worker.state !== "draining");
    hold.open();
    await stopped;
    await expect(queue.workers.get(worker)).rejects.toMatchObject({ code: "worker_unknown" });
    expect(crew.settled).toMatchObject([{ job: { id }, answer: { state: "completed" } }]);
    expect([count(registers), count(drains), count(leaves)]).toEqual([1, 1, 1]);
    expect(crew.errors).toEqual([]);
  });

  test("registers under its defaults where it says no more", async () => {
    const queue = at.queue();
    await queue.configure({ workerTtlMs: 5_000 });
    const claimed = at.proxy.request(({ path }) => path.endsWith("/claim"));
    const crew = hire(queue, () => null, { register: true });
    await claimed;
    expect(await at.direct(queue).workers.list()).toMatchObject({
      workers: [{ name: expect.stringMatching(/^worker-/), ttlMs: 5_000, slots: 10 }],
    });
    await crew.stop();
    expect(await queue.workers.list()).toMatchObject({ workers: [] });
  });

  test("says that it lives when it was silent for a third of its time to live", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const { crew, open } = await busy(queue);
    for (const _ of ["first", "second"]) {
      await clock.asleep(20_000);
      const heard = at.proxy.request(heartbeats);
      clock.advance(20_000);
      await heard;
    }
    await clock.asleep(20_000);
    open();
    await crew.settledJobs(1);
    await crew.stop();
    expect([count(registers), count(heartbeats)]).toEqual([1, 2]);
    expect(crew.errors).toEqual([]);
  });

  test("registers again when somebody removed it, and its job's loss is told", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const { crew, direct, open } = await busy(queue);
    await clock.asleep(20_000);
    await direct.workers.remove(worker);
    expect((await direct.get("job")).state).toBe("ready");
    const again = at.proxy.request(registers);
    clock.advance(20_000);
    await again;
    await clock.asleep(20_000);
    expect((await direct.workers.get(worker)).worker.state).toBe("alive");
    await direct.workers.remove(worker);
    await direct.pause();
    open();
    await crew.settledJobs(1);
    await crew.stop();
    expect(crew.settled).toMatchObject([{ answer: { problem: { code: "already_settled" } } }]);
    expect(crew.errors).toEqual([]);
  });

  test("asks once in its time to live whether it is registered, also while it claims", async () => {
    const clock = new TestClock({ skipMs: 2_000 });
    const queue = at.queue(clock);
    const heard = at.proxy.request(heartbeats);
    const crew = hire(queue, () => null, { worker, register: { ttlMs: 20_000 } });
    await heard;
    expect(count(({ path }) => path.endsWith("/claim"))).toBeGreaterThan(15);
    await crew.stop();
    expect(crew.errors).toEqual([]);
  });

  test("does not make a deleted queue anew, and registers with the next one", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const { crew, direct } = await busy(queue);
    await clock.asleep(20_000);
    await direct.delete({ force: true });
    const heard = at.proxy.request(heartbeats);
    clock.advance(20_000);
    await heard;
    await clock.asleep(20_000);
    await expect(direct.info()).rejects.toMatchObject({ code: "queue_unknown" });
    await direct.configure();
    const again = at.proxy.request(registers);
    clock.advance(20_000);
    await again;
    await clock.asleep(20_000);
    expect((await direct.workers.list()).workers).toHaveLength(1);
    const stopped = crew.stop();
    await clock.asleep(10_000);
    clock.advance(10_000);
    await clock.asleep(5_000);
    clock.advance(5_000);
    await stopped;
    expect((await direct.workers.list()).workers).toEqual([]);
  });
});

describe("a registration that fails", () => {
  test("for good at the start ends the worker", async () => {
    const crew = hire(at.queue(), () => null, { worker: "not a name", register: true });
    await expect(crew.ended).rejects.toMatchObject({ code: "input_invalid" });
  });

  test("later is told, and the worker goes on", async () => {
    const clock = new TestClock({ skipMs: 10 });
    const queue = at.queue(clock);
    const { crew, open } = await busy(queue);
    await clock.asleep(20_000);
    const heard = at.proxy.request(heartbeats);
    at.proxy.next(problem(409, "workers_limit", false));
    clock.advance(20_000);
    await heard;
    await clock.asleep(500);
    expect(crew.errors).toMatchObject([{ code: "workers_limit" }]);
    const again = at.proxy.request(heartbeats);
    clock.advance(1_000);
    await again;
    open();
    await crew.settledJobs(1);
    await crew.stop();
    expect(crew.errors).toHaveLength(1);
  });

  test("at the end is told, and takes no longer than five seconds", async () => {
    const clock = new TestClock();
    const queue = at.queue(clock);
    const claimed = at.proxy.request(({ path }) => path.endsWith("/claim"));
    const crew = hire(queue, () => null, { worker, register: true, pollMs: 60_000 });
    await claimed;
    at.proxy.always = cutBefore;
    const stopped = crew.stop();
    await clock.asleep(5_000);
    clock.advance(5_000);
    await stopped;
    expect(String(crew.errors.at(-1))).toContain("could not unregister");
    expect((await at.direct(queue).workers.get(worker)).worker.running).toBe(0);
  });
});

describe("reports of tasks", () => {
  test("arrive in their order, while the job runs and before its end", async () => {
    const queue = at.queue();
    await queue.plans.submit(plan);
    const { id } = await queue.enqueue({ n: 12 }, { plan: "p" });
    const hold = gate();
    const arrived = at.proxy.request(says("task"));
    const crew = hire(
      queue,
      async (job, { task, progress }) => {
        expect(job.tasks).toEqual(plan.tasks);
        task({ task: 1, exitCode: 0, stdout: "12\n", stdoutBytes: 3 });
        await hold.passed;
        progress("half");
        task({ task: 2, exitCode: 1, stderr: "no\n" });
        return "done";
      },
      { kinds: ["plan"], capabilities: ["cat", "echo"] },
    );
    await arrived;
    hold.open();
    await crew.settledJobs(1);
    await crew.stop();
    expect((await queue.tasks(id)).tasks).toMatchObject([
      { task: 1, args: ["12"], status: "completed", stdout: "12\n", stdoutBytes: 3 },
      { task: 2, status: "failed", exitCode: 1, stderr: "no\n" },
    ]);
    const ops = at.proxy.seen
      .filter(({ path }) => path.endsWith("/settle"))
      .flatMap((seen) => (turnOf(seen).items ?? []).map(({ op }) => op));
    expect(ops).toEqual(["task", "task", "progress", "complete"]);
    expect(crew.errors).toEqual([]);
  });

  test("that are refused harm no job, and are told", async () => {
    const queue = at.queue();
    await queue.plans.submit(plan);
    const { id } = await queue.enqueue({ n: 1 }, { plan: "p" });
    const crew = hire(
      queue,
      async (_, { task, signal }) => {
        task({ task: 3, exitCode: 0 });
        task({ task: 1, exitCode: 0, stdout: "x".repeat(65_537) });
        task({ task: 2, exitCode: 0 });
        await queue.stats();
        return signal.aborted;
      },
      { kinds: ["plan"], capabilities: ["cat", "echo"] },
    );
    await crew.settledJobs(1);
    await crew.stop();
    expect(await queue.get(id)).toMatchObject({ state: "completed", result: false });
    const codes = crew.errors.map((error) => (error as { code?: string }).code).sort();
    expect(codes).toEqual(["payload_too_large", "task_unknown"]);
    expect((await queue.tasks(id)).tasks).toMatchObject([
      { status: "waiting" },
      { status: "completed" },
    ]);
  });
});
