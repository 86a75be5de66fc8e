/**
 * What a queue's object knows of its Redis connections between them, for INFO.
 * Invariant: it counts in memory alone, from when the object woke; nothing here decides anything.
 */
import type { GateReply } from "../redis/frames.ts";
import { infoOf } from "../redis/info.ts";
import type { Call } from "../redis/requests.ts";
import type { PubSub } from "./pubsub.ts";
import type { RespSocket } from "./resp-kept.ts";
import { keyspaceOf, type RespQueue } from "./resp-queue.ts";

export interface InfoPorts extends RespQueue {
  readonly queue: string;
  /** Clients whose calls wait. */
  readonly line: { readonly size: number };
  /** The sockets that are open. */
  sockets(): readonly RespSocket[];
  now(): number;
  databaseBytes(): number;
}

export class RespInfo {
  readonly #ports: InfoPorts;
  readonly #pubsub: Pick<PubSub, "counts">;
  readonly #since: number;
  #connections = 0;
  #calls = 0;
  /** The second in which a call came last, and how many came in it and in the one before. */
  #second = 0;
  #inSecond = 0;
  #before = 0;

  constructor(ports: InfoPorts, pubsub: Pick<PubSub, "counts">) {
    this.#ports = ports;
    this.#pubsub = pubsub;
    this.#since = ports.now();
  }

  /** A connection has begun. */
  opened(): void {
    this.#connections += 1;
  }

  /** A call has come over one. */
  heard(): void {
    this.#calls += 1;
    this.#turn();
    this.#inSecond += 1;
  }

  /** The reply to INFO. */
  tell(call: Call): Promise<GateReply> {
    this.#turn();
    const ports = this.#ports;
    const clients = ports.sockets().filter((socket) => socket.isOpen()).length;
    return infoOf(call, {
      ...{ queue: ports.queue, now: ports.now(), since: this.#since },
      ...{ clients, blocked: ports.line.size, ...this.#pubsub.counts },
      ...{ connections: this.#connections, calls: this.#calls, callsPerSecond: this.#before },
      databaseBytes: ports.databaseBytes(),
      keyspace: () => keyspaceOf(ports),
    });
  }

  /** Begins another second, if it is one. */
  #turn(): void {
    const second = Math.floor(this.#ports.now() / 1000);
    if (second === this.#second) return;
    this.#before = second === this.#second + 1 ? this.#inSecond : 0;
    this.#inSecond = 0;
    this.#second = second;
  }
}
