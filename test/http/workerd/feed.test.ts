/**
 * The feed through the real Worker and its real objects: pages, long polls, server-sent events and sockets, also over a sleeping object.
 * Invariant: whoever reads is told of every event once, in order, and of why it ends.
 */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { PING, PONG } from "../../../src/contract/channel.ts";
import { ACK, type FeedPage } from "../../../src/contract/feed.ts";
import type { QueueObject } from "../../../src/object/queue-object.ts";
import { FeedReader } from "./feed-reader.ts";

const { default: worker } = exports as unknown as { readonly default: Fetcher };
const { QUEUE } = env as unknown as { readonly QUEUE: DurableObjectNamespace<QueueObject> };
let serial = 0;
let queue = "";
beforeEach(() => {
  queue = `feed${++serial}`;
});

const send = (path: string, init: RequestInit = {}) =>
  worker.fetch(`https://sluice.test/v1/queues/${queue}${path}`, {
    ...init,
    headers: { authorization: "Bearer test-token", ...(init.headers as Record<string, string>) },
  });

async function enqueue(...ids: string[]): Promise<void> {
  const body = JSON.stringify({ jobs: ids.map((id) => ({ id, payload: { id } })) });
  const response = await send("/jobs", { method: "POST", body });
  expect(response.status).toBe(200);
  await response.body?.cancel();
}

async function page(query = ""): Promise<FeedPage> {
  const response = await send(`/feed${query}`);
  expect(response.status).toBe(200);
  return await response.json<FeedPage>();
}

const namesOf = ({ events }: Pick<FeedPage, "events">) =>
  events.map((event) => ("id" in event ? `${event.type} ${event.id}` : event.type));

const stub = () => QUEUE.getByName(queue);
/** Ends the instance as hibernation does: its sockets stay. */
const hibernate = () => evictDurableObject(stub(), { webSockets: "hibernate" });
const sockets = (): Promise<number> =>
  runInDurableObject(stub(), (_, state) => state.getWebSockets("feed").length);

/** A stream of server-sent events, read by its parts. */
class Stream {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";

  constructor(response: Response) {
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    if (response.body === null) throw new Error("there is no body");
    this.#reader = response.body.getReader();
  }

