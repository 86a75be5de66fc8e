/**
 * How a worker's channel is opened: the upgrade of a request to a socket on the queue's object.
 * Invariant: no socket is made for a request that is not authorized or not understood; the token that came as a subprotocol goes no
 * further than the gate.
 */
import { SUBPROTOCOL } from "../contract/channel.ts";
import { accept, type Checked, reject } from "../contract/checked.ts";
import { refuse } from "../contract/refusals.ts";
import type { QueueStub } from "../contract/rpc.ts";
import { socketPaths } from "../contract/sockets.ts";
import { socketTo } from "./object-socket.ts";
import { refusalResponse } from "./problems.ts";

/** Whether a request asks for a channel, as it has to. */
function checkUpgrade({ headers }: Request): Checked<undefined> {
  if (headers.get("upgrade")?.toLowerCase() !== "websocket") return reject(notUpgraded);
  const offered = (headers.get("sec-websocket-protocol") ?? "").split(",");
  const isKnown = offered.some((name) => name.trim() === SUBPROTOCOL);
  return isKnown ? accept(undefined) : reject(notOffered);
}

/** Opens a channel, or says why not. */
export async function openChannel(request: Request, stub: QueueStub): Promise<Response> {
  const checked = checkUpgrade(request);
  if ("refusal" in checked) {
    return refusalResponse(checked.refusal, { upgrade: "websocket" });
  }
  const webSocket = await socketTo(stub, socketPaths.channel);
  return new Response(null, {
    status: 101,
    webSocket,
    headers: { "sec-websocket-protocol": SUBPROTOCOL },
  });
}

const notUpgraded = refuse(
  "upgrade_required",
  `A channel is a WebSocket: connect with the subprotocol ${SUBPROTOCOL}.`,
);
const notOffered = refuse(
  "subprotocol_unknown",
  `Offer the subprotocol ${SUBPROTOCOL}: it is the only one known here.`,
);
