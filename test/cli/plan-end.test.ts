/**
 * How a task of a plan is ended, by its timeout or an abort, and that nothing of it goes on running.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { getEventListeners, once } from "node:events";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Task } from "../../src/contract/placeholders.ts";
import {
  ALLOW,
  isRunning,
  node,
  pidsIn,
  pipeIn,
  place,
  plan,
  reportsOf,
  run,
  script,
  shared,
  useOwnBase,
} from "./plan-rig.ts";

useOwnBase();

describe("a task that takes too long", () => {
  test("is asked to end with all its group, and may say a last word", async () => {
    const code = "trap 'echo bye >&2; exit 0' TERM; sleep 600 & echo $$; echo $!; wait";
    const result = await run(plan([["sh", "-c", code]], { timeout_secs: 1 }));
    expect(result).toMatchObject({
      ok: false,
      error: "task 1 (sh) timed out after 1 s: bye",
      retryable: true,
      tasks: [{ exitCode: 0, signal: null, timedOut: true }],
    });
    const pids = pidsIn(result.tasks[0]);
    expect(pids).toHaveLength(2);
    expect(pids.filter(isRunning)).toEqual([]);
  });

  test("is killed with all its group after the grace, also grandchildren that ignore SIGTERM", async () => {
    const code =
      "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; sleep 600' & echo $$; wait; sleep 600";
    const result = await run(plan([["sh", "-c", code]], { timeout_secs: 1 }), { graceMs: 100 });
    expect(result).toMatchObject({ tasks: [{ signal: "SIGKILL", timedOut: true }] });
    const pids = pidsIn(result.tasks[0]);
    expect(pids).toHaveLength(2);
    expect(pids.filter(isRunning)).toEqual([]);
  });

  test("and that may not be ended is left, and said to be", async () => {
    const kill = process.kill.bind(process);
    const refuse = vi.spyOn(process, "kill").mockImplementation(() => {
      throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
    });
    onTestFinished(() => refuse.mockRestore());
    const tasks = plan([["sh", "-c", "echo $$; exec sleep 600"]], { timeout_secs: 1 });
    const result = await run(tasks, { graceMs: 50 });
    const [pid = 0] = pidsIn(result.tasks[0]);
    kill(-pid, "SIGKILL");
    expect(result).toMatchObject({
      error: "task 1 (sh) timed out after 1 s and could not be ended",
      tasks: [{ exitCode: null, signal: null, timedOut: true }],
    });
  });
});

describe("what a task leaves behind", () => {
  test("in its group is ended, though it ignores SIGTERM and holds the pipes", async () => {
    const code = "(trap '' TERM; exec sleep 600) & echo $!; exit 0";
    const reports = await reportsOf(plan([["sh", "-c", code], ["true"]]), { graceMs: 100 });
    expect(reports).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
    expect(pidsIn(reports[0]).filter(isRunning)).toEqual([]);
  });

  test("in its group is ended, though it holds no pipe", async () => {
    const code = "(trap '' TERM; exec sleep 600) > /dev/null 2>&1 & echo $!";
    const [report] = await reportsOf(plan([["sh", "-c", code]]), { graceMs: 100 });
    expect(pidsIn(report).filter(isRunning)).toEqual([]);
  });

  test("in a session of its own does not hold the runner up, and is not ours to end", async () => {
    const code = `const { spawn } = require("node:child_process");
      const child = spawn("sleep", ["600"], { detached: true, stdio: "inherit" });
      console.log(child.pid); child.unref();`;
    const [report] = await reportsOf(plan([script(code)]), { graceMs: 100 });
    const [pid = 0] = pidsIn(report);
    expect(report?.durationMs).toBeLessThan(60_000);
    expect(isRunning(pid)).toBe(true);
    process.kill(pid, "SIGKILL");
  });
});

describe("an abort", () => {
  test("before the first task runs nothing", async () => {
    const onTaskStart = vi.fn();
    const signal = AbortSignal.abort(new Error("The job is\ncancelled."));
    expect(await run(plan([["true"]]), { signal, onTaskStart })).toEqual({
      ok: false,
      error: "task 1 (true) was stopped: The job is cancelled.",
      retryable: true,
      tasks: [],
    });
    expect(onTaskStart).not.toHaveBeenCalled();
  });

  test("ends the group of the running task, and the plan", async () => {
    const pipe = pipeIn(shared());
    const abort = new AbortController();
    const code = `sleep 600 & echo $$; echo $!; echo begun > ${pipe.path}; wait`;
    const running = run(plan([["sh", "-c", code], ["true"]]), { signal: abort.signal });
    expect(await pipe.line()).toBe("begun");
    abort.abort(new Error("The worker stops."));
    const result = await running;
    expect(result).toMatchObject({
      error: "task 1 (sh) was stopped: The worker stops.",
      retryable: true,
      tasks: [{ exitCode: null, signal: "SIGTERM" }],
    });
    expect(result.tasks[0]).not.toHaveProperty("timedOut");
    expect(pidsIn(result.tasks[0]).filter(isRunning)).toEqual([]);
  });

  test("kills what ignores SIGTERM, after the grace", async () => {
    const pipe = pipeIn(shared());
    const abort = new AbortController();
    const code = `trap '' TERM; echo begun > ${pipe.path}; sleep 600; sleep 600`;
    const running = run(plan([["sh", "-c", code]]), { signal: abort.signal, graceMs: 50 });
    await pipe.line();
    abort.abort();
    expect(await running).toMatchObject({ tasks: [{ signal: "SIGKILL" }] });
  });

  test("that may come is not listened for when the plan has ended", async () => {
    const { signal } = new AbortController();
    await run(plan([["true"], ["true"]]), { signal });
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("between two tasks starts no other", async () => {
    const abort = new AbortController();
    const onTask = () => abort.abort(new Error("Enough."));
    const result = await run(plan([["true"], ["true"]]), { signal: abort.signal, onTask });
    expect(result).toMatchObject({ error: "task 2 (true) was stopped: Enough." });
    expect(result.tasks).toHaveLength(1);
  });

  test("while the plan is told of a task starts it no more", async () => {
    const abort = new AbortController();
    const onTaskStart = () => abort.abort(new Error("Enough."));
    const result = await run(plan([["true"]]), { signal: abort.signal, onTaskStart });
    expect(result).toMatchObject({ error: "task 1 (true) was stopped: Enough.", tasks: [] });
  });
});

describe("a runner", () => {
  /** Runs a plan in a Node of its own, by a module that may do something besides. */
  function runner(
    before: string,
    tasks: readonly Task[],
    behind = "",
  ): ChildProcessByStdio<null, Readable, null> {
    const source = pathToFileURL(join(import.meta.dirname, "../../src/cli/plan-run.ts")).href;
    const code = `
      import { runPlan } from ${JSON.stringify(source)};
      ${before}
      const job = { queue: "q", id: "j", attempt: 1, planId: "p", input: "null", tasks: ${JSON.stringify(tasks)} };
      const options = { allow: new Set(${JSON.stringify(ALLOW)}), baseDirectory: ${JSON.stringify(place.base)} };
      const result = await runPlan(job, options);
      ${behind}
      // The end of the last read of the file system comes through as it ends.
      await new Promise(setImmediate);
      console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => !/TTY|Pipe/.test(name))));
    `;
    return spawn(node, ["--no-warnings", "--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  test("leaves no zombie, timer or listener behind", async () => {
    const code = `
      import { execFileSync } from "node:child_process";
    `;
    const behind = `
      if (process.listenerCount("exit") !== 0) throw new Error("It still listens.");
      const all = execFileSync("ps", ["-A", "-o", "ppid=,stat="], { encoding: "utf8" }).split("\\n");
      const own = all.map((line) => line.trim().split(/\\s+/)).filter(([ppid]) => Number(ppid) === process.pid);
      if (own.some(([, stat]) => stat.startsWith("Z"))) throw new Error("There is a zombie.");
    `;
    const child = runner(code, plan([["true"], ["sh", "-c", "sleep 600 & exit 0"]]), behind);
    const said = await text(child.stdout);
    expect(said.trim()).toBe("[]");
  });

  test("that ends in the middle takes what it started with it", async () => {
    const pipe = pipeIn(shared());
    const child = runner(
      `process.once("SIGUSR2", () => process.exit(7));`,
      plan([["sh", "-c", `trap '' TERM; echo $$ > ${pipe.path}; sleep 600; sleep 600`]]),
    );
    const pid = Number(await pipe.line());
    child.kill("SIGUSR2");
    expect(await once(child, "exit")).toEqual([7, null]);
    // A process that was sent SIGKILL may take a moment to be gone.
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 10_000);
    for (const left of readdirSync(place.base)) rmSync(join(place.base, left), { recursive: true });
  });
});
