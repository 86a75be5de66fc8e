/**
 * The auditor: predicts every answer with its own model, in the order in which the engine makes commands effective.
 * Invariant: its state is what the current instance should have in memory; `worlds` are the states that a crash may leave.
 */
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import type { Group } from "../../src/object/group.ts";
import { type Audited, isImport, isOwn, type Open, opened, textOf, type World } from "./audited.ts";
import { type Decided, type Delivery, toModel } from "./delivery.ts";
import type { Unit } from "./disk.ts";
import { expectedAlone, expectedOf } from "./expected.ts";
import { loggedOf } from "./feed-audit.ts";
import { FlowAudit } from "./flow-audit.ts";
import { ImportAudit } from "./import-audit.ts";
import { checkIncarnation } from "./incarnation.ts";
import { refused } from "./model/answers.ts";
import { takeOver } from "./model/imports.ts";
import { advanceOperation, register } from "./model/model.ts";
import { slotsComeFirst } from "./model/schedules.ts";
import { copyOf, noQueue, type State } from "./model/state.ts";
import { sweep } from "./model/sweep.ts";
import { Turn } from "./model/turn.ts";
import { checkDead } from "./model/workers.ts";
import type { Observer, RunResult, ServeResult } from "./observer.ts";
import { RateCounter } from "./rates.ts";
import { changing, small } from "./small.ts";
import { SnapshotAudit } from "./snapshot-audit.ts";
import { VersionAudit } from "./version-audit.ts";
import { demand, same } from "./violation.ts";
import { WaitAudit } from "./wait-audit.ts";

export class Auditor implements Observer {
  readonly #audited: Audited;
  /** The first thing that was wrong: the engine itself would only take it for a fault. */
  problem: unknown;
  rates = new RateCounter();
  #turn: Turn;
  #open: Open | undefined;
  #worlds: World[];
  #entries = 0;
  #flow = new FlowAudit();
  /** The state that the import under way brought. */
  #imported = noQueue();
  #touched = new Set<string>();
  isChanged = false;
  readonly waits = new WaitAudit();
  readonly snapshots = new SnapshotAudit();
  readonly versions = new VersionAudit();
  readonly imports: ImportAudit;
  /** Whether the state was replaced by another since this was last asked. */
  isReplaced = false;
  /** Whether the entry of an import is under way: it is written with the state that it is of. */
  #isImporting = false;

