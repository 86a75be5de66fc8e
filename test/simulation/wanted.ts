/**
 * What a run wants to see: some of the ends that commands may have, each sought on purpose until it was seen in this run.
 * Invariant: twenty-five seeds in a row want every end of every command between them; what is wanted follows from the seed alone.
 */
import { type CommandName, commands } from "../../src/contract/commands.ts";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import type { Wish } from "./clients.ts";
import type { Coverage } from "./coverage.ts";
import { someDelivery } from "./keys-drawn.ts";
import { tokenOf } from "./model/leases.ts";
import type { Schedule } from "./model/nouns.ts";
import { isEnded, type Job, type State } from "./model/state.ts";
import type { Random } from "./random.ts";
import { OWN, ownPlan, scheduleRecipes } from "./wanted-schedules.ts";

/** A command, and how it is to end. */
export interface Wanted {
  readonly name: CommandName;
  readonly end: string;
}

const RUNS = 25;
/** One run in so many creates no queue by the way: there commands find none. */
const CREATES_IN = 4;

const ends: readonly Wanted[] = (Object.keys(commands) as CommandName[]).flatMap((name) =>
  ["ok", "unknown", ...commands[name].refusals].map((end) => ({ name, end })),
);
const isOfAbsence = ({ end }: Wanted): boolean => end === "queue_unknown";
const absent = ends.filter(isOfAbsence);
const others = ends.filter((each) => !isOfAbsence(each));

/** What the run of a seed wants. */
export function wantedOf(seed: number): readonly Wanted[] {
  const own = others.filter((_, i) => i % RUNS === seed % RUNS);
  if (seed % CREATES_IN !== 0) return own;
  const runs = Math.floor(RUNS / CREATES_IN);
  return [...own, ...absent.filter((_, i) => i % runs === (seed / CREATES_IN) % runs)];
}

/** A request that was answered. */
interface Answered {
  readonly wish: Wish;
  readonly request: CommandRequest;
}

/** How a wanted end is sought: a wish, one that was answered before and is sent again, or one whose answer nobody will hear. */
export interface Attempt {
  readonly wish: Wish;
  /** To be sent as it was. */
  readonly again?: CommandRequest;
  /** The key of another request. */
  readonly key?: string | undefined;
  /** The instance is to die over it. */
  readonly isCutOff?: boolean;
}

/** What an attempt may go by. */
export interface Scene {
  readonly state: State;
  readonly coverage: Coverage;
  readonly answered: readonly Answered[];
}

export type Recipe = (name: CommandName, scene: Scene, random: Random) => Wish | undefined;

/** Commands that may say nothing more than what they want. */
const bare: readonly CommandName[] = [
  ...(["delivery.get", "delivery.pause", "delivery.remove", "delivery.resume"] as const),
  ...(["key.list", "queue.checkpoint", "queue.get", "queue.pause", "queue.purge"] as const),
  ...(["queue.raw", "queue.resume", "queue.stats", "queue.verify", "schedule.list"] as const),
  ...(["snapshot.get", "snapshot.remove", "worker.list", "action.list", "plan.list"] as const),
  ...(["feed.read", "job.list", "queue.configure", "queue.delete", "snapshot.build"] as const),
];
/** Commands that say no more than what they are about. */
const plain: readonly CommandName[] = [
  ...(["action.cancel", "action.get", "action.retry", "job.cancel", "job.get"] as const),
  ...(["job.parents", "job.remove", "job.retry", "job.tasks", "key.get", "key.remove"] as const),
  ...(["plan.get", "plan.remove", "schedule.get", "schedule.pause", "schedule.preview"] as const),
  ...(["schedule.remove", "schedule.resume", "schedule.run", "worker.drain"] as const),
  ...(["worker.get", "worker.heartbeat", "worker.remove", "operation.get"] as const),
];

