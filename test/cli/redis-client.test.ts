/**
 * A client of the bridge: what becomes of its calls when the socket to the queue closes, is slow, or cannot be had.
 * Invariant: a real TCP connection on this side; on the other a link that the test holds.
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BridgedClient } from "../../src/cli/redis-client.ts";
import type { Link, LinkListener } from "../../src/cli/redis-link.ts";

class TestLink implements Link {
  said = "";
  isClosed = false;
  #listener: LinkListener | undefined;

  listen(listener: LinkListener): void {
    this.#listener = listener;
  }
  send(bytes: Uint8Array): void {
    this.said += Buffer.from(bytes).toString("latin1");
  }
  close(): void {
    this.isClosed = true;
  }
  answer(text: string): void {
    this.#listener?.hear(Buffer.from(text, "latin1"));
  }
  lose(): void {
    this.#listener?.lost();
  }
}

let server: Server;
let socket: Socket;
/** The bridge's end of it. */
let theirs: Socket | undefined;
let heard: string;
let links: TestLink[];
let told: string;
/** What the next attempt to connect fails with. */
let failure: Error | undefined;
let news: PromiseWithResolvers<void>;

/** Something has happened: whoever waits looks again. */
function tell(): void {
  news.resolve();
  news = Promise.withResolvers();
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await news.promise;
}

