/**
 * `sluice redis` with the programs that people use: redis-cli, redis-benchmark, ioredis and node-redis, and Upstash's client beside it.
 * Invariant: the programs are as they come; all that is changed is an address, and for Upstash a token.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { Redis as Upstash } from "@upstash/redis";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startBridge, type TestBridge } from "../bridge.ts";
import { startServer, type TestServer } from "../server.ts";
import { run } from "./run.ts";

let server: TestServer;
let bridge: TestBridge;
let port: number;

/** Whether Debian's redis-tools are there. */
function hasTools(): boolean {
  try {
    execFileSync("redis-cli", ["--version"]);
    return true;
  } catch {
    return false;
  }
}
const isWithTools = hasTools();
if (!isWithTools) console.warn("There is no redis-cli here: the bridge is not tried with it.");

beforeAll(async () => {
  server = await startServer();
  bridge = await startBridge(server, "--queue", "mail");
  ({ port } = bridge);
});
afterAll(async () => {
  const code = await bridge.stop();
  await server.stop();
  expect(code).toBe(0);
});

describe.runIf(isWithTools)("Debian's redis-tools", () => {
  const cli = (input: string, ...words: string[]): string =>
    execFileSync("redis-cli", ["-p", String(port), ...words], { input, encoding: "latin1" });

  test("redis-cli runs commands, transactions and RESP3", () => {
    expect(cli("", "SET", "cli", "1")).toBe("OK\n");
    expect(cli("INCR cli\nMULTI\nINCR cli\nGET cli\nEXEC\nNOPE\n")).toBe(
      "2\nOK\nQUEUED\nQUEUED\n3\n3\nERR unknown command 'NOPE', with args beginning with: \n\n",
    );
    expect(cli("", "-3", "--no-auth-warning", "-a", server.token, "GET", "cli")).toBe("3\n");
  });

  test("redis-cli loads what it is piped", () => {
    const frames = Array.from({ length: 5_000 }, (_, i) => `SET pipe:${i} ${i}\r\n`).join("");
    expect(cli(frames, "--pipe")).toContain("errors: 0, replies: 5000");
    expect(cli("", "GET", "pipe:4999")).toBe("4999\n");
  });

  test("redis-cli tells again and again how much there is, and how much is done", async () => {
    cli("", "SET", "told", "1");
    const stat = spawn("redis-cli", ["-p", String(port), "--stat", "-i", "0.01"]);
    let told = "";
    for await (const text of stat.stdout) {
      told += String(text);
      if (told.split("\n").length > 20) break;
    }
    stat.kill();
    const rows = told.split("\n").slice(2, 20);
    for (const row of rows) expect(row).toMatch(/^\d+ +[\d.]+[KM] +\d+ +0 +\d+ \(\+\d+\) +\d+ *$/);
  });

  test("redis-benchmark runs to its end", () => {
    const args = [
      "-p",
      String(port),
      "-t",
      "set,get,lpush",
      "-P",
      "16",
      "-n",
      "2000",
      "-q",
      "--csv",
    ];
    const lines = execFileSync("redis-benchmark", args, { encoding: "latin1" }).trim().split("\n");
    expect(lines.slice(1).map((line) => line.split(",")[0])).toEqual(['"SET"', '"GET"', '"LPUSH"']);
  });
});

