/**
 * Who may ask: the one bearer token of this deployment.
 * Invariant: without a configured token nothing is served, and a comparison takes as long for a near miss as for any miss.
 */
import { timingSafeEqual } from "node:crypto";
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
/** The token this isolate saw last, and its bytes: encoded once, not once per request. */
let known = { token: "", bytes: encoder.encode("") };

function bytesOf(token: string): Uint8Array {
  // A trailing newline is easily put into a secret, and no header can carry it.
  if (token !== known.token) known = { token, bytes: encoder.encode(token.trim()) };
  return known.bytes;
}

/** Why a deployment without a token serves nothing, or undefined when it has one. */
export function configured(env: AuthEnv): Refusal | undefined {
  return bytesOf(env.SLUICE_TOKEN ?? "").length === 0 ? notConfigured : undefined;
}

/**
 * Why a request may not be served, or undefined when it may.
 * @param authorization The request's `Authorization` header.
 */
export function authorize(authorization: string | null, env: AuthEnv): Refusal | undefined {
  const refusal = configured(env);
  if (refusal !== undefined) return refusal;
  if (authorization?.slice(0, 7).toLowerCase() !== "bearer ") return unauthorized;
  const expected = bytesOf(env.SLUICE_TOKEN ?? "");
  const given = encoder.encode(authorization.slice(7).trim());
  const same = given.length === expected.length && timingSafeEqual(given, expected);
  return same ? undefined : unauthorized;
}
