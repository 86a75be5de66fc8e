/**
 * Redis connections of an object: what is kept while it sleeps, what keeps it awake, and for how long.
 */
import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { RespOpening } from "../../src/contract/sockets.ts";
import { BlockedClients } from "../../src/object/blocked.ts";
import { RespConnections } from "../../src/object/resp.ts";
import type { RespSocket } from "../../src/object/resp-kept.ts";
import { encodeCall } from "../../src/redis/frames.ts";
import type { Call } from "../../src/redis/requests.ts";
import { notAsked, TestSocket } from "./resp-socket.ts";

/** It has nothing for who waits, and repeats the last word of every other call. */
const answerTo = (calls: readonly Call[]) =>
  calls[0]?.[0] === "BLPOP"
    ? { replies: [], blocked: { ms: 0 } }
    : { replies: calls.map((call) => call.at(-1)) };

function objectWith(now = 1_000_000) {
  const timers = new Set<{ readonly ms: number; readonly work: () => void }>();
  const connections = new RespConnections({
    queue: "mail",
    line: new BlockedClients({ now: () => now, serve: () => undefined, later: () => undefined }),
    sockets: () => [],
    submit: (request) => Promise.resolve({ reply: JSON.stringify(answerTo(request.input.calls)) }),
    read: ({ input }) => {
      const versions = "names" in input ? input.names.map(() => 1) : [];
      return Promise.resolve({ reply: JSON.stringify({ versions }) });
    },
    databaseBytes: () => 0,
    isToken: (password) => password === "s3cret",
    now: () => now,
    after: (ms, work) => {
      const timer = { ms, work };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    report: (error) => {
      throw error;
    },
    ...{ jobs: notAsked, claims: new Map() },
  });
  const hear = (socket: RespSocket, text: string) =>
    connections.hear(socket, new Uint8Array(Buffer.from(text, "latin1")).buffer);
  const open = (opening: Partial<RespOpening> = {}) => {
    const socket = new TestSocket();
    connections.open(socket, { dialect: "redis", ...opening });
    return socket;
  };
  return { connections, hear, open, timers };
}

function opened(opening: Partial<RespOpening> = {}) {
  const object = objectWith();
  return { socket: object.open(opening), ...object };
}

describe("a connection", () => {
  test("is known by the next instance: its protocol, its name, its rights, its id", async () => {
    const { socket, hear } = opened({ needsAuth: true });
    await hear(socket, "HELLO 3 AUTH default s3cret SETNAME ada\r\n");
    const [, id] = /\$2\r\nid\r\n:(\d+)/.exec(socket.sent) ?? [];
    socket.sent = "";
    await objectWith().hear(socket, "CLIENT GETNAME\r\nCLIENT ID\r\nCONFIG GET save\r\n");
    expect(socket.sent).toBe(`$3\r\nada\r\n:${id}\r\n%1\r\n$4\r\nsave\r\n$0\r\n\r\n`);
  });

  test("has an id greater than all before, also before the object slept", () => {
    const idsFrom = (now: number): number[] => {
      const { open } = objectWith(now);
      return [0, 1].map(() => {
        return open().kept()?.session.id ?? 0;
      });
    };
    expect([...idsFrom(1_000_000), ...idsFrom(1_000_500)]).toEqual([
      1_000_000, 1_000_001, 1_000_500, 1_000_501,
    ]);
  });

  test("costs no write where nothing about it changed", async () => {
    const { socket, hear } = opened();
    await hear(socket, "GET a\r\nSET a 1\r\nMULTI\r\nGET a\r\nEXEC\r\n");
    expect(socket.sent).toBe("$1\r\na\r\n$1\r\n1\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\na\r\n");
    // The transaction was in memory for a moment, since that message came in one piece with its end.
    expect(socket.writes).toBeLessThanOrEqual(3);
    const { writes } = socket;
    await hear(socket, "GET a\r\n");
    expect(socket.writes).toBe(writes);
  });

  test("takes text messages as well", async () => {
    const { socket, connections } = opened();
    await connections.hear(socket, "GET é\r\n");
    expect(socket.sent).toBe("$2\r\n\u00c3\u00a9\r\n");
  });
});

describe("what does not fit the attachment", () => {
  test.each([
    ["part of a call", "GET", " a\r\n"],
    ["a transaction", "MULTI\r\n", "DISCARD\r\n"],
    ["a watched name", "WATCH a\r\n", "UNWATCH\r\n"],
  ])("%s keeps the object awake for a time, counted from the last word", async (_, begin, end) => {
    const { socket, hear, timers } = opened();
    await hear(socket, begin);
    expect([...timers].map(({ ms }) => ms)).toEqual([limits.respHeldMsMax]);
    const [first] = timers;
    if (begin !== "GET") await hear(socket, "PING\r\n");
    expect(timers.size).toBe(1);
    if (begin !== "GET") expect(timers.has(first as never)).toBe(false);
    await hear(socket, end);
    expect(timers.size).toBe(0);
    expect(socket.closed).toBe(0);
  });

  test("and then the connection ends with an error", async () => {
    const { socket, hear, timers } = opened();
    await hear(socket, "MULTI\r\n");
    socket.sent = "";
    for (const { work } of timers) work();
    expect(socket.sent).toMatch(/^-ERR the connection was silent for too long within .*\r\n$/);
    expect(socket.closed).toBe(1);
    expect(timers.size).toBe(0);
  });

  test("is lost with its instance, and the connection ends with an error at its next word", async () => {
    for (const begin of ["GET", "MULTI\r\n", "WATCH a\r\n"]) {
      const { socket, hear } = opened();
      await hear(socket, begin);
      socket.sent = "";
      await objectWith().hear(socket, "PING\r\n");
      expect(socket.sent).toMatch(
        /^-ERR the queue began anew, and part of a call, .* is lost\r\n$/,
      );
      expect(socket.closed).toBe(1);
    }
  });

  test("is given up when the client goes", async () => {
    const { socket, hear, timers, connections } = opened();
    await hear(socket, "MULTI\r\n");
    connections.leave(socket);
    expect(timers.size).toBe(0);
  });
});

describe("a client that says what it takes, and takes nothing,", () => {
  const MiB = 1024 * 1024;
  const echo = encodeCall(["ECHO", "x".repeat(MiB)]);
  async function stalled() {
    const object = opened({ saysTaken: true });
    const works: Promise<void>[] = [];
    for (let i = 0; i < 10; i++) works.push(object.hear(object.socket, echo));
    await expect.poll(() => object.timers.size).toBe(1);
    return { ...object, work: Promise.all(works) };
  }

  test("is waited for as long as for part of a call, counted from what it took last", async () => {
    const { socket, connections, timers, work } = await stalled();
    expect(socket.kept()?.isHeld).toBe(true);
    const [first] = timers;
    await connections.hear(socket, "taken 1");
    expect([timers.size, timers.has(first as never)]).toEqual([1, false]);
    await connections.hear(socket, `taken ${20 * MiB}`);
    await work;
    expect([timers.size, socket.closed, socket.kept()?.isHeld]).toEqual([0, 0, false]);
    expect(socket.sent.match(/\$1048576\r\n/g)).toHaveLength(10);
  });

  test("is ended then, with an error, and nothing more of it is performed", async () => {
    const { socket, timers, work } = await stalled();
    for (const timer of timers) timer.work();
    await work;
    expect(socket.closed).toBe(1);
    expect(socket.sent).toMatch(/-ERR the connection was silent for too long .*\r\n$/);
    expect(socket.sent.match(/\$1048576\r\n/g)).toHaveLength(8);
  });

  test("says nothing of RESP by text messages", async () => {
    const { socket, connections } = opened({ saysTaken: true });
    await connections.hear(socket, "PING\r\n");
    expect([socket.sent.includes("PONG"), socket.closed]).toEqual([false, 1]);
  });
});

describe("calls that are not performed", () => {
  const most = limits.respHeldBytesMax;
  /** Part of a call: of so many bytes, with all that announces it. */
  const part = (bytes: number): string => {
    const head = "*2\r\n$4\r\nECHO\r\n$8300000\r\n";
    return head + "x".repeat(bytes - "ECHO".length);
  };

  test("are held up to a bound between all clients, and beyond it the one that has most is ended", async () => {
    const { hear, open } = objectWith();
    const share = Math.floor(most / 10);
    const clients = Array.from({ length: 10 }, () => open());
    const [first, ...others] = clients as [TestSocket, ...TestSocket[]];
    const last = others.pop() as TestSocket;
    await hear(first, part(share + 1000));
    for (const each of others) await hear(each, part(share));
    await hear(last, part(most - 9 * share - 1000));
    const ended = () => clients.filter(({ closed }) => closed > 0);
    expect(ended()).toEqual([]);
    await hear(last, "x");
    expect(ended()).toEqual([first]);
    expect(first.sent).toMatch(/^-ERR the clients of a queue may have at most .*\r\n$/);
    // What it had is free again.
    await hear(open(), part(share + 1000 - 1));
    expect(ended()).toEqual([first]);
  });

  test.each([
    ["queued by MULTI", "MULTI\r\n"],
    ["behind one that waits", "BLPOP l 0\r\n"],
  ])("count also where they are %s, until they are performed or given up", async (_, before) => {
    const { hear, open, connections } = objectWith();
    const echo = encodeCall(["ECHO", "x".repeat(1024 * 1024)]).repeat(7);
    const greedy = Array.from({ length: 9 }, () => open());
    for (const each of greedy) await hear(each, before + echo);
    expect(greedy.map(({ closed }) => closed)).toEqual(Array(9).fill(0));
    greedy.push(open());
    await hear(greedy.at(-1) as TestSocket, before + echo);
    expect(greedy.filter(({ closed }) => closed > 0)).toHaveLength(1);
    for (const each of greedy) connections.leave(each);
    for (const each of [open(), open()]) {
      await hear(each, before + echo);
      expect(each.closed).toBe(0);
    }
  });
});

test("a socket that takes nothing any more hurts nobody", async () => {
  const { socket, hear } = opened();
  socket.send = () => {
    throw new TypeError("Can't call WebSocket send() after close().");
  };
  await hear(socket, "PING\r\n");
  expect(socket.closed).toBe(0);
});
