/**
 * What is known of one connection between two of its calls, besides a transaction.
 * Invariant: it is small plain data, so that it is kept with the socket while the object sleeps.
 */
import type { Protocol } from "./frames.ts";

/** Changed only by the commands of `connection-commands.ts`. */
export interface Session {
  readonly id: number;
  /** Whether the client has to prove by AUTH that it has the token. */
  readonly needsAuth: boolean;
  readonly since: number;
  isAuthorized: boolean;
  protocol: Protocol;
  name: string;
  libName: string;
  libVersion: string;
  /** The client has said that it goes: nothing that it says is heard any more. */
  isOver: boolean;
}

/** The session of a connection that has said nothing yet. */
export const newSession = (id: number, since: number, needsAuth = false): Session => ({
  ...{ id, since, needsAuth },
  isAuthorized: !needsAuth,
  protocol: 2,
  name: "",
  libName: "",
  libVersion: "",
  isOver: false,
});
