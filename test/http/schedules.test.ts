/**
 * Schedules at the gate: from an address and a body to a command, and what is said about a body that may not pass.
 * Invariant: what is refused never reaches an object, and what passes keeps its texts.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { problemIn, Recorder } from "./recorder.ts";

const q = "/v1/queues/mail/schedules";
const daily = { cron: "30 2 * * *" };
const job = { payload: 1 };
const action = { plan: "p" };

/** The definition that a body becomes. */
async function passed(body: unknown): Promise<Record<string, unknown>> {
  const gate = new Recorder();
  await gate.send("PUT", `${q}/s`, body);
  return (gate.input as { definition: Record<string, unknown> }).definition;
}

/** What is said about a body that must be refused: its places, and the code. */
async function refused(body: unknown, status = 422) {
  const gate = new Recorder();
  const response = await gate.send("PUT", `${q}/s`, body);
  const problem = await problemIn(response);
  expect([response.status, problem.type]).toEqual([status, "application/problem+json"]);
  expect(gate.calls).toEqual([]);
  return problem;
}

describe("routes", () => {
  const put = {
    id: "s",
    definition: {
      timing: { cron: "30 2 * * *", timeZone: "UTC" },
      catchUp: "one",
      overlap: "allow",
      job: { payload: "1" },
    },
  };
  test.each([
    ["GET", q, undefined, "schedule.list", {}],
    ["GET", `${q}?match=a*&limit=5&cursor=c`, undefined, "schedule.list", listed()],
    ["PUT", `${q}/s`, { ...daily, job }, "schedule.put", put],
    ["GET", `${q}/s`, undefined, "schedule.get", { id: "s" }],
    ["DELETE", `${q}/s`, undefined, "schedule.remove", { id: "s" }],
    ["POST", `${q}/s/run`, undefined, "schedule.run", { id: "s" }],
    ["POST", `${q}/s/pause`, {}, "schedule.pause", { id: "s" }],
    ["POST", `${q}/s/resume`, undefined, "schedule.resume", { id: "s" }],
    ["GET", `${q}/s/preview`, undefined, "schedule.preview", { id: "s" }],
    ["GET", `${q}/s/preview?count=3`, undefined, "schedule.preview", { id: "s", count: 3 }],
  ])("%s %s with %j is %s", async (method, path, body, name, input) => {
    const gate = new Recorder();
    const response = await gate.send(method, path, body);
    expect(response.ok).toBe(true);
    const bytes = body === undefined ? 0 : JSON.stringify(body).length;
    expect(gate.calls).toEqual([{ queue: "mail", request: { v: 1, name, input, bytes } }]);
  });

  function listed(): object {
    return { match: "a*", limit: 5, cursor: "c" };
  }
});

test.each([
  [true, 201],
  [false, 200],
])("a schedule of which created is %s answers %i", async (created, status) => {
  const reply = `{"now":1,"created":${created},"schedule":{"payload":1.0}}`;
  const response = await new Recorder(() => ({ reply })).send("PUT", `${q}/s`, { ...daily, job });
  expect([response.status, await response.text()]).toEqual([status, reply]);
});

