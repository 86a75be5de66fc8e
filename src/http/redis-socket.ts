/**
 * A Redis connection of the Worker's own to a queue's object, over which it says one call, in RESP3.
 * Invariant: what is said is told to the end: each frame behind the greeting's, or that the connection is lost.
 */
import { Buffer } from "node:buffer";
import { encodeCall, type GateReply } from "../redis/frames.ts";
import { ReplyParser } from "../redis/replies.ts";
import type { Call } from "../redis/requests.ts";

interface Listener {
  /** A frame has come. */
  tell(frame: GateReply): void;
  /** Nothing comes any more. */
  lost(): void;
}

/** Says a call on a socket, and listens to what comes of it. */
export function say(socket: WebSocket, call: Call, { tell, lost }: Listener): void {
  const parser = new ReplyParser();
  let isGreeted = false;
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", ({ data }) => {
    for (const frame of parser.push(new Uint8Array(data as ArrayBuffer))) {
      if (isGreeted) tell(frame);
      isGreeted = true;
    }
  });
  socket.addEventListener("close", lost);
  socket.addEventListener("error", lost);
  socket.accept();
  socket.send(Buffer.from(encodeCall(["HELLO", "3"]) + encodeCall(call), "latin1"));
}
