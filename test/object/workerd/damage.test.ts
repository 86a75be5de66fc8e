/**
 * Those who stay with a real object over its sleep when its storage turns out to be damaged.
 * Invariant: each is told why, or is closed with it, by the instance that wakes or by the one that meets the damage; nothing is written.
 */
import { evictDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { claim, codeOf, command, enqueue, jobsOf } from "../commands.ts";
import { ChannelCaller } from "./channel-caller.ts";
import { Queue, stopClock } from "./queues.ts";
import { RespClient } from "./resp-caller.ts";

beforeEach(stopClock);
beforeEach(() => {
  vi.spyOn(console, "error").mockReturnValue();
});
afterEach(() => vi.restoreAllMocks());

const { default: worker } = exports as unknown as { readonly default: Fetcher };

const http = (queue: Queue, path: string) =>
  worker.fetch(`https://sluice.test/v1/queues/${queue.name}${path}`, {
    headers: { authorization: "Bearer test-token" },
  });

/** A claim that waits, by the real gate. */
const poll = (queue: Queue) =>
  worker.fetch(`https://sluice.test/v1/queues/${queue.name}/claim`, {
    method: "POST",
    headers: { authorization: "Bearer test-token", "content-type": "application/json" },
    body: JSON.stringify({ waitMs: 60_000 }),
  });

/** Ends the instance as hibernation does: its sockets stay. */
const sleeps = ({ stub }: Queue) => evictDurableObject(stub, { webSockets: "hibernate" });

/** Somebody waits in every way there is; a job that runs has been claimed before. */
async function waitedFor() {
  const queue = new Queue();
  await queue.submit(enqueue([{ id: "held" }]));
  expect(jobsOf(await queue.submit(claim()))).toHaveLength(1);
  await queue.submit(command("queue.checkpoint", {}));
  const claiming = await poll(queue);
  expect(claiming.status).toBe(200);
  const watching = await http(queue, "/jobs/held?waitMs=60000");
  const channel = await ChannelCaller.hello(queue.name, "w", { credit: 5 });
  await channel.nextOf("welcome");
  const client = await RespClient.of(queue);
  client.say("*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n");
  const agq = await RespClient.of(queue, "?dialect=agq-g2");
  agq.say(
    "*4\r\n$10\r\nBRPOPLPUSH\r\n$11\r\nqueue:ready\r\n$16\r\nqueue:processing\r\n$1\r\n0\r\n",
  );
  await queue.submit(enqueue([{ id: "last", delayMs: 60_000 }], { key: "k" }));
  const [{ name = "" } = {}] = await queue.sql(
    "SELECT name FROM sqlite_master WHERE name GLOB 'raft_log_*' ORDER BY name DESC LIMIT 1",
  );
  await queue.sql(
    `UPDATE "${name}" SET keys = '[}' WHERE log_index = (SELECT max(log_index) FROM "${name}")`,
  );
  return { queue, claiming, watching, channel, client, agq };
}

describe.each([
  ["by the instance that wakes", true],
  ["by whoever meets it", false],
])("storage that is found to be damaged %s", (_, isAsleep) => {
  test("keeps nobody waiting", async () => {
    const { queue, claiming, watching, channel, client, agq } = await waitedFor();
    const before = await queue.database();
    if (isAsleep) await sleeps(queue);
    expect(codeOf(await queue.submit(enqueue([{ id: "x" }], { key: "k" })))).toBe("store_corrupt");
    expect(await claiming.json()).toMatchObject({
      jobs: [],
      problem: { code: "store_corrupt", status: 503 },
    });
    expect(await watching.json()).toMatchObject({ job: { id: "held", state: "running" } });
    expect(await channel.nextOf("problem")).toMatchObject({
      problem: { code: "store_corrupt", status: 503 },
    });
    expect(await channel.closed).toEqual({ code: 4503, reason: "store_corrupt" });
    expect(await client.line()).toMatch(/^-READONLY /);
    expect(await agq.line()).toMatch(/^-READONLY /);
    client.say("*1\r\n$4\r\nPING\r\n");
    await client.hears("+PONG\r\n");
    expect(await queue.database()).toBe(before);
  });
});

describe("at storage that is damaged", () => {
  test("a claim that would wait is 503, and a job that is waited for is told as it is", async () => {
    const { queue } = await waitedFor();
    await sleeps(queue);
    expect((await poll(queue)).status).toBe(503);
    const read = await http(queue, "/jobs/held?waitMs=60000");
    expect(read.status).toBe(200);
    expect(await read.json()).toMatchObject({ job: { id: "held", state: "running" } });
  });

  test("a snapshot that was never built is 503, and was 404 before", async () => {
    const { queue } = await waitedFor();
    expect((await http(queue, "/snapshot")).status).toBe(404);
    await sleeps(queue);
    expect((await http(queue, "/snapshot")).status).toBe(503);
  });

  test("the last snapshot is given as the file that it was", async () => {
    const queue = new Queue();
    await queue.submit(enqueue([{ id: "a" }]));
    await queue.submit(command("snapshot.build", {}));
    await queue.fire();
    const file = await (await http(queue, "/snapshot")).bytes();
    await queue.sql("UPDATE raft_state SET term = 0");
    await sleeps(queue);
    expect(codeOf(await queue.submit(enqueue([{ id: "b" }])))).toBe("store_corrupt");
    const kept = await http(queue, "/snapshot");
    expect(kept.status).toBe(200);
    expect(await kept.bytes()).toEqual(file);
  });
});
