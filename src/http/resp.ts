/**
 * Redis connections through the gate: a WebSocket whose messages are slices of a stream of RESP, handed on to the queue's object.
 * Invariant: nothing opens a socket that has not shown the token, so that a stranger wakes no object.
 */

import { isRejected } from "../contract/checked.ts";
import { refuse } from "../contract/refusals.ts";
import type { QueueStub } from "../contract/rpc.ts";
import { respOpening, respPath, respQuery } from "../contract/sockets.ts";
import { fromQuery } from "./inputs.ts";
import { connectTo } from "./object-socket.ts";
import { refusalResponse } from "./problems.ts";

/** Opens a connection to a queue for a caller that has shown the token. */
export async function openResp(request: Request, stub: QueueStub): Promise<Response> {
  const query = fromQuery(respQuery, request.url);
  if (isRejected(query)) return refusalResponse(query.refusal);
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return refusalResponse(noUpgrade, { upgrade: "websocket" });
  }
  return await connectTo(stub, respPath(respOpening(query.value)));
}

const noUpgrade = refuse(
  "upgrade_required",
  "This address is a WebSocket: `sluice redis` carries Redis clients to it.",
);
