/**
 * What is published, as the server-sent events of Upstash's protocol.
 * Invariant: events come in the order in which they were published, and a reader that hangs up closes the connection to the queue's object; of one that
 * does not keep up no more is held than a bound.
 */
import { limits } from "../contract/limits.ts";
import { textOf } from "../redis/binary.ts";
import type { GateReply } from "../redis/frames.ts";
import type { Call } from "../redis/requests.ts";
import { listen, say } from "./redis-socket.ts";

/** How often a reader is sent a comment: either side learns whether the other is there. */
const PULSE_MS = 10_000;

/** Follows channels or patterns by a call on a socket, as events. */
export function eventsOf(socket: WebSocket, call: Call, signal: AbortSignal): Response {
  const encoder = new TextEncoder();
  let leave: () => void = () => undefined;
  const source: UnderlyingSource<Uint8Array> = {
    start(controller: ReadableStreamDefaultController<Uint8Array>) {
      let isOver = false;
      const pulse = setInterval(() => tell(":\n\n"), PULSE_MS);
      leave = () => {
        isOver = true;
        clearInterval(pulse);
        socket.close(1000, "done");
      };
      const stop = () => {
        if (isOver) return;
        leave();
        controller.close();
      };
      const tell = (text: string): void => {
        if (isOver) return;
        controller.enqueue(encoder.encode(text));
        // What the reader has not taken: it is cut off, as a client of Redis is whose buffer is full.
        if (-(controller.desiredSize ?? 0) > limits.redisEventsBehindBytesMax) stop();
      };
      signal.addEventListener("abort", stop);
      listen(socket, { tell: (frame) => tell(eventOf(frame)), lost: stop });
      say(socket, call);
      if (signal.aborted) stop();
    },
    cancel: () => leave(),
  };
  // Without a mark, what the reader has not taken is all that `desiredSize` counts.
  const body = new ReadableStream(source, { highWaterMark: 0, size: weightOf });
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

/** What an event counts that is held. */
const weightOf = ({ byteLength }: Uint8Array): number =>
  Math.max(byteLength, limits.redisEventBytesLeast);

/** @example eventOf({ push: ["message", "news", "hello"] }) // "data: message,news,hello\n\n" */
function eventOf(frame: GateReply): string {
  const isPush = typeof frame === "object" && frame !== null && "push" in frame;
  const words = isPush ? frame.push : ["error", JSON.stringify(frame)];
  const lines = textOf(words.join(",")).split(/\r\n|\r|\n/);
  return `${lines.map((line) => `data: ${line}`).join("\n")}\n\n`;
}
