/**
 * What is published, as events for a reader by HTTP: the real stream of workerd, behind a socket of the test.
 * Invariant: a reader that does not take what comes is held so much for, and no more.
 */
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { limits } from "../../../src/contract/limits.ts";
import { eventsOf } from "../../../src/http/redis-events.ts";

/** A reader of a channel, and the queue's end of its socket. */
function following(signal = new AbortController().signal) {
  const { 0: theirs, 1: ours } = new WebSocketPair();
  const closed = Promise.withResolvers<void>();
  ours.accept();
  ours.addEventListener("close", () => closed.resolve());
  const { body } = eventsOf(theirs, ["SUBSCRIBE", "c"], signal);
  if (body === null) throw new Error("there is no body");
  ours.send(Buffer.from("+greeting\r\n"));
  const publish = (count: number) => {
    const push = (n: number) =>
      `>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$${String(n).length}\r\n${n}\r\n`;
    ours.send(Buffer.from(Array.from({ length: count }, (_, n) => push(n)).join("")));
  };
  return { reader: body.getReader(), publish, closed: closed.promise };
}

const eventOf = (n: number) => `data: message,c,${n}\n\n`;

async function read(reader: ReadableStreamDefaultReader<Uint8Array>, count: number) {
  let text = "";
  for (let i = 0; i < count; i += 1) {
    const { value, done } = await reader.read();
    if (done) return `${text}END`;
    text += new TextDecoder().decode(value);
  }
  return text;
}

test("a reader that is as many events behind as are held for it is told them all, and of what comes then", async () => {
  const { reader, publish } = following();
  const most = limits.redisEventsBehindMax;
  publish(most);
  const all = Array.from({ length: most }, (_, n) => eventOf(n)).join("");
  // The first one has come, and so have all that came with it.
  expect(await read(reader, most)).toBe(all);
  publish(1);
  expect(await read(reader, 1)).toBe(eventOf(0));
  await reader.cancel();
});

test("one that is one event more behind is cut off, and its connection to the queue closed", async () => {
  const { reader, publish, closed } = following();
  publish(limits.redisEventsBehindMax + 1);
  await closed;
  const text = await read(reader, limits.redisEventsBehindMax + 2);
  expect(text.endsWith(`${eventOf(limits.redisEventsBehindMax)}END`)).toBe(true);
});

test("a reader that goes has its connection to the queue closed", async () => {
  const leaving = new AbortController();
  const { closed } = following(leaving.signal);
  leaving.abort();
  await closed;
});
