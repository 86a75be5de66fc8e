/**
 * The client's methods against a real server: each reaches its command and gives back what the
 * command answers.
 * Invariant: the values of payloads, results and progress come back as they were given.
 */
import { describe, expect, test } from "vitest";
import { Queue, queues } from "../../src/client/index.ts";
import { ITEMS_MAX } from "../../src/client/outbox.ts";
import {
  DELAY_MS_MAX,
  ERROR_BYTES_MAX,
  errorText,
  HOLD_KEY_MS_MAX,
} from "../../src/client/outcome.ts";
import { limits } from "../../src/contract/limits.ts";
import { rig } from "./rig.ts";

const at = rig();

describe("a queue", () => {
  test("is configured, paused, resumed, read and deleted", async () => {
    const queue = at.queue();
    const created = await queue.configure({ leaseMs: 5_000 });
    expect(created).toMatchObject({ name: queue.name, config: { leaseMs: 5_000 } });
    expect(await queue.pause("lunch")).toMatchObject({ paused: true, pausedReason: "lunch" });
    expect(await queue.claim()).toMatchObject({ jobs: [], paused: true, pausedReason: "lunch" });
    expect((await queue.resume()).paused).toBe(false);
    expect(await queue.info()).toMatchObject({ queueId: created.queueId, paused: false });
    expect(await queue.checkpoint()).toHaveProperty("index");
    await queue.delete();
    await expect(queue.info()).rejects.toMatchObject({ code: "queue_unknown" });
  });

  test("with jobs is deleted only by force", async () => {
    const queue = at.queue();
    await queue.enqueue(1);
    await expect(queue.delete()).rejects.toMatchObject({ code: "queue_not_empty" });
    await queue.delete({ force: true });
    await expect(queue.stats()).rejects.toMatchObject({ code: "queue_unknown" });
  });

  test("is reached through any fetch, such as that of a service binding", async () => {
    const { name, transport } = at.queue();
    const { token, url } = at.server;
    const bound = new Queue({
      name,
      token,
      fetch: (address, init) => fetch(address.replace(transport.url, url), init),
      url: transport.url,
    });
    await bound.enqueue({ through: "binding" });
    expect((await bound.stats()).counts.ready).toBe(1);
    expect(at.proxy.seen).toEqual([]);
  });

  test("is not made by naming it: the directory lists only queues with a history", async () => {
    at.queue();
    const { url, token } = at.server;
    for await (const listed of queues({ url, token })) expect(listed).toHaveProperty("queueId");
  });
});

describe("a job", () => {
  test("comes back as it was given, through claim, progress and completion", async () => {
    const queue = at.queue<{ n: number }, string[]>();
    const { id } = await queue.enqueue({ n: 1 }, { labels: { kind: "a" }, maxAttempts: 5 });
    const { jobs } = await queue.claim({ worker: "w", leaseMs: 60_000 });
    const [job] = jobs;
    if (job === undefined) throw new Error("The claim found nothing.");
    expect(job).toMatchObject({ id, payload: { n: 1 }, maxAttempts: 5, labels: { kind: "a" } });
    const { token } = job;
    await queue.settle([{ op: "progress", id, token, progress: 0.5 }]);
    expect(await queue.get(id)).toMatchObject({ state: "running", progress: 0.5 });
    const settled = await queue.settle([
      { op: "complete", id, token, result: ["done"] },
      { op: "fail", id, token, error: "too late" },
    ]);
    expect(settled.items.map((item) => item.ok)).toEqual([true, false]);
    expect(settled.refused).toBe(1);
    expect(await queue.get(id)).toMatchObject({ state: "completed", result: ["done"] });
  });

  test("is settled and the next one claimed in one request", async () => {
    const queue = at.queue<number>();
    await Promise.all([queue.enqueue(1), queue.enqueue(2)]);
    const [job] = (await queue.claim()).jobs;
    if (job === undefined) throw new Error("The claim found nothing.");
    const { id, token } = job;
    const { jobs } = await queue.settle([{ op: "complete", id, token }], { max: 5 });
    expect(jobs?.map(({ payload }) => payload)).toEqual([2]);
  });

  test("is changed, cancelled, retried and removed", async () => {
    const queue = at.queue();
    const { id } = await queue.enqueue(null, { delayMs: 60_000 });
    expect(await queue.update(id, { priority: -3 })).toMatchObject({
      state: "scheduled",
      priority: -3,
    });
    expect(await queue.cancel(id, "why")).toMatchObject({ state: "cancelled", reason: "why" });
    expect(await queue.retry(id)).toMatchObject({ state: "ready", run: 2 });
    await queue.cancel(id);
    await queue.remove(id);
    await expect(queue.get(id)).rejects.toMatchObject({ code: "job_unknown" });
  });
});

describe("many jobs", () => {
  test("are listed page by page until there is no cursor", async () => {
    const queue = at.queue<number>();
    await queue.enqueueMany([0, 1, 2, 3, 4].map((payload) => ({ payload })));
    const all = await Array.fromAsync(queue.jobs({ limit: 2, state: "ready", include: "payload" }));
    expect(all.map(({ payload }) => payload)).toEqual([0, 1, 2, 3, 4]);
    expect(at.proxy.seen.filter(({ path }) => path.includes("cursor=")).length).toBeGreaterThan(1);
  });

  test("are redriven and purged by operations", async () => {
    const queue = at.queue();
    const ids = await Promise.all([1, 2, 3].map(async (n) => (await queue.enqueue(n)).id));
    await Promise.all(ids.map((id) => queue.cancel(id)));
    const redrive = await queue.redrive({ states: ["cancelled"] });
    expect(redrive).toMatchObject({ kind: "redrive", changed: 3 });
    expect(await queue.operation(redrive.id)).toMatchObject({ status: "done", changed: 3 });
    expect(await queue.purge()).toMatchObject({ kind: "purge", changed: 3 });
    expect((await queue.stats()).counts.ready).toBe(0);
  });
});

describe("the client's limits", () => {
  test("are the contract's", () => {
    expect(ITEMS_MAX).toBe(limits.jobsPerEnqueueMax);
    expect(ITEMS_MAX).toBe(limits.itemsPerSettleMax);
    expect(ERROR_BYTES_MAX).toBe(limits.errorBytesMax);
    expect(DELAY_MS_MAX).toBe(limits.delayMsMax);
    expect(HOLD_KEY_MS_MAX).toBe(limits.holdKeyMsMax);
    expect(limits.bodyBytesMax).toBe(1024 * 1024);
  });

  test("cut an error's text between characters, not bytes", () => {
    expect(errorText(new Error("é".repeat(600)))).toBe("é".repeat(512));
    expect(Buffer.byteLength(errorText(`${"a".repeat(1023)}😀`))).toBe(1023);
    expect(errorText(new RangeError())).toBe("RangeError");
  });
});
