/**
 * What a body may be, and what is said about one that may not.
 * Invariant: what is refused never reaches an object.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { problemIn, Recorder } from "./recorder.ts";

const q = "/v1/queues/mail";
const held = { id: "a", token: "t" };

/** Sends a body that must be refused, and checks that nothing passed. */
async function refused(
  path: string,
  body: unknown,
  status: number,
  code: string,
  headers?: Record<string, string>,
) {
  const gate = new Recorder();
  const response = await gate.send(
    path.endsWith("/jobs/a") ? "PATCH" : "POST",
    path,
    body,
    headers,
  );
  const problem = await problemIn(response);
  expect(problem).toMatchObject({ status, code, type: "application/problem+json" });
  expect(response.status).toBe(status);
  expect(gate.calls).toEqual([]);
  return problem;
}

/** Sends a body that must pass, and gives the command's input. */
async function passed(path: string, body: unknown) {
  const gate = new Recorder();
  const response = await gate.send("POST", path, body);
  expect(await response.text()).toContain("now");
  return gate.input;
}

async function jobs(body: unknown) {
  return ((await passed(`${q}/jobs`, body)) as { jobs: Record<string, unknown>[] }).jobs;
}

describe("the size of a body", () => {
  const exact = JSON.stringify({ payload: 1 }).padEnd(limits.bodyBytesMax, " ");

  test("may be the limit", async () => {
    expect(await jobs(exact)).toEqual([{ payload: "1" }]);
  });

  test("may not pass it", async () => {
    await refused(`${q}/jobs`, `${exact} `, 413, "body_too_large");
  });

  test("is refused by what the header announces", async () => {
    const headers = { "content-length": String(limits.bodyBytesMax + 1) };
    await refused(`${q}/jobs`, "{}", 413, "body_too_large", headers);
  });

  test("is refused without reading on when no header announces it", async () => {
    const gate = new Recorder();
    let sent = 0;
    const chunk = new Uint8Array(64 * 1024);
    const endless = new ReadableStream({
      pull: (to) => {
        sent++;
        to.enqueue(chunk);
      },
    });
    const headers = { authorization: `Bearer ${gate.env.SLUICE_TOKEN}` };
    const init = { method: "POST", body: endless, duplex: "half", headers } as RequestInit;
    const response = await gate.raw(`${q}/jobs`, init);
    expect([response.status, gate.calls]).toEqual([413, []]);
    expect(sent).toBeLessThan(20);
  });
});

test("a body that breaks off is refused as its sender's, not as a fault", async () => {
  const gate = new Recorder();
  const broken = new ReadableStream({
    pull: (to) => to.error(new Error("Network connection lost.")),
  });
  const headers = { authorization: `Bearer ${gate.env.SLUICE_TOKEN}` };
  const init = { method: "POST", body: broken, duplex: "half", headers } as RequestInit;
  const response = await gate.raw(`${q}/jobs`, init);
  expect([response.status, (await problemIn(response)).code]).toEqual([400, "body_incomplete"]);
  expect(gate.calls).toEqual([]);
});

