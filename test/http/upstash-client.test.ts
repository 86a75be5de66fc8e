/**
 * The ways in which `@upstash/redis` asks, against a real Sluice: pipelines of its own accord, transactions, encodings, channels, calls that wait.
 * Invariant: the package is as it comes; what it sends is seen by a middleware of its own.
 */
import type { Redis } from "@upstash/redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startServer, type TestServer } from "../server.ts";
import { type UpstashOptions, upstash } from "./upstash/client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  await upstash(server).flushdb();
});

/** A client, and the paths of its requests as they are made. */
function watched(options?: UpstashOptions): { readonly redis: Redis; readonly paths: string[] } {
  const redis = upstash(server, options);
  const paths: string[] = [];
  redis.use((request, next) => {
    paths.push(request.path?.join("/") ?? "");
    return next(request);
  });
  return { redis, paths };
}

describe("calls that are made at once", () => {
  test("are one request for what writes and one for what reads, performed in their order", async () => {
    const { redis, paths } = watched();
    const writes = [redis.set("n", 1), redis.incr("n"), redis.rpush("l", "a"), redis.lpop("l")];
    expect(await Promise.all(writes)).toEqual(["OK", 2, 1, "a"]);
    expect(await Promise.all([redis.get("n"), redis.llen("l"), redis.ttl("n")])).toEqual([
      2, 0, -1,
    ]);
    expect(paths).toEqual(["pipeline", "pipeline"]);
  });

  test("are a request each where that is turned off", async () => {
    const { redis, paths } = watched({ enableAutoPipelining: false });
    await Promise.all([redis.set("a", 1), redis.set("b", 2)]);
    expect(paths).toEqual(["", ""]);
  });

  test("fail one by one", async () => {
    const redis = upstash(server);
    await redis.set("a", "x");
    const [failed, done] = await Promise.allSettled([redis.incr("a"), redis.append("a", "y")]);
    const reason = { message: "Command failed: ERR value is not an integer or out of range" };
    expect(failed).toMatchObject({ status: "rejected", reason });
    expect(done).toEqual({ status: "fulfilled", value: 2 });
  });
});

describe("a pipeline", () => {
  test("has a result for each call, and may keep their errors", async () => {
    const redis = upstash(server);
    const pipeline = redis.pipeline().set("a", { b: "é" }).get("a").incr("a").zscore("z", "m");
    expect(await pipeline.exec({ keepErrors: true })).toEqual([
      { result: "OK", error: undefined },
      { result: { b: "é" }, error: undefined },
      { result: undefined, error: "ERR value is not an integer or out of range" },
      { result: null, error: undefined },
    ]);
    const failing = redis.pipeline().set("a", "x").incr("a").exec();
    await expect(failing).rejects.toThrow(
      "Command 2 [ incr ] failed: ERR value is not an integer or out of range",
    );
  });

  test("is told of a command that a queue has not, and performs the others", async () => {
    const redis = upstash(server);
    const pipeline = redis.pipeline().set("a", 1).setbit("a", 1, 1).incr("a");
    const [, refused, last] = await pipeline.exec({ keepErrors: true });
    expect(refused?.error).toMatch(/^ERR 'setbit' is not supported: Sluice has no bitmaps/);
    expect(last).toEqual({ result: 2, error: undefined });
  });
});

describe("a transaction", () => {
  test("performs its calls together, errors of single ones among the results", async () => {
    const redis = upstash(server);
    expect(await redis.multi().set("a", "x").lpush("l", 1, 2).lrange("l", 0, -1).exec()).toEqual([
      "OK",
      2,
      [2, 1],
    ]);
    const mixed = redis.multi().incr("a").set("b", 1);
    expect(await mixed.exec({ keepErrors: true })).toEqual([
      { result: undefined, error: "ERR value is not an integer or out of range" },
      { result: "OK", error: undefined },
    ]);
  });

  test("with a command that a queue has not does nothing, and says why", async () => {
    const redis = upstash(server);
    await expect(redis.multi().set("a", 1).xlen("a").exec()).rejects.toThrow(
      "EXECABORT Transaction discarded because of: ERR 'XLEN' is not supported: Sluice has no streams",
    );
    expect(await redis.exists("a")).toBe(0);
  });
});

