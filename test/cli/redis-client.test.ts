/**
 * A client of the bridge: what becomes of its calls when the socket to the queue closes, is slow, or cannot be had.
 * Invariant: a real TCP connection on this side; on the other a link that the test holds.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { encodeCall } from "../../src/redis/frames.ts";
import { BridgedRig, type TestLink } from "./bridged-rig.ts";

let rig: BridgedRig;
beforeEach(async () => {
  rig = await BridgedRig.open();
});
afterEach(() => rig.close());

const call = (...words: string[]): string => encodeCall(words);

/** Says something, and waits until so many bytes reached the link. */
async function says(text: string, expected: string, index = 0): Promise<TestLink> {
  rig.client.write(text);
  await rig.until(() => (rig.links[index]?.said.length ?? 0) >= expected.length);
  const link = rig.links[index] as TestLink;
  expect(link.said).toBe(expected);
  link.said = "";
  return link;
}

test("whole calls go on, in one piece, and replies come back", async () => {
  const link = await says(`GET a\r\n${call("GET", "b").slice(0, 9)}`, call("GET", "a"));
  rig.client.write(call("GET", "b").slice(9));
  await rig.until(() => link.said !== "");
  expect(link.said).toBe(call("GET", "b"));
  link.answer("$-1\r");
  link.answer("\n$1\r\nx\r\n");
  await rig.until(() => rig.heard.length >= 12);
  expect(rig.heard).toBe("$-1\r\n$1\r\nx\r\n");
});

test("a client that was idle does not notice that its rig.client was lost", async () => {
  const hello = "HELLO 3 AUTH default s\r\nCLIENT SETNAME ada\r\nCLIENT SETNAME bob\r\n";
  const first = [call("HELLO", "3", "AUTH", "default", "s"), call("CLIENT", "SETNAME", "ada")];
  const named = call("CLIENT", "SETNAME", "bob");
  const link = await says(hello, first.join("") + named);
  link.answer("%0\r\n+OK\r\n+OK\r\n");
  await rig.until(() => rig.heard.length === 14);
  rig.heard = "";
  link.lose();
  const next = await says("GET a\r\n", `${first[0]}${named}`, 1);
  // What was said again is answered to nobody; only then do the new calls go on.
  next.answer("%0\r\n");
  next.answer("+OK\r\n");
  await rig.until(() => next.said !== "");
  expect(next.said).toBe(call("GET", "a"));
  next.answer("_\r\n");
  await rig.until(() => rig.heard !== "");
  expect(rig.heard).toBe("_\r\n");
});

test.each([
  ["has no reply yet", "GET a\r\n", ""],
  ["is within a transaction", "MULTI\r\n", "+OK\r\n"],
  ["watches a name", "WATCH a\r\n", "+OK\r\n"],
])("a client that %s is cut off when its rig.client is lost", async (_, said, answer) => {
  const [word = "", ...rest] = said.trim().split(" ");
  const link = await says(said, call(word, ...rest));
  if (answer !== "") link.answer(answer);
  await rig.until(() => rig.heard === answer);
  const ended = once(rig.client, "end");
  link.lose();
  await ended;
  expect(rig.heard).toBe(answer);
  expect(rig.links).toHaveLength(1);
});

test.each(["UNWATCH", "EXEC", "DISCARD", "RESET"])("behind %s it is idle again", async (word) => {
  const link = await says(`WATCH a\r\nMULTI\r\n`, call("WATCH", "a") + call("MULTI"));
  link.answer("+OK\r\n+OK\r\n");
  // Within MULTI, UNWATCH is only queued.
  const last = word === "UNWATCH" ? ["EXEC", "WATCH a", "UNWATCH"] : [word];
  const frames = last.map((each) => call(...each.split(" "))).join("");
  await says(last.map((each) => `${each}\r\n`).join(""), frames);
  link.answer("+OK\r\n".repeat(last.length));
  await rig.until(() => rig.heard.length === 10 + 5 * last.length);
  link.lose();
  rig.client.write("PING\r\n");
  await rig.until(() => rig.links.length === 2 && rig.links[1]?.said !== "");
  expect(rig.links[1]?.said).toBe(call("PING"));
});

test("a worker of AGQ that was idle is still known by its last heartbeat", async () => {
  const link = await says("PING w1\r\n", call("PING", "w1"));
  link.answer("$2\r\nw1\r\n");
  await rig.until(() => rig.heard === "$2\r\nw1\r\n");
  link.lose();
  const next = await says("PING w1\r\n", call("PING", "w1"), 1);
  next.answer("$2\r\nw1\r\n");
  await rig.until(() => next.said !== "");
  expect(next.said).toBe(call("PING", "w1"));
});

test("a client that leaves gets the replies that it waits for first", async () => {
  const link = await says("GET a\r\n", call("GET", "a"));
  const ended = once(rig.client, "end");
  rig.client.end();
  link.answer("$1\r\nx\r\n");
  await ended;
  expect(rig.heard).toBe("$1\r\nx\r\n");
  await rig.until(() => link.isClosed);
});

test("QUIT ends both sides", async () => {
  const link = await says("QUIT\r\n", call("QUIT"));
  const ended = once(rig.client, "end");
  link.answer("+OK\r\n");
  await ended;
  expect([rig.heard, link.isClosed]).toEqual(["+OK\r\n", true]);
});

test("what is no RESP is answered behind the replies to what was, and ends the connection", async () => {
  const link = await says("GET a\r\n*x\r\n", call("GET", "a"));
  const ended = once(rig.client, "end");
  link.answer("$-1\r\n");
  await ended;
  expect(rig.heard).toBe("$-1\r\n-ERR Protocol error: invalid multibulk length\r\n");
});

