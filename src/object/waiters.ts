/**
 * Who waits: for jobs, in the order in which they came, and for the end of a job or an action.
 * Invariant: what a wait is about stays with its socket, so that it outlives this instance; jobs that were given to a socket which
 * closed before it took them are given back.
 */
import { encodeReply } from "../contract/commands.ts";
import { limits } from "../contract/limits.ts";
import { packAnswer } from "../contract/packing.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { ENOUGH, isOver, TAKEN, WAITING, type Wait } from "../contract/waits.ts";
import { jobReply } from "../machine/jobs-read.ts";
import type { KeptChannel } from "./channel.ts";
import { type Given, giveBack } from "./give-back.ts";
import type { Group } from "./group.ts";
import { type Claimant, demandOf, type Line, type Served, type Telling, telling } from "./line.ts";
import type { SignsOfLife } from "./signs-of-life.ts";

/** A socket, as far as a wait or a channel needs it. */
export interface WaitSocket {
  /** What is kept with it while the object sleeps. */
  kept(): Kept | undefined;
  keep(kept: Kept): void;
  /** Throws once the other side has closed it. */
  send(text: string): void;
  close(code: number, reason: string): void;
  /** When the platform last answered a ping on it, epoch ms; 0 where it never has. */
  pingedAt(): number;
}

export interface Kept {
  /** Which came first. */
  readonly order: number;
  /** Undefined once it was answered. */
  readonly wait?: Wait | undefined;
  readonly given?: Given | undefined;
  /** Of a worker's channel: it is no wait. */
  readonly channel?: KeptChannel | undefined;
}

/** One caller that waits for jobs. */
interface Waiter extends Claimant {
  readonly order: number;
  readonly socket: WaitSocket;
  isServed: boolean;
}

interface WaitersPorts {
  submit(request: CommandRequest): Promise<CommandAnswer>;
  read(request: CommandRequest): CommandAnswer;
  readonly signs: SignsOfLife;
  report(error: unknown, what: string): void;
}

export class Waiters {
  readonly #ports: WaitersPorts;
  readonly #line: Line;
  readonly #waiters = new Map<WaitSocket, Waiter>();
  /** Those that wait for an end, by what they wait for. */
  readonly #watchers = new Map<string, Set<WaitSocket>>();

  constructor(ports: WaitersPorts, line: Line) {
    this.#ports = ports;
    this.#line = line;
  }

  /** Knows a socket again that outlived the instance before. */
  restore(socket: WaitSocket, { order, wait }: Kept): void {
    if (wait !== undefined) this.#add(socket, order, wait);
  }

  /** Takes a wait, or says why not. */
  take(socket: WaitSocket, wait: Wait): Refusal | undefined {
    if (JSON.stringify(wait).length > limits.waitBytesMax) return tooLarge;
    const order = this.#line.nextOrder();
    socket.keep({ order, wait });
    socket.send(WAITING);
    this.#add(socket, order, wait);
    return undefined;
  }

