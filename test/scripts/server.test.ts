/**
 * The local server: one per data directory, never outliving its starter, losing nothing in a crash.
 */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { build } from "../../scripts/build.ts";
import { lock } from "../../scripts/lock.ts";
import { serve } from "../../scripts/server.ts";
import { Queue } from "../../src/client/index.ts";
import { startServer } from "../server.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "sluice-test-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Waits, without asking again and again, until no server holds the data directory. */
function waitUntilFree(): void {
  const locked = lock(join(dataDir, "lock"), 20_000);
  if ("holder" in locked) throw new Error(`${locked.holder} still holds the data directory`);
  locked.release();
}

describe("a local server", () => {
  it("ends when the process that started it is killed", async () => {
    const holder = fork(join(import.meta.dirname, "holder.ts"), [dataDir], { execArgv: [] });
    const [{ pid }] = (await once(holder, "message")) as [{ pid: number }];
    expect(isAlive(pid)).toBe(true);
    holder.kill("SIGKILL");
    await once(holder, "exit");
    waitUntilFree();
    expect(isAlive(pid)).toBe(false);
  });

  it("ends when the npm that started it is told to end, and the shell between them with it", async () => {
    const args = ["start", "--", "--port", "0", "--data-dir", dataDir];
    const npm = spawn("npm", args, { stdio: ["ignore", "pipe", "inherit"] });
    for await (const chunk of npm.stdout) if (String(chunk).includes("listens on")) break;
    npm.kill("SIGTERM");
    await once(npm, "exit");
    waitUntilFree();
  });

  it("refuses a data directory that another server has, and names its process", async () => {
    const server = await startServer({ dataDir });
    try {
      await expect(startServer({ dataDir })).rejects.toThrow(/^Process \d+ already serves /);
    } finally {
      await server.stop();
    }
  });

  it("keeps what it acknowledged over a crash", async () => {
    const first = await startServer({ dataDir });
    const { id } = await new Queue({ name: "q", url: first.url, token: first.token }).enqueue(1);
    await first.kill9();
    expect(isAlive(first.pid)).toBe(false);
    const second = await startServer({ dataDir });
    try {
      const queue = new Queue({ name: "q", url: second.url, token: second.token });
      expect((await queue.get(id)).payload).toBe(1);
    } finally {
      await second.stop();
    }
  });

  it("says in a sentence that its data directory is a file", async () => {
    const file = join(dataDir, "file");
    writeFileSync(file, "");
    const starting = spawn(process.execPath, ["scripts/start.ts", "--data-dir", file]);
    const [errors, [code]] = await Promise.all([text(starting.stderr), once(starting, "exit")]);
    expect(errors).toBe(`${file} is a file: name a folder with --data-dir.\n`);
    expect(code).toBe(1);
  });

  it("names a free port when its port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    try {
      const starting = serve({ bundle: await build(), dataDir, token: "t", port });
      await expect(starting).rejects.toThrow(
        new RegExp(`^Port ${port} is taken; \\d+ is free: add -- --port \\d+$`),
      );
    } finally {
      other.close();
    }
  });
});
