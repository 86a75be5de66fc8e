/**
 * What a channel's client end does as time passes, against a socket whose other side the test plays.
 * Invariant: time is the test's; nothing is said that was not due.
 */
import { expect, test } from "vitest";
import { Channel } from "../../src/client/channel.ts";
import { UnreachableError } from "../../src/client/errors.ts";
import { Link } from "../../src/client/link.ts";
import { Outbox } from "../../src/client/outbox.ts";
import { Queue } from "../../src/client/queue.ts";
import { Transport } from "../../src/client/transport.ts";
import type { SettleAnswer } from "../../src/client/types.ts";
import { Worker } from "../../src/client/worker.ts";
import { aborted, gate } from "./crew.ts";
import { TestClock } from "./test-clock.ts";

/** A socket that is open as soon as the test says so. */
class PlayedSocket extends EventTarget {
  readonly sent: { readonly type: string; readonly [member: string]: unknown }[] = [];
  isClosed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as { type: string });
  }

  close(): void {
    this.isClosed = true;
  }

  open(): void {
    this.dispatchEvent(new Event("open"));
  }

  hear(frame: object): void {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
  }
}

const quiet = {
  resumed: () => undefined,
  jobs: () => undefined,
  lost: () => undefined,
  heard: () => undefined,
};

function rig() {
  const clock = new TestClock();
  const socket = new PlayedSocket();
  const sockets = { asked: [] as { url: string; protocols: string[] }[] };
  const transport = new Transport({
    ...{ clock, url: "https://sluice.test/base", token: "t/o~k?" },
    webSocket: (url, protocols) => {
      sockets.asked.push({ url, protocols });
      return socket as unknown as WebSocket;
    },
  });
  return { clock, socket, transport, asked: sockets.asked };
}

function openChannel(given: ReturnType<typeof rig>, credit = 5) {
  const closed: Error[] = [];
  const hello = { session: "s", worker: "w", leaseMs: undefined, capabilities: undefined };
  const channel = new Channel<unknown>(
    given.transport,
    { path: "/v1/queues/q", hello: { ...hello, kinds: undefined }, resume: false },
    10_000,
    () => credit,
    { ...quiet, closed: (error) => closed.push(error) },
  );
  return { channel, closed };
}

const welcome = { type: "welcome", now: 1, resumed: [] };
const jobs = (delivery: number, count: number) => {
  const all = Array.from({ length: count }, (_, i) => ({ id: `${i}`, token: "t" }));
  return { type: "jobs", delivery, now: 1, jobs: all };
};

test("a channel is asked for with the token among its subprotocols", () => {
  const given = rig();
  openChannel(given);
  given.socket.open();
  expect(given.asked).toEqual([
    {
      url: "wss://sluice.test/base/v1/queues/q/connect",
      protocols: ["sluice.v1", "sluice.bearer.dC9vfms_"],
    },
  ]);
  expect(given.socket.sent).toEqual([{ type: "hello", session: "s", worker: "w", credit: 5 }]);
});

test("what has arrived is acknowledged soon, and free slots are told soon, or at once to a queue that knows of none", () => {
  const given = rig();
  const { clock, socket } = given;
  const { channel } = openChannel(given);
  socket.open();
  socket.hear(welcome);
  expect(channel.dueAt(5)).toBeGreaterThan(clock.now());
  socket.hear(jobs(1, 3));
  expect(channel.dueAt(2)).toBe(clock.now() + 2);
  channel.tend(2);
  expect(socket.sent).toHaveLength(1);
  clock.advance(2);
  channel.tend(2);
  expect(socket.sent.at(-1)).toEqual({ type: "credit", ack: 1, credit: 2 });
  expect(channel.dueAt(4)).toBe(clock.now() + 2);
  clock.advance(2);
  channel.tend(4);
  expect(socket.sent.at(-1)).toEqual({ type: "credit", ack: 1, credit: 4 });
  socket.hear(jobs(2, 4));
  expect(channel.dueAt(1)).toBe(0);
  channel.tend(1);
  expect(socket.sent.at(-1)).toEqual({ type: "credit", ack: 2, credit: 1 });
  expect(channel.dueAt(0)).toBe(0);
});

