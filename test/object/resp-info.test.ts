/**
 * INFO as clients of a queue's object are told it: of the connections that there are, and of the keyspace.
 */
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { CommandAnswer } from "../../src/contract/rpc.ts";
import { command } from "./commands.ts";
import { type RedisClient, RedisRig } from "./redis-rig.ts";

/** Fields of INFO as a client is told them, the others left out. */
async function told(client: RedisClient, ...fields: readonly string[]): Promise<object> {
  const text = await client.says("INFO");
  const all = text.split("\r\n").map((line) => line.split(":", 2));
  return Object.fromEntries(
    all.filter(([field = ""]) => fields.includes(field)).map(([field, value]) => [field, value]),
  );
}

test("INFO counts the clients that are there, that wait, and that follow something", async () => {
  const rig = new RedisRig();
  const [ada, bob, eve, gone] = [rig.client(), rig.client(), rig.client(), rig.client()];
  await ada.says("BLPOP none 0");
  await bob.says("SUBSCRIBE a b", "PSUBSCRIBE c*");
  gone.leave();
  const gauges = ["connected_clients", "blocked_clients", "pubsub_clients", "pubsub_channels"];
  const expected = {
    ...{ connected_clients: "3", blocked_clients: "1" },
    ...{ pubsub_clients: "1", pubsub_channels: "2", pubsub_patterns: "1" },
  };
  expect(await told(eve, ...gauges, "pubsub_patterns")).toEqual(expected);
  await rig.evict();
  expect(await told(eve, ...gauges, "pubsub_patterns")).toEqual(expected);
});

test("INFO counts connections and calls since the object woke", async () => {
  const rig = new RedisRig();
  const [ada, bob] = [rig.client(), rig.client()];
  await bob.says("PING", "GET a", "NOPE");
  rig.now += 90_000_000;
  const fields = ["uptime_in_seconds", "uptime_in_days"];
  const counters = ["total_connections_received", "total_commands_processed"];
  expect(await told(ada, ...fields, ...counters)).toEqual({
    ...{ uptime_in_seconds: "90000", uptime_in_days: "1" },
    ...{ total_connections_received: "2", total_commands_processed: "4" },
  });
  await rig.evict();
  expect(await told(ada, ...fields, ...counters)).toEqual({
    ...{ uptime_in_seconds: "0", uptime_in_days: "0" },
    ...{ total_connections_received: "0", total_commands_processed: "1" },
  });
});

test("INFO tells how many calls came in the last whole second", async () => {
  const rig = new RedisRig();
  const ada = rig.client();
  rig.now = Math.ceil(rig.now / 1000) * 1000;
  await ada.says("PING", "PING", "PING");
  const perSecond = () => told(ada, "instantaneous_ops_per_sec");
  expect(await perSecond()).toEqual({ instantaneous_ops_per_sec: "0" });
  rig.now += 1000;
  expect(await perSecond()).toEqual({ instantaneous_ops_per_sec: "4" });
  rig.now += 2000;
  expect(await perSecond()).toEqual({ instantaneous_ops_per_sec: "0" });
});

test("INFO tells the size of the database beside the size at which it is full", async () => {
  const rig = await RedisRig.quiet();
  const ada = rig.client();
  expect(await told(ada, "used_memory", "maxmemory")).toEqual({
    used_memory: String(rig.sql.bytes),
    maxmemory: String(limits.databaseBytesMax),
  });
});

test("INFO counts the names that have a time, as far as there are not too many names to look", async () => {
  const rig = new RedisRig();
  const ada = rig.client();
  expect(await told(ada, "db0")).toEqual({});
  await ada.says("SET a 1 EX 10", "SET b 1", "SET c 1 EX 10", "PERSIST c");
  expect(await told(ada, "db0")).toEqual({ db0: "keys=3,expires=1,avg_ttl=0" });
  for (let i = 0; i * 500 < limits.redisElementsSeenMax; i += 1) {
    const pairs = Array.from({ length: 500 }, (_, j) => [`${i} ${j}`, ""]).flat();
    ada.call([["MSET", ...pairs]]);
    await ada.says();
  }
  expect(await told(ada, "db0")).toEqual({ db0: "keys=100003,expires=0,avg_ttl=0" });
  const counted = (await rig.engine.read(command("redis.keyspace", {}))) as CommandAnswer;
  expect(counted).toEqual({ reply: '{"names":100003}' });
});

test("INFO is told of a queue that is not there yet, and makes none", async () => {
  const rig = new RedisRig();
  expect(await rig.client().says("INFO keyspace")).toBe("$12\r\n# Keyspace\r\n\r\n");
  expect(await rig.engine.read(command("queue.get", {}))).toMatchObject({
    refusal: { refusalCode: "queue_unknown" },
  });
});
