/**
 * A real redis-server with a password, as a stranger's bytes meet it.
 * Invariant: it listens on a socket in a directory of its own, keeps nothing, and ends with the test.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytes } from "./bytes.ts";

/** Whether this machine has a redis-server, of the version whose replies these are. */
export function hasRedisServer(): boolean {
  try {
    return execFileSync("redis-server", ["--version"], { encoding: "latin1" }).includes("v=7.0.");
  } catch {
    return false;
  }
}

export class RealServer {
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(process: ChildProcess, directory: string) {
    this.#process = process;
    this.#directory = directory;
  }

  /** `more`: what it is started with besides. */
  static async start(password: string, ...more: readonly string[]): Promise<RealServer> {
    const directory = mkdtempSync(join(tmpdir(), "sluice-redis-"));
    const where = ["--port", "0", "--unixsocket", join(directory, "socket"), "--dir", directory];
    const args = [...where, "--save", "", "--requirepass", password, ...more];
    const process = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] });
    let log = "";
    for await (const text of process.stdout) {
      log += String(text);
      if (/ready to accept connections/i.test(log)) return new RealServer(process, directory);
    }
    throw new Error(`redis-server did not start: ${log}`);
  }

  /** All that it answers to bytes on a connection of their own. */
  async answerTo(said: string): Promise<string> {
    const socket = connect(join(this.#directory, "socket"));
    socket.setEncoding("latin1");
    let answer = "";
    socket.on("data", (text) => {
      answer += String(text);
    });
    // It closes without having read what stands behind an error.
    socket.on("error", () => undefined);
    socket.end(bytes(said));
    await once(socket, "close");
    return answer;
  }

  /** A client that stays, and has shown the password. */
  async connect(password: string): Promise<RealClient> {
    const socket = connect(join(this.#directory, "socket"));
    await once(socket, "connect");
    const client = new RealClient(socket);
    client.send(`AUTH ${password}\r\n`);
    await client.hears("+OK\r\n");
    return client;
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
    rmSync(this.#directory, { recursive: true });
  }
}

/** What a client is not told within this it is not told at all. */
const TOLD_WITHIN_MS = 2_000;

/** A connection that lasts. */
export class RealClient {
  readonly #socket: Socket;
  #heard = "";
  #news = Promise.withResolvers<void>();

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      this.#heard += String(text);
      this.#news.resolve();
      this.#news = Promise.withResolvers();
    });
  }

  send(said: string): void {
    this.#socket.write(bytes(said));
  }

  /** Waits until it was told at least as much as is expected, or for so long that it will not be, and gives what it was told. */
  async hears(expected: string): Promise<string> {
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      this.#news.resolve();
    }, TOLD_WITHIN_MS);
    while (this.#heard.length < expected.length && !isOver) await this.#news.promise;
    clearTimeout(timer);
    const heard = this.#heard;
    this.#heard = "";
    return heard;
  }

  /** Waits until it was told something that ends so, and gives all that it was told. */
  async hearsUpTo(end: string): Promise<string> {
    while (!this.#heard.endsWith(end)) await this.#news.promise;
    const heard = this.#heard;
    this.#heard = "";
    return heard;
  }

  leave(): void {
    this.#socket.destroy();
  }
}
