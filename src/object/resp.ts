/**
 * Redis connections: sockets that carry RESP, over which the object sleeps.
 * Invariant: a session stands in its socket's attachment, and so does a call that waits, for a name or for a job; what does not fit there (part of a call, a transaction,
 * watched names, long calls) keeps the object awake for a time, and a connection that lost it is ended with an error, never gone on with.
 */

import { limits } from "../contract/limits.ts";
import type { CommandAnswer } from "../contract/rpc.ts";
import type { RespOpening } from "../contract/sockets.ts";
import { ENOUGH } from "../contract/waits.ts";
import { AgqConversation, isClaim } from "../redis/agq/dialect.ts";
import { heardBy } from "../redis/agq/plain.ts";
import { AllUntaken } from "../redis/all-untaken.ts";
import { type BlockedCall, Connection, type ConnectionPorts } from "../redis/connection.ts";
import { following } from "../redis/pubsub.ts";
import { newSession } from "../redis/session.ts";
import { untakenClose } from "../redis/taken.ts";
import type { BlockedClients, Blocker } from "./blocked.ts";
import { agqPorts, type JobsDoor, RespClaim, waitFor } from "./resp-claims.ts";
import { RespHub } from "./resp-hub.ts";
import { type KeptBlocked, keptOf, type RespSocket, sendTo } from "./resp-kept.ts";
import { type Live, LiveConnections } from "./resp-live.ts";
import { queuePorts, type RespQueue } from "./resp-queue.ts";

export interface RespPorts extends RespQueue {
  readonly queue: string;
  /** Clients whose calls wait. */
  readonly line: Pick<BlockedClients, "enter" | "leave" | "nextOrder" | "serve" | "size">;
  /** The sockets that are open, at first those that outlived the instance before. */
  sockets(): readonly RespSocket[];
  databaseBytes(): number;
  isToken(password: string): boolean;
  now(): number;
  /** Does something later, which keeps the object awake until then. Returns what calls it off. */
  after(ms: number, work: () => void): () => void;
  report(error: unknown, what: string): void;
  readonly jobs: JobsDoor;
  /** Claims that stand with sockets that outlived the instance before. */
  readonly claims: ReadonlyMap<RespSocket, RespClaim>;
}

const encoder = new TextEncoder();
const NORMAL = { code: 1000, reason: "bye" } as const;
const TOO_LONG =
  "the connection was silent for too long within a call, a transaction or a WATCH, or took no replies";
const LOST =
  "ERR the queue began anew, and part of a call, a transaction, a WATCH or the reply to a call that waited is lost";

export class RespConnections {
  readonly #ports: RespPorts;
  readonly #live = new LiveConnections();
  readonly #untaken: AllUntaken;
  readonly #hub: RespHub;
  /** Connections that were ended and whose sockets are not gone: what they were sent is in memory for so long. */
  readonly #ended = new Map<RespSocket, Connection>();
  readonly #lost: RespSocket[] = [];
  #lastId = 0;

  constructor(ports: RespPorts) {
    this.#ports = ports;
    this.#untaken = new AllUntaken();
    this.#hub = new RespHub(this.#live, ports);
    this.#restore(ports.sockets());
  }

  /** Ends those of which something was lost with the instance before: some of them would wait for ever. */
  endLost(): void {
    for (const socket of this.#lost.splice(0)) this.#recall(socket);
  }

  /** Knows those again whose calls wait, in the order in which they came, and those that follow something. */
  #restore(sockets: readonly RespSocket[]): void {
    const waiting: (KeptBlocked & { readonly socket: RespSocket })[] = [];
    for (const socket of sockets) {
      const kept = socket.kept();
      // One that accepted the socket may have ended before it said anything of it.
      if (kept === undefined) continue;
      this.#lastId = Math.max(this.#lastId, kept.session.id);
      if (kept.isHeld) this.#lost.push(socket);
      else if (kept.blocked !== undefined) waiting.push({ ...kept.blocked, socket });
      else if (following(kept.session) > 0) this.#recall(socket);
    }
    waiting.sort((a, b) => a.order - b.order);
    for (const { socket, order, ...blocked } of waiting) {
      const live = this.#recall(socket);
      if (live === undefined) continue;
      live.waiting = this.#ports.line.enter(this.#blockerOf(socket, live, blocked), order);
      const claim = this.#ports.claims.get(socket);
      if (claim !== undefined) this.#expect(socket, live, claim);
    }
  }

