/**
 * Redis clients of a queue engine, in a dialect of AGQ's: what they say, what they are sent, and time that ends their waits.
 * Invariant: what a connection remembers is what really would be kept with its socket; nothing but that survives a crash.
 */
import { Buffer } from "node:buffer";
import { commands } from "../../src/contract/commands.ts";
import type { Dialect } from "../../src/contract/dialects.ts";
import { RespConnections } from "../../src/object/resp.ts";
import { claimsOn, type JobsDoor } from "../../src/object/resp-claims.ts";
import { encodeCall } from "../../src/redis/frames.ts";
import type { Harness } from "../engine-harness.ts";
import { TestSocket } from "./resp-socket.ts";

export const TOKEN = "s3cret-key";

interface Timer {
  readonly at: number;
  readonly work: () => void;
}

export class AgqRig {
  readonly #q: Harness;
  readonly #clients = new Map<string, TestSocket>();
  readonly #timers = new Set<Timer>();
  #connections: RespConnections;
  #claims: ReturnType<typeof claimsOn> = new Map();

  constructor(q: Harness) {
    this.#q = q;
    q.claims = () => {
      this.#claims = claimsOn(this.#sockets());
      return [...this.#claims.values()];
    };
    q.started = () => {
      this.#timers.clear();
      this.#connections = this.#start();
    };
    this.#connections = this.#start();
  }

  #sockets(): TestSocket[] {
    return [...this.#clients.values()].filter((socket) => socket.isOpen());
  }

  #start(): RespConnections {
    const { engine } = this.#q;
    const ask: JobsDoor["ask"] = (request) => {
      const isRead = commands[request.name].access === "read";
      return isRead ? engine.read(request) : engine.submit(request);
    };
    return new RespConnections({
      queue: "mail",
      line: engine.blocked,
      sockets: () => this.#sockets(),
      claims: this.#claims,
      submit: ask,
      read: ask,
      databaseBytes: () => this.#q.sql.bytes,
      isToken: (password) => password === TOKEN,
      now: () => this.#q.now,
      after: (ms, work) => {
        const timer = { at: this.#q.now + ms, work };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
      report: (error) => this.#q.faults.push(error),
      jobs: {
        ask,
        hear: (socket, text) => engine.hear(socket, text),
        leave: (socket) => engine.leave(socket),
        heldBy: (session) => engine.heldBy(session),
      },
    });
  }

  connect(name: string, dialect: Dialect, needsAuth = false): void {
    const socket = new TestSocket();
    this.#clients.set(name, socket);
    this.#connections.open(socket, { dialect, needsAuth });
  }

  /** A client says calls in one piece; what it is sent comes once they are performed. */
  say(name: string, ...calls: readonly (readonly string[])[]): void {
    const bytes = Buffer.from(calls.map(encodeCall).join(""), "latin1");
    const heard = this.#connections.hear(this.#client(name), new Uint8Array(bytes).buffer);
    heard.catch((error: unknown) => this.#q.faults.push(error));
  }

  /** Says calls, and gives all that the client was sent by then. */
  async ask(name: string, ...calls: readonly (readonly string[])[]): Promise<string> {
    this.say(name, ...calls);
    await this.#q.settled();
    await this.#q.settled();
    return this.take(name);
  }

  /** What a client was sent since it was looked at last. */
  take(name: string): string {
    const socket = this.#client(name);
    const { sent } = socket;
    socket.sent = "";
    return sent;
  }

  /** What stands with a client's socket. */
  kept(name: string): string {
    return JSON.stringify(this.#client(name).kept());
  }

  /** Has a socket be as it was: what was written to it since, its instance did not come to write. */
  rewind(name: string, kept: string): void {
    this.#client(name).keep(JSON.parse(kept) as object);
    this.take(name);
  }

  /** A client goes, and nobody has heard of that yet. */
  close(name: string): void {
    this.#client(name).close();
  }

  /** How many timers keep the object awake. */
  get timers(): number {
    return this.#timers.size;
  }

  isClosed(name: string): boolean {
    return !this.#client(name).isOpen();
  }

  /** What each client was sent since it was looked at last, for people to read. */
  *sent(): Generator<readonly [name: string, text: string]> {
    for (const [name, socket] of this.#clients) {
      const text = Buffer.from(this.take(name), "latin1").toString();
      const shown = text.replaceAll("\r", "\\r").replaceAll("\n", "\\n");
      if (text !== "") yield [name, shown];
      if (!socket.isOpen()) {
        yield [name, "(closed)"];
        this.#clients.delete(name);
      }
    }
  }

  hangUp(name: string): void {
    const socket = this.#client(name);
    socket.close();
    this.#connections.leave(socket);
    this.#clients.delete(name);
  }

  /** A crash: connections stand as they are kept with their sockets. */
  async reopen(): Promise<void> {
    await this.#q.reopen();
    this.#connections.endLost();
    await this.#q.settled();
  }

  /** Lets time pass: alarms fire, and waits end. */
  async advance(ms: number): Promise<void> {
    const until = this.#q.now + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > until) break;
      this.#timers.delete(next);
      await this.#q.advance(Math.max(0, next.at - this.#q.now));
      next.work();
      await this.#q.settled();
    }
    await this.#q.advance(until - this.#q.now);
    await this.#q.settled();
  }

  #client(name: string): TestSocket {
    const socket = this.#clients.get(name);
    if (socket === undefined) throw new Error(`no client is called ${name}`);
    return socket;
  }
}
