/**
 * One run: a pure function of a seed and of the steps that are kept of it.
 * Invariant: the same seed and steps give the same digest, or the same violation.
 */

import { dumpOf } from "../invariants.ts";
import type { Coverage } from "./coverage.ts";
import { activate, wrapMachine } from "./injector.ts";
import { type Instance, storesOf } from "./instance.ts";
import { QUEUE } from "./model/model.ts";
import { observeGroups, speak } from "./observer.ts";
import { stepSeed } from "./random.ts";
import { type Leader, Scheduler } from "./scheduler.ts";
import { boundLog, lowerLimits } from "./small.ts";
import { demand, same, Violation } from "./violation.ts";
import { wantedOf } from "./wanted.ts";
import { World } from "./world.ts";

/** A history: which steps of a seed happen. */
export interface History {
  readonly seed: number;
  readonly steps: readonly number[];
}

export interface Failure {
  readonly rule: string;
  readonly message: string;
  /** The step at which it was noticed: its number, or undefined for the end. */
  readonly step: number | undefined;
}

export interface Outcome {
  readonly digest: string;
  readonly coverage: Coverage;
  readonly failure: Failure | undefined;
  /** What each step was. */
  readonly said: readonly string[];
}

/** Defects that tests plant, to see that they are found. */
export type Plant = (world: World, instance: Instance | undefined) => void;

/** In one run of so many, only `PUT` creates a queue. */
const AUTO_CREATE_NOT_IN = 4;

/** In two runs of so many the crew acts most of the time, in two the gatekeeper, in one each a caller and channels: what takes steps in a row ends. */
const leaders: readonly (Leader | undefined)[] = [
  ...([undefined, "crew", "caller", "gatekeeper"] as const),
  ...([undefined, "crew", "channels", "gatekeeper"] as const),
];

/** Who acts most of the time in a run. */
export const leaderOf = (seed: number): Leader | undefined => leaders[seed % leaders.length];

let isPrepared = false;

/** Prepares this process, once: limits, hooks, injected faults. */
function prepare(): void {
  if (isPrepared) return;
  isPrepared = true;
  lowerLimits((sql, store) => storesOf.set(sql, store as never));
  wrapMachine();
  observeGroups();
}

export const allSteps = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export async function run(
  { seed, steps }: History,
  plant: Plant = () => undefined,
): Promise<Outcome> {
  prepare();
  boundLog(seed);
  const world = new World(seed % AUTO_CREATE_NOT_IN !== 0);
  activate(world.injector);
  const scheduler = new Scheduler(world, leaderOf(seed), wantedOf(seed));
  const said: string[] = [];
  let failure: Failure | undefined;
  let at: number | undefined;
  try {
    for (const step of steps) {
      at = step;
      plant(world, world.current);
      await scheduler.step(stepSeed(seed, step));
      world.check(false);
      said.push(scheduler.said);
    }
    at = undefined;
    await scheduler.quiesce();
    await finish(world);
  } catch (error) {
    said.push(scheduler.said);
    failure = failureOf(error, at);
  }
  const digest = world.post.digest(tablesOf(world));
  activate(undefined);
  speak(undefined);
  world.disk.close();
  return { digest, coverage: world.coverage, failure, said };
}

/** The last look: everything is durable, known to the directory, and recovered by a new instance. */
async function finish(world: World): Promise<void> {
  world.check(true);
  const { queue } = world.auditor.state;
  same("directory", "the queue", world.directory.queues.get(QUEUE), queue?.queueId);
  demand(world.post.underway === 0, "answers", "every request was answered", world.post.underway);
  await world.crash(world.disk.written);
  await world.wake();
  world.check(true);
}

/** Every row of every table, as the last instance has them; of one that is over nothing can be read. */
const tablesOf = ({ current }: World): object =>
  current?.store === undefined || current.isOver ? {} : dumpOf(current.store.tables);

function failureOf(error: unknown, step: number | undefined): Failure {
  if (error instanceof Violation) return { rule: error.rule, message: error.message, step };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { rule: message.split(":", 1)[0] ?? "", message, step };
}