  /** Begins a connection on a socket. */
  open(socket: RespSocket, opening: RespOpening): void {
    const now = this.#ports.now();
    // Greater than that of every connection that is there, and of almost all that were, also before the object slept.
    this.#lastId = Math.max(this.#lastId + 1, now);
    const session = newSession(this.#lastId, now, opening);
    const { dialect } = opening;
    if (dialect !== "redis") session.agq = { form: dialect === "agq-g1" ? "g1" : "g2" };
    socket.keep({ session, isHeld: false });
    this.#hub.info.opened();
  }

  /** Hears bytes of a socket. Resolves once what they ask for is answered, or waits. */
  async hear(socket: RespSocket, data: string | ArrayBuffer): Promise<void> {
    const live = this.#live.get(socket) ?? this.#recall(socket);
    if (live === undefined) return;
    if (live.connection.session.saysTaken && typeof data === "string") {
      live.connection.taken(data);
      this.#remember(socket, live);
      return;
    }
    const bytes = typeof data === "string" ? encoder.encode(data) : new Uint8Array(data);
    await this.#following(socket, live, live.connection.receive(bytes));
  }

  /** Remembers what there is while a connection works, and behind it. */
  async #following(socket: RespSocket, live: Live, work: Promise<void>): Promise<void> {
    this.#remember(socket, live);
    await work;
    this.#remember(socket, live);
  }

  /** The client has gone. */
  leave(socket: RespSocket): void {
    const connection = this.#drop(socket) ?? this.#ended.get(socket);
    this.#ended.delete(socket);
    connection?.leave();
  }

