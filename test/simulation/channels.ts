/**
 * Workers with channels: sockets that outlive an eviction and no crash, over which jobs come and settlements go.
 * Invariant: a worker is sent no more than it allowed, is told only what is durable, and while nothing is under way holds what it
 * believes to hold.
 */
import type { ClaimInput } from "../../src/contract/leases.ts";
import type { CommandRequest } from "../../src/contract/rpc.ts";
import { sessionOf } from "../../src/object/channels.ts";
import type { WaitSocket } from "../../src/object/waiters.ts";
import type { Auditor } from "./auditor.ts";
import { ChannelEnd } from "./channel-end.ts";
import type { Coverage } from "./coverage.ts";
import type { Disk } from "./disk.ts";
import { type Evicted, evict } from "./faults.ts";
import type { Instance } from "./instance.ts";
import { tokenOf } from "./model/leases.ts";
import { Presence } from "./presence.ts";
import type { Random } from "./random.ts";
import { demand } from "./violation.ts";
import { type Lease, nameOfItems } from "./wait-audit.ts";

/** The world as channels need it. */
interface Surroundings extends Evicted {
  readonly auditor: Auditor;
  readonly coverage: Coverage;
  readonly disk: Disk;
  readonly current: Instance | undefined;
  /** Whether nothing is under way that could change something. */
  readonly isIdle: boolean;
  /** Whether something went wrong in this step, as it was to. */
  readonly isExcused: boolean;
  now(): number;
  moveClock(ms: number): void;
  wake(): Promise<Instance>;
  settle(): Promise<void>;
  /** An instance gave up, for a reason. */
  aborted(instance: Instance, error: unknown): void;
}

type Op = "complete" | "fail" | "release" | "extend";

const channelsMax = 3;
const creditMax = 4;
/** Twice as long is too long to be silent. */
const outlastMs = 40_000;
const ops: readonly [Op, ...Op[]] = ["complete", "complete", "fail", "release", "extend"];

export class Channels {
  readonly #world: Surroundings;
  /** Which workers are there. */
  readonly presence: Presence;
  #ends: ChannelEnd[] = [];
  /** Of sessions whose channel was lost: they may come again. */
  #sessions: ChannelEnd[] = [];
  /** By session, what it has said of its leases and was not answered. */
  readonly #settling = new Map<string, Lease[]>();
  /** What was said of leases, as text: it may be decided when its channel is long gone, and its session has another one. */
  readonly #said = new Set<string>();
  /** What was not acknowledged as its channel closed: it goes back. */
  #returning: Lease[] = [];
  #made = 0;
  /** Whether commands of channels may wait to be decided. */
  #isAtWork = false;

