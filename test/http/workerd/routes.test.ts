/**
 * Every route, good and bad, through the real Worker and its real objects.
 * Invariant: what is refused changes no job and appends no entry.
 */
import { exports } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import type { ClaimedJob } from "../../../src/contract/leases.ts";
import type { QueueStats } from "../../../src/contract/queue.ts";

const { default: worker } = exports as unknown as { readonly default: Fetcher };
let serial = 0;
let queue = "";
beforeEach(() => {
  queue = `q${++serial}`;
});

/** A response: its status, its headers and what its JSON says. */
async function send(method: string, path: string, body?: unknown, headers?: HeadersInit) {
  const response = await worker.fetch(`https://sluice.test${path}`, {
    method,
    headers: { authorization: "Bearer test-token", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, text, json };
}

const call = (method: string, path: string, body?: unknown, headers?: HeadersInit) =>
  send(method, `/v1/queues/${queue}${path}`, body, headers);

/** A call that must succeed. */
async function ok(method: string, path: string, body?: unknown, status = 200) {
  const response = await call(method, path, body);
  expect({ status: response.status, text: response.text }).toMatchObject({ status });
  expect(response.json["now"]).toBeTypeOf("number");
  return response.json;
}

async function stats(): Promise<QueueStats> {
  return (await ok("GET", "/stats")) as unknown as QueueStats;
}

/** A call that must be refused, and must change nothing: no job, no entry of the log. */
async function refused(method: string, path: string, body: unknown, status: number, code: string) {
  const before = await stats();
  const { json, headers, ...response } = await call(method, path, body);
  expect({ status: response.status, code: json["code"] }).toEqual({ status, code });
  expect(headers.get("content-type")).toBe("application/problem+json");
  const after = await stats();
  expect([after.counts, after.log.lastIndex]).toEqual([before.counts, before.log.lastIndex]);
  return json;
}

async function enqueue(job: object = {}): Promise<string> {
  const { id } = await ok("POST", "/jobs", { payload: 1, ...job }, 201);
  return String(id);
}

async function claimOne(): Promise<ClaimedJob> {
  const { jobs } = (await ok("POST", "/claim", {})) as { jobs: ClaimedJob[] };
  const [job] = jobs;
  if (job === undefined) throw new Error("nothing was claimed");
  return job;
}

const held = ({ id, token }: ClaimedJob) => ({ id, token });

async function complete(job: ClaimedJob, result: unknown = null) {
  return await ok("POST", "/settle", { items: [{ op: "complete", ...held(job), result }] });
}

describe("a queue", () => {
  test("is created, read, configured", async () => {
    await ok("PUT", "", {});
    await ok("PUT", "", { leaseMs: 5000 });
    expect(await ok("GET", "")).toMatchObject({
      queue: { name: queue, config: { leaseMs: 5000 } },
    });
  });

  test("that does not exist is unknown to every read, and a read does not create it", async () => {
    for (const path of ["", "/stats", "/jobs", "/jobs/a", "/operations/a"]) {
      const { status, json } = await call("GET", path);
      expect([path, status, json["code"]]).toEqual([path, 404, "queue_unknown"]);
    }
    expect((await call("GET", "")).status).toBe(404);
  });

  test.each(["/pause", "/resume", "/purge", "/redrive", "/checkpoint"])(
    "that does not exist is unknown to %s",
    async (verb) => {
      const { status, json } = await call("POST", verb);
      expect([status, json["code"]]).toEqual([404, "queue_unknown"]);
      expect((await call("GET", "")).status).toBe(404);
    },
  );

  test("that does not exist has no jobs to claim, and a claim does not create it", async () => {
    expect(await ok("POST", "/claim", {})).toMatchObject({ jobs: [], waiting: 0 });
    expect((await call("GET", "")).status).toBe(404);
  });

  test("is paused and resumed", async () => {
    await enqueue();
    const paused = await ok("POST", "/pause", { reason: "lunch" });
    expect(paused).toMatchObject({ queue: { paused: true, pausedReason: "lunch" } });
    expect(await ok("POST", "/claim", {})).toMatchObject({ jobs: [], paused: true });
    expect(await ok("POST", "/resume")).toMatchObject({ queue: { paused: false } });
    expect((await claimOne()).payload).toBe(1);
  });

  test("is purged of what waits", async () => {
    await enqueue();
    await enqueue({ delayMs: 60_000 });
    const { operation } = await ok("POST", "/purge");
    expect(operation).toMatchObject({ kind: "purge" });
    await ok("GET", `/operations/${(operation as { id: string }).id}`);
  });

  test("is checkpointed", async () => {
    await enqueue();
    expect(await ok("POST", "/checkpoint")).toHaveProperty("checkpointed");
  });

  test("is deleted when it is empty, or by force", async () => {
    await enqueue();
    await refused("DELETE", "", undefined, 409, "queue_not_empty");
    expect(await ok("DELETE", "?force=true")).toMatchObject({ deleted: true });
    expect((await call("GET", "")).status).toBe(404);
  });

  test("refuses what is malformed, and nothing changes", async () => {
    await enqueue();
    await refused("PUT", "", { leaseMs: 1 }, 422, "input_invalid");
    await refused("PUT", "", { lease: 1 }, 422, "field_unknown");
    await refused("POST", "/pause", "{", 400, "json_invalid");
    await refused("POST", "/purge", { states: ["odd"] }, 422, "input_invalid");
    await refused("POST", "/checkpoint", { x: 1 }, 422, "field_unknown");
    await refused("DELETE", "?force=1", undefined, 422, "input_invalid");
    await refused("POST", "/stats", undefined, 405, "method_not_allowed");
    await refused("GET", "/nothing", undefined, 404, "route_unknown");
  });
});

describe("jobs", () => {
  test("are enqueued one at a time, and their payload comes back as it was sent", async () => {
    const { json, status } = await call("POST", "/jobs", '{"payload": 12345678901234567890 }');
    expect(status).toBe(201);
    const { text } = await call("GET", `/jobs/${json["id"]}`);
    expect(text).toContain('"payload":12345678901234567890');
  });

  test("are enqueued many at a time, each with its own answer", async () => {
    const jobs = [{ id: "a", payload: 1 }, { payload: 2 }, { id: "a", payload: 3 }];
    const { results, refused: count } = await ok("POST", "/jobs", { jobs });
    expect(results).toMatchObject([{ id: "a" }, {}, { problem: { code: "job_exists" } }]);
    expect(count).toBe(1);
  });

  test("of an id that is taken are there already, or refused", async () => {
    await enqueue({ id: "a" });
    const again = { id: "a", deduplicated: true };
    expect(await ok("POST", "/jobs", { id: "a", payload: 1 })).toMatchObject(again);
    await refused("POST", "/jobs", { id: "a", payload: 2 }, 409, "job_exists");
  });

  test("are listed page by page", async () => {
    await ok("POST", "/jobs", { jobs: [{ id: "a" }, { id: "b" }, { id: "c" }] });
    const seen: string[] = [];
    let cursor: unknown = "";
    while (cursor !== undefined) {
      const query = `?state=ready&limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`;
      const page = await ok("GET", `/jobs${query}`);
      for (const { id } of page["jobs"] as { id: string }[]) seen.push(id);
      cursor = page["cursor"];
    }
    expect(seen).toEqual(["a", "b", "c"]);
  });

  test("are changed, cancelled, removed, and run again", async () => {
    const id = await enqueue();
    expect(await ok("PATCH", `/jobs/${id}`, { priority: 7 })).toMatchObject({
      job: { priority: 7 },
    });
    const cancelled = await ok("POST", `/jobs/${id}/cancel`, { reason: "no" });
    expect(cancelled).toMatchObject({ job: { state: "cancelled" } });
    expect(await ok("POST", `/jobs/${id}/retry`)).toMatchObject({ job: { state: "ready" } });
    await refused("DELETE", `/jobs/${id}`, undefined, 409, "job_state");
    await ok("POST", `/jobs/${id}/cancel`);
    expect(await ok("DELETE", `/jobs/${id}`)).toMatchObject({ removed: true });
    await refused("GET", `/jobs/${id}`, undefined, 404, "job_unknown");
  });

  test("that ended are redriven", async () => {
    const id = await enqueue();
    await ok("POST", `/jobs/${id}/cancel`);
    const { operation } = await ok("POST", "/redrive", { ids: [id] });
    expect(operation).toMatchObject({ kind: "redrive" });
  });

  test("that do not exist are unknown, and nothing changes", async () => {
    await enqueue();
    await refused("GET", "/jobs/none", undefined, 404, "job_unknown");
    await refused("PATCH", "/jobs/none", { priority: 1 }, 404, "job_unknown");
    await refused("DELETE", "/jobs/none", undefined, 404, "job_unknown");
    await refused("POST", "/jobs/none/cancel", {}, 404, "job_unknown");
    await refused("POST", "/jobs/none/retry", {}, 404, "job_unknown");
    await refused("GET", "/operations/none", undefined, 404, "operation_unknown");
  });

  test("that are malformed are refused whole, and nothing changes", async () => {
    await enqueue();
    const batch = { jobs: [{ payload: 1 }, { priority: "x" }] };
    const problem = await refused("POST", "/jobs", batch, 422, "input_invalid");
    expect(problem["errors"]).toMatchObject([{ pointer: "/jobs/1/priority" }]);
    await refused("POST", "/jobs", { payload: 1, nope: 1 }, 422, "field_unknown");
    await refused("POST", "/jobs", "", 400, "json_invalid");
    await refused("POST", "/jobs", '{"payload":"\\ud800"}', 422, "unicode_invalid");
    const large = { payload: "x".repeat(256 * 1024) };
    await refused("POST", "/jobs", large, 413, "payload_too_large");
    await refused("POST", "/jobs", " ".repeat(1024 * 1024 + 1), 413, "body_too_large");
    await refused("GET", "/jobs?limit=0", undefined, 422, "input_invalid");
    await refused("GET", "/jobs?cursor=nonsense", undefined, 400, "cursor_invalid");
    await refused("PATCH", "/jobs/a", {}, 422, "input_invalid");
    await refused("POST", "/redrive", { ids: [] }, 422, "input_invalid");
  });
});

describe("leases", () => {
  test("are taken and completed, and the result is kept as it was sent", async () => {
    const id = await enqueue();
    const job = await claimOne();
    expect(job).toMatchObject({ id, attempt: 1, payload: 1 });
    const body = `{"items":[{"op":"complete","id":"${id}","token":"${job.token}","result":1.50}]}`;
    const { json } = await call("POST", "/settle", body);
    expect(json).toMatchObject({ items: [{ id, ok: true, state: "completed" }], refused: 0 });
    expect((await call("GET", `/jobs/${id}`)).text).toContain('"result":1.50');
  });

  test("are failed, released, extended and reported on", async () => {
    await ok("POST", "/jobs", { jobs: [{ id: "a" }, { id: "b" }, { id: "c" }] });
    const { jobs } = (await ok("POST", "/claim", { max: 3 })) as { jobs: ClaimedJob[] };
    const [a, b, c] = jobs;
    if (a === undefined || b === undefined || c === undefined) throw new Error("three were due");
    const items = [
      { op: "fail", ...held(a), error: "no", retryable: false },
      { op: "release", ...held(b) },
      { op: "extend", ...held(c), leaseMs: 60_000 },
      { op: "progress", ...held(c), progress: { done: 1 } },
    ];
    const reply = await ok("POST", "/settle", { items });
    const states = ["failed", "ready", "running", "running"];
    expect(reply["items"]).toMatchObject(states.map((state) => ({ ok: true, state })));
  });

  test("that are settled may claim the next job in the same request", async () => {
    await ok("POST", "/jobs", { jobs: [{ id: "a" }, { id: "b" }] });
    const items = [{ op: "complete", ...held(await claimOne()) }];
    expect(await ok("POST", "/settle", { items, claim: {} })).toMatchObject({
      items: [{ id: "a", ok: true }],
      jobs: [{ id: "b" }],
    });
  });

  test("that are no longer held are refused item by item", async () => {
    await enqueue();
    const job = await claimOne();
    await complete(job);
    const items = [
      { op: "fail", ...held(job), error: "late" },
      { op: "complete", id: "none", token: job.token },
    ];
    const reply = await ok("POST", "/settle", { items });
    expect(reply["items"]).toMatchObject([
      { ok: false, problem: { code: "already_settled", status: 409 } },
      { ok: false, problem: { code: "job_unknown", status: 404 } },
    ]);
    expect(reply["refused"]).toBe(2);
  });

  test("that are malformed are refused whole, and nothing changes", async () => {
    await enqueue();
    const job = await claimOne();
    const good = { op: "complete", ...held(job) };
    const settle = (item: object, status: number, code: string) =>
      refused("POST", "/settle", { items: [good, item] }, status, code);
    await settle({ op: "drop", ...held(job) }, 422, "input_invalid");
    await settle({ op: "fail", ...held(job) }, 422, "input_invalid");
    await settle({ ...good, error: "x" }, 422, "field_unknown");
    await settle({ ...good, result: "x".repeat(256 * 1024) }, 413, "payload_too_large");
    await refused("POST", "/settle", { items: [] }, 422, "input_invalid");
    await refused("POST", "/claim", { max: 0 }, 422, "input_invalid");
    await complete(job);
  });
});

describe("repeats", () => {
  test("with one Idempotency-Key have one effect and the first answer", async () => {
    const headers = { "idempotency-key": "k1" };
    const first = await call("POST", "/jobs", { payload: 1 }, headers);
    const again = await call("POST", "/jobs", { payload: 1 }, headers);
    expect([again.status, again.json["id"]]).toEqual([first.status, first.json["id"]]);
    expect((await stats()).counts.ready).toBe(1);
  });

  test("with one Idempotency-Key and another body are refused", async () => {
    const headers = { "idempotency-key": "k1" };
    await call("POST", "/jobs", { payload: 1 }, headers);
    const other = await call("POST", "/jobs", { payload: 2 }, headers);
    expect([other.status, other.json["code"]]).toEqual([422, "idempotency_key_reused"]);
    expect((await stats()).counts.ready).toBe(1);
  });

  test("with a malformed Idempotency-Key are refused", async () => {
    await enqueue();
    const { status, json } = await call("POST", "/jobs", {}, { "idempotency-key": "é" });
    expect([status, json["code"]]).toEqual([400, "idempotency_key_invalid"]);
    expect((await stats()).counts.ready).toBe(1);
  });
});

describe("the service", () => {
  test("tells its health and its routes to anybody", async () => {
    const headers = { authorization: "" };
    expect(await send("GET", "/health", undefined, headers)).toMatchObject({ status: 200 });
    expect((await send("GET", "/", undefined, headers)).json).toHaveProperty("links");
  });

  test("lists queues", async () => {
    const { status, json } = await send("GET", "/v1/queues?limit=10");
    expect([status, Array.isArray(json["queues"])]).toEqual([200, true]);
    expect((await send("GET", "/v1/queues?limit=0")).status).toBe(422);
    expect((await send("GET", "/v1/queues?cursor=%20")).json["code"]).toBe("cursor_invalid");
  });

  test("refuses a wrong token and a malformed name, and nothing changes", async () => {
    await enqueue();
    const wrong = { authorization: "Bearer wrong" };
    expect((await call("POST", "/jobs", { payload: 1 }, wrong)).status).toBe(401);
    expect((await send("POST", "/v1/queues/-bad/jobs", { payload: 1 })).status).toBe(400);
    expect((await stats()).counts.ready).toBe(1);
  });

  test("answers HEAD without a body", async () => {
    await enqueue();
    expect(await call("HEAD", "/stats")).toMatchObject({ status: 200, text: "" });
  });
});