/** A command about one of those that are there, or about nothing in particular. */
function aboutOne(name: CommandName, state: State, random: Random): Wish | undefined {
  if (bare.includes(name)) return { name, input: {} };
  if (name === "job.update") {
    const waiting = [...state.jobs.values()].filter((job) => /ready|scheduled/.test(job.state));
    const one = random.pickFrom(waiting);
    return one && { name, input: { id: one.id, priority: random.between(-1, 1) } };
  }
  if (!plain.includes(name)) return undefined;
  const { actions, jobs, keys, operations, plans, schedules, workers } = state;
  const noun = name.split(".")[0] ?? "";
  const nouns: Readonly<Record<string, Iterable<string>>> = {
    ...{ action: actions.keys(), job: jobs.keys(), key: keys.keys(), plan: plans.keys() },
    ...{ schedule: schedules.keys(), worker: workers.keys() },
    operation: operations.map((each) => each.id),
  };
  const id = random.pickFrom([...(nouns[noun] ?? [])]) ?? "none";
  return { name, input: noun === "key" ? { key: id } : { id } };
}

const rememberedMax = 6;

export class Seeker {
  readonly #wanted: readonly Wanted[];
  /** What was wished for lately, by command. */
  readonly #wishes = new Map<CommandName, Wish[]>();

  constructor(wanted: readonly Wanted[]) {
    this.#wanted = wanted;
  }

  /** A client wished for something: it may be wished for again. */
  note(wish: Wish): void {
    const known = this.#wishes.get(wish.name) ?? [];
    this.#wishes.set(wish.name, [...known, wish].slice(-rememberedMax));
  }

  /** The next attempt at something that was not seen yet; undefined where there is none, or nothing to try it with. */
  attempt(scene: Scene, random: Random): Attempt | undefined {
    const { coverage } = scene;
    const isSeen = ({ name, end }: Wanted) =>
      coverage.ended(name, end) + coverage.ended(name, `item ${end}`) > 0;
    const wanted = random.pickFrom(this.#wanted.filter((each) => !isSeen(each)));
    return wanted && this.#attemptAt(wanted, scene, random);
  }

  #attemptAt({ name, end }: Wanted, scene: Scene, random: Random): Attempt | undefined {
    const { answered, state } = scene;
    if (end === "answer_gone") return this.#repeat(name, scene, random);
    if (end === "queue_unknown" && state.queue !== undefined) {
      // Others want to see the queue.
      return random.chance(0.1) ? { wish: deletion } : undefined;
    }
    const wish =
      recipes[`${name} ${end}`]?.(name, scene, random) ?? this.#known(name, scene, random);
    if (wish === undefined) return undefined;
    if (wish.name !== name) return { wish };
    if (end === "idempotency_key_reused") {
      return { wish, key: random.pickFrom(answered.slice(-8))?.request.key?.key };
    }
    if (end !== "cursor_invalid") return { wish, isCutOff: end === "unknown" };
    const cursor = name === "feed.read" ? "after" : "cursor";
    return { wish: { name, input: { ...wish.input, [cursor]: "bm9uc2Vuc2U" } } };
  }

  /** A wish as it was before, or one about what is there. */
  #known(name: CommandName, { state }: Scene, random: Random): Wish | undefined {
    const known = random.chance(0.6) ? random.pickFrom(this.#wishes.get(name) ?? []) : undefined;
    return known ?? aboutOne(name, state, random) ?? random.pickFrom(this.#wishes.get(name) ?? []);
  }

  /** A request is sent again whose job is gone; or what it is about is made to go. */
  #repeat(name: CommandName, scene: Scene, random: Random): Attempt | undefined {
    const { answered, state } = scene;
    const own = answered.filter(({ wish }) => wish.name === name);
    const isGone = ({ wish: { input } }: Answered) =>
      !state.jobs.has((input as { readonly id?: string }).id ?? "");
    const known = random.pickFrom(own.filter(isGone)) ?? random.pickFrom(own);
    if (known === undefined) {
      const wish = this.#known(name, scene, random);
      return wish && { wish, key: `w${random.below(1000)}` };
    }
    if (isGone(known)) return { wish: known.wish, again: known.request };
    const { id } = known.wish.input as { readonly id: string };
    const { state: stage } = state.jobs.get(id) ?? {};
    const isOver = stage !== undefined && isEnded(stage);
    return { wish: { name: isOver ? "job.remove" : "job.cancel", input: { id } } };
  }
}

const deletion: Wish = { name: "queue.delete", input: { force: "true" } };

/** One of the jobs that are so. */
const someJob = ({ state }: Scene, random: Random, isSo: (job: Job) => boolean): Job | undefined =>
  random.pickFrom([...state.jobs.values()].filter(isSo));

