/**
 * Who waits: for jobs, in the order in which they came, and for the end of a job or an action.
 * Invariant: what a wait is about stays with its socket, so that it outlives this instance; jobs that were given to a socket which
 * closed before it took them are given back.
 */
import { limits } from "../contract/limits.ts";
import { packAnswer } from "../contract/packing.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { ENOUGH, isOver, TAKEN, WAITING, type Wait } from "../contract/waits.ts";
import { mayFindJobs } from "../machine/leases.ts";
import type { Group, Served } from "./group.ts";

/** A socket, as far as a wait needs it. */
export interface WaitSocket {
  /** What is kept with it while the object sleeps. */
  kept(): Kept | undefined;
  keep(kept: Kept): void;
  /** Throws once the other side has closed it. */
  send(text: string): void;
}

/** Jobs in a waiter's hands, before it said that it has them. */
interface Given {
  readonly token: string;
  readonly ids: readonly string[];
}
interface Kept {
  /** Which came first. */
  readonly order: number;
  /** Undefined once it was answered. */
  readonly wait?: Wait | undefined;
  readonly given?: Given | undefined;
}

/** What is to be told once an entry is durable; `undo`: it never will be. */
export interface Telling {
  tell(): void;
  undo(): void;
}

interface Waiter {
  readonly socket: WaitSocket;
  readonly order: number;
  readonly request: CommandRequest<"lease.claim">;
  /** What it takes; waiters that take the same are served one after the other. */
  readonly demand: string;
  /** It was given jobs in an entry that is not durable yet. */
  isServed: boolean;
  /** It has a key, under which it may have been given jobs before, and nobody has looked. */
  isKeyNew: boolean;
}

interface WaitersPorts {
  submit(request: CommandRequest): Promise<CommandAnswer>;
  read(request: CommandRequest): CommandAnswer;
  /** Has those who wait served again soon, also where nothing else happens. */
  later(): void;
  report(error: unknown, what: string): void;
}

export class Waiters {
  readonly #ports: WaitersPorts;
  /** By arrival. */
  readonly #waiters = new Map<WaitSocket, Waiter>();
  /** Those that wait for an end, by what they wait for. */
  readonly #watchers = new Map<string, Set<WaitSocket>>();
  #lastOrder = 0;
  #isDue = false;

  constructor(ports: WaitersPorts, sockets: Iterable<WaitSocket>) {
    this.#ports = ports;
    const kept = [...sockets].map((socket) => [socket, socket.kept()] as const);
    kept.sort(([, a], [, b]) => (a?.order ?? 0) - (b?.order ?? 0));
    for (const [socket, said] of kept) {
      if (said === undefined) continue;
      this.#lastOrder = said.order;
      if (said.wait !== undefined) this.#add(socket, said.order, said.wait);
    }
  }

  /** Whether somebody waits who may find a job that nobody has looked for yet. */
  get isDue(): boolean {
    return this.#isDue && this.#waiters.size > 0;
  }

  /** Whether anybody waits for jobs. */
  get hasWaiters(): boolean {
    return this.#waiters.size > 0;
  }

  /** Something may have become ready. */
  wake(): void {
    this.#isDue = true;
  }

