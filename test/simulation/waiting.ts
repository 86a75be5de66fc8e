/**
 * Callers that wait for jobs, and what they are told: sockets that outlive an eviction, and no crash.
 * Invariant: who waits is told only what is durable; while nothing is under way, nobody waits for a job that is there.
 */
import { grantOf } from "../../src/contract/ids.ts";
import { unpackAnswer } from "../../src/contract/packing.ts";
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import { ENOUGH, TAKEN, WAITING, type Wait } from "../../src/contract/waits.ts";
import type { WaitSocket } from "../../src/object/waiters.ts";
import type { Auditor } from "./auditor.ts";
import type { Coverage } from "./coverage.ts";
import type { Disk } from "./disk.ts";
import type { Instance } from "./instance.ts";
import type { Random } from "./random.ts";
import { demand } from "./violation.ts";

type Kept = NonNullable<ReturnType<WaitSocket["kept"]>>;
type Claim = CommandRequest<"lease.claim">;

/** The world as those who wait need it. */
interface Surroundings {
  readonly auditor: Auditor;
  readonly coverage: Coverage;
  readonly disk: Disk;
  readonly current: Instance | undefined;
  /** Whether something went wrong, as it was to. */
  readonly isExcused: boolean;
  /** Whether nothing is under way that could change something. */
  readonly isIdle: boolean;
  now(): number;
  wake(): Promise<Instance>;
  /** Whether something waits for others to have their turn, and letting it go on. */
  readonly isPausing: boolean;
  goOn(): Promise<void>;
  settle(): Promise<void>;
}

const socketsMax = 6;

class Socket implements WaitSocket {
  readonly request: Claim;
  answer: CommandAnswer | undefined;
  readonly #onAnswer: (socket: Socket) => void;
  #kept: string | undefined;

  constructor(request: Claim, onAnswer: (socket: Socket) => void) {
    this.request = request;
    this.#onAnswer = onAnswer;
  }

  kept(): Kept | undefined {
    return this.#kept === undefined ? undefined : (JSON.parse(this.#kept) as Kept);
  }

  keep(kept: Kept): void {
    this.#kept = JSON.stringify(kept);
  }

  close(): void {
    throw new Error("a wait is not closed by its object");
  }

  pingedAt(): number {
    return 0;
  }

  send(text: string): void {
    if (text === WAITING) return;
    this.answer = unpackAnswer(text);
    this.#onAnswer(this);
  }
}

export class Waiting {
  readonly #world: Surroundings;
  readonly #sockets: Socket[] = [];
  #waits = 0;

  constructor(world: Surroundings) {
    this.#world = world;
  }

  /** Those that a new instance finds. */
  get sockets(): readonly WaitSocket[] {
    return this.#sockets;
  }

  /** The claims that wait and were not served. */
  get unserved(): readonly Claim[] {
    const waits = this.#sockets.filter((socket) => socket.kept()?.wait !== undefined);
    return waits.map(({ request }) => request);
  }

  /** With an instance that dies go the sockets to it. */
  crashed(): void {
    this.#sockets.length = 0;
  }

  /** Somebody begins to wait, has what it waited for, waits no longer or hangs up. */
  async step(random: Random, told: (answer: CommandAnswer) => void): Promise<void> {
    const socket = random.pickFrom(this.#sockets);
    const { answer } = socket ?? {};
    if (socket === undefined || (this.#sockets.length < socketsMax && random.chance(0.4))) {
      await this.#begin(random);
    } else if (answer !== undefined && random.chance(0.6)) {
      told(answer);
      await this.#say(socket, TAKEN);
      this.#sockets.splice(this.#sockets.indexOf(socket), 1);
    } else if (answer === undefined && random.chance(0.3)) {
      await this.#say(socket, ENOUGH);
    } else {
      await this.#hangUp(socket);
    }
  }

  async #begin(random: Random): Promise<void> {
    this.#waits += 1;
    const kinds = random.pick<("payload" | "plan")[]>([["payload"], ["plan"], ["payload", "plan"]]);
    const capabilities = random.pick([[], ["gpu"], ["arm", "cp", "gpu", "ssd", "tar"]]);
    const request: Claim = {
      ...{ v: 1, name: "lease.claim", bytes: 0 },
      input: { kinds, capabilities, max: random.between(1, 3) },
      key: { key: `wait ${this.#waits}`, bodyHash: "" },
    };
    const socket = new Socket(request, (each) => this.#answered(each));
    this.#sockets.push(socket);
    const wait: Wait = { kind: "jobs", request };
    const instance = await this.#world.wake();
    instance.claimers.set(JSON.stringify([kinds, capabilities]), this.#world.now());
    instance.isAwake = true;
    await this.#say(socket, JSON.stringify(wait));
  }

  async #say(socket: Socket, text: string): Promise<void> {
    const instance = await this.#world.wake();
    // An instance that dies over it closes the socket.
    instance.engine.hear(socket, text).catch(() => undefined);
    await this.#world.settle();
  }

  async #hangUp(socket: Socket): Promise<void> {
    const instance = await this.#world.wake();
    // What a new instance does first, such as to serve a channel, has to be durable before what this gives back.
    if (!this.#world.isIdle) return;
    this.#sockets.splice(this.#sockets.indexOf(socket), 1);
    const { given } = socket.kept() ?? {};
    if (given !== undefined) this.#world.coverage.fault("waiter gone with jobs");
    instance.engine.leave(socket);
    await this.#world.settle();
    // Behind a crowd the group that gives it back waits for others to be heard.
    while (this.#world.isPausing) await this.#world.goOn();
    if (given !== undefined && !this.#world.isExcused) this.#checkGivenBack(given);
  }

  /** I12: a job that was given to one who left is not lost with it. */
  #checkGivenBack({ token, ids }: NonNullable<Kept["given"]>): void {
    const { queue, jobs } = this.#world.auditor.state;
    const grant = queue === undefined ? undefined : grantOf(queue, token);
    const isHeld = (id: string) =>
      jobs.get(id)?.state === "running" && jobs.get(id)?.grant === grant;
    this.#world.auditor.watch(() =>
      demand(grant === undefined || !ids.some(isHeld), "I12", "jobs of one who left", ids),
    );
  }

  #answered({ request, answer }: Socket): void {
    const { auditor, disk, coverage } = this.#world;
    const jobs =
      answer !== undefined && "reply" in answer
        ? (JSON.parse(answer.reply) as { readonly jobs: readonly object[] }).jobs
        : [];
    if (jobs.length > 0) coverage.fault("waiter served");
    const position = auditor.waits.positionOf(request);
    const isDurable = jobs.length === 0 || (position ?? Infinity) <= disk.durable;
    auditor.watch(() => demand(isDurable, "durability", "a waiter was told too early", request));
  }
}
