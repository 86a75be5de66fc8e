/**
 * An engine and the Redis clients of its object, which are evicted together.
 * Invariant: what is known between two instances is what stands in storage and with the sockets.
 */
import { Buffer } from "node:buffer";
import type { RespOpening } from "../../src/contract/sockets.ts";
import { RespConnections } from "../../src/object/resp.ts";
import { encodeCall } from "../../src/redis/frames.ts";
import { splitInline } from "../../src/redis/inline.ts";
import type { Call } from "../../src/redis/requests.ts";
import { command } from "./commands.ts";
import { notAsked, TestSocket } from "./resp-socket.ts";
import { EngineRig, turns } from "./rig.ts";

interface Timer {
  readonly at: number;
  readonly work: () => void;
}

export class RedisRig extends EngineRig {
  readonly sockets: TestSocket[] = [];
  readonly timers = new Set<Timer>();
  connections = this.#connections();

  /** A rig whose queue exists and is registered, with no alarm armed. */
  static async quiet(): Promise<RedisRig> {
    const rig = new RedisRig();
    await rig.client().says("DEL a");
    await rig.engine.submit(command("queue.configure", {}));
    await rig.fire();
    return rig;
  }

  /** A client that has just connected. */
  client(opening: Partial<RespOpening> = {}): RedisClient {
    const socket = new TestSocket();
    this.sockets.push(socket);
    this.connections.open(socket, { dialect: "redis", ...opening });
    return new RedisClient(this, socket);
  }

  /** Time passes, and what is to be done by then is done. */
  async passes(ms: number): Promise<void> {
    this.now += ms;
    for (const timer of [...this.timers]) {
      if (timer.at <= this.now && this.timers.delete(timer)) timer.work();
    }
    await turns();
  }

  /** A new instance, which knows the sockets again. */
  override async evict(): Promise<void> {
    this.timers.clear();
    await super.evict();
    this.connections = this.#connections();
    this.engine.blocked.serve();
    this.connections.endLost();
    await turns();
  }

  #connections(): RespConnections {
    const { engine } = this;
    return new RespConnections({
      queue: "q",
      line: engine.blocked,
      sockets: () => this.sockets.filter(({ closed }) => closed === 0),
      submit: (request) => engine.submit(request),
      read: (request) => engine.read(request),
      databaseBytes: () => this.sql.bytes,
      isToken: () => true,
      now: () => this.now,
      after: (ms, work) => {
        const timer = { at: this.now + ms, work };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
      report: this.report,
      ...{ jobs: notAsked, claims: new Map() },
    });
  }
}

/** One client: lines in, bytes out. */
export class RedisClient {
  readonly socket: TestSocket;
  readonly #rig: RedisRig;

  constructor(rig: RedisRig, socket: TestSocket) {
    this.#rig = rig;
    this.socket = socket;
  }

  /** Sends lines in one message. */
  send(...lines: readonly string[]): void {
    this.call(lines.map((line) => splitInline(line) ?? []));
  }

  /** Sends calls in one message. */
  call(calls: readonly Call[]): void {
    this.bytes(calls.map(encodeCall).join(""));
  }

  /** Sends bytes in one message, as they are. */
  bytes(text: string): void {
    const bytes = new Uint8Array(Buffer.from(text, "latin1"));
    this.#rig.connections.hear(this.socket, bytes.buffer).catch(this.#rig.abort);
  }

  /** Sends lines in one message, and gives what it was told once everything that this sets off has happened. */
  async says(...lines: readonly string[]): Promise<string> {
    this.send(...lines);
    await turns();
    return this.heard();
  }

  /** What it was told since it was asked last. */
  heard(): string {
    const { sent } = this.socket;
    this.socket.sent = "";
    return sent;
  }

  /** Says how many bytes it has taken. */
  async takes(bytes: number): Promise<void> {
    this.#rig.connections.hear(this.socket, `taken ${bytes}`).catch(this.#rig.abort);
    await turns();
  }

  /** Whether a call of it waits. */
  get isWaiting(): boolean {
    return this.socket.kept()?.blocked !== undefined;
  }

  /** The client goes, and the object is told. */
  leave(): void {
    this.socket.closed += 1;
    this.#rig.connections.leave(this.socket);
  }
}
