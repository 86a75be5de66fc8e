/**
 * `sluice redis` in the dialects of AGQ, with what AGX and AGW say: a real client of Redis, a real bridge, a real Sluice.
 * Invariant: what is said and what is expected is what AGQ's programs say and expect, word for word.
 */
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startBridge } from "../bridge.ts";
import { startServer, type TestServer } from "../server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

/** A bridge to a queue that lets nobody in without the token. */
async function bridged(queue: string, dialect: "agq-g1" | "agq-g2") {
  const words = ["--queue", queue, "--dialect", dialect, "--require-auth"];
  const { port, stop } = await startBridge(server, ...words);
  const clients: Redis[] = [];
  /** A program that has shown the key. */
  const program = async (): Promise<Redis> => {
    const redis = new Redis({ port, enableReadyCheck: false, protocol: 2 });
    clients.push(redis);
    expect(await redis.call("AUTH", server.token)).toBe("OK");
    return redis;
  };
  /** A worker that has said all that AGW says before it asks for a job. */
  const worker = async (name: string, tools: string): Promise<Redis> => {
    const redis = new Redis({ port, enableReadyCheck: false, protocol: 2 });
    clients.push(redis);
    // AGW's library says this first, and takes an error for an answer.
    const early = redis.call("CLIENT", "SETINFO", "LIB-NAME", "redis-rs");
    await expect(early).rejects.toThrow(/^ERR NOAUTH Authentication required$/);
    expect(await redis.call("AUTH", server.token)).toBe("OK");
    expect(await redis.set(`worker:${name}:tools`, tools)).toBe("OK");
    expect(await redis.call("PING", name)).toBe(name);
    return redis;
  };
  onTestFinished(async () => {
    for (const redis of clients) redis.disconnect();
    expect(await stop()).toBe(0);
  });
  return { program, worker };
}

const PLAN =
  '{"job_id":"x","plan_id":"p","tasks":[{"task_number":1,"command":"sort","args":["-r"]}]}';
const TASKS = '"tasks":[{"args":["-r"],"command":"sort","task_number":1}]';

/** What AGW says of a job that it has run. */
async function finish(worker: Redis, id: string, item: string, status: string): Promise<void> {
  expect(await worker.set(`job:${id}:stdout`, "b\na\n")).toBe("OK");
  expect(await worker.set(`job:${id}:stderr`, "")).toBe("OK");
  expect(await worker.set(`job:${id}:status`, status)).toBe("OK");
  expect(await worker.lrem("queue:processing", 1, item)).toBe(1);
}

test("a worker of the first generation is handed whole jobs, and ends them", async () => {
  const { program, worker } = await bridged("first", "agq-g1");
  const agx = await program();
  const agw = await worker("w1", "sort,grep");
  const taken = agw.brpoplpush("queue:ready", "queue:processing", 30);
  expect(await agx.call("PLAN.SUBMIT", PLAN)).toBe("p");
  const inputs = '[{"n":12345678901234567890},null]';
  const said = await agx.call(
    "ACTION.SUBMIT",
    `{"action_id":"a","plan_id":"p","inputs":${inputs}}`,
  );
  const { job_ids: ids } = JSON.parse(String(said)) as { readonly job_ids: readonly string[] };
  const [one = "", two = ""] = ids;
  const itemOf = (id: string, input: string, index: number) =>
    `{"input":${input},"input_index":${index},"job_id":"${id}","plan_id":"p",${TASKS}}`;
  const first = itemOf(one, '{"n":12345678901234567890}', 0);
  expect(await taken).toBe(first);
  expect(await agx.lrange("queue:ready", 0, -1)).toEqual([itemOf(two, "null", 1)]);
  expect(await agx.lrange("queue:processing", 0, -1)).toEqual([first]);
  expect(await agx.lrem("queue:processing", 1, itemOf(two, "null", 1))).toBe(0);
  await finish(agw, one, first, "completed");
  const second = await agw.brpoplpush("queue:ready", "queue:processing", 5);
  expect(second).toBe(itemOf(two, "null", 1));
  await finish(agw, two, String(second), "failed");
  // What others ended stands in no list any more.
  expect(await agx.lrem("queue:processing", 1, first)).toBe(0);
  // A producer may send a whole job of its own.
  const pushed = `{"job_id":"own","plan_id":"p",${TASKS},"input":{"f":"é"}}`;
  expect(await agx.lpush("queue:ready", pushed)).toBe(1);
  const own = String(await agw.brpoplpush("queue:ready", "queue:processing", 5));
  expect(own).toBe(itemOf("own", '{"f":"é"}', 0));
  await finish(agw, "own", own, "completed");
  expect(await agx.get("job:own:stdout")).toBe("b\na\n");
  expect(JSON.parse(String(await agx.call("ACTION.STATUS", "a")))).toMatchObject({
    ...{ completed: 1, failed: 1, pending: 0, running: 0, total_jobs: 2 },
  });
  expect(await agx.call("JOBS.LIST")).toHaveLength(3);
  expect(await agw.brpoplpush("queue:ready", "queue:processing", 1)).toBe(null);
});

