/**
 * The routes of snapshots through the real Worker and its real objects, which are evicted in the middle of things.
 */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import type { SnapshotStatus } from "../../../src/contract/snapshots.ts";

const { default: worker } = exports as unknown as { readonly default: Fetcher };
const { QUEUE } = env as { QUEUE: DurableObjectNamespace };
let serial = 0;
let queue = "";
beforeEach(() => {
  serial += 1;
  queue = `s${serial}`;
});

async function call(method: string, path: string, body?: string, name = queue) {
  const response = await worker.fetch(`https://sluice.test/v1/queues/${name}${path}`, {
    method,
    headers: { authorization: "Bearer test-token" },
    ...(body !== undefined && { body }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

async function json(method: string, path: string, body?: string, name = queue) {
  const { status, text } = await call(method, path, body, name);
  return { status, ...(JSON.parse(text) as Record<string, unknown>) };
}

const stub = (name = queue) => QUEUE.getByName(name);

async function enqueue(jobs: number, name = queue): Promise<void> {
  const all = Array.from({ length: jobs }, (_, i) => ({ payload: { i, text: "é".repeat(300) } }));
  const { status } = await call("POST", "/jobs", JSON.stringify({ jobs: all }), name);
  expect(status).toBe(200);
}

async function built(name = queue): Promise<SnapshotStatus> {
  const begun = await json("POST", "/snapshot", undefined, name);
  expect(begun.status).toBe(202);
  await runDurableObjectAlarm(stub(name));
  return (await json("GET", "/snapshot/status", undefined, name)) as unknown as SnapshotStatus;
}

describe("a snapshot", () => {
  test("is built by the alarm, also of an object that was evicted meanwhile", async () => {
    await enqueue(1000);
    await json("POST", "/snapshot");
    await evictDurableObject(stub());
    await enqueue(5);
    await runDurableObjectAlarm(stub());
    const status = await json("GET", "/snapshot/status");
    expect(status).toMatchObject({ building: null, current: { tables: { jobs: { rows: 1000 } } } });
  });

  test("is exported as lines: the manifest, and every chunk", async () => {
    await enqueue(1000);
    await enqueue(1000);
    const { current } = await built();
    const { status, headers, text } = await call("GET", "/snapshot");
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/x-ndjson");
    expect(headers.get("content-disposition")).toMatch(/^attachment; filename="s\d+-\d+\.ndjson"$/);
    const lines = text.split("\n");
    expect(JSON.parse(lines[0] ?? "")).toEqual(current);
    expect(lines.filter((line) => line.startsWith('{"chunk":'))).toHaveLength(current?.chunks ?? 0);
    expect(current?.chunks).toBeGreaterThan(1);
  });

  test("is not there before it was built, nor after it was removed", async () => {
    expect(await json("GET", "/snapshot")).toMatchObject({ status: 404, code: "queue_unknown" });
    await enqueue(1);
    expect(await json("GET", "/snapshot")).toMatchObject({ status: 404, code: "snapshot_unknown" });
    expect(await json("GET", "/verify")).toMatchObject({ status: 404, code: "snapshot_unknown" });
    await built();
    expect(await json("DELETE", "/snapshot")).toMatchObject({ status: 200, current: null });
    expect(await json("GET", "/snapshot")).toMatchObject({ status: 404, code: "snapshot_unknown" });
  });

  test("of a queue that is sound is verified, step by step", async () => {
    await enqueue(1000);
    await enqueue(1000);
    await built();
    let steps = 0;
    let cursor: unknown;
    do {
      const path =
        cursor === undefined ? "/verify" : `/verify?cursor=${encodeURIComponent(`${cursor}`)}`;
      const step = await json("GET", path);
      expect(step).toMatchObject({ status: 200, problems: [] });
      ({ cursor } = step as { cursor?: unknown });
      steps += 1;
      if (steps === 2) await evictDurableObject(stub());
    } while (cursor !== undefined);
    expect(steps).toBeGreaterThan(3);
    expect(await json("GET", "/verify?cursor=x")).toMatchObject({ code: "cursor_invalid" });
    expect(await json("GET", "/verify?other=x")).toMatchObject({ code: "field_unknown" });
  });
});

const altered = JSON.stringify({
  sluice: "snapshot",
  format: 1,
  queueId: "q",
  last: { term: 1, index: 1, incarnation: 1, at: 9e15, hash: "" },
  membership: { logId: null, configs: [], nodes: {} },
  tables: { queue: { version: 1, rows: 1 }, counters: { version: 1, rows: 1 } },
  chunks: 0,
  bytes: 0,
  digest: "",
  seal: "none",
});

describe("an import", () => {
  test("of a whole file in one request makes another queue the same", async () => {
    await enqueue(1000);
    const { current } = await built();
    const file = (await call("GET", "/snapshot")).text;
    const name = `${queue}-copy`;
    expect(await json("PUT", "/snapshot", file, name)).toMatchObject({
      status: 200,
      imported: { term: 2, digest: current?.digest },
    });
    expect((await built(name)).current?.digest).toBe(current?.digest);
    expect(await json("PUT", "/snapshot", file, name)).toMatchObject({
      status: 409,
      code: "queue_not_empty",
    });
    expect(await json("PUT", "/snapshot?over=true", file, name)).toMatchObject({ status: 200 });
  });

  test("may come in parts, to an object that is evicted between them", async () => {
    await enqueue(1000);
    await enqueue(1000);
    const { current } = await built();
    const file = (await call("GET", "/snapshot")).text;
    const cut = file.lastIndexOf('{"chunk":');
    const name = `${queue}-parts`;
    const first = "/snapshot?upload=u1&more=true";
    expect(await json("PUT", first, file.slice(0, cut), name)).toMatchObject({
      status: 202,
      chunks: (current?.chunks ?? 0) - 1,
    });
    await evictDurableObject(stub(name));
    // The sender did not hear the answer, and sends the part again.
    expect((await json("PUT", first, file.slice(0, cut), name)).status).toBe(202);
    const last = "/snapshot?upload=u1";
    expect(await json("PUT", last, file.slice(cut), name)).toMatchObject({
      status: 200,
      imported: { digest: current?.digest },
    });
    expect(await json("PUT", last, "", name)).toMatchObject({ imported: { term: 2 } });
  });

  test.each([
    ["a time that was altered", altered, 422, "snapshot_invalid"],
    ["nothing", "", 409, "import_unknown"],
    ["no manifest", '{"chunk":1}\n["jobs"]\n', 409, "import_unknown"],
    ["another file", '{"jobs":[]}\n', 422, "snapshot_invalid"],
    ["no JSON", "x\n", 422, "snapshot_invalid"],
    ["a newer format", '{"sluice":"snapshot","format":7}\n', 422, "snapshot_newer"],
  ])("of %s is refused, and creates no queue", async (_, file, status, code) => {
    expect(await json("PUT", "/snapshot", file)).toMatchObject({ status, code });
    expect(await json("GET", "/stats")).toMatchObject({ code: "queue_unknown" });
  });

  test("of bytes that are not UTF-8 is refused", async () => {
    const response = await worker.fetch(`https://sluice.test/v1/queues/${queue}/snapshot`, {
      method: "PUT",
      headers: { authorization: "Bearer test-token" },
      body: new Uint8Array([0xff, 0xfe, 10]),
    });
    expect(await response.json()).toMatchObject({ code: "utf8_invalid" });
  });

  test("needs the token, and a query that is known", async () => {
    const response = await worker.fetch(`https://sluice.test/v1/queues/${queue}/snapshot`, {
      method: "PUT",
      body: "x",
    });
    expect(response.status).toBe(401);
    expect(await json("PUT", "/snapshot?uplaod=u", "x")).toMatchObject({ code: "field_unknown" });
  });
});

describe("a raw export", () => {
  test("gives every row of the storage as a line", async () => {
    await enqueue(40);
    const { status, text } = await call("GET", "/raw");
    expect(status).toBe(200);
    const lines = text.split("\n").slice(0, -1);
    expect(lines.pop()).toBe('{"end":true}');
    const tables = lines.map((line) => JSON.parse(line).table);
    expect(tables).toContain("raft_state");
    expect(tables).toContain("raft_log_1");
  });
});
