/**
 * Watching a queue through the client, against a real server: lost connections, buffering proxies, and what cannot be told any more.
 * Invariant: nothing here sleeps; whatever becomes of connections, each event comes once and in order.
 */
import { describe, expect, test } from "vitest";
import type { FeedEvent, Queue, WatchOptions } from "../../src/client/index.ts";
import { Queue as QueueClient, SluiceError } from "../../src/client/index.ts";
import { rig } from "./rig.ts";
import { TestClock } from "./test-clock.ts";

const at = rig();

type Fetch = NonNullable<ConstructorParameters<typeof QueueClient>[0]["fetch"]>;

/** The same queue, whose requests go out by `send`. */
const by = ({ name }: Queue, send: Fetch, clock = new TestClock({ skipMs: 5_000 })) =>
  new QueueClient({ name, url: at.server.url, token: at.server.token, fetch: send, clock });

/** The next so many events. */
async function take(queue: Queue, count: number, options: WatchOptions = {}): Promise<FeedEvent[]> {
  const events: FeedEvent[] = [];
  for await (const event of queue.watch(options)) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

const idsOf = (events: readonly FeedEvent[]) =>
  events.map((event) => ("id" in event ? event.id : event.type));

/** A response that breaks off behind so many bytes. */
function cut(response: Response, bytes: number): Response {
  let left = bytes;
  const cutter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) controller.error(new TypeError("the connection was reset"));
    },
  });
  return new Response(response.body?.pipeThrough(cutter), response);
}

describe("watching", () => {
  test("gives every event in order, as it happens", async () => {
    const queue = at.direct(at.queue());
    await queue.enqueue({ to: "ada" });
    const events = queue.watch({ types: ["job.enqueued", "job.claimed", "job.completed"] });
    const first = await events.next();
    expect(first.value).toMatchObject({ type: "job.enqueued", payloadBytes: 12 });
    expect(first.value).not.toHaveProperty("payload");
    const next = events.next();
    const { jobs } = await queue.claim({ worker: "w" });
    expect((await next).value).toMatchObject({ type: "job.claimed", worker: "w" });
    const { id = "", token = "" } = jobs[0] ?? {};
    await queue.settle([{ op: "complete", id, token, result: 1 }]);
    expect((await events.next()).value).toMatchObject({ type: "job.completed", id });
    await events.return();
  });

  test("gives payloads where they are asked for, and begins where it is told to", async () => {
    const queue = at.direct(at.queue());
    for (const n of [1, 2, 3]) await queue.enqueue({ n });
    const types = ["job.enqueued"] as const;
    const all = await take(queue, 3, { types, payloads: true });
    expect(all.map((event) => "payload" in event && event.payload)).toEqual([
      { n: 1 },
      { n: 2 },
      { n: 3 },
    ]);
    const after = all[1]?.cursor;
    expect(await take(queue, 1, { types, payloads: true, after })).toEqual(all.slice(2));
    const events = queue.watch({ after: "now", types });
    const next = events.next();
    // Whether watching had begun by then or not, the next job but one comes.
    let last = await queue.enqueue({ n: 4 });
    const seen = await Promise.race([next, queue.enqueue({ n: 5 }).then(() => next)]);
    if (seen.value?.id !== last.id) last = { id: String(seen.value?.id) };
    expect(seen.value).toMatchObject({ type: "job.enqueued", id: last.id });
    await events.return();
  });

  test("goes on behind the last event when connections are lost, wherever that is", async () => {
    const queue = at.direct(at.queue());
    await queue.enqueueMany(Array.from({ length: 60 }, (_, n) => ({ payload: n, id: `job-${n}` })));
    const types = ["job.enqueued"] as const;
    const all = await take(queue, 60, { types });
    let connections = 0;
    const losing = by(queue, async (url, init) => {
      connections += 1;
      return cut(await fetch(url, init), 50 + 337 * connections);
    });
    expect(await take(losing, 60, { types })).toEqual(all);
    expect(connections).toBeGreaterThan(5);
  });

  test("says that a connection was lost, and gives up when nobody answers for too long", async () => {
    const queue = at.direct(at.queue());
    await queue.enqueue(1);
    const lost: string[] = [];
    let connections = 0;
    const failing = by(queue, async (url, init) => {
      connections += 1;
      if (connections > 1) throw new TypeError("connection refused");
      return cut(await fetch(url, init), 30);
    });
    const onRetry = (error: Error) => lost.push(error.message);
    const watching = take(failing, 99, { onRetry });
    await expect(watching).rejects.toThrow(/cannot be reached: connection refused/);
    expect(lost[0]).toMatch(/connection was reset|broke off/);
  });

  test("reads pages where something on the way keeps streams back", async () => {
    const clock = new TestClock({ skipMs: 5_000 });
    const queue = at.queue(clock);
    const direct = at.direct(queue);
    await direct.enqueueMany([1, 2, 3].map((n) => ({ payload: n, id: `job-${n}` })));
    const stream = at.proxy.request(({ path }) => !path.includes("waitMs"));
    const page = at.proxy.request(({ path }) => path.includes("waitMs"));
    const watching = take(queue, 4, { types: ["job.enqueued"] });
    await stream;
    await clock.asleep(10_000);
    // The proxy holds a stream back until it ends, so that not even its beginning comes.
    clock.advance(10_000);
    await page;
    await direct.enqueue(4, { id: "job-4" });
    expect(idsOf(await watching)).toEqual(["job-1", "job-2", "job-3", "job-4"]);
  });

  test("ends when it is told to", async () => {
    const queue = at.direct(at.queue());
    await queue.enqueue(1);
    const abort = new AbortController();
    const seen: FeedEvent[] = [];
    for await (const event of queue.watch({ types: ["job.enqueued"], signal: abort.signal })) {
      seen.push(event);
      abort.abort();
    }
    expect(seen).toHaveLength(1);
  });
});

describe("what cannot be told", () => {
  test.each([
    ["feed_diverged", 409, "zzzzzzzz.1.1.1"],
    ["cursor_invalid", 400, "nonsense"],
  ])("is refused by name: %s", async (code, status, after) => {
    const queue = at.direct(at.queue());
    await queue.enqueue(1);
    await expect(take(queue, 1, { after })).rejects.toMatchObject({ code, status });
  });

  test("of a queue that is not there is refused", async () => {
    const queue = at.direct(at.queue());
    await expect(take(queue, 1)).rejects.toMatchObject({ code: "queue_unknown" });
  });

  test("ends the watching: a history that an import undoes", async () => {
    const source = at.direct(at.queue());
    await source.enqueue(1);
    await source.snapshots.build();
    const queue = at.direct(at.queue());
    await queue.enqueue(2);
    const events = queue.watch();
    expect((await events.next()).value).toMatchObject({ type: "queue.created" });
    await queue.snapshots.import(source.snapshots.export(), { over: true });
    const rest = async () => {
      while (!(await events.next()).done);
    };
    const error = await rest().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(SluiceError);
    expect(error).toMatchObject({ code: "feed_diverged", status: 409 });
    const first = String((error as SluiceError).facts["first"]);
    expect(await take(queue, 1, { after: first })).toMatchObject([{ type: "queue.imported" }]);
  });
});
