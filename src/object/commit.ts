/**
 * The one door: commands that arrive while groups become durable form the next group.
 * Invariant: a command is answered exactly once, and only after everything it saw is durable; nothing that a command
 * or the storage throws stops the queue.
 */
import type { QueueIdentity } from "../contract/ids.ts";
import type { SettleInput } from "../contract/leases.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import type { SluiceStore } from "../store/schema.ts";
import type { Sql } from "../store/sql.ts";
import type { Callers } from "./callers.ts";
import { Durability } from "./durability.ts";
import type { Feed } from "./feed.ts";
import { Gathering } from "./gathering.ts";
import { Group } from "./group.ts";
import type { Telling } from "./line.ts";
import { letRequestsBy } from "./pauses.ts";
import { type Pending, PendingCommands } from "./pending.ts";
import { busy } from "./refusals.ts";

/** What the committer needs of its surroundings: storage, time, randomness, and somebody to tell. */
export interface CommitterPorts {
  readonly sql: Sql;
  /** The queue's store; another one after the queue was deleted. */
  store(): SluiceStore;
  /** Why nothing is written any more; undefined while the store is used. */
  closed(): Refusal | undefined;
  readonly name: string;
  readonly autoCreate: boolean;
  now(): number;
  /** Lets others have their turn before long work goes on. */
  pause(): Promise<void>;
  /** A random id for a queue that is created. */
  newQueueId(): string;
  /** Who waits for what a group brings. */
  callers(): Pick<Callers, "blocked" | "ended" | "isAwaited" | "isThere" | "line" | "refuse">;
  /** Who reads every event. */
  feed(): Pick<Feed, "appended">;
  /** Whether the alarm is doing what is due: it removes names, and commands need not wait for more than a turn of that. */
  isAlarmAtWork(): boolean;
  /** Called in the turn of every entry, behind it: checkpoint, alarm, counts. */
  afterAppend(group: Group): void;
  /** The outcome of writes is unknown: the object must not go on with this memory. */
  abort(error: unknown): void;
  report(error: unknown, what: string): void;
}

/** A command of a group, and what it is told once the group is durable. */
interface Member {
  readonly pending: Pending;
  readonly answer: CommandAnswer;
}

/** Whether a command may be given jobs. */
const claims = ({ name, input }: CommandRequest): boolean =>
  name === "lease.claim" || (name === "lease.settle" && (input as SettleInput).claim !== undefined);

export class Committer {
  readonly #ports: CommitterPorts;
  readonly #pending = new PendingCommands();
  readonly #gathering: Gathering;
  readonly #durability: Durability;
  #incarnation: number | undefined;
  #queueId: string | undefined;
  /** How many wait to be alone. */
  #holds = 0;
  /** Set once, when the object was aborted. */
  #failure: { readonly error: unknown } | undefined;

  constructor(ports: CommitterPorts) {
    this.#ports = ports;
    this.#durability = new Durability(ports);
    this.#gathering = new Gathering({ pause: () => ports.pause(), begin: () => this.pump() });
  }

