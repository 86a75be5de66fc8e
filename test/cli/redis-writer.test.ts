/**
 * What the bridge writes to a client that reads slowly, or not at all for a while.
 * Invariant: a real TCP connection on this side; on the other a link that the test holds.
 */
import { once } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { encodeCall, encodeReply } from "../../src/redis/frames.ts";
import { BridgedRig, type TestLink } from "./bridged-rig.ts";

const MESSAGE_BYTES = 1024 * 1024;
const PIECE_BYTES = limits.respUnsaidBytesMax;

let rig: BridgedRig;
beforeEach(async () => {
  rig = await BridgedRig.open(true);
});
afterEach(() => rig.close());

/** Has the client say something to which there may be as many replies as a test likes, and stops reading. */
async function asks(...words: string[]): Promise<TestLink> {
  const call = encodeCall(words);
  rig.client.write(call);
  await rig.until(() => rig.links[0]?.said === call);
  rig.client.pause();
  return rig.links[0] as TestLink;
}

/** Has the queue publish messages of 1 MiB, which are more than the system takes for a client. Returns them. */
async function publishes(link: TestLink): Promise<string> {
  const message = (i: number): string =>
    encodeReply({ push: ["message", "a", String(i % 10).repeat(MESSAGE_BYTES)] }, 2);
  const messages = Array.from({ length: 64 }, (_, i) => message(i));
  for (const text of messages) link.answer(text);
  await rig.stalled();
  return messages.join("");
}

test("of a client that reads slowly it is said piece by piece what it has taken, though much waits behind it", async () => {
  const link = await asks("SUBSCRIBE", "a");
  const confirmed = encodeReply({ push: ["subscribe", "a", 1] }, 2);
  link.answer(confirmed);
  const all = confirmed + (await publishes(link));
  for (let step = 1; step <= 12; step += 1) {
    rig.client.resume();
    await rig.until(() => rig.heard.length >= step * MESSAGE_BYTES);
    rig.client.pause();
    expect(rig.theirs.writableLength).toBeLessThanOrEqual(PIECE_BYTES);
    await rig.until(() => link.bytesTaken > rig.heard.length - PIECE_BYTES);
    await rig.stalled();
    expect(link.bytesTaken).toBeLessThan(all.length);
  }
  rig.client.resume();
  await rig.until(() => link.bytesTaken === all.length && rig.heard.length === all.length);
  expect(rig.heard === all).toBe(true);
});

test("the last word to such a client, and the end, come behind all that waits for it", async () => {
  const link = await asks("SUBSCRIBE", "a");
  const confirmed = encodeReply({ push: ["subscribe", "a", 1] }, 2);
  link.answer(confirmed);
  const all = confirmed + (await publishes(link));
  rig.client.write("*1\r\n!\r\n");
  await rig.until(() => link.isClosed);
  const ended = once(rig.client, "end");
  rig.client.resume();
  await ended;
  expect(rig.heard.startsWith(all)).toBe(true);
  expect(rig.heard.slice(all.length)).toMatch(/^-ERR Protocol error: .*\r\n$/);
});

test("small replies that come while the client takes nothing are written together, a piece at a time", async () => {
  const link = await asks("SUBSCRIBE", "a");
  const confirmed = encodeReply({ push: ["subscribe", "a", 1] }, 2);
  link.answer(confirmed);
  const large = await publishes(link);
  const write = vi.spyOn(rig.theirs, "write");
  const small = encodeReply({ push: ["message", "a", "small"] }, 2);
  for (let i = 0; i < 10_000; i += 1) link.answer(small);
  rig.client.resume();
  const bytes = confirmed.length + large.length + 10_000 * small.length;
  await rig.until(() => rig.heard.length === bytes);
  expect(rig.heard.endsWith(small.repeat(10_000))).toBe(true);
  const sizes = write.mock.calls.map(([piece]) => piece.length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(PIECE_BYTES);
  // Half-filled ones may stand where a message ends.
  expect(sizes.length).toBeLessThan(2 * Math.ceil(bytes / PIECE_BYTES));
});