test("few settlements wait for the answer to those before them, and many do not", () => {
  const given = rig();
  const { channel } = openChannel(given);
  given.socket.open();
  given.socket.hear(welcome);
  const outbox = new Outbox<SettleAnswer>();
  void outbox.add("{}");
  expect(channel.hasRoomFor(1)).toBe(true);
  void channel.settle(outbox.take(), 5);
  expect([channel.hasRoomFor(49), channel.hasRoomFor(50)]).toEqual([false, true]);
  given.socket.hear({ type: "settled", frame: 1, now: 2, items: [{ ok: true }], refused: 0 });
  expect(channel.hasRoomFor(1)).toBe(true);
});

test("a silent channel is pinged, and lost when that is not answered", async () => {
  const given = rig();
  const { clock, socket } = given;
  const { channel, closed } = openChannel(given);
  socket.open();
  socket.hear(welcome);
  expect(channel.dueAt(5)).toBe(clock.now() + 15_000);
  clock.advance(15_000);
  channel.tend(5);
  expect(socket.sent.at(-1)).toEqual({ type: "ping" });
  socket.hear({ type: "pong" });
  clock.advance(15_000);
  channel.tend(5);
  expect(channel.dueAt(5)).toBe(clock.now() + 10_000);
  clock.advance(10_000);
  channel.tend(5);
  expect(closed).toEqual([expect.any(UnreachableError)]);
  expect(socket.isClosed).toBe(true);
  expect(channel.isOpen).toBe(false);
});

test("settlements that are not answered in time fail with their channel", async () => {
  const given = rig();
  const { clock, socket } = given;
  const { channel } = openChannel(given);
  socket.open();
  socket.hear(welcome);
  const outbox = new Outbox<SettleAnswer>();
  void outbox.add("{}");
  const settled = channel.settle(outbox.take(), 5);
  expect(socket.sent.at(-1)).toMatchObject({ type: "settle", frame: 1, items: [{}], credit: 5 });
  clock.advance(10_000);
  channel.tend(5);
  await expect(settled).rejects.toThrow("no answer within 10000 ms");
});

test("a refused channel says why, in the words of the queue", () => {
  const given = rig();
  const { channel, closed } = openChannel(given);
  given.socket.open();
  const problem = { code: "wait_too_large", status: 413, detail: "Too much.", retryable: false };
  given.socket.hear({ type: "problem", problem: { ...problem, type: "", title: "" } });
  given.socket.dispatchEvent(Object.assign(new Event("close"), { code: 4413, reason: "" }));
  expect(closed).toMatchObject([{ code: "wait_too_large" }]);
  expect(channel.isOpen).toBe(false);
});

test("a worker waits for a channel a second at most, and may have it later", async () => {
  const given = rig();
  const { clock, socket } = given;
  const events = { ...quiet, closed: () => undefined };
  const link = new Link(
    { path: "/v1/queues/q", transport: given.transport },
    { worker: "w", transport: "auto" },
    () => 5,
    events,
  );
  expect(link.isToOpen).toBe(true);
  const opening = link.open();
  clock.advance(1_000);
  expect(await opening).toBe(false);
  expect([link.channel, link.isToOpen]).toEqual([undefined, false]);
  socket.open();
  socket.hear(welcome);
  expect(link.channel).toBeDefined();
});

