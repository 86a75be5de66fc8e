/**
 * Sees what an engine does at the moment it does it: the turns of its groups, in the order in which they take effect.
 * Invariant: it changes nothing of what it sees; an instance that nobody audits is not seen.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import { Committer } from "../../src/object/commit.ts";
import { Group } from "../../src/object/group.ts";

export type RunResult = ReturnType<Group["run"]>;
export type ServeResult = ReturnType<Group["serve"]>;

/** Who is told. Each is given the real work, and returns what it returned. */
export interface Observer {
  sweep(group: Group, isWhole: boolean, work: () => number): number;
  run(group: Group, request: CommandRequest, work: () => RunResult): RunResult;
  /** A claim that waits is tried. */
  serve(group: Group, request: CommandRequest, work: () => ServeResult): ServeResult;
  advance(group: Group, work: () => boolean): boolean;
  record(group: Group, event: string, work: () => void): void;
  append(group: Group, work: () => boolean): boolean;
  undoAll(group: Group, work: () => void): void;
  takeOver(group: Group, work: () => void): void;
  /** What `request` is answered is decided: it is told when what it rests on is durable. */
  decides(request: CommandRequest): void;
  /** `request` now waits to be done alone. */
  waitsAlone(request: CommandRequest): void;
  /** `request` is the one that was being submitted when the work was asked for. */
  alone<T>(request: CommandRequest, work: () => T): T;
}

/** What an instance was asked, and who observes it, for as long as it is not over. */
interface Submitted {
  readonly request: CommandRequest;
  readonly by: { readonly observer: Observer | undefined };
}

/** The observer of the instance that is at work, if it is to be audited. */
let speaking: Observer | undefined;
/** Known also behind an await: a finish of an import pauses before it is alone. */
const submitting = new AsyncLocalStorage<Submitted>();
const observers = new WeakMap<Group, Observer>();

/** An instance says so whenever it asks for the time, as every group does first. */
export function speak(observer: Observer | undefined): void {
  speaking = observer;
}

/** Submits a request, and knows it by what the engine then asks for. */
export function submit<T>(request: CommandRequest, by: Submitted["by"], work: () => T): T {
  return submitting.run({ request, by }, work);
}

/** The request that is at work asks for what was written to become durable. */
export function syncs(): void {
  const asked = submitting.getStore();
  if (asked !== undefined) asked.by.observer?.decides(asked.request);
}

function observerOf(group: Group): Observer | undefined {
  const known = observers.get(group) ?? speaking;
  if (known !== undefined) observers.set(group, known);
  return known;
}

/** Puts itself around groups; once in a process. */
export function observeGroups(): void {
  const { sweep, run, serve, advanceOperation, record, append, undoAll, takeOver } =
    Group.prototype;
  Group.prototype.sweep = function observed(this: Group, isWhole) {
    const work = () => sweep.call(this, isWhole);
    return observerOf(this)?.sweep(this, isWhole, work) ?? work();
  };
  Group.prototype.run = function observed(this: Group, request) {
    const work = () => run.call(this, request);
    const observer = observerOf(this);
    return observer === undefined ? work() : observer.run(this, request, work);
  };
  Group.prototype.serve = function observed(this: Group, request) {
    const work = () => serve.call(this, request);
    const observer = observerOf(this);
    return observer === undefined ? work() : observer.serve(this, request, work);
  };
  Group.prototype.advanceOperation = function observed(this: Group) {
    const work = () => advanceOperation.call(this);
    return observerOf(this)?.advance(this, work) ?? work();
  };
  Group.prototype.record = function observed(this: Group, type, facts) {
    const work = () => record.call(this, type, facts as never);
    const observer = observerOf(this);
    if (observer === undefined) work();
    else observer.record(this, type, work);
  };
  Group.prototype.append = function observed(this: Group, incarnation) {
    const work = () => append.call(this, incarnation);
    return observerOf(this)?.append(this, work) ?? work();
  };
  Group.prototype.undoAll = function observed(this: Group) {
    const work = () => undoAll.call(this);
    const observer = observerOf(this);
    if (observer === undefined) work();
    else observer.undoAll(this, work);
  };
  Group.prototype.takeOver = function observed(this: Group, from, given) {
    const work = () => takeOver.call(this, from, given);
    const observer = observerOf(this);
    if (observer === undefined) work();
    else observer.takeOver(this, work);
  };
  observeAlone();
}

function observeAlone(): void {
  const { alone } = Committer.prototype;
  Committer.prototype.alone = function observed<T>(this: Committer, work: () => T): Promise<T> {
    const asked = submitting.getStore();
    if (asked !== undefined) asked.by.observer?.waitsAlone(asked.request);
    const seen = () => {
      const observer = asked?.by.observer;
      return asked && observer ? observer.alone(asked.request, work) : work();
    };
    return alone.call(this, seen) as Promise<T>;
  };
}
