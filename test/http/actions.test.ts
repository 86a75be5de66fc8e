/**
 * What actions, registrations and reports of tasks may say, and what is said about those that may not be.
 * Invariant: what is refused never reaches an object, and inputs are their original texts.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { problemIn, Recorder } from "./recorder.ts";

const q = "/v1/queues/mail";

interface Submitted {
  readonly id: string;
  readonly inputs: readonly string[];
  readonly fingerprint?: string;
}

/** Sends an action that must pass, and gives the command's input. */
async function submitted(body: unknown, plan = "p"): Promise<Submitted> {
  const gate = new Recorder();
  const response = await gate.send("POST", `${q}/plans/${plan}/actions`, body);
  expect(response.status).toBe(201);
  return gate.input as Submitted;
}

/** Sends a request that must be refused, and checks that nothing passed. */
async function refused(method: string, path: string, body: unknown, status = 422) {
  const gate = new Recorder();
  const response = await gate.send(method, `${q}/${path}`, body);
  const problem = await problemIn(response);
  expect([response.status, problem.type]).toEqual([status, "application/problem+json"]);
  expect(gate.calls).toEqual([]);
  return problem;
}

describe("an action", () => {
  test("passes with its inputs as their original texts", async () => {
    const inputs = [
      "12345678901234567890",
      '{ "a" : 1, "a":2 }',
      '"\\u0061\\/\\n"',
      "1.50e+01",
      "null",
      "[ ]",
      `${"[".repeat(1_000)}${"]".repeat(1_000)}`,
    ];
    const said = await submitted(`{"inputs": [ ${inputs.join(" ,\n")} ],"priority":-0}`);
    expect(said).toEqual({ id: "p", inputs, priority: 0 });
  });

  test("has the last of two lists of inputs, as JSON has it", async () => {
    expect((await submitted('{"inputs":[1],"inp\\u0075ts":[2 ,3]}')).inputs).toEqual(["2", "3"]);
  });

  test("may have no inputs, and no body", async () => {
    expect(await submitted(undefined)).toEqual({ id: "p", inputs: [] });
    expect(await submitted({})).toEqual({ id: "p", inputs: [] });
    expect(await submitted({ inputs: [] })).toEqual({ id: "p", inputs: [] });
  });

  test("keeps what was said of its jobs", async () => {
    const said = { version: 2, labels: { a: "1" }, maxAttempts: 3, requires: ["b"], delayMs: 5 };
    expect(await submitted({ ...said, inputs: [1] })).toEqual({ id: "p", ...said, inputs: ["1"] });
  });

  test("has a fingerprint where its id was chosen: of its plan, its inputs and its options", async () => {
    const print = async (body: object, plan?: string) => {
      const { fingerprint } = await submitted({ action: "a", ...body }, plan);
      expect(fingerprint).toMatch(/^[0-9a-z]+$/);
      return fingerprint;
    };
    const first = await print({ inputs: [1, 2], labels: { x: "1", y: "2" } });
    expect(await print({ labels: { y: "2", x: "1" }, inputs: [1, 2] })).toBe(first);
    const others = [
      await print({ inputs: [1, 2], labels: { x: "1", y: "2" } }, "p2"),
      await print({ inputs: [2, 1], labels: { x: "1", y: "2" } }),
      await print({ inputs: [12], labels: { x: "1", y: "2" } }),
      await print({ inputs: [1, 2], labels: { x: "1", y: "2" }, version: 1 }),
      await print({ inputs: [1, 2], labels: { x: "1", y: "2" }, priority: 1 }),
    ];
    expect(new Set([first, ...others]).size).toBe(6);
    expect(await submitted({ inputs: [1] })).not.toHaveProperty("fingerprint");
  });

  test("has the same fingerprint whatever space is between the tokens of its inputs", async () => {
    const print = async (inputs: string) =>
      (await submitted(`{"action":"a","inputs":[${inputs}]}`)).fingerprint;
    const first = await print('{"a b":[1.50,"\\" x"]}');
    expect(await print(' { "a b" :\n[ 1.50 ,\t"\\" x" ] } ')).toBe(first);
    expect(await print('{"ab":[1.50,"\\" x"]}')).not.toBe(first);
    expect(await print('{"a b":[1.50,"\\"x"]}')).not.toBe(first);
    expect(await print('{"a b":[1.5,"\\" x"]}')).not.toBe(first);
  });

  test("that was there already is 200", async () => {
    const reply = '{"now":1,"action":{"id":"a"},"jobs":[],"deduplicated":true}';
    const gate = new Recorder(() => ({ reply }));
    const response = await gate.send("POST", `${q}/plans/p/actions`, { action: "a" });
    expect([response.status, await response.text()]).toEqual([200, reply]);
  });

  test("may have an input of its limit in bytes, and not one more", async () => {
    const text = `"${"é".repeat(limits.payloadBytesMax / 2 - 1)}"`;
    expect((await submitted(`{"inputs":[${text}]}`)).inputs).toEqual([text]);
    const more = `{"inputs":[1,${text},"x${text.slice(1)}]}`;
    const problem = await refused("POST", "plans/p/actions", more, 413);
    expect([problem.code, problem.pointers]).toEqual(["payload_too_large", ["/inputs/2"]]);
  });

  test("may have 1,000 inputs, and not one more", async () => {
    const inputs = Array.from({ length: 1000 }, (_, n) => n);
    expect((await submitted({ inputs })).inputs).toHaveLength(1000);
    const problem = await refused("POST", "plans/p/actions", { inputs: [...inputs, 1] });
    expect(problem.pointers).toEqual(["/inputs"]);
  });

  const bad: readonly [unknown, string, string][] = [
    [{ inputs: {} }, "input_invalid", "/inputs"],
    [{ inputs: null }, "input_invalid", "/inputs"],
    [{ action: "a b" }, "input_invalid", "/action"],
    [{ action: "" }, "input_invalid", "/action"],
    [{ version: 0 }, "input_invalid", "/version"],
    [{ version: "1" }, "input_invalid", "/version"],
    [{ delayMs: 1, runAt: 2 }, "input_invalid", ""],
    [{ priority: 1001 }, "input_invalid", "/priority"],
    [{ requires: ["not ok"] }, "input_invalid", "/requires/0"],
    [{ id: "a" }, "field_unknown", "/id"],
    [{ plan: "p" }, "field_unknown", "/plan"],
    [{ planVersion: 1 }, "field_unknown", "/planVersion"],
    [{ kind: "plan" }, "field_unknown", "/kind"],
    [{ idempotencyKey: "k" }, "field_unknown", "/idempotencyKey"],
    [{ payload: 1 }, "field_unknown", "/payload"],
    [[], "input_invalid", ""],
  ];
  test.each(bad)("that says %j is refused: %s at %s", async (body, code, pointer) => {
    const problem = await refused("POST", "plans/p/actions", body);
    expect([problem.code, problem.pointers]).toEqual([code, [pointer]]);
  });

  test("with half a character is refused", async () => {
    const problem = await refused("POST", "plans/p/actions", '{"inputs":[1,{"a":"\\udc00"}]}');
    expect([problem.code, problem.pointers]).toEqual(["unicode_invalid", ["/inputs/1/a"]]);
  });

  test.each([
    ["cancel", { why: 1 }, 422, "field_unknown", "/why"],
    ["cancel", { reason: "é".repeat(513) }, 413, "payload_too_large", "/reason"],
    ["retry", { reason: "x" }, 422, "field_unknown", "/reason"],
  ])("is not changed by %s with %j", async (verb, body, status, code, pointer) => {
    const problem = await refused("POST", `actions/a/${verb}`, body, status);
    expect([problem.code, problem.pointers]).toEqual([code, [pointer]]);
  });
});

