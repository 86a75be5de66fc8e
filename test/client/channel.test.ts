/**
 * What a worker does over its channel, on a real server: nothing is claimed by a request.
 * Invariant: a channel is cut between any two words of it, and every job still ends as its handler ended.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Queue, type QueueOptions, SluiceError } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";
import { aborted, gate, hire } from "./crew.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

let queues = 0;

/** A queue of its own, whose sockets and requests a test sees. */
class Line {
  readonly sockets: WebSocket[] = [];
  readonly said: { readonly type: string; readonly items?: readonly { readonly op: string }[] }[] =
    [];
  readonly requests: string[] = [];
  /** How many sockets are still refused. */
  refuses = 0;
  readonly queue: Queue<unknown, unknown>;

  constructor(options: Partial<QueueOptions> = {}) {
    const { url, token } = server;
    this.queue = new Queue({
      ...{ name: `channel-${++queues}`, url, token },
      webSocket: (address, protocols) => this.#open(address, protocols),
      fetch: (address, init) => {
        this.requests.push(`${init.method} ${new URL(address).pathname.split("/").at(-1)}`);
        return fetch(address, init);
      },
      ...options,
    });
  }

  /** Cuts the newest socket without a word. */
  cut(): void {
    this.sockets.at(-1)?.close();
  }

  #open(address: string, protocols: string[]): WebSocket {
    const isRefused = this.refuses-- > 0;
    const socket = new WebSocket(
      isRefused ? address.replace("/connect", "/no") : address,
      protocols,
    );
    const send = socket.send.bind(socket);
    socket.send = (data) => {
      this.said.push(JSON.parse(String(data)) as { type: string });
      send(data);
    };
    this.sockets.push(socket);
    return socket;
  }
}

const withSocket = { transport: "socket" } as const;

describe("a worker with a channel", () => {
  test("is sent its jobs, and settles them, without a request", async () => {
    const line = new Line();
    const crew = hire(line.queue, ({ payload }) => (payload as number) * 2, { transport: "auto" });
    const ids = await Promise.all([1, 2, 3].map((n) => line.queue.enqueue(n)));
    await crew.settledJobs(3);
    await crew.stop();
    const jobs = await Promise.all(ids.map(({ id }) => line.queue.get(id)));
    expect(jobs.map(({ result }) => result)).toEqual([2, 4, 6]);
    expect(line.requests.filter((each) => /claim|settle/.test(each))).toEqual([]);
    expect(crew.errors).toEqual([]);
  });

  test("settles in few frames what ends together, and never has more jobs than slots", async () => {
    const line = new Line();
    const payloads = Array.from({ length: 200 }, (_, payload) => ({ payload }));
    await line.queue.enqueueMany(payloads);
    let running = 0;
    let most = 0;
    const handle = async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running -= 1;
    };
    const crew = hire(line.queue, handle, { ...withSocket, concurrency: 50 });
    await crew.settledJobs(200);
    await crew.stop();
    expect(most).toBeLessThanOrEqual(50);
    const settles = line.said.filter(({ type }) => type === "settle");
    expect(settles.length).toBeLessThanOrEqual(8);
    expect(await line.queue.stats()).toMatchObject({ counts: { completed: 200 } });
  });

  test("goes on with its jobs after its channel was cut", async () => {
    const line = new Line();
    const opened = gate();
    const started = gate();
    const { id } = await line.queue.enqueue("x");
    const crew = hire(
      line.queue,
      async () => {
        started.open();
        await opened.passed;
        return "done";
      },
      withSocket,
    );
    await started.passed;
    // Once it was heard to have arrived, the job is the session's.
    while (!line.said.some(({ type }) => type === "credit")) await new Promise(setImmediate);
    line.cut();
    while (line.said.filter(({ type }) => type === "hello").length < 2) {
      await new Promise(setImmediate);
    }
    opened.open();
    await crew.settledJobs(1);
    await crew.stop();
    expect(await line.queue.get(id)).toMatchObject({
      ...{ state: "completed", result: "done", deliveries: 1 },
    });
    expect(crew.settled).toMatchObject([{ answer: { ok: true } }]);
  });

  test("settles again what was not answered when its channel was cut", async () => {
    const line = new Line();
    const { id } = await line.queue.enqueue("x");
    const crew = hire(line.queue, () => "done", withSocket);
    while (!line.said.some(({ type }) => type === "settle")) await new Promise(setImmediate);
    line.cut();
    await crew.settledJobs(1);
    await crew.stop();
    expect(crew.settled).toMatchObject([{ answer: { ok: true, state: "completed" } }]);
    expect(await line.queue.get(id)).toMatchObject({ state: "completed", result: "done" });
  });

  test("tells a handler at once that its job was cancelled", async () => {
    const line = new Line();
    const started = gate();
    const { id } = await line.queue.enqueue("x");
    let reason: unknown;
    const crew = hire(
      line.queue,
      async (_, { signal }) => {
        started.open();
        reason = await aborted(signal);
      },
      withSocket,
    );
    await started.passed;
    await line.queue.cancel(id, "no need");
    await crew.settledJobs(1);
    await crew.stop();
    expect(reason).toBeInstanceOf(SluiceError);
    expect(reason).toMatchObject({ code: "job_cancelled" });
    expect(crew.settled).toMatchObject([{ answer: { ok: false } }]);
  });

  test("gives back at once, uncounted, what arrives while it stops", async () => {
    const line = new Line();
    const started = gate();
    const opened = gate();
    await line.queue.enqueue("first");
    const crew = hire(
      line.queue,
      async () => {
        started.open();
        await opened.passed;
      },
      { ...withSocket, concurrency: 5 },
    );
    await started.passed;
    const stopped = crew.stop();
    const { id } = await line.queue.enqueue("second");
    opened.open();
    await stopped;
    const job = await line.queue.get(id);
    expect(job).toMatchObject({ state: "ready", attempt: 1 });
  });
});

describe("a worker that cannot have a channel", () => {
  test("goes by requests, and by a channel as soon as it can", async () => {
    const line = new Line();
    line.refuses = 1;
    const { id } = await line.queue.enqueue("x");
    const crew = hire(line.queue, () => "done", { transport: "auto" });
    await crew.settledJobs(1);
    expect(await line.queue.get(id)).toMatchObject({ state: "completed" });
    expect(line.requests).toContain("POST claim");
    while (!line.said.some(({ type }) => type === "hello")) await new Promise(setImmediate);
    await line.queue.enqueue("y");
    await crew.settledJobs(2);
    await crew.stop();
    expect(crew.errors).toEqual([]);
  });

  test("has no WebSocket where the queue was given a fetch alone, and goes by requests", async () => {
    const { url, token } = server;
    const given = {
      url,
      token,
      fetch: (address: string, init: RequestInit) => fetch(address, init),
    };
    const queue = new Queue({ name: `channel-${++queues}`, ...given });
    await queue.enqueue("x");
    const crew = hire(queue, () => "done", { transport: "auto" });
    await crew.settledJobs(1);
    await crew.stop();
    const other = hire(queue, () => "done", withSocket);
    await expect(other.ended).rejects.toThrow("There is no WebSocket here");
  });

  test("rejects with the refusal, when its token is wrong and there is no other way", async () => {
    const line = new Line({ token: "wrong" });
    const crew = hire(line.queue, () => "done", withSocket);
    await expect(crew.ended).rejects.toMatchObject({ code: "unauthorized" });
  });
});
