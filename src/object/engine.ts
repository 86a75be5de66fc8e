/**
 * A queue's engine: the store, the committer, upkeep and reads, on ports of the platform.
 * Invariant: it runs the same in the object, in tests and in simulation; time, randomness and storage come from ports.
 */
import { encodeReply } from "../contract/commands.ts";
import type { HeldLease } from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";
import type { DeleteQueueInput } from "../contract/queue.ts";
import type { Refusal } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest, DirectoryRpc } from "../contract/rpc.ts";
import type { ImportStep } from "../contract/snapshots.ts";
import type { View } from "../machine/decide.ts";
import { contentsOf, isEmpty } from "../machine/queue.ts";
import type { SluiceStore } from "../store/schema.ts";
import type { Sql } from "../store/sql.ts";
import { Alarm, type AlarmPort } from "./alarm.ts";
import type { BlockedClients } from "./blocked.ts";
import { Callers } from "./callers.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Committer } from "./commit.ts";
import { Courier } from "./courier.ts";
import { dropQueue } from "./farewell.ts";
import type { FeedSocket } from "./feed.ts";
import { FeedDoor } from "./feed-door.ts";
import type { Group } from "./group.ts";
import type { Telling } from "./line.ts";
import { contentsIn, damageOfLog, OpenedStore } from "./opening.ts";
import { letRequestsBy } from "./pauses.ts";
import type { Post } from "./post.ts";
import { Rates } from "./rates.ts";
import { type Damaged, isDamaged, QueueReads } from "./reads.ts";
import { newer, notEmpty, queueUnknown } from "./refusals.ts";
import { Snapshots } from "./snapshots.ts";
import { Upkeep } from "./upkeep.ts";
import type { WaitSocket } from "./waiters.ts";

/** The platform, as the engine needs it. */
export interface EnginePorts {
  readonly sql: Sql;
  readonly name: string;
  /** The platform's id of the object: locally its file is named so. */
  readonly objectId: string;
  readonly autoCreate: boolean;
  /** Whether jobs may be pushed to the machine that this runs on. */
  readonly deliversHere: boolean;
  readonly post: Post;
  readonly alarm: AlarmPort;
  /** The sockets that outlived the instance before. */
  sockets(): readonly WaitSocket[];
  /** Those of readers of the feed. */
  feeds(): readonly FeedSocket[];
  now(): number;
  newQueueId(): string;
  directory(): Pick<DirectoryRpc, "register" | "forget">;
  /** Lets others have their turn before long work goes on. */
  pause(): Promise<void>;
  abort(error: unknown): void;
  report(error: unknown, what: string): void;
}

export class QueueEngine {
  readonly #ports: EnginePorts;
  readonly #alarm: Alarm;
  readonly #rates = new Rates();
  readonly #committer: Committer;
  readonly #callers: Callers;
  readonly #courier: Courier;
  /** Readers of the feed come and go here. */
  readonly readers: FeedDoor;
  readonly #upkeep: Upkeep;
  readonly #checkpoints: Checkpoints;
  readonly #snapshots: Snapshots;
  readonly #reads: QueueReads;
  readonly #opened: OpenedStore;
  /** Whether this instance has seen to it that a lost alarm is armed anew. */
  #isAlarmSure = false;

