/**
 * The Sluice under measurement: the bench's Worker on plain workerd, alone on a directory of its own.
 * Invariant: it ends with this process, and its directory is removed when it stops.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../../scripts/build.ts";
import { type Kept, keep } from "../../scripts/kept.ts";
import { host } from "../../scripts/server.ts";

const workerd = createRequire(import.meta.url)("workerd") as { readonly default: string };

/** A server to measure. */
export interface BenchServer {
  readonly url: string;
  readonly token: string;
  /** Where its inspector listens, when it was asked for. */
  readonly inspectorUrl: string | undefined;
  /** The bundle it runs. */
  readonly module: string;
  /** Microseconds of CPU that workerd has used, where the system tells: what others do on the machine is not in it. */
  cpuUs(): number | undefined;
  /** Bytes of memory that workerd holds, where the system tells. */
  rssBytes(): number | undefined;
  stop(): Promise<void>;
}

interface Listening {
  readonly event: "listen" | "listen-inspector";
  readonly port: number;
}

/** Starts the bench's Worker, with workerd's inspector when `isInspected`. */
export async function startBenchServer(isInspected = false): Promise<BenchServer> {
  const { config, module } = await build(join(import.meta.dirname, "worker/index.ts"));
  const dataDir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const objects = join(dataDir, "objects");
  mkdirSync(objects);
  const args = ["serve", config, "--control-fd=3", `--socket-addr=http=${host}:0`];
  args.push(`--directory-path=objects=${objects}`);
  if (isInspected) args.push(`--inspector-addr=${host}:0`);
  const token = randomBytes(32).toString("hex");
  const env = { SLUICE_TOKEN: token };
  const server = await keep({ dataDir, command: workerd.default, args, env });
  const inspector = isInspected ? await listening(server, "listen-inspector") : undefined;
  const { url, pid } = await listening(server, "listen");
  const stop = async (): Promise<void> => {
    process.off("SIGINT", interrupt);
    await server.stop();
    rmSync(dataDir, { recursive: true });
  };
  // A million jobs are not left behind in the directory for temporary files.
  const interrupt = (): void => void stop().finally(() => process.exit(130));
  process.on("SIGINT", interrupt);
  const seen = { cpuUs: () => cpuUs(pid), rssBytes: () => rssBytes(pid) };
  return { url, token, module, inspectorUrl: inspector?.url, ...seen, stop };
}

async function listening(server: Kept, event: Listening["event"]) {
  const { line, pid } = await server.control();
  const said = JSON.parse(line) as Listening;
  if (said.event !== event) throw new Error(`workerd said ${line} instead of ${event}.`);
  return { url: `http://${host}:${said.port}`, pid };
}

/**
 * Microseconds of CPU that a process has used, where the system tells. Linux counts in hundredths of a second; user and system time
 * are the 14th and 15th fields. macOS tells as much by `ps`.
 */
export function cpuUs(pid: number): number | undefined {
  if (process.platform === "darwin") return cpuUsOfPs(pid);
  if (process.platform !== "linux") return undefined;
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(12, 14);
  return (Number(user) + Number(system)) * 10_000;
}

/** `ps` says minutes:seconds.hundredths, and hours before them where there are any. */
function cpuUsOfPs(pid: number): number {
  const text = execFileSync("ps", ["-o", "time=", "-p", String(pid)], { encoding: "utf8" });
  const seconds = text
    .trim()
    .split(":")
    .reduce((total, part) => total * 60 + Number(part), 0);
  return seconds * 1_000_000;
}

function rssBytes(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return kib === undefined ? undefined : Number(kib) * 1024;
}
