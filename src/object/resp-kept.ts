/**
 * The socket of a Redis connection, and what is kept with it while the object sleeps.
 * Invariant: what is kept fits the platform's bound; where more would have to be, that is said in its place.
 */
import { limits } from "../contract/limits.ts";
import type { BlockedCall, Connection } from "../redis/connection.ts";
import type { Call } from "../redis/requests.ts";
import type { Session } from "../redis/session.ts";
import type { Blocked } from "./blocked.ts";
import type { Kept } from "./waiters.ts";

/** A socket, as far as a connection needs it. */
export interface RespSocket {
  /** What is kept with it while the object sleeps. */
  kept(): KeptConnection | undefined;
  keep(kept: KeptConnection): void;
  /** Whether the other side has not closed it, as far as is known. */
  isOpen(): boolean;
  /** Throws once the other side has closed it. */
  send(bytes: Uint8Array): void;
  close(code: number, reason: string): void;
}

/** A call that waits, its place in the line, the calls behind it, and the protocol error behind these. */
export interface KeptBlocked extends BlockedCall {
  readonly order: number;
  readonly behind: readonly Call[];
  readonly error?: string | undefined;
  /** Where it waits for a job. */
  readonly claim?: Kept | undefined;
}

export interface KeptConnection {
  readonly session: Session;
  /** Whether there was more, which only the instance remembers that the socket belongs to. */
  readonly isHeld: boolean;
  readonly blocked?: KeptBlocked | undefined;
}

/** A connection, as far as something of it is kept. */
interface Keeping {
  readonly connection: Connection;
  readonly waiting: Blocked | undefined;
  readonly claim: { kept(): Kept | undefined } | undefined;
  readonly isAnswered: boolean;
}

/** What is kept of a connection: a call that waits, those behind it, and what it follows, as far as they fit. */
export function keptOf({ connection, waiting, claim, isAnswered }: Keeping): KeptConnection {
  const { session, behind, error } = connection;
  const isHeld = connection.isHeld || isAnswered;
  const blocked = waiting && {
    ...{ call: waiting.blocker.call, until: waiting.blocker.until },
    ...{ order: waiting.order, behind, error, claim: claim?.kept() },
  };
  const kept = { session, isHeld, ...(blocked && !isHeld && { blocked }) };
  if (JSON.stringify(kept).length <= limits.respKeptCharsMax) return kept;
  return { session: { ...session, channels: [], patterns: [] }, isHeld: true };
}

/** Sends something. A socket that takes nothing any more is that of a client that has gone. */
export function sendTo(socket: RespSocket, bytes: Uint8Array): void {
  try {
    socket.send(bytes);
  } catch {
    // Its close is told by the platform.
  }
}
