/**
 * An object that is aborted under those who stay with it: waiters, worker channels, readers of the feed and Redis clients.
 * Invariant: whatever step it is aborted behind, who comes again, or still waits, finds all that was told before, nothing twice and
 * nothing lost.
 */
import { abortAllDurableObjects } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ACK } from "../../../src/contract/feed.ts";
import type { ClaimedJob } from "../../../src/contract/leases.ts";
import { FeedReader } from "../../http/workerd/feed-reader.ts";
import { claim, command, complete, enqueue, jobsOf, settle } from "../commands.ts";
import { ChannelCaller } from "./channel-caller.ts";
import { passes, Queue, stopClock } from "./queues.ts";
import { RespClient } from "./resp-caller.ts";

const { default: worker } = exports as unknown as { readonly default: Fetcher };

beforeEach(stopClock);
afterEach(() => vi.restoreAllMocks());

/** Asks the gate, as a client does. */
async function send<T>(queue: Queue, path: string, body?: object): Promise<T> {
  const response = await worker.fetch(`https://sluice.test/v1/queues/${queue.name}${path}`, {
    headers: { authorization: "Bearer test-token" },
    ...(body && { method: "POST", body: JSON.stringify(body) }),
  });
  return await response.json<T>();
}

describe("a worker channel", () => {
  const steps = [
    "it said hello",
    "it was welcomed",
    "it was sent a job",
    "it acknowledged that",
    "it said what became of it",
    "it was answered",
  ] as const;

  test.each(steps.map((step, last) => [step, last] as const))(
    "behind which %s",
    async (_, last) => {
      const queue = new Queue();
      const first = await ChannelCaller.hello(queue.name, "a", { credit: 1 });
      let job: ClaimedJob | undefined;
      const conversation: readonly (() => Promise<unknown> | undefined)[] = [
        () => first.nextOf("welcome"),
        async () => {
          await queue.submit(enqueue([{ id: "job" }]));
          [job] = await first.jobs();
        },
        () => void first.say({ type: "credit", ack: 1, credit: 0 }),
        () => void first.say({ type: "settle", frame: 1, items: [complete(job as ClaimedJob)] }),
        () => first.nextOf("settled"),
      ];
      for (const step of conversation.slice(0, last)) await step();
      await abortAllDurableObjects();
      await first.closed;

      const again = await ChannelCaller.hello(queue.name, "a", { credit: 1, resume: true });
      const { resumed = [] } = await again.nextOf("welcome");
      if (last < 2) {
        expect(resumed).toEqual([]);
        await queue.submit(enqueue([{ id: "job" }]));
        [job] = await again.jobs();
      } else if (last !== 4) {
        expect(resumed.map(({ id }) => id)).toEqual(last < 4 ? ["job"] : []);
      }
      again.say({ type: "settle", frame: 2, items: [complete(job as ClaimedJob)] });
      expect(await again.nextOf("settled")).toMatchObject({ items: [{ ok: true }] });
      const { counts } = await queue.stats();
      expect(counts).toMatchObject({ ready: 0, running: 0, completed: 1 });
      const { job: record } = await queue.read("job.get", { id: "job" });
      expect(record).toMatchObject({ state: "completed", deliveries: 1 });
    },
  );
});

describe("a caller that waits", () => {
  test("for jobs is given one that comes behind the abort", async () => {
    const queue = new Queue();
    const answer = send<{ jobs: ClaimedJob[] }>(queue, "/claim", { waitMs: 60_000 });
    await vi.waitFor(async () => expect(await queue.sockets()).toBe(1), { interval: 5 });
    await abortAllDurableObjects();
    await vi.waitFor(async () => expect(await queue.sockets()).toBe(1), { interval: 5 });
    await queue.submit(enqueue([{ id: "job" }]));
    expect((await answer).jobs.map(({ id }) => id)).toEqual(["job"]);
    expect(await queue.stateOf("job")).toBe("running");
  });

  test("for jobs is given one that was on its way, once", async () => {
    const queue = new Queue();
    const answer = send<{ jobs: ClaimedJob[] }>(queue, "/claim", { waitMs: 60_000 });
    await vi.waitFor(async () => expect(await queue.sockets()).toBe(1), { interval: 5 });
    const key = "enqueued once";
    const enqueued = queue.submit(enqueue([{ id: "job" }], { key })).catch(() => undefined);
    await abortAllDurableObjects();
    // Whether or not the entry was durable by then: asked again, it is there.
    await enqueued;
    await queue.submit(enqueue([{ id: "job" }], { key }));
    const [job] = (await answer).jobs;
    expect(job?.id).toBe("job");
    await queue.submit(settle([complete(job as ClaimedJob)]));
    const { job: record } = await queue.read("job.get", { id: "job" });
    expect(record).toMatchObject({ state: "completed", attempt: 1 });
  });

  test("for a job's end is told of one that comes behind the abort", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "job" }]));
    const answer = send<{ job: { state: string } }>(queue, "/jobs/job?waitMs=60000");
    await vi.waitFor(async () => expect(await queue.sockets()).toBe(1), { interval: 5 });
    await abortAllDurableObjects();
    await queue.submit(command("job.cancel", { id: "job" }));
    expect((await answer).job).toMatchObject({ state: "cancelled" });
  });
});

