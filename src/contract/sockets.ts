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

/** A Redis connection: bytes of RESP, both ways. */
export const RESP_URL = "https://queue/resp";
/** Of a Redis connection: its client has to prove by AUTH that it has the token, though whoever carries it has shown one. */
const NEEDS_AUTH = "auth=required";

/** The address that asks for a Redis connection. */
export const respUrl = (needsAuth: boolean): string =>
  RESP_URL + (needsAuth ? `?${NEEDS_AUTH}` : "");

/** Whether the client of a Redis connection has to prove who it is. */
export const wantsAuth = (url: string): boolean => url.endsWith(`?${NEEDS_AUTH}`);