  /** The next part: what stands before an empty line. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const part = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return part;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += new TextDecoder().decode(value);
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

const sse = async (query = "", headers = {}) =>
  new Stream(await send(`/feed${query}`, { headers: { accept: "text/event-stream", ...headers } }));

describe("pages", () => {
  test("follow one another, and filters leave payloads and other types out", async () => {
    await enqueue("a", "b", "c");
    const first = await page("?limit=2&types=job.enqueued");
    expect(namesOf(first)).toEqual(["job.enqueued a", "job.enqueued b"]);
    expect(first.more).toBe(true);
    expect(first.events[0]).not.toHaveProperty("payload");
    const next = await page(`?after=${first.cursor}&types=job.enqueued&include=payload`);
    expect(next).toMatchObject({ events: [{ id: "c", payload: { id: "c" } }], more: false });
  });

  test("wait for the next event, also while the object sleeps", async () => {
    await enqueue("a");
    const { cursor } = await page("?after=now");
    const waiting = page(`?after=${cursor}&waitMs=60000`);
    await vi.waitFor(async () => expect(await sockets()).toBe(1));
    await hibernate();
    await enqueue("b");
    expect(namesOf(await waiting)).toEqual(["job.enqueued b"]);
    await vi.waitFor(async () => expect(await sockets()).toBe(0));
  });

  test("are empty when the time is over", async () => {
    await enqueue("a");
    const { cursor } = await page("?after=now");
    expect(await page(`?after=${cursor}&waitMs=20`)).toMatchObject({
      events: [],
      cursor,
      more: false,
    });
  });

  test.each([
    ["?types=job.nothing", 422, "input_invalid"],
    ["?types=", 422, "input_invalid"],
    ["?limit=0", 422, "input_invalid"],
    ["?from=1", 422, "field_unknown"],
    ["?after=nonsense", 400, "cursor_invalid"],
    ["?after=zzzzzzzz.1.1.1", 409, "feed_diverged"],
  ])("are refused for %s, in every form", async (query, status, code) => {
    await enqueue("a");
    for (const headers of [{}, { accept: "text/event-stream" }, { upgrade: "websocket" }]) {
      const response = await send(`/feed${query}`, { headers });
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ code });
    }
  });

  test("are refused without a token, and for a queue that is not there", async () => {
    await enqueue("a");
    for (const headers of [{}, { accept: "text/event-stream" }, { upgrade: "websocket" }]) {
      const bare = await worker.fetch(`https://sluice.test/v1/queues/${queue}/feed`, { headers });
      expect(bare.status).toBe(401);
      await bare.body?.cancel();
      const other = await worker.fetch(`https://sluice.test/v1/queues/nobody${serial}/feed`, {
        headers: { authorization: "Bearer test-token", ...headers },
      });
      expect([other.status, await other.json()]).toMatchObject([404, { code: "queue_unknown" }]);
    }
  });
});

describe("server-sent events", () => {
  test("tell each event with its cursor, and go on behind the last one that was had", async () => {
    await enqueue("a", "b");
    const stream = await sse("?types=job.enqueued");
    expect(await stream.next()).toBe("retry: 1000");
    const first = await stream.next();
    expect(first).toMatch(/^id: \w+\.1\.1\.\d+\nevent: job\.enqueued\ndata: \{"cursor":.*"id":"a"/);
    await stream.next();
    await enqueue("c");
    expect(await stream.next()).toContain('"id":"c"');
    await stream.cancel();
    await vi.waitFor(async () => expect(await sockets()).toBe(0));
    const [, id = ""] = /^id: (.*)$/m.exec(first ?? "") ?? [];
    const again = await sse("?types=job.enqueued&after=now", { "last-event-id": id });
    await again.next();
    expect(await again.next()).toContain('"id":"b"');
    await again.cancel();
  });

  test("come from an object that slept", async () => {
    await enqueue("a");
    const stream = await sse("?after=now");
    await stream.next();
    expect(await stream.next()).toMatch(/^id: \w+\.1\.1\.\d+$/);
    await hibernate();
    await enqueue("b");
    expect(await stream.next()).toContain('"id":"b"');
    await hibernate();
    await enqueue("c");
    expect(await stream.next()).toContain('"id":"c"');
    await stream.cancel();
  });

  test("end with why they do", async () => {
    await enqueue("a");
    const stream = await sse("?after=now");
    await stream.next();
    expect(await stream.next()).toMatch(/^id: \w+\.1\.1\.\d+$/);
    await (await send("?force=true", { method: "DELETE" })).body?.cancel();
    expect(await stream.next()).toMatch(/^event: problem\ndata: .*"code":"queue_unknown"/);
    expect(await stream.next()).toBeUndefined();
  });

  test("have no end to wait for", async () => {
    const response = await send("/feed?waitMs=5", { headers: { accept: "text/event-stream" } });
    expect([response.status, await response.json()]).toMatchObject([
      422,
      { code: "input_invalid" },
    ]);
  });
});

describe("a socket", () => {
  test("brings frames as they are acknowledged, from an object that sleeps in between", async () => {
    await enqueue("a");
    const reader = await FeedReader.open(queue, "?types=job.enqueued&limit=2");
    expect(namesOf(await reader.frame())).toEqual(["job.enqueued a"]);
    await enqueue("b", "c", "d", "e", "f");
    expect(namesOf(await reader.frame())).toEqual(["job.enqueued b", "job.enqueued c"]);
    await hibernate();
    expect(reader.frames).toBe(0);
    reader.socket.send(ACK);
    expect(namesOf(await reader.frame())).toEqual(["job.enqueued d", "job.enqueued e"]);
    reader.socket.send(ACK);
    expect(namesOf(await reader.frame())).toEqual(["job.enqueued f"]);
    reader.socket.close(1000, "done");
    await vi.waitFor(async () => expect(await sockets()).toBe(0));
  });

  test("answers a ping without waking the object", async () => {
    await enqueue("a");
    const reader = await FeedReader.open(queue, "?after=now");
    expect(await reader.frame()).toMatchObject({ events: [], more: false });
    reader.socket.send(PING);
    const text = await new Promise((resolve) =>
      reader.socket.addEventListener("message", ({ data }) => resolve(data)),
    );
    expect(text).toBe(PONG);
    reader.socket.close(1000, "done");
  });

  test("cannot claim jobs, whatever it says", async () => {
    await enqueue("a");
    const reader = await FeedReader.open(queue, "?after=now");
    expect(await reader.frame()).toMatchObject({ events: [], more: false });
    const request = { v: 1, name: "lease.claim", input: {}, bytes: 0 };
    reader.socket.send(JSON.stringify({ kind: "jobs", request }));
    expect(await reader.frame()).toMatchObject({ problem: { code: "input_invalid" } });
    expect(await reader.closed.promise).toEqual({ code: 4422, reason: "input_invalid" });
  });
});
