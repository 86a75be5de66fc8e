/**
 * What plans and jobs of plans may say, and what is said about those that may not be.
 * Invariant: what is refused never reaches an object.
 */
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { problemIn, Recorder } from "./recorder.ts";

const q = "/v1/queues/mail";
const task = (task_number: number, more: object = {}) => ({
  task_number,
  command: "echo",
  ...more,
});

/** Sends a plan that must pass, and gives the command's input. */
async function passed(body: unknown, id = "p") {
  const gate = new Recorder();
  const response = await gate.send("PUT", `${q}/plans/${id}`, body);
  expect(response.status).toBe(201);
  return gate.input;
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

describe("a plan", () => {
  test("passes as one text with its fields in order, its commands and what its arguments name", async () => {
    const tasks = [
      { args: ["{{input.b}}", "{{input.a}}{{input.b}}"], command: "sort", task_number: 1 },
      { input_from_task: 1, timeout_secs: 5, command: "cat", task_number: 2 },
      { command: "sort", task_number: 3, args: [] },
    ];
    expect(await passed({ tasks, plan_description: "both", plan_id: "p" })).toEqual({
      id: "p",
      body:
        '{"plan_id":"p","plan_description":"both","tasks":[' +
        '{"task_number":1,"command":"sort","args":["{{input.b}}","{{input.a}}{{input.b}}"]},' +
        '{"task_number":2,"command":"cat","timeout_secs":5,"input_from_task":1},' +
        '{"task_number":3,"command":"sort","args":[]}]}',
      description: "both",
      tasks: 3,
      commands: ["cat", "sort"],
      fields: ["b", "a"],
    });
  });

  test("need not say its id, and says nothing of what it leaves out", async () => {
    const body = '{"plan_id":"p","tasks":[{"task_number":1,"command":"echo"}]}';
    const input = { id: "p", body, tasks: 1, commands: ["echo"], fields: [] };
    expect(await passed({ tasks: [task(1)] })).toEqual(input);
    expect(await passed({ plan_id: "p", tasks: [task(1)] })).toEqual(input);
    expect(await passed('{"tasks":[{"command":"\\u0065cho","task_number":1.0}]}')).toEqual(input);
  });

  test("may have as much as the limits allow", async () => {
    const tasks = Array.from({ length: limits.tasksPerPlanMax }, (_, i) => task(i + 1));
    expect(await passed({ tasks })).toMatchObject({ tasks: limits.tasksPerPlanMax });
    const args = Array.from({ length: limits.argumentsPerTaskMax }, () => "x");
    const long = [task(1, { args }), task(2, { args: ["x".repeat(limits.argumentCharsMax)] })];
    expect(await passed({ tasks: long })).toMatchObject({ tasks: 2 });
  });

  test("that was made is 201, and one that was there already 200", async () => {
    for (const [created, status] of [
      [true, 201],
      [false, 200],
    ] as const) {
      const reply = `{"now":1,"id":"p","version":2,"created":${created}}`;
      const gate = new Recorder(() => ({ reply }));
      const response = await gate.send("PUT", `${q}/plans/p`, { tasks: [task(1)] });
      expect([response.status, await response.text()]).toEqual([status, reply]);
    }
  });

  const bad: readonly [unknown, string, readonly string[]][] = [
    [{}, "input_invalid", ["/tasks"]],
    [{ tasks: [] }, "input_invalid", ["/tasks"]],
    [{ tasks: {} }, "input_invalid", ["/tasks"]],
    [{ tasks: [task(1)], steps: 1 }, "field_unknown", ["/steps"]],
    [{ tasks: [task(1, { env: {} })] }, "field_unknown", ["/tasks/0/env"]],
    [{ tasks: [task(2)] }, "input_invalid", ["/tasks/0/task_number"]],
    // It breaks two rules.
    [{ tasks: [task(0)] }, "input_invalid", ["/tasks/0/task_number", "/tasks/0/task_number"]],
    [{ tasks: [task(1), task(3)] }, "input_invalid", ["/tasks/1/task_number"]],
    [{ tasks: [task(1), task(1)] }, "input_invalid", ["/tasks/1/task_number"]],
    [{ tasks: [task(1, { input_from_task: 1 })] }, "input_invalid", ["/tasks/0/input_from_task"]],
    [
      { tasks: [task(1, { input_from_task: 2 }), task(2)] },
      "input_invalid",
      ["/tasks/0/input_from_task"],
    ],
    [{ tasks: [task(1, { input_from_task: 0 })] }, "input_invalid", ["/tasks/0/input_from_task"]],
    [{ tasks: [{ task_number: 1 }] }, "input_invalid", ["/tasks/0/command"]],
    [{ tasks: [task(1, { command: "" })] }, "input_invalid", ["/tasks/0/command"]],
    [{ tasks: [task(1, { command: "rm -rf" })] }, "input_invalid", ["/tasks/0/command"]],
    [{ tasks: [task(1, { command: "x".repeat(257) })] }, "input_invalid", ["/tasks/0/command"]],
    [{ tasks: [task(1, { args: ["ok", "a\0b"] })] }, "input_invalid", ["/tasks/0/args/1"]],
    [{ tasks: [task(1, { args: [1] })] }, "input_invalid", ["/tasks/0/args/0"]],
    [{ tasks: [task(1, { args: "x" })] }, "input_invalid", ["/tasks/0/args"]],
    [{ tasks: [task(1, { args: ["x".repeat(65_537)] })] }, "input_invalid", ["/tasks/0/args/0"]],
    [
      { tasks: [task(1, { args: Array.from({ length: 101 }, () => "") })] },
      "input_invalid",
      ["/tasks/0/args"],
    ],
    [{ tasks: [task(1, { timeout_secs: 0 })] }, "input_invalid", ["/tasks/0/timeout_secs"]],
    [{ tasks: [task(1, { timeout_secs: 3601 })] }, "input_invalid", ["/tasks/0/timeout_secs"]],
    [{ tasks: [task(1, { timeout_secs: 1.5 })] }, "input_invalid", ["/tasks/0/timeout_secs"]],
    [
      { plan_description: "x".repeat(1025), tasks: [task(1)] },
      "input_invalid",
      ["/plan_description"],
    ],
    [{ plan_id: "other", tasks: [task(1)] }, "input_invalid", ["/plan_id"]],
    [{ plan_id: "a b", tasks: [task(1)] }, "input_invalid", ["/plan_id"]],
    [[], "input_invalid", [""]],
  ];
  test.each(bad)("that says %j is refused: %s at %j", async (body, code, pointers) => {
    const problem = await refused("PUT", "plans/p", body);
    expect([problem.code, problem.pointers]).toEqual([code, pointers]);
  });

  test("with too many tasks is refused", async () => {
    const tasks = Array.from({ length: 101 }, (_, i) => task(i + 1));
    const { pointers } = await refused("PUT", "plans/p", { tasks });
    expect(pointers).toContain("/tasks");
  });

  test("with half a character, or none at all, is refused", async () => {
    const half = '{"tasks":[{"task_number":1,"command":"echo","args":["\\ud800"]}]}';
    const problem = await refused("PUT", "plans/p", half);
    expect([problem.code, problem.pointers]).toEqual(["unicode_invalid", ["/tasks/0/args/0"]]);
    expect((await refused("PUT", "plans/p", "{", 400)).code).toBe("json_invalid");
    const large = " ".repeat(limits.bodyBytesMax + 1);
    expect((await refused("PUT", "plans/p", large, 413)).code).toBe("body_too_large");
  });

  test.each(["a.b", "a%20b", "a".repeat(65), "%C3%BC"])("of the id %s is refused", async (id) => {
    const problem = await refused("PUT", `plans/${id}`, { tasks: [task(1)] });
    expect([problem.code, problem.detail]).toEqual([
      "input_invalid",
      "A plan's id has 1 to 64 characters of A–Z a–z 0–9 _ -.",
    ]);
  });
});

describe("queries", () => {
  test.each([
    ["plans/p?version=0", "/version"],
    ["plans/p?version=x", "/version"],
    ["plans/p?version=1.5", "/version"],
    ["plans/p?version=10001", "/version"],
    ["plans/p?version=1&version=2", "/version"],
    ["plans/p?newest=1", "/newest"],
    ["plans?match=", "/match"],
    [`plans?match=${"x".repeat(257)}`, "/match"],
    ["plans?limit=0", "/limit"],
    ["plans?state=ready", "/state"],
    ["actions?status=ready", "/status"],
    ["actions?plan=a.b", "/plan"],
    ["actions?limit=1001", "/limit"],
    ["workers?state=busy", "/state"],
    ["workers?cursor=a%20b", "/cursor"],
    ["jobs?action=a.b", "/action"],
    ["jobs/a/tasks?task=0", "/task"],
    ["actions/a?include=jobs", "/include"],
    ["workers/w?x=1", "/x"],
  ])("%s is refused", async (path, pointer) => {
    expect((await refused("GET", path, undefined)).pointers).toEqual([pointer]);
  });
});

describe("a job of a plan", () => {
  test.each([
    [{ plan: "p" }],
    [{ plan: "p", kind: "plan" }],
    [{ plan: "p", planVersion: 3, payload: 1 }],
    [{ kind: "payload" }],
  ])("may say %j", async (body) => {
    const gate = new Recorder();
    await gate.send("POST", `${q}/jobs`, body);
    const payload = JSON.stringify((body as { payload?: unknown }).payload ?? null);
    expect(gate.input).toEqual({ jobs: [{ ...body, payload }] });
  });

  test.each([
    [{ kind: "plan" }, ""],
    [{ kind: "payload", plan: "p" }, ""],
    [{ planVersion: 1 }, ""],
    [{ kind: "payload", planVersion: 1 }, ""],
    [{ plan: "a.b" }, "/plan"],
    [{ plan: "p", planVersion: 0 }, "/planVersion"],
    [{ plan: "p", planVersion: "1" }, "/planVersion"],
  ])("may not say %j", async (body, pointer) => {
    expect((await refused("POST", "jobs", body)).pointers).toEqual([pointer]);
    const many = await refused("POST", "jobs", { jobs: [{}, body] });
    expect(many.pointers).toEqual([`/jobs/1${pointer}`]);
  });
});
