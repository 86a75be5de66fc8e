/**
 * Workers of AGQ that speak over several connections each, drawn from a seed: they ask by one and finish by another, hang up, and are looked after by any.
 * Invariant: a worker has at most one job, and it was told of it; it alone finishes it, over any connection; no job is lost by silence while it says PING.
 */
import { expect, test } from "vitest";
import { splitInline } from "../../src/redis/inline.ts";
import { type Harness, openEngine } from "../engine-harness.ts";
import { Random } from "../simulation/random.ts";
import { AgqRig } from "./agq-rig.ts";
import { bulk, error, PLAN, TAKE } from "./agq-talk.ts";

const TAKE_NOW = "RPOPLPUSH queue:ready queue:processing";

class World {
  completed = 0;
  readonly #q: Harness;
  readonly #rig: AgqRig;
  readonly #random: Random;
  /** The connections of each worker, and whether a call of it waits. */
  readonly #connections = new Map<string, { readonly worker: string; waits: boolean }>();
  /** The jobs that each worker was ever told of. */
  readonly #told = new Map(["w0", "w1", "w2"].map((worker) => [worker, new Set<string>()]));
  #opened = 0;
  #submitted = 0;

  constructor(q: Harness, seed: number) {
    this.#q = q;
    this.#rig = new AgqRig(q);
    this.#random = new Random(seed);
    this.#rig.connect("c", "agq-g2");
  }

  async begin(): Promise<void> {
    await this.#say("c", `PLAN.SUBMIT '${PLAN}'`);
    for (const worker of [...this.#told.keys(), ...this.#told.keys()]) await this.#open(worker);
  }

  /** Does one thing over a connection. */
  async step(): Promise<void> {
    const worker = this.#pick([...this.#told.keys()]);
    const name = this.#idle(worker);
    if (name === undefined) return await this.#open(worker);
    const steps = [
      () => this.#take(name, TAKE_NOW),
      () => this.#take(name, TAKE),
      () => this.#submit(),
      () => this.#complete(worker, name),
      () => this.#complete(worker, name),
      () => this.#replace(worker, name),
      () => this.#rig.reopen(),
      () => this.#pass(),
    ];
    await this.#pick(steps)();
  }

  /** What must hold behind each step. */
  async check(step: number): Promise<void> {
    await this.#q.settled();
    this.#hear();
    const jobs = await this.#running();
    const holders = jobs.map(({ worker }) => worker);
    expect(`${step}: ${holders}`).toBe(`${step}: ${[...new Set(holders)]}`);
    for (const { id, worker = "", attempt } of jobs) {
      const isTold = this.#told.get(worker)?.has(id);
      expect({ step, id, attempt, isTold }).toEqual({ step, id, attempt: 1, isTold: true });
    }
  }

  #pick<T>(all: readonly T[]): T {
    return all[this.#random.below(all.length)] as T;
  }

  #say(name: string, line: string): Promise<string> {
    return this.#rig.ask(name, splitInline(line) ?? []);
  }

  async #running() {
    return (await this.#q.run("job.list", { state: "running" })).jobs;
  }

  /** A connection of a worker that waits for nothing. */
  #idle(worker: string): string | undefined {
    const all = [...this.#connections].filter(([, each]) => each.worker === worker && !each.waits);
    return all.length === 0 ? undefined : this.#pick(all)[0];
  }

  async #open(worker: string): Promise<void> {
    const name = `${worker}-${this.#opened++}`;
    this.#rig.connect(name, "agq-g2");
    expect(await this.#say(name, `PING ${worker}`)).toBe(bulk(worker));
    this.#connections.set(name, { worker, waits: false });
  }

  /** Hears what came of calls that waited. */
  #hear(): void {
    for (const [name, connection] of this.#connections) {
      if (connection.waits) this.#tell(name, this.#rig.take(name));
    }
  }

  #tell(name: string, reply: string): void {
    const connection = this.#connections.get(name);
    if (connection === undefined) return;
    connection.waits = reply === "";
    const [, id] = reply.split("\r\n");
    if (id !== undefined && id !== "") this.#told.get(connection.worker)?.add(id);
  }

  async #take(name: string, call: string): Promise<void> {
    this.#tell(name, await this.#say(name, call));
  }

  /** Two jobs more, where none is left. */
  async #submit(): Promise<void> {
    if ((await this.#say("c", "LLEN queue:ready")) !== ":0\r\n") return;
    const action = `{"action_id":"a${this.#submitted++}","plan_id":"p","inputs":[1,2]}`;
    await this.#say("c", `ACTION.SUBMIT '${action}'`);
  }

  /** It says that some job is done that somebody has. */
  async #complete(worker: string, name: string): Promise<void> {
    const jobs = await this.#running();
    if (jobs.length === 0) return;
    const { id, worker: holder } = this.#pick(jobs);
    const isOwn = holder === worker;
    const reply = await this.#say(name, `SET job:${id}:status completed`);
    expect(`${worker} ${id}: ${reply}`).toBe(
      `${worker} ${id}: ${isOwn ? "+OK\r\n" : error("lease lost")}`,
    );
    this.completed += Number(isOwn);
  }

  async #replace(worker: string, name: string): Promise<void> {
    this.#rig.hangUp(name);
    this.#connections.delete(name);
    await this.#open(worker);
  }

  /** Time passes, and every worker says PING by some connection. */
  async #pass(): Promise<void> {
    await this.#rig.advance(30_000);
    this.#hear();
    for (const worker of this.#told.keys()) {
      const name = this.#idle(worker);
      if (name === undefined) await this.#open(worker);
      else expect(await this.#say(name, `PING ${worker}`)).toBe(bulk(worker));
    }
  }
}

test.each([1, 2, 3])(
  "seed %s: a worker is one worker, whichever connection it speaks over",
  async (seed) => {
    const world = new World(await openEngine(), seed);
    await world.begin();
    for (let step = 0; step < 100; step += 1) {
      await world.step();
      await world.check(step);
    }
    expect(world.completed).toBeGreaterThan(2);
  },
);
