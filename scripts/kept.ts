/**
 * Starts a server that ends with this process, however this process ends, and has a data directory to itself.
 * Invariant: while the server lives, so does its keeper, or this process, which then kills it.
 */
import { fork } from "node:child_process";
import { on, once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Report } from "./keeper.ts";
import { Sentence } from "./sentence.ts";

export interface KeptOptions {
  readonly dataDir: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Gets what the server prints, line by line; without it, the server prints where this process does. */
  readonly onLine?: (line: string) => void;
}

/** A server in the hands of its keeper. */
export interface Kept {
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** The next line that the server writes to its file descriptor 3, and its process id. */
  control(): Promise<{ readonly line: string; readonly pid: number }>;
  /** Lets requests under way end, then ends the server. */
  stop(): Promise<void>;
}

/** Starts `command`. Throws a `Sentence` when the data directory is taken. */
export async function keep(options: KeptOptions): Promise<Kept> {
  const { dataDir, command, args, env, onLine } = options;
  mkdirSync(dataDir, { recursive: true });
  const file = join(import.meta.dirname, "keeper.ts");
  const keeper = fork(file, [join(dataDir, "lock"), command, ...args], {
    // A process group of its own: Ctrl-C reaches this script, which then stops the server in order.
    detached: true,
    execArgv: [],
    env: { ...process.env, ...env },
    stdio: ["inherit", onLine === undefined ? "inherit" : "pipe", "inherit", "ipc"],
  });
  if (onLine !== undefined && keeper.stdout !== null) {
    createInterface({ input: keeper.stdout }).on("line", onLine);
  }
  const ended = once(keeper, "exit").then(() => undefined);
  const reports = on(keeper, "message");
  const next = async (): Promise<Report> => {
    const event = await Promise.race([reports.next(), ended]);
    if (event !== undefined) return (event.value as [Report])[0];
    throw new Sentence("The server ended as it started; its words are above.");
  };
  const first = await next();
  if (first.kind === "busy") {
    throw new Sentence(
      `Process ${first.holder} already serves ${dataDir}: stop it, or take another with --data-dir.`,
    );
  }
  const control = async () => {
    const report = await next();
    if (report.kind !== "control") throw new Error(`The keeper said ${report.kind} out of turn.`);
    return report;
  };
  const stop = (): Promise<void> => {
    if (keeper.connected) keeper.disconnect();
    return ended;
  };
  return { ended, control, stop };
}
