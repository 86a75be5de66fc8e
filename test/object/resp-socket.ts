/**
 * A Redis client's socket for tests of the object's side.
 * Invariant: what is kept with it is JSON, as large as the platform takes it.
 */
import { Buffer } from "node:buffer";
import { limits } from "../../src/contract/limits.ts";
import type { JobsDoor } from "../../src/object/resp-claims.ts";
import type { RespSocket } from "../../src/object/resp-kept.ts";

/** A socket that keeps what really would be kept. */
export class TestSocket implements RespSocket {
  sent = "";
  closed = 0;
  /** The code with which it was closed. */
  closedWith: number | undefined;
  writes = 0;
  #kept: string | undefined;

  kept() {
    return this.#kept === undefined
      ? undefined
      : (JSON.parse(this.#kept) as ReturnType<RespSocket["kept"]>);
  }
  keep(kept: object): void {
    this.#kept = JSON.stringify(kept);
    this.writes += 1;
    if (this.#kept.length > limits.attachmentBytesMax) throw new Error("too much to keep");
  }
  isOpen(): boolean {
    return this.closed === 0;
  }
  send(bytes: Uint8Array): void {
    this.sent += Buffer.from(bytes).toString("latin1");
  }
  close(code?: number): void {
    this.closed += 1;
    this.closedWith = code;
  }
}

/** A plain Redis needs nothing of jobs. */
export const notAsked: JobsDoor = {
  ask: () => Promise.reject(new Error("a plain Redis asks for no jobs")),
  hear: () => Promise.reject(new Error("a plain Redis waits for no jobs")),
  leave: () => undefined,
  heldBy: () => [],
};