  constructor(audited: Audited) {
    this.#audited = audited;
    this.imports = new ImportAudit(audited, this.snapshots);
    this.#turn = this.#newTurn(noQueue(), 0);
    this.#worlds = [{ position: 0, state: noQueue(), flow: new FlowAudit() }];
    audited.disk.onWritten = (unit) => this.watch(() => this.#written(unit));
  }

  /** What the current instance should have in memory. */
  get state(): State {
    return this.#turn.state;
  }

  /** Jobs that changed since this was last asked. */
  takeTouched(): ReadonlySet<string> {
    const touched = new Set([...this.#touched, ...this.#turn.touched]);
    this.#touched = new Set();
    return touched;
  }

  /** The time as of which the next command is judged. */
  at(): number {
    return Math.max(this.#audited.now(), this.state.at);
  }

  /** The instance is gone: of what it wrote this much was kept. */
  crashed(position: number): void {
    this.imports.crashed(position);
    this.waits.lost(position);
    while ((this.#worlds.at(-1)?.position ?? 0) > position) this.#worlds.pop();
    const last = this.#worlds.at(-1);
    const state = copyOf(last?.state ?? noQueue());
    state.history.cut(state.index);
    this.#flow = last?.flow.copy() ?? new FlowAudit();
    this.#worlds = [{ position: 0, state: copyOf(state), flow: this.#flow.copy() }];
    this.#turn = this.#newTurn(state, state.at);
    this.#open = undefined;
    this.#isImporting = false;
    this.rates = new RateCounter();
    this.isChanged = true;
  }

  /** What was written up to here is durable: no crash leads behind it. */
  durable(position: number): void {
    const index = this.#worlds.findLastIndex((world) => world.position <= position);
    if (index > 0) this.#worlds.splice(0, index);
  }

  sweep(group: Group, isWhole: boolean, work: () => number): number {
    this.watch(() => {
      this.#begin(group);
      const isInAlarm = this.#audited.current?.isInAlarm === true;
      demand(isWhole || isInAlarm, "sweep", "names are left to nobody");
      if (!isWhole) this.#audited.coverage.fault("sweep beside an alarm");
    });
    return this.#around(work, (changes, isStruck) => {
      if (this.state.queue === undefined) {
        same("sweep", "changes of a queue that is not there", changes, 0);
        return;
      }
      const most = isStruck ? changes : small.sweepMax;
      let swept = 0;
      for (let done: number = small.sweepStepMax; done >= small.sweepStepMax && swept < most; ) {
        done = sweep(this.#turn, small.sweepStepMax, isWhole);
        swept += done;
      }
      if (swept < most) checkDead(this.state);
      same("sweep", "changes that are due", changes, swept);
    });
  }

  run(group: Group, request: CommandRequest, work: () => RunResult): RunResult {
    const isEmpty = this.#turn.events.length === 0;
    return this.#around(work, (answer, isStruck) => {
      const delivery = this.#audited.deliveryOf(request);
      const isTold = delivery !== undefined || this.#audited.isSaid(request);
      const isSent = isTold || isOwn(request, this.#audited.mayPush);
      demand(isSent, "order", "a request was decided that nobody sent");
      demand(delivery?.decided === undefined, "order", "a request was decided twice", request);
      const slotsFirst = !isStruck && slotsComeFirst(this.#turn, request, isEmpty);
      same("group", "slots of its schedule come before it", answer === "behind", slotsFirst);
      if (answer === "behind") return this.#audited.coverage.fault("command behind slots");
      if (answer === "full") {
        demand(!isEmpty, "group", "an empty group closed before a command", request.name);
        this.#audited.coverage.fault("command moved to the next group");
        return;
      }
      const actual = toModel(answer);
      const expected = expectedOf(this.#turn, request, actual, { isStruck, isEmpty });
      same("reply", request.name, actual, expected);
      if (delivery === undefined) return this.waits.decided(request);
      delivery.decided = { expected, text: textOf(answer) };
      this.#openOf(group).members.push(delivery);
    });
  }

  serve(group: Group, request: CommandRequest, work: () => ServeResult): ServeResult {
    return this.#around(work, (served, isStruck) => {
      if (served === "full" || isStruck) return;
      const isServed = this.waits.judge(this.#turn, request, served);
      if (isServed) this.#openOf(group).served.push(request);
    });
  }

  /** Whether a claim that waits would find a job as things are. */
  wouldServe(request: CommandRequest): boolean {
    const turn = this.#newTurn(copyOf(this.state), this.at());
    return this.waits.wouldServe(turn, request);
  }

  advance(group: Group, work: () => boolean): boolean {
    this.watch(() => this.#begin(group));
    return this.#around(work, (had, isStruck) => {
      if (isStruck) demand(had, "operation", "a step that failed was not told");
      else same("operation", "whether one is under way", had, advanceOperation(this.#turn));
    });
  }

  record(group: Group, event: string, work: () => void): void {
    this.watch(() => this.#begin(group));
    const struck = this.#audited.injector.struck;
    work();
    this.watch(() => {
      if (this.#audited.injector.struck > struck) return;
      same("upkeep", "an event of the engine's own", event, "queue.registered");
      register(this.#turn);
    });
  }

  append(group: Group, work: () => boolean): boolean {
    const entries = this.#entries;
    const hasAppended = this.#around(work, (appended) => {
      same("entry", "a group with events is an entry", appended, this.#turn.events.length > 0);
      const isWritten = appended && !this.#isImporting;
      same("entry", "entries written", this.#entries - entries, isWritten ? 1 : 0);
    });
    const { members, served } = this.#openOf(group);
    this.waits.written(served, this.#audited.disk.written);
    if (members.length > 0 && this.#audited.hasWaiting) {
      this.#audited.coverage.fault("group split by bytes");
    }
    for (const member of members) member.position = this.#audited.disk.written;
    if (!this.#isImporting) this.#turn.events = [];
    return hasAppended;
  }

  takeOver(group: Group, work: () => void): void {
    this.watch(() => this.#takeOver(group));
    work();
  }

  /** The state becomes that of a snapshot, before the entry that says so. */
  #takeOver(group: Group): void {
    if (this.#isOver) return;
    const own = this.state;
    const imported = this.imports.stateFor(own, this.#audited.current?.lastQueueId ?? "");
    same("I15", "the time of an import", group.at, Math.max(this.#audited.now(), imported.at));
    for (const id of [...own.jobs.keys(), ...imported.jobs.keys()]) this.#touched.add(id);
    this.#open = opened(group, own);
    this.#turn = this.#newTurn(imported, group.at);
    this.#imported = copyOf(imported);
    this.#isImporting = true;
    this.isReplaced = true;
    takeOver(this.#turn, own);
  }

  undoAll(group: Group, work: () => void): void {
    work();
    const open = this.#openOf(group);
    this.watch(() => {
      if (this.#isOver) return;
      this.waits.undone();
      this.state.history.forget(open.startKept);
      this.#turn = this.#newTurn(open.start, open.start.at);
      for (const member of open.members) member.decided = { expected: refused("append_failed") };
    });
  }

  decides(request: CommandRequest): void {
    if (isImport(request)) this.imports.decides(request.input);
  }

  waitsAlone(request: CommandRequest): void {
    if (isImport(request)) this.imports.waits(request.input);
  }

  alone<T>(request: CommandRequest, work: () => T): T {
    const [state, at] = [this.state, this.at()];
    const expected = isImport(request)
      ? this.imports.predict(request.input, state, at)
      : expectedAlone(request, state, at, this.#audited);
    const delivery = this.#audited.deliveryOf(request);
    if (request.name === "snapshot.build") this.snapshots.began(this.state);
    // Where the work throws, nothing has happened.
    if (delivery !== undefined) delivery.decided = { expected: refused("internal") };
    return this.#around(work, (result) => {
      const answer = result as CommandAnswer;
      const store = this.#audited.current?.store;
      if (expected === undefined) {
        this.snapshots.checkStatusOf(request.name, answer, this.at(), store);
      } else same("reply", request.name, toModel(answer), expected);
      if (isImport(request)) this.imports.did(request.input, toModel(answer));
      if (delivery === undefined) return;
      delivery.decided = { expected: toModel(answer), text: textOf(answer) };
      delivery.position = this.#audited.disk.written;
    });
  }

  /** A read was answered from what the instance has in memory. */
  decidedRead(delivery: Delivery, decided: Decided): void {
    delivery.decided = decided;
    delivery.position = this.#audited.disk.written;
  }

  /** Something was written: an entry makes the group's state one that a crash may leave, and so does the end of a queue. */
  #written(unit: Unit): void {
    if (!("statements" in unit)) return;
    const find = (begins: string) => unit.statements.find(({ query }) => query.startsWith(begins));
    const entry = find("INSERT INTO raft_log_");
    if (entry !== undefined) {
      const { state, at, events } = this.#turn;
      checkIncarnation(this.#audited.current, state, Number(entry.bindings[2]));
      this.#entries += 1;
      state.index += 1;
      demand(at >= state.at, "I15", "the log's time went back", at, state.at);
      state.at = at;
      state.history.ats[state.index] = at;
      state.history.entries[state.index] = loggedOf(entry.bindings);
      this.rates.count(events, at);
      this.#flow = this.#flow.judge(entry.bindings, at, () => this.#imported);
      if (this.#isImporting) this.#turn.events = [];
      this.#isImporting = false;
      this.#push();
    } else if (find('DROP TABLE "raft_state"') !== undefined) {
      const { current } = this.#audited;
      if (current !== undefined) current.incarnation = undefined;
      this.#turn = this.#newTurn(noQueue(), 0);
      this.#flow = new FlowAudit();
      this.imports.forgetQueue();
      this.#push();
    }
  }

  #push(): void {
    this.#worlds.push({
      position: this.#audited.disk.written,
      state: copyOf(this.state),
      flow: this.#flow.copy(),
    });
    this.isChanged = true;
  }

  #begin(group: Group): void {
    if (this.#isOver || this.#open?.group === group) return;
    same("I15", "the time of a group", group.at, this.at());
    const { state } = this.#turn;
    for (const id of this.#turn.touched) this.#touched.add(id);
    this.#open = opened(group, copyOf(state));
    this.#turn = this.#newTurn(state, group.at);
  }

  #newTurn(state: State, at: number): Turn {
    const { current, autoCreate } = this.#audited;
    return new Turn(state, at, {
      autoCreate,
      newQueueId: current?.lastQueueId ?? "",
      isFull: (current?.store?.databaseBytes ?? 0) >= changing.databaseBytesMax,
      purged: current?.store?.purged.index ?? 0,
      versions: this.versions,
      isThere: (worker) => this.#audited.isThere(worker),
    });
  }

  #openOf(group: Group): Open {
    const open = this.#open;
    if (open?.group === group) return open;
    return opened(group, copyOf(this.state));
  }

  get #isOver(): boolean {
    return this.#audited.current?.isOver ?? true;
  }

  /** Does the engine's work, then looks at it; an instance that died over it is of no interest. */
  #around<T>(work: () => T, look: (result: T, isStruck: boolean) => void): T {
    const { struck } = this.#audited.injector;
    const result = work();
    if (!this.#isOver) this.watch(() => look(result, this.#audited.injector.struck > struck));
    return result;
  }

  /** Does some work; what it throws is the problem of the run, if it is the first. */
  watch(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.problem ??= error;
    }
  }
}
