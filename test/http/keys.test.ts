/**
 * Flow keys, unique keys and flows at the gate: what addresses, queries and bodies mean.
 * Invariant: a key in an address is any text that a job may name, and what is no such text never reaches an object.
 */
import { describe, expect, test } from "vitest";
import type { JobSpec } from "../../src/contract/jobs.ts";
import { pack, unpack } from "../../src/contract/packing.ts";
import { problemIn, Recorder } from "./recorder.ts";

const q = "/v1/queues/mail";
const enqueued = (result: object) =>
  new Recorder(() => ({ reply: JSON.stringify({ now: 1, results: [result], refused: 0 }) }));

async function jobSent(body: object): Promise<JobSpec | undefined> {
  const gate = enqueued({ id: "a" });
  await gate.send("POST", `${q}/jobs`, body);
  return (gate.calls[0]?.request.input as { readonly jobs: JobSpec[] } | undefined)?.jobs[0];
}

describe("a key in the address", () => {
  test.each([
    "acme",
    "a/b",
    "...",
    ".a",
    "a.b",
    "a b",
    "a?b#c",
    "100%",
    "%2F",
    "%ff",
    "a\\b",
    "line\nend",
    "日本語",
    "👩‍🚀",
    "ü".repeat(128),
    "key",
    ":key",
  ])("may be %j", async (name) => {
    const gate = new Recorder();
    await gate.send("GET", `${q}/keys/${encodeURIComponent(name)}`);
    await gate.send("PUT", `${q}/keys/${encodeURIComponent(name)}`, { paused: true });
    await gate.send("DELETE", `${q}/keys/${encodeURIComponent(name)}`);
    expect(gate.calls.map(({ request }) => [request.name, request.input])).toEqual([
      ["key.get", { key: name }],
      ["key.put", { key: name, paused: true }],
      ["key.remove", { key: name }],
    ]);
  });

  test.each([
    ["a byte that is no UTF-8", "%ff"],
    ["half of a character", "%C3"],
    ["half of a surrogate pair", "%ED%A0%80"],
    ["a character encoded too long", "%C0%AF"],
    ["a percent sign that encodes nothing", "100%"],
    ["a percent sign before what is no hex", "%zz"],
    ["good and bad bytes together", "%C3%BC%ff"],
    ["U+0000", "a%00b"],
    ["more than 128 characters", "a".repeat(129)],
  ])("is refused with %s", async (_, encoded) => {
    for (const [method, body] of [["GET"], ["PUT", { paused: true }], ["DELETE"]] as const) {
      const gate = new Recorder();
      const response = await gate.send(method, `${q}/keys/${encoded}`, body);
      expect(response.status).toBe(422);
      expect(await problemIn(response)).toMatchObject({
        code: "input_invalid",
        detail: expect.stringContaining("key in the address"),
      });
      expect(gate.calls).toEqual([]);
    }
  });

  test("is one segment: a slash in it is encoded", async () => {
    const gate = new Recorder();
    expect((await gate.send("GET", `${q}/keys/a/b`)).status).toBe(404);
    expect(gate.calls).toEqual([]);
  });
});

describe("a change of a key", () => {
  test.each([{ reason: "why" }, { reason: "why", paused: false }])(
    "gives a reason for a pause alone, not as %o",
    async (body) => {
      const gate = new Recorder();
      const reply = await gate.send("PUT", `${q}/keys/k`, body);
      expect(reply.status).toBe(422);
      expect(await reply.text()).toContain("a reason is given with paused: true");
      expect(gate.calls).toEqual([]);
    },
  );

  test("may name all that a key can say, and null for the queue's default again", async () => {
    const said = {
      concurrency: 2,
      rate: { limit: 100, perMs: 1000, burst: 5 },
      weight: 3,
      maxBacklog: 10,
      order: "fifo",
      onRetry: "rejoin",
      onFail: "park",
      paused: true,
      reason: "why",
    };
    const none = {
      concurrency: null,
      rate: null,
      weight: null,
      maxBacklog: null,
      order: null,
      onRetry: null,
      onFail: null,
    };
    const most = { rate: { limit: 2, perMs: 31_536_000_000, burst: 20 } };
    for (const body of [said, none, most, {}]) {
      const gate = new Recorder();
      await gate.send("PUT", `${q}/keys/k`, body);
      expect(gate.calls[0]?.request.input).toEqual({ ...body, key: "k" });
    }
  });

  test.each([
    [{ concurrency: 0 }, "/concurrency"],
    [{ rate: { limit: 1 } }, "/rate/perMs"],
    [{ rate: { limit: 2, perMs: 31_536_000_000, burst: 21 } }, "/rate/burst"],
    [{ order: "lifo" }, "/order"],
    [{ key: "other" }, "/key"],
  ])("%j is refused with its place", async (body, pointer) => {
    const gate = new Recorder();
    const problem = await problemIn(await gate.send("PUT", `${q}/keys/k`, body));
    expect(problem.errors?.map((error) => error.pointer)).toEqual([pointer]);
    expect(gate.calls).toEqual([]);
  });
});

