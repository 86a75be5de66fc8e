/**
 * From an address to a command, and from a reply to a response.
 * Invariant: what is refused never reaches an object.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { commands } from "../../src/contract/commands.ts";
import { refuse } from "../../src/contract/refusals.ts";
import type { CommandAnswer, DirectoryRpc } from "../../src/contract/rpc.ts";
import { routes } from "../../src/http/routes.ts";
import { problemIn, Recorder } from "./recorder.ts";

const q = "/v1/queues/mail";
const answering = (reply: unknown) => new Recorder(() => ({ reply: JSON.stringify(reply) }));

afterEach(() => vi.restoreAllMocks());

describe("routes", () => {
  test("every command has exactly one, but those that Redis clients send in their own way", () => {
    const routed = routes.map(({ command }) => command);
    const redis = ["redis.keyspace", "redis.run", "redis.versions"];
    expect([...routed, ...redis].sort()).toEqual(Object.keys(commands).sort());
  });

  const job = { op: "release", id: "a", token: "t" };
  test.each([
    ["PUT", q, { leaseMs: 5000 }, "queue.configure", { leaseMs: 5000 }],
    ["GET", q, undefined, "queue.get", {}],
    ["DELETE", `${q}?force=true`, undefined, "queue.delete", { force: "true" }],
    ["POST", `${q}/pause`, { reason: "why" }, "queue.pause", { reason: "why" }],
    ["POST", `${q}/resume`, undefined, "queue.resume", {}],
    ["POST", `${q}/purge`, { states: ["ready"] }, "queue.purge", { states: ["ready"] }],
    ["POST", `${q}/checkpoint`, undefined, "queue.checkpoint", {}],
    ["GET", `${q}/stats`, undefined, "queue.stats", {}],
    ["POST", `${q}/snapshot`, undefined, "snapshot.build", {}],
    ["GET", `${q}/snapshot/status`, undefined, "snapshot.get", {}],
    ["DELETE", `${q}/snapshot`, undefined, "snapshot.remove", {}],
    ["GET", `${q}/verify?cursor=c`, undefined, "queue.verify", { cursor: "c" }],
    ["POST", `${q}/jobs`, { payload: 1 }, "job.enqueue", { jobs: [{ payload: "1" }] }],
    ["GET", `${q}/jobs?state=ready&limit=5`, undefined, "job.list", { state: "ready", limit: 5 }],
    ["GET", `${q}/jobs/a-1`, undefined, "job.get", { id: "a-1" }],
    ["PATCH", `${q}/jobs/a`, { priority: 3 }, "job.update", { id: "a", priority: 3 }],
    ["DELETE", `${q}/jobs/a`, undefined, "job.remove", { id: "a" }],
    ["POST", `${q}/jobs/a/cancel`, { reason: "r" }, "job.cancel", { id: "a", reason: "r" }],
    ["POST", `${q}/jobs/a/retry`, undefined, "job.retry", { id: "a" }],
    ["POST", `${q}/redrive`, { ids: ["a"] }, "job.redrive", { ids: ["a"] }],
    ["POST", `${q}/discard`, { key: "a/b", error: "e" }, "job.discard", { key: "a/b", error: "e" }],
    ["GET", `${q}/jobs/a/parents?limit=5`, undefined, "job.parents", { id: "a", limit: 5 }],
    [
      "GET",
      `${q}/keys?state=limited&limit=5`,
      undefined,
      "key.list",
      { state: "limited", limit: 5 },
    ],
    ["GET", `${q}/keys/acme`, undefined, "key.get", { key: "acme" }],
    ["PUT", `${q}/keys/acme`, { concurrency: 2 }, "key.put", { concurrency: 2, key: "acme" }],
    ["DELETE", `${q}/keys/acme`, undefined, "key.remove", { key: "acme" }],
    ["GET", `${q}/operations/op1`, undefined, "operation.get", { id: "op1" }],
    ["GET", `${q}/jobs/a/tasks`, undefined, "job.tasks", { id: "a" }],
    ["GET", `${q}/plans?match=a*&limit=5`, undefined, "plan.list", { match: "a*", limit: 5 }],
    ["GET", `${q}/plans/p`, undefined, "plan.get", { id: "p" }],
    ["GET", `${q}/plans/p?version=2`, undefined, "plan.get", { id: "p", version: 2 }],
    ["DELETE", `${q}/plans/p`, undefined, "plan.remove", { id: "p" }],
    ["POST", `${q}/plans/p/actions`, { inputs: [1] }, "action.submit", { id: "p", inputs: ["1"] }],
    ["GET", `${q}/actions?plan=p`, undefined, "action.list", { plan: "p" }],
    ["GET", `${q}/actions/a`, undefined, "action.get", { id: "a" }],
    ["POST", `${q}/actions/a/cancel`, { reason: "r" }, "action.cancel", { id: "a", reason: "r" }],
    ["POST", `${q}/actions/a/retry`, undefined, "action.retry", { id: "a" }],
    ["GET", `${q}/workers?state=dead`, undefined, "worker.list", { state: "dead" }],
    ["PUT", `${q}/workers/w`, { slots: 3 }, "worker.register", { id: "w", slots: 3 }],
    ["GET", `${q}/workers/w`, undefined, "worker.get", { id: "w" }],
    ["DELETE", `${q}/workers/w`, undefined, "worker.remove", { id: "w" }],
    ["POST", `${q}/workers/w/heartbeat`, undefined, "worker.heartbeat", { id: "w" }],
    ["POST", `${q}/workers/w/drain`, undefined, "worker.drain", { id: "w" }],
    ["POST", `${q}/claim`, { max: 2 }, "lease.claim", { max: 2 }],
    ["POST", `${q}/settle`, { items: [job] }, "lease.settle", { items: [job] }],
  ])("%s %s with %j is %s", async (method, path, body, name, input) => {
    const gate = new Recorder();
    const response = await gate.send(method, path, body);
    expect(response.ok).toBe(true);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const bytes = body === undefined ? 0 : JSON.stringify(body).length;
    expect(gate.calls).toEqual([{ queue: "mail", request: { v: 1, name, input, bytes } }]);
  });

  test("a reply's text passes through untouched", async () => {
    const reply = '{"now": 1,"job":{"payload":12345678901234567890 , "a":1,"a":2}}';
    const gate = new Recorder(() => ({ reply }));
    expect(await (await gate.send("GET", `${q}/jobs/a`)).text()).toBe(reply);
  });

  test("HEAD answers as GET, without the body", async () => {
    const gate = new Recorder();
    const response = await gate.send("HEAD", q);
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(gate.calls[0]?.request.name).toBe("queue.get");
  });

  test("the body of a GET or DELETE does not matter", async () => {
    const gate = new Recorder();
    const headers = { authorization: `Bearer ${gate.env.SLUICE_TOKEN}` };
    // Only a server's Request may have one with GET, so DELETE stands for both.
    const response = await gate.raw(`${q}/jobs/a`, {
      method: "DELETE",
      body: "{nonsense",
      headers,
    });
    expect([response.status, gate.calls.length]).toEqual([200, 1]);
  });

  test("names in the address are decoded before they are checked", async () => {
    const gate = new Recorder();
    await gate.send("GET", "/v1/queues/m%61il/jobs/%61-1");
    expect(gate.calls[0]).toMatchObject({ queue: "mail", request: { input: { id: "a-1" } } });
  });
});

describe("addresses that are refused, without a call", () => {
  test.each(["/nowhere", "/v1", `${q}/`, `${q}/jobs/a/b`, "/v1/queues/a%2Fb/x/y"])(
    "%s is unknown",
    async (path) => {
      const gate = new Recorder();
      const response = await gate.send("GET", path);
      expect(response.status).toBe(404);
      expect((await problemIn(response)).code).toBe("route_unknown");
      expect(gate.calls).toEqual([]);
    },
  );

  test.each([
    ["POST", q, "GET, PUT, DELETE, HEAD"],
    ["GET", `${q}/claim`, "POST"],
    ["PUT", `${q}/jobs/a`, "GET, PATCH, DELETE, HEAD"],
    ["OPTIONS", `${q}/jobs`, "GET, POST, HEAD"],
    ["DELETE", "/health", "GET, HEAD"],
    ["POST", "/v1/queues", "GET, HEAD"],
  ])("%s %s is not allowed, and the answer says what is", async (method, path, allow) => {
    const gate = new Recorder();
    const response = await gate.send(method, path);
    expect([response.status, response.headers.get("allow")]).toEqual([405, allow]);
    expect((await problemIn(response)).code).toBe("method_not_allowed");
    expect(gate.calls).toEqual([]);
  });

  test.each(["-mail", ".mail", "a%20b", "%C3%BC", "a".repeat(65), "a%2Fb", "%ff"])(
    "the queue name %s is not well formed",
    async (name) => {
      const gate = new Recorder();
      const response = await gate.send("GET", `/v1/queues/${name}`);
      expect(response.status).toBe(400);
      expect((await problemIn(response)).code).toBe("queue_name_invalid");
      expect(gate.calls).toEqual([]);
    },
  );

  test.each([
    ["GET", "jobs/a%20b/parents", "job_unknown"],
    ["GET", "jobs/a%20b", "job_unknown"],
    ["PATCH", `jobs/${"a".repeat(65)}`, "job_unknown"],
    ["GET", "operations/%C3%BC", "operation_unknown"],
    ["GET", "jobs/a%20b/tasks", "job_unknown"],
    ["GET", "plans/a.b", "plan_unknown"],
    ["DELETE", `plans/${"a".repeat(65)}`, "plan_unknown"],
    ["POST", "plans/a%2Fb/actions", "plan_unknown"],
    ["GET", "actions/a:b", "action_unknown"],
    ["POST", "actions/a%20b/cancel", "action_unknown"],
    ["POST", "actions/%C3%BC/retry", "action_unknown"],
    ["GET", "workers/a%20b", "worker_unknown"],
    ["DELETE", `workers/${"a".repeat(129)}`, "worker_unknown"],
    ["POST", "workers/a%2Fb/heartbeat", "worker_unknown"],
    ["POST", "workers/%C3%BC/drain", "worker_unknown"],
  ])("%s %s can name nothing", async (method, path, code) => {
    const gate = new Recorder();
    const response = await gate.send(method, `${q}/${path}`);
    expect([response.status, (await problemIn(response)).code]).toEqual([404, code]);
    expect(gate.calls).toEqual([]);
  });
});

describe("answers", () => {
  test("one new job is 201 with its id", async () => {
    const gate = answering({ now: 7, results: [{ id: "a" }], refused: 0 });
    const response = await gate.send("POST", `${q}/jobs`, { payload: 1 });
    expect([response.status, await response.json()]).toEqual([201, { now: 7, id: "a" }]);
  });

  test("one job that was there already is 200 and says so", async () => {
    const result = { id: "a", deduplicated: true };
    const gate = answering({ now: 7, results: [result], refused: 0 });
    const response = await gate.send("POST", `${q}/jobs`, { payload: 1 });
    expect([response.status, await response.json()]).toEqual([200, { now: 7, ...result }]);
  });

  test("the refusal of one job is the response's problem", async () => {
    const problem = { status: 507, code: "queue_full", retryable: true, detail: "full" };
    const gate = answering({ now: 7, results: [{ problem }], refused: 1 });
    const response = await gate.send("POST", `${q}/jobs`, { payload: 1 });
    expect([response.status, response.headers.get("retry-after")]).toEqual([507, "10"]);
    expect(await problemIn(response)).toMatchObject({ ...problem, type: problemType });
  });

  test("many jobs are 200, whatever became of each", async () => {
    const reply = { now: 7, results: [{ problem: { status: 409 } }], refused: 1 };
    const response = await answering(reply).send("POST", `${q}/jobs`, { jobs: [{ payload: 1 }] });
    expect([response.status, await response.json()]).toEqual([200, reply]);
  });

  test.each(["purge", "redrive"])(
    "a %s is 202 while it runs and 200 when it is done",
    async (verb) => {
      for (const [status, expected] of [
        ["running", 202],
        ["done", 200],
      ] as const) {
        const reply = { now: 7, operation: { id: "x", status } };
        const response = await answering(reply).send("POST", `${q}/${verb}`);
        expect([response.status, await response.json()]).toEqual([expected, reply]);
      }
    },
  );

  test.each([
    ["job_unknown", 404, null],
    ["lease_stale", 409, null],
    ["busy", 429, "1"],
    ["append_failed", 503, "1"],
    ["store_corrupt", 503, "60"],
    ["queue_full", 507, "10"],
  ] as const)("a refusal %s is a problem with status %i", async (code, status, after) => {
    const refusal = refuse(code, "why", { id: "a" });
    const response = await new Recorder(() => ({ refusal })).send("GET", `${q}/jobs/a`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([status, after]);
    const told = { type: problemType, code, detail: "why", id: "a" };
    expect(await problemIn(response)).toMatchObject(told);
  });
});

const problemType = "application/problem+json";

describe("an object that fails", () => {
  const failing = () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const answer = async (): Promise<CommandAnswer> => Promise.reject(new Error("secret stack"));
    return { gate: new Recorder(answer), logged };
  };

  test("leaves the outcome of a write unknown, to be repeated with its key", async () => {
    const { gate, logged } = failing();
    const response = await gate.send("POST", `${q}/jobs`, { payload: 1 });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: "outcome_unknown", retryable: true });
    expect(text).not.toContain("secret");
    expect(JSON.parse(String(logged.mock.calls[0]?.[0]))).toMatchObject({
      event: "queue_failed",
      queue: "mail",
      command: "job.enqueue",
      stack: expect.stringContaining("secret stack"),
    });
  });

  test("makes a read unavailable, to be repeated", async () => {
    const { gate, logged } = failing();
    const response = await gate.send("GET", q);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await problemIn(response)).toMatchObject({ code: "unavailable", retryable: true });
    expect(logged).toHaveBeenCalledOnce();
  });

  test("by a reply that makes no sense leaves the outcome of a write unknown", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const gate = new Recorder(() => ({ reply: '{"results":[]}' }));
    const response = await gate.send("POST", `${q}/jobs`, { payload: 1 });
    expect((await problemIn(response)).code).toBe("outcome_unknown");
    expect(logged).toHaveBeenCalledOnce();
  });

  test("shows as an internal problem where the gate itself fails", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const gate = new Recorder();
    const get = () => {
      throw new Error("secret fault");
    };
    Object.defineProperty(gate.env, "SLUICE_TOKEN", { get });
    const response = await gate.send("GET", `${q}/jobs`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect([gate.calls, logged.mock.calls.length]).toEqual([[], 1]);
  });
});

describe("the list of queues", () => {
  const directory = (list: DirectoryRpc["list"]) => {
    const DIRECTORY = { getByName: () => ({ list }) as DirectoryRpc };
    return new Recorder(undefined, { DIRECTORY });
  };

  test("comes from the directory", async () => {
    const list = vi.fn<DirectoryRpc["list"]>(async () => ({ now: 1, queues: [] }));
    const response = await directory(list).send("GET", "/v1/queues?limit=2&cursor=c");
    expect([response.status, await response.json()]).toEqual([200, { now: 1, queues: [] }]);
    expect(list).toHaveBeenCalledExactlyOnceWith({ limit: 2, cursor: "c" });
  });

  test("may be refused", async () => {
    const refusal = refuse("cursor_invalid", "no");
    const response = await directory(async () => ({ refusal })).send("GET", "/v1/queues?cursor=c");
    expect([response.status, (await problemIn(response)).code]).toEqual([400, "cursor_invalid"]);
  });

  test.each(["limit=0", "limit=x", "limit=1001", "limit=1&limit=2", "foo=1"])(
    "is not asked for with %s",
    async (query) => {
      const list = vi.fn<DirectoryRpc["list"]>();
      const response = await directory(list).send("GET", `/v1/queues?${query}`);
      expect(response.status).toBe(422);
      expect((await problemIn(response)).pointers).toEqual([`/${query.split("=")[0]}`]);
      expect(list).not.toHaveBeenCalled();
    },
  );

  test("is unavailable when the directory fails", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const response = await directory(() => Promise.reject(new Error("x"))).send(
      "GET",
      "/v1/queues",
    );
    expect([response.status, (await problemIn(response)).code]).toEqual([503, "unavailable"]);
  });
});