  /** A connection is no more; returns it. */
  #drop(socket: RespSocket): Connection | undefined {
    const live = this.#live.get(socket);
    if (live === undefined) return undefined;
    live.callOff?.();
    if (live.waiting !== undefined) this.#ports.line.leave(live.waiting);
    if (live.claim !== undefined) this.#ports.jobs.leave(live.claim);
    this.#live.delete(socket);
    this.#hub.leave(live);
    return live.connection;
  }

  /** The connection of a socket that this instance has not heard yet; none where more was to be remembered than there is. */
  #recall(socket: RespSocket): Live | undefined {
    const kept = socket.kept();
    if (kept === undefined) throw new Error("resp: a socket has no session");
    if (kept.session.isOver) return undefined;
    const ports = this.#portsOf(socket);
    const { session, blocked } = kept;
    const agq =
      session.agq &&
      new AgqConversation(session, session.agq, { ...ports, ...agqPorts(this.#ports.jobs) });
    const connection = new Connection(session, ports, blocked, agq);
    if (kept.isHeld) {
      connection.fail(LOST);
      connection.leave();
      return undefined;
    }
    const live: Live = {
      ...{ connection, agq, kept: JSON.stringify(kept), isAnswered: false },
      ...{ callOff: undefined, waiting: undefined, claim: undefined, heldBytes: 0 },
    };
    this.#live.set(socket, live);
    this.#hub.enter(live);
    return live;
  }

  #portsOf(socket: RespSocket): ConnectionPorts {
    const ports = this.#ports;
    return {
      queue: ports.queue,
      now: () => ports.now(),
      isToken: (password) => ports.isToken(password),
      report: (error, what) => ports.report(error, what),
      ...queuePorts(ports),
      send: (bytes) => sendTo(socket, bytes),
      end: (untaken) => {
        const connection = this.#drop(socket);
        if (connection !== undefined) this.#ended.set(socket, connection);
        // Nothing that still comes over it is heard, by whichever instance.
        const kept = socket.kept();
        if (kept !== undefined) {
          socket.keep({ session: { ...kept.session, isOver: true }, isHeld: false });
        }
        const { code, reason } = untaken ? untakenClose : NORMAL;
        socket.close(code, reason);
      },
      untaken: this.#untaken,
      heard: () => this.#hub.info.heard(),
      block: (blocked) => this.#block(socket, blocked),
      hub: this.#hub.of(socket),
      stall: () => {
        const live = this.#live.get(socket);
        if (live !== undefined) this.#remember(socket, live);
      },
    };
  }

  /** A call waits from now on. */
  #block(socket: RespSocket, blocked: BlockedCall): void {
    const live = this.#live.get(socket);
    if (live === undefined) return;
    const { line } = this.#ports;
    live.waiting = line.enter(this.#blockerOf(socket, live, blocked), line.nextOrder());
    const { isForJobs = false } = live.waiting.blocker;
    if (isForJobs) this.#claim(socket, live);
    this.#remember(socket, live);
    // A claim was tried as it came.
    if (!isForJobs) line.serve();
  }

  #blockerOf(socket: RespSocket, live: Live, { call, until }: BlockedCall): Blocker {
    const setAnswered = (isAnswered: boolean): void => {
      live.isAnswered = isAnswered;
      this.#remember(socket, live);
    };
    const { agq, connection } = live;
    return {
      ...{ call, until, isForJobs: agq !== undefined && isClaim(call) },
      isThere: () => socket.isOpen(),
      isAnswered: () => setAnswered(true),
      isUnanswered: () => setAnswered(false),
      answer: (reply) => {
        // What a claim has been given meanwhile it is told soon.
        if (live.claim !== undefined) return this.#sayFor(live.claim, ENOUGH);
        live.waiting = undefined;
        live.isAnswered = false;
        this.#unblocked(
          socket,
          live,
          connection.unblock(agq === undefined ? reply : heardBy(call, reply)),
        );
      },
    };
  }

  /** Remembers what there is while a connection goes on whose call waited. */
  #unblocked(socket: RespSocket, live: Live, work: Promise<void>): void {
    this.#following(socket, live, work).catch((error: unknown) =>
      this.#ports.report(error, "redis connection"),
    );
  }

  /** A call waits for a job from now on. */
  #claim(socket: RespSocket, live: Live): void {
    const { agq } = live;
    if (agq === undefined) throw new Error("a plain Redis waits for no jobs");
    const claim = new RespClaim(socket);
    this.#expect(socket, live, claim);
    this.#sayFor(claim, waitFor(agq.claim()));
  }

  #sayFor(claim: RespClaim | undefined, text: string): void {
    if (claim === undefined) return;
    const { jobs, report } = this.#ports;
    jobs.hear(claim, text).catch((error: unknown) => report(error, "agq claim"));
  }

  /** Sees to what comes of a claim. */
  #expect(socket: RespSocket, live: Live, claim: RespClaim): void {
    live.claim = claim;
    claim.onAnswer = (answer) => {
      const isGone = "refusal" in answer && answer.refusal.refusalCode === "answer_gone";
      if (!isGone) return this.#claimed(socket, live, answer);
      // What it was given by an instance that could not tell it so is its own no longer.
      this.#claim(socket, live);
      if (this.#isLate(live)) this.#sayFor(live.claim, ENOUGH);
      this.#remember(socket, live);
    };
  }

  /** Whether a call has waited for as long as it would. */
  #isLate({ waiting }: Live): boolean {
    const until = waiting?.blocker.until;
    return until !== undefined && until <= this.#ports.now();
  }

  #claimed(socket: RespSocket, live: Live, answer: CommandAnswer): void {
    const { agq, waiting, connection } = live;
    if (agq === undefined) throw new Error("a plain Redis waits for no jobs");
    if (waiting !== undefined) this.#ports.line.leave(waiting);
    live.waiting = undefined;
    live.isAnswered = true;
    const reply = agq.claimed(answer).then((told) => {
      // It is sent at once: what it was given is its client's.
      live.claim = undefined;
      live.isAnswered = false;
      return told;
    });
    this.#unblocked(socket, live, connection.unblock(reply));
  }

  /** Writes down what has changed, and sees to it that nothing is held for ever. */
  #remember(socket: RespSocket, live: Live): void {
    if (this.#live.get(socket) !== live) return;
    this.#live.weigh(live);
    // It may have held most.
    if (this.#live.get(socket) !== live) return;
    const kept = keptOf(live);
    const text = JSON.stringify(kept);
    if (text !== live.kept) socket.keep(kept);
    live.kept = text;
    live.callOff?.();
    live.callOff =
      kept.isHeld && !live.isAnswered
        ? this.#ports.after(limits.respHeldMsMax, () => live.connection.fail(`ERR ${TOO_LONG}`))
        : undefined;
  }
}
