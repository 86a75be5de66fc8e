/**
 * Every method of `@upstash/redis` against a real Sluice, beside what it gives against a real Redis.
 * Invariant: the package is as it comes; a method of it that stands in no table fails the first test.
 */
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RealRedis } from "../redis/real-redis.ts";
import { hasRedisServer } from "../redis/real-server.ts";
import { startServer, type TestServer } from "../server.ts";
import { upstash } from "./upstash/client.ts";
import { listRows, setRows } from "./upstash/collection-rows.ts";
import { hashRows } from "./upstash/hash-rows.ts";
import { laterRows, nameRows, serverRows } from "./upstash/name-rows.ts";
import { requesterOf } from "./upstash/over-redis.ts";
import { refusedRows } from "./upstash/refused-rows.ts";
import { sortedSetRows } from "./upstash/sorted-set-rows.ts";
import { textRows } from "./upstash/text-rows.ts";

const hasServer = hasRedisServer();
if (!hasServer)
  console.warn("There is no redis-server 7.0 here: @upstash/redis is not tried with one.");

const rows = [textRows, nameRows, hashRows, listRows, setRows, sortedSetRows, serverRows].flat();

let server: TestServer;
let real: RealRedis | undefined;
beforeAll(async () => {
  server = await startServer();
  if (hasServer) real = await RealRedis.start();
});
afterAll(async () => {
  await real?.stop();
  await server.stop();
});

/** What is no command: how requests are made, and what `upstash-client.test.ts` is about. */
const ways = new Set(
  (
    "addTelemetry autoPipeline autoPipelineExecutor client constructor enableAutoPipelining enableTelemetry multi opts pipeline psubscribe " +
    "readYourWritesSyncToken subscribe use"
  ).split(" "),
);

/** The names of all that an object has, of its own or by its classes. */
function membersOf(object: object): string[] {
  const above = Object.getPrototypeOf(object) as object | null;
  if (above === null) return [];
  return [...Object.getOwnPropertyNames(object), ...membersOf(above)];
}

test("every method of the package stands in a table", () => {
  const known = new Set(
    [...rows, ...laterRows, ...refusedRows].map(([method]) => method.split(/[ .]/)[0]),
  );
  const methods = membersOf(upstash(server));
  expect(methods).toContain("zscore");
  expect(methods.filter((name) => !known.has(name) && !ways.has(name))).toEqual([]);
});

describe("gives what it gives with a Redis", () => {
  test.each(rows)("%s", async (_, perform, expected) => {
    const redis = upstash(server);
    await redis.flushdb();
    expect(await perform(redis)).toEqual(expected);
    if (real === undefined) return;
    const beside = new Redis(requesterOf(real));
    await beside.flushdb();
    expect(await perform(beside), "with a real Redis").toEqual(expected);
  });
});

test.each(laterRows)(
  "gives what a later Redis or Upstash gives: %s",
  async (_, perform, expected) => {
    expect(await perform(upstash(server))).toEqual(expected);
  },
);

describe("is told what to use instead of what a queue has not", () => {
  test.each(refusedRows)("%s", async (_, perform, alternative) => {
    // In a pipeline, some of the package's methods look at the result before the error.
    const redis = upstash(server, { enableAutoPipelining: false });
    await expect(perform(redis)).rejects.toThrow(`is not supported: Sluice ${alternative}`);
  });
});