describe("a list of jobs", () => {
  test("is narrowed by key, error and the time of the end, which are numbers", async () => {
    const gate = new Recorder();
    const query = "key=a%2Fb&error=time%20out&endedAfter=5&endedBefore=1700000000000";
    await gate.send("GET", `${q}/jobs?state=failed&${query}`);
    expect(gate.calls[0]?.request.input).toEqual({
      state: "failed",
      key: "a/b",
      error: "time out",
      endedAfter: 5,
      endedBefore: 1_700_000_000_000,
    });
  });

  test("of a key that looks like a number keeps it as text", async () => {
    const gate = new Recorder();
    await gate.send("GET", `${q}/jobs?key=42&error=7`);
    expect(gate.calls[0]?.request.input).toEqual({ key: "42", error: "7" });
  });

  test.each(["endedAfter=yesterday", "endedBefore=-1", "key="])("refuses %s", async (query) => {
    const gate = new Recorder();
    expect((await gate.send("GET", `${q}/jobs?${query}`)).status).toBe(422);
    expect(gate.calls).toEqual([]);
  });
});

describe("a job that is enqueued", () => {
  test("names its key, what it is the only one of, and what it waits for", async () => {
    const unique = { key: "u", until: { ms: 1000 }, onConflict: "replace" };
    const body = { payload: 1, key: "k", unique, after: ["a", { id: "b", onFail: "continue" }] };
    expect(await jobSent(body)).toEqual({
      payload: "1",
      key: "k",
      unique,
      after: [{ id: "a" }, { id: "b", onFail: "continue" }],
    });
  });

  test("is another one than that of the same id with another key, unique key or parent", async () => {
    const bodies = [
      { id: "j" },
      { id: "j", key: "a" },
      { id: "j", key: "b" },
      { id: "j", unique: { key: "a" } },
      { id: "j", unique: { key: "a", until: "started" } },
      { id: "j", after: ["a"] },
      { id: "j", after: ["b"] },
      { id: "j", after: [{ id: "b", onFail: "cancel" }] },
    ];
    const prints = await Promise.all(
      bodies.map(async (body) => (await jobSent(body))?.fingerprint),
    );
    expect(prints).not.toContain(undefined);
    expect(new Set(prints).size).toBe(bodies.length);
  });

  test("is the same one in whatever order its fields stand, and however a parent is written", async () => {
    const one = await jobSent({
      id: "j",
      after: ["a"],
      unique: { key: "u", onConflict: "reject", until: "done" },
      key: "k",
    });
    const same = await jobSent({
      key: "k",
      unique: { until: "done", key: "u", onConflict: "reject" },
      id: "j",
      after: [{ id: "a" }],
    });
    expect(one?.fingerprint).toBe(same?.fingerprint);
  });

  test.each([
    [{ after: [] }, "/after"],
    [{ after: ["a", "a"] }, "/after"],
    [{ after: Array.from({ length: 1001 }, (_, i) => `p${i}`) }, "/after"],
    [{ after: [{ id: "a", onFail: "retry" }] }, "/after/0"],
    [{ key: "" }, "/key"],
    [{ key: "k".repeat(129) }, "/key"],
    [{ key: ".." }, "/key"],
    [{ key: "a\0" }, "/key"],
    [{ unique: { key: "u", until: { ms: 0 } } }, "/unique/until/ms"],
    [{ unique: {} }, "/unique/key"],
  ])("with %j is refused with its place", async (body, pointer) => {
    const gate = new Recorder();
    const problem = await problemIn(await gate.send("POST", `${q}/jobs`, body));
    expect(problem.errors?.map((error) => error.pointer)).toEqual([pointer]);
    expect(gate.calls).toEqual([]);
  });

  test.each([
    [{ id: "a" }, 201],
    [{ id: "a", deduplicated: true }, 200],
    [{ id: "a", replaced: true }, 200],
  ])("is answered %j with %i", async (result, status) => {
    const response = await enqueued(result).send("POST", `${q}/jobs`, { payload: 1 });
    expect([response.status, await response.json()]).toEqual([status, { now: 1, ...result }]);
  });

  test("that stands among bare payloads keeps its fields on the way to the object", async () => {
    const gate = enqueued({ id: "a" });
    const jobs = [{ payload: 1 }, { payload: 2, key: "日" }, { payload: 3, after: ["a"] }];
    await gate.send("POST", `${q}/jobs`, { jobs });
    const input = {
      jobs: [{ payload: "1" }, { payload: "2", key: "日" }, { payload: "3", after: [{ id: "a" }] }],
    };
    const request = gate.calls[0]?.request;
    expect(request?.input).toEqual(input);
    expect(request && unpack(pack(request))).toEqual(request);
  });
});

