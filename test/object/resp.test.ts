/**
 * Redis connections of an object: what is kept while it sleeps, what keeps it awake, and for how long.
 */
import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { BlockedClients } from "../../src/object/blocked.ts";
import { RespConnections } from "../../src/object/resp.ts";
import type { RespSocket } from "../../src/object/resp-kept.ts";
import { notAsked, TestSocket } from "./resp-socket.ts";

function objectWith(now = 1_000_000) {
  const timers = new Set<{ readonly ms: number; readonly work: () => void }>();
  const connections = new RespConnections({
    queue: "mail",
    line: new BlockedClients({ now: () => now, serve: () => undefined, later: () => undefined }),
    sockets: () => [],
    submit: (request) =>
      Promise.resolve({
        reply: JSON.stringify({ replies: request.input.calls.map((call) => call.at(-1)) }),
      }),
    read: (request) =>
      Promise.resolve({ reply: JSON.stringify({ versions: request.input.names.map(() => 1) }) }),
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
  return { connections, hear, timers };
}

function opened(needsAuth = false) {
  const socket = new TestSocket();
  const object = objectWith();
  object.connections.open(socket, { dialect: "redis", needsAuth });
  return { socket, ...object };
}

describe("a connection", () => {
  test("is known by the next instance: its protocol, its name, its rights, its id", async () => {
    const { socket, hear } = opened(true);
    await hear(socket, "HELLO 3 AUTH default s3cret SETNAME ada\r\n");
    const [, id] = /\$2\r\nid\r\n:(\d+)/.exec(socket.sent) ?? [];
    socket.sent = "";
    await objectWith().hear(socket, "CLIENT GETNAME\r\nCLIENT ID\r\nCONFIG GET save\r\n");
    expect(socket.sent).toBe(`$3\r\nada\r\n:${id}\r\n%1\r\n$4\r\nsave\r\n$0\r\n\r\n`);
  });

  test("has an id greater than all before, also before the object slept", () => {
    const idsFrom = (now: number): number[] => {
      const { connections } = objectWith(now);
      return [0, 1].map(() => {
        const socket = new TestSocket();
        connections.open(socket, { dialect: "redis", needsAuth: false });
        return socket.kept()?.session.id ?? 0;
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

test("a socket that takes nothing any more hurts nobody", async () => {
  const { socket, hear } = opened();
  socket.send = () => {
    throw new TypeError("Can't call WebSocket send() after close().");
  };
  await hear(socket, "PING\r\n");
  expect(socket.closed).toBe(0);
});