describe("a definition", () => {
  test("keeps the text of its payload, and of each input", async () => {
    const body = '{"at": 5, "job": {"labels": {"a": "b"}, "payload": {"n": 1.0, "n":2.50 }}}';
    expect(await passed(body)).toEqual({
      timing: { at: 5 },
      catchUp: "one",
      overlap: "allow",
      job: { labels: { a: "b" }, payload: '{"n": 1.0, "n":2.50 }' },
    });
    const inputs = '[12345678901234567890, {"x" : 1e2},null]';
    const ofAction = `{"action":{"inputs":${inputs},"plan":"p","version":2},"everyMs":1000}`;
    expect(await passed(ofAction)).toMatchObject({
      action: { plan: "p", version: 2, inputs: ["12345678901234567890", '{"x" : 1e2}', "null"] },
    });
  });

  test("takes the last of equal names, as JSON.parse does", async () => {
    const body = '{"at":1,"at":5,"job":{"payload":1},"job":{"payload":2.0}}';
    expect(await passed(body)).toMatchObject({ timing: { at: 5 }, job: { payload: "2.0" } });
  });

  test("has the payload null and no inputs where none are given", async () => {
    expect((await passed({ at: 5, job: {} }))["job"]).toEqual({ payload: "null" });
    expect((await passed({ at: 5, action }))["action"]).toEqual({ plan: "p", inputs: [] });
  });

  test("says all that it may", async () => {
    const said = { everyMs: 5000, startAt: 7, endAt: 9, catchUp: "all", overlap: "replace" };
    const { everyMs, startAt, ...rest } = said;
    const whole = { priority: 2, requires: ["b", "a"], ttlMs: 5, maxAttempts: 4 };
    expect(await passed({ ...said, job: { ...job, ...whole } })).toEqual({
      ...rest,
      timing: { everyMs, startAt },
      job: { ...whole, requires: ["a", "b"], payload: "1" },
    });
    expect(await passed({ ...said, action: { ...action, ...whole } })).toMatchObject({
      action: { priority: 2, maxAttempts: 4, inputs: [] },
    });
  });

  test("may have payloads and inputs up to the limit together", async () => {
    const text = (bytes: number) => `"${"é".repeat((bytes - 2) / 2)}"`;
    const half = limits.scheduleBytesMax / 2;
    const withJob = (bytes: number) => `{"at":5,"job":{"payload":${text(bytes)}}}`;
    expect(await passed(withJob(2 * half))).toHaveProperty("job");
    const large = await refused(withJob(2 * half + 2), 413);
    expect([large.code, large.pointers]).toEqual(["payload_too_large", ["/job/payload"]]);
    const withInputs = (bytes: number) =>
      `{"at":5,"action":{"plan":"p","inputs":[${text(half)},${text(bytes)}]}}`;
    expect(await passed(withInputs(half))).toHaveProperty("action");
    const inputs = await refused(withInputs(half + 2), 413);
    expect([inputs.code, inputs.pointers]).toEqual(["payload_too_large", ["/action/inputs"]]);
  });
});

describe("a body is refused", () => {
  test.each([
    ["no JSON", "{", 400, "json_invalid"],
    ["empty", "", 400, "json_invalid"],
    ["half a character", '{"at":5,"job":{"payload":"\\ud800"}}', 422, "unicode_invalid"],
  ])("that is %s", async (_, body, status, code) => {
    expect((await refused(body, status)).code).toBe(code);
  });

  test.each<[string, unknown, string, RegExp]>([
    ["neither a job nor an action", daily, "", /exactly one of job and action/],
    ["both", { ...daily, job, action }, "", /exactly one of job and action/],
    ["no timing", { job }, "", /exactly one of cron, everyMs and at/],
    ["two timings", { ...daily, at: 5, job }, "", /exactly one of cron, everyMs and at/],
    ["a zone without cron", { at: 5, timeZone: "UTC", job }, "/timeZone", /with cron only/],
    ["a start without an interval", { ...daily, startAt: 5, job }, "/startAt", /everyMs only/],
    ["a bad expression", { cron: "0 24 * * *", job }, "/cron", /the hour "24"/],
    ["a day that never comes", { cron: "0 0 31 2 *", job }, "/cron", /never comes/],
    ["no expression at all", { cron: 5, job }, "/cron", /expected string/],
    ["a bad zone", { ...daily, timeZone: "Mars/Base", job }, "/timeZone", /IANA/],
    ["an offset as a zone", { ...daily, timeZone: "+02:00", job }, "/timeZone", /IANA/],
    ["too short an interval", { everyMs: 999, job }, "/everyMs", /1000/],
    ["half an interval", { everyMs: 1000.5, job }, "/everyMs", /int/],
    ["an instant past the last", { at: limits.instantMax + 1, job }, "/at", /too big/i],
    ["a bad end", { at: 5, endAt: -1, job }, "/endAt", /too small/i],
    ["a bad catchUp", { at: 5, catchUp: "two", job }, "/catchUp", /one/],
    ["a bad overlap", { at: 5, overlap: "queue", job }, "/overlap", /allow/],
    ["a job that is none", { at: 5, job: 5 }, "/job", /expected object/],
    ["a bad priority", { at: 5, job: { priority: 1001 } }, "/job/priority", /1000/],
    ["a kind without its plan", { at: 5, job: { kind: "plan" } }, "/job", /names its plan/],
    ["an action without a plan", { at: 5, action: {} }, "/action/plan", /required/],
    ["a bad plan", { at: 5, action: { plan: "a b" } }, "/action/plan", /1–64/],
    ["a bad version", { at: 5, action: { ...action, version: 0 } }, "/action/version", /1/],
    [
      "inputs that are none",
      { at: 5, action: { ...action, inputs: {} } },
      "/action/inputs",
      /array/,
    ],
    [
      "too many inputs",
      { at: 5, action: { ...action, inputs: Array(1001).fill(1) } },
      "/action/inputs",
      /1000/,
    ],
  ])("with %s", async (_, body, pointer, detail) => {
    const problem = await refused(body);
    expect(problem.pointers).toEqual([pointer]);
    expect(problem.code).toBe("input_invalid");
    expect(problem.detail).toMatch(detail);
  });

  test.each([
    [{ at: 5, job, name: "x" }, "/name"],
    [{ at: 5, job: { ...job, id: "a" } }, "/job/id"],
    [{ at: 5, job: { ...job, delayMs: 5 } }, "/job/delayMs"],
    [{ at: 5, job: { ...job, runAt: 5 } }, "/job/runAt"],
    [{ at: 5, job: { ...job, idempotencyKey: "k" } }, "/job/idempotencyKey"],
    [{ at: 5, action: { ...action, action: "a" } }, "/action/action"],
    [{ at: 5, action: { ...action, delayMs: 5 } }, "/action/delayMs"],
    [{ at: 5, action: { ...action, payload: 5 } }, "/action/payload"],
  ])("with a field that there is not: %j", async (body, pointer) => {
    const { code, pointers } = await refused(body);
    expect([code, pointers]).toEqual(["field_unknown", [pointer]]);
  });
});

