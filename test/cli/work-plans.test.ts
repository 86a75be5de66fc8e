/**
 * `sluice work` on jobs of plans, as a process of its own: only what is allowed runs, and what it came to can be read.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Plan, Queue } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
const dir = mkdtempSync(join(tmpdir(), "sluice-test-"));
let server: TestServer;
const children: ChildProcess[] = [];

beforeAll(async () => {
  server = await startServer();
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(async () => {
  await server.stop();
  rmSync(dir, { recursive: true });
});

const queueOf = (name: string) => new Queue({ name, url: server.url, token: server.token });
const planOf = (...tasks: Omit<Plan["tasks"][number], "task_number">[]): Plan => ({
  plan_id: "p",
  tasks: tasks.map((task, i) => ({ task_number: i + 1, ...task })),
});

/** Starts `sluice work` on the jobs of plans of a queue; resolves with what it says once that contains a text. */
async function work(queue: string, flags: readonly string[], until: string) {
  const env = { ...process.env, SLUICE_URL: server.url, SLUICE_TOKEN: server.token };
  const child = spawn(process.execPath, [main, "work", queue, "--dir", dir, ...flags], { env });
  children.push(child);
  let said = "";
  for await (const chunk of child.stderr) {
    said += String(chunk);
    if (said.includes(until)) break;
  }
  return { child, said };
}

test("runs each task of a plan, and what each came to can be read", async () => {
  const queue = queueOf("tasks");
  await queue.plans.submit(
    planOf(
      { command: "echo", args: ["{{input.word}}", "a; b $HOME"] },
      { command: "cat", input_from_task: 1 },
    ),
  );
  const { jobs } = await queue.actions.submit("p", [{ word: "good" }]);
  const [id = ""] = jobs;
  const { child } = await work("tasks", ["--allow", "echo,cat", "--name", "w1"], "is completed.");
  const { tasks } = await queue.tasks(id);
  // No shell has seen it.
  expect(tasks.map(({ status, stdout }) => [status, stdout])).toEqual([
    ["completed", "good a; b $HOME\n"],
    ["completed", "good a; b $HOME\n"],
  ]);
  expect((await queue.get(id)).result).toMatchObject({ tasks: [{ task: 1 }, { task: 2 }] });
  expect(await queue.workers.get("w1")).toMatchObject({
    worker: { state: "alive", capabilities: ["cat", "echo"], kinds: ["plan"] },
  });
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  expect(readdirSync(dir)).toEqual([]);
  expect((await queue.workers.list()).workers).toEqual([]);
});

test("fails the job where a task fails, and says by which and how", async () => {
  const queue = queueOf("failing");
  await queue.plans.submit(
    planOf({ command: "sh", args: ["-c", "echo no >&2; exit 3"] }, { command: "echo" }),
  );
  const { jobs } = await queue.actions.submit("p", [null]);
  await work("failing", ["--allow", "sh,echo"], "is failed.");
  const [id = ""] = jobs;
  expect(await queue.get(id)).toMatchObject({
    state: "failed",
    error: "task 1 (sh) exited with code 3: no",
  });
  const { tasks } = await queue.tasks(id);
  expect(tasks).toMatchObject([
    { status: "failed", exitCode: 3, stderr: "no\n" },
    { status: "waiting" },
  ]);
});

test("is not given what it may not run, and says which --allow the waiting jobs need", async () => {
  const queue = queueOf("denied");
  await queue.plans.submit(planOf({ command: "uname" }, { command: "sort" }));
  await queue.actions.submit("p", [1, 2]);
  const { said } = await work("denied", ["--allow", "sort"], "--allow uname");
  expect(said).toBe("2 jobs wait for what no worker has: --allow uname\n");
  expect((await queue.stats()).counts.ready).toBe(2);
});

test("says --capable for a requirement that is no command of the plan, and nothing of what it is capable of", async () => {
  const queue = queueOf("capable");
  await queue.plans.submit(planOf({ command: "uname" }));
  await queue.actions.submit("p", [1], { requires: ["gpu", "ssd"] });
  const { said } = await work("capable", ["--allow", "sort", "--capable", "ssd"], "--capable gpu");
  expect(said).toBe("1 job waits for what no worker has: --allow uname --capable gpu\n");
});