beforeEach(async () => {
  heard = "";
  told = "";
  links = [];
  failure = undefined;
  news = Promise.withResolvers();
  const open = async (): Promise<Link> => {
    if (failure !== undefined) throw failure;
    const link = new TestLink();
    const send = link.send.bind(link);
    link.send = (bytes) => {
      send(bytes);
      tell();
    };
    const close = link.close.bind(link);
    link.close = () => {
      close();
      tell();
    };
    links.push(link);
    return link;
  };
  server = createServer({ allowHalfOpen: true }, (accepted) => {
    theirs = accepted;
    accepted.on("pause", tell);
    new BridgedClient(accepted, open, (text) => {
      told += text;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.setEncoding("latin1");
  socket.on("data", (text) => {
    heard += String(text);
    tell();
  });
});
afterEach(() => {
  socket.destroy();
  server.close();
});

const call = (...words: string[]): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;

/** Says something, and waits until so many bytes reached the link. */
async function says(text: string, expected: string, index = 0): Promise<TestLink> {
  socket.write(text);
  await until(() => (links[index]?.said.length ?? 0) >= expected.length);
  const link = links[index] as TestLink;
  expect(link.said).toBe(expected);
  link.said = "";
  return link;
}

test("whole calls go on, in one piece, and replies come back", async () => {
  const link = await says(`GET a\r\n${call("GET", "b").slice(0, 9)}`, call("GET", "a"));
  socket.write(call("GET", "b").slice(9));
  await until(() => link.said !== "");
  expect(link.said).toBe(call("GET", "b"));
  link.answer("$-1\r");
  link.answer("\n$1\r\nx\r\n");
  await until(() => heard.length >= 12);
  expect(heard).toBe("$-1\r\n$1\r\nx\r\n");
});

test("a client that was idle does not notice that its socket was lost", async () => {
  const hello = "HELLO 3 AUTH default s\r\nCLIENT SETNAME ada\r\nCLIENT SETNAME bob\r\n";
  const first = [call("HELLO", "3", "AUTH", "default", "s"), call("CLIENT", "SETNAME", "ada")];
  const named = call("CLIENT", "SETNAME", "bob");
  const link = await says(hello, first.join("") + named);
  link.answer("%0\r\n+OK\r\n+OK\r\n");
  await until(() => heard.length === 14);
  heard = "";
  link.lose();
  const next = await says("GET a\r\n", `${first[0]}${named}`, 1);
  // What was said again is answered to nobody; only then do the new calls go on.
  next.answer("%0\r\n");
  next.answer("+OK\r\n");
  await until(() => next.said !== "");
  expect(next.said).toBe(call("GET", "a"));
  next.answer("_\r\n");
  await until(() => heard !== "");
  expect(heard).toBe("_\r\n");
});

test.each([
  ["has no reply yet", "GET a\r\n", ""],
  ["is within a transaction", "MULTI\r\n", "+OK\r\n"],
  ["watches a name", "WATCH a\r\n", "+OK\r\n"],
])("a client that %s is cut off when its socket is lost", async (_, said, answer) => {
  const [word = "", ...rest] = said.trim().split(" ");
  const link = await says(said, call(word, ...rest));
  if (answer !== "") link.answer(answer);
  await until(() => heard === answer);
  const ended = once(socket, "end");
  link.lose();
  await ended;
  expect(heard).toBe(answer);
  expect(links).toHaveLength(1);
});

test.each(["UNWATCH", "EXEC", "DISCARD", "RESET"])("behind %s it is idle again", async (word) => {
  const link = await says(`WATCH a\r\nMULTI\r\n`, call("WATCH", "a") + call("MULTI"));
  link.answer("+OK\r\n+OK\r\n");
  // Within MULTI, UNWATCH is only queued.
  const last = word === "UNWATCH" ? ["EXEC", "WATCH a", "UNWATCH"] : [word];
  const frames = last.map((each) => call(...each.split(" "))).join("");
  await says(last.map((each) => `${each}\r\n`).join(""), frames);
  link.answer("+OK\r\n".repeat(last.length));
  await until(() => heard.length === 10 + 5 * last.length);
  link.lose();
  socket.write("PING\r\n");
  await until(() => links.length === 2 && links[1]?.said !== "");
  expect(links[1]?.said).toBe(call("PING"));
});

test("a worker of AGQ that was idle is still known by its last heartbeat", async () => {
  const link = await says("PING w1\r\n", call("PING", "w1"));
  link.answer("$2\r\nw1\r\n");
  await until(() => heard === "$2\r\nw1\r\n");
  link.lose();
  const next = await says("PING w1\r\n", call("PING", "w1"), 1);
  next.answer("$2\r\nw1\r\n");
  await until(() => next.said !== "");
  expect(next.said).toBe(call("PING", "w1"));
});

test("a client that leaves gets the replies that it waits for first", async () => {
  const link = await says("GET a\r\n", call("GET", "a"));
  const ended = once(socket, "end");
  socket.end();
  link.answer("$1\r\nx\r\n");
  await ended;
  expect(heard).toBe("$1\r\nx\r\n");
  await until(() => link.isClosed);
});

test("QUIT ends both sides", async () => {
  const link = await says("QUIT\r\n", call("QUIT"));
  const ended = once(socket, "end");
  link.answer("+OK\r\n");
  await ended;
  expect([heard, link.isClosed]).toEqual(["+OK\r\n", true]);
});

test("what is no RESP is answered behind the replies to what was, and ends the connection", async () => {
  const link = await says("GET a\r\n*x\r\n", call("GET", "a"));
  const ended = once(socket, "end");
  link.answer("$-1\r\n");
  await ended;
  expect(heard).toBe("$-1\r\n-ERR Protocol error: invalid multibulk length\r\n");
});

test("a queue that cannot be reached is told, and ends the connection", async () => {
  failure = new Error("the queue did not take the connection");
  const ended = once(socket, "end");
  socket.write("GET a\r\n");
  await ended;
  expect(heard).toBe("-ERR the bridge cannot reach the queue\r\n");
  expect(told).toBe("the queue did not take the connection\n");
});

test("a client that does not wait for its replies is not read from, until it has some", async () => {
  const frame = call("SET", "a", "x".repeat(1024 * 1024));
  let flushed = 0;
  for (let i = 0; i < 8; i++) {
    socket.write(frame, () => {
      flushed += 1;
      tell();
    });
  }
  await until(() => theirs?.isPaused() === true);
  const link = links[0] as TestLink;
  expect(link.said.length).toBeLessThan(8 * frame.length);
  for (let answered = 0; answered < 8; answered += 1) {
    await until(() => link.said.length >= (answered + 1) * frame.length);
    link.answer("+OK\r\n");
  }
  await until(() => flushed === 8 && heard.length === 40);
  expect(theirs?.isPaused()).toBe(false);
});

test("what is behind a call that waits is sent behind its reply, and between MULTI and EXEC at once", async () => {
  const blpop = call("BLPOP", "l", "0");
  const link = await says(blpop + call("GET", "a") + call("BLPOP", "m", "0"), blpop);
  link.answer("*-1\r\n");
  await until(() => link.said !== "");
  const next = call("GET", "a") + call("BLPOP", "m", "0");
  expect(link.said).toBe(next);
  link.said = "";
  socket.write(call("MULTI") + blpop + call("EXEC") + call("PING"));
  link.answer("$-1\r\n*-1\r\n");
  const rest = call("MULTI") + blpop + call("EXEC") + call("PING");
  await until(() => link.said.length >= rest.length);
  expect(link.said).toBe(rest);
});

test("a client that goes while a call of it waits takes its connection with it", async () => {
  const blpop = call("BLPOP", "l", "0");
  const link = await says(blpop, blpop);
  socket.end();
  await until(() => link.isClosed);
});

const frame = (...words: (string | number)[]): string =>
  `*${words.length}\r\n${words.map((word) => (typeof word === "number" ? `:${word}\r\n` : `$${word.length}\r\n${word}\r\n`)).join("")}`;

test("what is published is no reply, and a client that is told goes on over another link", async () => {
  const subscribe = call("SUBSCRIBE", "a", "b");
  const link = await says(subscribe, subscribe);
  const confirmed =
    frame("subscribe", "a", 1) + frame("message", "a", "x") + frame("subscribe", "b", 2);
  link.answer(confirmed);
  await until(() => heard.length >= confirmed.length);
  await says(call("PING"), call("PING"));
  link.answer(frame("message", "b", "y"));
  link.answer(frame("pong", ""));
  await until(() => heard.endsWith(frame("pong", "")));
  heard = "";
  link.lose();
  await until(() => links.length === 2);
  const [, next] = links;
  await until(() => next?.said === call("subscribe", "a", "b"));
  const again =
    frame("subscribe", "a", 1) + frame("subscribe", "b", 2) + frame("message", "a", "z");
  for (const part of [again.slice(0, 40), again.slice(40, 80), again.slice(80)]) next?.answer(part);
  await until(() => heard.endsWith(frame("message", "a", "z")));
  expect(heard).toBe(frame("message", "a", "z"));
});

test("over RESP3 each frame that confirms is counted, and UNSUBSCRIBE without names has one for each", async () => {
  const said = call("SUBSCRIBE", "a", "b") + call("UNSUBSCRIBE") + call("GET", "x");
  const link = await says(said, said);
  const push = (...words: (string | number)[]) => frame(...words).replace("*", ">");
  const answers =
    push("subscribe", "a", 1) +
    push("subscribe", "b", 2) +
    push("message", "a", "x") +
    push("unsubscribe", "a", 1) +
    push("unsubscribe", "b", 0);
  link.answer(answers);
  await until(() => heard === answers);
  // It has no reply to GET yet: it is cut off.
  link.lose();
  await once(socket, "end");
});

/** A transaction that follows two channels, and a frame of each. */
const following = call("MULTI") + call("SUBSCRIBE", "a", "b") + call("GET", "x") + call("EXEC");
const queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n";
const confirmed = `*2\r\n${frame("subscribe", "a", 1)}${frame("subscribe", "b", 2)}`;

test("an EXEC that follows channels is answered by more frames than one, and what is behind it waits for them", async () => {
  const link = await says(following + call("PING"), following);
  link.answer(queued + confirmed);
  await until(() => heard === queued + confirmed);
  expect(link.said).toBe("");
  // An error among them is the reply to one call, not to EXEC.
  link.answer("-WRONGTYPE\r\n");
  await until(() => link.said !== "");
  expect(link.said).toBe(call("PING"));
  link.answer(frame("pong", ""));
  await until(() => heard.endsWith(frame("pong", "")));
  link.lose();
  await until(() => links.length === 2 && links[1]?.said !== "");
  expect(links[1]?.said).toBe(call("subscribe", "a", "b"));
});

test.each([
  ["was discarded", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
  ["came too late", "*-1\r\n"],
  ["came too late, in RESP3", "_\r\n"],
])("an EXEC that %s follows nothing, and has one frame", async (_, answer) => {
  const link = await says(following + call("GET", "x"), following);
  link.answer(queued + answer);
  await until(() => link.said !== "");
  expect(link.said).toBe(call("GET", "x"));
  link.answer("$-1\r\n");
  await until(() => heard.endsWith("$-1\r\n"));
  link.lose();
  await says(call("PING"), call("PING"), 1);
});

test("a client that says nothing more behind such an EXEC gets its replies first", async () => {
  const link = await says(following, following);
  const ended = once(socket, "end");
  socket.end();
  link.answer(`${queued}${confirmed}$-1\r\n`);
  await ended;
  expect(heard).toBe(`${queued}${confirmed}$-1\r\n`);
});
