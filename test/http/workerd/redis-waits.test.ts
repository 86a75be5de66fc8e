/**
 * Calls of Upstash's protocol that wait: the real gate, between a caller and connections of the test.
 * Invariant: an answer begins as soon as a call waits, and ends whatever becomes of the connection.
 */
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import type { RedisRunInput } from "../../../src/contract/redis.ts";
import { answerRest } from "../../../src/http/redis.ts";

const GREETING = "+greeting\r\n";
const unanswered = "ERR the queue did not answer: what was done is not known";

/** A gate before a queue in which BLPOP finds nothing, and to which so many connections lead that say as they are told, or answer themselves. */
function gateTo(
  connections = Number.POSITIVE_INFINITY,
  answer: (said: string) => string | undefined = () => undefined,
) {
  const performed: string[] = [];
  const sockets: { readonly socket: WebSocket; readonly closed: Promise<void> }[] = [];
  const reported: unknown[] = [];
  const connect = () => {
    if (sockets.length >= connections) return Promise.reject(new Error("unreachable"));
    const { 0: theirs, 1: socket } = new WebSocketPair();
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => {
      const answered = answer(Buffer.from(data as ArrayBuffer).toString());
      if (answered !== undefined) socket.send(Buffer.from(answered));
    });
    socket.accept();
    socket.addEventListener("close", () => resolve());
    sockets.push({ socket, closed });
    return Promise.resolve(theirs);
  };
  const ask = (request: { input: unknown }) => {
    const { calls } = request.input as RedisRunInput;
    const waiting = calls.findIndex(([name]) => name === "BLPOP");
    const done = waiting === -1 ? calls : calls.slice(0, waiting);
    performed.push(...done.map((call) => call.join(" ")));
    const replies = done.map(() => "done");
    const reply = waiting === -1 ? { replies } : { replies, blocked: { ms: 0 } };
    return Promise.resolve({ reply: JSON.stringify(reply) });
  };
  const send = (path: string, body: unknown, init: RequestInit = {}) =>
    answerRest(
      new Request(`https://sluice.test/${path}`, {
        ...{ method: "POST", body: JSON.stringify(body) },
        ...init,
      }),
      path,
      {
        ...{ queue: "q", ask, connect, report: (error: unknown) => reported.push(error) },
        ...{ denied: () => undefined, misnamed: () => undefined },
      },
    );
  return { send, performed, sockets, reported };
}

const popped = Buffer.from(`${GREETING}*2\r\n$1\r\nq\r\n$1\r\nx\r\n`);

test("the answer begins before there is one, and is JSON behind spaces", async () => {
  const { send, sockets } = gateTo();
  const response = await send("", ["BLPOP", "q", 0]);
  const reader = response.body?.getReader();
  const first = await reader?.read();
  expect(Buffer.from(first?.value ?? []).toString()).toBe(" ");
  sockets[0]?.socket.send(popped);
  const rest = await reader?.read();
  expect(JSON.parse(Buffer.from(rest?.value ?? []).toString())).toEqual({ result: ["q", "x"] });
  await sockets[0]?.closed;
});

test("what stands behind a call that waited is performed for a caller who is there", async () => {
  const { send, sockets, performed } = gateTo();
  const response = await send("pipeline", [
    ["GET", "a"],
    ["BLPOP", "q", 0],
    ["LPOP", "b"],
  ]);
  sockets[0]?.socket.send(popped);
  expect(await response.json()).toEqual([
    { result: "done" },
    { result: ["q", "x"] },
    { result: "done" },
  ]);
  expect(performed).toEqual(["GET a", "LPOP b"]);
});

test("a caller who goes while a call waits has its connection closed, and nothing behind it is performed", async () => {
  const { send, sockets, performed } = gateTo();
  const response = await send("pipeline", [
    ["BLPOP", "q", 0],
    ["LPOP", "b"],
  ]);
  const reader = response.body?.getReader();
  await reader?.read();
  const ended = reader?.read();
  await reader?.cancel();
  await sockets[0]?.closed;
  expect(await ended).toMatchObject({ done: true });
  expect(performed).toEqual([]);
});

test("a caller who has gone before is not waited for", async () => {
  const { send, sockets, performed } = gateTo();
  const signal = AbortSignal.abort();
  const response = await send(
    "pipeline",
    [
      ["BLPOP", "q", 0],
      ["LPOP", "b"],
    ],
    { signal },
  );
  await response.text();
  await sockets[0]?.closed;
  expect(performed).toEqual([]);
});

test("a connection that is lost meanwhile is an error for the call that waited, and the calls behind it are performed or told to be unknown", async () => {
  const single = gateTo();
  const one = await single.send("", ["BLPOP", "q", 0]);
  single.sockets[0]?.socket.close(1011, "gone");
  expect(one.status).toBe(200);
  expect(await one.json()).toEqual({ error: unanswered });
  expect(single.reported).toHaveLength(1);
  const several = gateTo();
  const response = await several.send("pipeline", [
    ["GET", "a"],
    ["BLPOP", "q", 0],
    ["LPOP", "b"],
  ]);
  several.sockets[0]?.socket.close(1011, "gone");
  expect(await response.json()).toEqual([
    { result: "done" },
    { error: unanswered },
    { error: unanswered },
  ]);
});

test("where there is no connection, the status says so, unless the answer has begun", async () => {
  const none = gateTo(0);
  const refused = await none.send("", ["BLPOP", "q", 0]);
  expect([refused.status, await refused.json()]).toEqual([503, { error: unanswered }]);
  const { send, sockets } = gateTo(1);
  const response = await send("pipeline", [
    ["BLPOP", "q", 0],
    ["BLPOP", "q", 0],
  ]);
  sockets[0]?.socket.send(popped);
  sockets[0]?.socket.close(1011, "gone");
  expect(await response.json()).toEqual([{ result: ["q", "x"] }, { error: unanswered }]);
});

test.each<RequestInit>([
  { headers: { "upstash-response-format": "resp2" } },
  { method: "HEAD", body: null },
])("nothing waits where nothing can be sent ahead: %j", async (init) => {
  const { send, sockets, performed } = gateTo();
  const isHead = init.method === "HEAD";
  const response = await (isHead
    ? send("BLPOP/q/0", undefined, init)
    : send(
        "pipeline",
        [
          ["BLPOP", "q", 0],
          ["LPOP", "b"],
        ],
        init,
      ));
  const text = Buffer.from(await response.arrayBuffer()).toString();
  if (isHead) expect(response.status).toBe(400);
  else
    expect(text).toMatch(
      /^-ERR a call waits only where its answer is JSON[^\r]*\r\n\$4\r\ndone\r\n$/,
    );
  expect(sockets).toEqual([]);
  expect(performed).toEqual(isHead ? [] : ["LPOP b"]);
});

test("all calls of a request that need a connection have one, in their order, and it is closed behind them", async () => {
  let number = 0;
  const { send, sockets } = gateTo(1, (said) => {
    if (said.includes("HELLO")) return GREETING;
    number += 1;
    return `:${number}\r\n`;
  });
  const response = await send("pipeline", [
    ["PUBLISH", "a", "x"],
    ["PUBLISH", "b", "x"],
    ["BLPOP", "q", 0],
    ["PUBSUB", "NUMPAT"],
  ]);
  expect(await response.json()).toEqual([1, 2, 3, 4].map((result) => ({ result })));
  await sockets[0]?.closed;
});
