/**
 * Workers who do one thing after the other: they report a task, give the job back to have it again and ask what is shown of it;
 * they end an action or a job, see to it that it cannot be run again, and want it run again; and they register anew while their name
 * still holds jobs.
 * Invariant: they mostly go on with what they began; the other clients come in between.
 */
import type { CommandInputs } from "../../src/contract/commands.ts";
import type { Wish } from "./clients.ts";
import { planIds, someAction, somePlan, someReport, workerNames } from "./plans-drawn.ts";
import type { Random } from "./random.ts";

type Item = CommandInputs["lease.settle"]["items"][number];
type Lease = Pick<Item, "id" | "token">;
/** What an answer may show of jobs, items and actions. */
interface Told {
  readonly jobs?: readonly (
    | string
    | (Partial<Lease> & { readonly id: string; readonly plan?: string })
  )[];
  readonly items?: readonly { readonly ok?: boolean }[];
  readonly action?: { readonly id: string };
}
type Draw = (random: Random, now: number) => Wish;

const leasesMax = 4;
/** More than a sweep gives back of a worker that dies or leaves. */
const held = 8;
/** One name mostly, so that it dies with more jobs than a sweep gives back. */
const names = [workerNames[0], workerNames[0], workerNames[0], workerNames[1]] as const;
const able = ["arm", "cp", "gpu", "ssd", "tar"];
/** A plan that few others use, so that it can be removed. */
const PLAN = "p3";

export class Crew {
  /** Of jobs of plans, the newest last. */
  readonly #leases: Lease[] = [];
  /** What is to be done next, first to last. */
  #next: Draw[] = [];

  readonly #begins: readonly (readonly [number, Draw])[] = [
    [9, (random, now) => this.#report(random, now)],
    [3, (random) => ({ name: "worker.register", input: someBody(random) })],
    [5, (random) => this.#leaveAndReturn(random)],
    [3, (random) => this.#plan(random)],
    [2, () => this.#crowd()],
    [3, (random) => this.#crowdOut(random)],
  ];

  readonly draws: readonly (readonly [number, Draw])[] = [
    [1, (random, now) => this.#wish(random, now)],
  ];

  told({ name, input }: Wish, { jobs = [], items = [], action }: Told): void {
    for (const job of jobs) {
      if (typeof job === "string" || job.token === undefined || job.plan === undefined) continue;
      this.#leases.push({ id: job.id, token: job.token });
      if (this.#leases.length > leasesMax) this.#leases.shift();
    }
    if (name === "lease.settle") {
      const asked = (input as CommandInputs["lease.settle"]).items;
      asked.forEach((item, i) => {
        if (item.op !== "task" || items[i]?.ok !== true) this.#drop(item);
      });
    }
    const [job] = jobs;
    if (name === "action.submit" && (input as { id: string }).id === PLAN) {
      if (action !== undefined && typeof job === "string") this.#endAction(action.id, job);
    }
  }

  #wish(random: Random, now: number): Wish {
    const next = random.chance(0.85) ? this.#next.shift() : undefined;
    return next?.(random, now) ?? random.weighted(this.#begins)(random, now);
  }

  #claim(random: Random): Wish {
    const input = {
      ...{ worker: random.pick(names), max: held, leaseMs: random.pick([1000, 60_000, 60_000]) },
      ...{
        capabilities: able,
        kinds: random.pick([["plan"], ["payload", "plan"], ["payload", "plan"]] as const),
      },
    };
    return { name: "lease.claim", input };
  }

  /** What one hand-out reported is not shown in the next one. */
  #report(random: Random, now: number): Wish {
    const lease = this.#leases.at(-1);
    if (lease === undefined) {
      this.#next = [(then) => this.#claim(then)];
      return { name: "action.submit", input: someAction(random, now, random.pick(planIds)) };
    }
    const { id, token } = lease;
    const look: Draw = () => ({ name: "job.tasks", input: { id } });
    const claim: Draw = (then) => this.#claim(then);
    this.#next = [() => settle({ op: "release", id, token }), claim, look, claim, look];
    return settle({ op: "task", ...someReport(random), task: 1, id, token });
  }

  /** What a name held in an earlier life is not held by the next one. */
  #leaveAndReturn(random: Random): Wish {
    const body = someBody(random);
    const register: Draw = () => ({ name: "worker.register", input: body });
    const leave: Draw = () => ({ name: "worker.remove", input: { id: body.id } });
    const claim: Draw = (then) => this.#claim(then);
    this.#next = [register, claim, leave, register];
    const job = { payload: "1", priority: -2 };
    return { name: "job.enqueue", input: { jobs: Array(held).fill(job) } };
  }

  #plan(random: Random): Wish {
    this.#next = [(then, now) => ({ name: "action.submit", input: someAction(then, now, PLAN) })];
    return { name: "plan.submit", input: { ...somePlan(random), id: PLAN } };
  }

  /** What has ended cannot be run again without its plan. */
  #endAction(id: string, job: string): void {
    this.#next = [
      () => ({ name: "action.cancel", input: { id } }),
      () => ({ name: "plan.remove", input: { id: PLAN } }),
      () => ({ name: "action.retry", input: { id } }),
      () => ({ name: "job.retry", input: { id: job } }),
    ];
  }

  /** What has ended cannot be run again while other sets of requirements take all the room. */
  #crowd(): Wish {
    const id = "lone";
    this.#next = [
      () => ({ name: "job.cancel", input: { id } }),
      () => crowd(),
      () => ({ name: "job.retry", input: { id } }),
    ];
    return enqueue({ payload: "1", id, fingerprint: id, requires: able });
  }

  /** Nor can an action, whose jobs expired before anybody took them. */
  #crowdOut(random: Random): Wish {
    const id = "crowd";
    const inputs = ['{"n":1,"to":"é"}'];
    const action = { id: "p1", action: id, fingerprint: id, inputs, ttlMs: 0, requires: able };
    this.#next = [
      () => ({ name: "action.submit", input: action }),
      () => crowd(),
      () => ({ name: "action.retry", input: { id } }),
    ];
    return { name: "plan.submit", input: { ...somePlan(random), id: "p1" } };
  }

  #drop({ id, token }: Lease): void {
    const i = this.#leases.findIndex((each) => each.id === id && each.token === token);
    if (i >= 0) this.#leases.splice(i, 1);
  }
}

const enqueue = (...jobs: CommandInputs["job.enqueue"]["jobs"]): Wish => ({
  name: "job.enqueue",
  input: { jobs },
});

/** Jobs of as many sets of requirements as there may be, and more. */
const crowd = (): Wish =>
  enqueue(...able.map((need) => ({ payload: "1", requires: [need], priority: 9 })));

const settle = (item: Item): Wish => ({ name: "lease.settle", input: { items: [item] } });

function someBody(random: Random): CommandInputs["worker.register"] {
  const kinds: ("payload" | "plan")[] = ["payload", "plan"];
  return { id: random.pick(names), capabilities: able, kinds, ttlMs: 1000 };
}
