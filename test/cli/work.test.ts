/**
 * `sluice work` as a process of its own: one command for each job, and a graceful end.
 * Invariant: a stopped worker leaves no job half done.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Queue } from "../../src/client/index.ts";
import { startServer, type TestServer } from "../server.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");
let server: TestServer;
let child: ChildProcess;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  child.kill("SIGKILL");
  await server.stop();
});

const queueOf = (name: string) => new Queue({ name, url: server.url, token: server.token });

/** Starts `sluice work`; resolves when it has said `count` lines. */
async function work(words: readonly string[], count: number): Promise<string> {
  const env = { ...process.env, SLUICE_URL: server.url, SLUICE_TOKEN: server.token };
  child = spawn(process.execPath, [main, "work", ...words], { env });
  let said = "";
  for await (const chunk of child.stderr ?? []) {
    said += String(chunk);
    if (said.split("\n").length > count) break;
  }
  return said;
}

test("runs a command for each job, and its exit code decides", async () => {
  const queue = queueOf("commands");
  const { id: good } = await queue.enqueue({ n: 1 });
  const { id: bad } = await queue.enqueue("bad", { maxAttempts: 1 });
  const named = '"[\\"$SLUICE_QUEUE\\",\\"$SLUICE_JOB_ID\\",$SLUICE_ATTEMPT]"';
  const script = `grep -q bad && { echo "no good" >&2; exit 3; } || echo ${named}`;
  const said = await work(["commands", "--concurrency", "2", "--", "sh", "-c", script], 2);
  expect(said).toContain(`${good} is completed.`);
  expect(await queue.get(good)).toMatchObject({
    state: "completed",
    result: ["commands", good, 1],
  });
  expect(await queue.get(bad)).toMatchObject({ state: "failed", error: "no good" });
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
});

test("gives a job back only when its processes have ended, also those that ignore SIGTERM", async () => {
  const queue = queueOf("stubborn");
  const { id } = await queue.enqueue(1);
  const script = "trap '' TERM; sleep 600 & echo $! >&2; wait; sleep 600";
  const flags = ["--drain", "0", "--grace", "500ms"];
  const begun = work(["stubborn", ...flags, "--", "sh", "-c", script], 1);
  while ((await queue.get(id)).state !== "running");
  const ps = () => execFileSync("ps", ["-A", "-o", "args="], { encoding: "utf8" });
  const isAlive = () => ps().split("\n").includes(`sh -c ${script}`);
  while (!isAlive());
  child.kill("SIGTERM");
  expect(await begun).toBe(`${id} is ready.\n`);
  expect(isAlive()).toBe(false);
  if (child.exitCode === null) await once(child, "exit");
  expect(await queue.get(id)).toMatchObject({ state: "ready", attempt: 1, deliveries: 1 });
});

test("gives back what runs when it is stopped, and exits with 0", async () => {
  const queue = queueOf("slow");
  const { id } = await queue.enqueue(1);
  // A job that is running may still be on its way to its worker: one that has begun says so.
  const mark = join(server.dataDir, "begun");
  const command = ["sh", "-c", 'touch "$0"; exec sleep 600', mark];
  const begun = work(["slow", "--drain", "0", "--", ...command], 1);
  while (!existsSync(mark)) await queue.get(id);
  child.kill("SIGTERM");
  expect(await begun).toBe(`${id} is ready.\n`);
  if (child.exitCode === null) await once(child, "exit");
  expect(child.exitCode).toBe(0);
  expect(await queue.get(id)).toMatchObject({ state: "ready", attempt: 1 });
});
