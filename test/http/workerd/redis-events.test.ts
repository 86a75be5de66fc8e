/**
 * What is published, as events for a reader by HTTP: the real stream of workerd, behind a socket of the test.
 * Invariant: a reader that does not take what comes is held so much for, and no more.
 */
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { limits } from "../../../src/contract/limits.ts";
import { eventsOf } from "../../../src/http/redis-events.ts";
import { takenIn } from "../../../src/redis/taken.ts";

/** A reader of a channel, and the queue's end of its socket. */
function following(signal = new AbortController().signal) {
  const { 0: theirs, 1: ours } = new WebSocketPair();
  const closed = Promise.withResolvers<void>();
  ours.accept();
  ours.addEventListener("close", () => closed.resolve());
  let takenBytes = 0;
  const taken = Promise.withResolvers<number>();
  ours.addEventListener("message", ({ data }) => {
    if (typeof data !== "string") return;
    takenBytes += takenIn(data) ?? 0;
    if (takenBytes > 0) taken.resolve(takenBytes);
  });
  const { body } = eventsOf(theirs, ["SUBSCRIBE", "c"], signal);
  if (body === null) throw new Error("there is no body");
  ours.send(Buffer.from("+greeting\r\n"));
  const say = (text: string) =>
    ours.send(Buffer.from(`>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$${text.length}\r\n${text}\r\n`));
  const publish = (count: number) => {
    for (let n = 0; n < count; n += 1) say(String(n));
  };
  return { reader: body.getReader(), say, publish, closed: closed.promise, taken: taken.promise };
}

const eventOf = (text: number | string) => `data: message,c,${text}\n\n`;
/** How many short events are held. */
const most = limits.redisEventsBehindBytesMax / limits.redisEventBytesLeast;

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
  publish(most + 1);
  await closed;
  const text = await read(reader, most + 2);
  expect(text.endsWith(`${eventOf(most)}END`)).toBe(true);
});

test("of long events so many are held as have the bytes, and one more cuts a reader off", async () => {
  const half = limits.redisEventsBehindBytesMax / 2;
  const texts = [0, 1].map((n) => String(n).repeat(half - eventOf("").length));
  const { reader, say, publish, closed } = following();
  for (const text of texts) say(text);
  for (const text of texts) expect(await read(reader, 1)).toBe(eventOf(text));
  publish(1);
  expect(await read(reader, 1)).toBe(eventOf(0));
  for (const text of [...texts, "more"]) say(text);
  await closed;
  expect(await read(reader, 4)).toBe(`${[...texts, "more"].map(eventOf).join("")}END`);
});

test("the queue is told what has come, whether or not the reader has taken it: here it is held for", async () => {
  const { reader, say, taken } = following();
  const text = "x".repeat(limits.respUnsaidBytesMax);
  say(text);
  const message = `>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$${text.length}\r\n${text}\r\n`;
  expect(await taken).toBe("+greeting\r\n".length + message.length);
  await reader.cancel();
});

test("a reader that goes has its connection to the queue closed", async () => {
  const leaving = new AbortController();
  const { closed } = following(leaving.signal);
  leaving.abort();
  await closed;
});