  /** Takes a wait, or says why not. */
  take(socket: WaitSocket, wait: Wait): Refusal | undefined {
    if (JSON.stringify(wait).length > limits.waitBytesMax) return tooLarge;
    this.#lastOrder += 1;
    socket.keep({ order: this.#lastOrder, wait });
    socket.send(WAITING);
    this.#add(socket, this.#lastOrder, wait);
    return undefined;
  }

  /** Hears a caller whose wait was taken. Returns what it is to be told. */
  hear(socket: WaitSocket, text: string): Telling[] {
    const kept = socket.kept();
    if (text === TAKEN && kept?.given !== undefined) socket.keep({ order: kept.order });
    if (text !== ENOUGH || kept?.wait === undefined) return [];
    if (kept.wait.kind !== "jobs") return [this.#now(socket, kept.wait)];
    const waiter = this.#waiters.get(socket);
    // What it was served it is told soon.
    if (waiter === undefined || waiter.isServed) return [];
    this.#waiters.delete(socket);
    const answer = this.#ports.read(waiter.request);
    return [telling(() => this.#close(socket, answer))];
  }

  /** What a caller is told that waits no longer for an end. */
  #now(socket: WaitSocket, { kind, id }: ForEnd): Telling {
    const answer = this.#ports.read({ v: 1, name: `${kind}.get`, input: { id }, bytes: 0 });
    return telling(() => {
      if (this.#unwatch(socket, { kind, id })) this.#close(socket, answer);
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
    this.#waiters.delete(socket);
    const { wait, given } = socket.kept() ?? {};
    if (wait !== undefined && wait.kind !== "jobs") this.#unwatch(socket, wait);
    if (given !== undefined) this.#giveBack(given);
    // What it was given meanwhile is given back as soon as it is told.
    else if (waiter?.isServed) waiter.isServed = false;
  }

  /** Workers that wait are alive, for as long as they do. */
  isWaiting(worker: string): boolean {
    for (const { request } of this.#waiters.values()) {
      if (request.input.worker === worker) return true;
    }
    return false;
  }

  /** Hands what is ready to those who wait for it, the first first. Returns what is to be told of it. */
  serve(group: Group): Telling[] {
    this.#isDue = false;
    const told: Telling[] = [];
    if (this.#waiters.size === 0 || !group.exists) return told;
    const failed = new Set<string>();
    const { faults } = group;
    for (const waiter of this.#waiters.values()) {
      const { isKeyNew } = waiter;
      if (waiter.isServed || !(isKeyNew || mayFindJobs(group.view))) continue;
      waiter.isKeyNew = false;
      const demand = isKeyNew ? "" : demandOf(group, waiter);
      if (failed.has(demand)) continue;
      const served = group.serve(waiter.request);
      if (served === "full") {
        this.#isDue = true;
        break;
      }
      if (served === undefined && !isKeyNew) failed.add(demand);
      if (served !== undefined) told.push(this.#serving(waiter, served));
    }
    // What failed was undone: a job may be ready for those who wait, and no event tells of it.
    if (group.faults > faults) this.#ports.later();
    return told;
  }

  /** What those are to be told who wait for the end of a job or an action of these jobs. */
  ended(group: Group): Telling[] {
    if (this.#watchers.size === 0) return [];
    const over = new Set<string>();
    for (const id of group.told.ended) {
      over.add(watched("job", id));
      const action = group.view.tables.jobs.get([id])?.action;
      if (action !== undefined) over.add(watched("action", action));
    }
    return [...over].flatMap((name) => this.#endOf(name));
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
    const { kinds = ["payload"], capabilities = [] } = wait.request.input;
    const demand = `${kinds.join()} ${capabilities.join()}`;
    const { request } = wait;
    const isKeyNew = request.key !== undefined;
    this.#waiters.set(socket, { socket, order, request, demand, isServed: false, isKeyNew });
    this.#isDue = true;
  }

  #serving(waiter: Waiter, served: Served): Telling {
    const { socket, order } = waiter;
    waiter.isServed = true;
    const { answer, token, ids } = served;
    const given = { token, ids };
    return {
      tell: () => {
        // It has left meanwhile.
        if (!waiter.isServed) return this.#giveBack(given);
        this.#waiters.delete(socket);
        socket.keep({ order, given });
        this.#send(socket, answer);
      },
      undo: () => {
        waiter.isServed = false;
        // At once it would fail again.
        this.#ports.later();
      },
    };
  }

  /** What those are told who wait for an end that has come; nothing while it has not. */
  #endOf(name: string): Telling[] {
    const sockets = this.#watchers.get(name);
    const [kind, id = ""] = name.split(" ");
    if (sockets === undefined || (kind !== "job" && kind !== "action")) return [];
    const answer = this.#ports.read({ v: 1, name: `${kind}.get`, input: { id }, bytes: 0 });
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

  #giveBack({ token, ids }: Given): void {
    if (ids.length === 0) return;
    const items = ids.map((id) => ({ op: "release", id, token }) as const);
    this.#ports.submit({ v: 1, name: "lease.settle", input: { items }, bytes: 0 }).then(
      (answer) => {
        if ("refusal" in answer) this.#ports.report(answer.refusal.detail, "give back");
      },
      (error: unknown) => this.#ports.report(error, "give back"),
    );
  }
}

type ForEnd = Extract<Wait, { readonly id: string }>;

const telling = (tell: () => void): Telling => ({ tell, undo: () => undefined });

const watched = (kind: string, id: string): string => `${kind} ${id}`;

/** What a waiter takes as of now: what a registered worker does not say, its registration does, and it may be draining. */
function demandOf({ view }: Group, { demand, request }: Waiter): string {
  const { worker } = request.input;
  const isRegistered = worker !== undefined && view.tables.workers.get([worker]) !== undefined;
  return isRegistered ? `${demand} ${worker}` : demand;
}

const tooLarge: Refusal = refuse(
  "wait_too_large",
  `A claim that waits may name capabilities of ${limits.waitBytesMax} bytes between them. A worker that is registered need not name any.`,
);
