/**
 * Who stays with the queue on a socket: callers that wait, workers with a channel, and Redis clients whose calls wait.
 * Invariant: one order for all that wait for jobs; a socket is heard as what it is, and nothing is waited for at a store that must not be
 * written.
 */
import { encodeReply } from "../contract/commands.ts";
import type { HeldLease } from "../contract/leases.ts";
import { packAnswer } from "../contract/packing.ts";
import type { Refusal } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import type { Wait } from "../contract/waits.ts";
import type { WorkerState } from "../contract/workers.ts";
import type { View } from "../machine/decide.ts";
import { noJobs } from "../machine/leases.ts";
import type { Claimer } from "../machine/queue.ts";
import { workerState } from "../machine/workers.ts";
import { errorOf } from "../redis/errors.ts";
import { BlockedClients } from "./blocked.ts";
import { Channels } from "./channels.ts";
import { Claimers, claimerOf } from "./claimers.ts";
import type { Committer } from "./commit.ts";
import type { Group } from "./group.ts";
import { Line, type Telling } from "./line.ts";
import { SessionLeases } from "./session-leases.ts";
import { SignsOfLife } from "./signs-of-life.ts";
import { Waiters, type WaitSocket } from "./waiters.ts";

interface CallersPorts {
  readonly committer: Committer;
  /** The sockets that outlived the instance before. */
  sockets(): readonly WaitSocket[];
  now(): number;
  view(): View | undefined;
  /** Answers a read, as of the last entry. */
  answer(request: CommandRequest): CommandAnswer;
  /** Why nothing can be waited for. */
  closed(): Refusal | undefined;
  /** Arms the alarm for what those who wait make due. */
  arm(): void;
  /** Sees to it that upkeep comes soon. */
  later(): void;
  report(error: unknown, what: string): void;
}

export class Callers {
  /** Who waits for jobs. */
  readonly line: Line;
  /** Redis clients whose calls wait. */
  readonly blocked: BlockedClients;
  readonly #ports: CallersPorts;
  readonly #waiters: Waiters;
  readonly #channels: Channels;
  readonly #signs: SignsOfLife;
  readonly #claimers = new Claimers();
  readonly #leases = new SessionLeases();

  constructor(ports: CallersPorts) {
    this.#ports = ports;
    const { committer } = ports;
    this.line = new Line(() => ports.later());
    this.blocked = new BlockedClients({
      now: () => ports.now(),
      serve: () => this.#serve(),
      later: () => ports.later(),
    });
    const common = {
      submit: (request: CommandRequest) => committer.submit(request),
      report: (error: unknown, what: string) => ports.report(error, what),
    };
    const read = (request: CommandRequest) => this.#answerNow(request);
    const stateOf = (worker: string) => this.#stateOf(worker);
    const signs = new SignsOfLife({ ...common, stateOf, now: () => ports.now() });
    this.#signs = signs;
    this.#waiters = new Waiters({ ...common, read, signs }, this.line);
    const channelPorts = {
      ...{ ...common, signs },
      heldBy: (session: string) => this.heldBy(session),
      untold: (session: string) => this.#untold(session),
      now: () => ports.now(),
      at: () => committer.at(),
      tell: (told: readonly Telling[]) => committer.tell(told),
      serve: () => this.#serve(),
    };
    this.#channels = new Channels(channelPorts, this.line);
    this.#restore(ports.sockets());
  }

