/**
 * What the bridge takes a connection for while calls of a client are refused, discarded or aborted, and what it says again when the socket is lost.
 * Invariant: a call counts only from the reply on that says so; each reply has as many frames as the queue sends.
 */
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeCall, encodeReply } from "../../src/redis/frames.ts";
import { splitInline } from "../../src/redis/inline.ts";
import { BridgedRig, type TestLink } from "./bridged-rig.ts";

let rig: BridgedRig;
beforeEach(async () => {
  rig = await BridgedRig.open();
});
afterEach(() => rig.close());

const framesOf = (lines: readonly string[]): string =>
  lines.map((line) => encodeCall(splitInline(line) ?? [])).join("");

/** Says lines, and waits until exactly they have reached the link of that place. */
async function says(lines: readonly string[], place = 0): Promise<TestLink> {
  const frames = framesOf(lines);
  rig.client.write(frames, "latin1");
  await rig.until(() => (rig.links[place]?.said.length ?? 0) >= frames.length);
  const link = rig.links[place] as TestLink;
  expect(link.said).toBe(frames);
  link.said = "";
  return link;
}

/** Has the link answer, and waits until the client has heard all of it. */
async function answers(link: TestLink, text: string): Promise<void> {
  const before = rig.heard.length;
  link.answer(text);
  await rig.until(() => rig.heard.length >= before + text.length);
}

const told = (word: string, name: string, count: number): string =>
  encodeReply({ push: [word, name, count] }, 2);
const greeted = encodeReply({ map: [["proto", 3]] }, 3);

/** What a client says that was idle when its link was lost, and what the bridge says again before it. */
const refusals: readonly (readonly [
  what: string,
  said: readonly string[],
  replies: string,
  again: readonly string[],
])[] = [
  ["a HELLO that is refused", ["HELLO 3", "HELLO 9"], `${greeted}-NOPROTO no\r\n`, ["HELLO 3"]],
  ["a HELLO that is discarded", ["MULTI", "HELLO 3", "DISCARD"], "+OK\r\n+QUEUED\r\n+OK\r\n", []],
  [
    "what an EXEC did not perform",
    ["MULTI", "HELLO 3", "CLIENT SETNAME ada", "EXEC"],
    "+OK\r\n+QUEUED\r\n+QUEUED\r\n-EXECABORT\r\n",
    [],
  ],
  [
    "a name that is refused",
    ["CLIENT SETNAME ada", "CLIENT SETNAME 'a b'"],
    "+OK\r\n-ERR names\r\n",
    ["CLIENT SETNAME ada"],
  ],
  ["a token that is refused", ["AUTH good", "AUTH bad"], "+OK\r\n-WRONGPASS\r\n", ["AUTH good"]],
  ["a SUBSCRIBE that is refused", ["SUBSCRIBE a b"], "-NOAUTH\r\n", []],
  ["a RESET that is refused", ["AUTH good", "RESET x"], "+OK\r\n-ERR\r\n", ["AUTH good"]],
  ["a MULTI that is refused", ["MULTI x"], "-ERR\r\n", []],
  ["a WATCH that is refused", ["WATCH"], "-ERR\r\n", []],
];

test.each(refusals)(
  "%s is not said again, and holds no connection",
  async (_, said, replies, calls) => {
    const link = await says(said);
    await answers(link, replies);
    link.lose();
    rig.client.write(framesOf(["PING"]));
    const next = framesOf(calls.length > 0 ? calls : ["PING"]);
    await rig.until(() => rig.links[1]?.said === next);
  },
);