  /** How a channel ends. */
  readonly #ways: readonly (readonly [
    number,
    (end: ChannelEnd, random: Random) => Promise<void>,
  ])[] = [
    [5, (end) => this.#hangUp(end)],
    [3, (end, random) => this.#supersede(end, random)],
    [1, (end) => this.#say(end, () => "{")],
    [1, (end) => this.#outlast(end)],
  ];

  constructor(world: Surroundings) {
    this.#world = world;
    this.presence = new Presence(world, () => this.#ends);
  }

  /** Those that a new instance finds. */
  get sockets(): readonly WaitSocket[] {
    return this.#ends;
  }

  /** What is asked for over channels, whose hello was heard. */
  get claims(): readonly ClaimInput[] {
    return this.#ends.flatMap((end) => end.kept()?.channel?.claim ?? []);
  }

  /** Those of them that may be sent jobs now, and would be. */
  get unserved(): readonly CommandRequest<"lease.claim">[] {
    return this.#ends.flatMap((end) => {
      const { claim, credit = 0 } = end.kept()?.channel ?? {};
      if (claim === undefined || credit === 0 || !end.isThere(this.#world.now())) return [];
      return [{ v: 1, name: "lease.claim", bytes: 0, input: { ...claim, max: credit } } as const];
    });
  }

  /** Whether a settlement was said over a channel, or gives back what was sent over one; or a worker was heard over one. */
  isSaid(request: CommandRequest): boolean {
    if (this.presence.isHeard(request)) return true;
    const { name, key, input } = request;
    if (name !== "lease.settle" || key !== undefined) return false;
    return this.#said.has(nameOfItems((input as CommandRequest<"lease.settle">["input"]).items));
  }

  get isAtWork(): boolean {
    if (this.#world.isIdle) this.#isAtWork = false;
    return this.#isAtWork;
  }

  /** With an instance that dies go the sockets to it. */
  crashed(): void {
    for (const end of this.#ends) this.#lose(end);
    this.#unsettled();
  }

  /** An instance that was at work is gone, and whoever it was about to tell something is not told that. */
  disturbed(): void {
    for (const end of this.#ends) end.forget();
    this.#unsettled();
  }

  /** What an instance was about to send or to take back, it does not any more. */
  #unsettled(): void {
    this.#returning = [];
    this.#world.auditor.waits.crashed();
  }

  /** A worker says hello, or how much may come; it settles, is silent, hangs up or comes again. */
  async step(random: Random): Promise<void> {
    const end = random.pickFrom(this.#ends);
    const isFew = this.#ends.length < channelsMax;
    if (end === undefined || (isFew && random.chance(this.presence.hasDead ? 0.5 : 0.25))) {
      await this.#begin(random);
    } else if (random.chance(0.15)) {
      end.ping(this.#world.now());
    } else if (!end.isWelcome || random.chance(0.3)) {
      const [credit, acks] = [random.below(creditMax + 1), random.chance(0.8)];
      await this.#say(end, () => end.credit(credit, acks));
    } else if (end.held.length > 0 && random.chance(0.8)) {
      await this.#settle(end, random);
    } else {
      await random.weighted(this.#ways)(end, random);
    }
  }

  async #begin(random: Random): Promise<void> {
    const lost = random.chance(0.6) ? this.#sessions.shift() : undefined;
    this.#made += 1;
    const secret = lost?.secret ?? `${this.#made}`.padStart(22, "s");
    await this.#hello(random, secret, lost, lost !== undefined);
  }

  async #hello(
    random: Random,
    secret: string,
    before: ChannelEnd | undefined,
    isAgain: boolean,
  ): Promise<void> {
    const claim = this.presence.claim(random);
    await this.#alone(claim.worker);
    const instance = await this.#world.wake();
    const { auditor } = this.#world;
    const session = sessionOf(secret);
    const settling = this.#settling.get(secret) ?? [];
    this.#settling.set(secret, settling);
    const end = new ChannelEnd(secret, this.#world.now(), settling, {
      told: (leases) => this.#told(leases),
      settled: (text) => this.#settled(text),
      over: (each) => this.#lose(each),
      resumed: (leases, missing) => this.#resumed(session, leases, missing),
      said: (text) => this.#said.add(text),
      underway: () => auditor.waits.underwayTo(session),
      watch: (work) => auditor.watch(work),
    });
    const open = this.#ends.find((each) => each.secret === secret) ?? before;
    if (open !== undefined) {
      end.follow(open);
      open.isTakenOver = isAgain;
    }
    if (!isAgain) end.forget();
    this.#ends.push(end);
    instance.isAwake = true;
    this.#world.coverage.fault(isAgain ? "channel resumed" : "channel opened");
    const credit = random.below(creditMax + 1);
    await this.#say(end, () => {
      this.presence.coming(claim.worker);
      return end.hello(claim, credit, isAgain);
    });
  }

  async #settle(end: ChannelEnd, random: Random): Promise<void> {
    const some = end.held.slice(0, random.between(1, 2));
    const items = some.map((lease) => {
      const op = random.pick(ops);
      return { ...lease, op, ...(op === "fail" && { error: "no" }) };
    });
    const credit = random.chance(0.8) ? random.below(creditMax + 1) : undefined;
    await this.#say(end, () => end.settle(items, credit));
  }

  /** The first channel of the session is closed by the queue, for the second one. */
  async #supersede(end: ChannelEnd, random: Random): Promise<void> {
    const knows = random.chance(0.6);
    this.#world.coverage.fault("channel superseded");
    await this.#hello(random, end.secret, end, knows);
  }

  /** What becomes of a dead worker is sure only where nothing else is under way. */
  async #alone(worker: string | undefined): Promise<void> {
    if (this.presence.isDead(worker)) await this.#world.sync();
  }

  /** `frame` is called once there is an instance: what that sends as it wakes is on its way before anything is said. */
  async #say(end: ChannelEnd, frame: () => string): Promise<void> {
    await this.#alone(end.worker);
    const isDead = this.presence.isDead(end.worker);
    const instance = await this.#world.wake();
    const text = frame();
    await this.presence.saying(end, async () => {
      this.#isAtWork = true;
      end.heard(this.#world.now());
      // An instance that dies over it closes the socket.
      instance.engine.hear(end, text).catch((error: unknown) => {
        this.#world.aborted(instance, error);
      });
      await this.#world.settle();
    });
    if (isDead) await this.#risen();
  }

  /** A dead worker has said something: once that is durable no later fault takes it back. */
  async #risen(): Promise<void> {
    await this.#world.sync();
    if (this.#world.isIdle && !this.#world.isExcused) this.presence.check();
  }

  /** What is heard of a worker long behind its hello, and acknowledges nothing, is known to the next instance too. */
  async #outlast(end: ChannelEnd): Promise<void> {
    if (!this.#world.auditor.state.workers.has(end.worker ?? "")) return;
    this.#world.moveClock(outlastMs);
    const items = [{ op: "complete", id: "none", token: "none" }];
    await this.#say(end, () => end.settle(items, undefined));
    await evict(this.#world);
    this.#world.moveClock(outlastMs);
  }

  async #hangUp(end: ChannelEnd): Promise<void> {
    const instance = await this.#world.wake();
    if (end.isUnsure) this.#world.coverage.fault("channel gone with jobs");
    this.#isAtWork = true;
    this.#lose(end);
    // One that has died in this step hears nothing more.
    if (!instance.isOver) instance.engine.leave(end);
    await this.#world.settle();
  }

  #lose(end: ChannelEnd): void {
    if (!this.#ends.includes(end)) return;
    this.#ends = this.#ends.filter((each) => each !== end);
    this.presence.lost(end);
    const unacknowledged = [
      ...end.lose(),
      ...this.#world.auditor.waits.left(sessionOf(end.secret)),
    ];
    if (!end.isTakenOver) this.#returning.push(...unacknowledged);
    this.#sessions = [...this.#sessions.filter(({ secret }) => secret !== end.secret), end].slice(
      -channelsMax,
    );
  }

  /** Jobs are sent when their entry is durable, and are held then. */
  #told(leases: readonly Lease[]): void {
    const { auditor, disk, coverage } = this.#world;
    coverage.fault("channel served");
    for (const { token } of leases) {
      auditor.waits.sent(token);
      const position = auditor.waits.positionOfToken(token) ?? Infinity;
      const isDurable = position <= disk.durable;
      auditor.watch(() => demand(isDurable, "durability", "a channel was told too early", token));
    }
  }

  /** A session that came again is told of its own leases; what it believed to hold, and is not told of, has ended. */
  #resumed(session: string, leases: readonly Lease[], missing: readonly Lease[]): void {
    const { auditor } = this.#world;
    // Of an entry over which its instance died, nobody saw to whom it handed what.
    const isIts = ({ token }: Lease) =>
      (auditor.waits.sessionOfToken(token) ?? session) === session;
    demand(leases.every(isIts), "I12", "another's leases were resumed", leases);
    const hasTime = ({ id }: Lease) => (auditor.state.jobs.get(id)?.leaseUntil ?? 0) > auditor.at();
    const isLost = missing.some((lease) => this.#isHeld(lease) && hasTime(lease));
    demand(!isLost, "I12", "a lease was not resumed", missing);
  }

  /** Whether somebody holds a job under a token. */
  #isHeld({ id, token }: Lease): boolean {
    const { jobs, queue } = this.#world.auditor.state;
    const { state, grant = 0 } = jobs.get(id) ?? {};
    return state === "running" && queue !== undefined && token === tokenOf(queue, grant);
  }

  /** Jobs may not have gone back: the queue had too much to do, and said so. */
  notReturned(): void {
    this.#returning = [];
  }

  #settled(text: string): void {
    const { auditor, disk } = this.#world;
    const known = auditor.waits.answered(text);
    auditor.watch(() => {
      demand(known !== undefined, "reply", "settlements were answered without a decision", text);
      demand((known ?? 0) <= disk.durable, "durability", "settlements were answered too early");
    });
  }

  /** I12: while nothing is under way, a worker with a channel holds what it believes to hold, and nobody what was given back. */
  check(): void {
    this.presence.check();
    const { jobs, queue } = this.#world.auditor.state;
    if (queue === undefined) return;
    for (const end of this.#ends) {
      if (!end.isWelcome) continue;
      for (const lease of end.sure) {
        const [isHeld, job] = [this.#isHeld(lease), jobs.get(lease.id)];
        demand(isHeld, "I12", "a worker was not told of a lease that has ended", lease.token, job);
      }
    }
    for (const lease of this.#returning.splice(0)) {
      demand(!this.#isHeld(lease), "I12", "a job did not go back as its channel closed", lease);
    }
  }
}
