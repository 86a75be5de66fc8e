/**
 * What the tests of plans share: plans from words, their runs, and a look at the processes of the machine.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, onTestFinished } from "vitest";
import { type PlanOptions, runPlan, type TaskReport } from "../../src/cli/plan-run.ts";
import type { Task } from "../../src/contract/placeholders.ts";

export const node = process.execPath;
export const ALLOW = ["cat", "echo", "env", "grep", "sh", "sleep", "sort", "true", node];

/** Where the plans of a test get their directories. */
export const place = { base: "" };

/** Gives each test of a file a base of its own, and sees that its plans left nothing there, however they ended. */
export function useOwnBase(): void {
  beforeEach(() => {
    place.base = realpathSync(mkdtempSync(join(tmpdir(), "sluice-test-")));
  });
  afterEach(() => {
    expect(readdirSync(place.base)).toEqual([]);
    rmSync(place.base, { recursive: true });
  });
}

type Words = readonly [command: string, ...args: string[]];

/** The tasks of a plan, each from its words; `more` adds to the first. */
export const plan = (all: readonly Words[], more: Partial<Task> = {}): Task[] =>
  all.map(([command, ...args], i) => ({
    task_number: i + 1,
    command,
    args,
    ...(i === 0 ? more : {}),
  }));
export const script = (code: string): Words => [node, "-e", code];

const optionsWith = (more: Partial<PlanOptions>): PlanOptions => ({
  allow: new Set(ALLOW),
  baseDirectory: place.base,
  ...more,
});

export const run = (tasks: readonly Task[], more: Partial<PlanOptions> = {}, input = "null") =>
  runPlan(
    { queue: "queue-1", id: "job-1", attempt: 2, planId: "plan-1", tasks, input },
    optionsWith(more),
  );

/** The reports of a plan that is expected to succeed. */
export async function reportsOf(
  tasks: readonly Task[],
  more: Partial<PlanOptions> = {},
  input?: string,
): Promise<readonly TaskReport[]> {
  const result = await run(tasks, more, input);
  expect(result).toMatchObject({ ok: true });
  return result.tasks;
}

/** Whether a process runs; one that has ended and waits for init to notice does not. */
export function isRunning(pid: number): boolean {
  try {
    const state = execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
    return !state.trim().startsWith("Z");
  } catch {
    return false;
  }
}

/** The process ids, a line each, that a task wrote. */
export const pidsIn = (report: TaskReport | undefined): number[] =>
  (report?.stdout ?? "").trim().split("\n").map(Number);

/** Ends with what a process says on a pipe in the file system: no test has to sleep until it has begun. */
export function pipeIn(directory: string): { readonly path: string; line(): Promise<string> } {
  const path = join(directory, "pipe");
  execFileSync("mkfifo", [path]);
  return {
    path,
    line: async () => {
      const reader = spawn("cat", [path]);
      return (await text(reader.stdout)).trim();
    },
  };
}

/** A directory apart from the plans' own, for what a test and a task share. */
export function shared(): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-shared-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}