describe("the text of a body", () => {
  test("must be UTF-8", async () => {
    const gate = new Recorder();
    const headers = { authorization: `Bearer ${gate.env.SLUICE_TOKEN}` };
    const body = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const response = await gate.raw(`${q}/jobs`, { method: "POST", body, headers });
    expect([response.status, (await problemIn(response)).code]).toEqual([400, "utf8_invalid"]);
    expect(gate.calls).toEqual([]);
  });

  test("must be JSON, and the problem says where it is not", async () => {
    const problem = await refused(`${q}/jobs`, '{\n "payload": x}', 400, "json_invalid");
    expect(problem).toMatchObject({ position: 14, line: 2, column: 13 });
    expect(problem.detail).toBe('Unexpected "x" at position 14 (line 2, column 13).');
  });

  test.each([`${q}/jobs`, `${q}/settle`])("must not be empty for %s", async (path) => {
    expect((await refused(path, "", 400, "json_invalid")).detail).toContain("empty");
  });

  test.each(["pause", "resume", "purge", "checkpoint", "claim", "redrive", "jobs/a/retry"])(
    "may be empty for %s",
    async (verb) => {
      expect(await passed(`${q}/${verb}`, "")).toEqual(verb.startsWith("jobs") ? { id: "a" } : {});
    },
  );

  test("may have whole characters of any kind", async () => {
    const payload = '"é😀\\ud83d\\ude00\\\\ud800"';
    expect(await jobs(`{"payload":${payload}}`)).toEqual([{ payload }]);
  });

  test.each([
    ['{"payload":{"a":["x","\\ud800"]}}', "/payload/a/1"],
    ['{"payload":{"a/b":{"\\ude00":1}}}', "/payload/a~1b"],
    ['{"payload":{"a":"\\ud800","a":1}}', "/payload/a"],
    ['{"jobs":[{"payload":1},{"payload":"\\uD83D\\uD83D"}]}', "/jobs/1/payload"],
  ])("must not have half a character: %s", async (body, pointer) => {
    const problem = await refused(`${q}/jobs`, body, 422, "unicode_invalid");
    expect(problem.pointers).toEqual([pointer]);
  });
});

