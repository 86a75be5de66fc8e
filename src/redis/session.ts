/**
 * What is known of one connection between two of its calls, besides a transaction.
 * Invariant: it is small plain data, so that it is kept with the socket while the object sleeps.
 */
import type { RespOpening } from "../contract/sockets.ts";
import type { Protocol } from "./frames.ts";

/** Changed only by the commands of `connection-commands.ts`, `client-command.ts` and `pubsub.ts`. */
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
  /** Channels, and patterns of channels, of which it is told what is published. */
  channels: readonly string[];
  patterns: readonly string[];
  /** It says what it has taken of what it was sent. */
  readonly saysTaken?: true;
  /** The client has said that it goes, or was ended: nothing that it says is heard any more. */
  isOver: boolean;
  /** Of a connection in a dialect of AGQ. */
  agq?: AgqMemory;
}

/** What a connection of an AGQ program is remembered by. */
export interface AgqMemory {
  /** Which generation of AGQ's workers it speaks like. */
  readonly form: "g1" | "g2";
  /** Which worker it is, once it has said so by PING. */
  worker?: string;
  /** The job that it was handed last. */
  held?: HeldJob;
  /** How many of its claims have waited. */
  waits?: number;
  /** What its worker can do, if that has said so: for when it is registered no more. */
  tools?: KnownTools;
}

/** The tools that a worker has announced. */
interface KnownTools {
  readonly worker: string;
  /** With commas between them; left out where they are too long to be kept with a socket. */
  readonly names?: string;
}

/** A job in an AGQ worker's hands. */
export interface HeldJob {
  readonly id: string;
  readonly token: string;
  /** It has said what the job came to. */
  readonly isSettled?: true;
}

/** The session of a connection that has said nothing yet. */
export const newSession = (
  id: number,
  since: number,
  { needsAuth = false, saysTaken = false }: Partial<RespOpening> = {},
): Session => ({
  ...{ id, since, needsAuth },
  ...(saysTaken && { saysTaken }),
  isAuthorized: !needsAuth,
  protocol: 2,
  name: "",
  libName: "",
  libVersion: "",
  channels: [],
  patterns: [],
  isOver: false,
});
