/**
 * How the connection of a client of the bridge ends, and what it may not do to the queue then; and what is told to one that follows channels.
 * Invariant: a real TCP connection on this side; on the other a link that the test holds.
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BridgedClient } from "../../src/cli/redis-client.ts";
import type { Link, LinkListener } from "../../src/cli/redis-link.ts";
import { encodeCall, encodeReply, type GateReply } from "../../src/redis/frames.ts";

const heldLinks: HeldLink[] = [];
let news = Promise.withResolvers<void>();

/** Something has happened: whoever waits looks again. */
function tell(): void {
  news.resolve();
  news = Promise.withResolvers();
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await news.promise;
}

class HeldLink implements Link {
  said = "";
  #listener: LinkListener | undefined;

  listen(listener: LinkListener): void {
    this.#listener = listener;
  }
  send(bytes: Uint8Array): void {
    this.said += Buffer.from(bytes).toString("latin1");
    tell();
  }
  /** As a socket does, it tells of its close also who closed it. */
  close(): void {
    this.lose();
  }
  answer(text: string): void {
    this.#listener?.hear(Buffer.from(text, "latin1"));
  }
  lose(): void {
    this.#listener?.lost();
  }
}

let server: Server;
let client: Socket;
/** The bridge's end of it. */
let theirs: Socket;
let heard: string;
let told: string;

beforeEach(async () => {
  heard = "";
  told = "";
  server = createServer({ allowHalfOpen: true }, (accepted) => {
    theirs = accepted;
    const open = async (): Promise<Link> => {
      const link = new HeldLink();
      heldLinks.push(link);
      return link;
    };
    new BridgedClient(accepted, open, (text) => {
      told += text;
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // It goes on saying something behind the end of what it hears.
  const where = { port: (server.address() as AddressInfo).port, host: "127.0.0.1" };
  client = connect({ ...where, allowHalfOpen: true });
  client.setEncoding("latin1");
  client.on("data", (text) => {
    heard += String(text);
    tell();
  });
});
afterEach(() => {
  client.destroy();
  server.close();
  heldLinks.length = 0;
});

const call = (...words: string[]): string => encodeCall(words);
const reply = (said: GateReply, protocol: 2 | 3 = 2): string => encodeReply(said, protocol);

/** Says something on the wire, and waits until it has reached the link of that place. */
async function says(frames: string, place = 0): Promise<HeldLink> {
  client.write(frames, "latin1");
  await until(() => heldLinks[place]?.said.endsWith(frames) === true);
  return heldLinks[place] as HeldLink;
}

/** Has the link answer, and waits until the client has heard that. */
async function answers(link: HeldLink, text: string): Promise<void> {
  const before = heard.length;
  link.answer(text);
  await until(() => heard.length >= before + text.length);
}

test("behind the end that QUIT has, nothing is performed", async () => {
  const link = await says(call("QUIT"));
  const ended = once(client, "end");
  link.answer("+OK\r\n");
  await ended;
  client.end(call("SET", "a", "1"));
  await once(theirs, "close");
  expect(heldLinks).toHaveLength(1);
  expect(heard).toBe("+OK\r\n");
});

test("the rest of a transaction whose link was lost is not performed over another one", async () => {
  const link = await says(call("MULTI") + call("SET", "a", "1"));
  await answers(link, "+OK\r\n+QUEUED\r\n");
  const ended = once(client, "end");
  link.lose();
  await ended;
  client.end(call("SET", "b", "1") + call("EXEC"));
  await once(theirs, "close");
  expect(heldLinks).toHaveLength(1);
});

test("a client that was told part of a message is cut off when its link is lost", async () => {
  const link = await says(call("SUBSCRIBE", "a"));
  await answers(link, reply({ push: ["subscribe", "a", 1] }));
  await answers(link, reply({ push: ["message", "a", "all of it"] }).slice(0, -8));
  const ended = once(client, "end");
  link.lose();
  await ended;
  expect(heldLinks).toHaveLength(1);
});

test("over RESP3 a list that reads like a message is a reply, also to who follows channels", async () => {
  const link = await says(call("HELLO", "3") + call("SUBSCRIBE", "a"));
  await answers(
    link,
    reply({ map: [["proto", 3]] }, 3) + reply({ push: ["subscribe", "a", 1] }, 3),
  );
  await says(call("BLPOP", "message", "0"));
  client.write(call("PING"));
  await answers(link, reply(["message", "popped"], 3));
  await until(() => link.said.endsWith(call("PING")));
  // Back in RESP2, it is what it looks like.
  await answers(link, "+PONG\r\n");
  await says(call("RESET") + call("SUBSCRIBE", "a"));
  await answers(link, `+RESET\r\n${reply({ push: ["subscribe", "a", 1] })}`);
  await says(call("PING"));
  await answers(link, reply({ push: ["message", "a", "x"] }) + reply(["pong", ""]));
  link.lose();
  await until(() => heldLinks.length === 2);
});

test("a HELLO that sets less leaves the token of an earlier one to be said again", async () => {
  const hello = call("HELLO", "3", "AUTH", "default", "s");
  const link = await says(hello + call("HELLO", "2"));
  await answers(link, reply({ map: [] }, 3) + reply({ map: [] }));
  link.lose();
  client.write(call("PING"));
  await until(() => heldLinks[1]?.said === hello + call("HELLO", "2"));
});

test("a client that does not take what is published is cut off, and that is told", async () => {
  const link = await says(call("SUBSCRIBE", "a"));
  await answers(link, reply({ push: ["subscribe", "a", 1] }));
  client.pause();
  const message = reply({ push: ["message", "a", "x".repeat(1024 * 1024)] });
  const closed = once(theirs, "close");
  // What the system takes for it is not counted.
  for (let i = 0; i < 64; i++) link.answer(message);
  await closed;
  expect(told).toBe("A client that does not take what is published was cut off.\n");
  expect(heldLinks).toHaveLength(1);
});