describe("values", () => {
  const texts = ["OK", "T0s=", "b2s=", "é\u0000\n😀", '{"a":1}', "null", "", "1e3", "007"];

  test.each<[string, UpstashOptions]>([
    ["in base64", {}],
    ["as plain texts", { responseEncoding: false }],
  ])("are the texts that were set where they are not to be read as JSON, %s", async (_, how) => {
    const redis = upstash(server, { automaticDeserialization: false, ...how });
    for (const text of texts) {
      await redis.set("a", text);
      expect(await redis.get("a")).toBe(text);
    }
    await redis.rpush("l", ...texts);
    expect(await redis.lrange("l", 0, -1)).toEqual(texts);
    expect(await redis.pipeline().lrange("l", 0, -1).get("none").exec()).toEqual([texts, null]);
  });
});

test("a client that reads what it wrote is given a token to say again", async () => {
  const redis = upstash(server);
  expect(redis.readYourWritesSyncToken).toBe("");
  await redis.set("a", 1);
  expect(redis.readYourWritesSyncToken).toBe("sluice=0");
  expect(await redis.get("a")).toBe(1);
  const careless = upstash(server, { readYourWrites: false });
  await careless.set("a", 2);
  expect(careless.readYourWritesSyncToken).toBe("");
});

describe("channels", () => {
  test.each([
    ["subscribe", "message", ["a", "b"], ["a", "b"], [{}, {}]],
    [
      "psubscribe",
      "pmessage",
      ["c*", "[d]d"],
      ["cc", "dd"],
      [{ pattern: "c*" }, { pattern: "[d]d" }],
    ],
  ] as const)("are followed by %s, and left", async (word, event, followed, [one, two], said) => {
    const redis = upstash(server);
    const follower = redis[word]<unknown>([...followed]);
    const counts: number[] = [];
    const told: unknown[] = [];
    const isFollowing = Promise.withResolvers<void>();
    const isTold = Promise.withResolvers<void>();
    follower.on(word, (count) => {
      if (counts.push(count) === followed.length) isFollowing.resolve();
    });
    follower.on(event, (message) => {
      if (told.push(message) === 3) isTold.resolve();
    });
    await isFollowing.promise;
    expect(await redis.publish(one, { a: "é\n,b" })).toBe(1);
    expect(await redis.publish(two, ["x, y"])).toBe(1);
    expect(await redis.publish(one, 7)).toBe(1);
    expect(await redis.publish("nobody's", 1)).toBe(0);
    await isTold.promise;
    // Each channel is a request of its own: between two of them there is no order.
    const of = (channel: string) =>
      told.filter((each) => (each as { channel: string }).channel === channel);
    expect(of(one)).toEqual([
      { ...said[0], channel: one, message: { a: "é\n,b" } },
      { ...said[0], channel: one, message: 7 },
    ]);
    expect(of(two)).toEqual([{ ...said[1], channel: two, message: ["x, y"] }]);
    await follower.unsubscribe();
    expect(follower.getSubscribedChannels()).toEqual([]);
  });
});

test("a call that waits has an element as soon as there is one, and null where there is none in time", async () => {
  const [waiter, other] = [upstash(server), upstash(server)];
  const popped = waiter.exec(["BLPOP", "jobs", "more", "30"]);
  // Whichever of the two comes first.
  await other.rpush("more", { a: 1 });
  expect(await popped).toEqual(["more", { a: 1 }]);
  expect(await waiter.exec(["BZPOPMIN", "jobs", "0.01"])).toBe(null);
});