describe("a worker", () => {
  test.each(["w:1@host", "w%3A1%40host", "W.x_-9", "a".repeat(128)])(
    "of the name %s is registered, read, heard of, drained and removed",
    async (name) => {
      const id = decodeURIComponent(name);
      for (const [method, path] of [
        ["PUT", ""],
        ["GET", ""],
        ["POST", "/heartbeat"],
        ["POST", "/drain"],
        ["DELETE", ""],
      ] as const) {
        const gate = new Recorder();
        const response = await gate.send(method, `${q}/workers/${name}${path}`);
        expect([response.status, gate.input]).toEqual([200, { id }]);
      }
    },
  );

  test("says what it can do, sorted and without repeats", async () => {
    const gate = new Recorder();
    const said = { kinds: ["plan", "payload"], slots: 4, ttlMs: 5000, info: "v1" };
    await gate.send("PUT", `${q}/workers/w`, { ...said, capabilities: ["sort", "cat", "sort"] });
    expect(gate.input).toEqual({ id: "w", ...said, capabilities: ["cat", "sort"] });
  });

  const bad: readonly [object, string, string][] = [
    [{ ttlMs: 999 }, "input_invalid", "/ttlMs"],
    [{ ttlMs: 3_600_001 }, "input_invalid", "/ttlMs"],
    [{ slots: 0 }, "input_invalid", "/slots"],
    [{ slots: 1001 }, "input_invalid", "/slots"],
    [{ kinds: [] }, "input_invalid", "/kinds"],
    [{ kinds: ["plans"] }, "input_invalid", "/kinds/0"],
    [{ capabilities: ["a b"] }, "input_invalid", "/capabilities/0"],
    [
      { capabilities: Array.from({ length: 257 }, (_, n) => `c${n}`) },
      "input_invalid",
      "/capabilities",
    ],
    [{ info: "x".repeat(1025) }, "input_invalid", "/info"],
    [{ name: "w" }, "field_unknown", "/name"],
  ];
  test.each(bad)("that says %j is refused: %s at %s", async (body, code, pointer) => {
    const problem = await refused("PUT", "workers/w", body);
    expect([problem.code, problem.pointers]).toEqual([code, [pointer]]);
  });

  test.each(["a%20b", "a%2Fb", "%C3%BC", "a".repeat(129)])(
    "of the name %s is not registered",
    async (name) => {
      const problem = await refused("PUT", `workers/${name}`, {});
      expect([problem.code, problem.detail]).toEqual([
        "input_invalid",
        "A worker's name has 1 to 128 characters of A–Z a–z 0–9 _ . : @ -.",
      ]);
    },
  );

  test.each(["heartbeat", "drain"])("says nothing with a %s", async (verb) => {
    const { pointers } = await refused("POST", `workers/w/${verb}`, { load: 1 });
    expect(pointers).toEqual(["/load"]);
  });
});

