/**
 * One group of commands: decided in order, each seeing what the ones before it did, appended as one entry.
 * Invariant: a command that fails leaves nothing behind, and its group-mates do not notice.
 */
import { encodeReply } from "../contract/commands.ts";
import type { Event, EventFacts, EventType } from "../contract/events.ts";
import { leaseToken, type QueueIdentity } from "../contract/ids.ts";
import type { ClaimReply } from "../contract/leases.ts";
import { limits } from "../contract/limits.ts";
import type { RedisReply } from "../contract/redis.ts";
import { isRefusal } from "../contract/refusals.ts";
import type { CommandAnswer, CommandRequest } from "../contract/rpc.ts";
import { isOver } from "../contract/waits.ts";
import { answerToKeep } from "../machine/answers.ts";
import { type Following, withConsequences } from "../machine/consequences.ts";
import { type Decide, eventOf, type Transaction, type View } from "../machine/decide.ts";
import { decisions, isDecided } from "../machine/index.ts";
import { emptyClaim } from "../machine/leases.ts";
import { advance, runningOperation } from "../machine/operations.ts";
import { keepNumbers, type PlanNumber } from "../machine/plans.ts";
import { createQueue, takeOver } from "../machine/queue.ts";
import { serveNames } from "../machine/redis.ts";
import { passDueSlots, scheduleBehind } from "../machine/schedules.ts";
import { sweep } from "../machine/sweep.ts";
import { errorOf } from "../redis/errors.ts";
import type { EntryBuilder } from "../store/entry.ts";
import { jobBytes } from "../store/job-texts.ts";
import type { SluiceStore } from "../store/schema.ts";
import { lastOf } from "../store/standing.ts";
import type { BlockedClients } from "./blocked.ts";
import { beginners, creates } from "./creation.ts";
import { GroupWork, type WorkMark } from "./group-work.ts";
import { KeptAnswers, repeated } from "./kept-answers.ts";
import type { Served } from "./line.ts";
import { queueNotMade, queueUnknown, refusalOfFault, tooLarge } from "./refusals.ts";
import { Serving } from "./serving.ts";
import { isEnd, isLoss, ToldEvents } from "./told-events.ts";

/** Who a group speaks for. */
export interface GroupContext {
  readonly store: SluiceStore;
  /** The queue's name, for its first event. */
  readonly name: string;
  readonly identity: QueueIdentity;
  readonly at: number;
  /** Whether an enqueue may create the queue. */
  readonly autoCreate: boolean;
  /** Whether a worker is known to live, since it waits for jobs or holds a channel. */
  readonly isThere: (worker: string) => boolean;
  /** Whether somebody waits for the end of a job. */
  readonly isAwaited: (id: string) => boolean;
  /** Redis clients that wait. */
  readonly blocked: BlockedClients;
  /** Told of a fault inside a command, which is answered with `internal`. */
  readonly onFault: (error: unknown, command: string) => void;
}

export class Group {
  readonly #context: GroupContext;
  readonly #builder: EntryBuilder<Event>;
  readonly #following: Following;
  readonly #kept: KeptAnswers;
  readonly #told = new ToldEvents();
  /** What it answers to Redis clients that wait. */
  readonly serving: Serving;
  readonly #work: GroupWork;
  readonly #start: WorkMark;
  #commands = 0;
  #isBehind = false;
  /** Whether holders of leases are saying what becomes of their jobs. */
  #isSettling = false;

  constructor(context: GroupContext) {
    this.#context = context;
    this.#builder = context.store.builder();
    this.#kept = new KeptAnswers(context.store, this.#builder);
    this.serving = new Serving(context.blocked, (work) => this.#attempt(work));
    const tx: Transaction = {
      blocked: context.blocked.size > 0 ? this.serving : undefined,
      tables: context.store.tables,
      at: context.at,
      identity: context.identity,
      isFull: context.store.databaseBytes >= limits.databaseBytesMax,
      isThere: context.isThere,
      emit: (type, facts) => this.#emit(type, facts),
      recall: (key) => this.#kept.recall(key),
      keep: (key, bodyHash, answer) => this.#kept.keep(key, bodyHash, answer),
      isLaden: () => this.#work.isLaden,
      changes: (elements) => this.#work.changes(elements),
      whole: (work) => this.#work.whole(work),
    };
    this.#following = withConsequences(tx, () => this.#work.isLaden);
    const { store, onFault } = context;
    this.#work = new GroupWork({
      ...{ store, builder: this.#builder, told: this.#told, kept: this.#kept },
      ...{ serving: this.serving, onFault },
      begin: () => this.#following.renew(),
    });
    this.#start = this.#work.mark();
  }