/** A key of strict order cannot be removed while it has jobs. */
const removeUsedKey: Recipe = (name, scene, random) => {
  const isOpen = (job: Job) => job.ordered === true && !isEnded(job.state);
  const { key } = someJob(scene, random, isOpen) ?? {};
  return key === undefined ? undefined : { name, input: { key } };
};

/** A job of whatever version of it. */
const ownJob: Wish = {
  name: "job.enqueue",
  input: { jobs: [{ payload: '{"other":1}', plan: OWN, kind: "plan" }] },
};

/** A job cannot run again whose plan is gone; before the plan goes, whatever uses it has to end. */
const retryWithoutPlan: Recipe = (name, scene, random) => {
  const { plans, schedules } = scene.state;
  const mayRun = (each: Job) =>
    each.plan !== undefined && isEnded(each.state) && each.state !== "completed";
  const isGone = (each: Job) => !plans.get(each.plan ?? "")?.versions.length;
  const job = someJob(scene, random, (each) => mayRun(each) && isGone(each));
  if (job !== undefined) return { name, input: { id: job.id } };
  const plan = [...scene.state.jobs.values()].find(mayRun)?.plan;
  const isOpen = (each: Job) => each.plan !== undefined && !isEnded(each.state);
  const open = someJob(scene, random, (each) => isOpen(each) && each.plan === (plan ?? each.plan));
  if (open !== undefined) return { name: "job.cancel", input: { id: open.id } };
  if (plan === undefined) return plans.get(OWN)?.versions.length ? ownJob : ownPlan();
  const uses = ({ definition: { job: made, action } }: Schedule) => (action ?? made)?.plan === plan;
  const [schedule] = [...schedules].find(([, each]) => uses(each)) ?? [];
  if (schedule !== undefined) return { name: "schedule.remove", input: { id: schedule } };
  return { name: "plan.remove", input: { id: plan } };
};

/** A lease is not extended past the time for which its job may run. */
const extendForLong: Recipe = (name, scene, random) => {
  const { queue } = scene.state;
  const isShort = ({ maxRunMs }: Job) => maxRunMs !== undefined;
  const job = someJob(scene, random, (each) => each.state === "running" && isShort(each));
  if (job === undefined || queue === undefined) {
    const isReady = someJob(scene, random, (each) => each.state === "ready" && isShort(each));
    if (isReady !== undefined) return { name: "lease.claim", input: { max: 10 } };
    return {
      name: "job.enqueue",
      input: { jobs: [{ payload: "1", maxRunMs: 1000, priority: -9 }] },
    };
  }
  const token = tokenOf(queue, job.grant ?? 0);
  return { name, input: { items: [{ op: "extend", id: job.id, token }] } };
};

/** Only a snapshot is verified, which first is built. */
const verifyBuilt: Recipe = (name, _, random) =>
  random.chance(0.15) ? { name: "snapshot.build", input: {} } : { name, input: {} };

/** There is a delivery only where there was one put. */
const ofDelivery: Recipe = (name, { state }, random) =>
  state.queue?.delivery === undefined ? someDelivery(random) : { name, input: {} };

/** More workers than there may be. */
const registerMany: Recipe = (name, _, random) => ({
  ...{ name, input: { id: `x${random.below(5)}`, capabilities: [], kinds: ["payload"] } },
});

/** A cursor of a queue that was there before this one. */
const readOther: Recipe = (name) => ({ name, input: { after: "q0000000.1.1.0" } });

/** For ends that need more than that the command is said once more. */
const recipes: Readonly<Record<string, Recipe>> = {
  "delivery.get ok": ofDelivery,
  "delivery.pause ok": ofDelivery,
  "delivery.remove ok": ofDelivery,
  "delivery.resume ok": ofDelivery,
  "feed.read feed_diverged": readOther,
  "worker.register workers_limit": registerMany,
  "snapshot.import snapshot_newer": (name) => {
    const manifest = { sluice: "snapshot", format: 99 };
    return { name, input: { upload: "newer", manifest, over: true } };
  },
  "snapshot.import import_unknown": (name) => ({ name, input: { upload: "none", finish: true } }),
  "job.retry plan_unknown": retryWithoutPlan,
  "key.remove key_in_use": removeUsedKey,
  "lease.settle max_run_reached": extendForLong,
  "queue.verify cursor_invalid": verifyBuilt,
  "queue.verify ok": verifyBuilt,
  ...scheduleRecipes,
};
