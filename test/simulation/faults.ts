/**
 * The faults that the scheduler chooses from, each with how often it is chosen.
 * Invariant: a fault draws only from the step that chose it; what waits for its moment is with the injector.
 */
import { type Damage, damages, tryDamage } from "./damage.ts";
import type { Random } from "./random.ts";
import { changing } from "./small.ts";
import type { World } from "./world.ts";

/** The world as an eviction needs it. */
export type Evicted = Pick<World, "coverage" | "crash" | "current" | "disk" | "post" | "sync">;

type Fault = (world: World, random: Random) => void | Promise<void>;

/** The bound on a database, where no fault lowers it. */
const databaseBytesMax = changing.databaseBytesMax;

export const isAtBound = (): boolean => changing.databaseBytesMax < databaseBytesMax;

export const restoreBound = (): void => {
  changing.databaseBytesMax = databaseBytesMax;
};

export const faults: readonly (readonly [weight: number, fault: readonly [string, Fault]])[] = [
  [4, ["crash", crash]],
  [3, ["evict", evict]],
  [3, ["supersede", supersede]],
  [4, ["plan a crash before a write", planWrite("crash before a write", 4)]],
  [4, ["plan a crash after a write", planWrite("crash after a write", 4)]],
  [
    3,
    [
      "plan a crash at an await",
      ({ injector }, random) => injector.planAwait(random.between(1, 2)),
    ],
  ],
  [4, ["plan a throw in append", planWrite("throw in append", 6)]],
  [4, ["plan a throw in decide", planThrow("throw in decide")]],
  [4, ["plan a throw in evolve", planThrow("throw in evolve")]],
  [2, ["fail the next sync", failSync]],
  [2, ["fill storage", fill]],
  [3, ["lower the database's bound", bound]],
  [2, ["move the clock", jump]],
  [2, ["lose the alarm", (world) => world.loseAlarm()]],
  [5, ["damage", damage]],
];

function planWrite(
  kind: "crash before a write" | "crash after a write" | "throw in append",
  most: number,
): Fault {
  return ({ injector }, random) => injector.planWrite(kind, random.between(1, most));
}

function planThrow(kind: "throw in decide" | "throw in evolve"): Fault {
  return ({ injector }, random) =>
    injector.planThrow(kind, random.between(1, 5), random.chance(0.5));
}

async function crash(world: World, random: Random): Promise<void> {
  const { current, disk, coverage } = world;
  if (current === undefined) return;
  coverage.fault("crash between steps");
  await world.crash(random.between(disk.durable, disk.written));
}

/** The instance ends in its sleep: its sockets outlive it. */
export async function evict(world: Evicted): Promise<void> {
  await world.sync();
  // One that has given up does not sleep: its end, behind the step, takes its sockets along.
  if (world.current === undefined || world.current.isDead || world.post.underway > 0) return;
  world.coverage.fault("eviction");
  await world.crash(world.disk.written, true);
}

async function supersede(world: World, random: Random): Promise<void> {
  if (world.zombie !== undefined) return world.endZombie();
  const { disk } = world;
  await world.supersede(random.between(disk.durable, disk.written));
}

function failSync({ injector }: World): void {
  injector.syncFails = true;
}

function fill({ injector }: World): void {
  injector.isFull = true;
}

function bound({ coverage }: World): void {
  coverage.fault("database at its bound");
  changing.databaseBytesMax = 1;
}

function jump(world: World, random: Random): void {
  const isAhead = random.chance(0.5);
  world.coverage.fault(isAhead ? "clock jumps ahead" : "clock jumps back");
  const far = random.chance(0.5) ? 7_200_000 : 60_000;
  world.moveClock(isAhead ? random.below(far) : -random.below(far));
}

async function damage(world: World, random: Random): Promise<void> {
  world.injector.calm();
  await world.sync();
  if (world.auditor.state.queue === undefined || world.isFiring) return;
  const kind: Damage = random.pick(damages);
  await world.crash(world.disk.written);
  const scene = { world, state: world.auditor.state, now: world.now() };
  if (await tryDamage(kind, random, scene)) world.coverage.fault(kind);
  await world.wake();
}