  get #tx(): Transaction {
    return this.#following.tx;
  }

  /** The time of the group's entry. */
  get at(): number {
    return this.#context.at;
  }

  /** What its events tell, so far. */
  get told(): Pick<ToldEvents, "types" | "ended" | "handed" | "lost" | "endOf"> {
    return this.#told;
  }

  /** Whether time may have left more to do than it has done. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** The state as the group leaves it so far. */
  get view(): View {
    return this.#tx;
  }

  /** Whether there is a queue. */
  get exists(): boolean {
    return this.#context.store.tables.queue.get([0]) !== undefined;
  }

  /** Whether a command of this size may still join. */
  hasRoomFor(request: CommandRequest): boolean {
    if (this.#isEmpty) return true;
    const fits = this.#builder.bytes + request.bytes <= limits.entryBytesMax;
    // The first command goes with its sweep, however heavy, or a long backlog of due jobs would hold it up.
    return fits && (this.#commands === 0 || !this.#work.isLaden);
  }

  /**
   * Makes what is due visible, and removes what is over, names only where it `isWhole`. A fault in it is reported, and leaves the commands
   * to be judged by themselves.
   */
  sweep(isWhole: boolean): number {
    if (!this.exists) return 0;
    let changes = 0;
    let done: number;
    do {
      const bounds = { isEnough: () => this.#isLong, isHeavy: () => this.#work.isLaden };
      const step = () => sweep(this.#tx, limits.sweepStepMax, bounds, isWhole);
      done = this.#work.guarded("sweep", step, () => 0);
      changes += done;
      this.#isBehind = done >= limits.sweepStepMax;
    } while (this.#isBehind && changes < limits.sweepMax && !this.#isLong && !this.#work.isLaden);
    return changes;
  }

  /** Does a step of the oldest operation that is not done. Returns whether there was one. */
  advanceOperation(): boolean {
    const seq = this.exists ? runningOperation(this.#tx) : undefined;
    if (seq === undefined) return false;
    const step = () => advance(this.#tx, seq);
    this.#work.guarded("operation", step, () => undefined);
    return true;
  }

  /** How much it has done, and what of that failed. */
  get work(): Pick<GroupWork, "faults" | "isLaden"> {
    return this.#work;
  }

  /** Records that the state before this entry was imported, and which numbers of plans the queue had given before. */
  takeOver(from: EventFacts["queue.imported"]["from"], given: readonly PlanNumber[]): void {
    takeOver(this.#tx, this.#context.name, from, this.#context.store.last.index + 1, given);
  }

  /** Records more such numbers: an entry holds only so many. */
  keepNumbers(given: readonly PlanNumber[]): void {
    keepNumbers(this.#tx, given);
  }

  /** Records an event that no command asked for. */
  record<T extends EventType>(type: T, facts: EventFacts[T]): void {
    this.#emit(type, facts);
  }

  /**
   * Decides one command. "full": the entry closes before it, and it belongs to the next group. "behind": slots of the schedule that
   * it is about come first, and are for the next groups too; whatever else waits need not wait for it.
   * Throws only when even undoing fails.
   */
  run(request: CommandRequest): CommandAnswer | "full" | "behind" {
    const behind = scheduleBehind(this.#tx, request);
    if (behind !== undefined) return this.#catchUp(behind) ?? "behind";
    const before = this.#work.mark();
    const isFirst = this.#isEmpty;
    const answer = this.#work.guarded<CommandAnswer>(
      request.name,
      () => this.#answer(request),
      (fault) => ({ refusal: refusalOfFault(fault) }),
    );
    const hasChanged = this.#told.types.length > before.told.types;
    if (this.#builder.bytes > limits.entryBytesMax && hasChanged) {
      const { bytes } = this.#builder;
      this.#work.undo(before);
      return isFirst ? { refusal: tooLarge(bytes) } : "full";
    }
    this.#commands += 1;
    this.#work.tells(answer);
    return answer;
  }

  /** Passes slots of a schedule where no sweep did, because of a fault in it. Returns the answer to a fault in this. */
  #catchUp(schedule: string): CommandAnswer | undefined {
    if (!this.#isEmpty) return undefined;
    this.#isBehind = true;
    const pass = () => {
      passDueSlots(this.#tx, schedule, limits.sweepMax, () => this.#isLong);
      return undefined;
    };
    return this.#work.guarded<CommandAnswer | undefined>("slots", pass, (fault) => ({
      refusal: refusalOfFault(fault),
    }));
  }

  /** Whether time has done enough for one entry. */
  get #isLong(): boolean {
    return this.#builder.bytes >= limits.sweepBytesMax;
  }

  /**
   * Decides a claim that waits. Undefined: it finds no job, and goes on waiting. "full": the entry closes before it.
   */
  serve(request: CommandRequest<"lease.claim">): Served | "full" | undefined {
    const isLaden = !this.#isEmpty && this.#work.isLaden;
    if (isLaden || !this.hasRoomFor(request)) return "full";
    const before = this.#work.mark();
    const isFirst = this.#isEmpty;
    const served = this.#work.guarded(
      "lease.claim",
      () => this.#claimFor(request),
      () => undefined,
    );
    this.#work.tells(served?.answer);
    if (this.#builder.bytes <= limits.entryBytesMax || isFirst) return served;
    this.#work.undo(before);
    return "full";
  }

  /** Answers Redis clients that wait for what was left to this group. */
  serveBlocked(): void {
    const due = this.serving.takeDue();
    if (due.size > 0 && this.exists) serveNames(this.#tx, due);
  }

  /** Makes the reply to a call that has waited. Undefined: the entry has no room for what that changes. */
  #attempt(work: () => RedisReply): RedisReply | undefined {
    const before = this.#work.mark();
    const isFirst = this.#isEmpty;
    const otherwise = (fault: unknown) => ({ error: errorOf(refusalOfFault(fault)) });
    const reply = this.#work.guarded("redis.run", work, otherwise);
    const { bytes } = this.#builder;
    if (bytes <= limits.entryBytesMax) return reply;
    this.#work.undo(before);
    return isFirst ? { error: errorOf(tooLarge(bytes)) } : undefined;
  }

  #claimFor(request: CommandRequest<"lease.claim">): Served | undefined {
    const { claimed } = this.#told;
    const before = claimed.length;
    const answer = this.#answer(request);
    if (!isOver("jobs", answer)) return undefined;
    const ids = claimed.slice(before);
    if (ids.length > 0)
      return { answer, token: leaseToken(this.#tx.identity, this.#told.grant), ids };
    // It was given jobs before, by an instance that could not tell it so; or is to have none.
    const { jobs } = "reply" in answer ? (JSON.parse(answer.reply) as ClaimReply) : { jobs: [] };
    return { answer, token: jobs[0]?.token ?? "", ids: jobs.map(({ id }) => id) };
  }

  /** Appends the group's entry; a group without events appends nothing. Returns whether it did. */
  append(incarnation: number): boolean {
    const { store, at, identity } = this.#context;
    if (this.#builder.events === 0) return false;
    if (store.hard === undefined) store.create(identity);
    store.append({ incarnation, at, ...this.#builder.build() });
    return true;
  }

  /** Undoes the whole group, as if no command had come. */
  undoAll(): void {
    this.#work.undo(this.#start);
  }

  /** Whether nothing has happened yet: what does not fit now never will. */
  get #isEmpty(): boolean {
    return this.#builder.events === 0;
  }

  #answer(request: CommandRequest): CommandAnswer {
    const { name, key } = request;
    const kept = key === undefined ? undefined : this.#kept.recall(key.key);
    if (key !== undefined && kept !== undefined) {
      return repeated(this.#tx, request, key.bodyHash, kept);
    }
    if (this.exists) return this.#decide(request);
    const { autoCreate, at, identity } = this.#context;
    if (name === "lease.claim") return { reply: encodeReply(name, emptyClaim(at)) };
    if (!creates(name, autoCreate)) {
      const refusal = autoCreate ? queueUnknown : queueNotMade;
      return { refusal: refusal(this.#context.name) };
    }
    const before = this.#work.mark();
    createQueue(this.#tx, this.#context.name, identity);
    const creation = this.#told.types.length;
    const answer = this.#decide(request);
    // What is refused has no event of its own, and so creates nothing.
    if (beginners.has(name) && this.#told.types.length === creation) this.#work.undo(before);
    return answer;
  }

  #decide(request: CommandRequest): CommandAnswer {
    const { name, input, key } = request;
    if (!isDecided(name)) throw new Error(`${name} is not a command that a group decides`);
    const events = this.#told.types.length;
    this.#isSettling = name === "lease.settle";
    const reply = (decisions[name] as Decide<typeof name>)(this.#tx, input as never);
    if (isRefusal(reply)) return { refusal: reply };
    const kept =
      key && this.#told.types.length > events ? answerToKeep(this.#tx, name, reply) : undefined;
    if (key !== undefined && kept !== undefined) this.#kept.keep(key.key, key.bodyHash, kept);
    return { reply: encodeReply(name, reply) };
  }

  #emit<T extends EventType>(type: T, facts: EventFacts[T]): void {
    const event = eventOf(type, facts) as Event;
    const { store, at, isAwaited } = this.#context;
    const { id } = facts as EventFacts["job.removed"];
    const isLost = isLoss.has(type);
    const mayEnd = isEnd.has(type) && isAwaited(id);
    const held = isLost || mayEnd ? store.tables.jobs.get([id]) : undefined;
    const last = mayEnd && held !== undefined ? lastOf(store.tables, held, event, at) : undefined;
    // Of a lease that is over by time, a release is what has become of it, whoever spoke of it.
    const isAsked = type === "job.released" && this.#isSettling && (held?.leaseUntil ?? 0) > at;
    store.evolve(event, at);
    this.#builder.add(event);
    this.#told.add(type, facts, isLost && !isAsked ? held : undefined);
    this.#told.noteEnd(id, last);
    if (mayEnd && held !== undefined) this.#work.owes(jobBytes(held));
  }
}
