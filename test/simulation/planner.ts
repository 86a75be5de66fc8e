/**
 * Clients who submit plans, run them as actions and on schedules, and look after registered workers.
 * Invariant: they know only names that all agree on, and what they were told.
 */
import type { Wish } from "./clients.ts";
import { defined } from "./model/state.ts";
import {
  maybe,
  planIds,
  scheduleIds,
  someAction,
  somePlan,
  someSchedule,
  someWorker,
  workerNames,
} from "./plans-drawn.ts";
import type { Random } from "./random.ts";

type Draw = (random: Random, now: number) => Wish;
type Draws = readonly (readonly [number, Draw])[];

const patterns = ["p*", "?1", "s[1-3]", "t"] as const;

/** A page of a list, from its beginning, or behind what no list gave. */
const page = (random: Random, more: object): object =>
  defined({
    limit: maybe(random, 0.6, () => random.between(1, 2)),
    cursor: maybe(random, 0.12, () => "bm9uc2Vuc2U"),
    ...more,
  });

const match = (random: Random) => ({ match: maybe(random, 0.4, () => random.pick(patterns)) });

/** Names that were shown lately. */
class Names {
  readonly #known: string[] = [];
  readonly #all: readonly [string, ...string[]];

  constructor(...all: readonly [string, ...string[]]) {
    this.#all = all;
  }

  add(name: string | undefined): void {
    if (name === undefined || this.#known.includes(name)) return;
    this.#known.push(name);
    if (this.#known.length > 6) this.#known.shift();
  }

  remove(name: string): void {
    const i = this.#known.indexOf(name);
    if (i >= 0) this.#known.splice(i, 1);
  }

  /** Mostly one that was shown, else any. */
  pick(random: Random): string {
    const known = random.chance(0.85) ? random.pickFrom(this.#known) : undefined;
    return known ?? random.pick(this.#all);
  }
}

/** What an answer may show of plans and of what runs them. */
export interface ToldOfPlans {
  readonly id?: string;
  readonly version?: number;
  readonly action?: { readonly id: string };
  readonly schedule?: { readonly id: string };
  readonly worker?: { readonly name: string };
  readonly removed?: true;
}

export class Planner {
  readonly #plans = new Names(...planIds);
  readonly #actions = new Names("a", "none");
  readonly #schedules = new Names(...scheduleIds);
  readonly #workers = new Names(...workerNames);

  readonly plans: Draws = [
    [8, (random) => ({ name: "plan.submit", input: somePlan(random) })],
    [4, (random) => ({ name: "plan.remove", input: this.#plan(random) })],
    [
      2,
      (random) => {
        const version = maybe(random, 0.4, () => random.between(1, 3));
        return { name: "plan.get", input: defined({ ...this.#plan(random), version }) };
      },
    ],
    [2, (random) => ({ name: "plan.list", input: page(random, match(random)) })],
  ];

  readonly actions: Draws = [
    [
      10,
      (random, now) => {
        const input = someAction(random, now, this.#plans.pick(random));
        return { name: "action.submit", input };
      },
    ],
    [2, (random) => this.#cancel(random)],
    [5, (random) => ({ name: "action.retry", input: { id: this.action(random) } })],
    [2, (random) => ({ name: "action.get", input: { id: this.action(random) } })],
    [2, (random) => this.#list(random)],
  ];

  readonly schedules: Draws = [
    [
      14,
      (random, now) => {
        const input = someSchedule(random, now, this.#plans.pick(random));
        return { name: "schedule.put", input };
      },
    ],
    [3, (random) => ({ name: "schedule.get", input: this.#schedule(random) })],
    [3, (random) => ({ name: "schedule.list", input: page(random, match(random)) })],
    [
      2,
      (random) => {
        const count = maybe(random, 0.6, () => random.between(1, 4));
        return { name: "schedule.preview", input: defined({ ...this.#schedule(random), count }) };
      },
    ],
    [4, (random) => ({ name: "schedule.remove", input: this.#schedule(random) })],
    [4, (random) => ({ name: "schedule.pause", input: this.#schedule(random) })],
    [4, (random) => ({ name: "schedule.resume", input: this.#schedule(random) })],
    [14, (random) => ({ name: "schedule.run", input: this.#schedule(random) })],
  ];

  readonly workers: Draws = [
    [6, (random) => ({ name: "worker.register", input: someWorker(random) })],
    [4, (random) => ({ name: "worker.heartbeat", input: this.#worker(random) })],
    [2, (random) => ({ name: "worker.get", input: this.#worker(random) })],
    [2, (random) => this.#listWorkers(random)],
    [2, (random) => ({ name: "worker.drain", input: this.#worker(random) })],
    [2, (random) => ({ name: "worker.remove", input: this.#worker(random) })],
  ];

  /** What was answered. */
  told(
    { name, input }: Wish,
    { id, version, action, schedule, worker, removed }: ToldOfPlans,
  ): void {
    if (version !== undefined) this.#plans.add(id);
    this.#actions.add(action?.id);
    this.#schedules.add(schedule?.id);
    this.#workers.add(worker?.name);
    if (removed === undefined) return;
    const names = { plan: this.#plans, schedule: this.#schedules, worker: this.#workers };
    const [noun = ""] = name.split(".");
    if (noun in names) names[noun as keyof typeof names].remove((input as { id: string }).id);
  }

  /** An action that was shown. */
  action(random: Random): string {
    return this.#actions.pick(random);
  }

  #plan = (random: Random) => ({ id: this.#plans.pick(random) });
  #schedule = (random: Random) => ({ id: this.#schedules.pick(random) });
  #worker = (random: Random) => ({ id: this.#workers.pick(random) });

  #cancel(random: Random): Wish {
    const reason = maybe(random, 0.5, () => "enough");
    return { name: "action.cancel", input: defined({ id: this.action(random), reason }) };
  }

  #list(random: Random): Wish {
    const status = maybe(random, 0.5, () => random.pick(["running", "completed", "failed"]));
    const plan = maybe(random, 0.3, () => random.pick(planIds));
    return { name: "action.list", input: page(random, { status, plan }) };
  }

  #listWorkers(random: Random): Wish {
    const state = maybe(random, 0.5, () => random.pick(["alive", "draining", "dead"]));
    const cursor = maybe(random, 0.3, () => random.pick(workerNames));
    return { name: "worker.list", input: page(random, { state, cursor }) };
  }
}
