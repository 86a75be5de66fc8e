/**
 * What callers do who wait under `wrangler dev`, which stands between them and workerd with a proxy of its own.
 * Invariant: it has a directory and a free port to itself, and needs no network.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Kept, keep } from "../../scripts/kept.ts";
import { host } from "../../scripts/server.ts";
import { isServing } from "../../scripts/wake.ts";
import { quiet, wranglerScript } from "../../scripts/wrangler.ts";
import { Queue, Worker } from "../../src/client/index.ts";
import { comesTo, hungUp, poll } from "../client/poll.ts";

const dataDir = mkdtempSync(join(tmpdir(), "sluice-dev-"));
const token = randomBytes(32).toString("hex");
let url = "";
let wrangler: Kept | undefined;

/** A port that nobody listens at. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, host, done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === "string") throw new Error("no port was free");
  return address.port;
}

beforeAll(async () => {
  const port = await freePort();
  url = `http://${host}:${port}`;
  const serving = Promise.withResolvers<void>();
  const said: string[] = [];
  wrangler = await keep({
    dataDir,
    command: process.execPath,
    args: [
      ...[wranglerScript, "dev", "--local", "--ip", host, "--port", String(port)],
      ...["--persist-to", join(dataDir, "dev"), "--var", `SLUICE_TOKEN:${token}`],
      ...["--inspector-port", "0", "--show-interactive-dev-session=false"],
    ],
    env: quiet,
    onLine: (line) => {
      said.push(line);
      if (isServing(line)) serving.resolve();
    },
  });
  const ended = wrangler.ended.then(() => {
    throw new Error(`wrangler has ended:\n${said.join("\n")}`);
  });
  await Promise.race([serving.promise, ended]);
}, 120_000);

afterAll(async () => {
  await wrangler?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test("a job that is meant for a caller who has just hung up comes back by itself, long before its lease ends", async () => {
  const queue = new Queue({ name: "just-gone", url, token });
  await queue.configure();
  const lease = { waitMs: 60_000, leaseMs: 3_600_000 };
  const { hangUp } = await poll({ url, token }, queue.path, "/claim", lease);
  await hangUp();
  const { id } = await queue.enqueue(1);
  await comesTo(queue, id, "ready");
  expect(await queue.get(id)).toMatchObject({ attempt: 1 });
}, 60_000);

test("a caller that hung up waits no longer within two signs of life, and is given no job", async () => {
  const queue = new Queue({ name: "polled", url, token });
  await hungUp({ url, token }, queue);
  const { id } = await queue.enqueue(1);
  await comesTo(queue, id, "ready");
  expect(await queue.get(id)).toMatchObject({ attempt: 1 });
  expect((await queue.claim()).jobs).toMatchObject([{ id, deliveries: 1 }]);
}, 60_000);

test("a worker is pushed its jobs over a channel, and settles them", async () => {
  const queue = new Queue({ name: "pushed", url, token });
  const settled = Promise.withResolvers<void>();
  const worker = new Worker(queue, () => undefined, {
    transport: "socket",
    onSettled: () => settled.resolve(),
    onError: (error) => settled.reject(error),
  });
  const ended = worker.run();
  const { id } = await queue.enqueue(1);
  await settled.promise;
  expect(await queue.get(id)).toMatchObject({ state: "completed" });
  await worker.stop();
  await ended;
}, 60_000);
