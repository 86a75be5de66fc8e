/**
 * One Redis client of the load: a bare socket, pipelines as bytes that were made beforehand, replies that are counted and not read.
 * Invariant: one pipeline at a time, which is over with its last reply; a reply that is an error, or nothing, ends the benchmark.
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { host } from "../../scripts/server.ts";
import { encodeCall } from "../../src/redis/frames.ts";

/** Calls that are sent in one go. */
export interface Pipeline {
  readonly bytes: Buffer;
  readonly calls: number;
  /** Of all their replies: a number or a status has one, a text two, and each element of a list adds its own. */
  readonly lines: number;
}

/** @param linesEach Lines of the reply to each call. */
export function pipelineOf(calls: readonly (readonly string[])[], linesEach = 1): Pipeline {
  const bytes = Buffer.from(calls.map(encodeCall).join(""), "latin1");
  return { bytes, calls: calls.length, lines: linesEach * calls.length };
}

/** Gives out pipelines that were made beforehand, one after the other, again and again. */
export function inTurn(pipelines: readonly Pipeline[]): () => Pipeline {
  let sent = 0;
  return () => {
    const next = pipelines[sent % pipelines.length];
    if (next === undefined) throw new Error("There is nothing to send.");
    sent += 1;
    return next;
  };
}

/** As many as are asked for, each made anew. */
export const repeated = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

/** Of an answer that was not expected, so much is shown. */
const SAID_BYTES_MAX = 200;
const LF = 10;
/** Errors and nothing begin with it, and no text of the load has one. */
const DASH = 45;

export class RespClient {
  readonly #socket: Socket;
  readonly #latenciesMs: number[];
  #lines = 0;
  #heard: Buffer[] = [];
  /** Of the pipeline that is under way. */
  #answered: PromiseWithResolvers<void> | undefined;

  private constructor(socket: Socket, latenciesMs: number[]) {
    this.#socket = socket;
    this.#latenciesMs = latenciesMs;
    socket.on("data", (bytes) => this.#hear(bytes));
    socket.on("close", () => this.#answered?.reject(closed()));
    // Its close is told as well.
    socket.on("error", () => undefined);
    // Where a figure fails it is not closed, and must not keep the benchmark from ending: the server does while it is there.
    socket.unref();
  }

  /** Connects. The time of every pipeline, in milliseconds, is added to `latenciesMs`. */
  static async open(port: number, latenciesMs: number[] = []): Promise<RespClient> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, "connect");
    return new RespClient(socket, latenciesMs);
  }

  /** Sends a pipeline. Resolves with its number of calls once all are answered. */
  async send({ bytes, calls, lines }: Pipeline): Promise<number> {
    const sentAt = performance.now();
    await this.#exchange(bytes, lines);
    this.#latenciesMs.push(performance.now() - sentAt);
    return calls;
  }

  /** The integer that a call is answered with. */
  async integer(...call: readonly string[]): Promise<number> {
    const answer = await this.#exchange(Buffer.from(encodeCall(call), "latin1"), 1);
    return Number(answer.toString("latin1", 1));
  }

  close(): void {
    this.#socket.destroy();
  }

  async #exchange(bytes: Buffer, lines: number): Promise<Buffer> {
    if (this.#socket.destroyed) throw closed();
    this.#lines = lines;
    this.#heard = [];
    this.#answered = Promise.withResolvers();
    this.#socket.write(bytes);
    await this.#answered.promise;
    this.#answered = undefined;
    return Buffer.concat(this.#heard);
  }

  #hear(bytes: Buffer): void {
    this.#heard.push(bytes);
    if (bytes.includes(DASH)) {
      const said = bytes.toString("latin1", 0, SAID_BYTES_MAX);
      this.#answered?.reject(new Error(`A call was answered ${JSON.stringify(said)}`));
      return;
    }
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) this.#lines -= 1;
    if (this.#lines === 0) this.#answered?.resolve();
  }
}

const closed = (): Error => new Error("A Redis connection was closed.");
