/**
 * Claims of AGQ's workers: calls of Redis connections that wait for a job, each a wait like any other in the queue's line.
 * Invariant: what a claim is about stands with the socket of its connection, so that it outlives the instance; what it was given is its client's once that
 * was sent it, and is given back if the client has gone before.
 */
import type { HeldLease } from "../contract/leases.ts";
import { unpackAnswer } from "../contract/packing.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { WAITING, type Wait } from "../contract/waits.ts";
import type { AgqPorts } from "../redis/agq/command.ts";
import { sessionOf } from "./channels.ts";
import type { RespSocket } from "./resp-kept.ts";
import type { Kept, WaitSocket } from "./waiters.ts";

/** The queue's jobs, as AGQ's commands need them. */
export interface JobsDoor {
  /** Performs a command, and resolves once what it saw is durable. */
  ask(request: CommandRequest): Promise<CommandAnswer>;
  /** Hears somebody who waits. */
  hear(socket: WaitSocket, text: string): Promise<void>;
  /** Somebody who waited has gone. */
  leave(socket: WaitSocket): void;
  /** The leases of jobs that were handed out for a session. */
  heldBy(session: string): readonly HeldLease[];
}

/** A claim that waits: the wait of no socket of its own. */
export class RespClaim implements WaitSocket {
  /** Is told what came of it. */
  onAnswer: ((answer: CommandAnswer) => void) | undefined;
  readonly #socket: Pick<RespSocket, "isOpen">;
  #kept: Kept | undefined;

  /** `kept`: what stood with the socket, of a claim that the instance before took. */
  constructor(socket: Pick<RespSocket, "isOpen">, kept?: Kept) {
    this.#socket = socket;
    this.#kept = kept;
  }

  kept(): Kept | undefined {
    return this.#kept;
  }

  keep(kept: Kept): void {
    this.#kept = kept;
  }

  send(text: string): void {
    if (text === WAITING) return;
    if (!this.#socket.isOpen()) throw new Error("the client has gone");
    this.onAnswer?.(unpackAnswer(text));
  }

  /** Only channels are closed by the queue. */
  close(): void {
    throw new Error("a claim is not closed");
  }

  pingedAt(): number {
    return 0;
  }
}

/** The claims that stand with sockets which outlived the instance before. */
export function claimsOn(sockets: readonly RespSocket[]): ReadonlyMap<RespSocket, RespClaim> {
  const claims = new Map<RespSocket, RespClaim>();
  for (const socket of sockets) {
    const kept = socket.kept()?.blocked?.claim;
    if (kept !== undefined) claims.set(socket, new RespClaim(socket, kept));
  }
  return claims;
}

/** The wait that a claim is. It goes on asking also where its worker is to have nothing for now. */
export const waitFor = (request: CommandRequest<"lease.claim">): string =>
  JSON.stringify({ kind: "jobs", request, isStanding: true } satisfies Wait);

/** What AGQ's commands ask of the queue. */
export const agqPorts = (door: JobsDoor): Pick<AgqPorts, "command" | "sessionOf" | "leasesOf"> => ({
  command: (name, input) => door.ask({ v: 1, name, input, bytes: JSON.stringify(input).length }),
  sessionOf: agqSession,
  leasesOf: (worker) => door.heldBy(agqSession(worker)),
});

/** What finds the leases of a worker again that comes on another connection. */
const agqSession = (worker: string): string => sessionOf(`agq ${worker}`);
