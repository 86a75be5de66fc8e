/**
 * A caller of Upstash's protocol that hangs up while it waits, against a real Sluice.
 * Invariant: nothing here sleeps: that a connection has gone is read from the list of those that are there.
 */
import { Buffer } from "node:buffer";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { RedisLink } from "../../src/cli/redis-link.ts";
import { encodeCall } from "../../src/redis/frames.ts";
import { poll } from "../client/poll.ts";
import { startServer, type TestServer } from "../server.ts";
import { upstash } from "./upstash/client.ts";

const queue = "/v1/queues/mail";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** How many connections the queue has beside that which asks. */
async function others(): Promise<() => Promise<number>> {
  const address = server.url.replace(/^http/, "ws");
  const link = await RedisLink.open(`${address}${queue}/resp`, server.token, 0);
  let told: (text: string) => void = () => undefined;
  link.listen({
    hear: (bytes) => told(Buffer.from(bytes).toString("latin1")),
    lost: () => undefined,
  });
  return async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    told = resolve;
    link.send(Buffer.from(encodeCall(["CLIENT", "LIST"])));
    return ((await promise).match(/^id=|\nid=/g)?.length ?? 0) - 1;
  };
}

test("nothing is taken for a caller that has hung up", async () => {
  const redis = upstash(server);
  const count = await others();
  const { hangUp } = await poll(server, queue, "/redis", ["BLPOP", "jobs", 0]);
  expect(await count()).toBe(1);
  await hangUp();
  await vi.waitFor(async () => expect(await count()).toBe(0), { timeout: 15_000 });
  await redis.rpush("jobs", "x");
  expect(await redis.lrange("jobs", 0, -1)).toEqual(["x"]);
});
