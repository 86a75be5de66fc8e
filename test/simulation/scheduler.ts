/**
 * The scheduler: draws what happens next, one step after the other.
 * Invariant: a step draws only from its own seed, so that a history stays one when steps are left out.
 */
import { commands } from "../../src/contract/commands.ts";
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import { Clients, roles, type Wish } from "./clients.ts";
import type { Call } from "./delivery.ts";
import { faults, isAtBound, restoreBound } from "./faults.ts";
import { hashOf } from "./jobs-drawn.ts";
import { Random } from "./random.ts";
import { demand } from "./violation.ts";
import { Seeker, type Wanted } from "./wanted.ts";
import type { World } from "./world.ts";

type Step = (random: Random) => void | Promise<void>;

/** A request that was sent and has not arrived. */
interface Message {
  readonly call: Call;
  readonly isReplyLost: boolean;
}

/** Long work lets others by so often at most, once nothing new comes. */
const restTurnsMax = 5000;
const jobsMax = 55;
const unknownsMax = 8;
const answeredMax = 40;

/** Whether a command was about a job that is not kept any more. */
const isGone = (jobs: ReadonlyMap<string, unknown>, { id }: { readonly id?: string }): boolean =>
  id !== undefined && !jobs.has(id);

/** Who may lead: a client, or workers with channels. */
export type Leader = "caller" | "crew" | "gatekeeper" | "channels";

export class Scheduler {
  readonly #world: World;
  readonly #leader: Leader | undefined;
  readonly #clients = new Clients();
  readonly #seeker: Seeker;
  readonly #network: Message[] = [];
  /** Requests whose outcome a client does not know. */
  readonly #unknown: { readonly wish: Wish; readonly request: CommandRequest }[] = [];
  /** Requests with a key that were answered: what they were about may be gone since. */
  readonly #answered: { readonly wish: Wish; readonly request: CommandRequest }[] = [];
  #calls = 0;
  /** What the step was, for a report. */
  said = "";

