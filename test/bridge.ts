/**
 * A real bridge for tests and the benchmark: `sluice redis` as a process of its own, on a free port.
 * Invariant: it ends with the process that started it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const main = join(import.meta.dirname, "../src/cli/main.ts");

/** A bridge that listens. */
export interface TestBridge {
  readonly port: number;
  /** The process id of the command. */
  readonly pid: number;
  /** Ends it as Ctrl-C does; resolves with its exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts the command with `words` behind it, and waits until it listens.
 * @example const bridge = await startBridge(server, "--queue", "mail");
 */
export async function startBridge(
  { url, token }: { readonly url: string; readonly token: string },
  ...words: readonly string[]
): Promise<TestBridge> {
  const bridge = spawn(process.execPath, [main, "redis", "--port", "0", ...words], {
    env: { ...process.env, SLUICE_URL: url, SLUICE_TOKEN: token },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const kill = (): void => void bridge.kill("SIGKILL");
  process.once("exit", kill);
  const exited = once(bridge, "exit").then(([code]) => {
    process.off("exit", kill);
    return code as number | null;
  });
  // It is not what keeps this process alive, but for the time that it takes to end.
  bridge.unref();
  const stop = (): Promise<number | null> => {
    bridge.ref();
    bridge.kill("SIGTERM");
    return exited;
  };
  let said = "";
  for await (const text of bridge.stderr) {
    said += String(text);
    const [, port] = /^redis:\/\/[^:]+:(\d+) is queue/.exec(said) ?? [];
    if (port === undefined || bridge.pid === undefined) continue;
    return { port: Number(port), pid: bridge.pid, stop };
  }
  throw new Error(`the bridge did not start: ${said}`);
}
