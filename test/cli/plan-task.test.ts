/**
 * What a task of a plan gets, its input, environment and directory, and what is kept of its output.
 */
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { node, place, plan, reportsOf, run, script, useOwnBase } from "./plan-rig.ts";

useOwnBase();

describe("standard input", () => {
  test("is at its end at once", async () => {
    const [report] = await reportsOf(plan([["cat"]]));
    expect(report).toMatchObject({ stdout: "", exitCode: 0 });
  });

  test("is another task's output, byte for byte, for as many tasks as name it", async () => {
    const code = "process.stdout.write(Buffer.from(Array.from({ length: 256 }, (_, i) => i)))";
    const tasks = plan([
      script(code),
      ["true"],
      ["cat"],
      ["sh", "-c", "od -An -v -tu1 | tr -s ' \\n' '  '"],
    ]);
    const reading = tasks.map((task, i) =>
      i < 2 ? task : { ...task, input_from_task: i === 2 ? 1 : 3 },
    );
    const reports = await reportsOf(reading);
    const wanted = Array.from({ length: 256 }, (_, i) => i).join(" ");
    expect(reports[3]?.stdout.trim()).toBe(wanted);
    const twice = tasks.map((task, i) => (i < 2 ? task : { ...task, input_from_task: 1 }));
    expect((await reportsOf(twice))[3]?.stdout.trim()).toBe(wanted);
  });

  test("may be far longer than what is reported", async () => {
    const tasks = plan([
      script("process.stdout.write('x'.repeat(3_000_000))"),
      script(
        "let n = 0; process.stdin.on('data', (d) => (n += d.length)).on('end', () => console.log(n))",
      ),
    ]);
    const reports = await reportsOf(
      tasks.map((task, i) => (i === 0 ? task : { ...task, input_from_task: 1 })),
    );
    expect(reports[0]?.stdout).toHaveLength(65_536);
    expect(reports[1]?.stdout).toBe("3000000\n");
  });

  test("that would be cut short ends the plan instead, before any other task", async () => {
    const tasks = plan([script("process.stdout.write('x'.repeat(1001))"), ["true"], ["cat"]]);
    const reading = tasks.map((task, i) => (i === 2 ? { ...task, input_from_task: 1 } : task));
    expect(await run(reading, { inputBytesMax: 1000 })).toMatchObject({
      ok: false,
      error: `task 1 (${node}) wrote 1001 bytes, but task 3 (cat) can read no more than 1000`,
      retryable: false,
      tasks: [{ task: 1, exitCode: 0 }],
    });
    await reportsOf(reading, { inputBytesMax: 1001, reportBytesMax: 10 });
  });

  test("that a task closes early is no error", async () => {
    const tasks = plan([
      script("process.stdout.write('x'.repeat(8_000_000))"),
      ["sh", "-c", "exec <&-; exit 0"],
    ]);
    const [, report] = await reportsOf(
      tasks.map((task, i) => (i === 0 ? task : { ...task, input_from_task: 1 })),
    );
    expect(report).toMatchObject({ exitCode: 0 });
  });
});

describe("the environment", () => {
  test("has only what a task needs, and no token", async () => {
    vi.stubEnv("SLUICE_TOKEN", "secret");
    vi.stubEnv("LANG", "C");
    vi.stubEnv("LC_ALL", "C");
    vi.stubEnv("TZ", "UTC");
    vi.stubEnv("PATH", `:.:relative/bin:${process.env["PATH"]}:`);
    vi.stubEnv("SLUICE_EXTRA", "passed");
    onTestFinished(() => void vi.unstubAllEnvs());
    const tasks = plan([["env"], ["sh", "-c", "pwd"]]);
    const [env, pwd] = await reportsOf(tasks, { passEnv: ["SLUICE_EXTRA", "SLUICE_NOT_SET"] });
    const directory = pwd?.stdout.trim();
    const lines = env?.stdout.trim().split("\n") ?? [];
    const path = lines.find((line) => line.startsWith("PATH=")) ?? "";
    expect(
      path
        .slice(5)
        .split(":")
        .every((each) => each.startsWith("/")),
    ).toBe(true);
    expect(lines.filter((line) => line !== path).sort()).toEqual([
      `HOME=${directory}`,
      "LANG=C",
      "LC_ALL=C",
      "SLUICE_ATTEMPT=2",
      "SLUICE_EXTRA=passed",
      "SLUICE_JOB_ID=job-1",
      "SLUICE_PLAN=plan-1",
      "SLUICE_QUEUE=queue-1",
      "SLUICE_TASK=1",
      `TMPDIR=${directory}`,
      "TZ=UTC",
    ]);
  });

  test("lets a name through that is asked for, but not one that Sluice sets", async () => {
    vi.stubEnv("HOME", "/home/me");
    vi.stubEnv("SLUICE_JOB_ID", "another");
    onTestFinished(() => void vi.unstubAllEnvs());
    const tasks = plan([["sh", "-c", "echo $HOME $SLUICE_JOB_ID"]]);
    const [report] = await reportsOf(tasks, { passEnv: ["HOME", "SLUICE_JOB_ID"] });
    expect(report?.stdout).toBe("/home/me job-1\n");
  });
});

