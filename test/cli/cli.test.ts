/**
 * The `sluice` command against a real server: what it prints, and how it ends.
 * Invariant: exit code 0 done, 1 refused, 2 not understood, 3 no answer; no token is ever printed.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Io } from "../../src/cli/io.ts";
import { startServer, type TestServer } from "../server.ts";
import { outOf, run } from "./run.ts";

let server: TestServer;
let folder: string;
let queue = "";
let queues = 0;

beforeAll(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
});
beforeEach(() => {
  queue = `c${++queues}`;
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

/** Runs the command beside a folder of its own. */
const sluice = (words: readonly string[], change: Partial<Io> = {}) =>
  run(server, words, "", { folder, ...change });

/** The same, of a command that must succeed; its output. */
const done = (...words: string[]) => outOf(sluice(words));

/** The same with `--json`. */
async function value(...words: string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await done(...words, "--json")) as Record<string, unknown>;
}

describe("sluice", () => {
  test("takes a job from enqueue to completion", async () => {
    const id = await done("enqueue", queue, '{"to":"ada"}', "--label", "a=b", "--attempts", "2");
    expect(await done("list", queue)).toMatch(new RegExp(`ID +STATE.*\\n${id} +ready +0 +1/2`));
    const { jobs } = (await value("claim", queue, "--worker", "me", "--lease", "1m")) as {
      jobs: { token: string; leaseUntil: number; createdAt: number }[];
    };
    const [job] = jobs;
    const token = job?.token ?? "";
    expect((job?.leaseUntil ?? 0) - (job?.createdAt ?? 0)).toBeGreaterThanOrEqual(60_000);
    await done("progress", queue, id, token, "0.5");
    expect(await done("extend", queue, id, token)).toMatch(/^\S+ is running until \d{4}-/);
    expect(await done("complete", queue, id, token, '["sent"]')).toBe(`${id} is completed.`);
    expect(await value("get", queue, id)).toMatchObject({ state: "completed", result: ["sent"] });
    expect(await done("get", queue, id)).toMatch(/\nattempt +1 of 2\n[\s\S]*\nresult +\["sent"\]$/);
  });

  test("fails, releases and refuses settlements by their tokens", async () => {
    const id = await done("enqueue", queue);
    const claim = async () => {
      const { jobs } = (await value("claim", queue)) as { jobs: { token: string }[] };
      return jobs[0]?.token ?? "";
    };
    expect(await done("release", queue, id, await claim())).toBe(`${id} is ready.`);
    const token = await claim();
    expect(await done("fail", queue, id, token, "no such address", "--final")).toContain("failed");
    expect((await sluice(["extend", queue, id, token])).code).toBe(1);
    expect(await done("redrive", queue, "--all")).toBe("Done: 1 job to run again.");
    expect(await done("purge", queue)).toBe("Done: 1 job removed.");
  });

  test("changes waiting jobs and shows why a claim finds none", async () => {
    const id = await done("enqueue", queue, "1", "--delay", "1h30m", "--priority", "-5");
    expect(await done("claim", queue)).toMatch(/^No jobs: 0 waiting, 1 scheduled, next due in 1h/);
    await done("update", queue, id, "--delay", "2h");
    await done("pause", queue, "--reason", "lunch");
    expect(await done("claim", queue)).toBe("No jobs: the queue is paused (lunch).");
    expect(await done("resume", queue)).toBe(`${queue} hands out jobs.`);
    expect(await done("cancel", queue, id, "--reason", "late")).toBe(`${id} is cancelled.`);
    expect(await done("retry", queue, id)).toBe(`${id} is ready.`);
  });

  test("configures a queue and shows its numbers", async () => {
    const backoff = '{"kind":"fixed","delayMs":5000}';
    const shown = await done("configure", queue, "--lease", "90s", "--backoff", backoff);
    expect(shown).toMatch(/\nlease +1m30s\n/);
    await done("enqueue", queue, "1");
    expect(await done("stats", queue)).toMatch(/\nready +1\n/);
    expect(await done("checkpoint", queue)).toMatch(/^The tables stand at index \d+ of term 1\.$/);
    expect((await value("info", queue))["config"]).toMatchObject({ leaseMs: 90_000 });
    expect(await done("queues")).toMatch(/^NAME|^No queues\.$/);
  });

  test("keeps all digits of numbers, in and out", async () => {
    const exact = '{"n":12345678901234567890,"x":1.10}';
    const id = await done("enqueue", queue, exact);
    expect(await done("get", queue, id)).toContain('{"n":12345678901234567890,"x":1.10}');
  });

  test("reads a payload from standard input", async () => {
    const input = () => Promise.resolve('{"from":"stdin"}\n');
    const { out: id } = await sluice(["enqueue", queue, "-"], { input });
    expect(await value("get", queue, id)).toMatchObject({ payload: { from: "stdin" } });
  });
});

describe("sluice ends", () => {
  test("with 1 and the server's sentence when it is refused", async () => {
    await done("enqueue", queue);
    const { code, out, err } = await sluice(["get", queue, "nope"]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^There is no job nope.*\.$/);
    expect((await sluice(["delete", queue])).code).toBe(1);
  });

  test("with 2 when it does not understand", async () => {
    const codes = await Promise.all(
      [
        [],
        ["bogus"],
        ["get", queue],
        ["enqueue", queue, "{not json"],
        ["enqueue", queue, "1", "--delay", "5q"],
        ["cancel", queue, ".."],
        ["--url", "ftp://example.com", "queues"],
      ].map(async (words) => (await sluice(words)).code),
    );
    expect(codes).toEqual([2, 2, 2, 2, 2, 2, 2]);
    expect((await sluice(["enqueue", queue, "{not json"])).err).toMatch(/^This is not JSON\./);
    expect((await sluice(["--help"])).code).toBe(0);
  });

  test("with 3 when nobody answers", async () => {
    const words = ["--url", "http://127.0.0.1:1", "--retry-for", "0", "stats", queue];
    const { code, err } = await sluice(words);
    expect(code).toBe(3);
    expect(err).toMatch(/^Sluice at http:\/\/127\.0\.0\.1:1 cannot be reached: /);
  });
});

describe("the token", () => {
  test("is found in the files of a server on this machine", async () => {
    const env = { SLUICE_URL: server.url, SLUICE_TOKEN: "" };
    expect((await sluice(["queues"], { env })).code).toBe(1);
    writeFileSync(join(folder, ".dev.vars"), `OTHER=1\nSLUICE_TOKEN="${server.token}"\n`);
    expect((await sluice(["queues"], { env })).code).toBe(0);
    mkdirSync(join(folder, ".sluice"));
    writeFileSync(join(folder, ".sluice", "token"), "stale\n");
    expect((await sluice(["queues"], { env })).code).toBe(1);
    writeFileSync(join(folder, ".sluice", "token"), `${server.token}\n`);
    expect((await sluice(["queues"], { env })).code).toBe(0);
  });

  test("of this machine is sent to no other", async () => {
    const { settings } = await import("../../src/cli/settings.ts");
    const io = { folder, env: {} } as unknown as Io;
    expect(settings({}, io).token).toBe(server.token);
    expect(settings({ url: "https://sluice.example.com" }, io).token).toBeUndefined();
    expect(settings({ url: "http://127.0.0.1.example.com" }, io).token).toBeUndefined();
  });
});
