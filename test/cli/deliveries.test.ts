/**
 * Pushing jobs, end to end: `sluice delivery` against a real server, which posts to a real one that verifies.
 * Invariant: the receiver believes only what the queue's secret has signed.
 */
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { newWebhookSecret, Queue, verifyWebhook } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";
import { outOf, run } from "./run.ts";

let server: TestServer;
let target: Server;
let url: string;
let queue: Queue;
let queues = 0;
/** Whom the target asks what to answer. */
let answer: (request: IncomingMessage, body: string) => Promise<readonly [number, string]>;

beforeAll(async () => {
  server = await startServer();
  target = createServer(async (request, response) => {
    const [status, body] = await answer(request, await text(request));
    response.writeHead(status, { "content-type": "application/json", location: `${url}/else` });
    response.end(body);
  });
  target.listen(0, "127.0.0.1");
  await once(target, "listening");
  url = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
});
beforeEach(() => {
  queue = new Queue({ name: `d${++queues}`, url: server.url, token: server.token });
});
afterAll(async () => {
  await server.stop();
  target.close();
});

const done = (...words: string[]) => outOf(run(server, words));

test("jobs are pushed, verified, and have what was answered as their result", async () => {
  const shown = await done("delivery", "set", queue.name, "--to", `${url}/jobs`, "--new-secret");
  expect(shown).toMatch(new RegExp(`^url +${url}/jobs\nsecrets +1\nnew secret +whsec_`));
  const secret = /new secret +(\S+)/.exec(shown)?.[1] ?? "";
  answer = async ({ headers }, body) => {
    const { id, payload } = await verifyWebhook<{ n: number }>([secret], headers, body);
    return [200, JSON.stringify({ id, twice: payload.n * 2 })];
  };
  const { id } = await queue.enqueue({ n: 21 });
  expect(await queue.result(id, { waitMs: 20_000 })).toEqual({ id: `${id}.1`, twice: 42 });
  expect(await done("delivery", queue.name)).not.toContain("new secret");
});

test("a redirect is not followed, and fails the job with what was answered", async () => {
  const asked: (string | undefined)[] = [];
  answer = async (request) => {
    asked.push(request.url);
    return [307, ""];
  };
  await queue.delivery.put({ url: `${url}/jobs`, secrets: [newWebhookSecret()] });
  const { id } = await queue.enqueue(1);
  await expect(queue.result(id, { waitMs: 20_000 })).rejects.toThrow("307");
  expect(asked).toEqual(["/jobs"]);
});

test("a delivery is paused with a reason, shown, resumed and removed", async () => {
  const { name } = queue;
  expect(await run(server, ["delivery", name])).toMatchObject({ code: 1 });
  await queue.delivery.put({ url, secrets: [newWebhookSecret(), newWebhookSecret()] });
  expect(await done("delivery", "pause", name, "--reason", "maintenance")).toMatch(
    /\nsecrets +2\n.*\npaused +maintenance\n?$/s,
  );
  expect(await done("delivery", "resume", name)).toMatch(/\npaused +no\n?$/);
  const change = ["--concurrency", "2", "--timeout", "5s", "--retry-refused", "--capability", "eu"];
  expect(await done("delivery", "set", name, ...change)).toMatch(
    /concurrency +2\ntimeout +5s\njobs that are refused +are tried again\ncapabilities +eu\n/,
  );
  expect(await done("delivery", "remove", name)).toContain("are not pushed any more");
  await expect(queue.delivery.get()).rejects.toMatchObject({ code: "delivery_unknown" });
});

test("what is under way when the server is killed is pushed again once its lease has ended, and ends once", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "sluice-pushed-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const first = await startServer({ dataDir });
  const ids = Array.from({ length: 12 }, (_, n) => `j${n}`);
  const posts = new Map<string, number>();
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  let isBack = false;
  answer = async ({ headers }) => {
    const id = String(headers["webhook-id"]).split(".")[0] ?? "";
    posts.set(id, (posts.get(id) ?? 0) + 1);
    // Half of them are answered before the server is killed, the others never are.
    if (!isBack && posts.size > ids.length / 2) {
      resolve();
      await once(back, "back");
    }
    return [200, JSON.stringify(id)];
  };
  const back = new EventEmitter();
  const before = new Queue({ name: "pushed", url: first.url, token: first.token });
  await before.delivery.put({
    url,
    secrets: [newWebhookSecret()],
    concurrency: 2,
    timeoutMs: 1000,
  });
  await before.enqueueMany(ids.map((id) => ({ id, payload: id })));
  await begun;
  await first.kill9();
  isBack = true;
  back.emit("back");
  const second = await startServer({ dataDir });
  onTestFinished(() => second.stop());
  const after = new Queue({ name: "pushed", url: second.url, token: second.token });
  const results = await Promise.all(ids.map((id) => after.result(id, { waitMs: 40_000 })));
  expect(results).toEqual(ids);
  const { counts } = await after.stats();
  expect(counts).toMatchObject({ completed: ids.length, ready: 0, running: 0, failed: 0 });
  expect([...posts.keys()].sort()).toEqual([...ids].sort());
  // At least once: twice at most, since the server was killed once.
  expect(Math.max(...posts.values())).toBe(2);
});