  /** Hears a caller whose wait was taken. Returns what it is to be told. */
  hear(socket: WaitSocket, text: string): Telling[] {
    this.#noteTaken(socket, text);
    const kept = socket.kept();
    if (text !== ENOUGH || kept?.wait === undefined) return [];
    if (kept.wait.kind !== "jobs") return [this.#now(socket, kept.wait)];
    const waiter = this.#waiters.get(socket);
    // What it was served it is told soon.
    if (waiter === undefined || waiter.isServed) return [];
    this.#drop(waiter);
    this.#ports.signs.parting(waiter.request.input.worker);
    const answer = this.#ports.read(waiter.request);
    return [telling(() => this.#close(socket, answer))];
  }

  /** Nothing can be waited for: who waits for jobs is told why, who waits for an end what there is by now. */
  refuse(closed: Refusal): void {
    // What was served is told soon.
    const waiters = [...this.#waiters.values()].filter(({ isServed }) => !isServed);
    const watchers = [...this.#watchers.values()].flatMap((sockets) => [...sockets]);
    for (const socket of [...waiters.map((waiter) => waiter.socket), ...watchers]) {
      this.hearClosed(socket, "", closed);
    }
  }

  /** Hears a caller while nothing can be waited for: it is told at once. */
  hearClosed(socket: WaitSocket, text: string, closed: Refusal): void {
    const kept = socket.kept();
    const wait = kept === undefined ? (JSON.parse(text) as Wait) : kept.wait;
    if (wait === undefined) {
      this.#noteTaken(socket, text);
      return;
    }
    const waiter = this.#waiters.get(socket);
    if (waiter !== undefined) this.#drop(waiter);
    if (wait.kind !== "jobs") this.#unwatch(socket, wait);
    const answer = wait.kind === "jobs" ? { refusal: closed } : this.#endAsOfNow(wait);
    this.#close(socket, answer);
  }

  /** A caller that says so has what it was given. */
  #noteTaken(socket: WaitSocket, text: string): void {
    const kept = socket.kept();
    if (text === TAKEN && kept?.given !== undefined) socket.keep({ order: kept.order });
  }

  /** What there is of a job or an action, whether its end has come or not. */
  #endAsOfNow({ kind, id }: ForEnd): CommandAnswer {
    return this.#ports.read({ v: 1, name: `${kind}.get`, input: { id }, bytes: 0 });
  }

  /** What a caller is told that waits no longer for an end. */
  #now(socket: WaitSocket, wait: ForEnd): Telling {
    const answer = this.#endAsOfNow(wait);
    return telling(() => {
      if (this.#unwatch(socket, wait)) this.#close(socket, answer);
    });
  }

  /** The last that a caller is told. */
  #close(socket: WaitSocket, answer: CommandAnswer): void {
    socket.keep({ order: socket.kept()?.order ?? 0 });
    this.#send(socket, answer);
  }

  /** A socket that takes nothing any more is that of a caller who has gone. */
  #send(socket: WaitSocket, answer: CommandAnswer): void {
    const text = packAnswer(answer);
    try {
      socket.send(text);
    } catch {
      this.leave(socket);
    }
  }

  /** The caller has gone: what it was given and has not taken is given back. */
  leave(socket: WaitSocket): void {
    const waiter = this.#waiters.get(socket);
    if (waiter !== undefined) this.#drop(waiter);
    this.#ports.signs.parting(waiter?.request.input.worker);
    const { wait, given } = socket.kept() ?? {};
    if (wait !== undefined && wait.kind !== "jobs") this.#unwatch(socket, wait);
    if (given !== undefined) void giveBack(this.#ports, [given]);
    // What it was given meanwhile is given back as soon as it is told.
    else if (waiter?.isServed) waiter.isServed = false;
  }

  /** What those are to be told who wait for the end of a job or an action of these jobs. */
  ended(group: Group): Telling[] {
    if (this.#watchers.size === 0) return [];
    const { told, view } = group;
    const over = new Map<string, CommandAnswer | undefined>();
    for (const id of told.ended) {
      const job = view.tables.jobs.get([id]);
      const last = job === undefined ? told.endOf(id) : undefined;
      // Where it is kept for no time at all, those who wait are told all the same how it ended.
      over.set(
        watched("job", id),
        last && { reply: encodeReply("job.get", jobReply(view, id, last)) },
      );
      if (job?.action !== undefined) over.set(watched("action", job.action), undefined);
    }
    return [...over].flatMap(([name, answer]) => this.#endOf(name, answer));
  }

  /** Whether somebody waits for the end of a job. */
  isAwaited(id: string): boolean {
    return this.#watchers.size > 0 && this.#watchers.has(watched("job", id));
  }

  /** What those are to be told who wait for ends that have come in whatever way. */
  endedByNow(): Telling[] {
    return [...this.#watchers.keys()].flatMap((name) => this.#endOf(name));
  }

  /** What a caller is told whose wait was over before it began. */
  overBy({ kind, id }: ForEnd): Telling[] {
    return this.#endOf(watched(kind, id));
  }

  #add(socket: WaitSocket, order: number, wait: Wait): void {
    if (wait.kind !== "jobs") {
      const name = watched(wait.kind, wait.id);
      const all = this.#watchers.get(name) ?? new Set();
      this.#watchers.set(name, all.add(socket));
      return;
    }
    const { request } = wait;
    const waiter: Waiter = {
      ...{ socket, order, request, demand: demandOf(request.input), isServed: false },
      isStanding: wait.isStanding === true,
      isKeyNew: request.key !== undefined,
      isThere: () => true,
      lapse: () => telling(() => this.leave(socket)),
      take: (served) => this.#serving(waiter, served),
    };
    this.#waiters.set(socket, waiter);
    this.#line.enter(waiter, order);
  }

  #drop(waiter: Waiter): void {
    this.#waiters.delete(waiter.socket);
    this.#line.leave(waiter);
  }

  #serving(waiter: Waiter, { answer, token, ids }: Served): Telling {
    const { socket, order } = waiter;
    waiter.isServed = true;
    const given = { token, ids };
    return {
      tell: () => {
        // It has left meanwhile.
        if (!waiter.isServed) return void giveBack(this.#ports, [given]);
        this.#drop(waiter);
        socket.keep({ order, given });
        this.#send(socket, answer);
      },
      undo: () => {
        waiter.isServed = false;
        this.#line.again();
      },
    };
  }

  /** What those are told who wait for an end that has come; nothing while it has not. */
  #endOf(name: string, known?: CommandAnswer): Telling[] {
    const sockets = this.#watchers.get(name);
    const [kind, id = ""] = name.split(" ");
    if (sockets === undefined || (kind !== "job" && kind !== "action")) return [];
    const answer = known ?? this.#endAsOfNow({ kind, id });
    if (!isOver(kind, answer)) return [];
    const tell = () => {
      for (const socket of sockets) {
        if (this.#unwatch(socket, { kind, id })) this.#close(socket, answer);
      }
    };
    return [telling(tell)];
  }

  #unwatch(socket: WaitSocket, { kind, id }: { kind: string; id: string }): boolean {
    const name = watched(kind, id);
    const sockets = this.#watchers.get(name);
    const wasThere = sockets?.delete(socket) ?? false;
    if (sockets?.size === 0) this.#watchers.delete(name);
    return wasThere;
  }
}

type ForEnd = Extract<Wait, { readonly id: string }>;

const watched = (kind: string, id: string): string => `${kind} ${id}`;

const tooLarge: Refusal = refuse(
  "wait_too_large",
  `A claim that waits may name capabilities of ${limits.waitBytesMax} bytes between them. A worker that is registered need not name any.`,
);
