/**
 * Sluice on plain workerd: starts a bundle on a data directory, and stops it.
 * Invariant: one server per data directory; workerd ends with the process that started it, however that one ends.
 */
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bundle } from "./build.ts";
import { keep } from "./kept.ts";
import { Sentence } from "./sentence.ts";

/** The package is CommonJS without types; test runners and Node disagree about its default export. */
const workerd = createRequire(import.meta.url)("workerd") as { readonly default: string };
export const host = "127.0.0.1";
const healthMsMax = 30_000;
const healthPauseMs = 20;

export interface ServeOptions {
  readonly bundle: Bundle;
  /** Made when absent. Objects are kept in its folder `objects`. */
  readonly dataDir: string;
  readonly token: string;
  /** 0, the default, takes any free port. */
  readonly port?: number;
}

/** A running server. */
export interface Server {
  readonly url: string;
  /** The process id of workerd. */
  readonly pid: number;
  /** Resolves when workerd has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Lets requests under way end, then ends workerd. */
  stop(): Promise<void>;
  /** Ends workerd as a crash would. */
  kill9(): Promise<void>;
}

/** Starts Sluice and waits until it answers. Throws a `Sentence` when the port or the data directory is taken. */
export async function serve({ bundle, dataDir, token, port = 0 }: ServeOptions): Promise<Server> {
  await checkPort(port);
  const objects = resolve(dataDir, "objects");
  mkdirSync(objects, { recursive: true });
  const args = ["serve", bundle.config, "--control-fd=3"];
  args.push(`--socket-addr=http=${host}:${port}`, `--directory-path=objects=${objects}`);
  const kept = await keep({
    dataDir: resolve(dataDir),
    command: workerd.default,
    args,
    env: { SLUICE_TOKEN: token, SLUICE_DELIVER_HERE: "true" },
  });
  const { pid, line } = await kept.control();
  const { port: listening } = JSON.parse(line) as { port: number };
  const url = `http://${host}:${listening}`;
  const kill9 = (): Promise<void> => {
    killHard(pid);
    return kept.ended;
  };
  // A keeper that was itself killed leaves its workerd to this process.
  void kept.ended.then(() => killHard(pid));
  try {
    await healthy(url, kept.ended);
  } catch (error) {
    await kept.stop();
    throw error;
  }
  return { url, pid, ended: kept.ended, stop: kept.stop, kill9 };
}

async function healthy(url: string, ended: Promise<void>): Promise<void> {
  const deadline = Date.now() + healthMsMax;
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  let last: unknown = "no answer";
  while (!isOver && Date.now() < deadline) {
    try {
      const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(healthMsMax) });
      last = await response.text();
      if (response.ok) return;
    } catch (error) {
      last = error;
    }
    await sleep(healthPauseMs);
  }
  throw new Error(`${url}/health did not become healthy`, { cause: last });
}

/** Throws a `Sentence` that names a free port when this one is taken; 0 is always free. */
export async function checkPort(port: number): Promise<void> {
  if (port === 0 || (await isFree(port))) return;
  let free = port + 1;
  while (!(await isFree(free))) free++;
  throw new Sentence(`Port ${port} is taken; ${free} is free: add -- --port ${free}`);
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve: settle, reject } = Promise.withResolvers<boolean>();
  const probe = createServer();
  probe.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EADDRINUSE") settle(false);
    else reject(error);
  });
  probe.listen(port, host, () => probe.close(() => settle(true)));
  return promise;
}

/** A process that has already ended is as it should be. */
function killHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
