/**
 * A worker: claims jobs and does with each what some worker would: complete, fail, release, extend, come late, or forget.
 * Invariant: its choices come from its own chance; it never says anything that Sluice would refuse as malformed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { CrashChannel } from "./channel.ts";
import type { ClaimAsk, Claimed, Item, Reply } from "./history.ts";
import type { Random } from "./random.ts";
import { hasEffect } from "./story.ts";
import type { Named, Wire } from "./wire.ts";

type Verb = Item["op"];

/** What a worker means to do with a job that it holds, and when. */
interface Plan {
  readonly id: string;
  readonly token: string;
  readonly op: Verb;
  /** Epoch ms. */
  readonly at: number;
}

const batchMax = 10;
const triesMax = 20;

export class CrashWorker {
  readonly #wire: Wire;
  readonly #random: Random;
  readonly #capabilities: readonly string[];
  readonly #hasChannel: boolean;
  #channel: CrashChannel | undefined;
  #plans: Plan[] = [];
  #lives = 1;

  /** `hasChannel`: it is sent its jobs over a channel, else it claims them. */
  constructor(wire: Wire, random: Random, capabilities: readonly string[], hasChannel: boolean) {
    this.#hasChannel = hasChannel;
    this.#wire = wire;
    this.#random = random;
    this.#capabilities = capabilities;
  }

  async work(): Promise<void> {
    while (!this.#wire.scene.isOver) {
      const due = this.#takeDue();
      if (due.length > 0) await this.#settle(due);
      else if (this.#hasChannel) await this.#tend();
      else if (this.#plans.length > 4 * batchMax || !(await this.#claim())) {
        await sleep(this.#random.between(1, 15));
      }
      if (this.#random.chance(0.003)) this.#die();
    }
    this.#channel?.close();
  }

  /** Sees to its channel, over which jobs come by themselves; and gives back what it is said to hold and never got. */
  async #tend(): Promise<void> {
    const random = this.#random;
    this.#channel ??= new CrashChannel(this.#wire, random, this.#self(), (jobs) => {
      for (const job of jobs) this.#planFor(job);
    });
    const isFull = this.#plans.length > 4 * batchMax;
    const credit = isFull ? 0 : random.between(1, 2 * batchMax);
    await this.#channel.tend(credit, (lease) =>
      this.#plans.some(({ id, token }) => id === lease.id && token === lease.token),
    );
    const strays = this.#channel.strays.splice(0);
    this.#plans.push(...strays.map((stray) => ({ ...stray, op: "release", at: 0 }) as const));
    await sleep(random.between(1, 15));
  }

  /** It is another worker from now on, and what it held is nobody's until the leases end. */
  #die(): void {
    this.#plans = [];
    this.#lives += 1;
    this.#channel?.close();
    this.#channel = undefined;
  }

  #takeDue(): Plan[] {
    const now = Date.now();
    const due = this.#plans.filter(({ at }) => at <= now).slice(0, batchMax);
    this.#plans = this.#plans.filter((plan) => !due.includes(plan));
    return due;
  }

  /** Whether it got anything. */
  async #claim(): Promise<boolean> {
    const name = this.#wire.name();
    const ask = { kind: "claim", claim: this.#newClaim() } as const;
    const reply = await this.#send({ name, ask, isKeyed: this.#random.chance(0.7) });
    return (reply?.jobs?.length ?? 0) > 0;
  }

  #newClaim(): ClaimAsk {
    return { ...this.#self(), max: this.#random.between(1, batchMax) };
  }

  /** What it says of itself. */
  #self(): Omit<ClaimAsk, "max"> {
    return {
      worker: `${this.#wire.actor}.${this.#lives}`,
      leaseMs: this.#random.pick([1000, 1000, 2000]),
      ...(this.#capabilities.length > 0 && { capabilities: this.#capabilities }),
    };
  }

  async #settle(due: readonly Plan[]): Promise<void> {
    const random = this.#random;
    const name = this.#wire.name();
    const items = due.map((plan, i) => this.#itemOf(plan, `${name}/${i}`));
    const claim = !this.#hasChannel && random.chance(0.5) ? { claim: this.#newClaim() } : {};
    const ask = { kind: "settle", items, ...claim } as const;
    const reply = this.#channel?.isOpen
      ? await this.#channel.settle(name, items)
      : await this.#send({ name, ask, isKeyed: random.chance(0.8) });
    if (reply === undefined) {
      // It may be said once more: what has had its effect is answered as a repeat.
      if (random.chance(0.5)) this.#plans.push(...due);
      return;
    }
    for (const [i, plan] of due.entries()) this.#afterMove(plan, reply.items?.[i]);
  }

  #afterMove(plan: Plan, settled: NonNullable<Reply["items"]>[number] | undefined): void {
    const random = this.#random;
    if (settled?.ok && ["completed", "failed"].includes(settled.state) && !settled.repeated) {
      this.#wire.scene.open -= 1;
    }
    if (plan.op === "extend" && settled?.ok) {
      this.#plan(plan, settled.leaseUntil ?? 0);
      return;
    }
    // Said again it is a repeat, or contradicts what was said before.
    if (random.chance(0.04)) {
      this.#plans.push(random.chance(0.5) ? plan : { ...plan, op: this.#anyVerb() });
    }
  }

  #itemOf({ id, token, op }: Plan, by: string): Item {
    const random = this.#random;
    const delay = random.chance(0.5) ? { delayMs: random.between(0, 300) } : {};
    switch (op) {
      case "complete":
        return { op, id, token, result: { by } };
      case "fail":
        return { op, id, token, error: by, ...delay, ...(random.chance(0.1) && isForGood) };
      case "release":
        return { op, id, token, ...delay };
      case "extend":
        return { op, id, token, leaseMs: random.pick([1000, 1500, 2500]) };
    }
  }

  /** Sends a request, mostly until its outcome is known, and plans what is to become of the jobs it brings. */
  async #send(request: Named): Promise<Reply | undefined> {
    const random = this.#random;
    const isGivenUp = !request.isKeyed || random.chance(0.1);
    const reply = await this.#wire.settled(request, isGivenUp ? 1 : triesMax);
    for (const job of reply?.jobs ?? []) this.#planFor(job);
    // An answer that did nothing is not kept: asked again, it would be decided anew.
    const isKept = request.isKeyed && reply !== undefined && hasEffect(reply);
    if (isKept && random.chance(0.03)) await this.#wire.settled(request, triesMax);
    return reply;
  }

  #planFor(job: Claimed): void {
    if (this.#random.chance(0.04)) return;
    this.#plan(job, job.leaseUntil);
  }

  #plan({ id, token }: Pick<Claimed, "id" | "token">, leaseUntil: number): void {
    const random = this.#random;
    const isLate = random.chance(0.05);
    const now = Date.now();
    const soon = random.chance(0.6) ? now : now + random.between(0, 900);
    const at = isLate ? leaseUntil + random.between(0, 300) : soon;
    this.#plans.push({ id, token, op: random.chance(0.7) ? "complete" : this.#anyVerb(), at });
  }

  #anyVerb(): Verb {
    return this.#random.pick(["complete", "fail", "fail", "release", "extend", "extend"]);
  }
}

const isForGood = { retryable: false } as const;
