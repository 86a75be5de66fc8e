/**
 * Who may ask: the one bearer token of this deployment.
 * Invariant: without a configured token nothing is served, and a comparison takes as long for a near miss as for any miss.
 */
import { timingSafeEqual } from "node:crypto";
import { BEARER_SUBPROTOCOL } from "../contract/channel.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";

/** The part of the Worker's environment that says who may ask. */
export interface AuthEnv {
  readonly SLUICE_TOKEN?: string;
}

/** Stands for the token in idempotency keys, so that a key belongs to the token that used it. */
export const tokenScope = "t";

const notConfigured = refuse(
  "not_configured",
  "SLUICE_TOKEN is not set: set it with `wrangler secret put SLUICE_TOKEN`, or run `npm start`.",
);
const unauthorized = refuse(
  "unauthorized",
  "Send the token in the header `Authorization: Bearer <token>`.",
);

const encoder = new TextEncoder();
/** The token this isolate saw last, in its two forms: encoded once, not once per request. */
let known = { token: "", bytes: encoder.encode(""), subprotocol: encoder.encode("") };

function knownOf({ SLUICE_TOKEN: token = "" }: AuthEnv): typeof known {
  if (token === known.token) return known;
  // A trailing newline is easily put into a secret, and no header can carry it.
  const bytes = encoder.encode(token.trim());
  known = { token, bytes, subprotocol: encoder.encode(base64url(bytes)) };
  return known;
}

function base64url(bytes: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Why a deployment without a token serves nothing, or undefined when it has one. */
export function configured(env: AuthEnv): Refusal | undefined {
  return knownOf(env).bytes.length === 0 ? notConfigured : undefined;
}

/**
 * Why a request may not be served, or undefined when it may.
 * @param headers The request's: the token stands in `Authorization`, or, where a WebSocket cannot set that, among the subprotocols.
 */
export function authorize(headers: Headers, env: AuthEnv): Refusal | undefined {
  const refusal = configured(env);
  if (refusal !== undefined) return refusal;
  const { bytes, subprotocol } = knownOf(env);
  const authorization = headers.get("authorization");
  if (authorization === null) {
    const offered = offeredBearer(headers);
    return offered !== undefined && isSame(offered, subprotocol) ? undefined : unauthorized;
  }
  if (authorization.slice(0, 7).toLowerCase() !== "bearer ") return unauthorized;
  return isSame(authorization.slice(7).trim(), bytes) ? undefined : unauthorized;
}

/** Whether this is the token; where none is configured, nothing is. */
export function isToken(given: string, env: AuthEnv): boolean {
  return configured(env) === undefined && isSame(given, knownOf(env).bytes);
}

function isSame(said: string, expected: Uint8Array): boolean {
  const given = encoder.encode(said);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** The token that stands among the subprotocols, in base64url. */
function offeredBearer(headers: Headers): string | undefined {
  const offered = headers.get("sec-websocket-protocol")?.split(",") ?? [];
  const name = offered
    .map((each) => each.trim())
    .find((each) => each.startsWith(BEARER_SUBPROTOCOL));
  return name?.slice(BEARER_SUBPROTOCOL.length);
}
