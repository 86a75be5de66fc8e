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

/** What an object may be sent besides: of each client one reply, and what it need not have said. */
const besides = 40 * (reply.length + limits.respUnsaidBytesMax);

describe("forty clients that take nothing", () => {
  test("are sent as much as all may leave between them, and of each a reply", async () => {
    const rig = await opened();
    const clients = await stalled(rig, true);
    expect(sentTo(clients)).toBeGreaterThan(limits.respUntakenBytesMax);
    expect(sentTo(clients)).toBeLessThan(limits.respUntakenBytesMax + besides);
    expect(clients.filter(({ socket }) => socket.closed > 0)).toEqual([]);
  });

  test("hold up nobody who takes what it is sent, whatever that is", async () => {
    const rig = await opened();
    await stalled(rig, true);
    const honest = rig.client({ saysTaken: true });
    honest.call(gets(20));
    await turns();
    for (let replies = 0; replies < 20; ) {
      const heard = honest.heard();
      expect(heard).not.toBe("");
      replies += heard.length / reply.length;
      await honest.takes(heard.length);
    }
    expect(honest.socket.closed).toBe(0);
    expect(rig.faults).toEqual([]);
  });
});

test("many that ask at one moment are all answered", async () => {
  const rig = await opened();
  const clients = Array.from({ length: 50 }, () => rig.client({ saysTaken: true }));
  for (const client of clients) client.call(gets(2));
  await turns();
  const heard = clients.map(() => "");
  for (let round = 0; round < 4; round++) {
    for (const [i, client] of clients.entries()) {
      const more = client.heard();
      heard[i] += more;
      await client.takes(more.length);
    }
  }
  expect(heard.every((each) => each === reply.repeat(2))).toBe(true);
});

describe("one that was ended", () => {
  test.each([
    ["by QUIT", "+OK\r\n", (client: RedisClient) => client.call([["QUIT"]])],
    ["for what it said", "-ERR Protocol error", (client: RedisClient) => client.bytes("*x\r\n")],
  ])("%s is heard no more, and leaves nothing once it has gone", async (_, last, end) => {
    const rig = await opened();
    const client = rig.client({ saysTaken: true });
    client.call(gets(7));
    await turns();
    end(client);
    await turns();
    const sent = client.heard();
    expect(sent).toContain(last);
    await client.takes(sent.length);
    client.call([["SET", "b", "late"]]);
    await turns();
    rig.connections.leave(client.socket);
    const other = rig.client({ saysTaken: true });
    other.call([["GET", "b"], ...gets(9)]);
    await turns();
    expect(other.heard()).toBe(`$-1\r\n${reply.repeat(9)}`);
  });
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
    expect(told).toMatch(
      /-ERR more than 33554432 bytes of replies and messages were not taken: .*\r\n$/,
    );
  });
});