describe("ioredis", () => {
  test("works as it is: pipelines, transactions, WATCH, buffers", async () => {
    const redis = new Redis({ port, connectionName: "ada" });
    const binary = Buffer.from([0, 255, 13, 10]);
    expect(await redis.set("io", binary)).toBe("OK");
    expect(await redis.getBuffer("io")).toEqual(binary);
    expect(await redis.client("GETNAME")).toBe("ada");
    expect(await redis.client("LIST")).toMatch(/^id=\d+ .* name=ada .* lib-name=ioredis /m);
    const incremented = await Promise.all(Array.from({ length: 500 }, () => redis.incr("n")));
    expect(incremented).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    expect(await redis.multi().set("a", "1").incr("a").exec()).toEqual([
      [null, "OK"],
      [null, 2],
    ]);
    await redis.watch("a");
    const other = redis.duplicate();
    await other.set("a", "theirs");
    expect(await redis.multi().set("a", "ours").exec()).toBe(null);
    await Promise.all([redis.quit(), other.quit()]);
  });

  test("waits with BLPOP, BZPOPMIN and BLMOVE, and goes on behind them", async () => {
    const [waiter, other] = [new Redis({ port }), new Redis({ port })];
    const popped = waiter.blpop("jobs", "more", 0);
    const behind = [waiter.incr("behind"), waiter.bzpopmin("scored", 0)] as const;
    expect(await other.rpush("more", "a", "b")).toBe(2);
    expect(await popped).toEqual(["more", "a"]);
    expect(await behind[0]).toBe(1);
    await other.zadd("scored", "1.5", "m");
    expect(await behind[1]).toEqual(["scored", "m", "1.5"]);
    expect(await waiter.blmove("more", "moved", "LEFT", "RIGHT", 0)).toBe("b");
    expect(await waiter.brpop("more", 0.01)).toBe(null);
    await Promise.all([waiter.quit(), other.quit()]);
  });

  test("ends the waiting of another client", async () => {
    const [waiter, other] = [new Redis({ port }), new Redis({ port })];
    const id = await waiter.client("ID");
    const popped = waiter.blpop("none", 0).catch(String);
    // Its call may still be on its way.
    while ((await other.client("UNBLOCK", id, "ERROR")) === 0);
    expect(await popped).toMatch("UNBLOCKED client unblocked via CLIENT UNBLOCK");
    expect(await waiter.ping()).toBe("PONG");
    await Promise.all([waiter.quit(), other.quit()]);
  });

  test("loses nothing when it goes while it waits", async () => {
    const [gone, there] = [new Redis({ port }), new Redis({ port })];
    gone.blpop("lost", 0).catch(() => undefined);
    gone.disconnect();
    await once(gone, "end");
    const popped = there.blpop("lost", 1);
    const other = new Redis({ port });
    await other.rpush("lost", "x");
    expect(await popped).toEqual(["lost", "x"]);
    await Promise.all([there.quit(), other.quit()]);
  });

  test("is told what is published", async () => {
    const [follower, other] = [new Redis({ port }), new Redis({ port })];
    const told: string[][] = [];
    let news = Promise.withResolvers<void>();
    const tell = (...words: string[]): void => {
      told.push(words);
      news.resolve();
      news = Promise.withResolvers();
    };
    follower.on("message", tell);
    follower.on("pmessage", tell);
    expect(await follower.subscribe("news", "message")).toBe(2);
    expect(await follower.psubscribe("ne*")).toBe(3);
    expect(await other.publish("news", "hello")).toBe(2);
    while (told.length < 2) await news.promise;
    expect(await follower.ping()).toBe("PONG");
    expect(await other.pubsub("NUMSUB", "news")).toEqual(["news", 1]);
    expect(await other.multi().set("p", 1).publish("message", "message").exec()).toEqual([
      [null, "OK"],
      [null, 1],
    ]);
    while (told.length < 3) await news.promise;
    expect(told).toEqual([
      ["news", "hello"],
      ["ne*", "news", "hello"],
      ["message", "message"],
    ]);
    await follower.unsubscribe("news", "message");
    await follower.punsubscribe("ne*");
    expect(await follower.get("p")).toBe("1");
    await Promise.all([follower.quit(), other.quit()]);
  });

  test("carries a value of a megabyte there and back, and is told of a larger one", async () => {
    const redis = new Redis({ port });
    const value = Buffer.alloc(1024 * 1024, "é");
    expect(await redis.set("large", value)).toBe("OK");
    expect(await redis.getBuffer("large")).toEqual(value);
    await expect(redis.set("large", Buffer.concat([value, value]))).rejects.toThrow(
      /^ERR .*1048576/,
    );
    expect(await redis.strlen("large")).toBe(value.length);
    redis.disconnect();
  });
});

