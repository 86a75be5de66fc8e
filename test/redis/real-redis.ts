/**
 * A real redis-server of this test's own, and a reader of its replies, for comparing.
 * Invariant: it listens on a socket in a directory of its own, writes nothing, and ends with the test.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A reply of RESP2 as far as it can be compared: integers as texts, since JSON has none of 64 bits. */
export type Resp2 =
  | string
  | null
  | { readonly ok: string }
  | { readonly error: string }
  | { readonly integer: string }
  | { readonly nilArray: true }
  | readonly Resp2[];

/** The version of the program on this machine; undefined where there is none. */
export function redisVersion(): string | undefined {
  try {
    return /v=(\S+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "latin1" }))?.[1];
  } catch {
    return undefined;
  }
}

export class RealRedis {
  readonly #process: ChildProcess;
  readonly #directory: string;
  readonly #socket: Socket;
  #received = "";
  #wake: () => void = () => undefined;

  private constructor(process: ChildProcess, directory: string, socket: Socket) {
    this.#process = process;
    this.#directory = directory;
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#received += text;
      this.#wake();
    });
  }

  static async start(): Promise<RealRedis> {
    const directory = mkdtempSync(join(tmpdir(), "sluice-redis-"));
    const path = join(directory, "socket");
    const where = ["--port", "0", "--unixsocket", path, "--dir", directory, "--databases", "1"];
    const process = spawn("redis-server", [...where, "--save", ""], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await new Promise<void>((resolve, reject) => {
      let log = "";
      process.once("exit", () => reject(new Error(`redis-server did not start: ${log}`)));
      process.stdout.on("data", (text: Buffer) => {
        log += text.toString("latin1");
        if (/ready to accept connections/i.test(log)) resolve();
      });
    });
    const socket = connect(path);
    await once(socket, "connect");
    return new RealRedis(process, directory, socket);
  }

  /** Sends calls in one go, and gives their replies. */
  async run(calls: readonly (readonly string[])[]): Promise<Resp2[]> {
    const texts = calls.map((call) => {
      const words = call.map((word) => `$${word.length}\r\n${word}\r\n`);
      return `*${call.length}\r\n${words.join("")}`;
    });
    this.#socket.write(texts.join(""), "latin1");
    const replies: Resp2[] = [];
    for (const _ of calls) replies.push(await this.#reply());
    return replies;
  }

  async stop(): Promise<void> {
    this.#socket.destroy();
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
    rmSync(this.#directory, { recursive: true });
  }

  async #reply(): Promise<Resp2> {
    const line = await this.#take((text) => {
      const end = text.indexOf("\r\n");
      return end < 0 ? undefined : end + 2;
    });
    const rest = line.slice(1, -2);
    if (line.startsWith("+")) return { ok: rest };
    if (line.startsWith("-")) return { error: rest };
    if (line.startsWith(":")) return { integer: rest };
    const length = Number(rest);
    if (line.startsWith("$")) {
      if (length < 0) return null;
      return (
        await this.#take((text) => (text.length < length + 2 ? undefined : length + 2))
      ).slice(0, -2);
    }
    if (length < 0) return { nilArray: true };
    const replies: Resp2[] = [];
    for (let i = 0; i < length; i += 1) replies.push(await this.#reply());
    return replies;
  }

  /** Takes as much of what was received as `lengthOf` says; it waits while that is undefined. */
  async #take(lengthOf: (received: string) => number | undefined): Promise<string> {
    for (;;) {
      const length = lengthOf(this.#received);
      if (length !== undefined) {
        const text = this.#received.slice(0, length);
        this.#received = this.#received.slice(length);
        return text;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
