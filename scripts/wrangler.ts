/**
 * Where things are in this repository, and how its wrangler is run.
 * Invariant: wrangler sends no statistics, looks for no update and asks the network nothing that a command does
 * not need, so what can work offline does.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";

/** The repository. */
export const root = resolve(import.meta.dirname, "..");
/** The configuration of the Worker. */
export const settings = join(root, "wrangler.toml");
/** The script that is wrangler; Node runs it. */
export const wranglerScript = join(root, "node_modules/wrangler/bin/wrangler.js");
/** The environment that keeps wrangler to itself. */
export const quiet = {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_WRITE_LOGS: "false",
};

/** What a wrangler command came to. */
export interface Ran {
  readonly isOk: boolean;
  /** Its standard output; empty when it was shown. */
  readonly output: string;
  readonly errors: string;
}

/** Runs a wrangler command in the repository. */
export type RunWrangler = (
  args: readonly string[],
  options?: { readonly isShown?: boolean; readonly env?: Readonly<Record<string, string>> },
) => Promise<Ran>;

export const wrangler: RunWrangler = async (args, { isShown = false, env = {} } = {}) => {
  const child = spawn(process.execPath, [wranglerScript, ...args], {
    cwd: root,
    stdio: isShown ? "inherit" : ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...quiet, ...env },
  });
  const [output, errors, [code]] = await Promise.all([
    child.stdout === null ? "" : text(child.stdout),
    child.stderr === null ? "" : text(child.stderr),
    once(child, "exit"),
  ]);
  return { isOk: code === 0, output, errors };
};
