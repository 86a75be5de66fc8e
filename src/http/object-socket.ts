/**
 * Sockets to a queue's object, for what the Worker hands on to a caller or speaks over itself.
 * Invariant: whoever asks for one here has shown the token.
 */
import type { QueueStub } from "../contract/rpc.ts";

/** What the object answers to who asks it for a socket: one, or a refusal. */
export const connectTo = (stub: QueueStub, path: string): Promise<Response> =>
  stub.fetch(`https://queue${path}`, { headers: { upgrade: "websocket" } });

/** A socket. Throws where the object gives none. */
export async function socketTo(stub: QueueStub, path: string): Promise<WebSocket> {
  const { webSocket } = await connectTo(stub, path);
  if (webSocket === null) throw new Error("the queue's object gave no socket");
  return webSocket;
}
