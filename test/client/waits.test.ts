/**
 * Waiting through the client, against a real server: for jobs, for results, and callers that hang up.
 * Invariant: nothing here sleeps; what takes time waits for something to happen.
 */
import { describe, expect, test } from "vitest";
import { JobNotCompletedError } from "../../src/client/index.ts";
import { comesTo, poll } from "./poll.ts";
import { rig } from "./rig.ts";

const at = rig();

describe("a claim that waits", () => {
  test("is given a job as soon as there is one", async () => {
    const queue = at.queue();
    const waiting = queue.claim({ waitMs: 60_000, worker: "w" });
    const { id } = await queue.enqueue({ to: "ada" });
    const { jobs } = await waiting;
    expect(jobs).toMatchObject([{ id, payload: { to: "ada" } }]);
    expect(await queue.get(id)).toMatchObject({ state: "running", worker: "w" });
  });

  test("is told why there was none when its time is over", async () => {
    const queue = at.queue();
    await queue.configure();
    await queue.pause("lunch");
    expect(await queue.claim({ waitMs: 50 })).toMatchObject({
      jobs: [],
      paused: true,
      pausedReason: "lunch",
    });
  });

  test("behind settlements tells these, and waits for the next jobs", async () => {
    const queue = at.queue();
    const first = await queue.enqueue(1);
    const [job] = (await queue.claim()).jobs;
    const item = { op: "complete", id: first.id, token: job?.token ?? "" } as const;
    const turn = queue.settle([item], { max: 2, waitMs: 60_000 });
    await comesTo(queue, first.id, "completed");
    const { id } = await queue.enqueue(2);
    expect(await turn).toMatchObject({ items: [{ ok: true }], refused: 0, jobs: [{ id }] });
  });

  test("behind settlements tells these also where it is refused itself", async () => {
    const queue = at.queue();
    const first = await queue.enqueue(1);
    const [job] = (await queue.claim()).jobs;
    const item = { op: "complete", id: first.id, token: job?.token ?? "" } as const;
    const capabilities = Array.from({ length: 40 }, (_, i) => `${i}`.padStart(256, "x"));
    expect(await queue.settle([item], { waitMs: 1000, capabilities })).toMatchObject({
      ...{ items: [{ ok: true, state: "completed" }], refused: 0 },
      ...{ jobs: [], claim: { code: "wait_too_large" } },
    });
  });

  test("of too many capabilities is refused", async () => {
    const queue = at.queue();
    const capabilities = Array.from({ length: 40 }, (_, i) => `${i}`.padStart(256, "x"));
    const refusal = queue.claim({ waitMs: 1000, capabilities });
    await expect(refusal).rejects.toMatchObject({ code: "wait_too_large", status: 413 });
  });
});

describe("a caller that hangs up", () => {
  test.each([
    ["/claim", { waitMs: 60_000 }],
    ["/claim", { waitMs: 60_000, worker: "w", max: 10 }],
  ])(
    "while it waits at %s gets no job: the one that was meant for it comes back",
    async (path, body) => {
      const queue = at.queue();
      await queue.configure();
      const { hangUp } = await poll(at.server, queue.path, path, body);
      await hangUp();
      const { id } = await queue.enqueue(1);
      await comesTo(queue, id, "ready");
      expect(await queue.get(id)).toMatchObject({ attempt: 1 });
      expect((await queue.claim()).jobs).toMatchObject([{ id }]);
    },
  );
});

describe("a result that is waited for", () => {
  test("comes when the job is completed", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1);
    const waiting = queue.result(id, { waitMs: 600_000 });
    const [job] = (await queue.claim()).jobs;
    await queue.settle([{ op: "complete", id, token: job?.token ?? "", result: { ok: true } }]);
    expect(await waiting).toEqual({ ok: true });
  });

  test("does not come where the job ends otherwise, or does not end", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(1);
    expect(await queue.result(id, { waitMs: 50 })).toBeUndefined();
    const waiting = queue.result(id, { waitMs: 60_000 });
    await queue.cancel(id, "no longer needed");
    await expect(waiting).rejects.toThrow(JobNotCompletedError);
  });

  test("is refused for a job that is not there", async () => {
    const queue = at.queue();
    await queue.configure();
    await expect(queue.result("nothing", { waitMs: 1000 })).rejects.toMatchObject({
      code: "job_unknown",
    });
  });
});

test("an action that is waited for is told with its end", async () => {
  const queue = at.queue();
  await queue.plans.submit({ plan_id: "p", tasks: [{ task_number: 1, command: "true" }] });
  const { action } = await queue.actions.submit("p", [1]);
  const waiting = queue.actions.get(action.id, { waitMs: 60_000 });
  await queue.actions.cancel(action.id);
  expect(await waiting).toMatchObject({ id: action.id, status: "cancelled" });
});