  /** Knows the sockets that outlived the instance before, in the order in which they came. */
  #restore(sockets: readonly WaitSocket[]): void {
    const all = sockets.map((socket) => ({ socket, kept: socket.kept() ?? { order: 0 } }));
    all.sort((a, b) => a.kept.order - b.kept.order);
    for (const { socket, kept } of all) {
      if (kept.channel === undefined) this.#waiters.restore(socket, kept);
      else this.#channels.restore(socket, kept);
    }
  }

  /** Hears a caller: what it waits for, that it has what came of it, or what comes over its channel. */
  async hear(socket: WaitSocket, message: string | ArrayBuffer): Promise<void> {
    const { committer } = this.#ports;
    const closed = this.#ports.closed();
    // What is kept is not looked at for each frame of a channel that is known.
    if (this.#channels.knows(socket)) return await this.#channels.hear(socket, message, closed);
    const kept = socket.kept();
    if (kept?.channel !== undefined) return await this.#channels.hear(socket, message, closed);
    const text = String(message);
    if (closed !== undefined) return this.#waiters.hearClosed(socket, text, closed);
    if (kept !== undefined) return await committer.tell(this.#waiters.hear(socket, text));
    const wait = JSON.parse(text) as Wait;
    const refusal = this.#waiters.take(socket, wait);
    if (refusal !== undefined) return socket.send(packAnswer({ refusal }));
    if (wait.kind !== "jobs") return await committer.tell(this.#waiters.overBy(wait));
    this.asked(wait.request);
    this.#serve();
  }

  /** A caller has gone. */
  leave(socket: WaitSocket): void {
    if (socket.kept()?.channel === undefined) this.#waiters.leave(socket);
    else this.#channels.leave(socket);
  }

  /** The leases that a session holds. */
  heldBy(session: string): readonly HeldLease[] {
    const view = this.#ports.view();
    return view === undefined ? [] : this.#leases.of(view, session);
  }

  /** Those, and leases that are over where no entry has shown that yet. */
  #untold(session: string): readonly HeldLease[] {
    const view = this.#ports.view();
    return view === undefined ? [] : this.#leases.untold(view, session);
  }

  /** The state of a worker that is registered. */
  #stateOf(worker: string): WorkerState | undefined {
    const view = this.#ports.view();
    return view && workerState(view, worker);
  }

  /** Notes who asks for jobs. */
  asked(request: CommandRequest): void {
    this.#claimers.hear(request, this.#ports.now());
  }

  /** Those that ask for jobs: lately, or over a channel. */
  *askers(at: number): Generator<Claimer> {
    yield* this.#claimers.lately(at);
    for (const claim of this.#channels.claims()) yield claimerOf(claim);
  }

  /** Whether a worker lives, as its wait or its channel tells, or did until just now. */
  isThere(worker: string): boolean {
    if (this.#signs.wasThere(worker)) return true;
    return this.line.isWaiting(worker) || this.#channels.isThere(worker);
  }

  /** Whether somebody waits for the end of a job. */
  isAwaited(id: string): boolean {
    return this.#waiters.isAwaited(id);
  }

  /** What those are to be told who wait for the end of jobs of a group, or who have lost them. */
  ended(group: Group): readonly Telling[] {
    this.#leases.note(group);
    return [...this.#waiters.ended(group), ...this.#channels.lost(group)];
  }

  /**
   * The state is about to be replaced by another one, with which all leases end. Returns what gives what is to be told of that, to be
   * called once it is done.
   */
  replacing(why: Refusal): () => readonly Telling[] {
    const lost = this.#channels.lostAll(why);
    return () => {
      this.#leases.forget();
      this.blocked.wakeAll();
      return [...lost, ...this.#waiters.endedByNow()];
    };
  }

  /** Nothing can be waited for any more: whoever does is told so. */
  refuse(closed: Refusal): void {
    this.#waiters.refuse(closed);
    this.#channels.refuse(closed);
    this.blocked.refuse({ error: errorOf(closed) });
  }

  /** Serves who waits, as far as that goes at once. */
  #serve(): void {
    this.#ports.committer.pump();
    // Where nothing can be waited for, nobody does now, and nothing comes due.
    if (this.#ports.closed() === undefined) this.#ports.arm();
  }

  /** What a caller is told that waits no longer. */
  #answerNow(request: CommandRequest): CommandAnswer {
    const { view, committer, answer, closed } = this.#ports;
    if (request.name !== "lease.claim") return answer(request);
    const refusal = closed();
    if (refusal !== undefined) return { refusal };
    const { input } = request as CommandRequest<"lease.claim">;
    return { reply: encodeReply("lease.claim", noJobs(view(), committer.at(), input)) };
  }
}
