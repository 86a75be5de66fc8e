/**
 * How the connection of a client of the bridge ends, and what it may not do to the queue then; and what is told to one that follows channels.
 * Invariant: a real TCP connection on this side; on the other a link that the test holds.
 */
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { encodeCall, encodeReply, type GateReply } from "../../src/redis/frames.ts";
import { BridgedRig, type TestLink } from "./bridged-rig.ts";

let rig: BridgedRig;
beforeEach(async () => {
  rig = await BridgedRig.open(true);
});
/** Has the client show the token before the queue takes anything of it. */
async function unknown(): Promise<void> {
  rig.close();
  rig = await BridgedRig.open(true, undefined, { isKnown: false });
}
afterEach(() => rig.close());

const call = (...words: string[]): string => encodeCall(words);
const reply = (said: GateReply, protocol: 2 | 3 = 2): string => encodeReply(said, protocol);

/** Says something on the wire, and waits until it has reached the link of that place. */
async function says(frames: string, place = 0): Promise<TestLink> {
  rig.client.write(frames, "latin1");
  await rig.until(() => rig.links[place]?.said.endsWith(frames) === true);
  return rig.links[place] as TestLink;
}

/** Has the link answer, and waits until the client has rig.heard that. */
async function answers(link: TestLink, text: string): Promise<void> {
  const before = rig.heard.length;
  link.answer(text);
  await rig.until(() => rig.heard.length >= before + text.length);
}

test("behind the end that QUIT has, nothing is performed", async () => {
  const link = await says(call("QUIT"));
  const ended = once(rig.client, "end");
  link.answer("+OK\r\n");
  await ended;
  rig.client.end(call("SET", "a", "1"));
  await once(rig.theirs, "close");
  expect(rig.links).toHaveLength(1);
  expect(rig.heard).toBe("+OK\r\n");
});

test("the rest of a transaction whose link was lost is not performed over another one", async () => {
  const link = await says(call("MULTI") + call("SET", "a", "1"));
  await answers(link, "+OK\r\n+QUEUED\r\n");
  const ended = once(rig.client, "end");
  link.lose();
  await ended;
  rig.client.end(call("SET", "b", "1") + call("EXEC"));
  await once(rig.theirs, "close");
  expect(rig.links).toHaveLength(1);
});

test("a client that was told part of a message is cut off when its link is lost", async () => {
  const link = await says(call("SUBSCRIBE", "a"));
  await answers(link, reply({ push: ["subscribe", "a", 1] }));
  await answers(link, reply({ push: ["message", "a", "all of it"] }).slice(0, -8));
  const ended = once(rig.client, "end");
  link.lose();
  await ended;
  expect(rig.links).toHaveLength(1);
});

test("over RESP3 a list that reads like a message is a reply, also to who follows channels", async () => {
  const link = await says(call("HELLO", "3") + call("SUBSCRIBE", "a"));
  await answers(
    link,
    reply({ map: [["proto", 3]] }, 3) + reply({ push: ["subscribe", "a", 1] }, 3),
  );
  await says(call("BLPOP", "message", "0"));
  rig.client.write(call("PING"));
  await answers(link, reply(["message", "popped"], 3));
  await rig.until(() => link.said.endsWith(call("PING")));
  // Back in RESP2, it is what it looks like.
  await answers(link, "+PONG\r\n");
  await says(call("RESET") + call("SUBSCRIBE", "a"));
  await answers(link, `+RESET\r\n${reply({ push: ["subscribe", "a", 1] })}`);
  await says(call("PING"));
  await answers(link, reply({ push: ["message", "a", "x"] }) + reply(["pong", ""]));
  link.lose();
  await rig.until(() => rig.links.length === 2);
});

test("a HELLO that sets less leaves the token of an earlier one to be said again", async () => {
  const hello = call("HELLO", "3", "AUTH", "default", "s");
  const link = await says(hello + call("HELLO", "2"));
  await answers(link, reply({ map: [] }, 3) + reply({ map: [] }));
  link.lose();
  rig.client.write(call("PING"));
  await rig.until(() => rig.links[1]?.said === hello + call("HELLO", "2"));
});

const published = reply({ push: ["message", "a", "x".repeat(1024 * 1024)] });

test("a client is read from up to its share of what may be on its way, and then on behind the replies", async () => {
  rig.close();
  rig = await BridgedRig.open(true, undefined, { callBytesMax: () => 2 * call("PING").length });
  const link = await says(call("PING").repeat(2));
  expect(rig.theirs.isPaused()).toBe(false);
  rig.client.write(call("PING"));
  await rig.until(() => rig.theirs.isPaused());
  await answers(link, "+PONG\r\n");
  expect(rig.theirs.isPaused()).toBe(false);
});