describe("node-redis", () => {
  test.each([2, 3] as const)("works as it is, over RESP%i", async (RESP) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, RESP });
    await client.connect();
    expect(await client.set("node", "1")).toBe("OK");
    expect(await client.multi().incr("node").get("node").exec()).toEqual([2, "2"]);
    expect(await client.get("nothing")).toBe(null);
    const follower = client.duplicate();
    await follower.connect();
    const told = Promise.withResolvers<string>();
    await follower.subscribe("node", told.resolve);
    expect(await client.publish("node", "hello")).toBe(1);
    expect(await told.promise).toBe("hello");
    await follower.unsubscribe("node");
    await Promise.all([follower.close(), client.close()]);
  });
});

describe("a bridge that requires AUTH", () => {
  test("lets nobody in without the token, and serves who has it", async () => {
    const own = await startBridge(server, "--require-auth");
    const stranger = new Redis({ port: own.port, enableReadyCheck: false });
    stranger.on("error", () => undefined);
    await expect(stranger.get("a")).rejects.toThrow("NOAUTH");
    stranger.disconnect();
    const client = createClient({ url: `redis://127.0.0.1:${own.port}`, password: server.token });
    await client.connect();
    expect(await client.get("a")).toBe(null);
    await client.close();
    expect(await own.stop()).toBe(0);
  });

  test("is the only one that others may reach", async () => {
    const ran = await run(server, ["redis", "--host", "0.0.0.0"]);
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining("add --require-auth") });
  });

  test("does not begin where the server does not take the token", async () => {
    const ran = await run(server, ["--token", "wrong", "redis", "--port", "0"]);
    expect(ran).toMatchObject({ code: 1, err: expect.stringContaining("Send the token") });
  });
});

describe("@upstash/redis", () => {
  test("works with only its URL and token changed", async () => {
    const redis = new Upstash({
      url: `${server.url}/v1/queues/mail/redis`,
      token: server.token,
      enableTelemetry: false,
    });
    expect(await redis.set("up", { a: ["é", 1] })).toBe("OK");
    expect(await redis.get("up")).toEqual({ a: ["é", 1] });
    expect(await redis.get("nothing")).toBe(null);
    expect(await redis.set("ok", "OK", { ex: 60, nx: true })).toBe("OK");
    expect(await redis.mget("ok", "nothing")).toEqual(["OK", null]);
    expect(await redis.pipeline().set("n", 1).incrby("n", 4).get("n").exec()).toEqual(["OK", 5, 5]);
    expect(await redis.multi().decr("n").strlen("n").exec()).toEqual([4, 1]);
    expect(await redis.rpush<unknown>("list", "a", { b: 1 }, 3)).toBe(3);
    expect(await redis.lrange("list", 0, -1)).toEqual(["a", { b: 1 }, 3]);
    await expect(redis.incr("up")).rejects.toThrow("ERR value is not an integer or out of range");
    await expect(redis.eval("return 1", [], [])).rejects.toThrow("is not supported");
    const followed = Promise.withResolvers<void>();
    const told = Promise.withResolvers<unknown>();
    const subscription = redis.subscribe<unknown>("up");
    subscription.on("subscribe", () => followed.resolve());
    subscription.on("message", told.resolve);
    await followed.promise;
    expect(await redis.publish("up", { a: "é\n,b" })).toBe(1);
    expect(await told.promise).toEqual({ channel: "up", message: { a: "é\n,b" } });
    await subscription.unsubscribe();
    // Its client has no words for calls that wait.
    const waited = await fetch(`${server.url}/v1/queues/mail/redis/blpop/nothing/0.01`, {
      headers: { authorization: `Bearer ${server.token}` },
    });
    expect(await waited.json()).toEqual({ result: null });
    const info = await redis.exec<string>(["INFO", "clients"]);
    expect(info).toMatch(/^# Clients\r\nconnected_clients:[1-9]/);
    // What one gate writes another one reads.
    const other = new Redis({ port });
    expect(await other.get("n")).toBe("4");
    other.disconnect();
  });
});
