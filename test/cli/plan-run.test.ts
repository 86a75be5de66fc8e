/**
 * Plans as real processes: what runs, what does not, and what a plan says of how it ended.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { TaskReport } from "../../src/cli/plan-run.ts";
import { place, plan, reportsOf, run, script, shared, useOwnBase } from "./plan-rig.ts";

useOwnBase();

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe("a plan", () => {
  test("runs its tasks in order, with the values of the job's input", async () => {
    const tasks = plan([
      ["echo", "{{input.a}}", "$HOME; {{input.n}}"],
      ["echo", "*", "\\{{input.a}}"],
    ]);
    const seen: string[] = [];
    const reports = await reportsOf(
      tasks,
      {
        onTaskStart: async ({ task_number }, total) => {
          await nextTurn();
          seen.push(`start ${task_number} of ${total}`);
        },
        onTask: async ({ task }) => {
          seen.push(`end ${task}`);
          await nextTurn();
          seen.push(`told of ${task}`);
        },
      },
      '{"a":"`id` \'x\'","n":12345678901234567890}',
    );
    // No shell has read any of it.
    expect(reports.map(({ stdout }) => stdout)).toEqual([
      "`id` 'x' $HOME; 12345678901234567890\n",
      "* {{input.a}}\n",
    ]);
    expect(seen).toEqual([
      "start 1 of 2",
      "end 1",
      "told of 1",
      "start 2 of 2",
      "end 2",
      "told of 2",
    ]);
  });

  test("reports each task in full", async () => {
    const startedAfter = Date.now();
    const reports: TaskReport[] = [];
    const tasks = plan([["sh", "-c", "echo out; echo err >&2"]]);
    const result = await run(tasks, { onTask: (each) => void reports.push(each) });
    expect(result).toEqual({ ok: true, tasks: reports });
    const [report] = reports;
    expect(report).toStrictEqual({
      task: 1,
      exitCode: 0,
      signal: null,
      stdout: "out\n",
      stderr: "err\n",
      stdoutBytes: 4,
      stderrBytes: 4,
      startedAt: expect.any(Number),
      durationMs: expect.any(Number),
    });
    expect(report?.startedAt).toBeGreaterThanOrEqual(startedAfter);
    expect(Number.isInteger(report?.durationMs)).toBe(true);
  });

  test("ends with the first task that exits with another code than 0", async () => {
    const out = shared();
    const tasks = plan([
      ["true"],
      ["sh", "-c", "echo first >&2; printf 'last \\033[31mline\\n\\n' >&2; exit 3"],
      ["sh", "-c", `echo ran > ${out}/ran`],
    ]);
    expect(await run(tasks)).toMatchObject({
      ok: false,
      error: "task 2 (sh) exited with code 3: last  [31mline",
      retryable: true,
      tasks: [{ exitCode: 0 }, { exitCode: 3 }],
    });
    expect(readdirSync(out)).toEqual([]);
  });

  test("says of a task without words on its stderr only how it exited", async () => {
    const result = await run(plan([["grep", "x"]]));
    expect(result).toMatchObject({ error: "task 1 (grep) exited with code 1", retryable: true });
  });

  test("ends with a task that is killed", async () => {
    expect(await run(plan([["sh", "-c", "kill -KILL $$"]]))).toMatchObject({
      error: "task 1 (sh) was ended by SIGKILL",
      retryable: true,
      tasks: [{ exitCode: null, signal: "SIGKILL" }],
    });
  });

  test("keeps its error within 1 KiB of UTF-8, on a line, from the end of a long stderr", async () => {
    const said = `"a".repeat(300_000) + "\\n" + "é".repeat(5_000) + "!\\n"`;
    const result = await run(
      plan([script(`process.stderr.write(${said}, () => process.exit(1))`)]),
    );
    const error = result.ok ? "" : result.error;
    expect(error).toMatch(/ exited with code 1: é+$/);
    expect(Buffer.byteLength(error)).toBeGreaterThan(1000);
    expect(Buffer.byteLength(error)).toBeLessThanOrEqual(1024);
  });

  test("with a field that is missing runs nothing and is not to be tried again", async () => {
    const onTaskStart = vi.fn();
    const result = await run(plan([["true"], ["echo", "{{input.x}}"]]), { onTaskStart }, "{}");
    expect(result).toEqual({
      ok: false,
      error: "Task 2, args[0]: the input has no field x.",
      retryable: false,
      tasks: [],
    });
    expect(onTaskStart).not.toHaveBeenCalled();
  });

  test("rejects with what a hook throws, and leaves nothing", async () => {
    const onTask = async () => Promise.reject(new Error("no server"));
    await expect(run(plan([["true"]]), { onTask })).rejects.toThrow("no server");
  });

  test("fails when there is no place for its directory", async () => {
    const baseDirectory = join(place.base, "missing");
    expect(await run(plan([["true"]]), { baseDirectory })).toMatchObject({
      error: expect.stringMatching(/^no directory for the job: ENOENT/),
      retryable: true,
    });
  });

  test("runs beside 49 others, each with its own", async () => {
    const tasks = plan([["sh", "-c", "cat > mine; sort mine; pwd"]], { input_from_task: 1 });
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        reportsOf([
          { task_number: 1, command: "echo", args: [`plan ${i}`] },
          ...tasks.map((each) => ({ ...each, task_number: 2 })),
        ]),
      ),
    );
    const places = all.map((reports, i) => {
      const [line, directory] = reports[1]?.stdout.split("\n") ?? [];
      expect(line).toBe(`plan ${i}`);
      return directory;
    });
    expect(new Set(places).size).toBe(50);
  });
});

describe("the list of allowed commands", () => {
  test("is empty unless something is allowed, and says what is missing", async () => {
    const onTaskStart = vi.fn();
    const tasks = plan([["true"], ["/bin/sh", "-c", "x"], ["it's me"], ["/bin/sh"]]);
    expect(await run(tasks, { allow: new Set(), onTaskStart })).toEqual({
      ok: false,
      error:
        "task 1 (true) is not allowed here: " +
        "the worker needs --allow true --allow /bin/sh --allow 'it'\\''s me'",
      retryable: false,
      tasks: [],
    });
    expect(onTaskStart).not.toHaveBeenCalled();
  });

  test("holds commands as they are written: another path to the same program is another one", async () => {
    expect(await run(plan([["true"], ["/bin/sh", "-c", "true"]]))).toMatchObject({
      error: "task 2 (/bin/sh) is not allowed here: the worker needs --allow /bin/sh",
    });
  });
});

describe("a task that cannot be started", () => {
  const notStarted = { ok: false, retryable: false, tasks: [{ exitCode: null, signal: null }] };

  test("for there is no such command ends the plan for good", async () => {
    const allow = new Set(["sluice-no-such-command"]);
    const onTask = vi.fn();
    expect(await run(plan([["sluice-no-such-command"]]), { allow, onTask })).toMatchObject({
      ...notStarted,
      error: "task 1 (sluice-no-such-command) could not be started: there is no such command",
    });
    expect(onTask).toHaveBeenCalledOnce();
  });

  test("for it is no program ends the plan for good", async () => {
    expect(await run(plan([[place.base]]), { allow: new Set([place.base]) })).toMatchObject({
      ...notStarted,
      error: `task 1 (${place.base}) could not be started: it may not be executed`,
    });
  });

  test("for its arguments are too long together ends the plan for good", async () => {
    const args = Array.from({ length: 100 }, () => "é".repeat(20_000));
    expect(await run(plan([["echo", ...args]]))).toMatchObject({
      ...notStarted,
      error: "task 1 (echo) could not be started: its arguments are too long for this system",
    });
  });

  test("for its command has a NUL ends the plan for good", async () => {
    const command = "a\0b";
    expect(await run(plan([[command]]), { allow: new Set([command]) })).toMatchObject(notStarted);
  });
});
