/**
 * One process for a job, in a process group of its own.
 * Invariant: when `runProcess` resolves, the group has been ended as far as the system lets us, nothing outside of it was
 * signalled, and no timer or listener of it is left.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { Capture } from "./output.ts";

export interface ProcessSpec {
  /** A program, found on the PATH of `env` unless it has a slash; no shell reads it. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Its standard input; without one it reads an end at once. */
  readonly input?: Buffer | undefined;
  /** As long as it takes unless given. */
  readonly timeoutMs?: number;
  /** How long a group that was asked to end may take before it is killed. */
  readonly graceMs: number;
  /** Ends the process as its timeout does. */
  readonly signal?: AbortSignal | undefined;
  readonly stdoutBytesMax: number;
  readonly stderrBytesMax: number;
}

/** How a process ended. Without an exit code and a signal it was not started, or could not be ended. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it was not started. */
  readonly startError?: NodeJS.ErrnoException;
  /** Why it was told to end, if it was; also when it then ended by itself. */
  readonly ended?: "timeout" | "aborted";
  readonly stdout: Capture;
  readonly stderr: Capture;
}

/** How the leader of a group ended. */
type Exit = Pick<ProcessEnd, "exitCode" | "signal" | "startError">;

/**
 * How long `runProcess` takes at most once it was told to end a process: the group its grace and its death, the pipes as long.
 */
export const endsWithinMs = (graceMs: number): number => 2 * (graceMs + 2 * KILLED_MS);

/** How long a killed group may take to be gone: a process that waits for a disk may take forever. */
const KILLED_MS = 1_000;
const LOOK_MS = 20;

/** The groups that run now, each by the process id of its leader. */
const live = new Set<number>();

/** The last thing this process does: what it started must not go on without it. */
function killAll(): void {
  for (const group of live) signalGroup(group, "SIGKILL");
}

/**
 * Runs a process to its end. What it leaves running in its group is ended with it. Never rejects.
 * @example
 * const { exitCode, stdout } = await runProcess({ command: "sort", args: ["-r"], cwd: "/tmp", env: {},
 * input: Buffer.from("a\nb\n"), timeoutMs: 1_000, graceMs: 5_000, stdoutBytesMax: 1024, stderrBytesMax: 1024 });
 * stdout.bytes.toString() // "b\na\n"
 */
export async function runProcess(spec: ProcessSpec): Promise<ProcessEnd> {
  const captures = {
    stdout: new Capture(spec.stdoutBytesMax),
    stderr: new Capture(spec.stderrBytesMax),
  };
  let child: ChildProcess;
  try {
    child = start(spec);
  } catch (error) {
    // Arguments that are too long together, for one, are refused at once.
    return { exitCode: null, signal: null, startError: error as Error, ...captures };
  }
  const leader = new Promise<Exit>((resolve) => {
    child.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
    child.on("error", (startError) => resolve({ exitCode: null, signal: null, startError }));
  });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  // Without file descriptors left, a child has no streams, whatever its type says.
  child.stdout?.on("data", (chunk: Buffer) => captures.stdout.write(chunk));
  child.stderr?.on("data", (chunk: Buffer) => captures.stderr.write(chunk));
  // A process that does not read its input closes it early: that is no error.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(spec.input);

  const { pid } = child;
  if (pid === undefined) return { ...(await leader), ...captures };
  const end = await endOf(pid, leader, spec);
  // A process that left the group may hold the pipes for as long as it likes.
  await within(closed, Math.max(spec.graceMs, KILLED_MS));
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  child.unref();
  return { ...end, ...captures };
}

function start({ command, args, cwd, env, input }: ProcessSpec): ChildProcess {
  const stdin = input === undefined ? "ignore" : "pipe";
  return spawn(command, args, {
    cwd,
    env,
    shell: false,
    detached: true,
    stdio: [stdin, "pipe", "pipe"],
  });
}

/** Waits for the leader to exit, or until it is time to end it, and ends what is left of its group. */
async function endOf(
  pid: number,
  leader: Promise<Exit>,
  { timeoutMs, graceMs, signal }: ProcessSpec,
): Promise<Exit & Pick<ProcessEnd, "ended">> {
  if (live.size === 0) process.once("exit", killAll);
  live.add(pid);
  const ended = await firstOf(leader, timeoutMs, signal);
  await endGroup(pid, graceMs);
  live.delete(pid);
  if (live.size === 0) process.off("exit", killAll);
  if (ended === undefined) return await leader;
  // Whatever could not be killed is not waited for.
  const exit = await within(leader, KILLED_MS);
  return { ...(exit ?? { exitCode: null, signal: null }), ended };
}

/** Why a process is to be ended now; nothing once its leader has exited by itself. */
async function firstOf(
  leader: Promise<Exit>,
  timeoutMs: number | undefined,
  signal: AbortSignal | undefined,
): Promise<ProcessEnd["ended"]> {
  const told = Promise.withResolvers<"timeout" | "aborted">();
  const abort = (): void => told.resolve("aborted");
  const timeout = () => told.resolve("timeout");
  const timer = timeoutMs === undefined ? undefined : setTimeout(timeout, timeoutMs);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted === true) abort();
  try {
    return await Promise.race([leader.then(() => undefined), told.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

async function endGroup(group: number, graceMs: number): Promise<void> {
  if (!signalGroup(group, "SIGTERM") || (await isGone(group, graceMs))) return;
  signalGroup(group, "SIGKILL");
  await isGone(group, KILLED_MS);
}

/**
 * Looks until no process of the group is left, or time is up. Once a group was seen gone nothing signals it again: only
 * then may its number be given to a stranger.
 */
async function isGone(group: number, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs;
  while (signalGroup(group, 0)) {
    const leftMs = until - performance.now();
    if (leftMs <= 0) return false;
    await sleep(Math.min(LOOK_MS, leftMs));
  }
  return true;
}

/** Signals a group. Returns whether there still is one, also when it may not be signalled. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** What a promise resolves with, or nothing when that takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const woken = new AbortController();
  const late = sleep(ms, undefined, { signal: woken.signal }).catch(() => undefined);
  const first = await Promise.race([promise, late]);
  woken.abort();
  return first;
}