test("an action's jobs may have a key, but no unique key and no parents", async () => {
  const gate = new Recorder(() => ({ reply: '{"now":1,"action":{},"jobs":[]}' }));
  await gate.send("POST", `${q}/plans/p/actions`, { inputs: [1], key: "k" });
  expect(gate.calls[0]?.request.input).toEqual({ id: "p", inputs: ["1"], key: "k" });
  for (const field of [{ unique: { key: "u" } }, { after: ["a"] }]) {
    expect((await gate.send("POST", `${q}/plans/p/actions`, field)).status).toBe(422);
  }
  expect(gate.calls).toHaveLength(1);
});

test("a job that is released may ask for time for its key", async () => {
  const gate = new Recorder();
  const item = { op: "release", id: "a", token: "t", delayMs: 5, holdKeyMs: 1000 };
  await gate.send("POST", `${q}/settle`, { items: [item] });
  expect(gate.calls[0]?.request.input).toEqual({ items: [item] });
});

test.each([
  ["running", 202],
  ["done", 200],
])("a discard that is %s is answered with %i", async (status, code) => {
  const gate = new Recorder(() => ({ reply: JSON.stringify({ now: 1, operation: { status } }) }));
  expect((await gate.send("POST", `${q}/discard`, { endedBefore: 5 })).status).toBe(code);
});

test("the index names the addresses of keys", async () => {
  const index = await (await new Recorder().send("GET", "/")).json();
  const paths = (index as { links: { path: string }[] }).links.map(({ path }) => path);
  expect(paths).toContain("/v1/queues/{queue}/keys/{key}");
  expect(paths.filter((path) => path.includes(":"))).toEqual([]);
});

describe("a circle", () => {
  const circle = (place: number): Recorder => {
    const errors = [{ pointer: `/jobs/${place}/after`, code: "flow_cycle", detail: "no" } as const];
    return new Recorder(() => ({ refusal: { refusalCode: "flow_cycle", detail: "no", errors } }));
  };
  const job = { id: "a", after: ["a"] };

  test("of one job is told at its place in that job", async () => {
    const response = await circle(0).send("POST", `${q}/jobs`, job);
    expect(response.status).toBe(422);
    expect((await problemIn(response)).errors).toMatchObject([{ pointer: "/after" }]);
  });

  test("of many jobs is told at its place in the list", async () => {
    for (const [place, jobs] of [[job], [{}, job]].entries()) {
      const response = await circle(place).send("POST", `${q}/jobs`, { jobs });
      expect((await problemIn(response)).errors).toMatchObject([
        { pointer: `/jobs/${place}/after` },
      ]);
    }
  });
});
