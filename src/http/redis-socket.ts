/**
 * A Redis connection of the Worker's own to a queue's object, in RESP3.
 * Invariant: what comes of a call is told to the end: each frame behind the greeting's, or that the connection is lost.
 */
import { Buffer } from "node:buffer";
import type { RespOpening } from "../contract/sockets.ts";
import { encodeCall, type GateReply } from "../redis/frames.ts";
import { ReplyParser } from "../redis/replies.ts";
import type { Call } from "../redis/requests.ts";
import { Takings } from "../redis/taken.ts";

/** How it begins. */
export const ofTheGate: RespOpening = { dialect: "redis", saysTaken: true };

interface Listener {
  /** A frame has come. */
  tell(frame: GateReply): void;
  /** Nothing comes any more. */
  lost(): void;
}

/** Takes a socket, greets the queue on it, and listens to what comes behind the greeting. */
export function listen(socket: WebSocket, { tell, lost }: Listener): void {
  const parser = new ReplyParser();
  const takings = new Takings((text) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(text);
  });
  let isGreeted = false;
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => {
    const bytes = new Uint8Array(data as ArrayBuffer);
    for (const frame of parser.push(bytes)) {
      if (isGreeted) tell(frame);
      isGreeted = true;
    }
    takings.take(bytes.byteLength);
  });
  socket.addEventListener("close", lost);
  socket.addEventListener("error", lost);
  socket.accept();
  say(socket, ["HELLO", "3"]);
}

/** Says a call on a socket. */
export const say = (socket: WebSocket, call: Call): void =>
  socket.send(Buffer.from(encodeCall(call), "latin1"));

/** A connection that is asked one thing after another. */
export class RedisCaller {
  readonly #socket: WebSocket;
  #heard = Promise.withResolvers<GateReply>();
  #isLost = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    listen(socket, {
      tell: (frame) => this.#heard.resolve(frame),
      lost: () => {
        this.#isLost = true;
        this.#heard.reject(new Error("the connection of a call was lost"));
      },
    });
    // It may be lost while nothing is asked.
    this.#heard.promise.catch(() => undefined);
  }

  /** Whether nothing can be asked any more. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** The reply to a call. Rejects where the connection is lost before. */
  ask(call: Call): Promise<GateReply> {
    this.#heard = Promise.withResolvers();
    say(this.#socket, call);
    return this.#heard.promise;
  }

  close(): void {
    this.#socket.close(1000, "done");
  }
}
