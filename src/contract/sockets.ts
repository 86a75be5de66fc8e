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
  /** The client says by text messages how many bytes of the replies it has taken. */
  taken: z.literal("said").optional(),
});

/** Where the Worker asks an object for a socket, by what it is for. */
export const socketPaths = {
  channel: "/connect",
  feed: "/feed",
  /** Bytes of RESP, both ways. */
  resp: "/resp",
  wait: "/wait",
} as const;

/** Where the Worker asks for a Redis connection. */
export function respPath({ dialect, needsAuth = false, saysTaken = false }: RespOpening): string {
  const auth = needsAuth && { auth: "required" };
  const taken = saysTaken && { taken: "said" };
  return `${socketPaths.resp}?${new URLSearchParams({ dialect, ...auth, ...taken })}`;
}

/** How a Redis connection begins. */
export interface RespOpening {
  readonly dialect: Dialect;
  /** Its client has to prove by AUTH that it has the token, though whoever carries it has shown one. */
  readonly needsAuth?: boolean;
  /** Its client says what of the replies it has taken. */
  readonly saysTaken?: boolean;
}

/** What the query of a Redis connection's address asks for. */
export const respOpening = (query: z.infer<typeof respQuery>): RespOpening => ({
  dialect: query.dialect ?? "redis",
  needsAuth: query.auth === "required",
  saysTaken: query.taken === "said",
});

/** What the query of that path asks for. */
export function respAsked(search: string): RespOpening {
  return respOpening(respQuery.parse(Object.fromEntries(new URLSearchParams(search))));
}
