/**
 * Redis clients that follow channels: over evictions, within transactions, and beyond what is kept.
 */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { RedisRig } from "./redis-rig.ts";

const message = (channel: string, text: string) =>
  `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$${text.length}\r\n${text}\r\n`;

test("what a client follows outlives its instance, and ends with the client", async () => {
  const rig = new RedisRig();
  const [follower, other] = [rig.client(), rig.client()];
  await follower.says("SUBSCRIBE a");
  await follower.says("PSUBSCRIBE b*");
  expect(rig.timers.size).toBe(0);
  await rig.evict();
  expect(await other.says("PUBLISH a x", "PUBLISH bc y", "PUBLISH c z")).toBe(":1\r\n:1\r\n:0\r\n");
  expect(follower.heard()).toBe(
    `${message("a", "x")}*4\r\n$8\r\npmessage\r\n$2\r\nb*\r\n$2\r\nbc\r\n$1\r\ny\r\n`,
  );
  follower.leave();
  expect(await other.says("PUBLISH a x", "PUBSUB NUMPAT")).toBe(":0\r\n:0\r\n");
});

test("a client may wait and follow at once, over RESP3, and both outlive its instance", async () => {
  const rig = new RedisRig();
  const [client, other] = [rig.client(), rig.client()];
  await client.says("HELLO 3", "SUBSCRIBE a", "BLPOP l 0");
  await rig.evict();
  client.heard();
  await other.says("PUBLISH a x", "RPUSH l y");
  expect(client.heard()).toBe(
    ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n*2\r\n$1\r\nl\r\n$1\r\ny\r\n",
  );
});

test("PUBLISH within MULTI is done at EXEC, or not at all", async () => {
  const rig = new RedisRig();
  const [follower, other] = [rig.client(), rig.client()];
  await follower.says("SUBSCRIBE a");
  follower.heard();
  await other.says("MULTI", "PUBLISH a x", "DISCARD", "MULTI", "SET b 1", "PUBLISH a y");
  expect(follower.heard()).toBe("");
  expect(await other.says("EXEC")).toBe("*2\r\n+OK\r\n:1\r\n");
  expect(follower.heard()).toBe(message("a", "y"));
});

const followed = (command: string, name: string, count: number) =>
  `*3\r\n$${command.length}\r\n${command}\r\n$${name.length}\r\n${name}\r\n:${count}\r\n`;

test("what is followed within MULTI is followed from EXEC on, and each name has a frame among the replies", async () => {
  const rig = new RedisRig();
  const [follower, other] = [rig.client(), rig.client()];
  await follower.says("MULTI", "SUBSCRIBE a b", "UNSUBSCRIBE b", "GET x");
  expect(await other.says("PUBLISH a x")).toBe(":0\r\n");
  expect(await follower.says("EXEC")).toBe(
    `*3\r\n${followed("subscribe", "a", 1)}${followed("subscribe", "b", 2)}${followed("unsubscribe", "b", 1)}$-1\r\n`,
  );
  await rig.evict();
  expect(await other.says("PUBLISH a x", "PUBLISH b x")).toBe(":1\r\n:0\r\n");
  expect(follower.heard()).toBe(message("a", "x"));
});

test.each(["DISCARD", "RESET"])("behind %s nothing of it is followed", async (word) => {
  const rig = new RedisRig();
  const [client, other] = [rig.client(), rig.client()];
  await client.says("MULTI", "SUBSCRIBE a", word);
  expect(await other.says("PUBLISH a x")).toBe(":0\r\n");
});

test("a transaction that would follow too much is refused before EXEC", async () => {
  const client = new RedisRig().client();
  const names = Array.from({ length: limits.redisFollowedMax }, (_, i) => `channel-${i}`);
  expect(await client.says("MULTI", `SUBSCRIBE ${names.join(" ")}`, "PSUBSCRIBE a", "EXEC")).toBe(
    `+OK\r\n+QUEUED\r\n-ERR a connection follows at most 1000 channels\r\n-EXECABORT Transaction discarded because of previous errors.\r\n`,
  );
});

test.each(["SUBSCRIBE", "PSUBSCRIBE"])(
  "%s takes names as long as a key may be, and no longer ones, also within MULTI",
  async (command) => {
    const client = new RedisRig().client();
    const longest = "c".repeat(limits.redisNameBytesMax);
    const error = "-ERR a channel may have at most 1024 bytes\r\n";
    expect(await client.says("MULTI", `${command} ${longest}c`, "EXEC")).toBe(
      `+OK\r\n${error}-EXECABORT Transaction discarded because of previous errors.\r\n`,
    );
    expect(await client.says(`${command} a ${longest}c`)).toBe(error);
    expect(await client.says(`${command} ${longest}`)).toMatch(/:1\r\n$/);
  },
);

test("a star matches every channel but that without a name, as in Redis", async () => {
  const rig = new RedisRig();
  const [follower, other] = [rig.client(), rig.client()];
  await follower.says("PSUBSCRIBE *", "SUBSCRIBE a");
  follower.heard();
  expect(await other.says("PUBLISH b x", 'PUBLISH "" x', "PUBSUB CHANNELS *")).toBe(
    ":1\r\n:0\r\n*1\r\n$1\r\na\r\n",
  );
  await follower.says("PUNSUBSCRIBE *");
  expect(await other.says("PUBLISH b x")).toBe(":0\r\n");
});

test("what is published is compared with patterns for so long, and then told to nobody", async () => {
  const rig = new RedisRig();
  const [follower, other] = [rig.client(), rig.client()];
  const names = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(1000, "a"));
  await follower.says(`SUBSCRIBE ${names.join(" ")}`, `PSUBSCRIBE *${"a".repeat(1000)}b`);
  follower.heard();
  const tooLong = /^-ERR 'pub[a-z]+' would compare too long with its pattern/;
  expect(await other.says(`PUBLISH ${"a".repeat(30_000)} x`)).toMatch(tooLong);
  expect(await other.says(`PUBSUB CHANNELS *${"a".repeat(500)}b`)).toMatch(tooLong);
  expect(follower.heard()).toBe("");
});

test("PUBSUB knows of no shards", async () => {
  const client = new RedisRig().client();
  expect(
    await client.says("PUBSUB SHARDCHANNELS", "PUBSUB SHARDCHANNELS a", "PUBSUB SHARDNUMSUB a"),
  ).toBe("*0\r\n*0\r\n*2\r\n$1\r\na\r\n:0\r\n");
  expect(await client.says("PUBSUB SHARDCHANNELS a b")).toBe(
    "-ERR unknown subcommand or wrong number of arguments for 'SHARDCHANNELS'. Try PUBSUB HELP.\r\n",
  );
});

test("what does not fit the attachment keeps the object awake, up to a number", async () => {
  const rig = new RedisRig();
  const client = rig.client();
  const names = Array.from({ length: limits.redisFollowedMax }, (_, i) => `channel-${i}`);
  await client.says(`SUBSCRIBE ${names.join(" ")}`);
  expect(client.heard().startsWith("*3\r\n$9\r\nsubscribe")).toBe(false);
  expect(rig.timers.size).toBe(1);
  expect(await client.says("SUBSCRIBE channel-0")).toBe(
    `*3\r\n$9\r\nsubscribe\r\n$9\r\nchannel-0\r\n:${names.length}\r\n`,
  );
  expect(await client.says("SUBSCRIBE more")).toMatch(/^-ERR a connection follows at most 1000/);
  await rig.evict();
  expect(client.heard()).toMatch(/^-ERR the queue began anew/);
});