test("what an EXEC performed is said again", async () => {
  const link = await says(["MULTI", "CLIENT SETNAME ada", "EXEC"]);
  await answers(link, "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  link.lose();
  rig.client.write(framesOf(["PING"]));
  await rig.until(() => rig.links[1]?.said === framesOf(["CLIENT SETNAME ada"]));
});

test("what erred within an EXEC is not said again", async () => {
  const transaction = [
    "MULTI",
    "GET a",
    "SUBSCRIBE x y",
    "CLIENT SETNAME 'b c'",
    "HELLO 9",
    "EXEC",
  ];
  const link = await says(["HELLO 2", "CLIENT SETNAME ada", ...transaction]);
  const queued = `%0\r\n+OK\r\n+OK\r\n${"+QUEUED\r\n".repeat(4)}`;
  // As many elements as calls, and one frame more than that.
  const done = `*4\r\n-WRONGTYPE\r\n${told("subscribe", "x", 1)}${told("subscribe", "y", 2)}-ERR\r\n-NOPROTO\r\n`;
  await answers(link, queued + done);
  link.lose();
  const again = framesOf(["HELLO 2", "CLIENT SETNAME ada", "subscribe x y"]);
  await rig.until(() => rig.links[1]?.said === again);
});

describe("what a worker can do", () => {
  const said = ["SET worker:w1:tools sort,grep", "PING w1"];
  const replies = "+OK\r\n$2\r\nw1\r\n";

  test("is said again for a worker of AGQ where the queue does not know it", async () => {
    rig.close();
    rig = await BridgedRig.open(false, undefined, { dialect: "agq-g2" });
    await answers(await says([...said, "SET worker:w1:tools x y"]), `${replies}-ERR\r\n`);
    const again = framesOf(["SET worker:w1:tools sort,grep NX", "PING w1"]);
    // So often as its link is lost, whatever it says of itself between.
    for (const place of [1, 2]) {
      rig.links.at(-1)?.lose();
      rig.client.write(framesOf(["PING w1"]));
      await rig.until(() => rig.links[place]?.said === again);
      const link = rig.links[place] as TestLink;
      link.said = "";
      link.answer("$-1\r\n$2\r\nw1\r\n");
      await rig.until(() => link.said === framesOf(["PING w1"]));
      await answers(link, "$2\r\nw1\r\n");
    }
  });

  test("is a value like any other to a Redis, which may have another one since", async () => {
    const link = await says(said);
    await answers(link, replies);
    link.lose();
    rig.client.write(framesOf(["GET a"]));
    await rig.until(() => rig.links[1]?.said === framesOf(["PING w1"]));
  });
});

test("a worker of AGQ that was unregistered is not registered anew with another link", async () => {
  rig.close();
  rig = await BridgedRig.open(false, undefined, { dialect: "agq-g2" });
  const said = ["AUTH s", "SET worker:w1:tools sort", "PING w1", "WORKER.UNREGISTER w2"];
  const link = await says([...said, "WORKER.UNREGISTER w1"]);
  await answers(link, `+OK\r\n+OK\r\n$2\r\nw1\r\n+OK\r\n+OK\r\n`);
  link.lose();
  rig.client.write(framesOf(["QUEUE.STATS"]));
  await rig.until(() => rig.links[1]?.said === framesOf(["AUTH s"]));
});

test("an EXEC that says too much forgets what is watched, as in Redis", async () => {
  const link = await says(["WATCH a", "EXEC x"]);
  await answers(link, "+OK\r\n-ERR wrong number of arguments for 'exec' command\r\n");
  link.lose();
  rig.client.write(framesOf(["GET a"]));
  await rig.until(() => rig.links[1]?.said === framesOf(["GET a"]));
});

test("the token is shown before all else that is said again", async () => {
  const link = await says(["AUTH s", "CLIENT SETNAME ada", "AUTH s"]);
  await answers(link, "+OK\r\n".repeat(3));
  link.lose();
  rig.client.write(framesOf(["PING"]));
  const again = framesOf(["AUTH s", "CLIENT SETNAME ada", "AUTH s"]);
  await rig.until(() => rig.links[1]?.said === again);
});

test("a DISCARD or an EXEC without MULTI forgets no name that is watched", async () => {
  const link = await says(["WATCH a", "DISCARD", "EXEC"]);
  await answers(link, "+OK\r\n-ERR DISCARD without MULTI\r\n-ERR EXEC without MULTI\r\n");
  const ended = once(rig.client, "end");
  link.lose();
  await ended;
});

const blpop = "BLPOP none 0.01";

/** Conversations up to a call that waits, behind which the rest is sent once everything is answered. */
const waits: readonly (readonly [what: string, said: readonly string[], replies: string])[] = [
  ["a SUBSCRIBE is refused", ["SUBSCRIBE a b c", blpop], "-NOAUTH\r\n*-1\r\n"],
  [
    "a DISCARD is refused",
    ["MULTI", "DISCARD x", "SUBSCRIBE a b c", "EXEC", blpop],
    "+OK\r\n-ERR\r\n+QUEUED\r\n-EXECABORT\r\n*-1\r\n",
  ],
  [
    "a MULTI is refused",
    ["MULTI x", "SUBSCRIBE a b", "UNSUBSCRIBE", blpop],
    `-ERR\r\n${told("subscribe", "a", 1)}${told("subscribe", "b", 2)}${told("unsubscribe", "a", 1)}${told("unsubscribe", "b", 0)}*-1\r\n`,
  ],
  [
    "a RESET is refused",
    ["SUBSCRIBE a b", "RESET x", "UNSUBSCRIBE", blpop],
    `${told("subscribe", "a", 1)}${told("subscribe", "b", 2)}-ERR\r\n${told("unsubscribe", "a", 1)}${told("unsubscribe", "b", 0)}*-1\r\n`,
  ],
];

test.each(waits)(
  "what is behind a call that waits goes on also where %s before",
  async (_, said, replies) => {
    rig.client.write(framesOf([...said, "GET a"]));
    await rig.until(() => rig.links[0]?.said === framesOf(said));
    const [link] = rig.links as [TestLink];
    link.said = "";
    await answers(link, replies);
    await rig.until(() => link.said === framesOf(["GET a"]));
  },
);