describe("a payload", () => {
  test.each([
    "12345678901234567890",
    "1.0",
    '{ "a" : [ 1e2 ,\n2 ] , "a" : 3 }',
    '"\\u0061"',
    "null",
    `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
  ])("passes as its original text", async (payload) => {
    expect(await jobs(`{ "payload" :  ${payload}\n}`)).toEqual([{ payload }]);
    expect(await jobs(`{"jobs":[{"p\\u0061yload":${payload}}, {}]}`)).toEqual([
      { payload },
      { payload: "null" },
    ]);
  });

  test("is the last of two, as JSON has it", async () => {
    expect(await jobs('{"payload":1,"payload":2}')).toEqual([{ payload: "2" }]);
    const twice = '{"jobs":[7,{"payload":1}],"jobs":[{"payload":2}]}';
    expect(await jobs(twice)).toEqual([{ payload: "2" }]);
  });

  test("may have its limit in bytes, and not one more", async () => {
    const text = `"${"é".repeat(limits.payloadBytesMax / 2 - 1)}"`;
    expect(await jobs(`{"payload":${text}}`)).toEqual([{ payload: text }]);
    const more = `{"jobs":[{},{"payload":${text} },{"payload":"x${text.slice(1)}}]}`;
    const problem = await refused(`${q}/jobs`, more, 413, "payload_too_large");
    expect(problem.pointers).toEqual(["/jobs/2/payload"]);
    const one = `{"payload":"x${text.slice(1)}}`;
    expect((await refused(`${q}/jobs`, one, 413, "payload_too_large")).pointers).toEqual([
      "/payload",
    ]);
  });
});

describe("a job", () => {
  test("keeps what was said of it, in the order of the schema", async () => {
    const said = { requires: ["b", "a", "b"], labels: { z: "1", a: "2" }, priority: -3, id: "x" };
    const [job] = await jobs({ ...said, payload: { a: 1 } });
    expect(job).toMatchObject({ ...said, requires: ["a", "b"], payload: '{"a":1}' });
  });

  test("of priority −0 has priority 0", async () => {
    const [job] = await jobs('{"priority":-0}');
    expect(Object.is(job?.priority, 0)).toBe(true);
  });

  const bad: readonly [unknown, string, readonly string[]][] = [
    [{ payload: 1, foo: 1 }, "field_unknown", ["/foo"]],
    [{ payload: 1, "a/b": 1, "m~n": 2 }, "field_unknown", ["/a~1b", "/m~0n"]],
    [{ priority: "high" }, "input_invalid", ["/priority"]],
    [{ priority: 1001 }, "input_invalid", ["/priority"]],
    [{ priority: 1.5 }, "input_invalid", ["/priority"]],
    [{ runAt: limits.instantMax + 1 }, "input_invalid", ["/runAt"]],
    [{ expiresAt: limits.instantMax + 1 }, "input_invalid", ["/expiresAt"]],
    [{ id: "a b" }, "input_invalid", ["/id"]],
    [{ delayMs: 1, runAt: 2 }, "input_invalid", [""]],
    [{ delayMs: -1, foo: 1 }, "input_invalid", ["/delayMs", "/foo"]],
    [{ backoff: { kind: "fixed" } }, "input_invalid", ["/backoff/delayMs"]],
    [{ backoff: { kind: "odd" } }, "input_invalid", ["/backoff/kind"]],
    [{ labels: { "a b": "1" } }, "input_invalid", ["/labels/a b"]],
    [{ labels: { a: 1 } }, "input_invalid", ["/labels/a"]],
    [{ labels: JSON.parse('{"__proto__":"1"}') }, "input_invalid", ["/labels"]],
    [{ requires: ["ok", "not ok"] }, "input_invalid", ["/requires/1"]],
    [{ leaseMs: 10 }, "input_invalid", ["/leaseMs"]],
    [{ kind: "plans" }, "input_invalid", ["/kind"]],
    [{ jobs: [] }, "input_invalid", ["/jobs"]],
    [{ jobs: {} }, "input_invalid", ["/jobs"]],
    [{ jobs: [{}, 7] }, "input_invalid", ["/jobs/1"]],
    [{ jobs: [{}], more: 1 }, "field_unknown", ["/more"]],
    [{ jobs: [{}, { priority: "x" }] }, "input_invalid", ["/jobs/1/priority"]],
    [
      { jobs: [{ foo: 1 }, { priority: "x" }] },
      "input_invalid",
      ["/jobs/0/foo", "/jobs/1/priority"],
    ],
    [{ jobs: Array.from({ length: 1001 }, () => ({})) }, "input_invalid", ["/jobs"]],
    [[], "input_invalid", [""]],
    ["null", "input_invalid", [""]],
    ["3", "input_invalid", [""]],
    ['{"__proto__":{"priority":1}}', "field_unknown", ["/__proto__"]],
  ];
  test.each(bad)("that says %j is refused: %s at %j", async (body, code, pointers) => {
    const problem = await refused(`${q}/jobs`, body, 422, code);
    expect(problem.pointers).toEqual(pointers);
  });

  test("with many mistakes has the first twenty listed, and all of them counted", async () => {
    const body = { jobs: Array.from({ length: 30 }, () => ({ priority: "x" })) };
    const problem = await refused(`${q}/jobs`, body, 422, "input_invalid");
    expect(problem.errors).toHaveLength(20);
    expect(problem.detail).toMatch(/^\/jobs\/0\/priority: .* \(and 29 more\)$/);
  });

  test("says what a missing field is", async () => {
    const problem = await refused(
      `${q}/jobs`,
      { backoff: { kind: "fixed" } },
      422,
      "input_invalid",
    );
    expect(problem.errors?.[0]?.detail).toBe("This field is required.");
  });
});

describe("settlements", () => {
  const settle = (items: string) => passed(`${q}/settle`, `{"items":[${items}]}`);
  const common = '"id":"a","token":"t"';

  test("pass with results and progress as their original texts", async () => {
    const items = [
      `{"op":"complete",${common},"result": 1.0 }`,
      `{"op":"complete",${common}}`,
      `{"op":"progress",${common},"progress":{"done": 5e0}}`,
      `{"op":"fail",${common},"error":"no","retryable":false}`,
      `{"op":"extend",${common},"leaseMs":5000}`,
    ];
    expect(await settle(items.join(","))).toEqual({
      items: [
        { op: "complete", ...held, result: "1.0" },
        { op: "complete", ...held },
        { op: "progress", ...held, progress: '{"done": 5e0}' },
        { op: "fail", ...held, error: "no", retryable: false },
        { op: "extend", ...held, leaseMs: 5000 },
      ],
    });
  });

  test("may claim as well", async () => {
    const body = {
      items: [{ op: "release", ...held }],
      claim: { max: 3, capabilities: ["b", "a"] },
    };
    expect(await passed(`${q}/settle`, body)).toMatchObject({
      claim: { max: 3, capabilities: ["a", "b"] },
    });
  });

  const bad: readonly [object, number, string, string][] = [
    [{ op: "drop", ...held }, 422, "input_invalid", "/items/0/op"],
    [{ op: "complete", id: "a" }, 422, "input_invalid", "/items/0/token"],
    [{ op: "release", ...held, result: 1 }, 422, "field_unknown", "/items/0/result"],
    [{ op: "complete", ...held, progress: 1 }, 422, "field_unknown", "/items/0/progress"],
    [{ op: "fail", ...held }, 422, "input_invalid", "/items/0/error"],
    [{ op: "progress", ...held }, 422, "input_invalid", "/items/0/progress"],
    [{ op: "fail", ...held, error: "é".repeat(513) }, 413, "payload_too_large", "/items/0/error"],
    [
      { op: "progress", ...held, progress: "x".repeat(1023) },
      413,
      "payload_too_large",
      "/items/0/progress",
    ],
    [
      { op: "complete", ...held, result: "x".repeat(limits.resultBytesMax - 1) },
      413,
      "payload_too_large",
      "/items/0/result",
    ],
    [
      { op: "release", ...held, holdKeyMs: limits.holdKeyMsMax + 1 },
      422,
      "input_invalid",
      "/items/0/holdKeyMs",
    ],
  ];
  test.each(bad)("of one item %o are refused: %i %s at %s", async (item, status, code, pointer) => {
    const problem = await refused(`${q}/settle`, { items: [item] }, status, code);
    expect(problem.pointers).toEqual([pointer]);
  });

  test("may say as much as the limits allow", async () => {
    const items = [
      { op: "fail", ...held, error: "é".repeat(512) },
      { op: "progress", ...held, progress: "x".repeat(1022) },
      { op: "complete", ...held, result: "x".repeat(limits.resultBytesMax - 2) },
      { op: "release", ...held, holdKeyMs: limits.holdKeyMsMax },
    ];
    const input = (await passed(`${q}/settle`, { items })) as { items: unknown[] };
    expect(input.items).toHaveLength(items.length);
  });
});

describe("other inputs that are refused", () => {
  test.each([
    ["claim", { max: 0 }, "input_invalid", "/max"],
    ["claim", { waitMs: 60_001 }, "input_invalid", "/waitMs"],
    ["pause", { because: 1 }, "field_unknown", "/because"],
    ["resume", { reason: "x" }, "field_unknown", "/reason"],
    ["checkpoint", { now: true }, "field_unknown", "/now"],
    ["purge", { states: [] }, "input_invalid", "/states"],
    ["redrive", { ids: ["a"], label: "b" }, "input_invalid", ""],
    ["jobs/a", {}, "input_invalid", ""],
    ["jobs/a", { delayMs: 1, runAt: 1 }, "input_invalid", ""],
    ["jobs/a/retry", { x: 1 }, "field_unknown", "/x"],
    ["settle", { items: [] }, "input_invalid", "/items"],
  ])("%s with %j", async (verb, body, code, pointer) => {
    expect((await refused(`${q}/${verb}`, body, 422, code)).pointers).toEqual([pointer]);
  });

  test("a reason that is too large", async () => {
    const reason = "é".repeat(limits.reasonBytesMax / 2 + 1);
    await refused(`${q}/pause`, { reason }, 413, "payload_too_large");
  });
});
