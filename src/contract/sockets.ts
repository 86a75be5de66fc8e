/**
 * How the Worker asks an object for a socket, and what the socket is for.
 * Invariant: only the Worker reaches these addresses, once the caller has shown the token.
 */
import * as z from "zod";
import { type Dialect, dialects } from "./dialects.ts";

/** What a Redis connection's address may say. */
export const respQuery = z.strictObject({
  /** How the queue's names are seen: as a plain Redis, or as the AGQ of one of two generations of workers. */
  dialect: z.enum(dialects).optional(),
  /** The client has to send AUTH, as to a Redis with a password. */
  auth: z.literal("required").optional(),
});

/** Where the Worker asks an object for a socket, by what it is for. */
export const socketPaths = {
  channel: "/connect",
  feed: "/feed",
  /** Bytes of RESP, both ways. */
  resp: "/resp",
  wait: "/wait",
} as const;

/** Where the Worker asks for a Redis connection; `needsAuth`: its client has to prove by AUTH that it has the token, though whoever carries it has shown one. */
export const respPath = (dialect: Dialect, needsAuth: boolean): string =>
  `${socketPaths.resp}?${new URLSearchParams({ dialect, ...(needsAuth && { auth: "required" }) })}`;

/** How a Redis connection begins. */
export interface RespOpening {
  readonly dialect: Dialect;
  readonly needsAuth: boolean;
}

/** What the query of that path asks for. */
export function respAsked(search: string): RespOpening {
  const said = Object.fromEntries(new URLSearchParams(search));
  const { dialect = "redis", auth } = respQuery.parse(said);
  return { dialect, needsAuth: auth === "required" };
}
