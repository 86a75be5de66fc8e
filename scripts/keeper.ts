/**
 * Stands between a script and the server it started, so that the server never outlives the script: when the
 * script ends, even by SIGKILL, the channel to it closes, and the keeper stops the server.
 * Invariant: the lock of the data directory is held from before the server starts until after it has ended.
 * Usage (by kept.ts): fork("keeper.ts", [lockFile, command, ...arguments], { detached: true })
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { lock } from "./lock.ts";

/** What the keeper tells its script. */
export type Report =
  | { readonly kind: "busy"; readonly holder: number }
  | { readonly kind: "locked" }
  /** A line that the server wrote to its file descriptor 3. */
  | { readonly kind: "control"; readonly line: string; readonly pid: number };

/** Requests under way may end within this time before the server is killed. */
const drainMs = 5_000;
/** Longer than a server that was just told to stop usually takes. */
const lockMs = 1_000;
const [lockFile = "", command = "", ...args] = process.argv.slice(2);
/** The keeper leads a process group: all that the server starts, and itself. */
const group = -process.pid;

function report(message: Report): void {
  if (process.connected) process.send?.(message);
}

function keep(): void {
  const server = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "pipe"] });
  const kill = (): boolean => process.kill(group, "SIGKILL");
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    process.kill(group, "SIGTERM");
    setTimeout(kill, drainMs);
  };
  server.once("error", (error) => {
    console.error(error);
    kill();
  });
  server.once("exit", kill);
  process.once("disconnect", stop);
  process.on("SIGTERM", stop);
  if (!process.connected) stop();
  const control = createInterface({ input: server.stdio[3] as Readable });
  control.on("line", (line) => {
    if (server.pid !== undefined) report({ kind: "control", line, pid: server.pid });
  });
}

const locked = lock(lockFile, lockMs);
if ("holder" in locked) {
  report({ kind: "busy", holder: locked.holder });
  process.disconnect();
} else {
  report({ kind: "locked" });
  keep();
}
