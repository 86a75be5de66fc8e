/**
 * The commands on plans, actions, tasks and workers against a real server: what they print, and how they end.
 * Invariant: exit code 0 done, 1 refused, 2 not understood; what is sent is what was given, with all its digits.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Queue } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";
import { outOf, run } from "./run.ts";

let server: TestServer;
let folder: string;
let queue = "";
let queues = 0;

const plan = {
  plan_id: "greet",
  plan_description: "says hello",
  tasks: [
    { task_number: 1, command: "echo", args: ["hello {{input.to}}"], timeout_secs: 5 },
    { task_number: 2, command: "cat", input_from_task: 1 },
  ],
};

beforeAll(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), "sluice-cli-plans-"));
});
beforeEach(() => {
  queue = `p${++queues}`;
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

const sluice = (words: readonly string[], input = "") => run(server, words, input, { folder });

/** The same, of a command that must succeed; its output. */
const done = (...words: string[]) => outOf(sluice(words));

/** The same with `--json`. */
async function value<T = Record<string, unknown>>(...words: string[]): Promise<T> {
  return JSON.parse(await done(...words, "--json")) as T;
}

const client = () => new Queue({ name: queue, url: server.url, token: server.token });

/** A file with a JSON text. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const submitted = () => done("plan", "submit", queue, file("plan.json", JSON.stringify(plan)));

describe("sluice plan", () => {
  test("submits from a file or standard input, in versions", async () => {
    expect(await submitted()).toBe("greet has version 1.");
    expect(await submitted()).toBe("greet is version 1 already.");
    const next = JSON.stringify({ ...plan, tasks: plan.tasks.slice(0, 1) });
    const { out } = await sluice(["plan", "submit", queue, "-"], `${next}\n`);
    expect(out).toBe("greet has version 2.");
  });

  test("shows a plan, one of its versions, and all that match", async () => {
    await submitted();
    await client().plans.submit({ ...plan, plan_id: "other", tasks: plan.tasks.slice(0, 1) });
    await client().plans.submit({ ...plan, tasks: plan.tasks.slice(0, 1) });
    const shown = await done("plan", "get", queue, "greet", "--version", "1");
    expect(shown).toMatch(/\nversion +1 \(the newest is 2\)\n/);
    expect(shown).toMatch(/\n +1 +echo "hello \{\{input.to\}\}" +5 +–\n +2 +cat +– +1$/);
    expect((await value("plan", "get", queue, "greet", "--version", "1"))["plan"]).toEqual(plan);
    const list = await done("plan", "list", queue, "--match", "g*");
    expect(list).toMatch(/^ID +VERSION +TASKS +OPEN +JOBS\ngreet +2 +1 +0 +0 +says hello$/);
    expect(await done("plan", "list", queue, "--limit", "1")).toMatch(/\nMore: --cursor \S+$/);
    expect(await done("plan", "list", queue, "--match", "x*")).toBe("No plans.");
  });

  test("removes a plan, and tells why not", async () => {
    await submitted();
    const id = await done("enqueue", queue, '{"to":"ada"}', "--plan", "greet");
    expect(await done("get", queue, id)).toMatch(/\nkind +plan\nplan +greet, version 1\n/);
    const { code, err } = await sluice(["plan", "remove", queue, "greet"]);
    expect([code, err]).toEqual([1, "Jobs of plan greet have not ended: 1."]);
    await done("cancel", queue, id);
    expect(await done("plan", "remove", queue, "greet")).toBe("greet is removed.");
  });

  test("ends with 2 for what is no plan, and with 1 for what is a wrong one", async () => {
    const endings = [
      ["plan"],
      ["plan", "bogus"],
      ["plan", "submit", queue],
      ["plan", "submit", queue, join(folder, "none.json")],
      ["plan", "submit", queue, folder],
      ["plan", "submit", queue, file("broken.json", "{")],
      ["plan", "submit", queue, file("nameless.json", '{"tasks":[]}')],
      ["plan", "get", queue, ".."],
      ["plan", "get", queue, "greet", "--version", "x"],
    ];
    for (const words of endings) expect([words, (await sluice(words)).code]).toEqual([words, 2]);
    const { err } = await sluice(["plan", "submit", queue, join(folder, "none.json")]);
    expect(err).toMatch(/^There is no file .*none\.json\.$/);
    const wrong = file("wrong.json", '{"plan_id":"p","tasks":[{"task_number":2,"command":"x"}]}');
    const refused = await sluice(["plan", "submit", queue, wrong]);
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toContain("/tasks/0/task_number: must be 1");
  });
});

describe("sluice action", () => {
  test("submits inputs from words, a file and standard input, with all their digits", async () => {
    const any = { plan_id: "p", tasks: [{ task_number: 1, command: "ls" }] };
    await client().plans.submit(any);
    const exact = '{"n":12345678901234567890,"x":1.10}';
    const many = file("inputs.json", `[1.50, ${exact}]`);
    const words = ["action", "submit", queue, "p", "--id", "a", "--priority", "-5"];
    const more = ["--input", exact, "--input", '"b"', "--inputs", many, "--label", "x=y"];
    expect(await done(...words, ...more)).toBe("a has 4 jobs.");
    expect(await done(...words, ...more)).toBe("a (was there already)");
    const listed = await done("action", "jobs", queue, "a", "--payload", "--json");
    expect(listed.match(/12345678901234567890/g)).toHaveLength(2);
    expect(listed.match(/"x": 1\.10/g)).toHaveLength(2);
    expect(listed).toContain('"payload": 1.50');
    expect(await done("action", "jobs", queue, "a", "--state", "ready")).toMatch(
      /^ID +STATE +PRIORITY.*(\n\S+ +ready +-5 +1\/1.*){4}$/,
    );
    const { out } = await sluice(["action", "submit", queue, "p", "--inputs", "-"], "[7]");
    expect(out).toMatch(/^\S+ has 1 job\.$/);
    expect(await done("action", "submit", queue, "p")).toMatch(/ has 1 job\.$/);
  });

  test("shows, lists, cancels and runs again", async () => {
    await submitted();
    await done("action", "submit", queue, "greet", "--id", "a", "--input", '{"to":"ada"}');
    expect(await done("action", "list", queue)).toMatch(/^ID .*\na +running +greet +1 .* 1 ready$/);
    const { jobs } = await value<{ jobs: { id: string; token: string; tasks: unknown }[] }>(
      "claim",
      queue,
      "--kinds",
      "plan",
      "--capable",
      "echo,cat",
    );
    const [job] = jobs;
    expect(job?.tasks).toEqual(plan.tasks);
    await done("fail", queue, job?.id ?? "", job?.token ?? "", "no");
    expect(await done("action", "get", queue, "a")).toMatch(
      /^id +a\nstatus +failed\nplan +greet, version 1\nround +1\njobs +1: 1 failed\n/,
    );
    expect(await done("action", "list", queue, "--status", "running")).toBe("No actions.");
    expect(await done("action", "retry", queue, "a")).toBe("a is running: 1 job to run again.");
    const cancel = ["action", "cancel", queue, "a", "--reason", "why"];
    expect(await done(...cancel)).toBe("a is cancelled: 1 job cancelled.");
    expect(await value(...cancel)).toMatchObject({ changed: 0, action: { status: "cancelled" } });
  });

  test("ends with 2 for what is no input, and with 1 for a wrong one", async () => {
    await submitted();
    const submit = ["action", "submit", queue, "greet"];
    const endings = [
      ["action"],
      [...submit, "--input", "{not json"],
      [...submit, "--inputs", file("object.json", "{}")],
      [...submit, "--delay", "5q"],
    ];
    for (const words of endings) expect([words, (await sluice(words)).code]).toEqual([words, 2]);
    const { code, err } = await sluice([...submit, "--input", '{"to":1}', "--input", "{}"]);
    expect(code).toBe(1);
    expect(err).toBe("/inputs/1: Task 1, args[0]: the input has no field to.");
    expect((await sluice(["action", "get", queue, "none"])).code).toBe(1);
  });
});

describe("sluice tasks", () => {
  test("shows what each task ran and came to", async () => {
    await submitted();
    const id = await done("enqueue", queue, '{"to":"ada"}', "--plan", "greet");
    const waiting = await done("tasks", queue, id);
    expect(waiting).toMatch(/^greet, version 1, run 1, delivery 0\n\nTASK +STATUS/);
    expect(waiting).toMatch(/\n +1 +waiting +echo "hello ada"\n +2 +waiting +cat$/);
    const [job] = (await client().claim({ kinds: ["plan"], capabilities: ["cat", "echo"] })).jobs;
    const { token = "" } = job ?? {};
    const cut = { stdout: "hello\n", stdoutBytes: 70_000, stdoutTruncated: true };
    await client().settle([
      { op: "task", id, token, task: 1, exitCode: 0, durationMs: 1500, ...cut },
      { op: "task", id, token, task: 2, signal: "SIGKILL", timedOut: true, stderr: "slow\n" },
    ]);
    const shown = await done("tasks", queue, id);
    expect(shown).toMatch(/\n +1 +completed +exit 0 +1s +echo "hello ada"\n/);
    expect(shown).toMatch(/\n +2 +failed +timed out SIGKILL +cat\n/);
    expect(shown).toContain("\n\nTask 1, stdout (the beginning of 70000 bytes):\nhello\n");
    expect(shown).toMatch(/\n\nTask 2, stderr:\nslow$/);
    expect(await value("tasks", queue, id)).toMatchObject({ plan: "greet", tasks: [{}, {}] });
    const other = await done("enqueue", queue, "1");
    expect(await sluice(["tasks", queue, other])).toMatchObject({
      code: 1,
      err: `Job ${other} is of no plan, and has no tasks.`,
    });
  });
});

describe("sluice workers", () => {
  test("lists, shows, drains and removes", async () => {
    const name = "w:1@host";
    await client().workers.register(name, { capabilities: ["gpu"], slots: 4, ttlMs: 60_000 });
    const id = await done("enqueue", queue, "1");
    await done("claim", queue, "--worker", name);
    expect(await done("workers", "list", queue)).toMatch(
      /^NAME +STATE +RUNNING +SLOTS +SEEN\nw:1@host +alive +1 +4 +\S+ +payload gpu$/,
    );
    const shown = await done("workers", "get", queue, name);
    expect(shown).toMatch(/\ncapabilities +gpu\nslots +4\ndead after +1m\n/);
    expect(shown).toMatch(new RegExp(`\\njobs +1 ${id}$`));
    expect(await done("workers", "drain", queue, name)).toBe(`${name} is draining, with 1 job.`);
    expect(await value("workers", "list", queue, "--state", "draining")).toMatchObject({
      workers: [{ name }],
    });
    expect(await done("workers", "remove", queue, name)).toBe(
      `${name} is removed: 1 job given back.`,
    );
    expect(await done("workers", "list", queue)).toBe("No workers.");
    expect(await sluice(["workers", "get", queue, name])).toMatchObject({ code: 1, out: "" });
    expect((await sluice(["workers"])).code).toBe(2);
  });
});

test("a queue's configuration and numbers tell of plans and workers", async () => {
  const configured = await done("configure", queue, "--plan-attempts", "2", "--worker-ttl", "5m");
  expect(configured).toMatch(/^attempts of plans +2$/m);
  expect(configured).toMatch(/^worker ttl +5m$/m);
  await client().plans.submit(plan);
  await client().actions.submit("greet", [{ to: "ada" }]);
  await client().workers.register("w", { capabilities: ["echo"], kinds: ["plan"] });
  const stats = await done("stats", queue);
  expect(stats).toMatch(/^workers +1 alive, 0 draining, 0 dead$/m);
  expect(stats).toMatch(/^unclaimable +1 plan \(cat, echo\)$/m);
  await client().workers.register("w", { capabilities: ["cat", "echo"], kinds: ["plan"] });
  expect(await done("stats", queue)).not.toContain("unclaimable");
});