  constructor(platform: EnginePorts) {
    const ports = this.#noting(platform);
    this.#ports = ports;
    this.#alarm = new Alarm(ports.alarm, () => ports.now());
    this.#opened = new OpenedStore(ports);
    const own = {
      now: () => ports.now(),
      at: () => this.#committer.at(),
      store: () => this.#opened.open,
      // Of a store that must not be used nothing is seen.
      view: () => (this.#opened.damage === undefined ? this.#view() : undefined),
      later: () => this.#upkeep.later(),
      closed: () => this.#opened.closed,
    };
    this.#committer = new Committer({
      ...ports,
      ...own,
      callers: () => this.#callers,
      feed: () => this.readers.feed,
      isAlarmAtWork: () => this.#checkpoints.isInPieces,
      afterAppend: (group) => this.#afterAppend(group),
    });
    this.#checkpoints = new Checkpoints({ ...ports, ...own });
    this.#snapshots = new Snapshots({
      ...ports,
      ...own,
      committer: this.#committer,
      contents: () => contentsIn(this.#view()),
      replacing: (why) => this.#replacing(why),
      arm: (at) => this.#armFor(at),
    });
    this.#callers = new Callers({
      ...own,
      committer: this.#committer,
      sockets: () => ports.sockets(),
      answer: (request) => this.#answer(request),
      arm: () => this.#upkeep.arm(),
      report: (error, what) => ports.report(error, what),
    });
    this.#courier = new Courier({
      ...ports,
      ...own,
      submit: (request) => this.#committer.submit(request),
    });
    this.readers = new FeedDoor({
      ...ports,
      ...own,
      committer: this.#committer,
      feeds: () => ports.feeds(),
      closed: () => this.#opened.damage,
      report: (error, what) => ports.report(error, what),
    });
    this.#upkeep = new Upkeep(ports, {
      ...own,
      alarm: this.#alarm,
      committer: this.#committer,
      checkpoints: this.#checkpoints,
      courier: this.#courier,
      line: this.#callers.line,
      blocked: this.#callers.blocked,
      snapshots: this.#snapshots,
    });
    this.#reads = new QueueReads(ports, {
      alarm: this.#alarm,
      rates: this.#rates,
      claimers: (at) => this.#callers.askers(at),
      snapshots: this.#snapshots,
      feed: this.readers.feed,
    });
  }

  /** The platform, to which nothing is reported that the engine does not look at. */
  #noting(platform: EnginePorts): EnginePorts {
    const report = (error: unknown, what: string) => {
      platform.report(error, what);
      this.#noteDamage(error);
    };
    return { ...platform, report };
  }

  /** Sees to it that the alarm fires by then. */
  #armFor(at: number): void {
    // An alarm that will not come must not take what is due with it.
    if (this.#alarm.isLate) this.#upkeep.arm();
    this.#alarm.arm(at);
  }

  /** Learns what alarm is set, once, before anything else. */
  async recoverAlarm(): Promise<void> {
    await this.#alarm.recover();
    // The instance before may have ended between an entry and those who read it.
    const { damage } = this.#opened;
    if (damage === undefined) this.#tell(this.readers.feed.appended());
    else this.readers.feed.refuse(damage);
    // Somebody may have begun to wait without having been tried.
    this.#committer.pump();
  }

  /** Redis clients wait here. */
  get blocked(): BlockedClients {
    return this.#callers.blocked;
  }

  /** Tells what stands, once that is durable. */
  #tell(told: readonly Telling[]): void {
    this.#committer.tell(told).catch((error: unknown) => this.#ports.report(error, "tell"));
  }

  /** The state is about to be replaced. Returns what tells of that, to be called once it is done. */
  #replacing(why: Refusal): () => void {
    const told = this.#callers.replacing(why);
    return () => this.#tell([...told(), ...this.readers.feed.appended()]);
  }

  /**
   * Arms an alarm that was lost, or that an alarm which was cut off left too late. Not before the first request of an instance:
   * when the alarm itself wakes the object, none is set either, and it arms the next one. Writes nothing when nothing was lost.
   */
  #replaceLostAlarm(store: SluiceStore): void {
    this.#isAlarmSure = true;
    if (store.readOnly) return;
    try {
      this.#upkeep.arm();
    } catch (error) {
      // The request is none the worse for it, and the next entry arms the alarm too.
      this.#ports.report(error, "lost alarm");
    }
  }

  /** Runs a command that may change state. */
  async submit(request: CommandRequest): Promise<CommandAnswer> {
    const store = this.#opened.current;
    if (isDamaged(store)) return this.#submitDamaged(store, request);
    if (!this.#isAlarmSure) this.#replaceLostAlarm(store);
    if (store.readOnly) return { refusal: newer(this.#ports.name) };
    const forbidden = this.#courier.refusalOf(request);
    if (forbidden !== undefined) return { refusal: forbidden };
    this.#callers.asked(request);
    return this.#own(request) ?? this.#committer.submit(request);
  }

  /** All that can be done to a store that cannot be used is to give it up. */
  async #submitDamaged(store: Damaged, { name, input }: CommandRequest): Promise<CommandAnswer> {
    const isGivenUp = name === "queue.delete" && (input as DeleteQueueInput).force === "true";
    if (!isGivenUp || store.damage.code !== "store_corrupt") return { refusal: store.refusal };
    return await this.#committer.alone(() => {
      // While it waited to be alone, another call may have come first.
      if (this.#opened.current !== store) return { refusal: queueUnknown(this.#ports.name) };
      return this.#drop(store.salvaged?.hard.queueId, this.#ports.now());
    });
  }

  /** What is done by the object itself, beside the log; undefined for a command that a group decides. */
  #own({ name, input }: CommandRequest): Promise<CommandAnswer> | undefined {
    if (name === "queue.checkpoint") {
      return this.#committer.answerAlone(() => this.#checkpoints.asked());
    }
    if (name === "queue.delete") return this.#delete(input as DeleteQueueInput);
    if (name === "snapshot.build") return this.#snapshots.build();
    if (name === "snapshot.import") return this.#snapshots.import(input as ImportStep);
    if (name === "snapshot.remove") return this.#snapshots.remove();
    return undefined;
  }

  /** Answers a command that only reads, as of the last entry. */
  async read(request: CommandRequest): Promise<CommandAnswer> {
    const before = this.#unitsRead;
    const answer = this.#answer(request);
    // What it saw may not be durable yet; it is told only once it is.
    await this.#ports.sql.sync();
    // Whoever has read much may go on reading, and storage answers at once.
    if (this.#unitsRead - before > limits.entryUnitsReadMax) await letRequestsBy(this.#ports);
    return answer;
  }

  get #unitsRead(): number {
    const store = this.#opened.current;
    return isDamaged(store) ? 0 : store.unitsRead;
  }

  #answer(request: CommandRequest): CommandAnswer {
    const store = this.#opened.current;
    if (request.name === "queue.raw") return this.#reads.raw(request);
    if (isDamaged(store)) return this.#reads.answerDamaged(store, request);
    // An entry arms the alarm; where only reads come, they have to notice that it did not fire.
    if (!this.#isAlarmSure || this.#alarm.isLate) this.#replaceLostAlarm(store);
    // A superseded instance fails here, at its first access to storage, before it can speak.
    this.#ports.sql.rows("SELECT 1");
    const view = this.#view();
    if (view === undefined) return { refusal: queueUnknown(this.#ports.name) };
    return this.#reads.answer(view, store, request);
  }

  /** Hears a caller on its socket. */
  hear(socket: WaitSocket, message: string | ArrayBuffer): Promise<void> {
    return this.#callers.hear(socket, message);
  }

  /** A caller on a socket has gone. */
  leave(socket: WaitSocket): void {
    this.#callers.leave(socket);
  }

  /** The leases of jobs that were handed out for a session. */
  heldBy(session: string): readonly HeldLease[] {
    return this.#callers.heldBy(session);
  }

  /** Does what is due, a bounded entry at a time, and arms the next alarm. What fails in it is tried again later. */
  async alarm(): Promise<void> {
    this.#alarm.fired();
    this.#isAlarmSure = true;
    this.blocked.expire();
    if (this.#opened.closed !== undefined) this.#alarm.arm(this.blocked.dueAt);
    else await this.#upkeep.run();
  }

  /** Whoever meets an entry of the log that does not stand: once the groups in flight are done, the store is used no longer. */
  #noteDamage(error: unknown): void {
    const refusal = damageOfLog(error);
    if (refusal === undefined) return;
    // Not in the turn that met it, which is to come to its end with the store that it began with.
    queueMicrotask(() => {
      const close = () => this.readers.feed.refuse(this.#opened.giveUp(refusal));
      this.#committer.alone(close).catch((fault) => this.#ports.report(fault, "damage"));
    });
  }

  #view(): View | undefined {
    return this.#opened.view(() => this.#committer.at());
  }

  #afterAppend(group: Group): void {
    this.#rates.count(group.told.types, group.at);
    this.#upkeep.arm();
    this.#courier.notice();
    this.#checkpoints.behindEntry(group.isBehind);
  }

  #delete({ force }: DeleteQueueInput): Promise<CommandAnswer> {
    return this.#committer.answerAlone(() => {
      const { name } = this.#ports;
      const view = this.#view();
      if (view === undefined) return { refusal: queueUnknown(name) };
      const contents = contentsOf(view);
      if (!isEmpty(contents) && force !== "true") {
        return { refusal: notEmpty(name, contents, "?force=true to delete them") };
      }
      return this.#drop(view.identity.queueId, view.at);
    });
  }

  /** Drops the queue, whose id is undefined where it cannot be read. */
  #drop(queueId: string | undefined, now: number): CommandAnswer {
    const { sql, name } = this.#ports;
    const told = this.#replacing(queueUnknown(name));
    dropQueue(sql, { name, queueId });
    this.#opened.reopen();
    this.#committer.forgetQueue();
    this.#snapshots.forgetQueue();
    this.readers.feed.forgetQueue();
    told();
    this.#alarm.arm(this.#ports.now());
    return { reply: encodeReply("queue.delete", { now, deleted: true }) };
  }
}