test("a client that writes before it reads is read from, though it takes no replies", async () => {
  const link = await says(call("PING").repeat(64));
  rig.client.pause();
  for (let i = 0; i < 64; i++) link.answer(reply("x".repeat(1024 * 1024)));
  await rig.stalled();
  await says(call("ECHO", "on"));
});

test("what a client has taken is said, and no more than that", async () => {
  const link = await says(call("SUBSCRIBE", "a"));
  await answers(link, reply({ push: ["subscribe", "a", 1] }));
  expect(link.bytesTaken).toBe(rig.heard.length);
  rig.client.pause();
  // What the system takes for it is counted.
  for (let i = 0; i < 64; i++) link.answer(published);
  await rig.stalled();
  expect(link.bytesTaken).toBeGreaterThan(rig.heard.length);
  expect(link.bytesTaken + rig.theirs.writableLength).toBeLessThan(64 * published.length);
  rig.client.resume();
  await rig.until(() => link.bytesTaken > 64 * published.length);
});

test("replies that the client has had already count as taken", async () => {
  const link = await says(call("CLIENT", "SETNAME", "ada"));
  await answers(link, "+OK\r\n");
  link.lose();
  rig.client.write(call("PING"));
  await rig.until(() => rig.links[1]?.said === call("CLIENT", "SETNAME", "ada"));
  const [, next] = rig.links as [TestLink, TestLink];
  next.answer("+OK\r\n");
  await rig.until(() => next.bytesTaken === "+OK\r\n".length);
});

test.each([
  ["with an error", "-ERR not taken\r\n", false],
  ["without a word", "", true],
])(
  "a client that the queue ends for what it has not taken is cut off, and not carried on: %s",
  async (_, last, untaken) => {
    const link = await says(call("SUBSCRIBE", "a"));
    await answers(link, reply({ push: ["subscribe", "a", 1] }));
    rig.client.pause();
    for (let i = 0; i < 64; i++) link.answer(published);
    const closed = once(rig.theirs, "close");
    link.answer(last);
    link.lose(untaken);
    await closed;
    expect(rig.links).toHaveLength(1);
  },
);

test("one that has taken all is told why the queue ends it", async () => {
  const link = await says(call("SUBSCRIBE", "a"));
  await answers(link, reply({ push: ["subscribe", "a", 1] }));
  const ended = once(rig.client, "end");
  link.answer("-ERR silent for too long\r\n");
  link.lose();
  await ended;
  expect(rig.heard.endsWith("-ERR silent for too long\r\n")).toBe(true);
  expect(rig.links).toHaveLength(1);
});

test("a batch whose client ends its side at once is performed as by a Redis, which reads the end behind it", async () => {
  const batch = call("RPUSH", "l", "a") + call("BLPOP", "l", "0");
  const hasEnded = once(rig.theirs, "end");
  rig.client.end(batch + call("GET", "x"));
  await hasEnded;
  await rig.until(() => rig.links[0]?.said === batch);
  const [link] = rig.links as [TestLink];
  await answers(link, ":1\r\n*2\r\n$1\r\nl\r\n$1\r\na\r\n");
  await rig.until(() => link.said.endsWith(call("GET", "x")));
  const ended = once(rig.client, "end");
  await answers(link, "$-1\r\n");
  await ended;
  await rig.until(() => link.isClosed);
});

test("a batch that comes to wait is cut off", async () => {
  const link = await says(call("BLPOP", "l", "0"));
  rig.client.end();
  await once(rig.theirs, "close");
  expect([rig.heard, link.isClosed]).toEqual(["", true]);
});

const long = call("SET", "a", "x".repeat(limits.respStrangerArgumentBytesMax + 1));

test.each(["", call("AUTH", "wrong")])(
  "a client that has to show the token, and has not, is read to a size: behind %j",
  async (before) => {
    await unknown();
    rig.client.write(before + long, "latin1");
    if (before !== "") {
      await rig.until(() => rig.links[0]?.said === before);
      rig.links[0]?.answer("-WRONGPASS no\r\n");
    }
    await once(rig.client, "end");
    const refused = "-ERR Protocol error: unauthenticated bulk length\r\n";
    expect(rig.heard).toBe(before === "" ? refused : `-WRONGPASS no\r\n${refused}`);
    expect(rig.links[0]?.said ?? "").toBe(before);
  },
);

test("one that has shown it is read as any other, also in what it says at once behind that", async () => {
  await unknown();
  const auth = call("AUTH", "token");
  rig.client.end(auth + long, "latin1");
  await rig.until(() => rig.links[0]?.said === auth);
  const [link] = rig.links;
  link?.answer("+OK\r\n");
  await rig.until(() => link?.said === auth + long);
  const ended = once(rig.client, "end");
  link?.answer("+OK\r\n");
  await ended;
  expect(rig.heard).toBe("+OK\r\n+OK\r\n");
});
