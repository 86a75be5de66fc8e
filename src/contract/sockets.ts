/**
 * How the Worker asks an object for a socket, and what the socket is for.
 * Invariant: only the Worker reaches these addresses, once the caller has shown the token.
 */
import * as z from "zod";

/** What a Redis connection's address may say. */
export const respQuery = z.strictObject({
  /** How the queue's names are seen: as a plain Redis. */
  dialect: z.literal("redis").optional(),
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

/** Of a Redis connection: its client has to prove by AUTH that it has the token, though whoever carries it has shown one. */
const NEEDS_AUTH = "?auth=required";

/** Where the Worker asks for a Redis connection. */
export const respPath = (needsAuth: boolean): string =>
  socketPaths.resp + (needsAuth ? NEEDS_AUTH : "");

/** Whether the client of a Redis connection has to prove who it is, by the query of that path. */
export const wantsAuth = (search: string): boolean => search === NEEDS_AUTH;