describe("a report of a task", () => {
  const held = { op: "task", id: "a", token: "t" };

  test("passes as it was said, beside other settlements", async () => {
    const report = {
      ...held,
      task: 2,
      exitCode: null,
      signal: "SIGKILL",
      timedOut: true,
      stdout: "é\u0001\n",
      stderr: "",
      stdoutBytes: 70_000,
      stderrBytes: 0,
      stdoutTruncated: true,
      stderrTruncated: false,
      startedAt: 5,
      durationMs: 6,
    };
    const gate = new Recorder();
    const complete = { op: "complete", id: "a", token: "t" };
    await gate.send("POST", `${q}/settle`, { items: [report, { ...held, task: 1 }, complete] });
    expect(gate.input).toEqual({ items: [report, { ...held, task: 1 }, complete] });
  });

  test("may have outputs of their limit in bytes, and not one more", async () => {
    const stdout = "é".repeat(limits.taskOutputBytesMax / 2);
    const gate = new Recorder();
    await gate.send("POST", `${q}/settle`, { items: [{ ...held, task: 1, stdout }] });
    expect(gate.calls).toHaveLength(1);
    const items = [{ ...held, task: 1, stdout, stderr: `${stdout}x` }];
    const problem = await refused("POST", "settle", { items }, 413);
    expect([problem.code, problem.pointers]).toEqual(["payload_too_large", ["/items/0/stderr"]]);
  });

  const bad: readonly [object, string, string][] = [
    [{}, "input_invalid", "/items/0/task"],
    [{ task: 0 }, "input_invalid", "/items/0/task"],
    [{ task: 101 }, "input_invalid", "/items/0/task"],
    [{ task: 1, exitCode: "0" }, "input_invalid", "/items/0/exitCode"],
    [{ task: 1, exitCode: 1.5 }, "input_invalid", "/items/0/exitCode"],
    [{ task: 1, signal: "" }, "input_invalid", "/items/0/signal"],
    [{ task: 1, stdoutBytes: -1 }, "input_invalid", "/items/0/stdoutBytes"],
    [{ task: 1, durationMs: -1 }, "input_invalid", "/items/0/durationMs"],
    [{ task: 1, result: 1 }, "field_unknown", "/items/0/result"],
    [{ task: 1, output: "x" }, "field_unknown", "/items/0/output"],
  ];
  test.each(bad)("that says %j is refused: %s at %s", async (report, code, pointer) => {
    const problem = await refused("POST", "settle", { items: [{ ...held, ...report }] });
    expect([problem.code, problem.pointers]).toEqual([code, [pointer]]);
  });
});