describe("an id that nothing can have", () => {
  const long = "a".repeat(65);
  test.each(["a%20b", "%C3%BC", long, "a%2Fb"])("is refused where %s is to be made", async (id) => {
    const gate = new Recorder();
    const response = await gate.send("PUT", `${q}/${id}`, { ...daily, job });
    expect([response.status, (await problemIn(response)).code]).toEqual([422, "input_invalid"]);
    expect(gate.calls).toEqual([]);
  });

  test.each([
    ["GET", ""],
    ["DELETE", ""],
    ["POST", "/run"],
    ["POST", "/pause"],
    ["POST", "/resume"],
    ["GET", "/preview"],
  ])("is unknown: %s …%s", async (method, rest) => {
    const gate = new Recorder();
    const response = await gate.send(method, `${q}/${long}${rest}`);
    expect([response.status, (await problemIn(response)).code]).toEqual([404, "schedule_unknown"]);
    expect(gate.calls).toEqual([]);
  });
});

test.each([
  ["GET", "?limit=0", "/limit"],
  ["GET", "?limit=1001", "/limit"],
  ["GET", "?match=", "/match"],
  ["GET", "?foo=1", "/foo"],
  ["GET", "/s/preview?count=0", "/count"],
  ["GET", "/s/preview?count=1001", "/count"],
  ["GET", "/s/preview?count=x", "/count"],
  ["GET", "/s?count=1", "/count"],
  ["PUT", "/s?count=1", "/count"],
  ["DELETE", "/s?force=true", "/force"],
])("%s %s is refused by its query", async (method, rest, pointer) => {
  const gate = new Recorder();
  const body = method === "PUT" ? { ...daily, job } : undefined;
  const response = await gate.send(method, q + rest, body);
  expect([response.status, (await problemIn(response)).pointers]).toEqual([422, [pointer]]);
  expect(gate.calls).toEqual([]);
});

test.each(["run", "pause", "resume"])("a body of %s has no fields", async (verb) => {
  const gate = new Recorder();
  const response = await gate.send("POST", `${q}/s/${verb}`, { slotAt: 5 });
  expect([response.status, (await problemIn(response)).pointers]).toEqual([422, ["/slotAt"]]);
  expect(gate.calls).toEqual([]);
});