describe("a reader of the feed", () => {
  const ids = ["a", "b", "c", "d", "e"];

  test.each([0, 1, 2, 3])("that has had %i frames goes on by its cursor", async (frames) => {
    const queue = new Queue();
    for (const id of ids) await queue.submit(enqueue([{ id }]));
    const query = "?types=job.enqueued&limit=1";
    const first = await FeedReader.open(queue.name, query);
    const told: unknown[] = [];
    let cursor: string | undefined;
    for (let frame = 0; frame < frames; frame += 1) {
      const page = await first.frame();
      told.push(...page.events);
      ({ cursor } = page);
      first.socket.send(ACK);
    }
    await abortAllDurableObjects();
    await first.closed.promise;
    const from = cursor === undefined ? "" : `&after=${cursor}`;
    const again = await FeedReader.open(queue.name, `${query}${from}`);
    await queue.submit(enqueue([{ id: "late" }]));
    while (told.length < ids.length + 1) {
      told.push(...(await again.frame()).events);
      again.socket.send(ACK);
    }
    expect(told.map((event) => (event as { id: string }).id)).toEqual([...ids, "late"]);
    again.socket.close(1000, "done");
  });
});

describe("a Redis client", () => {
  test("that waits is gone, and takes nothing of what is pushed later", async () => {
    const queue = new Queue();
    const waiter = await RespClient.of(queue);
    waiter.say("PING\r\nBLPOP l 0\r\n");
    await waiter.hears("+PONG\r\n");
    await abortAllDurableObjects();
    expect(await waiter.last()).toBe("");
    const other = await RespClient.of(queue);
    other.say("RPUSH l a\r\nLRANGE l 0 -1\r\n");
    await other.hears(":1\r\n*1\r\n$1\r\na\r\n");
    await other.leaves();
  });

  test("whose EXEC was under way finds all of it done, or nothing", async () => {
    const queue = new Queue();
    const client = await RespClient.of(queue);
    client.say("SET a 0\r\n");
    await client.hears("+OK\r\n");
    client.say("MULTI\r\nINCR a\r\nRPUSH l x\r\nINCR a\r\nEXEC\r\n");
    await abortAllDurableObjects();
    const isAnswered = (await client.last()).includes("*3\r\n");
    const other = await RespClient.of(queue);
    other.say("GET a\r\n");
    const length = await other.line();
    const a = await other.line();
    other.say("LLEN l\r\n");
    const llen = await other.line();
    expect([length, a, llen]).toBeOneOf([
      ["$1", "2", ":1"],
      ...(isAnswered ? [] : [["$1", "0", ":0"]]),
    ]);
    await other.leaves();
  });
});

test("a claim that was answered before the abort is held behind it, until its lease ends", async () => {
  const queue = new Queue();
  await queue.submit(enqueue([{ id: "job" }]));
  const [job] = jobsOf(await queue.submit(claim(1, 1000)));
  await abortAllDurableObjects();
  expect(await queue.stateOf("job")).toBe("running");
  passes(2000);
  await queue.fire();
  expect(await queue.stateOf("job")).toBe("ready");
  const [other] = jobsOf(await queue.submit(claim(1, 1000)));
  expect(other?.token).not.toBe(job?.token);
  const late = await queue.submit(settle([complete(job as ClaimedJob)]));
  expect(JSON.stringify(late)).toContain("lease_stale");
});