  /** Resolves with the command's answer once it is durable. Rejects only when the object is aborted. */
  submit(request: CommandRequest): Promise<CommandAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (!this.#pending.hasRoomFor(request)) {
      return Promise.resolve({ refusal: busy(this.#pending.count) });
    }
    return new Promise((answer, fail) => {
      this.#pending.add({ request, answer, fail });
      this.pump();
    });
  }

  /** Runs upkeep as a group of its own; resolves with what it returned once it is durable. Rejects when it was undone. */
  async upkeep<T>(work: (group: Group) => T): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure.error;
    let result: T | undefined;
    this.record((group) => {
      result = work(group);
    });
    await this.#durable();
    this.pump();
    return result as T;
  }

  /** Appends an entry of what `work` records, in the turn of the caller, who has the queue alone. Throws, and it is undone. */
  record(work: (group: Group) => void): void {
    const group = this.#group();
    try {
      work(group);
    } catch (error) {
      this.#undo(group);
      throw error;
    }
    const refusal = this.#append(group);
    if (refusal !== undefined) throw new Error(refusal.detail);
    // Whoever waits is served by the next group: this one may be as full as it gets.
    this.#ports.callers().line.wake();
  }

  /** Whose queue this is, or would be. */
  get identity(): QueueIdentity {
    const store = this.#ports.store();
    this.#queueId ??= store.hard?.queueId ?? this.#ports.newQueueId();
    return store.hard ?? { queueId: this.#queueId, term: 1 };
  }

  /** The time as of now: never before the last entry's. */
  at(): number {
    return Math.max(this.#ports.now(), this.#ports.store().last.at);
  }

  /** Tells what is known by now, once that is durable. */
  async tell(told: readonly Telling[]): Promise<void> {
    if (told.length === 0) return;
    this.#durability.owe(...told);
    await this.#durable();
    this.pump();
  }

  /** Does `work` in one turn while no group is in flight; resolves with its result once that is durable. */
  async alone<T>(work: () => T): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure.error;
    let result: T;
    this.#holds += 1;
    try {
      // Where nothing is in flight, the turn is the caller's.
      if (!this.#durability.isIdle) await this.#durability.untilIdle();
      result = work();
    } finally {
      this.#holds -= 1;
      this.pump();
    }
    await this.#durable();
    this.pump();
    return result;
  }

  /** Answers a command alone. Refused where the store was found unfit for it meanwhile. */
  answerAlone(work: () => CommandAnswer): Promise<CommandAnswer> {
    return this.alone(() => {
      const refusal = this.#ports.closed();
      return refusal === undefined ? work() : { refusal };
    });
  }

  /** The queue was deleted: the next one of its name is another. */
  forgetQueue(): void {
    this.#queueId = undefined;
    this.#incarnation = undefined;
  }

  /** Begins groups while there is something to do, and they may begin. */
  pump(): void {
    // Nobody is served whose time is over.
    this.#ports.callers().blocked.expire();
    const refusal = this.#ports.closed();
    if (refusal !== undefined) {
      this.#refuseAll(refusal);
      return;
    }
    while (this.#isNeeded && this.#mayBegin && !this.#gathering.holds()) this.#runGroup();
  }

  /** Whether a group has something to do. */
  get #isNeeded(): boolean {
    const { line, blocked } = this.#ports.callers();
    return this.#pending.next !== undefined || line.isDue || blocked.isDue;
  }

  /** The store was found to be damaged, or is another code's: nobody waits at it. */
  #refuseAll(refusal: Refusal): void {
    for (const { answer } of this.#pending.takeAll()) answer({ refusal });
    this.#ports.callers().refuse(refusal);
  }

  get #mayBegin(): boolean {
    return this.#holds === 0 && this.#durability.letsOthersBegin;
  }

  #group(): Group {
    const { name, autoCreate, report } = this.#ports;
    const store = this.#ports.store();
    const { identity } = this;
    const callers = this.#ports.callers();
    const { blocked } = callers;
    const at = this.at();
    return new Group({
      ...{ store, name, autoCreate, identity, at, blocked },
      isThere: (worker) => callers.isThere(worker),
      isAwaited: (id) => callers.isAwaited(id),
      onFault: report,
    });
  }

  #runGroup(): void {
    const members: Member[] = [];
    const served: Telling[] = [];
    let refusal: Refusal | undefined;
    try {
      const group = this.#group();
      this.#fill(group, members, served);
      const { isLaden } = group.work;
      refusal = this.#append(group, served);
      this.#gathering.wrote(members.length, isLaden);
    } catch (error) {
      // Undo itself failed: memory can no longer be trusted, storage can.
      this.#abort(error, members);
      return;
    }
    void this.#durable().then(
      () => {
        for (const { pending, answer } of members) {
          pending.answer(refusal === undefined ? answer : { refusal });
        }
        this.pump();
      },
      (error: unknown) => this.#abort(error, members),
    );
  }

  /** Decides the commands that wait, as many as one entry takes; who has waited for jobs comes before who claims now. */
  #fill(group: Group, members: Member[], served: Telling[]): void {
    const { line } = this.#ports.callers();
    group.sweep(!this.#ports.isAlarmAtWork());
    group.serveBlocked();
    let seen = -1;
    for (let { next } = this.#pending; next !== undefined; { next } = this.#pending) {
      if (!group.hasRoomFor(next.request)) break;
      const events = group.told.types.length;
      if (events > seen && claims(next.request)) {
        served.push(...line.serve(group));
        seen = events;
      }
      const answer = group.run(next.request);
      if (answer === "full") break;
      if (answer === "behind") {
        this.#setAside();
      } else {
        this.#pending.take();
        members.push({ pending: next, answer });
      }
    }
    served.push(...line.serve(group), ...group.serving.tellings());
  }

  /** Tries a command again once requests were let by: each group before it passes some of the slots that are in its way. */
  #setAside(): void {
    if (!this.#pending.setAside()) return;
    void letRequestsBy(this.#ports).then(() => {
      this.#pending.bringBack();
      this.pump();
    });
  }

  /** Appends the group; when that fails nothing of it has happened. */
  #append(group: Group, served: readonly Telling[] = []): Refusal | undefined {
    this.#incarnation ??= this.#ports.store().last.incarnation + 1;
    try {
      const isAppended = group.append(this.#incarnation);
      this.#durability.owe(...served);
      if (!isAppended) return undefined;
    } catch (error) {
      this.#undo(group);
      for (const each of served) each.undo();
      this.#ports.report(error, "append");
      return refuse(
        "append_failed",
        "The entry could not be written; nothing happened. Try again.",
      );
    }
    try {
      this.#durability.owe(...this.#ports.callers().ended(group), ...this.#ports.feed().appended());
      this.#ports.afterAppend(group);
    } catch (error) {
      // The entry stands whatever becomes of the upkeep behind it, which the next group tries again.
      this.#ports.report(error, "upkeep");
    }
    return undefined;
  }

  /** Takes back a whole group. When that fails, memory can no longer be trusted. */
  #undo(group: Group): void {
    try {
      group.undoAll();
    } catch (error) {
      this.#abort(error);
      throw error;
    }
  }

  /** Resolves once all that was written so far is durable; when that cannot be known, the object is aborted. */
  async #durable(): Promise<void> {
    try {
      await this.#durability.reached();
    } catch (error) {
      this.#abort(error);
      throw error;
    }
  }

  /** Tells everybody who waits that the outcome is unknown, and ends this instance. */
  #abort(error: unknown, members: readonly Member[] = []): void {
    for (const { pending } of members) pending.fail(error);
    for (const pending of this.#pending.takeAll()) pending.fail(error);
    this.#durability.fail(error);
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#ports.report(error, "commit");
    this.#ports.abort(error);
  }
}