test("a worker of the second generation is handed ids, and reads the rest itself", async () => {
  const { program, worker } = await bridged("second", "agq-g2");
  const agx = await program();
  const agw = await worker("w1", "sort");
  const taken = agw.brpoplpush("queue:ready", "queue:processing", 30);
  expect(await agx.call("PLAN.SUBMIT", PLAN)).toBe("p");
  const action = await agx.call("ACTION.SUBMIT", '{"action_id":"a","plan_id":"p","inputs":[]}');
  const id = String(await taken);
  expect(action).toBe(`{"action_id":"a","job_ids":["${id}"],"jobs_created":1,"plan_id":"p"}`);
  expect(JSON.parse(String(await agw.get(`job:${id}`)))).toMatchObject({
    ...{ job_id: id, plan_id: "p", input: null, status: "running" },
  });
  expect(await agw.get("plan:p")).toBe(`{"plan_id":"p",${TASKS}}`);
  await finish(agw, id, id, "completed");
  expect(await agx.get(`job:${id}:status`)).toBe("completed");
  expect(await agx.call("QUEUE.STATS")).toEqual(["pending_jobs", "0", "scheduled_jobs", "0"]);
});

test("a library that asks for RESP3 goes on in RESP2, and a plan may have nulls", async () => {
  const { port, stop } = await startBridge(server, "--queue", "nulls", "--dialect", "agq-g2");
  onTestFinished(async () => {
    redis.disconnect();
    expect(await stop()).toBe(0);
  });
  const redis = new Redis({ port, enableReadyCheck: false });
  expect(await redis.call("AUTH", server.token)).toBe("OK");
  const plan = PLAN.replace('"args"', '"input_from_task":null,"args"');
  expect(await redis.call("PLAN.SUBMIT", plan)).toBe("p");
});

test.each(["agq-g1", "agq-g2"] as const)(
  "a worker whose connection broke has its job again, in %s",
  async (dialect) => {
    const { program, worker } = await bridged(`broken-${dialect}`, dialect);
    const agx = await program();
    const before = await worker("w1", "sort");
    await agx.call("PLAN.SUBMIT", PLAN);
    await agx.call("ACTION.SUBMIT", '{"action_id":"a","plan_id":"p","inputs":[1]}');
    const item = String(await before.brpoplpush("queue:ready", "queue:processing", 5));
    const [id = ""] = (await agx.call("JOB.LIST", "a")) as string[];
    before.disconnect();
    const after = await program();
    await expect(after.set(`job:${id}:status`, "completed")).rejects.toThrow("ERR lease lost");
    expect(await after.call("PING", "w1")).toBe("w1");
    await finish(after, id, item, "completed");
  },
);

describe("what is listed", () => {
  test("is never cut in silence: more than ten thousand plans are refused, and told where they are", async () => {
    const { program } = await bridged("many", "agq-g1");
    const agx = await program();
    const submit = (i: number) => agx.call("PLAN.SUBMIT", PLAN.replace('"p"', `"p${i}"`));
    await Promise.all(Array.from({ length: 10_001 }, (_, i) => submit(i)));
    const refused = "ERR This looks through at most 10000 elements: use the lists of the HTTP API";
    await expect(agx.call("PLAN.LIST")).rejects.toThrow(refused);
    await expect(agx.call("PLAN.LIST", "0", "1")).rejects.toThrow(refused);
    expect(await agx.call("PLAN.DELETE", "p7")).toBe(1);
    expect(await agx.call("PLAN.LIST")).toHaveLength(10_000);
    expect(await agx.call("PLAN.LIST", "0", "1")).toMatch(/^\[\{.*"plan_id":"p0",.*\}\]$/);
  });
});