test("a lost channel is opened again, later and later, as the same session that resumes", async () => {
  const given = rig();
  const { clock, socket } = given;
  const link = new Link(
    { path: "/v1/queues/q", transport: given.transport },
    { worker: "w", transport: "socket" },
    () => 5,
    { ...quiet, closed: () => undefined },
  );
  void link.open();
  socket.open();
  socket.hear(welcome);
  const lose = () =>
    socket.dispatchEvent(Object.assign(new Event("close"), { code: 1006, reason: "" }));
  const waits: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    lose();
    waits.push(link.dueAt - clock.now());
    clock.advance(link.dueAt - clock.now());
    void link.open();
    socket.open();
  }
  expect(waits).toEqual([250, 500, 1_000]);
  const hellos = socket.sent.filter(({ type }) => type === "hello");
  expect(new Set(hellos.map(({ session }) => session)).size).toBe(1);
  expect(hellos.map(({ resume }) => resume)).toContain(true);
  expect(hellos[0]).not.toHaveProperty("resume");
});

test("what a request may bring meanwhile is not asked for over a channel too", async () => {
  const clock = new TestClock();
  const socket = new PlayedSocket();
  const [claimed, answered] = [gate(), gate()];
  const queue = new Queue({
    ...{ name: "q", clock },
    webSocket: () => socket as unknown as WebSocket,
    fetch: async () => {
      claimed.open();
      await answered.passed;
      return Response.json({ now: 1, jobs: [], nextDueAt: null });
    },
  });
  const worker = new Worker(queue, () => null, { concurrency: 5 });
  const ended = worker.run();
  await clock.asleep(1_000);
  clock.advance(1_000);
  await claimed.passed;
  socket.open();
  expect(socket.sent).toMatchObject([{ type: "hello", credit: 0 }]);
  socket.hear(welcome);
  answered.open();
  while (socket.sent.length < 2) await new Promise(setImmediate);
  expect(socket.sent[1]).toEqual({ type: "credit", ack: 0, credit: 5 });
  await worker.stop();
  await ended;
});

test("a worker that resumes drops what it holds no more, and gives back what never arrived", async () => {
  const clock = new TestClock();
  const sockets: PlayedSocket[] = [];
  const queue = new Queue({
    ...{ name: "q", clock },
    webSocket: () => {
      const socket = new PlayedSocket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
  });
  const started = gate();
  const reasons: unknown[] = [];
  const handle = async (_: unknown, { signal }: { readonly signal: AbortSignal }) => {
    started.open();
    reasons.push(await aborted(signal));
  };
  const errors: unknown[] = [];
  const worker = new Worker(queue, handle, {
    ...{ transport: "socket", concurrency: 5 },
    onError: (error) => errors.push(error),
  });
  const ended = worker.run();
  const [first] = sockets;
  first?.open();
  first?.hear(welcome);
  first?.hear(jobs(1, 1));
  await started.passed;
  first?.dispatchEvent(Object.assign(new Event("close"), { code: 1006, reason: "" }));
  while (sockets.length < 2) {
    clock.advance(250);
    await new Promise(setImmediate);
  }
  const [, second] = sockets;
  second?.open();
  expect(second?.sent).toMatchObject([{ type: "hello", resume: true, credit: 4 }]);
  second?.hear({ ...welcome, resumed: [{ id: "lost", token: "t2", leaseUntil: 30_001 }] });
  while (reasons.length === 0) await new Promise(setImmediate);
  expect(reasons).toMatchObject([{ code: "lease_stale" }]);
  const settles = () => second?.sent.filter(({ type }) => type === "settle") ?? [];
  for (const place of [0, 1]) {
    while (settles().length <= place) await new Promise(setImmediate);
    const frame = settles()[place]?.["frame"];
    second?.hear({ type: "settled", frame, now: 2, items: [{ id: "", ok: true }], refused: 0 });
  }
  expect(settles().flatMap(({ items }) => items)).toMatchObject([
    { op: "release", id: "lost", token: "t2" },
    { op: "complete", id: "0", token: "t" },
  ]);
  await worker.stop();
  await ended;
  expect(errors).toEqual([expect.any(UnreachableError)]);
});