test("a queue that cannot be reached is told, and ends the connection", async () => {
  rig.failure = new Error("the queue did not take the connection");
  const ended = once(rig.client, "end");
  rig.client.write("GET a\r\n");
  await ended;
  expect(rig.heard).toBe("-ERR the bridge cannot reach the queue\r\n");
  expect(rig.told).toBe("the queue did not take the connection\n");
});

test("a client that does not wait for its replies is not read from, until it has some", async () => {
  const frame = call("SET", "a", "x".repeat(1024 * 1024));
  let flushed = 0;
  for (let i = 0; i < 8; i++) {
    rig.client.write(frame, () => {
      flushed += 1;
      rig.tell();
    });
  }
  await rig.until(() => rig.theirs.isPaused() === true);
  const link = rig.links[0] as TestLink;
  expect(link.said.length).toBeLessThan(8 * frame.length);
  for (let answered = 0; answered < 8; answered += 1) {
    await rig.until(() => link.said.length >= (answered + 1) * frame.length);
    link.answer("+OK\r\n");
  }
  await rig.until(() => flushed === 8 && rig.heard.length === 40);
  expect(rig.theirs.isPaused()).toBe(false);
});

test("what is behind a call that waits is sent behind its reply, and between MULTI and EXEC at once", async () => {
  const blpop = call("BLPOP", "l", "0");
  const link = await says(blpop + call("GET", "a") + call("BLPOP", "m", "0"), blpop);
  link.answer("*-1\r\n");
  await rig.until(() => link.said !== "");
  const next = call("GET", "a") + call("BLPOP", "m", "0");
  expect(link.said).toBe(next);
  link.said = "";
  rig.client.write(call("MULTI") + blpop + call("EXEC") + call("PING"));
  link.answer("$-1\r\n*-1\r\n");
  const rest = call("MULTI") + blpop + call("EXEC") + call("PING");
  await rig.until(() => link.said.length >= rest.length);
  expect(link.said).toBe(rest);
});

test("a client that goes while a call of it waits takes its connection with it", async () => {
  const blpop = call("BLPOP", "l", "0");
  const link = await says(blpop, blpop);
  await sleep(100);
  rig.client.end();
  await once(rig.theirs, "close");
  expect([rig.heard, link.isClosed]).toEqual(["", true]);
});

const frame = (...words: (string | number)[]): string =>
  `*${words.length}\r\n${words.map((word) => (typeof word === "number" ? `:${word}\r\n` : `$${word.length}\r\n${word}\r\n`)).join("")}`;

test("what is published is no reply, and a client that is told goes on over another link", async () => {
  const subscribe = call("SUBSCRIBE", "a", "b");
  const link = await says(subscribe, subscribe);
  const confirmed =
    frame("subscribe", "a", 1) + frame("message", "a", "x") + frame("subscribe", "b", 2);
  link.answer(confirmed);
  await rig.until(() => rig.heard.length >= confirmed.length);
  await says(call("PING"), call("PING"));
  link.answer(frame("message", "b", "y"));
  link.answer(frame("pong", ""));
  await rig.until(() => rig.heard.endsWith(frame("pong", "")));
  rig.heard = "";
  link.lose();
  await rig.until(() => rig.links.length === 2);
  const [, next] = rig.links;
  await rig.until(() => next?.said === call("subscribe", "a", "b"));
  const again =
    frame("subscribe", "a", 1) + frame("subscribe", "b", 2) + frame("message", "a", "z");
  for (const part of [again.slice(0, 40), again.slice(40, 80), again.slice(80)]) next?.answer(part);
  await rig.until(() => rig.heard.endsWith(frame("message", "a", "z")));
  expect(rig.heard).toBe(frame("message", "a", "z"));
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
  await rig.until(() => rig.heard === answers);
  // It has no reply to GET yet: it is cut off.
  link.lose();
  await once(rig.client, "end");
});

/** A transaction that follows two channels, and a frame of each. */
const following = call("MULTI") + call("SUBSCRIBE", "a", "b") + call("GET", "x") + call("EXEC");
const queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n";
const confirmed = `*2\r\n${frame("subscribe", "a", 1)}${frame("subscribe", "b", 2)}`;

test("an EXEC that follows channels is answered by more frames than one", async () => {
  const link = await says(following + call("PING"), following + call("PING"));
  link.answer(queued + confirmed);
  await rig.until(() => rig.heard === queued + confirmed);
  // An error among them is the reply to one call, not to EXEC.
  link.answer(`-WRONGTYPE\r\n${frame("pong", "")}`);
  await rig.until(() => rig.heard.endsWith(frame("pong", "")));
  link.lose();
  await rig.until(() => rig.links.length === 2 && rig.links[1]?.said !== "");
  expect(rig.links[1]?.said).toBe(call("subscribe", "a", "b"));
});

test.each([
  ["was discarded", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
  ["came too late", "*-1\r\n"],
  ["came too late, in RESP3", "_\r\n"],
])("an EXEC that %s follows nothing, and has one frame", async (_, answer) => {
  const link = await says(following + call("GET", "x"), following + call("GET", "x"));
  link.answer(`${queued}${answer}$-1\r\n`);
  await rig.until(() => rig.heard.endsWith("$-1\r\n"));
  link.lose();
  await says(call("PING"), call("PING"), 1);
});

test("a client that says nothing more behind such an EXEC gets its replies first", async () => {
  const link = await says(following, following);
  const ended = once(rig.client, "end");
  rig.client.end();
  link.answer(`${queued}${confirmed}$-1\r\n`);
  await ended;
  expect(rig.heard).toBe(`${queued}${confirmed}$-1\r\n`);
});