  readonly #steps: readonly (readonly [weight: number, step: readonly [string, Step]])[] = [
    [38, ["act", (random) => this.#act(random)]],
    [4, ["wave", (random) => this.#wave(random)]],
    [5, ["arrive", (random) => this.#arrive(random)]],
    [24, ["sync", (random) => this.#sync(random)]],
    [8, ["alarm", (random) => this.#alarm(random)]],
    [8, ["time", (random) => this.#pass(random)]],
    [4, ["directory", (random) => this.#directory(random)]],
    [6, ["fault", (random) => this.#fault(random)]],
  ];

  /** `leader`: who acts most of the time; `wanted`: what is to be seen. */
  constructor(world: World, leader: Leader | undefined, wanted: readonly Wanted[]) {
    this.#world = world;
    this.#leader = leader;
    this.#seeker = new Seeker(wanted);
    restoreBound();
  }

  async step(seed: number): Promise<void> {
    const random = new Random(seed);
    this.#world.disk.beginTurn();
    this.#world.moveClock(random.chance(0.8) ? 1 : random.between(1, 30));
    const [name, step] = random.weighted(this.#steps);
    this.said = name;
    await step(random);
    while (this.#world.isPausing && random.chance(0.6)) await this.#world.goOn();
    if (random.chance(0.12)) await this.#wait(random);
    if (random.chance(this.#leader === "channels" ? 0.6 : 0.12)) await this.#channel(random);
    if (random.chance(0.3)) await this.#answerPush(random);
    await this.#afterStep(random);
  }

  /** An instance that died is found out at the end of the step. */
  async #afterStep(random: Random): Promise<void> {
    const { current, disk } = this.#world;
    if (current?.isDead) {
      this.said += ", died";
      const most = current.diedInTurn ? disk.turn : disk.written;
      await this.#world.crash(random.between(disk.durable, most));
    }
  }

  /** Those who wait for jobs do something; what they are given the crew settles. */
  async #wait(random: Random): Promise<void> {
    this.said += ", and a wait";
    const wish = { name: "lease.claim", input: {} } as const;
    await this.#world.waiting.step(random, (answer) => this.#clients.told(wish, answer));
  }

  /** A worker with a channel does something. */
  async #channel(random: Random): Promise<void> {
    this.said += ", and a channel";
    await this.#world.channels.step(random);
  }

  /** Somebody who was pushed a job answers. */
  async #answerPush(random: Random): Promise<void> {
    if (await this.#world.target.answer(random)) this.said += ", and an answer to a push";
  }

  async #act(random: Random, mayWait = true): Promise<void> {
    const world = this.#world;
    if (random.chance(0.2) && (await this.#seek(random, mayWait))) return;
    if (this.#unknown.length > 0 && random.chance(0.4)) return this.#retry(random, mayWait);
    if (this.#answered.length > 0 && random.chance(0.08)) return this.#repeat(random, mayWait);
    const leader = random.chance(0.7) ? this.#leader : undefined;
    const leads = leader === undefined || leader === "channels" ? -1 : roles.indexOf(leader);
    const client = leads < 0 ? random.below(roles.length) : leads;
    const { queue, jobs } = world.auditor.state;
    // Without a queue there is little to see, and not every enqueue makes one.
    const isCrowded = jobs.size > jobsMax || (queue === undefined && random.chance(0.012));
    const tooMuch = isAtBound() && random.chance(0.5) ? this.#clients.tooMuch(random) : undefined;
    const relief = isCrowded ? this.#clients.relief(random) : undefined;
    const wish = tooMuch ?? relief ?? this.#clients.wish(client, random, world.now());
    this.#seeker.note(wish);
    const request = this.#request(wish, random);
    this.said = `client ${client}: ${wish.name} ${JSON.stringify(wish.input)} ${request.key?.key ?? ""}`;
    await this.#send(this.#call(wish, request), random, mayWait);
  }

  /** Tries to see what this run is to see and has not seen. Returns whether there was something to try. */
  async #seek(random: Random, mayWait: boolean): Promise<boolean> {
    const { auditor, coverage, injector } = this.#world;
    const scene = { state: auditor.state, coverage, answered: this.#answered };
    const attempt = this.#seeker.attempt(scene, random);
    if (attempt === undefined) return false;
    const { wish, again, key, isCutOff } = attempt;
    if (isCutOff) injector.planAwait(1);
    const request = again ?? this.#request(wish, random, key);
    this.said = `seeks: ${wish.name} ${JSON.stringify(wish.input)} ${request.key?.key ?? ""}`;
    await this.#send(this.#call(wish, request), random, mayWait);
    return true;
  }

  /** Several clients at once: their commands wait for one another and form groups. */
  async #wave(random: Random): Promise<void> {
    const said: string[] = [];
    for (let count = random.between(3, 9); count > 0; count--) {
      await this.#act(random, false);
      said.push(this.said);
    }
    this.said = `wave of ${said.join("; ")}`;
  }

  /** Sends a request again whose outcome is not known; mostly as it was. */
  async #retry(random: Random, mayWait: boolean): Promise<void> {
    const i = random.below(this.#unknown.length);
    const [known] = this.#unknown.splice(i, 1);
    if (known === undefined) return;
    this.#world.coverage.fault("retry after an unknown outcome");
    this.said = `again: ${known.request.name} ${JSON.stringify(known.wish.input)} ${known.request.key?.key ?? ""}`;
    await this.#send(this.#call(known.wish, known.request), random, mayWait);
  }

  /** Sends a request once more that was answered some time ago. */
  async #repeat(random: Random, mayWait: boolean): Promise<void> {
    const { jobs } = this.#world.auditor.state;
    const ofGone = this.#answered.filter(
      ({ wish: { name, input } }) => name.startsWith("job.") && isGone(jobs, input),
    );
    const known = random.pickFrom(random.chance(0.5) ? ofGone : this.#answered);
    if (known === undefined) return;
    this.said = `repeats: ${known.request.name} ${JSON.stringify(known.wish.input)} ${known.request.key?.key}`;
    await this.#send(this.#call(known.wish, known.request), random, mayWait);
  }

  /** `said`: the key that it is to have. */
  #request({ name, input }: Wish, random: Random, said?: string): CommandRequest {
    const isKeyed = commands[name].refusals.some((code) => code === "idempotency_key_reused");
    const body = JSON.stringify(input);
    const taken = random.chance(0.2) ? random.pickFrom(this.#answered) : undefined;
    const fresh = random.chance(0.1) ? `k${random.below(4)}` : `u${this.#calls}`;
    const key = said ?? taken?.request.key?.key ?? fresh;
    return {
      ...{ v: 1, name, input, bytes: body.length },
      ...(isKeyed &&
        (said !== undefined || random.chance(0.5)) && {
          key: { key, bodyHash: hashOf(name + body) },
        }),
    } as CommandRequest;
  }

  #call(wish: Wish, request: CommandRequest): Call {
    this.#calls += 1;
    const onEnd = (answer: CommandAnswer | undefined) => {
      if (answer !== undefined) this.#told(wish, request, answer);
      else if (this.#unknown.length < unknownsMax) this.#unknown.push({ wish, request });
    };
    return { number: this.#calls, request, onEnd, isOver: false };
  }

  #told(wish: Wish, request: CommandRequest, answer: CommandAnswer): void {
    this.#clients.told(wish, answer);
    if (request.key === undefined || "refusal" in answer) return;
    this.#answered.push({ wish, request });
    if (this.#answered.length > answeredMax) this.#answered.shift();
  }

  /** `mayWait`: the client may wait for the answer before anybody else does anything. */
  async #send(call: Call, random: Random, mayWait: boolean): Promise<void> {
    const { coverage } = this.#world;
    const way = random.below(100);
    const isReplyLost = random.chance(0.04);
    if (way < 3) {
      coverage.fault("request lost");
      call.isOver = true;
      call.onEnd(undefined);
    } else if (way < 12) {
      coverage.fault("request delayed");
      this.#network.push({ call, isReplyLost });
    } else if (way < 15) {
      coverage.fault("request duplicated");
      // The second copy comes at once, to the same group, or some time later.
      if (random.chance(0.5)) await this.#world.post.deliver(call, isReplyLost);
      else this.#network.push({ call, isReplyLost });
      await this.#world.post.deliver(call, isReplyLost);
    } else if (way < 25 && this.#world.zombie !== undefined) {
      await this.#world.post.deliver(call, isReplyLost, this.#world.zombie);
    } else {
      await this.#world.post.deliver(call, isReplyLost);
      if (mayWait && random.chance(0.4)) await this.#world.sync();
    }
  }

  async #arrive(random: Random): Promise<void> {
    // Of those under way any may be the first to arrive.
    const i = random.below(Math.max(1, this.#network.length));
    const [message] = this.#network.splice(i, 1);
    if (message === undefined) return;
    this.said = `arrives: ${message.call.request.name}`;
    await this.#world.post.deliver(message.call, message.isReplyLost);
  }

  async #sync(random: Random): Promise<void> {
    const { disk, coverage } = this.#world;
    if (random.chance(0.4)) this.#world.injector.isFull = false;
    if (random.chance(0.3)) restoreBound();
    const upTo = random.chance(0.75) ? disk.written : random.between(disk.durable, disk.written);
    if (upTo < disk.written && upTo > disk.durable) coverage.fault("only a prefix durable");
    await this.#world.sync(upTo);
  }

  async #alarm(random: Random): Promise<void> {
    const { alarm } = this.#world.disk;
    const isDue = alarm !== null && alarm <= this.#world.now();
    if (!isDue || this.#world.isFiring) {
      if (!random.chance(0.15) || this.#world.isFiring) return this.#world.sync();
      this.#world.coverage.fault("alarm twice");
      return this.#world.fireAlarm();
    }
    await this.#world.fireAlarm();
    if (random.chance(0.7)) await this.#world.sync();
  }

  async #pass(random: Random): Promise<void> {
    const { alarm } = this.#world.disk;
    const now = this.#world.now();
    const toAlarm = alarm !== null && alarm - now < 60_000 ? Math.max(0, alarm - now) : 1000;
    this.#world.moveClock(random.pick([20, 700, 1000, 3000, 12_000, toAlarm, toAlarm, toAlarm]));
  }

  async #directory(random: Random): Promise<void> {
    const { directory, coverage } = this.#world;
    if (directory.waiting === 0) return;
    const fails = random.chance(0.25);
    if (fails) {
      this.#world.excuse();
      coverage.fault("directory fails");
    }
    directory.answer({ fails, hasEffect: !fails || random.chance(0.5) });
    await this.#world.settle();
  }

  async #fault(random: Random): Promise<void> {
    const [name, fault] = random.weighted(faults);
    this.said = `fault: ${name}`;
    await fault(this.#world, random);
  }

  /** No more faults: everything that was begun comes to its end. */
  async quiesce(): Promise<void> {
    const world = this.#world;
    this.said = "quiesce";
    world.injector.calm();
    restoreBound();
    await world.endZombie();
    // What is due is armed for the last entry's time: the clock must get there.
    world.moveClock(Math.max(0, world.auditor.state.at - world.now()));
    for (const { call, isReplyLost } of this.#network.splice(0)) {
      await world.sync();
      await world.post.deliver(call, isReplyLost);
    }
    // A lost alarm is noticed two seconds late, by whoever comes then.
    for (let round = 0; round < 40; round++) {
      world.moveClock(500);
      await world.target.answerAll();
      const { alarm } = world.disk;
      if (round === 10) await world.post.deliver(this.#last(), false);
      if (alarm !== null && alarm <= world.now() && !world.isFiring) await world.fireAlarm();
      let turns = 0;
      while (
        world.isPausing ||
        world.directory.waiting > 0 ||
        world.disk.durable < world.disk.written
      ) {
        turns += 1;
        demand(turns < restTurnsMax, "rest", "what was begun never comes to its end");
        world.directory.answer({ fails: false, hasEffect: true });
        await world.goOn();
        await world.sync();
      }
      await world.sync();
      world.check(false);
    }
  }

  #last(): Call {
    const request = { v: 1, name: "queue.get", input: {}, bytes: 2 } as const;
    return this.#call({ name: "queue.get", input: {} }, request);
  }
}