describe("the directory", () => {
  test("is the job's own, empty, closed to others, and the same for all its tasks", async () => {
    const tasks = plan([
      ["sh", "-c", "pwd; ls -a; ls -ld . | cut -c1-10; echo x > y"],
      ["cat", "y"],
    ]);
    const [first, second] = await reportsOf(tasks);
    const [own, ...seen] = first?.stdout.trim().split("\n") ?? [];
    expect(own?.startsWith(`${place.base}/`)).toBe(true);
    expect(existsSync(own ?? place.base)).toBe(false);
    expect(seen).toEqual([".", "..", "drwx------"]);
    expect(second?.stdout).toBe("x\n");
  });

  test("is removed also when tasks fail, and have taken its permissions away", async () => {
    const code =
      "mkdir -p a/b/c; touch a/b/c/d; ln -s / a/root; chmod 500 a/b/c; chmod 000 a/b; chmod 000 a; exit 1";
    expect(await run(plan([["sh", "-c", code]]))).toMatchObject({ ok: false });
  });

  test("that cannot be removed is told of, and does not change how the plan ended", async () => {
    const onLeftover = vi.fn();
    const moved = `${place.base}-moved`;
    const onTask = () => {
      renameSync(place.base, moved);
      writeFileSync(place.base, "in the way");
    };
    expect(await run(plan([["true"]]), { onTask, onLeftover })).toMatchObject({ ok: true });
    const [name = ""] = readdirSync(moved);
    expect(onLeftover).toHaveBeenCalledExactlyOnceWith(join(place.base, name), expect.any(Error));
    rmSync(place.base);
    rmSync(join(moved, name), { recursive: true });
    renameSync(moved, place.base);
  });
});

describe("output", () => {
  test("of 200 MB is counted, its beginning kept, and the rest takes no memory", async () => {
    const code = `
      const { writeSync } = require("node:fs");
      const chunk = Buffer.alloc(1_000_000, "x");
      for (let i = 0; i < 200; i++) for (let at = 0; at < chunk.length; )
        try { at += writeSync(1, chunk, at); } catch (error) { if (error.code !== "EAGAIN") throw error; }
    `;
    const before = process.resourceUsage().maxRSS;
    const [report] = await reportsOf(plan([script(code)]));
    const grownKiB = process.resourceUsage().maxRSS - before;
    expect(report).toMatchObject({ stdoutBytes: 200_000_000, stdoutTruncated: true });
    expect(report?.stdout).toBe("x".repeat(65_536));
    expect(grownKiB).toBeLessThan(150_000);
  });

  test("is cut at the end of a character, on both streams", async () => {
    const code = `process.stdout.write("a" + "é".repeat(9)); process.stderr.write("€".repeat(9))`;
    const [report] = await reportsOf(plan([script(code)]), { reportBytesMax: 10 });
    expect(report).toMatchObject({
      stdout: "aéééé",
      stdoutBytes: 19,
      stdoutTruncated: true,
      stderr: "€€€",
      stderrBytes: 27,
      stderrTruncated: true,
    });
  });

  test("of exactly the limit is whole", async () => {
    const [report] = await reportsOf(plan([["echo", "123456789"]]), { reportBytesMax: 10 });
    expect(report).toMatchObject({ stdout: "123456789\n", stdoutBytes: 10 });
    expect(report).not.toHaveProperty("stdoutTruncated");
  });

  test("that is not UTF-8 is replaced, and stays within the limit", async () => {
    const code = "process.stdout.write(Buffer.from([0x61, 0xff, 0x62, 0xe2, 0x82]))";
    const [whole] = await reportsOf(plan([script(code)]));
    expect(whole?.stdout).toBe("a\ufffdb\ufffd");
    const [cut] = await reportsOf(plan([script(code)]), { reportBytesMax: 5 });
    expect(cut).toMatchObject({ stdout: "a\ufffdb", stdoutBytes: 5, stdoutTruncated: true });
  });
});
