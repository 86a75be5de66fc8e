/**
 * Replies that clients do not take: how many an object holds of all of them, and what becomes of the others meanwhile.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { untakenClose } from "../../src/redis/taken.ts";
import { type RedisClient, RedisRig } from "./redis-rig.ts";
import { turns } from "./rig.ts";

const value = "x".repeat(1_000_000);
const reply = `$1000000\r\n${value}\r\n`;
const gets = (count: number) => Array.from({ length: count }, () => ["GET", "a"]);

async function opened(): Promise<RedisRig> {
  const rig = await RedisRig.quiet();
  const writer = rig.client();
  writer.call([["SET", "a", value]]);
  await turns();
  writer.leave();
  return rig;
}

/** Clients that ask for 30 MB each and take nothing, one after the other. */
async function stalled(rig: RedisRig, saysTaken: boolean): Promise<RedisClient[]> {
  const clients: RedisClient[] = [];
  for (let i = 0; i < 40; i++) {
    const client = rig.client({ saysTaken });
    client.call(gets(30));
    await turns();
    clients.push(client);
  }
  return clients;
}

const sentTo = (clients: readonly RedisClient[]): number =>
  clients.reduce((sum, { socket }) => sum + socket.sent.length, 0);

describe.each([true, false])(
  "forty clients that take nothing (they say what they take: %j)",
  (says) => {
    test("are sent as much as all may leave between them, and a reply more", async () => {
      const rig = await opened();
      const clients = await stalled(rig, says);
      expect(sentTo(clients)).toBeGreaterThan(limits.respUntakenBytesMax - 2 * reply.length);
      expect(sentTo(clients)).toBeLessThan(limits.respUntakenBytesMax + reply.length);
      expect(clients.filter(({ socket }) => socket.closed > 0)).toEqual([]);
    });

    test("do not keep one from going on that takes what it is sent, but are ended for it", async () => {
      const rig = await opened();
      const clients = await stalled(rig, says);
      const honest = rig.client({ saysTaken: true });
      honest.call(gets(100));
      for (let replies = 0; replies < 100; ) {
        await turns();
        if (honest.socket.sent === "") {
          await rig.passes(limits.respRoomMsMax);
          // Their sockets close, and with them goes what they were sent.
          for (const client of clients) if (client.socket.closed === 1) client.leave();
          await turns();
        }
        const heard = honest.heard();
        expect(heard).not.toBe("");
        replies += heard.length / reply.length;
        await honest.takes(heard.length);
      }
      expect(honest.socket.closed).toBe(0);
      expect(clients.filter(({ socket }) => socket.closed > 0).length).toBeGreaterThan(0);
      expect(rig.faults).toEqual([]);
    });
  },
);

test("what was sent to one that was ended counts until its socket is gone", async () => {
  const rig = await opened();
  const idle = rig.client();
  idle.call(gets(40));
  await turns();
  expect([idle.socket.closed, idle.socket.closedWith]).toEqual([1, untakenClose.code]);
  expect(idle.socket.sent).toMatch(/-ERR replies and messages were not taken, .*\r\n$/);
  const client = rig.client({ saysTaken: true });
  client.call(gets(5));
  await turns();
  // One run each: that much may not have been said.
  expect(client.heard()).toBe(reply);
  rig.connections.leave(idle.socket);
  await client.takes(reply.length);
  expect(client.heard()).toBe(reply.repeat(4));
});

describe("who follows channels and takes nothing", () => {
  const message = "x".repeat(1024 * 1024);
  async function ended(...says: readonly string[]) {
    const rig = await RedisRig.quiet();
    const [follower, other] = [rig.client(), rig.client()];
    await follower.says(...says);
    for (let i = 0; i < 40 && follower.socket.closed === 0; i++) {
      other.call([["PUBLISH", "c", message]]);
      await turns();
    }
    expect(follower.socket.closedWith).toBe(untakenClose.code);
    return { told: follower.heard(), other };
  }

  test("is ended without a word in RESP2, as by Redis, and nobody who publishes", async () => {
    const { told, other } = await ended("SUBSCRIBE c");
    expect(told.endsWith(`${message}\r\n`)).toBe(true);
    expect(other.socket.closed).toBe(0);
  });

  test("is so in RESP3, where no call waits for a reply", async () => {
    const { told } = await ended("HELLO 3", "SUBSCRIBE c");
    expect(told.endsWith(`${message}\r\n`)).toBe(true);
  });

  test("is told why in RESP3 in the place of the reply that a call waits for", async () => {
    const { told } = await ended("HELLO 3", "SUBSCRIBE c", "BLPOP l 0");
    expect(told).toMatch(/-ERR replies and messages were not taken, .*\r\n$/);
  });
});
