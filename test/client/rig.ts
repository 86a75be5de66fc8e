/**
 * What the client's tests stand on: a real server, a proxy before it, and queues of their own.
 * Invariant: each test has a queue that no other test uses.
 */
import { afterAll, afterEach, beforeAll } from "vitest";
import { type Clock, Queue, type QueueOptions } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";
import { FlakyProxy } from "./flaky-proxy.ts";

export interface Rig {
  readonly server: TestServer;
  readonly proxy: FlakyProxy;
  /** A new queue, reached through the proxy. */
  queue<Payload = unknown, Result = unknown>(
    clock?: Clock,
    options?: Partial<QueueOptions>,
  ): Queue<Payload, Result>;
  /** The same queue, reached without the proxy. */
  direct<Payload, Result>(queue: Queue<Payload, Result>): Queue<Payload, Result>;
}

/** Starts a server for the tests of a file, and a new proxy for each of them. */
export function rig(): Rig {
  let server: TestServer | undefined;
  let proxy: FlakyProxy | undefined;
  let queues = 0;
  const started = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error("The rig is used before its tests run.");
    return part;
  };
  const own: Rig = {
    get server() {
      return started(server);
    },
    get proxy() {
      return started(proxy);
    },
    queue: (clock, options) => {
      const { token } = own.server;
      return new Queue({ name: `q${++queues}`, url: own.proxy.url, token, clock, ...options });
    },
    direct: ({ name }) => new Queue({ name, url: own.server.url, token: own.server.token }),
  };
  beforeAll(async () => {
    server = await startServer();
    proxy = new FlakyProxy(server.url);
    await proxy.start();
  });
  afterEach(async () => {
    own.proxy.stop();
    proxy = new FlakyProxy(own.server.url);
    await proxy.start();
  });
  afterAll(async () => {
    own.proxy.stop();
    await own.server.stop();
  });
  return own;
}
