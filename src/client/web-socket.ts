/**
 * WebSockets as the platform has them, and how a token travels where they can set no header.
 * Invariant: nothing here is needed by a program that goes by requests alone.
 */
import type { BEARER_SUBPROTOCOL } from "../contract/channel.ts";

const BEARER: typeof BEARER_SUBPROTOCOL = "sluice.bearer.";
const encoder = new TextEncoder();

/** Opens a WebSocket that offers subprotocols. */
export type OpenWebSocket = (url: string, protocols: string[]) => WebSocket;

/** The global `WebSocket`, where there is one. */
export function globalWebSocket(): OpenWebSocket | undefined {
  if (typeof WebSocket === "undefined") return undefined;
  return (url, protocols) => new WebSocket(url, protocols);
}

/** The subprotocol that carries a token. */
export function bearerSubprotocol(token: string): string {
  const base64 = btoa(String.fromCharCode(...encoder.encode(token.trim())));
  return BEARER + base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
