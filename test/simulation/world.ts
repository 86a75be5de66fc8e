/**
 * The simulated platform: one object's storage, its instances, the alarm, the network and the directory.
 * Invariant: nothing happens by itself; each method is one move of the scheduler, after which everything it set off is done.
 */

import type { CommandRequest } from "../../src/contract/rpc.ts";
import type { PostAnswer, PostRequest } from "../../src/object/post.ts";
import type { WaitSocket } from "../../src/object/waiters.ts";
import type { Audited } from "./audited.ts";
import { Auditor } from "./auditor.ts";
import { Channels } from "./channels.ts";
import { checkAll, checkChanges, Invariants } from "./checks.ts";
import { Coverage } from "./coverage.ts";
import type { Delivery } from "./delivery.ts";
import { Directory } from "./directory.ts";
import { Disk } from "./disk.ts";
import { Injector } from "./injector.ts";
import { type DirectoryCall, Instance, type Surroundings } from "./instance.ts";
import { checkAlarm } from "./noun-checks.ts";
import { Post } from "./post.ts";
import { Target } from "./target.ts";
import { demand } from "./violation.ts";
import { Waiting } from "./waiting.ts";

/** When every run begins, epoch ms. */
const START = 1_795_000_000_000;
/** How soon upkeep that failed is tried again. */
const RETRY_MS = 5000;

/** Lets every promise that can go on go on. */
const turns = (): Promise<void> => new Promise((done) => setImmediate(done));

export class World implements Surroundings, Audited {
  readonly coverage = new Coverage();
  readonly disk = new Disk();
  readonly injector = new Injector(this.coverage);
  readonly auditor = new Auditor(this);
  readonly directory = new Directory();
  current: Instance | undefined;
  /** An instance that was superseded and does not know it. */
  zombie: Instance | undefined;
  readonly post = new Post(this);
  readonly waiting = new Waiting(this);
  readonly channels = new Channels(this);
  readonly target = new Target(this);
  readonly #invariants = new Invariants();
  /** Whether an enqueue creates the queue. */
  readonly autoCreate: boolean;
  #now = START;
  #queues = 0;
  /** When an alarm fired whose handler's work is not durable yet. */
  #firing: { readonly at: number; doneAt: number } | undefined;
  #isAlarmLost = false;
  /** Whether something was to go wrong in this step: then an engine may report it. */
  #isExcused = false;
  #checks = 0;
  /** Whether the jobs of the last look may not be those of the next, though they have their ids. */
  #isUnlike = false;
  readonly #pauses: (() => void)[] = [];
  /** Upkeep that failed is tried again at this time, not before: also by the next instance, since the alarm stands there. */
  #retryAt = 0;

  constructor(autoCreate: boolean) {
    this.autoCreate = autoCreate;
  }

  now(): number {
    return this.#now;
  }

  newQueueId(): string {
    this.#queues += 1;
    return `q${this.#queues.toString().padStart(7, "0")}`;
  }

  deliveryOf(request: CommandRequest): Delivery | undefined {
    return this.post.deliveryOf(request);
  }

  get mayPush(): boolean {
    return this.post.isPushAsked;
  }

  get hasWaiting(): boolean {
    return this.current !== undefined && this.post.waitingFor(this.current) > 0;
  }

  get waitingSockets(): readonly WaitSocket[] {
    return [...this.waiting.sockets, ...this.channels.sockets];
  }

  isSaid(request: CommandRequest): boolean {
    return this.channels.isSaid(request);
  }

  isThere(worker: string): boolean {
    return this.channels.presence.isThere(worker);
  }

  /** Whether nothing is under way that could change something. */
  get isIdle(): boolean {
    const isQuiet = this.post.underway === 0 && !this.isPausing && this.directory.waiting === 0;
    // An answer may wait for a turn of the disk also where there is nothing left to write.
    const isTold = (this.current?.sql.waiting ?? 0) === 0;
    return (
      isQuiet && isTold && this.#firing === undefined && this.disk.durable === this.disk.written
    );
  }

  /** Whether something went wrong in this step, as it was to. */
  get isExcused(): boolean {
    return this.#isExcused || this.injector.struck > 0;
  }

  /** Something goes wrong in this step that the engine may report. */
  excuse(): void {
    this.#isExcused = true;
  }

