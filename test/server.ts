/**
 * A real Sluice for tests: the built bundle on plain workerd, on a free port and a data directory of its own.
 * Invariant: it ends with the test process; a directory that it made is removed when it stops.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../scripts/build.ts";
import { serve } from "../scripts/server.ts";

export interface TestServerOptions {
  /** Kept when given, to start again on it; otherwise a temporary one, removed by `stop`. */
  readonly dataDir?: string;
  /** The Worker's entry point, by default that of wrangler.toml. */
  readonly main?: string;
}

export interface TestServer {
  readonly url: string;
  readonly token: string;
  readonly dataDir: string;
  /** The process id of workerd. */
  readonly pid: number;
  /** Lets requests under way end, then ends workerd. */
  stop(): Promise<void>;
  /** Ends workerd as a crash would; the data directory stays for the next server. */
  kill9(): Promise<void>;
}

/**
 * Builds what is not fresh, starts it, and waits until it answers.
 * @example const server = await startServer(); afterAll(() => server.stop());
 */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const bundle = await build(options.main);
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "sluice-test-"));
  const token = randomBytes(32).toString("hex");
  const { url, pid, stop, kill9 } = await serve({ bundle, dataDir, token });
  return {
    url,
    token,
    dataDir,
    pid,
    kill9,
    stop: async () => {
      await stop();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true });
    },
  };
}