  moveClock(ms: number): void {
    this.#now = Math.max(1, this.#now + ms);
  }

  pause(): Promise<void> {
    return new Promise((done) => this.#pauses.push(done));
  }

  /** Lets long work go on. */
  async goOn(): Promise<void> {
    for (const done of this.#pauses.splice(0)) done();
    await turns();
  }

  push(instance: Instance, request: PostRequest): Promise<PostAnswer> {
    return this.target.take(instance, request);
  }

  get isPausing(): boolean {
    return this.#pauses.length > 0;
  }

  /** Whether the alarm can be expected to be set, for the first thing that is to do. */
  get isAlarmSure(): boolean {
    return this.current !== undefined && this.#armedAt(this.current) !== 0;
  }

  tellDirectory(call: DirectoryCall): Promise<void> {
    return this.directory.call(call);
  }

  died(instance: Instance): void {
    if (instance === this.current) this.#isExcused = true;
  }

  /** An instance gives up only for a fault that was planted: whatever else makes it do so is a defect. */
  aborted(instance: Instance, error: unknown): void {
    if (instance.isOver || this.isExcused || planted.test(String(error))) return;
    this.auditor.watch(() => demand(false, "abort", "an instance gave up", String(error)));
  }

  reported(instance: Instance, error: unknown, what: string): void {
    // Where too many commands wait, what was given to one who left comes back when its lease ends.
    if (what === "give back") this.channels.notReturned();
    if (instance.isOver || what === "give back") return;
    this.#retryAt = Math.max(this.#retryAt, this.#now + RETRY_MS);
    const isStruck = this.isExcused;
    if (isStruck && what === "append") instance.reportsDue += 1;
    if (isStruck) return;
    instance.reportsDue -= 1;
    this.auditor.watch(() => demand(instance.reportsDue >= 0, "report", what, String(error)));
  }

  /** Brings a new instance up, when there is none. */
  async wake(): Promise<Instance> {
    if (this.current !== undefined) return this.current;
    const instance = new Instance(this, this.auditor);
    this.current = instance;
    await instance.engine.recoverAlarm();
    const { problem } = this.auditor;
    if (problem !== undefined) throw problem;
    // What waits is served in its first turns, over which it may have ended already.
    if (instance.isOver) return await this.wake();
    demand(instance.store !== undefined, "recovery", "the store opens");
    if (instance.store !== undefined) checkAll(instance.store, this.auditor.state);
    this.#invariants.crashed();
    return instance;
  }

  /** Makes writes durable, all or some, and lets go on who waited for them. */
  async sync(upTo = this.disk.written): Promise<void> {
    this.disk.makeDurable(upTo);
    this.auditor.durable(this.disk.durable);
    const { doneAt = Infinity } = this.#firing ?? {};
    if (doneAt <= this.disk.durable) this.#firing = undefined;
    this.current?.sql.letGo();
    await turns();
  }

  /** Ends the current instance; of what it wrote and is not durable, all behind a place is lost. */
  async crash(upTo: number, isEviction = false): Promise<void> {
    const { current } = this;
    if (!isEviction) this.#socketsLost();
    else if (!this.isIdle) this.channels.disturbed();
    if (upTo < this.disk.written) this.coverage.fault("writes lost in a crash");
    if (current !== undefined) {
      current.isOver = true;
      current.isDead = true;
      this.directory.cutOff();
    }
    this.#leave(upTo);
    this.post.endAll(current);
    await turns();
  }

  /** The platform starts another instance while the current one still runs. */
  async supersede(upTo: number): Promise<void> {
    const { current } = this;
    if (current === undefined) return;
    this.coverage.fault("superseded instance runs on");
    this.post.endAll(this.zombie);
    this.zombie = current;
    current.isOver = true;
    this.#socketsLost();
    this.#leave(upTo);
    await this.wake();
  }

  #socketsLost(): void {
    this.waiting.crashed();
    this.channels.crashed();
  }

  /** The superseded instance learns of it. */
  async endZombie(): Promise<void> {
    this.zombie?.sql.failAll();
    await turns();
    this.post.endAll(this.zombie);
    this.zombie = undefined;
  }

  #leave(upTo: number): void {
    this.disk.crash(upTo);
    this.channels.presence.renewed();
    this.auditor.crashed(this.disk.written);
    this.#invariants.crashed();
    this.current = undefined;
    if (this.#firing === undefined) return;
    // An alarm whose handler did not get to its end is fired again.
    this.coverage.fault("alarm handler cut off");
    this.disk.setAlarm(Math.min(this.#firing.at, this.disk.alarm ?? Infinity));
    this.disk.makeDurable(this.disk.written);
    this.#firing = undefined;
  }

  /** Fires the alarm, due or not: one that was delivered before may come once more. */
  async fireAlarm(): Promise<void> {
    const instance = await this.wake();
    if (instance.isInAlarm) return;
    const { alarm } = this.disk;
    if (alarm !== null && this.#now > alarm + 2000) this.coverage.fault("alarm late");
    const firing = { at: Math.min(alarm ?? this.#now, this.#now), doneAt: Infinity };
    this.#firing = firing;
    this.disk.setAlarm(null);
    instance.isInAlarm = true;
    instance.isAwake = true;
    this.#retryAt = 0;
    this.#isAlarmLost = false;
    instance.engine.alarm().then(
      () => {
        if (instance.isOver) return;
        instance.isInAlarm = false;
        firing.doneAt = this.disk.written;
        if (this.#retryAt > 0) this.#retryAt = this.#now + RETRY_MS;
      },
      (error: unknown) => {
        if (!instance.isOver)
          this.auditor.watch(() => demand(false, "alarm", "threw", String(error)));
      },
    );
    await turns();
  }

  /** The platform forgets the alarm. */
  loseAlarm(): void {
    if (this.disk.alarm === null || this.#firing !== undefined) return;
    this.coverage.fault("alarm lost");
    this.disk.setAlarm(null);
    this.#isAlarmLost = true;
  }

  get isFiring(): boolean {
    return this.#firing !== undefined;
  }

  /** Lets what was set off happen. */
  async settle(): Promise<void> {
    await turns();
  }

  /** Throws when something is not as it should be. */
  check(isWhole: boolean): void {
    const { current, auditor } = this;
    if (auditor.problem !== undefined) throw auditor.problem;
    if (this.isExcused) this.channels.presence.excused();
    this.#isExcused = false;
    this.injector.struck = 0;
    const store = current?.isOver ? undefined : current?.store;
    if (current === undefined || store === undefined) return;
    // What time lets go is for the alarm to hand out.
    const isLater = this.isAlarmSure && (this.disk.alarm ?? Infinity) > this.#now;
    if (this.isIdle && isLater && this.#retryAt < this.#now) this.#checkWaiting();
    // While the clock is behind, two jobs of one id may be created at one time.
    if (this.#now <= auditor.state.at || auditor.isReplaced) this.#isUnlike = true;
    if (auditor.isReplaced) this.channels.presence.replaced();
    auditor.isReplaced = false;
    if (!auditor.isChanged && !isWhole) return;
    checkChanges(store, auditor.state, auditor.takeTouched());
    auditor.isChanged = false;
    this.#checks += 1;
    if (this.#checks % 12 !== 0 && !isWhole) return;
    checkAll(store, auditor.state);
    if (this.#isUnlike) this.#invariants.crashed();
    this.#isUnlike = false;
    checkAlarm(auditor.state, this.#armedAt(current), this.#now);
    const given = { disk: this.disk, armedAt: this.#armedAt(current), now: this.#now };
    this.#invariants.check(current, given, isWhole || this.#checks % 96 === 0);
  }

  /** I12: nobody waits for a job that is there. */
  #checkWaiting(): void {
    this.channels.check();
    for (const request of [...this.waiting.unserved, ...this.channels.unserved]) {
      demand(!this.auditor.wouldServe(request), "I12", "who waits is passed over", request);
    }
  }

  /** The alarm, for the check that it is not late; 0 where it cannot be expected to be set. */
  #armedAt(instance: Instance): number | null {
    const isUnsure = !instance.isAwake || instance.isInAlarm || this.#isAlarmLost;
    const { alarm } = this.disk;
    const isRetry = (alarm ?? Infinity) <= this.#retryAt;
    return isUnsure || isRetry ? 0 : alarm;
  }
}

/** The words of the faults that are planted. */
const planted =
  /the disk is gone|the statement failed|database or disk is full|superseded|crashed|throw in/;
